"""How many pictures there are of each day, and one to show for it. It reads no file and changes nothing."""

from __future__ import annotations

import dataclasses
from datetime import date

from studio.database import Database
from studio.domain.query import YEARS, Filter, Query, days
from studio.gallery.rows import where

EPOCH = date(1970, 1, 1).toordinal()
_BEST = 1 << 40  # above any id: of a day's pictures the favourite, else the best rated, else the newest is shown


def by_day(database: Database, query: Query) -> list[tuple[int, int, int]]:
    """(day, how many, the id of one to show) of what a query lets through, in order; dates it names do not count.

    A day is its number since 1970-01-01, of this machine's clock; words and pictures only rank, and leave nothing out.
    """
    clause, values = where(dataclasses.replace(query, filters=undated(query)))
    rows = database.read(
        "SELECT date(coalesce(taken_at, created_at), 'unixepoch', 'localtime') AS day,"
        f" count(*) AS pictures, max(({_BEST} * (6 * favourite + max(rating, -1) + 1)) + id) AS best"
        f" FROM artworks {clause} GROUP BY day ORDER BY day",
        *values,
    )
    return [
        (number(date.fromisoformat(row["day"])), int(row["pictures"]), int(row["best"]) % _BEST)
        for row in rows
        if row["day"] and f"{YEARS[0]}" <= row["day"][:4] <= f"{YEARS[1]}"  # a filter takes no other years
    ]


def undated(query: Query) -> tuple[Filter, ...]:
    """The filters of a query without the dates that are wanted."""
    return tuple(one for one in query.filters if one.name != "date" or not one.wanted)


def span_of(query: Query) -> tuple[int | None, int | None] | None:
    """The first and last day that a query's dates let through, None where that is open; None for a query without."""
    found = [days(one.value) for one in query.filters if one.name == "date" and one.wanted]
    spans = [one for one in found if one is not None]
    if not spans:
        return None
    firsts, lasts = [one[0] for one in spans], [one[1] for one in spans]
    return (
        None if None in firsts else min(number(day) for day in firsts if day),
        None if None in lasts else max(number(day) for day in lasts if day),
    )


def within(query: Query, first: int, last: int) -> Query:
    """The query with one date, these days, in the place of those it had."""
    return dataclasses.replace(query, filters=(*undated(query), Filter("date", spelled(first, last))))


def spelled(first: int, last: int) -> str:
    """Days as the filter `date` takes them, as shortly as can be: 2026, 2026-10, 2026-10-03, 2026-10-03..2026-11-09."""
    begin, end = day(first), day(last)
    after = day(last + 1)
    if begin == end:
        return begin.isoformat()
    whole_months = begin.day == 1 and after.day == 1
    if whole_months and begin.month == 1 and after.month == 1:
        return f"{begin.year:04}" if begin.year == end.year else f"{begin.year:04}..{end.year:04}"
    if whole_months:
        one, other = f"{begin:%Y-%m}", f"{end:%Y-%m}"
        return one if one == other else f"{one}..{other}"
    return f"{begin.isoformat()}..{end.isoformat()}"


def day(number: int) -> date:
    """The day of a number, kept within the years that a filter takes."""
    low, high = date(YEARS[0], 1, 1), date(YEARS[1], 12, 31)
    return date.fromordinal(min(high.toordinal(), max(low.toordinal(), number + EPOCH)))


def number(day: date) -> int:
    """The number of a day since 1970-01-01."""
    return day.toordinal() - EPOCH
