"""A reference on the pages that paint: offered, picked, dropped, weighed, taken out and back, kept, queued, and told apart."""

from __future__ import annotations

import io

import pytest
from guiding import guide, recipe_of
from guiding import task as switch
from PIL import Image
from test_pages import assert_sound, button, jobs, page, studio, text

from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.packs.manifest import SUMS
from studio.ui import forms, kin

__all__ = ["studio"]  # the fixture of the pages' tests

ADAPTER = """
id = "{id}"
name = "{name}"
description = "A picture as part of the prompt."
kind = "adapter"
family = "{family}"
licence = "own"
licence_note = "For tests."

[roles]
adapter = "x.safetensors"
"""
READER = 'image-encoder = "reader"\n'
WEIGHT = 0.6


def bring(studio, id="looker", *, family="storybook", reader=True):
    """An IP-Adapter of the user's own in the home folder."""
    folder = studio.home / "packs" / id
    (folder / "reader").mkdir(parents=True)
    description = ADAPTER.format(id=id, name=id.title(), family=family) + (READER if reader else "")
    (folder / "easel.toml").write_text(description)
    for file in ("x.safetensors", "reader/model.safetensors"):
        (folder / file).write_bytes(b"x")
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    (folder / SUMS).write_text(f"{digest}  x.safetensors\n{digest}  reader/model.safetensors\n")


@pytest.fixture
def artwork(studio, gate):
    cleared = gate.picture(Image.effect_noise((64, 64), 40).convert("RGB"))
    made = studio.gallery.add(cleared, Recipe("a red star", seed=7))
    studio.gallery.set_caption(made.id, "a star over the sea", "you")
    return studio.gallery.get(made.id)


def keys(test, part):
    return [one.key for one in test.button if part in str(one.key)]


def pick(test, studio, artwork, *, where="create"):
    """Drop a picture that the gallery has, which is taken as one pressed in the grid is."""
    (box,) = (one for one in test.file_uploader if f"{where}_reference_file" in one.key)
    return box.set_value(("mine.png", studio.gallery.path(artwork).read_bytes(), "image/png")).run()


def chosen(studio, artwork, **more):
    recipe = Recipe("a sea", reference=artwork.sha256, reference_weight=0.8, adapter="looker", **more)
    studio.keep_draft("create", dict(forms.fields_of(recipe)))
    return recipe


# --- fields ------------------------------------------------------------------------------------------------------------


def test_the_fields_come_back_from_a_recipe_and_from_a_draft(studio, artwork):
    manifest = studio.shelf.get("storybook").manifest
    recipe = chosen(studio, artwork)
    fields = forms.fields_of(recipe)
    assert forms.recipe_of(fields, seed=recipe.seed) == recipe
    assert forms.restore(dict(fields), manifest) == fields
    plain = Recipe("a sea")
    assert forms.recipe_of({**forms.fields_of(plain), "adapter": "looker", "reference_weight": 1.5}, seed=0) == plain
    with pytest.raises(BadInput) as caught:
        forms.recipe_of({**fields, "adapter": ""}, seed=0)
    assert caught.value.field == "adapter"


@pytest.mark.parametrize(
    "wrong", [{"reference": "x" * 64}, {"reference": 5}, {"reference_weight": 9}, {"adapter": None}]
)
def test_what_a_draft_cannot_mean_is_the_default(studio, wrong):
    manifest = studio.shelf.get("storybook").manifest
    fields = forms.defaults(manifest)
    assert forms.restore({**fields, **wrong}, manifest) == fields


def test_it_is_told_with_the_recipe(artwork):
    recipe = Recipe("a sea", reference=artwork.sha256, reference_weight=0.8, adapter="looker")
    assert kin.fields(recipe)["Reference"] == "weight 0.8, read by looker" and "Reference" not in kin.fields(
        Recipe("x")
    )
    assert [one[0] for one in kin.differences(Recipe("a sea"), recipe)] == ["Reference"]


def test_it_is_a_parent_in_the_lineage(studio, gate, artwork):
    recipe = Recipe("a sea", reference=artwork.sha256, adapter="looker")
    child = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), recipe)
    assert [(one.role, one.artwork.id) for one in studio.gallery.parents(child.id)] == [("reference", artwork.id)]
    assert [one.artwork.id for one in studio.gallery.children(artwork.id)] == [child.id]
    assert kin.tree(studio.lineage(child.id))[1] == [{"from": 1, "to": 2, "role": "Reference"}]
    assert child.parents == (artwork.sha256,)


# --- Create -------------------------------------------------------------------------------------------------------------


def test_it_is_offered_only_where_something_reads_it(studio, artwork):
    assert "takes after" not in text(page("create"))
    bring(studio, "wide", family="sdxl")
    assert "takes after" not in text(page("create"))
    bring(studio)
    test = page("create")
    assert_sound(test)
    assert "takes after" in text(test) and not [one for one in test.slider if one.key == "create_reference_weight"]


def test_it_is_picked_weighed_queued_and_kept(studio, artwork):
    bring(studio)
    test = page("create")
    test.text_area(key="create_prompt").set_value("a sea").run()
    test = pick(test, studio, artwork)
    assert_sound(test)
    assert "a star over the sea" in text(test)
    assert test.slider(key="create_reference_weight").label == "Weight of the reference"
    test.slider(key="create_reference_weight").set_value(1.2).run()
    button(test, "paint").click().run()
    assert_sound(test)
    recipe = recipe_of(jobs(studio, "paint")[0])
    assert (recipe.reference, recipe.reference_weight, recipe.adapter) == (artwork.sha256, 1.2, "looker")
    again = page("create")  # a refresh, another tab
    assert again.slider(key="create_reference_weight").value == 1.2 and "a star over the sea" in text(again)


def test_it_is_taken_out_and_put_back(studio, artwork):
    bring(studio)
    chosen(studio, artwork)
    test = page("create")
    test.button(key="create_reference_remove").click().run()
    assert_sound(test)
    assert "The reference was taken out." in text(test) and studio.draft("create")["reference"] == ""
    button(test, "paint").click().run()
    assert recipe_of(jobs(studio, "paint")[0]).reference is None
    test.button(key="create_reference_undo").click().run()
    assert test.slider(key="create_reference_weight").value == 0.8
    assert studio.draft("create")["reference"] == artwork.sha256 and not keys(test, "reference_undo")


def test_a_dropped_picture_is_imported_first_and_a_known_one_is_taken_at_once(studio, gate, artwork):
    bring(studio)
    test = pick(page("create"), studio, artwork)
    assert test.session_state["create_reference"] == artwork.sha256 and jobs(studio, "import") == []
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(stream, "PNG")
    test.file_uploader[0].set_value(("other.png", stream.getvalue(), "image/png")).run()
    assert_sound(test)
    job = studio.queue.claim("fetch", "test")
    assert job.kind == "import" and test.session_state["create_reference"] == artwork.sha256
    new = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), kind="imported")
    studio.queue.finish(job.id, "done", result={"ids": [new.id], "imported": 1})
    test.run()
    assert test.session_state["create_reference"] == new.sha256


def test_a_dropped_file_that_is_no_picture_is_said(studio):
    bring(studio)
    test = page("create")
    test.file_uploader[0].set_value(("x.png", b"no picture", "image/png")).run()
    job = studio.queue.claim("fetch", "test")
    studio.queue.finish(job.id, "done", result={"ids": [], "skipped": [{"name": "x.png", "reason": "Not a picture."}]})
    test.run()
    assert_sound(test)
    assert "cannot be the reference. Not a picture." in text(test)
    assert "cannot be the reference" not in text(test.run()), "it is said once"


def test_an_adapter_that_is_not_here_has_a_way_out(studio, artwork):
    chosen(studio, artwork)
    test = page("create")
    assert_sound(test)
    assert "read by looker, which is not installed" in text(test) and keys(test, "reference_shelf")
    button(test, "paint").click().run()
    assert "looker" in text(test) and jobs(studio, "paint") == []
    test.button(key="create_reference_remove").click().run()
    button(test, "paint").click().run()
    assert len(jobs(studio, "paint")) == 1


def test_another_adapter_is_offered_in_its_place(studio, artwork):
    chosen(studio, artwork)
    bring(studio, "other")
    bring(studio, "third")
    test = page("create")
    assert "choose another one" in text(test)
    assert test.selectbox(key="create_adapter").options == ["Other", "Third", "looker (not installed)"]
    test.selectbox(key="create_adapter").set_value("third").run()
    assert_sound(test)
    assert not keys(test, "reference_shelf") and test.selectbox(key="create_adapter").options == ["Other", "Third"]
    button(test, "paint").click().run()
    assert recipe_of(jobs(studio, "paint")[0]).adapter == "third"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"family": "sdxl"}, "was made for Stable Diffusion XL"),
        ({"reader": False}, "the pack that reads pictures for it"),
    ],
)
def test_an_adapter_that_cannot_read_says_why(studio, artwork, how, words):
    chosen(studio, artwork)
    bring(studio, **how)
    test = page("create")
    assert_sound(test)
    assert words in text(test)


def test_a_reference_that_is_gone_or_in_the_bin_says_so(studio, artwork):
    bring(studio)
    chosen(studio, artwork)
    studio.gallery.delete(artwork.id)
    test = page("create")
    assert "In the bin" in text(test)
    test.button(key="create_reference_restore").click().run()
    assert "a star over the sea" in text(test)
    studio.gallery.delete(artwork.id)
    studio.gallery.empty_bin()
    assert "The reference is gone" in text(test.run())


def test_use_settings_of_a_result_brings_its_reference(studio, gate, artwork):
    bring(studio)
    recipe = Recipe("a sea", reference=artwork.sha256, reference_weight=0.8, adapter="looker")
    made = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), recipe)
    job = studio.submit("paint", {"recipe": recipe.to_dict()})
    studio.queue.claim("paint", "test")
    studio.queue.finish(job.id, "done", result={"artworks": [made.id]})
    test = page("create", job=str(job.id))
    test.button(key=f"use_{made.id}").click().run()
    assert_sound(test)
    assert test.slider(key="create_reference_weight").value == 0.8 and "a star over the sea" in text(test)


# --- Guide --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["create", "vary", "outpaint", "enlarge"])
def test_the_guide_page_has_it_for_every_task_that_paints(studio, artwork, name):
    bring(studio)
    test = switch(guide(studio, source=str(artwork.id)), name)
    test = pick(test, studio, artwork, where="guide")
    assert_sound(test)
    assert test.slider(key="guide_reference_weight").value == WEIGHT
    if name == "enlarge":
        test.segmented_control(key="guide_method").set_value("lanczos").run()
        assert not [one for one in test.slider if one.key == "guide_reference_weight"]
        return
    test.text_area(key="guide_prompt").set_value("a sea").run()
    button(test, "guide_go").click().run()
    assert_sound(test)
    recipe = recipe_of(jobs(studio, "paint")[0])
    assert (recipe.task, recipe.reference, recipe.adapter) == (name, artwork.sha256, "looker")
    again = guide(studio)
    assert again.session_state["guide_reference"] == artwork.sha256


def test_enlarging_without_the_model_asks_for_no_reference(studio, artwork):
    from studio.ui.guide import forms as guided

    manifest = studio.shelf.get("storybook").manifest
    fields = {
        **guided.defaults(manifest), "task": "enlarge", "method": "lanczos", "reference": artwork.sha256,
        "adapter": "looker",
    }  # fmt: skip
    (recipe,) = guided.recipes_of(fields, artwork, seed=1, mask=None, controls=())
    assert recipe.reference is None and recipe.adapter == ""
