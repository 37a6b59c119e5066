"""The embeddings table: the truth about vectors, of which every index is a copy. It computes none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from studio.database import Database
from studio.domain.artwork import SHOWN
from studio.domain.errors import BadInput, NotNumbers

Matrix = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Halves = np.ndarray[tuple[int, ...], np.dtype[np.float16]]
KINDS = ("picture", "caption")  # what a vector was made of: the pixels, or the caption (the prompt where there is none)
AT_ONCE = 8_192  # rows: 8 MB of vectors of 512 numbers


@dataclass(frozen=True)
class State:
    """Where a model's part of the table stands: the last vector that came (0: none) and the last that anything took away.

    Two states that are the same mean the same vectors, in whatever process they were read.
    """

    last: int = 0
    gone: int = 0


def unit(vector: object) -> Matrix:
    """A vector as float32 of length 1, shape (d,); raises NotNumbers for NaN, infinity or length zero."""
    values = np.asarray(vector, dtype=np.float32).reshape(-1)
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length < 1e-8:
        raise NotNumbers("The model produced an embedding without numbers; verify the pack on the Shelf page.")
    return values / np.float32(length)


def store(
    database: Database, model: str, ids: Sequence[int], vectors: Iterable[object], *, kind: str = "picture"
) -> None:
    """Keep one vector for each artwork under a model's id, in half precision, all of them or none.

    An artwork that has one keeps it; one that is gone by now is left out. Raises NotNumbers, and BadInput for a kind there is
    not.
    """
    rows = [
        (id, model, known(kind), unit(vector).astype("<f2").tobytes()) for id, vector in zip(ids, vectors, strict=True)
    ]
    with database.transaction() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO embeddings (artwork, model, kind, half, vector)"
            " SELECT ?1, ?2, ?3, 1, ?4 WHERE EXISTS (SELECT 1 FROM artworks WHERE id = ?1)",
            rows,
        )


def known(kind: str) -> str:
    """The kind itself; raises BadInput when there is none of that name."""
    if kind not in KINDS:
        raise BadInput("by", f"There are no vectors of {kind!r}; there are {', '.join(KINDS)}.")
    return kind


def state(database: Database, model: str, kind: str = "picture") -> State:
    """Where the vectors of a model stand; two look-ups, however many there are."""
    row = database.one(
        "SELECT (SELECT max(id) FROM embeddings WHERE model = ? AND kind = ?), (SELECT max(id) FROM embeddings_gone)",
        model,
        kind,
    )
    return State(row[0] or 0, row[1] or 0) if row else State()


def count(database: Database, model: str, kind: str = "picture") -> int:
    """How many artworks have a vector of this model; counted by an index, a millisecond for some ten thousand."""
    row = database.one("SELECT count(*) FROM embeddings WHERE model = ? AND kind = ?", model, kind)
    return int(row[0]) if row else 0


def missing(database: Database, model: str, kind: str = "picture") -> list[int]:
    """The artworks that are shown and have no vector of this model, newest first; for captions those that have any words."""
    worded = "" if kind == "picture" else " AND (caption <> '' OR prompt <> '')"
    rows = database.read(
        f"SELECT id FROM artworks WHERE deleted_at IS NULL AND kind IN {SHOWN} AND gone_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM embeddings WHERE artwork = artworks.id AND model = ? AND embeddings.kind = ?)"
        f"{worded} ORDER BY id DESC",
        model,
        known(kind),
    )
    return [int(row["id"]) for row in rows]


def gone(database: Database, *, after: int) -> list[int]:
    """The numbers of the vectors of any model that were taken away since `after`, a State's `gone`."""
    return [int(row[0]) for row in database.read("SELECT embedding FROM embeddings_gone WHERE id > ?", after)]


def rows(
    database: Database, model: str, kind: str = "picture", *, after: int = 0, size: int = 0
) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], Halves]]:
    """The vectors that came after the number `after`, in their order: their numbers (n,), artworks (n,), float16 (n, d).

    In parts of 8,192. One model makes vectors of one length, `size` or that of most; others are damage, and left out.
    """
    while True:
        found = database.read(
            "SELECT id, artwork, half, vector FROM embeddings WHERE model = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?",
            model,
            kind,
            after,
            AT_ONCE,
        )
        if not found:
            return
        after = int(found[-1]["id"])
        lengths = [_length(row) for row in found]
        size = size or Counter(length for length in lengths if length).most_common(1)[0][0] if any(lengths) else size
        whole = [row for row, length in zip(found, lengths, strict=True) if length and length == size]
        if not whole:
            continue
        if all(row["half"] for row in whole):
            made: Halves = np.frombuffer(b"".join([row["vector"] for row in whole]), dtype="<f2").reshape(-1, size)
        else:
            made = np.stack([_read(row).astype(np.float16) for row in whole])
        yield (
            np.fromiter((row["id"] for row in whole), dtype=np.int64, count=len(whole)),
            np.fromiter((row["artwork"] for row in whole), dtype=np.int64, count=len(whole)),
            made,
        )


def load(database: Database, model: str, wanted: Sequence[int], *, kind: str = "picture") -> dict[int, Matrix]:
    """The vectors of these artworks as float32, shape (d,) each, those that exist."""
    sql = (
        "SELECT artwork, half, vector FROM embeddings WHERE model = ? AND kind = ?"
        " AND artwork IN (SELECT value FROM json_each(?))"
    )
    found = database.read(sql, model, kind, json.dumps(list(wanted)))
    return {int(row["artwork"]): _read(row) for row in found if _length(row)}


def _length(row: Any) -> int:
    """How many numbers a row's vector has; 0 where its bytes are no whole number of them."""
    size, left = divmod(len(row["vector"]), 2 if row["half"] else 4)
    return 0 if left else size


def _read(row: Any) -> Matrix:
    return np.frombuffer(row["vector"], dtype="<f2" if row["half"] else "<f4").astype(np.float32)
