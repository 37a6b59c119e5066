"""Nearest neighbours among the gallery's embeddings, with FAISS; the index is a copy of the table and never the truth."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studio.database import Database
from studio.domain.errors import BadInput, EaselError
from studio.gallery import embeddings
from studio.gallery.files import write_whole
from studio.safety.intake import sha256

SAVE_AFTER = 256  # changes that may be lost with the process; they are read from the table again, in milliseconds

FEW = 64  # artworks left out (the bin, mostly) that are cheaper to ask for and drop than to name all the others


class Vectors:
    """An exact index (inner product of unit vectors, so cosine) over the vectors of one kind by one model.

    Brought up to date with the table before each search, saved now and then, thrown away when it cannot be trusted: FAISS loads
    a file with a flipped payload silently, so a sidecar holds the SHA-256, the count and the model. Safe to use from threads.
    """

    def __init__(self, *, database: Database, folder: Path, model: str, kind: str = "picture") -> None:
        self.model = model
        self.kind = embeddings.known(kind)
        self._database = database
        self._path = folder / f"{file_stem(model, kind)}.faiss"
        self._lock = threading.Lock()
        self._index: Any = None
        self._held: set[int] = set()
        self._unsaved = 0

    def add(self, ids: Sequence[int], vectors: Iterable[object]) -> None:
        """Keep vectors of artworks in the table; the next search finds them."""
        embeddings.store(self._database, self.model, ids, vectors, kind=self.kind)

    def get(self, id: int) -> embeddings.Matrix | None:
        """The unit vector of an artwork, shape (d,), or None."""
        return embeddings.load(self._database, self.model, [id], kind=self.kind).get(id)

    def search(self, vector: object, *, limit: int, allowed: set[int] | None = None) -> list[tuple[int, float]]:
        """The artworks nearest to a vector, best first (ties: newest), with their cosine; only those in `allowed`, if given."""
        import faiss

        query = embeddings.unit(vector).reshape(1, -1)
        with self._lock:
            self._refresh()
            barred = set() if allowed is None else self._held - allowed
            count = min(limit, len(self._held) - len(barred))
            if count < 1:
                return []
            if query.shape[1] != self._index.d:
                raise BadInput("words", "This search was made by another model than the gallery's; search again.")
            options = None
            if len(barred) > FEW:
                wanted = np.fromiter(self._held - barred, dtype=np.int64)
                options = faiss.SearchParameters(sel=faiss.IDSelectorBatch(wanted))  # type: ignore[call-arg]
                barred = set()
            scores, ids = self._index.search(query, count + len(barred), params=options)
        pairs = [(int(id), float(score)) for id, score in zip(ids[0], scores[0], strict=True) if id not in barred]
        return sorted(pairs, key=lambda pair: (-pair[1], -pair[0]))[:count]

    def _refresh(self) -> None:
        """Make the index hold exactly what the table holds."""
        if self._index is None:
            self._open()
        wanted = embeddings.ids(self._database, self.model, self.kind)
        if len(wanted) == len(self._held) and self._held.issuperset(wanted):
            return
        gone = self._held.difference(wanted)
        if gone:
            self._index.remove_ids(np.fromiter(gone, dtype=np.int64, count=len(gone)))
            self._held -= gone
        new = [id for id in wanted if id not in self._held]
        self._unsaved += len(gone) + self._insert(new)
        if self._unsaved >= SAVE_AFTER:
            self._save()

    def _insert(self, new: list[int]) -> int:
        import faiss

        found = embeddings.load(self._database, self.model, new, kind=self.kind)
        if not found:
            return 0
        # One model makes vectors of one length; a row of another length is damage, told by `check`
        lengths = [len(vector) for vector in found.values()]
        dimension = self._index.d if self._index is not None else max(set(lengths), key=lengths.count)
        if self._index is None:
            self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        kept = {id: vector for id, vector in found.items() if len(vector) == dimension}
        self._index.add_with_ids(np.stack(list(kept.values())), np.fromiter(kept, dtype=np.int64, count=len(kept)))
        self._held.update(kept)
        return len(kept)

    def _open(self) -> None:
        """Load the saved index if it is whole; otherwise leave it to be built from the table."""
        import faiss

        try:
            data = self._path.read_bytes()
            told = json.loads(self._path.with_suffix(".json").read_text())
            if told != _sidecar(self.model, told["count"], data):
                return
            index: Any = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
            held = {int(id) for id in faiss.vector_to_array(index.id_map)}
            if index.ntotal != told["count"] or len(held) != told["count"]:
                return
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError):
            return
        self._index, self._held = index, held

    def _save(self) -> None:
        """Write the index, then the sidecar that vouches for it; a crash between the two makes the hash disagree."""
        import faiss

        data = faiss.serialize_index(self._index).tobytes()
        try:
            write_whole(self._path, data)
            write_whole(
                self._path.with_suffix(".json"), json.dumps(_sidecar(self.model, len(self._held), data)).encode()
            )
        except EaselError:
            return  # a full disk must not stop a search: the index is only a copy
        self._unsaved = 0


def file_stem(model: str, kind: str = "picture") -> str:
    """A file name for the vectors of one kind by a model, readable and distinct."""
    model = model if kind == "picture" else f"{model} {kind}"
    return f"{re.sub(r'[^a-z0-9]+', '-', model.lower()).strip('-')[:40]}-{sha256(model.encode())[:12]}"


def _sidecar(model: str, count: int, data: bytes) -> dict[str, Any]:
    return {"model": model, "count": count, "sha256": sha256(data)}
