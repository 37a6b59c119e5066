"""What selected pictures have already, counted for the bar that changes them. It changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence

from studio.database import Database


def tags(database: Database, ids: Sequence[int]) -> dict[str, int]:
    """The tags of these pictures and how many have each, most used first."""
    rows = database.read(
        "SELECT tag, count(*) AS uses FROM tags WHERE artwork IN (SELECT value FROM json_each(?))"
        " GROUP BY tag ORDER BY uses DESC, tag",
        json.dumps(list(ids)),
    )
    return {row["tag"]: row["uses"] for row in rows}


def collections(database: Database, ids: Sequence[int]) -> set[int]:
    """The numbers of the collections that hold any of these pictures."""
    sql = "SELECT DISTINCT collection FROM collection_items WHERE artwork IN (SELECT value FROM json_each(?))"
    return {row["collection"] for row in database.read(sql, json.dumps(list(ids)))}


def standing(database: Database, ids: Sequence[int]) -> tuple[int, int, int]:
    """How many of these pictures exist, are favourites, lie in the bin."""
    row = database.one(
        "SELECT count(*), coalesce(sum(favourite), 0), count(deleted_at) FROM artworks"
        " WHERE id IN (SELECT value FROM json_each(?))",
        json.dumps(list(ids)),
    )
    return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)
