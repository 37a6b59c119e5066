"""Vectors in half precision, in blocks that threads compare side by side; the one room with FAISS. It knows no table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from studio.gallery.space.embeddings import Halves, Matrix

Numbers = np.ndarray[Any, np.dtype[Any]]
BLOCK = 32_768  # vectors of a block; a multiple of 8, so that the bits of a mask do not straddle
SPARE = 16  # places asked for beyond the last, to see whether it is a tie


class Blocks:
    """Vectors (n, size) by position. They are only ever added to; one that should not be found is left out of the mask."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._blocks: list[Any] = []
        self._pool: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return (len(self._blocks) - 1) * BLOCK + int(self._blocks[-1].ntotal) if self._blocks else 0

    @property
    def bytes(self) -> int:
        """The memory that the vectors take."""
        return sum(int(block.codes.size()) for block in self._blocks)

    def append(self, halves: Halves) -> None:
        """Put vectors (n, size) behind the others."""
        import faiss

        codes = np.ascontiguousarray(halves).view(np.uint8)
        at = 0
        while at < len(codes):
            if not self._blocks or self._blocks[-1].ntotal == BLOCK:
                kind = faiss.ScalarQuantizer.QT_fp16
                self._blocks.append(faiss.IndexScalarQuantizer(self.size, kind, faiss.METRIC_INNER_PRODUCT))
                self._blocks[-1].is_trained = True  # half precision has nothing to learn
            room = BLOCK - int(self._blocks[-1].ntotal)
            self._blocks[-1].add_sa_codes(codes[at : at + room])
            at += room

    def copy(self) -> Blocks:
        """As it is now, to be read while this one grows; full blocks never change and are not copied."""
        import faiss

        made = Blocks(self.size)
        made._blocks = [*self._blocks[:-1], *(faiss.clone_index(block) for block in self._blocks[-1:])]
        return made

    def read(self, at: Numbers) -> Matrix:
        """The vectors at these positions, which ascend, as float32 (n, size)."""
        found = np.empty((len(at), self.size), dtype=np.float32)
        begin = 0
        for index, block in enumerate(self._blocks):
            end = int(np.searchsorted(at, (index + 1) * BLOCK))
            inside = at[begin:end] - index * BLOCK
            if len(inside) == block.ntotal:
                found[begin:end] = block.reconstruct_n(0, len(inside))
            elif len(inside):
                found[begin:end] = block.reconstruct_batch(inside)
            begin = end
        return found

    def nearest(self, query: Matrix, limit: int, *, mask: Numbers | None, newest: Numbers) -> tuple[Numbers, Numbers]:
        """The positions nearest to a vector (size,), best first, and their inner products; at most `limit`.

        Exactly the best of those in the mask (n,), of all without one. What is equally near stands by `newest` (n,), highest
        first, also where the limit cuts it.
        """
        bits = None if mask is None else np.packbits(mask, bitorder="little")
        asked = [index for index in range(len(self._blocks)) if bits is None or bits[_bytes(index)].any()]
        if not asked or limit < 1:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        parts = dict(zip(asked, self._each(query, asked, limit + SPARE, bits), strict=True))
        while True:
            scores = np.concatenate([found for found, _ in parts.values()])
            last = np.partition(scores, -limit)[-limit] if len(scores) > limit else scores.min()
            # Equal vectors have equal products: what a block left out may be as near as the last that is answered
            more = [
                index
                for index, (found, _) in parts.items()
                if len(found) >= limit + SPARE and found[-1] >= last and len(found) < self._most(index, bits)
            ]
            if not more:
                break
            wanted = 2 * max(len(parts[index][0]) for index in more)
            parts.update(zip(more, self._each(query, more, wanted, bits), strict=True))
        places = np.concatenate([at + index * BLOCK for index, (_, at) in parts.items()])
        order = np.lexsort((-newest[places], -scores))[:limit]
        return places[order], scores[order]

    def _most(self, index: int, bits: Numbers | None) -> int:
        return int(self._blocks[index].ntotal if bits is None else np.unpackbits(bits[_bytes(index)]).sum())

    def _each(
        self, query: Matrix, indexes: Sequence[int], limit: int, bits: Numbers | None
    ) -> list[tuple[Numbers, Numbers]]:
        """The best of each of these blocks: products, falling, and positions inside the block."""
        import faiss

        row = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)

        def best(index: int) -> tuple[Numbers, Numbers]:
            block, options = self._blocks[index], None
            if bits is not None:
                options = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits[_bytes(index)]))  # type: ignore[call-arg, arg-type]
            scores, at = block.search(row, min(limit, int(block.ntotal)), params=options)
            found = at[0] >= 0
            return scores[0][found], at[0][found]

        if self._pool is None:
            # FAISS would set all cores to one query and gain nothing: it shares work by queries
            self._pool = ThreadPoolExecutor(
                min(4, os.cpu_count() or 1), "vectors", initializer=faiss.omp_set_num_threads, initargs=(1,)
            )
        return list(self._pool.map(best, indexes))


def _bytes(index: int) -> slice:
    return slice(index * BLOCK // 8, (index + 1) * BLOCK // 8)
