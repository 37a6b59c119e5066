"""Leafing through a long answer: any stretch of it, its numbers, and whoever stands beside one. It ranks nothing itself."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.domain.query import Query
from studio.gallery.rows import where

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery

NEAR = (
    3_000  # places that are counted off anew each time; whoever leafs further keeps all numbers while nothing changes
)


@dataclass(frozen=True)
class Answer:
    """What the wall leafs through: what a query's filters let through, newest first, or `found` in its order.

    `upto` is the largest number it holds, so that what comes in meanwhile shifts nothing; 0 for no end. Of `found` those are
    left out that were deleted since (of the bin: restored).
    """

    query: Query
    upto: int = 0
    found: tuple[int, ...] | None = None


def ids(gallery: Gallery, answer: Answer, *, start: int = 0, count: int = -1) -> list[int]:
    """The numbers of a stretch of it; all from `start` on where `count` is below 0."""
    if answer.found is not None:
        alive = _alive(gallery, answer)
        return alive[start:] if count < 0 else alive[start : start + count]
    clause, values = _clause(answer)
    if count >= 0 and start + count <= NEAR:
        return _read(gallery, clause, values, start=start, count=count)

    def everything() -> array[int]:
        return array("q", _read(gallery, clause, values))

    held = gallery.kept.get(("leaves", clause, *values), everything)
    return list(held[start:] if count < 0 else held[start : start + count])


def total(gallery: Gallery, answer: Answer) -> int:
    """How many it holds."""
    if answer.found is not None:
        return len(_alive(gallery, answer))
    clause, values = _clause(answer)

    def counted() -> int:
        row = gallery.database.one(f"SELECT count(*) FROM artworks {clause}", *values)
        return int(row[0]) if row else 0

    return gallery.kept.get(("leaves counted", clause, *values), counted)


def since(gallery: Gallery, query: Query, id: int) -> int:
    """How many that the query's filters let through came in after a number."""
    clause, values = where(query)
    row = gallery.database.one(f"SELECT count(*) FROM artworks {clause} AND id > ?", *values, id)
    return int(row[0]) if row else 0


def beside(gallery: Gallery, answer: Answer, id: int) -> tuple[int | None, int | None]:
    """Who stands before and after an artwork, also where that one is no longer part of it."""
    if answer.found is not None:
        return _around(_alive(gallery, answer, also=id), id)
    clause, values = where(answer.query)
    newer = f"SELECT min(id) FROM artworks {clause} AND id > ?" + (" AND id <= ?" if answer.upto else "")
    above = gallery.database.one(newer, *values, id, *((answer.upto,) if answer.upto else ()))
    below = gallery.database.one(f"SELECT max(id) FROM artworks {clause} AND id < ?", *values, id)
    return (above[0] if above else None), (below[0] if below else None)


def newest(gallery: Gallery) -> int:
    """The largest number in the gallery, 0 when it is empty."""
    row = gallery.database.one("SELECT max(id) FROM artworks")
    return int(row[0] or 0) if row else 0


def _clause(answer: Answer) -> tuple[str, list[Any]]:
    clause, values = where(answer.query)
    return (f"{clause} AND id <= ?", [*values, answer.upto]) if answer.upto else (clause, values)


def _read(gallery: Gallery, clause: str, values: list[Any], *, start: int = 0, count: int = -1) -> list[int]:
    # numbers alone, so that an index can answer without reading a row
    sql = f"SELECT json_group_array(id) FROM (SELECT id FROM artworks {clause} ORDER BY id DESC LIMIT ? OFFSET ?)"
    row = gallery.database.one(sql, *values, count, start)
    return list(json.loads(row[0])) if row else []


def _alive(gallery: Gallery, answer: Answer, *, also: int = 0) -> list[int]:
    found = answer.found or ()
    state = "IS NOT NULL" if answer.query.in_bin else "IS NULL"
    sql = (
        f"SELECT json_group_array(id) FROM artworks WHERE id IN (SELECT value FROM json_each(?)) AND deleted_at {state}"
    )
    row = gallery.database.one(sql, json.dumps(found))
    alive = set(json.loads(row[0])) if row else set()
    return [one for one in found if one in alive or one == also]


def _around(ids: Sequence[int], id: int) -> tuple[int | None, int | None]:
    if id not in ids:
        return None, None
    at = list(ids).index(id)
    return (ids[at - 1] if at else None), (ids[at + 1] if at + 1 < len(ids) else None)
