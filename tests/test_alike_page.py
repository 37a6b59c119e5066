"""The room of duplicates and the row of likeness on the gallery's page: what they say, and what their buttons do."""

import html
import re

import pytest
from alike import flat, scene, smaller
from fakes import work
from galleries import changed, imported, tools
from streamlit.testing.v1 import AppTest
from test_pages import studio

from studio.domain.query import Filter
from studio.gallery.finding import language
from studio.gallery.keeping import changes
from studio.gallery.likeness import duplicates
from studio.places import ROOT
from studio.ui.components import likeness
from studio.ui.gallery import alike
from studio.ui.gallery import duplicates as room

__all__ = ["studio", "tools"]  # fixtures are used by their names


@pytest.fixture
def hung(studio, gate):
    return lambda picture, **more: imported(studio.gallery, gate.picture(picture), **more).id


def compare(tools):
    """The search for copies, from its press to its end."""
    result = work(tools, "duplicates", {}).result
    (job,) = tools.queue.list(("running",), ("duplicates",))
    tools.queue.finish(job.id, "done", result=result)


def page(**query):
    test = AppTest.from_file(str(ROOT / "pages" / "gallery.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, test.exception
    return test


def text(test):
    body = "\n".join(element.proto.body for element in test.get("html"))
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", body, flags=re.DOTALL))


def press(test, key):
    test.button(key=key).click().run()
    assert not test.exception, test.exception
    return test


def test_the_room_begins_with_a_search_and_shows_how_it_goes(studio, hung):
    hung(scene(1)), hung(smaller(scene(1)))
    test = page(look="duplicates")
    assert "nothing is deleted before you say so" in text(test)
    press(test, "copies_look")
    assert [job.kind for job in studio.queue.list(kinds=("duplicates",))] == ["duplicates"]
    assert "Looking for copies" in text(test)


def test_all_that_is_suggested_is_kept_and_the_rest_binned_with_an_undo(studio, tools, hung):
    first, second = hung(scene(1)), hung(smaller(scene(1)))
    third, fourth = hung(scene(2)), hung(smaller(scene(2)))
    compare(tools)
    test = page(look="duplicates")
    assert "2 groups" in text(test) and "2 pictures could go" in text(test)
    press(test, "copies_all")
    held = studio.gallery.many([first, second, third, fourth])
    assert [held[id].deleted_at is None for id in (first, second, third, fourth)] == [True, False, True, False]
    press(test, "undo")
    assert all(one.deleted_at is None for one in studio.gallery.many([second, fourth]).values())


def test_the_search_box_narrows_the_groups(studio, tools, hung):
    hung(scene(1), source_name="a.png"), hung(smaller(scene(1)))
    hung(scene(2)), hung(smaller(scene(2)))
    compare(tools)
    changed(studio.gallery, 1, "tag", "boat")
    assert "1 group " in text(page(look="duplicates", q="tag:boat"))
    assert "Every picture that was asked for" in text(page(look="duplicates", q="tag:none"))


def test_what_the_component_sends_is_checked_and_done(studio, tools, hung, monkeypatch):
    one, other = hung(scene(1)), hung(smaller(scene(1)))
    compare(tools)
    state = {}
    monkeypatch.setattr("studio.ui.components.st.session_state", {room.KEY: state})
    for bad in (
        None,
        {},
        {"act": "burn", "ids": [1]},
        {"act": "keep", "ids": "1"},
        {"act": "keep", "ids": [True, "x"]},
    ):
        state["deed"] = bad
        assert likeness.deed(room.KEY) is None
    state["deed"] = {"act": "keep", "ids": [one, other], "keep": float(other)}
    assert likeness.deed(room.KEY) == ("keep", [one, other], other)
    state["colour"] = "#A32"
    assert likeness.pressed_colour(room.KEY) == "#aa3322"
    state["colour"] = "javascript:"
    assert likeness.pressed_colour(room.KEY) is None


def test_a_group_is_told_with_the_keeper_first(studio, tools, hung):
    one, other = hung(scene(1), source_name="<b>x.png"), hung(smaller(scene(1)))
    compare(tools)
    changed(studio.gallery, other, "favourite", True)
    (group,) = duplicates.groups(studio.gallery)
    told = room._told(group, studio.gallery.many([one, other]))
    assert [picture["id"] for picture in told["pictures"]] == [other, one] and told["keep"] == other
    assert told["why"].startswith("Suggested: your favourite") and told["title"] == "2 pictures, copies of one"
    assert "<b>x.png" in told["pictures"][1]["about"]  # as text; the component never makes markup of it
    assert told["pictures"][0]["marks"] == [("favorite", "Favourite")]


def test_a_search_by_look_needs_no_worker_and_its_ways_are_switched(studio, hung):
    one, copy = hung(scene(1), prompt="a boat"), hung(smaller(scene(1)))
    hung(scene(2))
    test = page(q=f"like:{one} by:look")
    assert studio.queue.list(kinds=("find",)) == []
    assert test.session_state["gallery_shown"][:2] == [one, copy]
    assert test.session_state[alike.WAYS] == ["look"]
    pills = next(group for group in test.get("button_group") if group.key == alike.WAYS)
    pills.set_value(["look", "recipe"]).run()
    assert test.session_state["gallery_view"].words == f"like:{one} by:look by:recipe"


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_reading_colours_that_was_stopped_begins_again_only_when_asked_to(studio, hung, state):
    hung(flat("#d02828"))
    studio.database.write("UPDATE artworks SET looked = NULL")
    page(q="colour:red")
    job = studio.queue.claim("fetch", "test")
    studio.queue.finish(job.id, state, error="No room.")
    test = page(q="colour:red")
    assert [one.id for one in studio.queue.list(kinds=("looks",))] == [job.id]
    assert "not read yet" in text(test)
    press(test, "alike_read")
    (live,) = studio.queue.list(("waiting",), ("looks",))
    assert live.id != job.id


def test_every_way_reads_back_as_it_was_pressed(studio):
    for ways, _, _ in alike.PILLS.values():
        query = language.parse(language.write(language.Query(like=(("id:3", 1.0),), by=ways)))
        assert query.like_by == ways


def test_colours_are_found_in_the_order_of_how_much_there_is(studio, hung):
    red, _blue = hung(flat("#d02828")), hung(flat("#2f62c9"))
    test = page(q="colour:red")
    assert test.session_state["gallery_shown"] == [red]
    assert language.parse("colour:red").filters == (Filter("colour", "red"),)


def test_a_surprise_comes_and_another_handful_is_of_others(studio, hung):
    for seed in range(30):
        hung(scene(seed, 64))
    test = press(page(), "alike_surprise")
    first = list(test.session_state[alike.HANDFUL])
    assert len(first) == alike.COUNT and "Far from what you saw lately" in text(test)
    press(test, "alike_another")
    assert len(test.session_state[alike.HANDFUL]) == alike.COUNT
    assert set(studio.draft(alike.MEMORY)["shown"]) >= set(test.session_state[alike.HANDFUL])
    press(test, "alike_close")
    assert "Far from what you saw lately" not in text(test)


def test_for_you_says_because_of_what(studio, hung):
    liked = hung(scene(1, 64), prompt="a <i>boat</i>")
    for seed in range(2, 9):
        hung(scene(seed, 64))
    test = press(page(), "alike_taste")
    assert "Mark favourites" in text(test)
    changed(studio.gallery, liked, "favourite", True)
    test = press(page(), "alike_taste")
    assert "Because you liked “a <i>boat</i>”" in text(test)


def test_looks_that_are_missing_are_read_when_a_colour_is_asked_for(studio, hung):
    hung(flat("#d02828"))
    page(q="colour:red")
    assert studio.queue.list(kinds=("looks",)) == []
    studio.database.write("UPDATE artworks SET look = NULL, looked = NULL, colours = NULL")
    page(q="colour:red")
    page(q="colour:red")
    assert len(studio.queue.list(kinds=("looks",))) == 1
    assert changes.last(studio.gallery) is None
