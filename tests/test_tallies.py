"""Saved searches have their number beside them: right after every change, none where a ranking is asked for, and never dear."""

from datetime import date

import hostile
import pytest
from galleries import changed, painter

from studio.gallery.finding import tallies
from studio.gallery.keeping import collections, kept


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def paint(gallery, gate):
    return painter(gallery, gate)


def told(gallery, **options):
    """What the rail shows, by name."""
    held = collections.all_of(gallery.database)
    found = tallies.counted(gallery, held, **options)
    return {one.name: found.get(one.id) for one in held if one.smart}


def save(gallery, **searches):
    for name, text in searches.items():
        collections.create(gallery.database, name, query=text)


def test_the_numbers_are_right_after_every_change(gallery, paint):
    one, two = paint(2), paint(3)
    save(gallery, mine="tag:mine", seed="seed:3", good="rating:4..")
    assert told(gallery) == {"mine": 0, "seed": 1, "good": 0}
    changed(gallery, one.id, "tag", "mine")
    changed(gallery, two.id, "tag", "mine")
    assert told(gallery) == {"mine": 2, "seed": 1, "good": 0}
    gallery.delete(two.id)
    assert told(gallery) == {"mine": 1, "seed": 0, "good": 0}


def test_what_ranks_has_no_number_and_neither_has_what_makes_no_sense(gallery, paint):
    one = paint(2)
    save(
        gallery, words="a boat", without="-people", like=f"like:{one.id}", colour="colour:red", quoted='"a star"',
        nested="collection:seed", seed="seed:2", left="-collection:seed",
    )  # fmt: skip
    assert told(gallery) == {
        "words": None, "without": None, "like": None, "colour": None, "quoted": 0, "nested": 1, "seed": 1, "left": None,
    }  # fmt: skip
    seed = collections.named(gallery.database, "seed")
    collections.rename(gallery.database, seed.id, "another")  # nobody is named so any more
    assert told(gallery)["nested"] == 0 and told(gallery)["another"] == 1


def test_what_today_finds_is_counted_anew_tomorrow(gallery, paint, monkeypatch):
    paint(2)
    save(gallery, today="date:today")
    assert told(gallery) == {"today": 1}

    class Later(date):
        @classmethod
        def today(cls):
            return date.fromordinal(date.today().toordinal() + 1)

    monkeypatch.setattr(tallies, "date", Later)
    asked = []
    monkeypatch.setattr(tallies, "_count", lambda gallery, text: asked.append(text))
    told(gallery)
    assert asked == ["date:today"]


def test_while_nothing_changes_nothing_is_counted_again(gallery, paint, monkeypatch):
    paint(2)
    save(gallery, a="seed:2", b="a boat", c="seed:3")
    first = told(gallery)
    monkeypatch.setattr(tallies, "_count", lambda *_: pytest.fail("counted again"))
    assert told(gallery) == first == {"a": 1, "b": None, "c": 0}


@pytest.fixture
def slow(gallery, monkeypatch):
    """Every count takes a second by the clock; gives the names of what was counted, and the clock."""
    clock, counted = [100.0], []
    monkeypatch.setattr(kept.time, "monotonic", lambda: clock[0])

    def count(_, text):
        counted.append(text)
        clock[0] += 1.0
        return int(clock[0]) - 100

    monkeypatch.setattr(tallies, "_count", count)
    return counted, clock


def test_a_page_counts_no_longer_than_it_may_and_all_get_their_turn(gallery, paint, slow):
    paint(2)
    counted, _ = slow
    save(gallery, **{name: f"seed:{number}" for number, name in enumerate("abcde")})
    assert told(gallery, seconds=1.5) == {"a": 1, "b": 2, "c": None, "d": None, "e": None}
    assert told(gallery, seconds=1.5) == {"a": 1, "b": 2, "c": 3, "d": 4, "e": None}
    assert told(gallery, seconds=1.5) == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
    changed(gallery, 1, "tag", "changed")
    counted.clear()
    assert list(told(gallery, seconds=1.5).values()) == [6, 7, 3, 4, 5]  # two counted anew, the others as they were
    assert counted == ["seed:0", "seed:1"]
    told(gallery, seconds=1.5)
    assert counted == ["seed:0", "seed:1", "seed:2", "seed:3"]


def test_one_that_is_dear_is_counted_seldom(gallery, paint, slow):
    paint(2)
    counted, clock = slow
    save(gallery, dear="seed:1")
    told(gallery, seconds=0.5)
    for tag in "abc":
        changed(gallery, 1, "tag", tag)
        assert told(gallery, seconds=0.5) == {"dear": 1}
    clock[0] += kept.PATIENCE
    assert told(gallery, seconds=0.5) == {"dear": 2 + kept.PATIENCE} and len(counted) == 2


def test_of_many_that_are_dear_one_at_a_time_is_counted_and_then_none_for_a_while(gallery, paint, slow):
    paint(2)
    counted, clock = slow
    save(gallery, a="seed:1", b="seed:2")
    for _ in range(2):
        told(gallery, seconds=0.5)  # one of them each: what has no number yet does not wait
    assert counted == ["seed:1", "seed:2"]
    changed(gallery, 1, "tag", "changed")
    for _ in range(3):
        told(gallery, seconds=0.5)
    assert counted == ["seed:1", "seed:2"]
    for wanted in ("seed:1", "seed:2"):
        clock[0] += kept.PATIENCE
        told(gallery, seconds=0.5)
        told(gallery, seconds=0.5)
        assert counted[-1] == wanted
    assert len(counted) == 4


def test_no_more_numbers_are_kept_than_so_many(gallery, monkeypatch):
    monkeypatch.setattr(kept, "MOST_NUMBERS", 10)
    for start in range(0, 40, 4):
        asked = {number: (lambda number=number: number) for number in range(start, start + 4)}
        assert gallery.kept.numbers(asked, seconds=1.0) == {number: number for number in asked}
    assert len(gallery.kept._numbers) == 10
