"""With what a picture was painted: what is written down, how it is read back, and where it differs from what is here."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from studio.domain.control import Control
from studio.domain.errors import BadInput, PackMissing
from studio.domain.recipe import Lora, Recipe
from studio.domain.record import SETTINGS, Part, Record, differences, read_record, said
from studio.packs.making import check_making, making
from studio.packs.manifest import SUMS
from studio.packs.shelf import open_shelf
from studio.places import ASSETS
from studio.workshop.recording import record_of

RECIPE = Recipe("a red star", count=2)
CPU = {"device": "2 CPU cores", "kind": "cpu", "dtype": "float32", "threads": 2}
HERE = Record(
    parts=(Part("painter", "storybook", "Storybook", {"unet/x.safetensors": "a" * 64, SETTINGS: "b" * 64}),),
    versions={"torch": "2.13.0", "diffusers": "0.42.1"},
    together=1,
    joined=False,
    compiled=False,
    **CPU,
)
PART = """
id = "{id}"
name = "{name}"
description = "For tests."
kind = "{role}"
family = "{family}"
licence = "own"
licence_note = "For tests."

[roles]
{role} = "x.safetensors"
"""


def bring(home, id, role, *, family="storybook", digest="1" * 64):
    """A part of the user's own in the home folder; its weights are one byte."""
    folder = home / "packs" / id
    folder.mkdir(parents=True)
    (folder / "easel.toml").write_text(PART.format(id=id, name=id.title(), role=role, family=family))
    (folder / "x.safetensors").write_bytes(b"x")
    (folder / SUMS).write_text(f"{digest}  x.safetensors\n")


@pytest.fixture
def shelf(home):
    return open_shelf(home)


def test_the_parts_are_those_that_paint_and_no_others(home, shelf):
    bring(home, "sparkle", "lora")
    recipe = dataclasses.replace(
        RECIPE,
        loras=(Lora("sparkle"),),
        controls=(Control("pose", source="0" * 64), Control("depth", source="0" * 64, weight=0.0)),
    )
    painter, control, lora = making(shelf, recipe)
    assert (painter.role, painter.pack, painter.name) == ("painter", "storybook", "Storybook")
    folders = {path.partition("/")[0] for path in painter.hashes}
    assert folders == {"unet", "vae", "text_encoder", SETTINGS}, "neither its captioner nor its checker paints"
    listed = shelf.get("storybook").hashes()
    assert all(listed[path] == digest for path, digest in painter.hashes.items() if path != SETTINGS)
    assert control.role == "ControlNet, pose" and control.pack == "storybook"
    assert set(control.hashes) == {"controlnet_pose/diffusion_pytorch_model.safetensors", SETTINGS}
    assert lora == Part("LoRA", "sparkle", "Sparkle", {"x.safetensors": "1" * 64})


def test_the_net_that_enlarging_asks_for_is_a_part(shelf):
    larger = dataclasses.replace(RECIPE, task="enlarge", source="0" * 64, factor=2, strength=0.5)
    assert [one.role for one in making(shelf, larger)] == ["painter", "ControlNet, canny"]
    for nothing in ({"strength": 0.0}, {"method": "bicubic"}):
        assert [one.role for one in making(shelf, dataclasses.replace(larger, **nothing))] == ["painter"]


def test_a_config_that_changed_is_seen(home, shelf):
    shutil.copytree(ASSETS / "storybook", home / "packs" / "storybook", copy_function=shutil.copyfile)
    sums = home / "packs" / "storybook" / SUMS
    (before,) = making(open_shelf(home), RECIPE)
    lines = sums.read_text().splitlines()
    changed = [("0" * 64 + line[64:]) if "scheduler_config" in line else line for line in lines]
    assert changed != lines
    sums.write_text("\n".join(changed))
    (after,) = making(open_shelf(home), RECIPE)
    assert {path for path in before.hashes if before.hashes[path] != after.hashes[path]} == {SETTINGS}


def test_everything_that_is_missing_is_named_at_once(home, shelf):
    bring(home, "wide", "lora", family="sdxl")
    recipe = dataclasses.replace(
        RECIPE,
        loras=(Lora("gone"), Lora("wide")),
        embeddings=("lost",),
        adapter="away",
        reference="0" * 64,
    )
    with pytest.raises(PackMissing) as caught:
        check_making(shelf, recipe)
    for word in ("'gone'", "'lost'", "'away'", "Stable Diffusion XL"):
        assert word in str(caught.value), word
    with pytest.raises(PackMissing, match="'nowhere'"):
        check_making(shelf, dataclasses.replace(recipe, pack="nowhere"))
    with pytest.raises(BadInput) as wrong:
        check_making(shelf, dataclasses.replace(RECIPE, loras=(Lora("wide"),)))
    assert wrong.value.field == "loras"
    check_making(shelf, RECIPE)


def test_a_painter_says_where_it_computes(heavy, shelf):
    import torch
    from painting import storybook

    made = record_of(RECIPE, shelf=shelf, painter=storybook())
    assert made.versions["torch"] == torch.__version__ and "peft" not in made.versions
    assert (made.together, made.kind, made.dtype) == (2, storybook().where.type, "float32")
    assert made.device and made.threads == 0, "the walk itself says with how many"
    assert len(str(made.to_dict())) < 2_000, "it travels in every file"


# --- there and back -----------------------------------------------------------------------------------------------------


def test_a_record_comes_back_from_what_it_says():
    full = dataclasses.replace(
        HERE, parts=(*HERE.parts, Part("LoRA", "sparkle", "Sparkle", {"x": "1"})), saving=True, note="Slowly.",
        joined=True, compiled=False,
    )  # fmt: skip
    assert read_record(full.to_dict()) == full
    assert read_record(HERE.to_dict()) == HERE


def test_records_of_the_first_version_still_read():
    old = {
        "pack": "storybook",
        "pack_name": "Storybook",
        "hashes": {"unet/x.safetensors": "a" * 64, "blip/model.safetensors": "c" * 64},
        "versions": {"torch": "2.13.0"},
    }
    read = read_record(old)
    assert read is not None and read.version == 1 and read.parts[0].name == "Storybook"
    assert differences(read, HERE) == [], "what it does not say differs from nothing"
    read = read_record({**old, "hashes": {"unet/x.safetensors": "d" * 64}})
    assert [one.label for one in differences(read, HERE)] == ["unet/x.safetensors"]


@pytest.mark.parametrize(
    "body",
    [None, 3, [], {}, {"pack": ""}, {"record": 1}],
)
def test_what_is_no_record_is_none(body):
    assert read_record(body) is None


def test_strangers_records_break_nothing():
    read = read_record(
        {
            "pack": ["x"],
            "hashes": 3,
            "versions": {"torch": 5, 6: "x", "y" * 9_000: "z" * 9_000},
            "parts": [1, {"role": None}],
            "device": "cpu",
            "together": -1,
            "version": True,
            "note": {},
        }
    )
    assert read is not None and read.parts[0].pack == "" and list(read.versions) == ["y" * 200]
    assert (read.device, read.together, read.version, read.note) == ("", 0, 1, "")


# --- what differs, in words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "label", "because"),
    [
        ({"versions": {"torch": "2.12.0"}}, "torch", "torch was 2.12.0 and is 2.13.0 here"),
        ({"device": "NVIDIA H200", "kind": "cuda"}, "Device", "painted on another device (NVIDIA H200)"),
        ({"threads": 8}, "Threads", "8 threads, here with 2"),
        ({"dtype": "float16"}, "Precision", "painted in float16"),
        ({"saving": True}, "Memory", "memory was used in another way"),
        ({"joined": True}, "Joined", "projections were joined there and not here"),
        ({"compiled": True}, "Compiled", "blocks were compiled there and not here"),
        ({"joined": None, "together": 4}, "At once", "one of 4"),
        (
            {"parts": (Part("painter", "storybook", "Storybook", {"unet/x.safetensors": "f" * 64}),)},
            "unet/x.safetensors",
            "the pack's files differ",
        ),
        (
            {"parts": (*HERE.parts, Part("LoRA", "sparkle", "Sparkle", {}))},
            "Sparkle (LoRA)",
            "Sparkle (LoRA) was used there",
        ),
    ],
)
def test_each_difference_is_named_with_both_values(there, label, because):
    (found,) = differences(dataclasses.replace(HERE, **there), HERE)
    assert found.label == label and because in found.because and found.then != found.here


def test_the_same_making_differs_in_nothing_and_none_is_said():
    assert differences(HERE, HERE) == []
    (found,) = differences(None, HERE)
    assert "does not say" in found.because
    worn = dataclasses.replace(HERE, parts=(*HERE.parts, Part("LoRA", "sparkle", "Sparkle", {})))
    (found,) = differences(HERE, worn)
    assert found.because == "Sparkle (LoRA) is used here"


def test_the_sentence_says_how_near_and_why():
    other = differences(dataclasses.replace(HERE, device="NVIDIA H200", kind="cuda"), HERE)
    assert said(True, {}, other) == "The same to the last pixel."
    near = {"largest": 2, "visible": 0.0}
    assert said(False, near, other) == "Nearly the same: no pixel differs by more than 2 of 255."
    assert "too little to see" in said(False, {"largest": 5, "visible": 0.0}, other)
    far = said(False, {"largest": 200, "visible": 0.341}, other)
    assert far == (
        "Different: 34% of its pixels differ visibly, by up to 200 of 255, most likely because it was painted on another"
        " device (NVIDIA H200)."
    )
    assert "less than 1%" in said(False, {"largest": 90, "visible": 0.001}, [])
    assert said(False, {"sizes": "it is 64 × 64 here and 128 × 128 there"}, []).startswith("Different: it is 64 × 64")
    assert said(False, {"largest": 90, "visible": 0.5}, []).endswith("the same here.")
