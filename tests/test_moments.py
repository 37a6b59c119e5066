"""The timeline's numbers: pictures of each day, and a span as a filter that can be shared."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from galleries import imported
from PIL import Image

from studio.domain.artwork import Facts
from studio.domain.query import Filter, Query
from studio.gallery.finding import language, moments
from studio.gallery.finding.moments import number


@pytest.fixture
def taken(gallery, gate):
    """Adds a picture that was taken at a moment of this machine's clock."""
    made = [0]

    def add(*when: int, prompt: str = "") -> int:
        made[0] += 1
        picture = gate.picture(Image.new("RGB", (8, 8), (made[0], 7, 9)))
        facts = Facts(taken_at=datetime(*when).timestamp())
        return imported(gallery, picture, prompt=prompt, facts=facts).id

    return add


def test_days_are_counted_in_order_by_the_clock_of_this_machine(gallery, taken):
    taken(2026, 3, 1, 0, 0, 1)
    taken(2026, 3, 1, 23, 59, 59)
    last = taken(2026, 3, 2, 0, 0, 0)
    early = taken(1961, 4, 12, 9, 7)
    days = moments.by_day(gallery.database, Query())
    assert [(moments.day(day), count) for day, count, _ in days] == [
        (date(1961, 4, 12), 1),
        (date(2026, 3, 1), 2),
        (date(2026, 3, 2), 1),
    ]
    assert (days[0][2], days[2][2]) == (early, last)


def test_a_picture_without_a_date_stands_where_it_came_in(gallery, gate):
    id = gallery.add(gate.picture(Image.new("RGB", (8, 8), "teal")), kind="imported").id
    ((day, count, best),) = moments.by_day(gallery.database, Query())
    assert (moments.day(day), count, best) == (date.today(), 1, id)


def test_the_favourite_of_a_day_is_shown_for_it(gallery, taken):
    favourite, *_ = [taken(2026, 3, 1, hour) for hour in (8, 9, 10)]
    gallery.database.write("UPDATE artworks SET favourite = 1 WHERE id = ?", favourite)
    rated, *_ = [taken(2026, 3, 2, hour) for hour in (8, 9)]
    gallery.database.write("UPDATE artworks SET rating = 4 WHERE id = ?", rated)
    disliked = taken(2026, 3, 2, 11)
    gallery.database.write("UPDATE artworks SET rating = -1 WHERE id = ?", disliked)
    assert [best for _, _, best in moments.by_day(gallery.database, Query())] == [favourite, rated]


def test_filters_count_and_dates_do_not(gallery, taken):
    taken(2026, 3, 1, 8, prompt="a boat")
    taken(2026, 3, 2, 8, prompt="a house")
    asked = Query(exact=(("boat", True),), filters=(Filter("date", "2024"),))
    assert [moments.day(day) for day, _, _ in moments.by_day(gallery.database, asked)] == [date(2026, 3, 1)]


@pytest.mark.parametrize(
    ("first", "last", "spelled"),
    [
        (date(2026, 3, 1), date(2026, 3, 1), "2026-03-01"),
        (date(2026, 3, 1), date(2026, 3, 31), "2026-03"),
        (date(2026, 1, 1), date(2026, 12, 31), "2026"),
        (date(2024, 1, 1), date(2026, 12, 31), "2024..2026"),
        (date(2026, 2, 1), date(2026, 3, 31), "2026-02..2026-03"),
        (date(2026, 2, 3), date(2026, 3, 31), "2026-02-03..2026-03-31"),
    ],
)
def test_a_span_is_spelled_shortly_and_means_the_same(first, last, spelled):
    query = moments.within(language.parse("red boat date:1999 tag:night"), number(first), number(last))
    assert query.filters == (Filter("tag", "night"), Filter("date", spelled))
    assert moments.span_of(language.parse(language.write(query))) == (number(first), number(last))


def test_open_spans_and_none():
    assert moments.span_of(language.parse("boat")) is None
    assert moments.span_of(language.parse("date:2026..")) == (number(date(2026, 1, 1)), None)
    assert moments.span_of(language.parse("date:..2025")) == (None, number(date(2025, 12, 31)))
    assert moments.span_of(language.parse("-date:2025")) is None
    assert moments.undated(language.parse("date:2026 -date:2025")) == (Filter("date", "2025", False),)


def test_days_that_no_filter_takes_are_left_out(gallery, gate):
    id = gallery.add(gate.picture(Image.new("RGB", (8, 8), "plum")), kind="imported").id
    gallery.database.write("UPDATE artworks SET taken_at = -4e9 WHERE id = ?", id)
    assert moments.by_day(gallery.database, Query()) == []
