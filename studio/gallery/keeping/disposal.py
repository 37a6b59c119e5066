"""The bin: what lies in it, what would go with it, and deleting for good. It never touches a file of a watched folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from studio.database import Database
from studio.domain.amounts import counted
from studio.domain.errors import BadInput
from studio.gallery.files import Files
from studio.gallery.rows import IN_BIN

DAY = 86_400.0
AT_ONCE = 200  # pictures that one transaction deletes, so that nobody waits long for the database
_BINNED = f"deleted_at IS NOT NULL AND kind IN ({', '.join(repr(kind) for kind in IN_BIN)})"


@dataclass(frozen=True)
class Contents:
    """What lies in the bin: how many pictures, their bytes on our disk, and when the first was put there (Unix seconds).

    `parents` of them went into pictures that are kept, `collected` stand in collections, `outside` have their file in a watched
    folder, where it stays.
    """

    pictures: int
    bytes: int
    oldest: float | None
    parents: int
    collected: int
    outside: int

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return dict(vars(self))


def contents(database: Database, ids: Sequence[int] | None = None, *, before: float | None = None) -> Contents:
    """What lies in the bin; of it only `ids`, or what was put there before a time (Unix seconds)."""
    clause, values = _which(ids, before)
    row = database.one(
        "SELECT count(*), total(iif(place IS NULL, bytes, 0)), min(deleted_at),"
        " total(EXISTS (SELECT 1 FROM lineage JOIN artworks AS child ON child.sha256 = lineage.child"
        "  WHERE lineage.parent = artworks.sha256 AND child.deleted_at IS NULL)),"
        " total(EXISTS (SELECT 1 FROM collection_items WHERE artwork = artworks.id)), total(place IS NOT NULL)"
        f" FROM artworks WHERE {clause}",
        *values,
    )
    if row is None or not row[0]:
        return Contents(0, 0, None, 0, 0, 0)
    return Contents(int(row[0]), int(row[1]), float(row[2]), int(row[3]), int(row[4]), int(row[5]))


def every(database: Database) -> list[int]:
    """The numbers of all that lies in the bin."""
    row = database.one(f"SELECT json_group_array(id) FROM artworks WHERE {_BINNED}")
    return list(json.loads(row[0])) if row else []


def days_left(deleted_at: float, *, kept: int, now: float | None = None) -> int:
    """For how many days more a picture stays in the bin, at least 0; `kept` is the setting in days."""
    gone = deleted_at + kept * DAY - (time.time() if now is None else now)
    return max(0, min(kept, -int(-gone // DAY)))


def days_word(deleted_at: float | None, *, kept: int) -> str:
    """How long a picture stays in the bin, for its corner: "12 days", "today"; empty for what does not lie there."""
    if deleted_at is None:
        return ""
    left = days_left(deleted_at, kept=kept)
    return "today" if left == 0 else counted(left, "day")


def going(found: Contents) -> list[str]:
    """What goes when these are deleted for good, a sentence each beyond the first that counts them."""
    sentences = []
    if found.parents:
        some = _of(found.parents, found.pictures)
        sentences.append(f"{some} went into pictures that you keep. Those stay; their family tree will have a gap.")
    if found.collected:
        sentences.append(f"{_of(found.collected, found.pictures)} will be missing from collections.")
    if found.outside:
        some = _of(found.outside, found.pictures)
        one = found.outside == 1
        stays = "its file stays where it is" if one else "their files stay where they are"
        sentences.append(f"{some} {'lies' if one else 'lie'} in a watched folder: {stays}.")
    return sentences


def delete(
    database: Database,
    files: Files,
    ids: Sequence[int],
    *,
    before: float | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, int]:
    """Delete for good those of these pictures that lie in the bin, and were put there before a time; returns (pictures, bytes).

    Rows first, then files: a crash between the two leaves files that the next sweep takes away, never a row without its file.
    With a row go its tags, vectors, full text, places on the map and in collections. `report` is called with (done, total) and
    may raise to stop; what was done stays done.
    """
    went, freed = 0, 0
    for start in range(0, len(ids), AT_ONCE):
        report(start, len(ids))
        clause, values = _which(ids[start : start + AT_ONCE], before)
        with database.transaction() as connection:
            rows = connection.execute(
                f"DELETE FROM artworks WHERE {clause} RETURNING file, bytes, place", values
            ).fetchall()
        drop(database, files, [row["file"] for row in rows])
        went += len(rows)
        freed += sum(row["bytes"] for row in rows if row["place"] is None)
    report(len(ids), len(ids))
    return went, freed


def drop(database: Database, files: Files, names: Sequence[str]) -> None:
    """Remove the files of rows that went, and their thumbnails; what the same bytes brought back meanwhile stays."""
    for start in range(0, len(names), AT_ONCE):
        with database.transaction() as connection:  # while it lasts, no such row can come
            for file in names[start : start + AT_ONCE]:
                sql = "SELECT place FROM artworks WHERE sha256 = ?"
                row = connection.execute(sql, (file.partition(".")[0],)).fetchone()
                if row is None:
                    files.drop(file, binned=True)
                elif row["place"] is not None:  # its file lies elsewhere, its thumbnail is ours
                    files.path(file, binned=True).unlink(missing_ok=True)


def check(database: Database, ids: Sequence[int]) -> None:
    """Raise BadInput unless something of this lies in the bin."""
    if not contents(database, ids).pictures:
        raise BadInput(
            "ids", "None of these pictures is in the bin; it may have been restored or deleted for good already."
        )


def _which(ids: Sequence[int] | None, before: float | None) -> tuple[str, tuple[Any, ...]]:
    parts: list[str] = [_BINNED]
    values: list[Any] = []
    if ids is not None:
        parts.append("id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps([int(id) for id in ids]))
    if before is not None:
        parts.append("deleted_at <= ?")
        values.append(before)
    return " AND ".join(parts), tuple(values)


def _of(some: int, all: int) -> str:
    if some == all:
        return "It" if all == 1 else "All of them"
    return f"{some:,} of them" if some != 1 else "One of them"
