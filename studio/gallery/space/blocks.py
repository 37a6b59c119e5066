"""Vectors in half precision, in blocks that threads compare side by side; the one room with FAISS. It knows no table."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from studio.gallery.space.embeddings import Halves, Matrix

Numbers = np.ndarray[Any, np.dtype[Any]]
BLOCK = 16_384  # vectors of a block: few enough that threads end together, enough that nobody waits for the next
SPARSE = (
    16  # where a mask lets fewer than one of so many through, their rows are copied together and no other is passed by
)
ALONE = 8_192  # vectors that one thread compares before another is woken, which takes about as long
GATHERED = 1_024  # rows that are copied together, 1 MB: more leave the cache before they are compared
RUN = (
    32  # vectors side by side, on average, from which they are compared where they lie instead of being copied together
)
SPARE = 16  # places asked for beyond the last, to see whether it is a tie

_LARGE, _MADV_HUGEPAGE, _MADV_COLLAPSE = 2**21, 14, 25  # linux/mman.h


class Blocks:
    """Vectors (n, size) by position. They are only ever added to; one that should not be found is left out of the mask."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._blocks: list[Any] = []
        self._pool: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._helpers: list[int] = []  # the system's numbers of the pool's threads
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = min(4, cores)

    def __len__(self) -> int:
        return (len(self._blocks) - 1) * BLOCK + int(self._blocks[-1].ntotal) if self._blocks else 0

    @property
    def bytes(self) -> int:
        """The memory that the vectors take."""
        return sum(int(block.codes.size()) for block in self._blocks)

    def append(self, halves: Halves) -> None:
        """Put vectors (n, size) behind the others."""
        codes = np.ascontiguousarray(halves).view(np.uint8)
        at = 0
        while at < len(codes):
            if not self._blocks or self._blocks[-1].ntotal == BLOCK:
                self._blocks.append(_block(self.size))
            room = BLOCK - int(self._blocks[-1].ntotal)
            self._blocks[-1].add_sa_codes(codes[at : at + room])
            if self._blocks[-1].ntotal == BLOCK:  # it lies where it will stay
                _in_large_pages(_codes(self._blocks[-1]))
            at += room

    def copy(self) -> Blocks:
        """As it is now, to be read while this one grows; full blocks never change and are not copied."""
        import faiss

        made = Blocks(self.size)
        made._blocks = [*self._blocks[:-1], *(faiss.clone_index(block) for block in self._blocks[-1:])]
        return made

    def ordered(self, order: Numbers) -> Blocks:
        """The same vectors in another order: position n holds what was at order[n]. Both are in memory meanwhile."""
        made = Blocks(self.size)
        for start in range(0, len(order), BLOCK):
            at = order[start : start + BLOCK]
            rows = np.empty((len(at), 2 * self.size), dtype=np.uint8)
            of = at // BLOCK
            for index in np.unique(of):
                inside = of == index
                rows[inside] = _codes(self._blocks[index])[at[inside] - index * BLOCK]
            made.append(rows.view(np.float16))
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

    def nearest(
        self, query: Matrix, limit: int, *, mask: Numbers | None = None, at: Numbers | None = None, newest: Numbers
    ) -> tuple[Numbers, Numbers]:
        """The positions nearest to a vector (size,), best first, and their inner products; at most `limit`.

        Exactly the best of those in the mask (n,), of those `at` some positions, which ascend, of those that are both, or of
        all. What is equally near stands by `newest` (n,), highest first, also where the limit cuts it.
        """
        row = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        parts = self._parts(row, mask) if at is None else self._some(row, at, mask)
        if not parts or limit < 1:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        found = self._each(parts, limit + SPARE)
        while True:
            scores = np.concatenate([one for one, _ in found])
            last = np.partition(scores, -limit)[-limit] if len(scores) > limit else scores.min()
            # Equal vectors have equal products: what a part left out may be as near as the last that is answered
            more = [
                number
                for number, (one, _) in enumerate(found)
                if len(one) >= limit + SPARE and one[-1] >= last and len(one) < parts[number].size
            ]
            if not more:
                break
            wanted = 2 * max(len(found[number][0]) for number in more)
            for number, again in zip(more, self._each([parts[number] for number in more], wanted), strict=True):
                found[number] = again
        places = np.concatenate([at for _, at in found])
        order = np.lexsort((-newest[places], -scores))[:limit]
        return places[order], scores[order]

    def _parts(self, row: Matrix, mask: Numbers | None) -> list[_Part]:
        """What can be compared side by side: a block, or rows of several where a mask lets few of them through."""
        parts, few = [], []
        for index, block in enumerate(self._blocks):
            start, held = index * BLOCK, int(block.ntotal)
            if mask is None:
                parts.append(_Part(held, partial(_of_block, block, start, row, None)))
                continue
            inside = mask[start : start + held]
            count = int(np.count_nonzero(inside))
            if count * SPARSE > held:
                parts.append(
                    _Part(count, partial(_of_block, block, start, row, np.packbits(inside, bitorder="little")))
                )
            elif count:
                few.append(np.flatnonzero(inside) + start)
        return [*parts, *self._gathered(row, np.concatenate(few))] if few else parts

    def _some(self, row: Matrix, at: Numbers, mask: Numbers | None) -> list[_Part]:
        """The vectors at these positions that are in the mask: in runs, as those of a cluster lie, or copied together."""
        ends = np.flatnonzero((np.diff(at, append=-1) != 1) | (at % BLOCK == BLOCK - 1)) + 1
        inside = None if mask is None else mask[at]
        if len(at) < RUN * len(ends):
            return self._gathered(row, at if inside is None else at[inside])
        bits = None if mask is None else np.packbits(mask, bitorder="little")
        share = max(ALONE, -(-len(at) // (2 * self._threads)))  # so much at once, that threads end together
        parts, begin = [], 0
        for last in np.flatnonzero(np.diff(ends // share, append=-1)):
            end = int(ends[last])
            count = end - begin if inside is None else int(np.count_nonzero(inside[begin:end]))
            mine = ends[(ends > begin) & (ends <= end)]
            runs = list(zip(at[np.append(begin, mine[:-1])].tolist(), (at[mine - 1] + 1).tolist(), strict=True))
            if count:
                parts.append(_Part(count, partial(self._of_runs, runs, row, bits)))
            begin = end
        return parts

    def _of_runs(
        self, runs: Sequence[tuple[int, int]], row: Matrix, bits: Numbers | None, limit: int
    ) -> tuple[Numbers, Numbers]:
        """The best of the vectors of these runs, each from a position to another of the same block, where they lie.

        It is what FAISS does inside an inverted file: one heap, and a scanner that is led from list to list.
        """
        import faiss

        allowed = None if bits is None else faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
        scanner = self._blocks[0].sq.select_InvertedListScanner(faiss.METRIC_INNER_PRODUCT, None, False, allowed, False)
        scanner.set_query(faiss.swig_ptr(row))
        scanner.set_list(0, 0.0)
        limit = min(limit, sum(end - begin for begin, end in runs))
        scores, found = np.full(limit, -np.inf, dtype=np.float32), np.full(limit, -1, dtype=np.int64)
        for begin, end in runs:
            codes = _codes(self._blocks[begin // BLOCK])[begin % BLOCK : begin % BLOCK + end - begin].reshape(-1)
            positions = np.arange(begin, end)
            scanner.scan_codes(
                end - begin, faiss.swig_ptr(codes), faiss.swig_ptr(positions), faiss.swig_ptr(scores),
                faiss.swig_ptr(found), limit,
            )  # fmt: skip
        order = np.argsort(-scores, kind="stable")[: np.count_nonzero(found >= 0)]
        return scores[order], found[order]

    def _gathered(self, row: Matrix, at: Numbers) -> list[_Part]:
        cuts = [at[begin : begin + GATHERED] for begin in range(0, len(at), GATHERED)]
        return [_Part(len(some), partial(self._of_rows, some, row)) for some in cuts]

    def _of_rows(self, at: Numbers, row: Matrix, limit: int) -> tuple[Numbers, Numbers]:
        """The best of the vectors at these positions, which ascend, at most GATHERED of them."""
        desk = getattr(self._own, "desk", None)
        if desk is None:  # memory that is used again: fresh memory costs as much as all the rest
            desk = self._own.desk = _block(self.size)
            desk.codes.resize(GATHERED * 2 * self.size)
        desk.ntotal = GATHERED
        rows = _codes(desk)
        begin = 0
        while begin < len(at):
            index = int(at[begin]) // BLOCK
            end = int(np.searchsorted(at, (index + 1) * BLOCK))
            np.take(
                _codes(self._blocks[index]), at[begin:end] - index * BLOCK, axis=0, out=rows[begin:end], mode="clip"
            )
            begin = end
        desk.ntotal = len(at)
        scores, found = _of_block(desk, 0, row, None, limit)
        return scores, at[found]

    def _each(self, parts: Sequence[_Part], limit: int) -> list[tuple[Numbers, Numbers]]:
        """The best of each of these parts: products, falling, and positions. This thread does its share."""
        import faiss

        found: list[tuple[Numbers, Numbers]] = [_NONE] * len(parts)
        turn = iter(range(len(parts)))

        def work() -> None:
            for number in turn:  # each number goes to one thread
                found[number] = parts[number].best(limit)

        threads = min(self._threads, len(parts), 1 + sum(part.size for part in parts) // ALONE)
        before = faiss.omp_get_max_threads()
        helpers = []
        if threads > 1:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads - 1, "vectors", initializer=self._begin)
            _keep_apart(self._helpers)
            helpers = [self._pool.submit(work) for _ in range(threads - 1)]
        faiss.omp_set_num_threads(1)  # it would set all cores to one query and gain nothing: it shares work by queries
        try:
            work()
        finally:
            faiss.omp_set_num_threads(before)
            for helper in helpers:
                if not helper.cancel():
                    helper.result()
        return found

    def _begin(self) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._helpers.append(threading.get_native_id())


class _Part(NamedTuple):
    """How many vectors it holds, and the search that gives the best of them."""

    size: int
    best: Callable[[int], tuple[Numbers, Numbers]]


_NONE: tuple[Numbers, Numbers] = (np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64))


def _of_block(block: Any, start: int, row: Matrix, bits: Numbers | None, limit: int) -> tuple[Numbers, Numbers]:
    """The best of a block that begins at a position: products, falling, and positions."""
    import faiss

    options = None
    if bits is not None:
        options = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg, arg-type]
    scores, at = block.search(row, min(limit, int(block.ntotal)), params=options)
    found = at[0] >= 0
    return scores[0][found], at[0][found] + start


def _block(size: int) -> Any:
    """An empty block."""
    import faiss

    made = faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    made.is_trained = True  # half precision has nothing to learn
    return made


def _codes(block: Any) -> Numbers:
    """The vectors of a block as bytes (n, 2 * size), as they lie in it: only until it grows."""
    import faiss

    found: Numbers = faiss.rev_swig_ptr(block.codes.data(), int(block.codes.size())).reshape(int(block.ntotal), -1)
    return found


def _keep_apart(threads: Sequence[int]) -> None:
    """Ask the system to run these threads on other cores than the one that asks.

    A thread that is woken from rest is put beside its waker and stays there for some milliseconds, half of what a search takes,
    while another core is idle. Where the system cannot be asked (it is not Linux) nothing happens.
    """
    if sys.platform == "linux":
        here = ctypes.CDLL(None).sched_getcpu()
        cores = os.sched_getaffinity(0)
        for thread in threads:
            with contextlib.suppress(OSError):  # a thread that has ended
                os.sched_setaffinity(thread, cores - {here} or cores)


def _in_large_pages(codes: Numbers) -> None:
    """Ask the system to hold this memory in pages of 2 MB, as numpy's own: read from end to end it is half again as quick.

    Where it cannot (Linux before 6.1, other systems) nothing happens.
    """
    begin = -(-codes.ctypes.data // _LARGE) * _LARGE
    length = (codes.ctypes.data + codes.nbytes) // _LARGE * _LARGE - begin
    if length > 0 and sys.platform == "linux":
        advise = ctypes.CDLL(None).madvise
        for advice in (_MADV_HUGEPAGE, _MADV_COLLAPSE):
            advise(ctypes.c_void_p(begin), ctypes.c_size_t(length), advice)
