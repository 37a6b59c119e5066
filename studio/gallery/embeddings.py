"""The embeddings table: the truth about vectors, of which every index is a copy. It computes none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np

from studio.database import Database
from studio.domain.errors import NotNumbers

Matrix = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
_CHUNK = 500  # SQLite's oldest limit on values in a statement is 999


def unit(vector: object) -> Matrix:
    """A vector as float32 of length 1, shape (d,); raises NotNumbers for NaN, infinity or length zero."""
    values = np.asarray(vector, dtype=np.float32).reshape(-1)
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length < 1e-8:
        raise NotNumbers("The model produced an embedding without numbers; verify the pack on the Shelf page.")
    return values / np.float32(length)


def store(database: Database, model: str, ids: Sequence[int], vectors: Iterable[object]) -> None:
    """Keep one vector for each artwork under a model's id, all of them or none; a picture that has one keeps it."""
    rows = [(id, model, unit(vector).astype("<f4").tobytes()) for id, vector in zip(ids, vectors, strict=True)]
    with database.transaction() as connection:
        connection.executemany("INSERT OR IGNORE INTO embeddings (artwork, model, vector) VALUES (?, ?, ?)", rows)


def ids(database: Database, model: str) -> list[int]:
    """The artworks that have a vector of this model, in no order."""
    # One row of JSON: ten thousand rows as Python objects take three times as long
    row = database.one("SELECT json_group_array(artwork) FROM embeddings WHERE model = ?", model)
    return list(json.loads(row[0])) if row else []


def load(database: Database, model: str, wanted: Sequence[int]) -> dict[int, Matrix]:
    """The vectors of these artworks, shape (d,) each, those that exist."""
    found: dict[int, Matrix] = {}
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(part))
        sql = f"SELECT artwork, vector FROM embeddings WHERE model = ? AND artwork IN ({marks})"
        for row in database.read(sql, model, *part):
            found[row["artwork"]] = np.frombuffer(row["vector"], dtype="<f4")
    return found
