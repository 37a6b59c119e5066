"""Painters in one file paint what their folders paint; the configs that ship are those of the published models."""

import json

import numpy as np
import pytest
import tiny
from painting import one

from studio.domain.errors import PackMissing
from studio.domain.recipe import Recipe
from studio.places import ASSETS

CONFIGS = ASSETS / "configs"
RECIPE = Recipe("a large red star at night", width=tiny.SIZE, height=tiny.SIZE, steps=2, seed=3, sampler="ddim")


@pytest.fixture(scope="module")
def root(heavy, tmp_path_factory):
    return tmp_path_factory.mktemp("single")


@pytest.mark.parametrize("family", ["sd1", "sd1-inpainting", "sdxl", "sdxl-inpainting"])
def test_one_file_paints_what_the_folder_paints(root, family):
    from studio.workshop.paint.load import load_painter

    folder = tiny.folder(family, root)
    file = tiny.single(family, root / f"{family}.safetensors")
    single = load_painter(file, config=folder, tokenizers=folder)
    assert np.abs(one(single, RECIPE) - one(load_painter(folder), RECIPE)).max() <= 1


def test_without_a_vocabulary_it_says_where_to_get_one(root):
    from studio.workshop.paint.load import load_painter

    file = tiny.single("sd1", root / "alone.safetensors")
    with pytest.raises(PackMissing, match="Install any pack of Stable Diffusion 1 in folders"):
        load_painter(file, config=CONFIGS / "sd1")


def test_a_file_that_lacks_a_part_is_said(root):
    from safetensors.torch import load_file

    from studio.workshop.paint.load import load_painter

    folder = tiny.folder("sd1", root)
    whole = load_file(tiny.single("sd1", root / "whole.safetensors"))
    less = {name: tensor for name, tensor in whole.items() if "cond_stage_model" not in name}
    with pytest.raises(PackMissing, match="cannot be loaded as a painter"):
        load_painter(tiny.saved(less, root / "less.safetensors"), config=folder, tokenizers=folder)


def test_what_is_no_painter_is_said(root):
    from studio.workshop.paint.load import load_painter

    file = tiny.saved(tiny.lora("sd1", layout="a1111"), root / "lora.safetensors")
    with pytest.raises(PackMissing):
        load_painter(file, tokenizers=tiny.folder("sd1", root))


@pytest.mark.parametrize(
    ("name", "extra", "config", "said"),
    [
        ("any", (), "sd1", "epsilon"),
        ("v2-1_768-ema", (), "sd2", "v_prediction"),
        ("v2-1_512-base", (), "sd2", "epsilon"),
        ("noob", ("v_pred", "ztsnr"), "sdxl", "v_prediction"),
    ],
)
def test_what_a_file_predicts(root, name, extra, config, said):
    import torch

    from studio.workshop.paint.single import scheduler_config

    file = tiny.saved({"x": torch.zeros(2), **{word: torch.zeros(1) for word in extra}}, root / f"{name}.safetensors")
    made = scheduler_config(file, CONFIGS / config)
    assert made["prediction_type"] == said and made.get("rescale_betas_zero_snr", False) == ("ztsnr" in extra)


# Parameters of the published models
UNETS = {
    "sd1": 859_520_964, "sd1-inpainting": 859_535_364, "sd2": 865_910_724, "sd2-inpainting": 865_925_124,
    "sdxl": 2_567_463_684, "sdxl-inpainting": 2_567_478_084,
}  # fmt: skip
TEXTS = {"sd1": 123_060_480, "sd2": 340_387_840, "sdxl": 123_060_480}


@pytest.mark.parametrize("name", UNETS)
def test_the_configs_are_those_of_the_published_models(heavy, name):
    import diffusers
    import torch
    import transformers

    family, folder = name.split("-")[0], CONFIGS / name
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel.from_config(diffusers.UNet2DConditionModel.load_config(folder / "unet"))
        vae = diffusers.AutoencoderKL.from_config(diffusers.AutoencoderKL.load_config(folder / "vae"))
        texts = {"text_encoder": transformers.CLIPTextModel}
        if family == "sdxl":
            texts["text_encoder_2"] = transformers.CLIPTextModelWithProjection
        counted = {
            part: sum(one.numel() for one in kind(kind.config_class.from_pretrained(folder / part)).parameters())
            for part, kind in texts.items()
        }
    assert sum(one.numel() for one in unet.parameters()) == UNETS[name]
    assert sum(one.numel() for one in vae.parameters()) == 83_653_863
    assert counted["text_encoder"] == TEXTS[family]
    assert counted.get("text_encoder_2", 694_659_840) == 694_659_840
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    assert {part for part in index if not part.startswith("_") and isinstance(index[part], list)} >= set(texts)


@pytest.mark.parametrize(
    ("width", "channels", "expected"),
    [(768, 4, "sd1"), (768, 9, "sd1-inpainting"), (1024, 4, "sd2"), (2048, 4, "sdxl"), (2048, 9, "sdxl-inpainting")],
)
def test_the_header_decides_the_configs(root, width, channels, expected):
    import torch

    from studio.workshop.paint.single import config_of

    attention = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    tensors = {
        "model.diffusion_model.input_blocks.0.0.weight": torch.zeros(320, channels, 3, 3, dtype=torch.float16),
        attention: torch.zeros(320, width, dtype=torch.float16),
        "first_stage_model.decoder.conv_in.weight": torch.zeros(2),
        "cond_stage_model.transformer.text_model.x": torch.zeros(2),
    }
    folder = config_of(tiny.saved(tensors, root / f"{expected}-header.safetensors"))
    assert folder == CONFIGS / expected and (folder / "unet" / "config.json").is_file()
