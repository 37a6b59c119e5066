"""Nearest neighbours among the gallery's embeddings; what it holds is a copy of the table and never the truth."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from studio.database import Database
from studio.domain.errors import BadInput, EaselError
from studio.gallery.space import clusters, embeddings
from studio.gallery.space.blocks import BLOCK, Blocks, Numbers
from studio.gallery.space.clusters import Clusters, Step
from studio.gallery.space.embeddings import Halves, Matrix, State
from studio.safety.intake import sha256

EXACT = 200_000  # up to so many are all compared (docs/gallery.md has the times)
RECALL = 0.995  # of the ten nearest, which the clusters are made to find
ASKED = 64  # vectors of the gallery that the recall is measured with
GROWN = 1.5  # times as many clusters as there are would be right by now: learn them anew
DEAD = 0.1  # share of vectors that are gone and still take room


class Vectors:
    """The vectors of one kind by one model, in half precision; an answer is the cosine with each of them.

    Brought up to date with the table before each search, by its State: two look-ups when nothing has changed, also when
    another process changed it. Up to 200,000 vectors, or where filters let no more through, every one is compared. Beyond,
    `learn` finds clusters, and a search compares those of the nearest ones; the clusters are kept in a file, and made anew
    when it is damaged. Safe to use from threads.
    """

    def __init__(
        self, *, database: Database, folder: Path, model: str, kind: str = "picture", exact: int = EXACT
    ) -> None:
        self.model = model
        self.kind = embeddings.known(kind)
        self.exact = exact
        self._database = database
        self._path = folder / f"{file_stem(model, kind)}.clusters"
        self._about = f"{model} {self.kind}"
        self._lock = threading.Lock()
        self._clear()
        for old in (".faiss", ".json"):  # an earlier Easel kept all vectors there, once more
            with contextlib.suppress(OSError):
                self._path.with_suffix(old).unlink(missing_ok=True)

    def _clear(self, state: State | None = None) -> None:
        self._state = state
        self._blocks = Blocks(0)
        self._numbers: Numbers = np.empty(0, dtype=np.int64)  # by position: the row of the table
        self._artworks: Numbers = np.empty(0, dtype=np.int64)
        self._alive: Numbers = np.empty(0, dtype=bool)
        self._places: Numbers = np.empty(0, dtype=np.int64)  # artwork -> position, -1 for none
        self._clusters: Clusters | None = None
        self._looked = False  # whether the file of clusters was read
        self._allowed: tuple[Numbers, Numbers, int] | None = None  # the last filter, as a mask

    def add(self, ids: Sequence[int], vectors: Iterable[object]) -> None:
        """Keep vectors of artworks in the table; the next search finds them."""
        embeddings.store(self._database, self.model, ids, vectors, kind=self.kind)

    def get(self, id: int) -> Matrix | None:
        """The unit vector of an artwork, shape (d,), or None."""
        return embeddings.load(self._database, self.model, [id], kind=self.kind).get(id)

    def search(
        self, vector: object, *, limit: int, allowed: Collection[int] | Numbers | None = None
    ) -> list[tuple[int, float]]:
        """The artworks nearest to a vector, best first (ties: newest), with their cosine; only those in `allowed`, if given.

        `allowed` is quickest as an array, and again and again the same one. Raises BadInput for a vector of another length
        than the gallery's.
        """
        query = embeddings.unit(vector)
        with self._lock:
            self._refresh()
            mask, count = self._mask(allowed)
            limit = min(limit, count)
            if limit < 1:
                return []
            if len(query) != self._blocks.size:
                raise BadInput("words", "This search was made by another model than the gallery's; search again.")
            chosen = self._clusters.chosen(query) if self._clusters is not None and count > self.exact else None
            if chosen is not None and np.count_nonzero(mask[chosen]) < limit:
                chosen = None
            some = None if count == len(mask) else mask
            at, scores = self._blocks.nearest(query, limit, mask=some, at=chosen, newest=self._artworks)
            return list(zip(self._artworks[at].tolist(), scores.tolist(), strict=True))

    def refresh(self) -> int:
        """Read what is new in the table, so that the next search need not; returns how many vectors there are."""
        with self._lock:
            self._refresh()
            return int(np.count_nonzero(self._alive))

    @property
    def bytes(self) -> int:
        """The memory that the vectors and what is known of them take."""
        held = (self._numbers, self._artworks, self._alive, self._places)
        groups = 0 if self._clusters is None else self._clusters.centres.nbytes + self._clusters.of.nbytes
        return self._blocks.bytes + sum(one.nbytes for one in held) + groups

    # --- clusters -----------------------------------------------------------------------------------------------------

    def unsettled(self) -> bool:
        """Whether there are so many vectors that `learn` would make searches quicker."""
        with self._lock:
            self._refresh()
            return self._unsettled()

    def _unsettled(self) -> bool:
        count = len(self._numbers)
        if count <= self.exact:
            return False
        return self._clusters is None or clusters.how_many(count) > GROWN * len(self._clusters.centres)

    def learn(self, step: Step = lambda *_: None) -> bool:
        """Find clusters where there are more vectors than are all compared, and keep them; returns whether it did.

        Searches go on meanwhile. A minute or two for a million vectors of 512 numbers on two cores.
        """
        with self._lock:
            self._refresh()
            if not self._unsettled():
                return False
            blocks, numbers = self._blocks.copy(), self._numbers
        total = len(numbers)
        count = clusters.how_many(total)
        chance = np.random.default_rng(0)
        sample = np.sort(chance.choice(total, min(total, clusters.SAMPLE * count), replace=False))
        centres = clusters.learn(blocks.read(sample), count=count, step=lambda done, of: step(done, 2 * of))
        parts = []
        for start in range(0, total, BLOCK):
            step(total + start, 2 * total)
            parts.append(clusters.nearest(blocks.read(np.arange(start, min(start + BLOCK, total))), centres))
        asked = blocks.read(np.sort(chance.choice(total, min(ASKED, total), replace=False)))
        made = Clusters(centres, np.concatenate(parts), count)
        made = Clusters(centres, made.of, self._probes(blocks, made, asked, step))
        with self._lock:
            self._refresh()
            self._take(made, numbers)
            try:
                assert self._clusters is not None
                clusters.keep(self._path, self._clusters, self._numbers, about=self._about)
            except EaselError:
                pass  # a full disk must not stop a search: this is only a cache
        return True

    @staticmethod
    def _probes(blocks: Blocks, made: Clusters, asked: Matrix, step: Step) -> int:
        """How many clusters must be looked in for the wanted recall of the ten nearest."""
        order = np.arange(len(made.of))

        def recall(query: Matrix) -> Callable[[int], float]:
            step(1, 1)
            best, _ = blocks.nearest(query, 10, mask=None, newest=order)

            def share(probes: int) -> float:
                at = Clusters(made.centres, made.of, probes).chosen(query)
                return len(np.intersect1d(best, blocks.nearest(query, 10, at=at, newest=order)[0])) / len(best)

            return share

        return clusters.enough([recall(query) for query in asked], most=len(made.centres), wanted=RECALL)

    def _take(self, found: Clusters, numbers: Numbers) -> None:
        """Use clusters that were found for the vectors of these numbers; those that are new are put where they belong.

        Vectors of a cluster are laid side by side: memory is read in rows several times as quickly as here and there.
        """
        known = np.argsort(numbers)
        at = np.minimum(np.searchsorted(numbers, self._numbers, sorter=known), len(numbers) - 1)
        at = known[at]
        same = numbers[at] == self._numbers
        of = np.zeros(len(self._numbers), dtype=np.uint16)
        of[same] = found.of[at[same]]
        new = np.flatnonzero(~same)
        of[new] = clusters.nearest(self._blocks.read(new), found.centres)
        order = np.argsort(of, kind="stable")
        self._blocks = self._blocks.ordered(order)
        self._numbers, self._artworks, self._alive = self._numbers[order], self._artworks[order], self._alive[order]
        alive = np.flatnonzero(self._alive)
        self._places[self._artworks[alive]] = alive
        self._allowed = None
        self._clusters = Clusters(found.centres, of[order], found.probes, len(order))

    # --- what is held -------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Make what is held exactly what the table holds."""
        now = embeddings.state(self._database, self.model, self.kind)
        if now == self._state:
            return
        if self._state is None or now.gone < self._state.gone:  # another table: a backup was put in its place
            self._clear(State(0, now.gone))
        assert self._state is not None
        self._remove(np.array(embeddings.gone(self._database, after=self._state.gone), dtype=np.int64))
        if np.count_nonzero(~self._alive) > max(BLOCK, DEAD * len(self._alive)):
            self._clear(State(0, now.gone))
        self._allowed = None
        last = self._state.last
        found = embeddings.rows(self._database, self.model, self.kind, after=last, size=self._blocks.size)
        for numbers, artworks, halves in found:
            self._append(numbers, artworks, halves)
            last = int(numbers[-1])
            self._state = State(last, self._state.gone)  # what is read is not read again, should the next part fail
        self._state = State(max(last, now.last), now.gone)
        if len(self._numbers) > self.exact and self._clusters is None and not self._looked:
            self._looked = True
            kept = clusters.read(self._path, about=self._about)
            if kept is not None and kept[0].centres.shape[1] == self._blocks.size:
                self._take(*kept)

    def _remove(self, gone: Numbers) -> None:
        if not len(gone) or not len(self._numbers):
            return
        self._bury(np.flatnonzero(np.isin(self._numbers, gone)))

    def _bury(self, at: Numbers) -> None:
        self._alive[at] = False
        mine = at[self._places[self._artworks[at]] == at]
        self._places[self._artworks[mine]] = -1

    def _append(self, numbers: Numbers, artworks: Numbers, halves: Halves) -> None:
        start = len(self._numbers)
        if not self._blocks.size:
            self._blocks = Blocks(halves.shape[1])
        highest = int(artworks.max())
        if highest >= len(self._places):
            more = np.full(max(highest + 1, len(self._places) * 5 // 4) - len(self._places), -1, dtype=np.int64)
            self._places = np.concatenate([self._places, more])
        before = self._places[artworks]
        self._bury(before[before >= 0])  # made anew between two looks at the table
        self._blocks.append(halves)
        if self._clusters is not None:
            of = clusters.nearest(halves.astype(np.float32), self._clusters.centres)
            known = np.concatenate([self._clusters.of, of])
            self._clusters = replace(self._clusters, of=known)
        self._numbers = np.concatenate([self._numbers, numbers])
        self._artworks = np.concatenate([self._artworks, artworks])
        self._alive = np.concatenate([self._alive, np.ones(len(numbers), dtype=bool)])
        self._places[artworks] = np.arange(start, start + len(numbers))

    def _mask(self, allowed: Collection[int] | Numbers | None) -> tuple[Numbers, int]:
        """Which positions may be answered, (n,), and how many they are."""
        if allowed is None:
            return self._alive, int(np.count_nonzero(self._alive))
        if self._allowed is not None and self._allowed[0] is allowed:
            return self._allowed[1:]
        ids = allowed if isinstance(allowed, np.ndarray) else np.fromiter(allowed, dtype=np.int64, count=len(allowed))
        at = self._places[ids[(ids >= 0) & (ids < len(self._places))]]
        mask = np.zeros(len(self._numbers), dtype=bool)
        mask[at[at >= 0]] = True
        count = int(np.count_nonzero(mask))
        if isinstance(allowed, np.ndarray):  # whoever hands in a set may change it
            self._allowed = (allowed, mask, count)
        return mask, count


def file_stem(model: str, kind: str = "picture") -> str:
    """A file name for the vectors of one kind by a model, readable and distinct."""
    model = model if kind == "picture" else f"{model} {kind}"
    return f"{re.sub(r'[^a-z0-9]+', '-', model.lower()).strip('-')[:40]}-{sha256(model.encode())[:12]}"
