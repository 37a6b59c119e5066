"""Low-step modes, LoRAs and other parts on the pages that paint: what they offer, what they change, what is queued."""

from __future__ import annotations

import dataclasses

import pytest
from test_pages import assert_sound, button, jobs, page, studio, text

from studio.app import Studio
from studio.domain.recipe import Lora, Recipe
from studio.packs.manifest import SUMS, Mode, Pack
from studio.ui import forms, outfit

__all__ = ["studio"]  # the fixture of the pages' tests

LORA = """
id = "sparkle"
name = "Sparkle"
description = "Makes it sparkle."
kind = "lora"
family = "{family}"
licence = "own"
licence_note = "For tests."
trigger_words = ["glitter"]

[roles]
lora = "sparkle.safetensors"
"""


def bring(studio: Studio, *, family: str = "storybook") -> Pack:
    """A LoRA of the user's own in the home folder."""
    folder = studio.home / "packs" / "sparkle"
    folder.mkdir(parents=True)
    (folder / "easel.toml").write_text(LORA.format(family=family))
    (folder / "sparkle.safetensors").write_bytes(b"x")
    (folder / SUMS).write_text(
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  sparkle.safetensors\n"
    )
    return studio.shelf.get("sparkle")


@pytest.fixture
def fields(studio: Studio) -> forms.Fields:
    return forms.defaults(studio.shelf.get("storybook").manifest)


def test_only_packs_that_paint_can_be_painted_with(studio):
    bring(studio)
    assert list(outfit.painters(studio.shelf.packs())) == ["storybook"]
    assert page("create").selectbox(key="create_pack").options == ["Storybook"]


def test_a_mode_is_what_the_fields_say_and_changes_only_its_own(studio, fields):
    manifest = studio.shelf.get("storybook").manifest
    assert outfit.mode_of(fields, manifest) == "balanced"
    assert outfit.mode_of({**fields, "steps": 21}, manifest) is None
    quick = {**manifest.modes, "sketch": Mode(4, 1.0, "lcm", "lcm-storybook")}
    manifest = dataclasses.replace(manifest, modes=quick)
    sketched = {**fields, "loras": ["sparkle"], **outfit.in_mode({**fields, "loras": ["sparkle"]}, manifest, "sketch")}
    assert (sketched["steps"], sketched["guidance"], sketched["sampler"]) == (4, 1.0, "lcm")
    assert sketched["loras"] == ["sparkle", "lcm-storybook"] and outfit.mode_of(sketched, manifest) == "sketch"
    assert outfit.in_mode(sketched, manifest, "fine")["loras"] == ["sparkle"], "what the other mode needed goes with it"


def test_the_switch_changes_the_steps_and_tells_this_machines_own_seconds(studio):
    test = page("create")
    assert list(test.segmented_control(key="create_mode").options) == [
        "Sketch",
        "Balanced",
        "Fine",
    ]
    studio.queue.record_timing("paint:storybook:128x128:dpm++ 2m", 20, 2.0)
    test.run()
    labels = list(test.segmented_control(key="create_mode").options)
    assert labels[0].startswith("Sketch") and labels[1:] == ["Balanced · 2.0 s", "Fine · 4.0 s"]
    test.segmented_control(key="create_mode").set_value("sketch").run()
    assert_sound(test)
    quick = studio.shelf.get("storybook").manifest.modes["sketch"]
    assert test.slider(key="create_steps").value == quick.steps
    test.slider(key="create_steps").set_value(9).run()
    assert test.segmented_control(key="create_mode").value is None, "set by hand, it is no mode any more"


def test_a_lora_is_chosen_weighed_queued_and_kept_in_the_draft(studio):
    bring(studio)
    test = page("create")
    test.text_area(key="create_prompt").set_value("a red star").run()
    test.multiselect(key="create_loras").set_value(["sparkle"]).run()
    test.slider(key="create_weight_sparkle").set_value(0.5).run()
    assert_sound(test)
    button(test, "paint").click().run()
    (job,) = jobs(studio, "paint")
    assert Recipe.from_dict(job.payload["recipe"]).loras == (Lora("sparkle", 0.5),)
    again = page("create")  # another tab
    assert again.multiselect(key="create_loras").value == ["sparkle"]
    assert again.slider(key="create_weight_sparkle").value == 0.5


@pytest.mark.parametrize(("family", "said"), [("sdxl", "was made for Stable Diffusion XL"), (None, "no pack named")])
def test_a_lora_that_does_not_fit_or_is_not_here_is_said_before_anything_runs(studio, family, said):
    if family:
        bring(studio, family=family)
    recipe = Recipe(prompt="a red star", loras=(Lora("sparkle", 0.5),))
    studio.keep_draft("create", dict(forms.fields_of(recipe)))
    test = page("create")
    assert "sparkle (not installed)" in test.multiselect(key="create_loras").options, "so that it can be taken out"
    button(test, "paint").click().run()
    assert_sound(test)
    assert said in text(test) and jobs(studio, "paint") == []
    assert forms.recipe_of(forms.fields_of(recipe), seed=recipe.seed) == recipe
