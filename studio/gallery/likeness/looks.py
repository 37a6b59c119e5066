"""Where looks are kept and searched: a column of the table, and all of it in memory once somebody asks. It sees no picture."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from studio.database import Database
from studio.domain.artwork import SHOWN
from studio.gallery.likeness import palette
from studio.gallery.likeness.appearance import COLOUR, LENGTH, SHARES, VERSION, Floats, Look, read

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]

_AT_ONCE = 8_192  # rows


def put(connection: Any, id: int, look: Look | None) -> None:
    """Keep an artwork's look inside somebody's transaction; None says that it was tried and there is none."""
    if look is not None:
        connection.execute("UPDATE looks_counter SET looked = looked + 1")
    connection.execute(
        "UPDATE artworks SET look = ?, colours = ?,"
        " looked = CASE WHEN ? THEN (SELECT looked FROM looks_counter) ELSE 0 END WHERE id = ?",
        (look.data if look else None, look.colours if look else None, look is not None, id),
    )


def missing(database: Database, *, limit: int = -1) -> list[int]:
    """The artworks outside the bin whose look was never made, oldest first."""
    rows = database.read(
        f"SELECT id FROM artworks WHERE looked IS NULL AND deleted_at IS NULL AND kind IN {SHOWN} ORDER BY id LIMIT ?",
        limit,
    )
    return [int(row["id"]) for row in rows]


def forget_old(database: Database) -> int:
    """Mark the looks of another version as missing; returns how many."""
    sql = "UPDATE artworks SET looked = NULL WHERE looked > 0 AND substr(look, 1, 1) <> ?"
    return database.write(sql, bytes([VERSION])).rowcount


def load(database: Database, id: int) -> Floats | None:
    """The vector of one artwork's look, shape (176,); None where there is none yet."""
    row = database.one("SELECT look FROM artworks WHERE id = ? AND look IS NOT NULL", id)
    found = read(row["look"]) if row else None
    return found[1] if found else None


class Looks:
    """All looks of a gallery in memory, 70 MB for 100,000; each answer first reads what came since. Safe to use from threads.

    Artworks that are deleted for good may stay in it: whoever asks says which are allowed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._clear()

    def search(self, vector: Floats, *, limit: int, allowed: Collection[int] | None = None) -> list[tuple[int, float]]:
        """The artworks that look most like a vector, best first (ties: newest), each with its likeness, 0 to 1."""
        ids, _, matrix = self.all()
        return _best(ids, matrix @ np.asarray(vector, dtype=np.float32), limit, allowed)

    def coloured(
        self, colours: Sequence[str], *, limit: int, allowed: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """The artworks that have most of these colours, best first, each with its share, 0 to 1; of several the least."""
        ids, _, matrix = self.all()
        shares = np.square(matrix[:, :COLOUR]) / np.float32(SHARES[0])
        counted = [shares @ np.array(palette.weights(one), dtype=np.float32) for one in colours]
        return _best(ids, np.min(counted, axis=0), limit, allowed)

    def all(self) -> tuple[Numbers, Hashes, Floats]:
        """Artworks (n,), their hashes (n,) and vectors (n, 176) as they are now; read them, never write to them."""
        with self._lock:
            self._refresh()
            return self._ids[: self._count], self._hashes[: self._count], self._matrix[: self._count]

    def _clear(self) -> None:
        self._last, self._count = 0, 0
        self._ids: Numbers = np.zeros(0, dtype=np.int64)
        self._hashes: Hashes = np.zeros(0, dtype=np.uint64)
        self._matrix: Floats = np.zeros((0, LENGTH), dtype=np.float32)

    def _refresh(self) -> None:
        row = self._database.one("SELECT looked FROM looks_counter")
        last = int(row[0]) if row else 0
        if last < self._last:  # another table: a backup was put in its place
            self._clear()
        while self._last < last:
            rows = self._database.read(
                "SELECT id, look, looked FROM artworks WHERE looked > ? ORDER BY looked LIMIT ?", self._last, _AT_ONCE
            )
            if not rows:
                self._last = last
                return
            self._append([(int(row["id"]), found) for row in rows if (found := read(row["look"] or b""))])
            self._last = int(rows[-1]["looked"])

    def _append(self, found: Sequence[tuple[int, tuple[int, Floats]]]) -> None:
        new = np.fromiter((id for id, _ in found), dtype=np.int64, count=len(found))
        if not len(new):
            return
        stays = ~np.isin(self._ids[: self._count], new)  # a look that was made anew takes the place of its own
        if not stays.all():
            kept = np.flatnonzero(stays)
            self._ids, self._hashes, self._matrix = self._ids[kept], self._hashes[kept], self._matrix[kept]
            self._count = len(kept)
        if self._count + len(new) > len(self._ids):  # what was handed out stays whole: arrays grow into new ones
            room = max(self._count + len(new), self._count * 5 // 4)
            self._ids = _grown(self._ids[: self._count], room)
            self._hashes = _grown(self._hashes[: self._count], room)
            self._matrix = _grown(self._matrix[: self._count], room)
        place = slice(self._count, self._count + len(new))
        self._ids[place] = new
        self._hashes[place] = np.array([hash for _, (hash, _) in found], dtype=np.uint64)
        self._matrix[place] = np.stack([vector for _, (_, vector) in found])
        self._count += len(new)


def _grown(array: Any, room: int) -> Any:
    made = np.zeros((room, *array.shape[1:]), dtype=array.dtype)
    made[: len(array)] = array
    return made


def _best(ids: Numbers, scores: Floats, limit: int, allowed: Collection[int] | None) -> list[tuple[int, float]]:
    if allowed is not None:
        wanted = np.isin(ids, np.fromiter(allowed, dtype=np.int64, count=len(allowed)))
        ids, scores = ids[wanted], scores[wanted]
    if limit < len(ids):
        nearest: Any = np.argpartition(scores, len(ids) - limit)[len(ids) - limit :] if limit > 0 else []
        ids, scores = ids[nearest], scores[nearest]
    order = np.lexsort((-ids, -scores))
    return [(int(ids[place]), float(scores[place])) for place in order]
