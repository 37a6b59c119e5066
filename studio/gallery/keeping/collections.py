"""Collections: named pictures in an order of their own, or a saved search. `changes.py` puts pictures in."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from studio.database import Database
from studio.domain.errors import BadInput
from studio.domain.query import USUAL, VALUE_LIMIT, Filter, Query
from studio.gallery.finding import language
from studio.gallery.rows import storable

NAME_LIMIT = 80  # characters; a filter's value takes 200
MOST = 1_000
ORDERED = 5_000  # pictures of a collection that are shown in its own order
KEPT = 30 * 86_400.0  # seconds for which one that was deleted can be brought back
_DELETED = (
    "collection_deleted:"  # what the names of drafts begin with that hold a deleted one, whole; then comes its number
)


@dataclass(frozen=True)
class Collection:
    """A collection: smart when it has a `query`, as typed into the search box; else `count` pictures outside the bin."""

    id: int
    name: str
    query: str | None = None
    count: int | None = None

    @property
    def smart(self) -> bool:
        """Whether it holds what its search finds."""
        return self.query is not None


def all_of(database: Database, counts: Mapping[int, int] | None = None) -> list[Collection]:
    """Every collection, by name, with how many pictures outside the bin it holds, as `counted` says if not told."""
    if counts is None:
        counts = counted(database)
    rows = database.read(f"SELECT id, name, query FROM collections ORDER BY name LIMIT {MOST}")
    return [
        Collection(row["id"], row["name"], row["query"], counts.get(row["id"], 0) if row["query"] is None else None)
        for row in rows
    ]


def counted(database: Database) -> dict[int, int]:
    """How many pictures outside the bin each collection holds; it looks at no picture's row, but for those in the bin."""
    held = database.read("SELECT collection, count(*) AS items FROM collection_items GROUP BY collection")
    # the bin is small beside the rest, so what lies in it is taken off instead of looking each picture up
    binned = database.read(
        "SELECT collection, count(*) AS items FROM artworks CROSS JOIN collection_items"
        " ON collection_items.artwork = artworks.id WHERE deleted_at IS NOT NULL GROUP BY collection"
    )
    gone = {row["collection"]: row["items"] for row in binned}
    return {row["collection"]: row["items"] - gone.get(row["collection"], 0) for row in held}


def get(database: Database, id: int) -> Collection:
    """One collection; raises BadInput when there is none of that number."""
    row = database.one("SELECT id, name, query FROM collections WHERE id = ?", id)
    if row is None:
        raise BadInput("collection", "There is no such collection; it may have been deleted.")
    return Collection(row["id"], row["name"], row["query"])


def named(database: Database, name: str) -> Collection | None:
    """The collection of that name, capitals aside."""
    row = database.one("SELECT id, name, query FROM collections WHERE name = ?", name)
    return Collection(row["id"], row["name"], row["query"]) if row else None


def create(database: Database, name: str, *, query: str | None = None) -> Collection:
    """Make a collection; with a `query` it is smart. Raises BadInput for a name that is empty, too long or taken,
    and for a query that asks for nothing or makes no sense."""
    name = _name(name)
    if query is not None:
        query = " ".join(storable(query).split())
        if not query:
            raise BadInput("query", "There is no search to save yet; type one first.")
        language.parse(query)
    with database.transaction() as connection:
        _free(database, name)
        if connection.execute("SELECT count(*) FROM collections").fetchone()[0] >= MOST:
            raise BadInput("collection", f"There are {MOST:,} collections already; delete one first.")
        made = connection.execute(
            "INSERT INTO collections (name, query, created_at) VALUES (?, ?, ?)", (name, query, time.time())
        )
    return Collection(int(made.lastrowid or 0), name, query, None if query is not None else 0)


def rename(database: Database, id: int, name: str) -> Collection:
    """Give a collection another name; raises BadInput as `create` does."""
    name = _name(name)
    with database.transaction() as connection:
        get(database, id)
        _free(database, name, but=id)
        connection.execute("UPDATE collections SET name = ? WHERE id = ?", (name, id))
    return get(database, id)


def delete(database: Database, id: int) -> Collection:
    """Delete a collection, never its pictures; `restore` brings it back, for 30 days."""
    with database.transaction() as connection:
        gone = get(database, id)
        row = connection.execute("SELECT created_at FROM collections WHERE id = ?", (id,)).fetchone()
        items = connection.execute("SELECT artwork, place FROM collection_items WHERE collection = ?", (id,))
        body = {
            "id": id,
            "name": gone.name,
            "query": gone.query,
            "created_at": row["created_at"],
            "items": [list(item) for item in items],
        }
        old = "DELETE FROM drafts WHERE substr(name, 1, ?) = ? AND updated_at < ?"
        connection.execute(old, (len(_DELETED), _DELETED, time.time() - KEPT))
        database.keep("drafts", f"{_DELETED}{id}", body)
        connection.execute("DELETE FROM collections WHERE id = ?", (id,))
    return gone


def restore(database: Database, id: int) -> Collection:
    """Bring back a collection that was deleted, with its pictures in their order; its name may have to give way.

    Pictures that were deleted for good meanwhile are left out. Raises BadInput when it was not deleted in the last 30 days.
    """
    with database.transaction() as connection:
        body = database.load("drafts", f"{_DELETED}{id}")
        if body is None:
            raise BadInput("collection", "That collection cannot be brought back; it was, or 30 days have passed.")
        name = body["name"]
        again = 1
        while named(database, name) is not None:  # another one took the name
            again += 1
            name = f"{body['name'][: NAME_LIMIT - 8]} ({again})"
        connection.execute(
            "INSERT INTO collections (id, name, query, created_at) VALUES (?, ?, ?, ?)",
            (id, name, body["query"], body["created_at"]),
        )
        connection.execute(
            "INSERT INTO collection_items (collection, artwork, place)"
            " SELECT ?, value ->> 0, value ->> 1 FROM json_each(?) WHERE value ->> 0 IN (SELECT id FROM artworks)",
            (id, json.dumps(body["items"])),
        )
        connection.execute("DELETE FROM drafts WHERE name = ?", (f"{_DELETED}{id}",))
    return get(database, id)


def place(database: Database, id: int, artworks: Sequence[int], *, before: int | None = None) -> None:
    """Move pictures of a collection, in the order given, before another one of it, or to its end.

    Raises BadInput when the collection, or one of the pictures in it, is not there.
    """
    moved = list(dict.fromkeys(int(artwork) for artwork in artworks))
    with database.transaction() as connection:
        held = order(database, id)
        if not moved or not set(moved) <= set(held) or (before is not None and before not in held) or before in moved:
            raise BadInput("collection", "These pictures are not in this collection; choose some that are.")
        rest = [artwork for artwork in held if artwork not in set(moved)]
        at = len(rest) if before is None else rest.index(before)
        rows = [(id, artwork, float(n + 1)) for n, artwork in enumerate([*rest[:at], *moved, *rest[at:]])]
        connection.executemany("UPDATE collection_items SET place = ?3 WHERE collection = ?1 AND artwork = ?2", rows)


def order(database: Database, id: int) -> list[int]:
    """The artworks of a collection in its order, those in the bin too."""
    rows = database.read(
        "SELECT artwork FROM collection_items WHERE collection = ? ORDER BY place, artwork", get(database, id).id
    )
    return [int(row["artwork"]) for row in rows]


def arranged(database: Database, query: Query) -> list[int] | None:
    """The artworks in their own order, where a query asks for one collection made by hand and for nothing else.

    None for any other query, and for a collection so large that nobody orders it by hand: newest first, then.
    """
    alone = replace(query, filters=(), limit=Query().limit, offset=0) == Query() and len(query.filters) == 1
    if not alone or query.filters[0].name != "collection" or not query.filters[0].wanted:
        return None
    one = named(database, query.filters[0].value)
    if one is None or one.smart:
        return None
    count = database.one("SELECT count(*) FROM collection_items WHERE collection = ?", one.id)
    return order(database, one.id) if count and count[0] <= ORDERED else None


def unfolded(database: Database, query: Query, *, depth: int = 4) -> Query:
    """A query in which what smart collections ask for stands in place of their names.

    Raises BadInput for one that is not wanted (-collection:name): what it finds cannot be taken out of something else.
    """
    filters: list[Filter] = []
    words, like, exact, by = query.words, query.like, query.exact, query.by
    for one in query.filters:
        held = named(database, one.value) if one.name == "collection" else None
        if held is None or held.query is None:
            filters.append(one)
            continue
        if not one.wanted:
            raise BadInput(
                "collection", f"“{held.name}” is a saved search, which cannot be left out; leave out its words."
            )
        inner = language.parse(held.query)
        inner = unfolded(database, inner, depth=depth - 1) if depth else inner
        words, like, exact = words + inner.words, like + inner.like, exact + inner.exact
        filters += inner.filters
        by = inner.by if by == USUAL else by
    whole = replace(query, words=words, like=like, exact=tuple(dict.fromkeys(exact)), by=by)
    return replace(whole, filters=tuple(dict.fromkeys(filters)))


def _name(name: str) -> str:
    name = " ".join(storable(name).replace("\0", " ").split())
    if not name:
        raise BadInput("name", "The collection has no name yet; type one.")
    if len(name) > min(NAME_LIMIT, VALUE_LIMIT):
        raise BadInput("name", f"The name has {len(name)} characters; {NAME_LIMIT} is the most it can have.")
    return name


def _free(database: Database, name: str, *, but: int = 0) -> None:
    taken = named(database, name)
    if taken is not None and taken.id != but:
        raise BadInput("name", f"There is a collection named {taken.name!r} already; choose another name.")
