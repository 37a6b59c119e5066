"""The box and the rail without a browser: chips of a search, what the page makes of what is sent, what an empty box teaches."""

from __future__ import annotations

import json

import pytest
from galleries import changed
from PIL import Image
from streamlit.testing.v1 import AppTest
from test_pages import assert_sound, jobs, page, painted, studio, text  # noqa: F401  (studio is a fixture)

from studio.domain.artwork import Hit, Why
from studio.domain.query import Query
from studio.gallery.finding import teaching
from studio.gallery.finding.language import MINUS, parse, read
from studio.gallery.finding.suggesting import suggest
from studio.gallery.keeping import changes, collections
from studio.ui import browse
from studio.ui.browse import View
from studio.ui.components import finding
from studio.ui.gallery import bulk, chips, tiles, why
from studio.ui.gallery import collections as rail

TYPED = 'red star -(big house) (like:3:2) -like:4 "night sky" model:"dream shaper" -seed:..105 by:look'


def named(query: Query) -> dict[str, chips.Chip]:
    return {chip["said"]: chip for chip in chips.of(query)}


def test_every_piece_of_a_search_has_a_chip():
    assert list(named(parse(TYPED))) == [
        "red star", "not big house", "like 3", "not like 4", "“night sky”", "model dream shaper", "not seed ..105", "by look",
    ]  # fmt: skip
    assert chips.of(Query()) == []


@pytest.mark.parametrize("said", list(named(parse(TYPED))))
def test_a_chip_taken_out_or_turned_round_leaves_the_rest_as_it_was(said):
    before, chip = parse(TYPED), named(parse(TYPED))[said]
    gone = named(parse(chip["off"]))
    assert set(gone) == set(named(before)) - {said}
    if said == "by look":
        assert chip["fixed"] and parse(chip["off"]).by == ("picture", "words")
        return
    other = named(parse(chip["flip"]))
    assert len(other) == len(named(before)) and said not in other
    (turned,) = set(other) - set(named(before))
    assert turned.removeprefix("not ") == said.removeprefix("not ")
    assert other[turned]["wanted"] is not chip["wanted"]
    assert parse(chip["off"]).by == before.by == ("look",)
    if said != "like 3":  # its weight of 2 is kept when it counts against
        assert parse(other[turned]["flip"]) == before


def test_pictures_and_phrases_are_weighed_in_steps_to_an_end():
    (chip,) = chips.of(parse("like:3"))
    assert (chip["weight"], parse(chip["more"]).like) == ("×1", (("id:3", 1.5),))
    (heavy,) = chips.of(Query(like=(("id:3", 5.0),)))
    assert heavy["more"] == "" and parse(heavy["less"]).like == (("id:3", 3.0),)
    (minus,) = chips.of(parse("-house"))
    assert parse(minus["more"]).words == (("house", -0.75),) and parse(minus["less"]).words == (("house", -0.5),)
    (exact,) = chips.of(parse('"a b"'))
    assert exact["less"] == exact["more"] == ""
    assert (chips.turned(1.0), chips.turned(MINUS), chips.turned(2.0)) == (MINUS, 1.0, -2.0)


def test_a_dropped_picture_is_weighed_by_number_not_by_text():
    chip = chips.dropped("spool", 1.0, preview="p.webp", where="this picture")
    assert (chip["spool"], chip["off"], chip["flip"], chip["more"], chip["src"]) == (
        "spool", 0, MINUS, 1.5, "/previews/p.webp",
    )  # fmt: skip


# --- the page -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [None, 7, "text", {"text": 7}, {"n": 1}, {"spool": 7, "to": 1}, {"spool": "x", "to": "1"}]
)
def test_what_comes_from_a_browser_is_not_trusted(monkeypatch, value):
    monkeypatch.setattr(finding, "sent", lambda key, name: value)
    assert finding.question("box") is None and finding.weight("box") is None and finding.deed("rail") is None


def test_what_comes_from_a_browser_is_read(monkeypatch):
    told = {
        "ask": {"text": "a"},
        "weigh": {"spool": "x", "to": -0.6},
        "act": {"do": "collect", "id": 3, "ids": [1, "2", 4.0]},
    }
    monkeypatch.setattr(finding, "sent", lambda key, name: told[name])
    assert finding.question("box") == "a" and finding.weight("box") == ("x", -0.6)
    assert finding.deed("rail") == {"do": "collect", "id": 3, "name": "", "ids": [1, 4]}


def test_the_address_brings_a_search_and_its_chips_back(studio, gate):  # noqa: F811
    one = painted(studio, gate)
    test = page("gallery", q=f'seed:{one.recipe.seed} -tag:"<b>x" shelf', shelf="Favourites", look="nonsense")
    assert_sound(test)
    view = test.session_state["gallery_view"]
    assert (view.shelf, view.look) == ("Favourites", "pictures")
    assert browse.address(view) == {"q": view.words, "shelf": "Favourites"}
    assert browse.read(browse.address(View(words="a", look="map"))) == View(words="a", look="map")


def test_an_address_may_name_a_saved_search(studio, gate):  # noqa: F811
    one, _ = painted(studio, gate, seed=1), painted(studio, gate, seed=2)
    collections.create(studio.database, "Ones", query="seed:1")
    test = page("gallery", q="collection:ones")
    assert_sound(test)
    assert test.session_state["gallery_shown"] == [one.id] and test.query_params["q"] in ("seed:1", ["seed:1"])
    test = page("gallery", q="-collection:ones")
    assert "which cannot be left out" in text(test)


def test_a_picture_that_is_in_the_gallery_is_searched_for_by_its_number(studio, gate):  # noqa: F811
    one = painted(studio, gate)
    test = page("gallery")
    data = studio.gallery.path(one).read_bytes()
    test.file_uploader(key="gallery_drop_0").set_value([("mine.png", data, "image/png")]).run()
    assert_sound(test)
    assert test.session_state["gallery_view"].words == f"like:{one.id}" and jobs(studio, "clear") == []


def test_any_other_picture_is_checked_first_and_then_part_of_the_search(studio, gate):  # noqa: F811
    painted(studio, gate)
    test = page("gallery")
    test.file_uploader(key="gallery_drop_0").set_value([("x.png", b"never seen", "image/png")]).run()
    assert_sound(test)
    (job,) = jobs(studio, "clear")
    assert jobs(studio, "find") == []  # nothing is searched for by what nobody checked
    assert studio.queue.claim("look", "test") is not None
    studio.queue.finish(job.id, "done", result={"preview": "p-1.webp"})
    test.run()
    (find,) = jobs(studio, "find")
    assert find.payload["like"] == [[f"sha:{job.payload['spool']}", 1.0]]
    assert "leaves it out" in text(test) and "q" not in test.query_params


def test_a_refused_picture_says_why_and_can_be_removed(studio, gate):  # noqa: F811
    test = page("gallery")
    test.file_uploader(key="gallery_drop_0").set_value([("x.png", b"never seen", "image/png")]).run()
    (job,) = jobs(studio, "clear")
    assert studio.queue.claim("look", "test") is not None
    studio.queue.finish(job.id, "failed", error="It is not a picture.")
    test.run()
    assert "It is not a picture." in text(test) and jobs(studio, "find") == []
    test.button(key=f"drop_example_{job.id}").click().run()
    assert_sound(test)
    assert test.session_state["gallery_examples"] == [] and "not a picture" not in text(test)


# --- the rail -----------------------------------------------------------------------------------------------------------


def test_which_collection_is_open_and_what_can_be_saved(database):
    boats = collections.create(database, "night boats")
    red = collections.create(database, "red", query="red star")
    held = collections.all_of(database)
    assert rail.opened(held, View(words=rail.text_of(boats))) == collections.Collection(
        boats.id, "night boats", None, 0
    )
    assert rail.opened(held, View(words="RED  star")).id == red.id
    assert rail.opened(held, View(words="red star", shelf="Bin")) is None
    assert rail.savable(held, View()) is None and rail.savable(held, View(words="red star")) is None
    assert rail.savable(held, View(words="rating:great")) is None and rail.savable(held, View(shelf="Bin")) is None
    assert rail.savable(held, View(words="blue")) == "blue"
    text_kept = rail.to_save(View(words="blue", shelf="Favourites", tag="night sky"))
    assert read(text_kept).query == parse('blue is:favourite tag:"night sky"')


def test_a_saved_search_stands_in_the_rail_with_its_number(studio, gate):  # noqa: F811
    for seed in (1, 2):
        painted(studio, gate, seed=seed)
    collections.create(studio.database, "mine", query="seed:2")
    collections.create(studio.database, "words", query="a boat")
    test = page("gallery")
    assert_sound(test)
    (rail_,) = (json.loads(one.proto.json) for one in test.get("bidi_component") if "gallery_rail" in one.proto.id)
    assert {one["name"]: one["count"] for one in rail_["collections"]} == {"mine": 1, "words": None}


# --- teaching -----------------------------------------------------------------------------------------------------------


def test_an_empty_box_teaches_with_what_is_here(gallery, gate):
    assert teaching.examples(gallery.database, gallery.vocabulary()) == []
    one = gallery.add(gate.picture(Image.new("RGB", (64, 48), "navy")), kind="imported")
    gallery.set_caption(one.id, "a purple mushroom near a house", "you")
    changed(gallery, one.id, "tag", "night sky")
    changed(gallery, one.id, "favourite", True)
    found = teaching.examples(gallery.database, gallery.vocabulary())
    texts = [each.text for each in found]
    assert {'tag:"night sky"', "purple mushroom", '"purple mushroom"', "is:favourite", f"like:{one.id}"} <= set(texts)
    for each in found:
        assert read(each.text).notes == () and each.meaning
        if not parse(each.text).ranked and each.text != "ratio:tall":
            assert gallery.count(parse(each.text)) == 1, each.text
    assert suggest("", gallery.vocabulary()) == []


# --- why ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, ""),
        (Why(), ""),
        (Why(meaning=0.31), "Likeness 0.31"),
        (Why(meaning=-0.001), "Likeness 0.00"),
        (
            Why(0.1, (("caption", ("boat", "boats")), ("tags", ("boat",))), "a <b>red</b> boat"),
            "“boat”, “boats” in its caption and tags: a <b>red</b> boat · likeness 0.10",
        ),
        (Why(words=(("tags", ("night",)),), excerpt="night, sea"), "“night” in its tags"),
        (
            Why(look=0.9, colour=0.42, recipe=("seed", "model")),
            "Look 0.90 · 42 % of these colours · same seed, model",
        ),
    ],
)
def test_why_is_one_line_of_text(found, said):
    assert why.line(found) == said


def test_a_colour_is_found_without_a_job_and_says_why(studio, gate):  # noqa: F811
    studio.gallery.add(gate.picture(Image.new("RGB", (64, 48), "navy")), kind="imported")
    test = page("gallery", q="colour:blue")
    assert_sound(test)
    assert jobs(studio, "find") == []
    found = Hit(studio.gallery.get(1), 0.31, Why(0.31, (("caption", ("<b>",)),), "<b>"))
    assert tiles.tiles([found])[0]["why"] == "“<b>” in its caption: <b> · likeness 0.31"


def deeds_done():
    """A page of which the rail's deeds are done one after the other."""
    import streamlit as st

    from studio.ui import session
    from studio.ui.gallery import collections, views

    home = session.studio()
    views.current()
    for deed in st.session_state["deeds"]:
        collections._DEEDS[deed["do"]](home, {"id": 0, "name": "", "ids": [], **deed})
    collections.draw(home, views.current())
    views.complaint()


def test_what_is_done_in_the_rail(studio, gate):  # noqa: F811
    ids = [painted(studio, gate, seed=seed).id for seed in (1, 2, 3)]
    test = AppTest.from_function(deeds_done, default_timeout=60)

    def do(*deeds, **state):
        test.session_state["deeds"] = list(deeds)
        for key, value in state.items():
            test.session_state[key] = value
        test.run()
        assert_sound(test)
        return [(one.name, one.count) for one in collections.all_of(studio.database)]

    def at():
        q = test.query_params["q"]
        return q if isinstance(q, str) else q[0]

    assert do({"do": "create", "name": "boats"}, gallery_chosen=ids[:2]) == [("boats", 2)]
    assert changes.get(studio.gallery, test.session_state[bulk.DONE]).pictures == 2  # which the page offers to undo
    assert do({"do": "collect", "id": 1, "ids": ids}) == [("boats", 3)]
    dropped = changes.get(studio.gallery, test.session_state[bulk.DONE])
    assert (dropped.words, dropped.pictures) == ("1 picture put into “boats”", 1)
    do({"do": "open", "id": 1})
    assert at() == "collection:boats"
    assert do({"do": "rename", "id": 1, "name": "night boats"}) == [("night boats", 3)]
    assert at() == 'collection:"night boats"'  # what is open stays open
    do({"do": "shelf", "name": "Favourites"})
    assert do({"do": "save", "name": "loved"}) == [("loved", None), ("night boats", 3)]
    assert collections.named(studio.database, "loved").query == "is:favourite"
    assert do({"do": "delete", "id": 1}) == [("loved", None)]
    assert do({"do": "delete", "id": 2}) == []
    test.session_state["deeds"] = []
    test.button(key="undo_collection").click().run()
    assert do() == [("loved", None)]
    test.button(key="undo_collection").click().run()
    assert do()[1] == ("night boats", 3) and not [one for one in test.button if one.key == "undo_collection"]


def left_behind():
    """A page on which one looks at something else; the address may be one that a browser sent before it heard of that."""
    import streamlit as st

    from studio.ui.browse import View
    from studio.ui.gallery import views

    views.current()
    if st.session_state.get("go") is not None:
        views.look(View(words=st.session_state["go"]))
    st.session_state["seen"] = views.current().words


def test_an_address_that_was_just_left_does_not_bring_the_old_search_back():
    test = AppTest.from_function(left_behind, default_timeout=60)
    test.query_params["q"] = "boat"
    test.run()
    assert test.session_state["seen"] == "boat"
    test.session_state["go"] = ""
    test.run()
    assert test.session_state["seen"] == "" and "q" not in test.query_params
    test.session_state["go"] = None
    test.query_params["q"] = "boat"  # a run that was asked for before
    test.run()
    assert test.session_state["seen"] == "" and "q" not in test.query_params
    test.query_params["q"] = "star"  # news
    test.run()
    assert test.session_state["seen"] == "star"
