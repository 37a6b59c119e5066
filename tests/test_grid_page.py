"""Grids on the pages, without a browser: the form and its count, the stage, the queue's row, the facts of an artwork."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

# The studio of these tests is that of the other pages' tests: its worker's place is taken, and the test plays the worker
from test_pages import assert_sound, button, jobs, page, painted, studio, text, write

from studio.app import Studio
from studio.domain.errors import BadInput
from studio.domain.grid import Axis, Grid
from studio.domain.recipe import Recipe
from studio.domain.verdict import Verdict
from studio.jobs.grids import Held
from studio.ui import forms
from studio.ui.grid import contact, stage, wishes

__all__ = ["studio"]  # a fixture is used by its name

GRID = Grid(Recipe("a red star", seed=3), Axis("steps", (4, 8)), Axis("guidance", (2.0, 4.0)))


def opened(prompt: str = "a red star at night", **query: str) -> AppTest:
    """Create with the grid's panel open and a prompt."""
    test = page("create", **query)
    if prompt:
        test = write(test, prompt)
    test.session_state["create_grid"] = True
    return test.run()


def fill(test: AppTest, **typed: str) -> AppTest:
    """Choose the fields and type their values."""
    for which, value in typed.items():
        name, _, values = value.partition("=")
        test.selectbox(key=f"grid_{which}").set_value(name).run()
        slot = wishes.slot(which, name)
        box = next(one for one in test.text_input if one.key == f"grid_{which}_{slot}")
        box.set_value(values).run()
    return test


def play(studio: Studio, state: str = "done", **rest: Any) -> None:
    """Play the worker for the next cell."""
    job = studio.queue.claim("paint", "test")
    assert job is not None and studio.queue.finish(job.id, state, **rest)


def sheet_cells(studio: Studio, held: Held) -> list[dict[str, Any]]:
    squares = studio.grids.squares(held)
    artworks = studio.gallery.many([square.artwork for square in squares if square.artwork is not None])
    x, y = stage.axes(studio, held.grid)
    return stage.cells(squares, artworks, x[1], y[1] if y else ())


# --- the form -------------------------------------------------------------------------------------------------------


def test_the_form_counts_and_paints_one_grid_however_often_it_is_pressed(studio):
    test = fill(opened(), x="steps=4-12 (+4)", y="words=star, house")
    assert_sound(test)
    assert "6 pictures" in text(test)
    press = button(test, "grid_paint")
    assert press.label == "Paint 6 pictures"
    press.click().run()
    assert_sound(test)
    (line,) = studio.grids.latest()
    assert test.query_params["grid"] == str(line.id) and line.title == "Steps × Words"
    cells = [Recipe.from_dict(job.payload["recipe"]) for job in jobs(studio, "paint")]
    assert len(cells) == 6 and {cell.seed for cell in cells} == {int(test.text_input(key="create_seed").value)}
    assert {cell.prompt for cell in cells} == {"a red star at night", "a red house at night"}
    states = test._tree.get_widget_states()
    states.widgets.add(id=press.proto.id, trigger_value=True)  # the second half of a double click comes late
    test._run(states)
    assert_sound(test)
    assert len(jobs(studio, "paint")) == 6


def test_the_time_is_foretold_from_this_machines_history(studio):
    studio.queue.record_timing("paint:storybook:128x128:dpm++ 2m", 10.0, 20.0)
    assert "2 pictures, about 24 s" in text(fill(opened(), x="steps=4, 8"))


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"x": "steps=0, 4"}, "between 1 and 150"),
        ({"x": "steps=many"}, "is no number"),
        ({"x": "seed=1-1000"}, "100 pictures at most"),
        ({"x": "steps=1-20", "y": "seed=1-20"}, "100 is the most"),
        ({"x": "words=moon, sun"}, "does not say 'moon'"),
        ({"x": "steps=4, 8", "y": "steps=4, 8"}, "Both axes"),
    ],
)
def test_what_cannot_be_painted_is_a_sentence_beside_the_button_and_queues_nothing(studio, axes, said):
    test = fill(opened(), **axes)
    assert said in text(test)
    button(test, "grid_paint").click().run()
    assert_sound(test)
    assert said in text(test) and text(test).count(said) == 1
    assert jobs(studio) == [] and studio.grids.latest() == []


def test_without_values_the_form_waits_and_a_press_says_what_to_type(studio):
    test = opened("")
    assert "One picture for each pair" in text(test) and "no values" not in text(test)
    button(test, "grid_paint").click().run()
    assert "prompt is empty" in text(test) or "no values" in text(test)
    assert jobs(studio) == []


def test_samplers_and_sizes_are_chosen_and_not_typed(studio):
    test = opened()
    test.selectbox(key="grid_x").set_value("sampler").run()
    test.multiselect(key="grid_x_sampler").set_value(["euler a", "ddim"]).run()
    test.selectbox(key="grid_y").set_value("size").run()
    test.multiselect(key="grid_y_size").set_value(["128x128", "192x128"]).run()
    button(test, "grid_paint").click().run()
    assert_sound(test)
    cells = [Recipe.from_dict(job.payload["recipe"]) for job in jobs(studio, "paint")]
    assert {(cell.sampler, cell.width) for cell in cells} == {(s, w) for s in ("euler a", "ddim") for w in (128, 192)}


def test_what_was_typed_comes_back_in_a_new_tab_and_strange_drafts_break_nothing(studio):
    fill(opened(), x="guidance=1-9 [5]", y="words=star, house")
    fresh = opened("")
    assert fresh.selectbox(key="grid_x").value == "guidance" and fresh.selectbox(key="grid_y").value == "words"
    assert fresh.text_input(key="grid_x_guidance").value == "1-9 [5]"
    for draft in ({"x": 7, "y": "mood", "typed": []}, {"x": "lora:gone", "typed": {"lora:gone": 5}}, {}):
        studio.keep_draft("grid", draft)
        assert_sound(opened(""))


def test_a_closed_panel_draws_no_form(studio):
    assert not [one for one in page("create").selectbox if str(one.key).startswith("grid_")]


def test_the_weight_of_a_lora_and_packs_are_offered_where_there_are_some(studio):
    packs = studio.shelf.packs()
    manifest = studio.shelf.get("storybook").manifest
    fields = {**forms.defaults(manifest), "loras": ["ink"]}
    assert wishes.offered(packs, manifest, fields)["lora:ink"].startswith("Weight of ink")
    assert "pack" not in wishes.offered(packs, manifest, fields) and "steps" in wishes.offered(packs, manifest, fields)
    with pytest.raises(BadInput):
        wishes.grid_of(wishes.Wish("steps"), Recipe("a star"))


# --- the stage ------------------------------------------------------------------------------------------------------


def test_a_grid_stands_on_the_stage_with_its_progress_and_can_be_cancelled(studio, gate):
    held = studio.grids.start(GRID)
    play(studio, result={"artworks": [painted(studio, gate).id]})
    test = page("create", grid=str(held.id))
    assert_sound(test)
    assert "Steps × Guidance" in text(test) and "Grid 1" in text(test)
    test.button(key=f"grid_cancel_{held.id}").click().run()
    assert_sound(test)
    assert {job.state for job in jobs(studio, "paint")} == {"done", "cancelled"}
    assert "1 of 4 are painted" in text(test)
    again = button(test, "grid_missing")
    assert again.label == "Paint what is missing (3)"
    again.click().run()
    assert len([job for job in jobs(studio, "paint") if job.state == "waiting"]) == 3
    assert test.query_params["grid"] == str(held.id)


def test_each_cell_is_its_picture_or_says_in_its_place_why_there_is_none(studio, gate):
    held = studio.grids.start(GRID)
    artwork = painted(studio, gate, caption="a red star")
    verdict = Verdict(False, ("a skull sign",), -0.07, {}, "storybook").to_dict()
    play(studio, result={"artworks": [artwork.id]})
    play(studio, "refused", result={"artworks": [], "refused": [verdict]}, error="a skull sign")
    play(studio, "failed", error="The model produced no numbers (NaN), twice.")
    first, second, third, fourth = sheet_cells(studio, held)
    assert (first["state"], first["id"], first["src"]) == ("done", artwork.id, f"/thumbs/{artwork.id}")
    assert first["where"] == "4, 2" and fourth["where"] == "8, 4"
    assert second["state"] == "refused" and "a skull sign (margin -0.07)" in second["words"] and not second["src"]
    assert third["state"] == "failed" and "no numbers" in third["words"]
    assert fourth["state"] == "waiting" and fourth["id"] == 0
    studio.gallery.delete(artwork.id)
    assert sheet_cells(studio, held)[0]["words"] == "In the bin"
    job = studio.queue.claim("paint", "test")
    studio.queue.progress(job.id, 3, 8, preview="draft-1.webp")
    assert sheet_cells(studio, held)[3]["src"] == "/previews/draft-1.webp"


def test_a_cell_opens_its_artwork(studio, gate, monkeypatch):
    held = studio.grids.start(GRID)
    artwork = painted(studio, gate)
    for _ in GRID.cells:
        play(studio, result={"artworks": [artwork.id]})
    test = page("create", grid=str(held.id))
    assert "All 4 are painted" in text(test)
    test.session_state["create_open"] = artwork.id
    with pytest.MonkeyPatch.context() as patch:
        gone: list[Any] = []
        patch.setattr("studio.ui.session.go", lambda name, **query: gone.append((name, query)))
        test.run()
    assert gone == [("gallery", {"id": artwork.id})]


def test_another_picture_takes_the_grid_off_and_the_list_brings_it_back(studio, gate):
    held = studio.grids.start(GRID)
    studio.grids.cancel(held.id)
    test = opened(grid=str(held.id))
    button(test, "paint").click().run()
    assert "grid" not in test.query_params and "Steps × Guidance" not in text(test).partition("Earlier")[0]
    test.session_state["create_grid"] = True
    test.run()
    test.button(key=f"grid_open_{held.id}").click().run()
    assert_sound(test)
    assert test.query_params["grid"] == str(held.id) and "job" not in test.query_params
    test.button(key="grid_close").click().run()
    assert "grid" not in test.query_params


@pytest.mark.parametrize("id", ["99", "x", "-1", "9" * 40])
def test_a_strange_address_is_a_sentence(studio, id):
    test = page("create", grid=id)
    assert_sound(test)
    assert ("no grid 99" in text(test)) is (id == "99")


def test_a_contact_sheet_is_a_job_and_then_a_link(studio, gate):
    held = studio.grids.start(Grid(GRID.base, GRID.x))
    artwork = painted(studio, gate)
    for _ in range(2):
        play(studio, result={"artworks": [artwork.id]})
    test = page("create", grid=str(held.id))
    button(test, "grid_contact").click().run()
    assert_sound(test)
    (job,) = jobs(studio, "sheet")
    assert job.payload == {"sheet": held.id, "shown": contact.shown(studio, studio.grids.squares(held))}
    name = studio.files.preview(gate.picture(painted_picture()), f"grid-{held.id}")
    claimed = studio.queue.claim("look", "test")
    studio.queue.finish(claimed.id, "done", result={"preview": name})
    test.run()
    html = "\n".join(element.proto.body for element in test.get("html"))
    assert f'href="/previews/{name}"' in html and f'download="easel-grid-{held.id}.webp"' in html
    studio.files.drop_preview(name)  # a worker that begins takes it away
    test.run()
    assert button(test, "grid_contact").label == "Contact sheet"


def test_a_sheet_made_before_a_picture_went_to_the_bin_is_another(studio, gate):
    held = studio.grids.start(Grid(GRID.base, GRID.x))
    artwork = painted(studio, gate)
    play(studio, result={"artworks": [artwork.id]})
    squares = studio.grids.squares(held)
    before = contact.shown(studio, squares)
    studio.gallery.delete(artwork.id)
    assert contact.shown(studio, squares) != before
    studio.gallery.restore(artwork.id)
    assert contact.shown(studio, squares) == before


def painted_picture() -> Any:
    from PIL import Image

    return Image.effect_noise((64, 64), 30).convert("RGB")


# --- where else a grid is named ---------------------------------------------------------------------------------------


def test_the_queue_shows_a_grid_in_one_row(studio, gate):
    held = studio.grids.start(Grid(GRID.base, Axis("seed", tuple(range(60)))))
    studio.paint(Recipe("a boat"))
    play(studio, result={"artworks": [painted(studio, gate).id]})
    test = page("queue")
    assert_sound(test)
    assert "1 of 60" in text(test) and text(test).count("a red star") == 1 and "a boat" in text(test)
    test.button(key=f"cancel_grid_{held.id}").click().run()
    assert studio.queue.count(("waiting",)) == 1
    test = page("queue")
    assert "1 of 60 are painted" in text(test) and text(test).count("a red star") == 1


def test_an_artwork_of_a_grid_says_so(studio, gate):
    held = studio.grids.start(GRID)
    alone, artwork = painted(studio, gate), painted(studio, gate, seed=2)
    play(studio, result={"artworks": [artwork.id]})
    test = page("gallery", id=str(artwork.id))
    assert_sound(test)
    assert test.button(key="detail_grid").label == f"Show grid {held.id}" and "Guidance" in text(test)
    assert not [one for one in page("gallery", id=str(alone.id)).button if one.key == "detail_grid"]
