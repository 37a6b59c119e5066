"""What is kept of a large gallery: right after every change, whoever made it, and asked of the table no more than that."""

import threading

import hostile
import pytest
from galleries import changed, painter

from studio.database import Database
from studio.domain.artwork import Query
from studio.gallery.finding.language import read
from studio.gallery.gallery import Gallery
from studio.gallery.keeping.kept import DEAR, Kept


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def paint(gallery, gate):
    return painter(gallery, gate)


def selects(gallery):
    """The statements that read the table of artworks or tags from now on."""
    seen = []
    keep = lambda sql: seen.append(sql) if "FROM artworks" in sql or "FROM tags" in sql else None  # noqa: E731
    gallery.database._connection().set_trace_callback(keep)
    return seen


def test_counts_numbers_and_suggestions_are_right_after_every_change(gallery, paint):
    one, two = paint(2), paint(3)
    other = Gallery(database=Database(gallery.database.path), files=gallery.files)  # as another process has it

    def told(held):
        query = read("tag:mine").query
        return (
            held.count(Query()), held.count(query), held.allowed(Query()).tolist(), held.tags(),
            held.vocabulary().counts["tag"], held.vocabulary().counts["collection"], held.count(read("is:favourite").query),
        )  # fmt: skip

    steps = [
        (lambda: changed(gallery, one.id, "tag", "mine"), (2, 1, [1, 2], {"mine": 1}, {"mine": 1}, {}, 0)),
        (lambda: changed(gallery, two.id, "favourite", True), (2, 1, [1, 2], {"mine": 1}, {"mine": 1}, {}, 1)),
        (lambda: gallery.delete(one.id), (1, 0, [2], {}, {}, {}, 1)),
        (lambda: gallery.restore(one.id), (2, 1, [1, 2], {"mine": 1}, {"mine": 1}, {}, 1)),
        (lambda: changed(gallery, one.id, "untag", "mine"), (2, 0, [1, 2], {}, {}, {}, 1)),
        (
            lambda: gallery.database.write("INSERT INTO collections (name, created_at) VALUES ('sea', 0)"),
            (2, 0, [1, 2], {}, {}, {"sea": 0}, 1),
        ),
        (
            lambda: gallery.database.write("INSERT INTO collection_items (collection, artwork) VALUES (1, 2)"),
            (2, 0, [1, 2], {}, {}, {"sea": 1}, 1),
        ),
        (lambda: gallery.delete(two.id), (1, 0, [1], {}, {}, {"sea": 0}, 0)),
        (gallery.empty_bin, (1, 0, [1], {}, {}, {"sea": 0}, 0)),
    ]
    for change, wanted in steps:
        change()
        assert told(gallery) == wanted and told(other) == wanted
    other.database.close()


def test_while_nothing_changes_no_row_is_read_again(gallery, paint):
    paint(2)
    query = read("rating:>=0 model:storybook").query
    for _ in range(2):
        seen = selects(gallery)
        gallery.count(query), gallery.count(Query()), gallery.allowed(query), gallery.tags(), gallery.vocabulary()
        assert seen == [] or _ == 0
    assert gallery.allowed(query) is gallery.allowed(query)
    gallery.kept._database.write("UPDATE artworks SET note = 'seen'")  # nothing that a filter reads
    seen = selects(gallery)
    gallery.count(query), gallery.vocabulary()
    assert seen == []


def test_what_is_dear_may_be_old_where_that_is_allowed_and_only_there(gallery, paint, monkeypatch):
    paint(2)
    clock = [100.0]
    monkeypatch.setattr("studio.gallery.keeping.kept.time.monotonic", lambda: clock[0])
    kept, asked = Kept(gallery.database), []

    def dear():
        asked.append(1)
        clock[0] += 2 * DEAR
        return len(asked)

    assert kept.get("dear", dear, old=True) == 1
    changed(gallery, 1, "tag", "changed")
    assert kept.get("dear", dear, old=True) == 1
    assert kept.get("dear", dear) == 2  # whoever wants it right gets it right
    changed(gallery, 1, "tag", "changed again")
    clock[0] += 100
    assert kept.get("dear", dear, old=True) == 3


def test_no_more_is_kept_than_so_many_and_threads_may_ask(gallery):
    kept, found = Kept(gallery.database), []

    def ask(start):
        for number in range(start, start + 60):
            assert kept.get(("x", number), lambda number=number: number) == number
        found.append(start)
        gallery.database.release()

    threads = [threading.Thread(target=ask, args=(start,)) for start in (0, 30, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 30, 60] and len(kept._held) == 64


def test_indexes_answer_for_what_is_shown_what_lies_in_the_bin_and_what_wears_a_lora(gallery):
    from studio.gallery.rows import where

    for typed, index in (
        ("", "COVERING INDEX artworks_shown"),
        ("model:a rating:3.. ratio:wide", "COVERING INDEX artworks_shown"),
        ("is:binned", "COVERING INDEX artworks_binned"),
        ("lora:ink", "artworks_loras"),
        ("seed:7", "artworks_seed"),
    ):
        clause, values = where(read(typed).query)
        plan = gallery.database.read(f"EXPLAIN QUERY PLAN SELECT count(*) FROM artworks {clause}", *values)
        assert any(index in row["detail"] for row in plan), (typed, [row["detail"] for row in plan])
