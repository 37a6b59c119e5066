"""Changes by hand: whatever is done, to one picture or ten thousand, its undo gives back exactly what was there."""

import json
import random
import sqlite3
import time

import hostile
import pytest
from galleries import painter

from studio.domain.errors import BadInput, StorageBroken
from studio.gallery.gallery import Gallery
from studio.gallery.keeping import changes
from studio.gallery.keeping.changes import Change, apply, last, undo

DECLARED = "INSERT INTO artworks (id, sha256, file, kind, width, height, bytes, verdict, created_at)"


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def rows(gallery):
    """A gallery of many rows without files; changes that move none need no more."""

    def make(count: int) -> list[int]:
        gallery.database.write(
            f"{DECLARED} SELECT value, printf('%064x', value), printf('%064x.png', value), 'painted', 8, 8, 9, '{{}}', 1.0"
            " FROM json_each(?)",
            json.dumps(list(range(1, count + 1))),
        )
        return list(range(1, count + 1))

    return make


def collection(gallery, name, query=None):
    sql = "INSERT INTO collections (name, query, created_at) VALUES (?, ?, 1.0)"
    return gallery.database.write(sql, name, query).lastrowid


def state(gallery):
    """Everything that a change could touch."""
    read = gallery.database.read
    artworks = "SELECT id, rating, favourite, remark, caption, caption_by, deleted_at FROM artworks ORDER BY id"
    words = "SELECT rowid, caption, remark, tags FROM words ORDER BY rowid"
    tables = (artworks, words, "SELECT * FROM tags ORDER BY 1, 2", "SELECT * FROM collection_items ORDER BY 1, 2")
    files = sorted(gallery.files.stored()), sorted(gallery.files.stored(binned=True))
    return [[tuple(row) for row in read(sql)] for sql in tables], files


def any_change(dice, shelves):
    what = dice.choice(changes.WHATS)
    value = {
        "tag": dice.choice(("night", "boat", "Old  Boat", "ü")),
        "untag": dice.choice(("night", "boat", "old boat")),
        "rate": dice.randint(-1, 5),
        "favourite": dice.random() < 0.5,
        "remark": dice.choice(("", "seen", "'; DROP TABLE artworks; --", "two\nlines")),
        "caption": dice.choice(("", "a boat", "a star")),
        "collect": dice.choice(shelves),
        "uncollect": dice.choice(shelves),
    }.get(what)
    return Change(what, value)


@pytest.mark.parametrize("seed", range(16))
def test_undone_from_the_last_to_the_first_everything_is_as_it_was(gallery, gate, seed):
    dice = random.Random(seed)
    ids = [painter(gallery, gate)(number).id for number in (1, 5, 7)]
    gallery.set_caption(ids[0], "by a model", "storybook")
    shelves = [collection(gallery, "one"), collection(gallery, "two")]
    kept = []
    for _ in range(12):
        chosen = dice.sample(ids, dice.randint(1, 3))
        before = state(gallery)
        parts = [any_change(dice, shelves) for _ in range(dice.choice((1, 1, 3)))]
        number = apply(gallery, chosen, parts)
        assert bool(number) or state(gallery) == before  # without a number nothing was changed
        if number:
            kept.append((number, before))
    for number, before in reversed(kept):
        assert last(gallery).id == number
        said = undo(gallery, number)
        assert said.left == said.gone == 0
        assert state(gallery) == before
    assert last(gallery) is None
    assert gallery.check() == []


def test_ten_thousand_pictures_are_changed_and_given_back_in_a_moment(gallery, rows):
    ids = rows(10_000)
    gallery.database.write("UPDATE artworks SET rating = id % 6, favourite = id % 2")
    gallery.database.write("INSERT INTO tags (artwork, tag) SELECT id, 'old' FROM artworks WHERE id % 3 = 0")
    before = state(gallery)
    began = time.perf_counter()
    parts = [Change("rate", -1), Change("favourite", True), Change("tag", "old")]
    number = apply(gallery, ids, parts)
    assert gallery.database.one("SELECT count(*) FROM tags WHERE tag = 'old'")[0] == 10_000
    assert gallery.get(10_000).rating == -1 and last(gallery).pictures == 10_000
    assert undo(gallery, number).pictures == 10_000
    assert time.perf_counter() - began < 60  # about two; the machine may be busy
    assert state(gallery) == before


def test_what_was_changed_since_stays_and_is_said(gallery, rows):
    ids = rows(4)
    number = apply(gallery, ids, Change("rate", 4))
    apply(gallery, ids[:1], Change("rate", 1))
    gallery.database.write("DELETE FROM artworks WHERE id = 4")
    said = undo(gallery, number)
    assert (said.pictures, said.left, said.gone) == (2, 1, 1)
    assert [gallery.get(id).rating for id in ids[:3]] == [1, 0, 0]
    assert said.words == (
        "Undone: 2 pictures as before. 1 picture that was changed since stays as it is. 1 picture deleted for good is not back."
    )
    with pytest.raises(BadInput, match="undone already"):
        undo(gallery, number)


def test_an_undo_with_nothing_left_to_undo_is_refused_and_can_be_tried_again(gallery, rows):
    ids = rows(2)
    first, second = apply(gallery, ids, Change("rate", 4)), apply(gallery, ids, Change("rate", 5))
    with pytest.raises(BadInput, match="Nothing is left to undo"):
        undo(gallery, first)
    undo(gallery, second)
    assert undo(gallery, first).pictures == 2 and gallery.get(1).rating == 0


def test_a_last_change_with_nothing_left_to_undo_stands_in_no_other_one_s_way(gallery, rows):
    rows(3)
    apply(gallery, [1], Change("rate", 2))
    apply(gallery, [2], Change("rate", 1))
    apply(gallery, [3], Change("rate", 3))
    gallery.database.write("DELETE FROM artworks WHERE id = 2")
    gallery.database.write("UPDATE artworks SET rating = 5 WHERE id = 3")
    for _ in range(2):
        with pytest.raises(BadInput, match="Nothing is left to undo"):
            undo(gallery, last(gallery).id)
    assert gallery.get(3).rating == 5
    assert undo(gallery, last(gallery).id).pictures == 1 and gallery.get(1).rating == 0
    assert last(gallery) is None


def test_a_collection_deleted_since_takes_nothing_back(gallery, rows):
    ids, shelf = rows(2), collection(gallery, "boats")
    apply(gallery, ids, Change("collect", shelf))
    taken = apply(gallery, ids, Change("uncollect", shelf))
    gallery.database.write("DELETE FROM collections WHERE id = ?", shelf)
    with pytest.raises(BadInput, match="Nothing is left"):
        undo(gallery, taken)


def test_pictures_come_into_a_collection_in_the_order_given_behind_what_is_there(gallery, rows):
    ids, shelf = rows(5), collection(gallery, "boats")
    apply(gallery, [2], Change("collect", shelf))
    apply(gallery, [5, 1, 2, 3], Change("collect", shelf))
    held = gallery.database.read("SELECT artwork FROM collection_items WHERE collection = ? ORDER BY place", shelf)
    assert [row[0] for row in held] == [2, 5, 1, 3] and len(ids) == 5


def test_deleting_and_undoing_moves_the_files_with_the_rows(gallery, gate):
    first, second = (painter(gallery, gate)(number) for number in (1, 5))
    number = apply(gallery, [first.id, second.id], Change("bin"))
    assert gallery.files.stored() == [] and len(gallery.files.stored(binned=True)) == 2
    assert last(gallery).words == "2 pictures put in the bin"
    gallery.restore(first.id)
    gallery.delete(first.id)  # a second time, by another hand: that one is not this undo's
    said = undo(gallery, number)
    assert (said.pictures, said.left) == (1, 1)
    assert gallery.files.stored() == [second.file] and gallery.check() == []


@pytest.mark.parametrize("way", ["bin", "restore", "undo"])
@pytest.mark.parametrize("when", ["at the third file", "after the files"])
def test_a_change_that_fails_half_way_leaves_rows_and_files_together(gallery, gate, way, when):
    arts = [painter(gallery, gate)(number) for number in (1, 5, 7, 9)]
    ids = [art.id for art in arts]
    number = 0 if way == "bin" else apply(gallery, ids, Change("bin"))
    before = state(gallery)
    if when == "at the third file":  # a folder lies where it shall go
        target = gallery.files.path(arts[2].file, binned=way == "bin")
        target.mkdir()
    else:
        column = "undone_at" if way == "undo" else "pictures"
        gallery.database.write(
            f"CREATE TRIGGER harm BEFORE UPDATE OF {column} ON changes BEGIN SELECT RAISE(ABORT, 'harm'); END"
        )
    with pytest.raises((StorageBroken, sqlite3.IntegrityError)):
        undo(gallery, number) if way == "undo" else apply(gallery, ids, Change(way))
    if when == "at the third file":
        target.rmdir()
    else:
        gallery.database.write("DROP TRIGGER harm")
    assert state(gallery) == before and gallery.check() == []
    assert undo(gallery, number).pictures == 4 if way == "undo" else apply(gallery, ids, Change(way))
    assert gallery.check() == []


def test_a_change_survives_a_restart(gallery, rows, files):
    number = apply(gallery, rows(3), Change("tag", "Night  Sky"))
    gallery.database.release()
    again = Gallery(database=type(gallery.database)(gallery.database.path), files=files)
    assert last(again).id == number and last(again).parts == (Change("tag", "night sky"),)
    assert undo(again, number).pictures == 3 and again.get(1).tags == ()
    again.database.close()


def test_changes_are_kept_for_thirty_days(gallery, rows):
    ids = rows(1)
    number = apply(gallery, ids, Change("rate", 4))
    gallery.database.write("UPDATE changes SET at = at - 31 * 86400")
    assert last(gallery) is None
    with pytest.raises(BadInput, match="30 days"):
        undo(gallery, number)
    apply(gallery, ids, Change("rate", 5))
    assert gallery.database.one("SELECT count(*) FROM change_items")[0] == 1


def test_all_parts_or_none(gallery, rows):
    ids, smart = rows(2), collection(gallery, "smart", query="boat")
    with pytest.raises(BadInput, match="holds what its search finds"):
        apply(gallery, ids, [Change("rate", 4), Change("collect", smart)])
    assert gallery.get(1).rating == 0 and last(gallery) is None


@pytest.mark.parametrize(
    ("what", "value", "field"),
    [
        ("rate", 6, "rating"), ("rate", -2, "rating"), ("rate", True, "rating"), ("rate", "4", "rating"),
        ("tag", "  ", "tag"), ("tag", "x" * 65, "tag"), ("caption", "x" * 2_001, "caption"),
        ("remark", "x" * 10_001, "remark"), ("collect", None, "collection"), ("burn", 1, "change"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_names_its_field(what, value, field):
    with pytest.raises(BadInput) as caught:
        Change(what, value)
    assert caught.value.field == field and str(caught.value).endswith(".")


def test_no_pictures_and_pictures_that_are_gone_are_sentences(gallery, rows):
    rows(1)
    for ids in ([], [77]):
        with pytest.raises(BadInput) as caught:
            apply(gallery, ids, Change("rate", 4))
        assert caught.value.field == "artworks"
    assert apply(gallery, [1, 77], Change("rate", 0)) == 0  # there, but so already


def test_what_was_done_is_said_as_a_person_says_it(gallery, rows):
    ids = rows(2)
    apply(gallery, ids[:1], [Change("tag", "night"), Change("rate", -1)])
    assert last(gallery).words == "1 picture tagged “night”, disliked"
