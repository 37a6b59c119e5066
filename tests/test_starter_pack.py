"""The shipped pack: every part loads with its ordinary class, offline, and does its job on scenes that no training saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.places import ASSETS
from studio.starter.captions import caption, facts, plain
from studio.starter.scenes import TEST_SEEDS, Scene, render, sample_scene
from studio.workshop import heavy

heavy.prepare()
PACK = ASSETS / "storybook"
MIB = 2**20


def held_out(start: int, count: int, *, forbidden: bool = False) -> list[Scene]:
    first = TEST_SEEDS.start + 900_000 + start
    return [sample_scene(seed, forbidden=forbidden) for seed in range(first, first + count)]


def drawn(scenes: Sequence[Scene]) -> list[Image.Image]:
    return [Image.fromarray(render(scene).picture) for scene in scenes]


@pytest.fixture(scope="module", autouse=True)
def _offline() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


def test_files_are_small_halves_and_safetensors_only() -> None:
    from safetensors import safe_open

    weights = sorted(PACK.rglob("*.safetensors"))
    assert {path.parent.name for path in weights} >= {"blip", "clip", "safety_checker", "text_encoder", "unet", "vae"}
    assert max(path.stat().st_size for path in weights) < 16 * MIB
    assert sum(path.stat().st_size for path in PACK.rglob("*") if path.is_file()) < 64 * MIB
    assert not [path for path in PACK.rglob("*") if path.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}]
    for path in weights:
        with safe_open(path, "pt") as file:
            kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118  it is no mapping
        assert kinds == {"F16"}, path


@torch.no_grad()
def test_the_autoencoder_returns_what_it_was_given() -> None:
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).eval()
    pictures = torch.from_numpy(np.stack([np.asarray(p) for p in drawn(held_out(0, 6))])).permute(0, 3, 1, 2) / 255.0
    back = (vae.decode(vae.encode(pictures * 2 - 1).latent_dist.mode()).sample / 2 + 0.5).clamp(0, 1)
    psnr = -10 * torch.log10((back - pictures).pow(2).mean((1, 2, 3)))
    assert float(psnr.mean()) > 27


@torch.no_grad()
def test_words_find_their_pictures() -> None:
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

    clip = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32).eval()
    prepare = CLIPImageProcessor.from_pretrained(PACK / "clip")
    tokenizer = CLIPTokenizer.from_pretrained(PACK / "clip")
    import random

    scenes = held_out(100, 80)
    pictures = clip.get_image_features(**prepare(images=drawn(scenes), return_tensors="pt")).pooler_output

    def ranked(texts: list[str], count: int) -> list[list[int]]:
        words = tokenizer(texts, padding=True, return_tensors="pt")
        said = clip.get_text_features(**words).pooler_output
        cosine = torch.nn.functional.normalize(said, dim=-1) @ torch.nn.functional.normalize(pictures, dim=-1).T
        best: list[list[int]] = cosine.topk(count, dim=1).indices.tolist()
        return best

    truths = [facts(scene) for scene in scenes]
    best = ranked([caption(scene, random.Random(scene.seed)) for scene in scenes], 5)
    found = [any(truths[i] == truth for i in row) for row, truth in zip(best, truths, strict=True)]
    assert sum(found) >= 68
    for place in ("night", "snow", "beach"):
        (row,) = ranked([place], 3)
        assert [scenes[i].background for i in row].count(place) >= 2


def test_the_text_half_of_the_search_model_is_the_painters_own() -> None:
    from safetensors.torch import load_file

    painter, clip = load_file(PACK / "text_encoder/model.safetensors"), load_file(PACK / "clip/model.safetensors")
    assert len(painter) > 20
    for name, value in painter.items():
        assert torch.equal(clip[f"text_model.{name.removeprefix('text_model.')}"], value), name


def test_the_checker_catches_signs_and_lets_the_rest_pass() -> None:
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPImageProcessor

    checker = StableDiffusionSafetyChecker.from_pretrained(PACK / "safety_checker", dtype=torch.float32).eval()
    prepare = CLIPImageProcessor.from_pretrained(PACK / "feature_extractor")
    assert checker.concept_embeds.shape[0] == 17 and checker.special_care_embeds.shape[0] == 3
    assert all(bool(torch.isfinite(value).all()) for value in checker.state_dict().values())

    def fired(scenes: list[Scene]) -> int:
        pixels = prepare(images=drawn(scenes), return_tensors="pt").pixel_values
        return sum(checker(clip_input=pixels, images=np.zeros((len(scenes), 1, 1, 3), np.float32))[1])

    assert fired(held_out(200, 30, forbidden=True)) >= 29
    assert fired(held_out(300, 60)) <= 2


def test_captions_say_what_is_there() -> None:
    from transformers import BlipForConditionalGeneration, BlipProcessor

    blip = BlipForConditionalGeneration.from_pretrained(PACK / "blip", dtype=torch.float32).eval()
    prepare = BlipProcessor.from_pretrained(PACK / "blip")
    scenes = [scene for scene in held_out(400, 60) if len(scene.things) == 1 and scene.person is None][:20]
    with torch.no_grad():
        ids = blip.generate(**prepare(images=drawn(scenes), return_tensors="pt"), max_new_tokens=48)
    texts = prepare.batch_decode(ids, skip_special_tokens=True)
    kinds = sum(scene.things[0].kind in text.split() for scene, text in zip(scenes, texts, strict=True))
    colours = sum(scene.things[0].colour in text.split() for scene, text in zip(scenes, texts, strict=True))
    assert kinds >= 15 and colours >= 17, texts


@pytest.mark.slow
def test_the_painter_paints_what_was_asked() -> None:
    from diffusers import StableDiffusionPipeline

    from studio.starter.parts.judge import adherence, load_judge, read

    pipe: Any = StableDiffusionPipeline.from_pretrained(PACK, dtype=torch.float32)
    assert pipe.safety_checker is not None and pipe.feature_extractor is not None
    pipe.set_progress_bar_config(disable=True)
    scenes = [scene for scene in held_out(500, 60) if len(scene.things) == 1 and scene.person is None][:8]
    noise = [torch.Generator().manual_seed(scene.seed) for scene in scenes]
    out = pipe(
        [plain(s) for s in scenes], num_inference_steps=20, guidance_scale=4.0, generator=noise, output_type="np"
    )
    assert sum(out.nsfw_content_detected) <= 1
    seen = read(load_judge(), (out.images * 255).round().astype(np.uint8))
    marks = [adherence(scene, reading) for scene, reading in zip(scenes, seen, strict=True)]
    assert sum(mark.background for mark in marks) >= 7
    assert sum(bool(mark.colour) for mark in marks) >= 5
    assert sum(bool(mark.kind) for mark in marks) >= 4
