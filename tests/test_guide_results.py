"""What the Guide page does with results, and the family in the detail view, without a browser."""

from __future__ import annotations

import dataclasses

import pytest
from guiding import a_map, a_result, answer, brush, go, guide, mask_of, recipe_of, sheet
from streamlit.testing.v1 import AppTest
from test_pages import assert_sound, button, framed, jobs, page, painted, studio, text

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.recipe import Recipe
from studio.safety.gate import Gate
from studio.ui.guide import masks
from studio.ui.guide import sheet as sheets

__all__ = ["studio"]  # the fixture of the other pages' tests


# --- results ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(studio: Studio, gate: Gate) -> tuple[AppTest, Artwork, Artwork]:
    """A fill that has just ended: the page, the source and the proposal."""
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="inpaint")
    test.text_area(key="guide_fill").set_value("a sun").run()
    brush(test, source, mask_of(64, 64, (8, 8, 24, 24)))
    go(test)
    (job,) = jobs(studio, "paint")
    proposal = a_result(studio, gate, recipe_of(job), job=job.id)
    answer(studio, "paint", "paint", artworks=[proposal.id], refused=[], count=1, outside={str(proposal.id): 0})
    return test.run(), source, proposal


def test_a_result_is_a_proposal_with_what_was_measured(studio, filled):
    test, _, proposal = filled
    assert_sound(test)
    assert "0 pixels changed outside the mask" in text(test)
    assert studio.gallery.get(proposal.id).kind == "proposal"
    test.button(key="guide_keep").click().run()
    assert_sound(test)
    assert studio.gallery.get(proposal.id).kind == "painted" and "In the gallery" in text(test)


def test_discard_can_be_undone(studio, filled):
    test, _, proposal = filled
    test.button(key="guide_discard").click().run()
    assert_sound(test)
    assert studio.gallery.get(proposal.id).deleted_at is not None and "Discarded" in text(test)
    test.button(key="guide_undo_discard").click().run()
    assert studio.gallery.get(proposal.id).deleted_at is None and "0 pixels changed" in text(test)


def test_again_is_the_same_wish_with_another_seed(studio, filled):
    test, _, _ = filled
    (first,) = jobs(studio, "paint")
    button(test, "guide_again").click().run()
    assert_sound(test)
    newest = max(jobs(studio, "paint"), key=lambda job: job.id)
    one, two = recipe_of(first), recipe_of(newest)
    assert one.seed != two.seed and dataclasses.replace(two, seed=one.seed) == one


def test_going_on_keeps_the_result_and_makes_it_the_source(studio, filled):
    test, source, proposal = filled
    test.button(key="guide_go_on").click().run()
    assert_sound(test)
    assert studio.gallery.get(proposal.id).kind == "painted"
    assert sheet(test).source == proposal.id and sheet(test).mask == ""
    assert sheets.with_source(sheet(test), source.id).mask != ""  # the mask waits for whoever goes back


def test_what_was_not_decided_waits_on_the_page(studio, filled):
    _, source, _ = filled
    studio.keep_draft("guide", {})
    test = guide(studio, source=str(source.id))
    assert "Not decided yet" in text(test)


def test_a_refused_fill_shows_reasons_and_no_pixels_and_loses_nothing(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="inpaint")
    test.text_area(key="guide_fill").set_value("a skull").run()
    brush(test, source, mask_of(64, 64, (8, 8, 24, 24)))
    go(test)
    verdict = {"allowed": False, "reasons": ["a skull sign"], "margin": -0.1, "scores": {}, "by": "storybook"}
    answer(studio, "paint", "paint", "refused", artworks=[], refused=[verdict], count=1, error="a skull sign")
    test.run()
    assert_sound(test)
    assert "Refused by the safety gate" in text(test)
    assert masks.share(sheet(test).mask) > 0 and test.text_area(key="guide_fill").value == "a skull"


# --- the family in the detail view --------------------------------------------------------------------------------------


def test_the_detail_compares_with_the_source_and_tells_what_differs(studio, gate):
    source = painted(studio, gate, prompt="a red star", seed=4)
    recipe = Recipe(prompt="a blue star", task="vary", source=source.sha256, strength=0.4, seed=4)
    child = a_result(studio, gate, recipe, job=1, kind="painted")
    test = page("gallery", id=str(child.id))
    assert_sound(test)
    assert "Where it comes from" in text(test)
    test.button(key="detail_compare").click().run()
    assert_sound(test)
    said = text(test)
    assert "a red star" in said and "a blue star" in said and "Strength" in said and "0.4" in said
    test.segmented_control(key="detail_way").set_value("difference").run()
    assert_sound(test)


def test_a_map_shows_its_kind_and_figures_and_can_be_used(studio, gate):
    source = painted(studio, gate)
    ready = a_map(studio, gate, source)
    test = page("gallery", id=str(ready.id))
    assert_sound(test)
    assert "Control map" in text(test) and "Pose" in text(test) and "Figures" in text(test)
    assert test.button(key="use_map").label == "Use as control"


def test_the_gallery_shows_maps_alone_when_asked(studio, gate):
    source = painted(studio, gate)
    ready = a_map(studio, gate, source)
    assert page("gallery").session_state["gallery_shown"] == [ready.id, source.id]
    assert page("gallery", shelf="Maps").session_state["gallery_shown"] == [ready.id]
    studio.gallery.delete(ready.id)
    assert "No maps yet" in text(page("gallery", shelf="Maps"))


@pytest.mark.parametrize(("button", "name"), [("guide_this", "create"), ("edit_this", "inpaint")])
def test_the_detail_leads_on_to_the_guide_page(studio, gate, button, name):
    artwork = painted(studio, gate)
    test = framed("gallery")
    test.query_params["id"] = str(artwork.id)
    test.run()
    test.button(key=button).click().run()
    assert_sound(test)
    assert sheet(test).source == artwork.id and test.session_state["guide_task"] == name
