"""Collections: made, named, ordered, deleted and brought back; smart ones hold a search that is read."""

import hostile
import pytest
from galleries import painter

from studio.domain.errors import BadInput
from studio.domain.query import Query
from studio.gallery.finding import language
from studio.gallery.keeping import collections
from studio.gallery.keeping.changes import Change, apply


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


def names(gallery):
    return [(one.name, one.count) for one in collections.all_of(gallery.database)]


def filled(gallery, gate, name="Boats", count=3):
    made = collections.create(gallery.database, name)
    paint = painter(gallery, gate)
    ids = [paint(seed).id for seed in range(1, count + 1)]
    apply(gallery, ids, Change("collect", made.id))
    return made, ids


def test_a_collection_holds_pictures_and_the_bin_is_not_counted(gallery, gate):
    made, ids = filled(gallery, gate)
    assert (made.smart, made.count, names(gallery)) == (False, 0, [("Boats", 3)])
    gallery.delete(ids[0])
    assert names(gallery) == [("Boats", 2)]
    found = gallery.page(language.parse("collection:boats"))
    assert {art.id for art in found} == set(ids[1:])


def test_names_are_trimmed_and_taken_once(gallery):
    made = collections.create(gallery.database, "  night   boats ")
    assert made.name == "night boats"
    for name, why in (("NIGHT boats", "already"), ("  ", "no name"), ("x" * 81, "81 characters")):
        with pytest.raises(BadInput, match=why):
            collections.create(gallery.database, name)
    other = collections.create(gallery.database, "other")
    with pytest.raises(BadInput, match="already"):
        collections.rename(gallery.database, other.id, "night boats")
    assert collections.rename(gallery.database, made.id, "Night Boats").name == "Night Boats"  # its own, in capitals
    with pytest.raises(BadInput, match="no such collection"):
        collections.rename(gallery.database, 99, "x")


def test_a_smart_one_keeps_the_search_as_it_was_typed(gallery):
    made = collections.create(gallery.database, "red", query=' red  star "a b" -tag:night')
    assert made.smart and made.query == 'red star "a b" -tag:night'
    assert collections.all_of(gallery.database) == [collections.Collection(made.id, "red", made.query, None)]
    for query in ("rating:great", "   "):
        with pytest.raises(BadInput):
            collections.create(gallery.database, "no", query=query)
    assert len(collections.all_of(gallery.database)) == 1


def test_delete_leaves_the_pictures_and_can_be_undone(gallery, gate):
    made, ids = filled(gallery, gate)
    collections.place(gallery.database, made.id, [ids[2]], before=ids[0])
    assert collections.delete(gallery.database, made.id).name == "Boats"
    assert names(gallery) == [] and gallery.count(Query()) == 3
    gallery.delete(ids[1])
    gallery.empty_bin()
    collections.create(gallery.database, "boats")  # somebody needed the name meanwhile
    back = collections.restore(gallery.database, made.id)
    assert (back.id, back.name) == (made.id, "Boats (2)")
    assert collections.order(gallery.database, made.id) == [ids[2], ids[0]]
    with pytest.raises(BadInput, match="cannot be brought back"):
        collections.restore(gallery.database, made.id)


def test_two_that_were_deleted_come_back_both_for_thirty_days(gallery, gate):
    database = gallery.database
    made, ids = filled(gallery, gate)
    other = collections.create(database, "red", query="red star")
    third = collections.create(database, "third")
    for one in (made, other, third):
        collections.delete(database, one.id)
    assert collections.restore(database, made.id).name == "Boats" and names(gallery) == [("Boats", 3)]
    assert collections.restore(database, other.id).query == "red star"
    database.write("UPDATE drafts SET updated_at = updated_at - 31 * 86400")
    collections.delete(database, made.id)
    with pytest.raises(BadInput, match="30 days"):
        collections.restore(database, third.id)
    assert collections.order(database, collections.restore(database, made.id).id) == ids


def test_pictures_are_ordered_by_hand(gallery, gate):
    made, (a, b, c) = filled(gallery, gate)
    database = gallery.database
    assert collections.order(database, made.id) == [a, b, c]
    collections.place(database, made.id, [c, a], before=b)
    assert collections.order(database, made.id) == [c, a, b]
    collections.place(database, made.id, [c])
    assert collections.order(database, made.id) == [a, b, c]
    for moved, before in (([99], None), ([a], 99), ([a], a), ([], None)):
        with pytest.raises(BadInput, match="not in this collection"):
            collections.place(database, made.id, moved, before=before)


def test_a_collection_alone_is_shown_in_its_own_order(gallery, gate, monkeypatch):
    made, (a, b, c) = filled(gallery, gate)
    database = gallery.database
    collections.place(database, made.id, [c], before=a)
    assert collections.arranged(database, language.parse("collection:BOATS")) == [c, a, b]
    for text in (
        "",
        "-collection:boats",
        "collection:boats tag:x",
        "collection:boats star",
        "collection:none",
        "tag:boats",
    ):
        assert collections.arranged(database, language.parse(text)) is None, text
    monkeypatch.setattr(collections, "ORDERED", 2)
    assert collections.arranged(database, language.parse("collection:boats")) is None


def test_a_saved_search_stands_for_what_it_asks(gallery):
    database = gallery.database
    collections.create(database, "red", query='red star -tag:old "a b" by:look like:3')
    collections.create(database, "new red", query="collection:red rating:>=3")
    collections.create(database, "by hand")

    def unfolded(text):
        return collections.unfolded(database, language.parse(text))

    want = language.parse('boat (red star) like:3 "a b" -tag:old is:favourite by:look')
    assert unfolded("boat collection:red is:favourite") == want
    assert unfolded('collection:"new red"') == language.parse('red star like:3 "a b" -tag:old rating:>=3 by:look')
    assert unfolded('collection:"by hand" x') == language.parse('collection:"by hand" x')
    with pytest.raises(BadInput, match="cannot be left out"):
        unfolded("-collection:red")
    collections.rename(database, collections.named(database, "red").id, "other")
    database.write("UPDATE collections SET query = 'collection:other x' WHERE name = 'other'")  # of itself: it ends
    assert language.parse("x").words[0] in unfolded("collection:other").words
