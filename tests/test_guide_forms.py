"""Guided editing without Streamlit: what lies on the page, what comes back from a draft, and which recipe it asks for."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest
from PIL import Image

from studio.domain.artwork import Artwork, Relative
from studio.domain.control import KINDS, Control
from studio.domain.errors import BadInput
from studio.domain.pose import presets
from studio.domain.recipe import MOST_CONTROLS, Recipe
from studio.packs.manifest import Manifest, read_manifest
from studio.places import ASSETS
from studio.ui import kin
from studio.ui.guide import forms, masks
from studio.ui.guide import sheet as sheets
from studio.ui.guide.sheet import Aid, Pending, Sheet

STANDING, RAISED = presets()["Standing"], presets()["Arms raised"]


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(ASSETS / "packs" / "storybook.toml")


@pytest.fixture
def fields(manifest: Manifest) -> forms.GuideFields:
    return {**forms.defaults(manifest), "prompt": "a person in the snow"}  # type: ignore[typeddict-item]


def artwork(**rest) -> Artwork:  # type: ignore[no-untyped-def]
    known = {"id": 7, "sha256": "ab" * 32, "file": "x.png", "kind": "painted", "width": 192, "height": 128}
    return Artwork(**{**known, "bytes": 1, "created_at": 0.0, **rest})


def png(width: int, height: int, painted: tuple[int, int, int, int] | None) -> str:
    mask = Image.new("L", (width, height), 0)
    if painted:
        mask.paste(255, painted)
    stream = io.BytesIO()
    mask.save(stream, "PNG")
    return masks.encoded(stream.getvalue())


FULL = Sheet(
    source=7,
    mask=png(8, 8, (0, 0, 4, 4)),
    mask_revision=3,
    aids=(
        Aid(1, "pose", figures=(STANDING,), weight=0.5, start=0.1, end=0.9, balance="control", revision=2),
        Aid(2, "canny", {"low": 50.0, "high": 90.0, "blur": 0.0, "invert": 0.0}, job=4, asked="x", kept=9, kept_as="y"),
    ),
    removed=Aid(3, "shuffle", {"amount": 256.0}, ready=5),
    view="aid:1",
    jobs=(3, 4),
    pending=Pending("k", 5, {"task": "create"}, {1: 8}, 7, "AAAA", (Aid(1, "pose", figures=(STANDING,)),)),
    arriving=2,
    selecting=6,
    filled="words",
    shelved={5: {"mask": "", "aids": []}},
)


# --- the sheet and its draft ------------------------------------------------------------------------------------------


def test_a_sheet_comes_back_from_its_draft_as_it_was():
    assert sheets.from_dict(json.loads(json.dumps(sheets.to_dict(FULL)))) == FULL


@pytest.mark.parametrize("body", [None, {}, {"aids": 7, "jobs": "x", "pending": [], "shelved": {}}, {"source": "12"}])
def test_a_draft_that_cannot_be_read_is_an_empty_sheet(body):
    assert sheets.from_dict(body) == Sheet()


def test_of_a_damaged_draft_only_what_is_damaged_is_lost():
    body = json.loads(json.dumps(sheets.to_dict(FULL)))
    body["aids"][0]["weight"] = 99
    body["aids"].append({"id": 9, "kind": "horoscope"})
    body["mask_revision"] = "many"
    back = sheets.from_dict(body)
    assert [aid.id for aid in back.aids] == [2]
    assert (back.source, back.mask, back.mask_revision) == (7, FULL.mask, 0)


def test_each_source_keeps_its_own_mask_and_aids():
    one = sheets.with_source(Sheet(), 1)
    one = dataclasses.replace(sheets.add_aid(one, "pose", figures=[RAISED]), mask=png(4, 4, (0, 0, 2, 2)))
    two = sheets.with_source(one, 2)
    assert two.mask == "" and two.aids[0].figures is None  # a pose placed by hand belongs to its own picture
    back = sheets.with_source(two, 1)
    assert back.mask == one.mask and back.aids[0].figures == (RAISED,)
    assert back.mask_revision > two.mask_revision > one.mask_revision  # or the editor would keep what it has


def test_only_the_last_few_sources_are_remembered():
    sheet = Sheet()
    for id in range(1, 20):
        sheet = sheets.with_source(sheet, id)
    assert len(sheet.shelved) == sheets.SHELVED and 18 in sheet.shelved and 1 not in sheet.shelved


def test_an_aid_that_was_removed_comes_back_in_its_place():
    sheet = sheets.add_aid(sheets.add_aid(sheets.add_aid(Sheet(source=1), "pose"), "depth"), "canny")
    sheet = sheets.change_aid(sheet, 2, weight=0.4)
    gone = sheets.remove_aid(sheet, 2)
    assert [aid.kind for aid in gone.aids] == ["pose", "canny"] and gone.view == "aid:3"
    back = sheets.put_back(gone)
    assert [aid.kind for aid in back.aids] == ["pose", "depth", "canny"] and back.aids[1].weight == 0.4
    assert back.removed is None and sheets.put_back(back) == back
    assert sheets.add_aid(gone, "tile").aids[-1].id == 4  # the number of the removed one is not given away


def test_there_are_only_as_many_aids_as_a_recipe_holds():
    sheet = Sheet()
    for _ in range(MOST_CONTROLS):
        sheet = sheets.add_aid(sheet, "tile")
    with pytest.raises(BadInput, match="remove one first"):
        sheets.add_aid(sheet, "tile")


@pytest.mark.parametrize("changes", [{"weight": 3}, {"start": 0.9, "end": 0.2}, {"parameters": {"low": 999}}])
def test_an_aid_takes_no_value_that_a_control_cannot_have(changes):
    sheet = sheets.add_aid(Sheet(source=1), "canny")
    with pytest.raises(BadInput):
        sheets.change_aid(sheet, 1, **changes)


def test_the_same_wish_has_the_same_name_and_every_change_of_the_map_another():
    aid = sheets.add_aid(Sheet(source=1), "canny").aids[0]
    name = sheets.wish(aid, 1, (128, 128))
    assert sheets.wish(dataclasses.replace(aid, weight=0.3, job=9, kept=2), 1, (192, 128)) == name
    others = [
        sheets.wish(aid, 2, (128, 128)),
        sheets.wish(dataclasses.replace(aid, parameters={**aid.parameters, "low": 7.0}), 1, (128, 128)),
        sheets.wish(dataclasses.replace(aid, overlay="AAAA"), 1, (128, 128)),
        sheets.wish(dataclasses.replace(aid, ready=4), 1, (128, 128)),
        sheets.wish(dataclasses.replace(aid, figures=(STANDING,)), 1, (128, 128)),
    ]
    assert name not in others and len(set(others)) == len(others)


def test_what_the_stage_can_show_follows_the_task():
    sheet = sheets.add_aid(sheets.add_aid(Sheet(source=1), "pose"), "pose")
    assert sheets.views(sheet, "create") == {"source": "Source", "aid:1": "Pose", "aid:2": "Pose 2"}
    assert sheets.views(sheet, "inpaint") == {"mask": "Mask", "aid:1": "Pose", "aid:2": "Pose 2"}
    assert sheets.views(dataclasses.replace(sheet, jobs=(1,)), "enlarge") == {"source": "Source", "result": "Result"}
    assert sheets.views(Sheet(), "create") == {}
    assert sheets.shown(sheet, "create") == "aid:2" and sheets.shown(sheet, "outpaint") == "source"
    assert sheets.shown(Sheet(), "create") == ""


# --- the mask ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "share", "said"),
    [
        ("", 0.0, "Nothing is masked"),
        ("not base64!", 0.0, "Nothing is masked"),
        (masks.encoded(b"no picture"), 0.0, "Nothing is masked"),
        (png(10, 10, None), 0.0, "Nothing is masked"),
        (png(10, 10, (0, 0, 5, 5)), 0.25, "25% of the picture"),
        (png(100, 100, (0, 0, 1, 1)), 0.0001, "A spot"),
        (png(10, 10, (0, 0, 10, 10)), 1.0, "covers the whole picture"),
    ],
)
def test_how_much_the_mask_covers_and_how_it_is_said(mask, share, said):
    assert masks.share(mask) == share
    assert said in forms.mask_words(share)


def test_what_words_found_becomes_a_mask_of_the_sources_size_and_can_be_added():
    found = masks.decoded(png(10, 10, (0, 0, 5, 10)))
    alone = masks.from_words(found, (40, 20))
    assert Image.open(io.BytesIO(masks.decoded(alone))).size == (40, 20)
    assert masks.share(alone) == 0.5
    both = masks.from_words(found, (40, 20), onto=png(40, 20, (20, 0, 30, 20)))
    assert masks.share(both) == 0.75
    with pytest.raises(BadInput):
        masks.from_words(b"<html>", (40, 20))


def test_a_correction_is_laid_over_the_map_stroke_by_stroke():
    white = masks.overlay("", masks.decoded(png(20, 10, (0, 0, 10, 10))), light=True)
    both = masks.overlay(white, masks.decoded(png(20, 10, (5, 0, 15, 10))), light=False)
    seen = Image.open(io.BytesIO(masks.decoded(both)))
    assert seen.mode == "RGBA"
    assert [seen.getpixel((x, 5)) for x in (2, 8, 18)] == [(255, 255, 255, 255), (0, 0, 0, 255), (0, 0, 0, 0)]
    assert masks.overlay(white, masks.decoded(png(20, 10, None)), light=True) == white
    assert masks.overlay("", b"no picture", light=True) == ""


# --- fields -------------------------------------------------------------------------------------------------------------


def test_the_fields_come_back_and_what_cannot_be_used_is_the_default(manifest, fields):
    fields |= {"task": "outpaint", "sides": ["Left", "Down"], "extend_by": 32, "several": True, "strength": 0.2}
    fields |= {"fill": "a sun", "factor": 4, "method": "lanczos", "feather": 9, "series": 5}
    assert forms.restore(json.loads(json.dumps(fields)), manifest) == fields
    spoilt = {**fields, "task": "juggle", "factor": 3, "strength": 9, "sides": ["In"], "series": True}
    back = forms.restore(spoilt, manifest)
    base = forms.defaults(manifest)
    assert [back[name] for name in ("task", "factor", "strength", "series")] == [
        base[name] for name in ("task", "factor", "strength", "series")
    ]
    assert back["sides"] == [] and back["fill"] == "a sun"


def test_a_source_brings_its_words_and_shape_and_never_replaces_what_was_typed(manifest, fields):
    source = artwork(recipe=Recipe(prompt="a red star"), caption="a star")
    fields["prompt"] = ""
    assert forms.fields_from(source, manifest, fields, "") == {"prompt": "a red star", "size": "192x128"}
    fields["prompt"] = "a red star"
    other = artwork(caption="a blue fish", width=100, height=100)
    assert forms.fields_from(other, manifest, fields, "a red star") == {"prompt": "a blue fish", "size": "128x128"}
    fields["prompt"] = "mine"
    assert "prompt" not in forms.fields_from(other, manifest, fields, "a red star")


def test_a_filled_picture_is_described_by_its_caption_for_its_prompt_spoke_of_a_part():
    recipe = Recipe(prompt="a sun", task="inpaint", source="a" * 64, mask="b" * 64)
    assert forms.prompt_for(artwork(recipe=recipe, caption="a house under a sun")) == "a house under a sun"
    assert forms.prompt_for(artwork(recipe=recipe)) == "a sun"
    assert forms.prompt_for(artwork()) == ""


# --- recipes ------------------------------------------------------------------------------------------------------------


def recipe(fields, *, controls=(), mask=None, source=None) -> Recipe:  # type: ignore[no-untyped-def]
    (one,) = forms.recipes_of(fields, source or artwork(), seed=5, mask=mask, controls=controls)
    return one


def test_guiding_paints_a_new_picture_from_its_maps(fields):
    aid = dataclasses.replace(Aid(1, "pose"), weight=0.7, end=0.8, balance="prompt")
    made = recipe(fields, controls=(aid.control("c" * 64),))
    assert (made.task, made.source, made.prompt) == ("create", None, "a person in the snow")
    (control,) = made.controls
    assert (control.kind, control.source, control.weight, control.end) == ("pose", "c" * 64, 0.7, 0.8)
    with pytest.raises(BadInput, match="Nothing guides"):
        recipe(fields)


def test_varying_has_one_strength_or_a_series(fields):
    fields["task"] = "vary"
    assert recipe(fields).strength == forms.STRENGTHS["Half"] and recipe(fields).source == "ab" * 32
    fields |= {"several": True, "strength": 0.8, "strength_to": 0.2, "series": 3, "count": 4}
    made = forms.recipes_of(fields, artwork(), seed=5, mask=None, controls=())
    assert [one.strength for one in made] == [0.2, 0.5, 0.8] and {one.count for one in made} == {1}
    assert forms.button_label(fields) == "Vary 3"
    fields["strength_to"] = 0.8
    with pytest.raises(BadInput, match="pull them apart"):
        forms.recipes_of(fields, artwork(), seed=5, mask=None, controls=())


def test_filling_has_its_own_words_and_its_mask(fields):
    fields |= {"task": "inpaint", "fill": "a large yellow sun", "feather": 6}
    made = recipe(fields, mask="d" * 64)
    assert (made.prompt, made.mask, made.feather, made.strength) == ("a large yellow sun", "d" * 64, 6, 1.0)
    with pytest.raises(BadInput, match="what should be there"):
        recipe({**fields, "fill": " "}, mask="d" * 64)


def test_extending_goes_where_the_buttons_say(fields):
    fields |= {"task": "outpaint", "sides": ["Left", "Up"], "extend_by": 60}
    assert recipe(fields).extend == (64, 64, 0, 0)  # whole steps of the model
    with pytest.raises(BadInput, match="at least one side"):
        recipe({**fields, "sides": []})


def test_enlarging_needs_no_words_and_makes_one_picture(fields):
    fields |= {"task": "enlarge", "prompt": "", "factor": 4, "method": "lanczos", "count": 3}
    made = recipe(fields)
    assert (made.factor, made.method, made.count) == (4, "lanczos", 1)
    assert forms.button_label(fields) == "Enlarge 4×"
    assert forms.enlarged_words(artwork(), 4) == "192 × 128 becomes 768 × 512 pixels."


@pytest.mark.parametrize("task", ["vary", "inpaint", "outpaint", "enlarge"])
def test_without_a_source_the_sentence_says_what_to_do(fields, task):
    fields |= {"task": task, "fill": "a sun"}
    with pytest.raises(BadInput, match="choose the source first"):
        forms.check(fields, Sheet(), None, {})


def test_an_empty_mask_is_said_before_anything_is_queued(fields):
    fields |= {"task": "inpaint", "fill": "a sun"}
    for mask in ("", png(8, 8, None)):
        with pytest.raises(BadInput, match="The mask is empty") as caught:
            forms.check(fields, Sheet(source=7, mask=mask), artwork(), {})
        assert caught.value.field == "mask"
    forms.check(fields, Sheet(source=7, mask=png(8, 8, (0, 0, 8, 8))), artwork(), {})  # all of it is allowed


@pytest.mark.parametrize(
    ("aid", "has_source", "figures", "said"),
    [
        (Aid(1, "pose"), True, 0, "no figure"),
        (Aid(1, "pose", figures=()), True, None, "no figure"),
        (Aid(1, "canny"), False, None, "choose a source"),
    ],
)
def test_an_aid_without_anything_to_draw_is_said(aid, has_source, figures, said):
    with pytest.raises(BadInput, match=said):
        forms.check_aid(aid, has_source, figures)


def test_an_aid_with_figures_or_a_ready_map_needs_no_source():
    forms.check_aid(Aid(1, "pose", figures=(STANDING,)), False, None)
    forms.check_aid(Aid(1, "canny", ready=3), False, None)
    forms.check_aid(Aid(1, "pose"), True, 1)


# --- what packs can do ------------------------------------------------------------------------------------------------


def test_a_kind_without_its_part_says_what_it_needs():
    roles = {"Storybook": ["painter", "control-pose"], "SD 1.5": ["painter", "control-normal"]}
    assert forms.lacks("pose", roles, "Storybook") == ""
    assert "choose it under More" in forms.lacks("normal", roles, "Storybook")
    nets = {"Storybook": ["painter"], "Canny for XL": ["control-canny"]}
    assert "The Shelf page" in forms.lacks("canny", nets, "Storybook"), "a ControlNet alone is no pack to choose"
    for kind in KINDS:
        assert forms.lacks(kind, {"Storybook": []}, "Storybook").endswith("The Shelf page lists packs.")


def test_a_map_that_no_pack_can_draw_says_so():
    assert forms.blind("canny", {}) == ""
    assert "place a figure" in forms.blind("pose", {"Storybook": []})
    assert forms.blind("pose", {"Storybook": ["pose"]}) == ""
    assert "'depth'" in forms.blind("depth", {"Storybook": ["pose"]})


@pytest.mark.parametrize(
    ("changed", "said"), [(None, ""), (0, "0 pixels changed"), (1, "1 pixel changed"), (2000, "2,000 p")]
)
def test_what_was_measured_is_said(changed, said):
    assert forms.outside_words(changed, "inpaint").startswith(said)
    assert forms.outside_words(changed, "outpaint").endswith("in what was there" if said else "")


@pytest.mark.parametrize(("value", "word"), [(0.3, "A touch"), (0.8, "Mostly new"), (0.5, None)])
def test_a_strength_has_a_word_when_it_is_exactly_that(value, word):
    assert forms.strength_word(value) == word


# --- comparing ----------------------------------------------------------------------------------------------------------


def test_only_the_fields_that_differ_are_told():
    one = Recipe(prompt="a person", seed=1)
    assert kin.differences(one, one) == []
    assert kin.differences(one, dataclasses.replace(one, seed=2, steps=8)) == [("Steps", "20", "8"), ("Seed", "1", "2")]
    filled = Recipe(prompt="a sun", task="inpaint", source="a" * 64, mask="b" * 64, seed=1)
    assert kin.differences(one, filled) == [
        ("Task", "Paint", "Fill"),
        ("Prompt", "a person", "a sun"),
        ("Strength", "—", "1"),
        ("Feather", "—", "4 pixels"),
    ]
    assert kin.differences(None, one)[0] == ("Task", "—", "Paint") and kin.differences(None, None) == []


def test_every_field_of_a_recipe_that_decides_something_has_words():
    control = Control("pose", "c" * 64, weight=0.8, end=0.8, balance="prompt")
    guided = Recipe(prompt="x", controls=(control,), hires=2.0)
    assert kin.fields(guided)["Guided by"] == "Pose, weight 0.8, 0% to 80%, the prompt matters more"
    assert kin.fields(guided)["Second pass"] == "2×, strength 0.2"
    assert (
        kin.fields(Recipe(prompt="x", task="outpaint", source="a" * 64, extend=(0, 64, 8, 0)))["Extended"]
        == "up 64, right 8"
    )
    assert kin.fields(Recipe(prompt="", task="enlarge", source="a" * 64, factor=4))["Enlarged"] == "4× Repaint"


def test_a_picture_is_compared_with_its_source_first_and_never_with_a_mask():
    parents = [
        Relative("mask", "1", artwork(id=1, kind="mask")),
        Relative("pose", "2", artwork(id=2, kind="map")),
        Relative("source", "3", artwork(id=3)),
        Relative("depth", "9", None),
    ]
    children = [Relative("source", "4", artwork(id=4)), Relative("source", "3", artwork(id=3))]
    told = [(word, one.id) for word, one in kin.comparable(parents, children)]
    assert told == [("Source", 3), ("Pose", 2), ("Led to", 4)]
