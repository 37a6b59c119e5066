"""The gallery from above: its map and its timeline. What comes back from a browser is checked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from studio.ui.components import _component, sent

_MAP = ("make", "mapdots", "maptiles", "mapview", "mapnames", "maphands")
MOST_CHOSEN = 20_000  # as many as the wall can have selected


def map(
    *,
    key: str,
    version: str,
    places: Sequence[dict[str, Any]],
    searching: bool,
    lit: str,
    found: int,
    chosen: str,
    opened: Callable[[], None],
    lassoed: Callable[[], None],
) -> None:
    """A map of pictures to wander on. The points are fetched from /map/points once for each `version`.

    `places` are groups, {"number", "level", "parent", "name", "x", "y", "box", "pictures"}. `lit` and `chosen` are bits, one
    for each point in the order of the ids, as base64; empty for none. Where something is searched for, `found` were.
    `opened` and `lassoed` are called when `picked(key)` or `lasso(key)` have news.
    """
    data = {
        "version": version,
        "places": list(places),
        "searching": searching,
        "lit": lit,
        "found": found,
        "chosen": chosen,
    }
    _component("map", *_MAP)(key=key, data=data, on_open_change=opened, on_lasso_change=lassoed)


def lasso(key: str) -> list[int] | None:
    """The pictures that a line was just drawn around on the map of that key; None for nothing."""
    value = sent(key, "lasso")
    ids = value.get("ids") if isinstance(value, dict) else None
    if not isinstance(ids, list):
        return None
    return [int(id) for id in ids[:MOST_CHOSEN] if isinstance(id, int | float) and not isinstance(id, bool)]


def timeline(
    *,
    key: str,
    days: Sequence[tuple[int, int, int]],
    searched: bool,
    first: int | None,
    last: int | None,
    chosen: Callable[[], None],
    opened: Callable[[], None],
) -> None:
    """Bars of how many pictures there are over time, to drag a span on.

    `days` are (day, pictures, the id of one), in their order; a day is its number since 1970-01-01. Where a span is
    `searched` for, it is `first` to `last`, None where that is open. `chosen` is called when `span(key)` has news,
    `opened` when `picked(key)` has.
    """
    data = {"days": [list(day) for day in days], "searched": searched, "first": first, "last": last}
    _component("timeline", "make")(key=key, data=data, on_span_change=chosen, on_open_change=opened)


def span(key: str) -> tuple[int, int] | tuple[()] | None:
    """The first and last day that were just chosen on the timeline of that key, () for all of it; None for nothing."""
    value = sent(key, "span")
    if not isinstance(value, dict):
        return None
    ends = (value.get("first"), value.get("last"))
    if not all(isinstance(end, int | float) and not isinstance(end, bool) and abs(end) < 3_000_000 for end in ends):
        return ()
    first, last = (int(end) for end in ends if end is not None)
    return (first, last) if first <= last else (last, first)
