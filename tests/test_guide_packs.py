"""What other installed packs add to the Guide page: upscalers, and ControlNets that fit the painter."""

from __future__ import annotations

from dataclasses import replace

from guiding import go, guide, recipe_of, task
from test_pages import assert_sound, jobs, painted, studio, text

from studio.packs import parts
from studio.packs.manifest import OWN, SUMS, Manifest, manifest_text
from studio.ui.guide import acts, forms

__all__ = ["studio"]  # the fixture of the other pages' tests


def add(studio, id, kind, roles):
    """A pack of a few bytes: a page looks at its description only."""
    folder = studio.shelf.home / id
    folder.mkdir(parents=True)
    manifest = Manifest(id, id.title(), "", "any", "", "", roles, kind=kind)
    (folder / OWN).write_text(manifest_text(manifest), encoding="utf-8")
    (folder / "w.safetensors").write_bytes(b"weights")
    (folder / SUMS).write_text(f"{'0' * 64}  w.safetensors\n")


def test_storybook_brings_its_own_upscaler_and_others_stand_beside_it(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="enlarge")
    assert test.segmented_control(key="guide_method").options == [
        "Repaint", "Upscaler", "Lanczos", "Bicubic", "Nearest",
    ]  # fmt: skip
    test.segmented_control(key="guide_method").set_value("model").run()
    assert_sound(test)
    assert not [one for one in test.selectbox if one.key == "guide_upscaler"], "one upscaler is no choice"
    assert not [one for one in test.slider if one.key == "guide_enlarge_strength"]
    add(studio, "crisp", "upscaler", {"upscaler": "w.safetensors"})
    test.run()
    assert_sound(test)
    choice = test.selectbox(key="guide_upscaler")
    assert (choice.value, choice.options) == ("storybook-larger", ["Larger Storybook", "Crisp"])
    choice.set_value("crisp").run()
    go(test)
    (job,) = jobs(studio, "paint")
    recipe = recipe_of(job)
    assert (recipe.method, recipe.upscaler, recipe.factor, recipe.count) == ("model", "crisp", 2, 1)


def test_a_draft_with_an_upscaler_that_is_gone_goes_on_with_the_one_that_is_here(studio, gate):
    add(studio, "crisp", "upscaler", {"upscaler": "w.safetensors"})
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="enlarge")
    test.segmented_control(key="guide_method").set_value("model").run()
    test.selectbox(key="guide_upscaler").set_value("crisp").run()
    studio.shelf.remove("crisp")
    fresh = guide(studio)
    assert_sound(fresh)
    assert fresh.segmented_control(key="guide_method").value == "model"
    go(task(fresh, "enlarge"))
    (job,) = jobs(studio, "paint")
    assert (recipe_of(job).method, recipe_of(job).upscaler) == ("model", "storybook-larger")


def test_where_no_upscaler_fits_the_painter_enlarging_repaints(studio):
    others = replace(studio.shelf.get("storybook").manifest, family="sd1")
    assert parts.upscalers(studio.shelf.packs(), others) == []
    fields = forms.defaults(others) | {"method": "model", "upscaler": "crisp"}
    assert forms.with_upscaler(fields, []) == {"method": "repaint"}
    assert list(forms.methods([])) == ["repaint", "lanczos", "bicubic", "nearest"]


def test_controls_of_other_packs_guide_a_painter_that_they_fit(studio, gate):
    manifest = studio.shelf.get("storybook").manifest
    assert "control-normal" not in acts.lent(studio, manifest)
    add(studio, "normals", "controls", {"control-normal": "."})
    lent = acts.lent(studio, manifest)
    assert "control-normal" in lent and forms.lacks("normal", {manifest.name: lent}, manifest.name) == ""
    source = painted(studio, gate)
    assert_sound(guide(studio, source=str(source.id), task="vary"))
    assert "choose it under More" not in text(guide(studio))
