"""The wall's part of the page without a browser: what it is told, what its bar does to what is selected, and every undo."""

from __future__ import annotations

import json

import pytest
from galleries import changed
from test_pages import HOSTILE, assert_sound, markup, page, painted, studio, text

from studio.gallery.keeping import changes, collections
from studio.gallery.keeping.changes import Change
from studio.ui import detail
from studio.ui.browse import View
from studio.ui.gallery import about, alike, bulk, tiles, views, wall

__all__ = ["studio"]  # a fixture is used by its name


@pytest.fixture
def ids(studio, gate):
    return [painted(studio, gate, seed=seed, caption=f"star {seed}").id for seed in (1, 2, 3)][::-1]


def select(test, chosen, n=1):
    test.session_state[wall.KEY] = {"chosen": {"ids": chosen, "n": n}}
    test.session_state["gallery_chosen"] = chosen
    return test.run()


def labels(test):
    return [button.key for button in test.button if str(button.key).startswith("bulk_")]


def test_the_first_sixty_need_no_request_and_the_rest_has_an_address(studio, gate, ids):
    test = page("gallery")
    assert_sound(test)
    assert test.session_state["gallery_shown"] == ids
    assert test.session_state[wall.ASKED] == {"upto": str(ids[0])}
    assert labels(test) == []
    held = tiles.stretch(studio, test.session_state[wall.ASKED], start=1, count=60)
    assert [tile["id"] for tile in held] == ids[1:]


def test_what_is_selected_in_any_room_brings_the_bar(studio, ids):
    test = select(page("gallery"), ids[:2])
    assert_sound(test)
    assert "2 selected" in text(test) and "bulk_compare" in labels(test)
    test.button(key="bulk_clear").click().run()
    assert test.session_state["gallery_chosen"] == [] and labels(test) == []


def test_tags_are_put_on_and_taken_off_and_both_are_undone(studio, ids):
    changed(studio.gallery, ids[0], "tag", "old")
    test = select(page("gallery"), ids[:2])
    test.multiselect(key="bulk_tags").set_value(["Night  Sky", "old"]).run()
    test.button(key="bulk_add_tags").click().run()
    assert_sound(test)
    assert [studio.gallery.get(id).tags for id in ids] == [("night sky", "old"), ("night sky", "old"), ()]
    assert "2 pictures tagged “night sky”, tagged “old”." in text(test)
    test.button(key="undo").click().run()
    assert [studio.gallery.get(id).tags for id in ids] == [("old",), (), ()]
    assert "Undone: 2 pictures as before." in text(test)
    test.pills(key="bulk_off").set_value(["old"]).run()
    test.button(key="bulk_take_off").click().run()
    assert_sound(test)
    assert studio.gallery.get(ids[0]).tags == ()


def test_favourites_ratings_and_dislikes(studio, ids):
    test = select(page("gallery"), ids)
    test.button(key="bulk_favourite").click().run()
    assert all(one.favourite for one in studio.gallery.many(ids).values())
    assert test.button(key="bulk_favourite").label == "No favourite"
    test.button(key="bulk_dislike").click().run()
    assert [one.rating for one in studio.gallery.many(ids).values()] == [-1, -1, -1]
    test.feedback(key="bulk_stars").set_value(3).run()
    assert_sound(test)
    assert [one.rating for one in studio.gallery.many(ids).values()] == [4, 4, 4]
    test.button(key="undo").click().run()
    assert [one.rating for one in studio.gallery.many(ids).values()] == [-1, -1, -1]


def test_into_a_collection_and_out_of_it(studio, ids):
    collections.create(studio.database, "Boats")
    test = select(page("gallery"), ids[:2])
    test.selectbox(key="bulk_into").set_value("Boats").run()
    assert_sound(test)
    (held,) = collections.all_of(studio.database)
    assert (held.name, held.count) == ("Boats", 2) and test.selectbox(key="bulk_into").value is None
    test.pills(key="bulk_out").set_value("Boats").run()
    assert collections.all_of(studio.database)[0].count == 0
    test.button(key="undo").click().run()
    assert collections.all_of(studio.database)[0].count == 2


def test_deleted_together_and_brought_back_together(studio, ids):
    test = select(page("gallery"), ids)
    test.button(key="bulk_delete").click().run()
    assert_sound(test)
    assert studio.gallery.files.stored() == [] and test.session_state["gallery_chosen"] == []
    assert "3 pictures put in the bin." in text(test)
    test.button(key="undo").click().run()
    assert len(studio.gallery.files.stored()) == 3
    assert_sound(test)


def test_in_the_bin_what_is_selected_can_be_restored(studio, ids):
    changes.apply(studio.gallery, ids[:2], Change("bin"))
    test = select(page("gallery", shelf="Bin"), ids[:2])
    assert labels(test) == ["bulk_restore", "bulk_clear"]
    test.button(key="bulk_restore").click().run()
    assert studio.gallery.files.stored(binned=True) == []


def test_what_a_key_did_is_said_on_the_page_and_can_be_undone_there(studio, ids):
    test = page("gallery")
    made = changes.apply(studio.gallery, ids[:1], Change("rate", 5))
    test.session_state["gallery_done"] = made
    test.run()
    assert "1 picture rated 5." in text(test)
    test.button(key="undo").click().run()
    assert studio.gallery.get(ids[0]).rating == 0
    test.button(key="close_undo").click().run()
    assert "Undone" not in text(test)


def test_what_a_key_undid_is_said_and_nothing_else_that_a_component_sends(studio, ids, monkeypatch):
    held = {"gallery_done": 3, "tags_1": ["old"]}
    monkeypatch.setattr("studio.ui.gallery.bulk.st.session_state", held)
    for bad in (None, "x", {}, {"change": "4"}, {"change": 0, "undone": ""}, {"undone": 7}):
        bulk.made(bad)
    assert held == {"gallery_done": 3, "tags_1": ["old"]}
    bulk.made({"change": 4.0, "undone": ""})
    assert bulk.done() == 4
    bulk.made({"change": 0, "undone": "Undone: 1 picture as before."})
    assert held == {"gallery_undone": "Undone: 1 picture as before."}  # and the fields are read anew


def test_a_press_that_is_heard_by_two_runs_keeps_its_undo_and_undoes_once(studio, ids, monkeypatch):
    held = {}
    monkeypatch.setattr("studio.ui.gallery.bulk.st.session_state", held)
    for _ in range(2):
        assert bulk.act(studio, ids[:2], Change("favourite", True))
    made = bulk.done()
    assert made and held == {"gallery_done": made} and changes.get(studio.gallery, made).pictures == 2
    assert bulk.act(studio, ids[:2], Change("rate", 0)) and bulk.done() == made
    held.clear()
    assert bulk.act(studio, ids[:2], Change("rate", 0)) and bulk.done() == 0 and "already" in held["gallery_undone"]
    held["gallery_done"] = made
    for _ in range(2):
        bulk.take_back(studio, made)
    assert views.PROBLEM not in held and changes.get(studio.gallery, made).undone_at is not None
    assert not any(studio.gallery.get(id).favourite for id in ids[:2]) and "2" in held["gallery_undone"]


def test_fields_that_are_heard_once_more_take_no_undo_away(studio, ids, monkeypatch):
    """After a delete the page of a picture is gone; a press that comes quickly brings along what its fields held."""
    artwork = studio.gallery.get(ids[0])
    fields = {"caption": artwork.caption, "tags": list(artwork.tags), "remark": artwork.remark}
    held = {**fields, "gallery_done": changes.apply(studio.gallery, ids[:1], Change("bin"))}
    before = dict(held)
    monkeypatch.setattr("studio.ui.gallery.bulk.st.session_state", held)
    detail._caption(studio, artwork, "caption")
    detail._retag(studio, artwork, "tags")
    about._note(studio, artwork, "remark")
    assert held == before
    bulk.take_back(studio, bulk.done())
    assert studio.gallery.get(ids[0]).deleted_at is None


def test_switches_that_are_heard_once_more_change_nothing(studio, ids, monkeypatch):
    held = {views.VIEW: View(words="night"), views.SWITCH: "pictures", alike.WAYS: ["meaning"]}
    monkeypatch.setattr("studio.ui.gallery.bulk.st.session_state", held)
    looked: list[View] = []
    monkeypatch.setattr(views, "current", lambda: held[views.VIEW])
    monkeypatch.setattr(views, "look", looked.append)
    views._switched()
    alike._chosen()
    assert looked == []
    held |= {views.VIEW: View(words="like:1"), views.SWITCH: "map", alike.WAYS: ["look"]}
    views._switched()
    alike._chosen()
    assert looked == [View(words="like:1", look="map"), View(words="like:1 by:look")]


def test_an_undo_that_somebody_else_did_already_is_no_longer_offered(studio, ids):
    test = page("gallery")
    made = changes.apply(studio.gallery, ids[:1], Change("rate", 5))
    test.session_state["gallery_done"] = made
    changes.undo(studio.gallery, made)
    test.run()
    assert_sound(test)
    assert not [button for button in test.button if button.key == "undo"]


def test_a_bad_tag_is_a_sentence_and_changes_nothing(studio, ids):
    test = select(page("gallery"), ids)
    test.multiselect(key="bulk_tags").set_value(["x" * 80]).run()
    test.button(key="bulk_add_tags").click().run()
    assert_sound(test)
    assert changes.last(studio.gallery) is None


# --- one picture ------------------------------------------------------------------------------------------------------------


def test_neighbours_go_on_beyond_what_was_shown(studio, ids):
    test = page("gallery")
    test.query_params["id"] = str(ids[1])
    test.run()
    assert_sound(test)
    test.button(key="detail_Next").click().run()
    assert test.query_params["id"] == [str(ids[2])] or test.query_params["id"] == str(ids[2])
    assert test.button(key="detail_Next").disabled


def test_where_a_picture_came_from_and_what_its_file_said_is_there_as_text(studio, gate, ids):
    studio.database.write(
        "UPDATE artworks SET made_with = 'comfy', model = ?, sampler = 'euler', seed = 7, camera = 'A box', taken_at = 86400,"
        " negative = 'no fog', metadata = ?, recipe = NULL, place = '/years/of/outputs/x.png' WHERE id = ?",
        HOSTILE,
        json.dumps({"prompt": json.dumps({"3": {"class_type": "KSampler"}}), "note": HOSTILE}),
        ids[0],
    )
    test = page("gallery", id=str(ids[0]))
    assert_sound(test)
    said = text(test)
    for words in ("ComfyUI", "euler", "A box", "1970", "no fog", "/years/of/outputs/x.png", HOSTILE):
        assert words in said
    assert "<img src=x" not in markup(test)
    code = [block.value for block in test.code]
    assert any('"class_type": "KSampler"' in block for block in code) and HOSTILE in code


def test_a_picture_whose_file_is_gone_says_so_and_what_to_do(studio, ids):
    studio.database.write("UPDATE artworks SET place = '/away/x.png', gone_at = 1.0 WHERE id = ?", ids[0])
    said = text(page("gallery", id=str(ids[0])))
    assert "Its file is not where it was" in said and "/away/x.png" in said


def test_metadata_that_is_no_json_is_shown_as_it_is(studio, gate):
    artwork = painted(studio, gate)
    studio.database.write("UPDATE artworks SET metadata = '{broken' WHERE id = ?", artwork.id)
    assert about.texts_of(studio.gallery.get(artwork.id)) == [("text", "{broken")]
