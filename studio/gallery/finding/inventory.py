"""What is in the gallery, counted by each thing that a filter can name. It changes nothing and reads no artwork's texts."""

from __future__ import annotations

from studio.database import Database
from studio.domain.artwork import SHOWN
from studio.gallery.finding import filters

MOST = 500  # names of one kind; who has more types a letter first
_ALIVE = f"deleted_at IS NULL AND kind IN {SHOWN}"
_COLUMNS = {"model": "model", "pack": "pack", "sampler": "sampler", "from": "made_with"}


def counts(database: Database) -> dict[str, dict[str, int]]:
    """Filter -> value -> how many artworks outside the bin have it, most used first."""
    found = {
        name: _counted(
            database,
            f"SELECT {column} AS value, count(*) AS uses FROM artworks WHERE {_ALIVE} AND {column} <> '' GROUP BY {column}",
        )
        for name, column in _COLUMNS.items()
    }
    found["tag"] = dict(list(tags(database).items())[:MOST])
    found["collection"] = _counted(
        database,
        "SELECT collections.name AS value, count(artworks.id) AS uses FROM collections"
        " LEFT JOIN collection_items ON collection_items.collection = collections.id"
        f" LEFT JOIN artworks ON artworks.id = collection_items.artwork AND {_ALIVE} GROUP BY collections.id",
    )
    found["lora"] = _counted(
        database,
        "SELECT lower(json_extract(one.value, '$.name')) AS value, count(*) AS uses"
        " FROM artworks, json_each(iif(json_valid(recipe), recipe, '{}'), '$.loras') AS one"
        f" WHERE {_ALIVE} AND {filters.LORAS} AND one.type = 'object' GROUP BY 1",
    )
    return found


def tags(database: Database) -> dict[str, int]:
    """Every tag in use and how many artworks outside the bin have it, most used first.

    All of them less those of pictures that are not shown: these are few, and the others need not be looked up one by one.
    """
    found = {row["tag"]: row["uses"] for row in database.read("SELECT tag, count(*) AS uses FROM tags GROUP BY tag")}
    hidden = database.read(
        "SELECT tag, count(*) AS uses FROM tags WHERE artwork IN (SELECT id FROM artworks"
        f" WHERE deleted_at IS NOT NULL OR kind NOT IN {SHOWN}) GROUP BY tag"
    )
    for row in hidden:
        found[row["tag"]] -= row["uses"]
    return dict(sorted((pair for pair in found.items() if pair[1] > 0), key=lambda pair: (-pair[1], pair[0])))


def _counted(database: Database, sql: str) -> dict[str, int]:
    rows = database.read(f"{sql} ORDER BY uses DESC, value LIMIT {MOST}")
    return {str(row["value"]): int(row["uses"]) for row in rows if row["value"] is not None}
