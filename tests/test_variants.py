"""Folders whose weights are there as fp16, or in shards, as the hub has most of them: recognised, described, painted with."""

import json

import pytest
import tiny
import weights

from studio.packs.bring import bring, one
from studio.packs.folders import describe_folder
from studio.packs.shelf import Shelf
from studio.packs.variants import list_of_shards, variant_of, variants_of, weights_of
from studio.places import ASSETS


def put(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("names", "variants", "variant"),
    [
        (["model.safetensors"], [""], None),
        (["model.fp16.safetensors"], ["fp16"], "fp16"),
        (["model.fp16.safetensors", "model.safetensors"], ["", "fp16"], None),
        (["model.fp16-00001-of-00002.safetensors", "model.fp16-00002-of-00002.safetensors"], ["fp16"], "fp16"),
        (["model-00001-of-00002.fp16.safetensors"], ["fp16"], "fp16"),
        (["diffusion_pytorch_model-00001-of-00002.safetensors"], [""], None),
        (["diffusion_pytorch_model.non_ema.safetensors"], ["non_ema"], "non_ema"),
        ([], [], None),
    ],
)
def test_what_a_part_is_there_in_is_in_the_names_of_its_files(tmp_path, names, variants, variant):
    part = put(tmp_path / "unet", *names)
    assert variants_of(part) == variants and variant_of(part) == variant


def test_of_several_lists_of_shards_the_one_of_the_variant_that_is_loaded_counts(tmp_path):
    part = put(tmp_path / "unet", "model.safetensors.index.json", "model.safetensors.index.fp16.json")
    put(part, "model.fp16-00001-of-00001.safetensors")
    assert list_of_shards(part) == "model.safetensors.index.fp16.json"
    put(part, "model-00001-of-00001.safetensors")
    assert list_of_shards(part) == "model.safetensors.index.json"
    assert weights_of(part)[0].name == "model-00001-of-00001.safetensors"


def test_a_pipeline_is_loaded_as_the_variant_that_all_parts_without_full_precision_share(tmp_path):
    put(tmp_path, "model_index.json", "everything.safetensors")
    put(tmp_path / "unet", "m.fp16.safetensors", "m.bf16.safetensors")
    put(tmp_path / "vae", "m.fp16.safetensors")
    put(tmp_path / "text_encoder", "m.safetensors")
    assert variant_of(tmp_path) == "fp16"
    put(tmp_path / "unet", "m.safetensors")
    put(tmp_path / "vae", "m.safetensors")
    assert variant_of(tmp_path) is None


def test_a_folder_of_fp16_files_is_described_as_what_it_is(tmp_path):
    folder = weights.pipeline(tmp_path / "mine", "sdxl")
    for path in folder.rglob("*.safetensors"):
        path.rename(path.with_name(f"{path.stem}.fp16.safetensors"))
    found = describe_folder(folder)
    assert found.why_not == "" and found.label == "a painter for Stable Diffusion XL, fp16"
    pack = bring(Shelf(catalogue=ASSETS / "packs", places=(tmp_path / "packs",)), one(folder), copy=True)
    assert (
        variant_of(pack.role("painter")) == "fp16" and "unet/diffusion_pytorch_model.fp16.safetensors" in pack.hashes()
    )
    (folder / "vae" / "diffusion_pytorch_model.fp16.safetensors").unlink()
    assert describe_folder(folder).missing == ("vae/diffusion_pytorch_model.safetensors",)


def test_a_shard_that_is_missing_is_named_and_a_list_that_leads_outside_is_refused(tmp_path):
    folder = weights.pipeline(tmp_path / "mine")
    unet = folder / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(
        unet / "diffusion_pytorch_model.fp16-00001-of-00002.safetensors"
    )
    names = [f"diffusion_pytorch_model.fp16-0000{number}-of-00002.safetensors" for number in (1, 2)]
    listed = unet / "diffusion_pytorch_model.safetensors.index.fp16.json"
    listed.write_text(json.dumps({"weight_map": {"a": names[0], "b": names[1]}}))
    assert describe_folder(folder).missing == (f"unet/{names[1]}",)
    listed.write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    assert "outside the folder" in describe_folder(folder).why_not


@pytest.mark.parametrize("shards", [False, True])
def test_a_folder_of_fp16_files_paints_what_it_paints_in_one_piece(tmp_path, heavy, shards):
    import numpy as np
    import torch
    from painting import Steps, pixels

    from studio.domain.recipe import Recipe
    from studio.workshop.paint.load import load_painter

    torch.manual_seed(0)
    there, plain = tmp_path / "downloads" / "half", tmp_path / "plain"
    pipe = tiny.pipe("sd1")
    pipe.save_pretrained(there, variant="fp16", max_shard_size="300KB" if shards else "10GB")
    pipe.save_pretrained(plain)
    assert bool(list((there / "unet").glob("*.index.fp16.json"))) is shards
    assert not list(there.rglob("model.safetensors"))
    recipe = Recipe("a star", pack="half", width=64, height=64, steps=2, seed=5, sampler="euler")
    painted = [
        pixels(next(iter(load_painter(place, family="sd1").paint(recipe, {}, Steps())))) for place in (there, plain)
    ]
    assert np.array_equal(*painted)
