"""Where a search among very many vectors need not look: clusters, by spherical k-means. It holds no vector itself.

An inverted file (Sivic and Zisserman, "Video Google", ICCV 2003) without lists of its own: a number for each vector says which
cluster it lies in, so the vectors stay where they are, and filters and deletions work on them as without clusters.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from studio.gallery.files import write_whole
from studio.gallery.space.embeddings import Matrix
from studio.safety.intake import sha256

Numbers = np.ndarray[Any, np.dtype[Any]]
Step = Callable[[int, int], None]  # done, of how many; may raise to stop
SAMPLE = 48  # vectors that a centre is learnt from; FAISS asks for 39 at least
ROUNDS = 8
_AT_ONCE = 16_384
_FORMAT = 1


@dataclass(frozen=True)
class Clusters:
    """Where each vector lies: centres (k, d), of unit length; `of` (n,) uint16, the number of its centre.

    `probes`: how many clusters a search looks in; `ordered`: how many of the first vectors lie in the order of their clusters.
    """

    centres: Matrix
    of: Numbers
    probes: int
    ordered: int = 0

    def chosen(self, query: Matrix) -> Numbers:
        """Where the vectors lie that a search for this one, (d,), looks at: positions, ascending."""
        # row by row: a product of the whole is shared by threads that wait for each other longer than it takes
        near = np.argpartition(np.vecdot(self.centres, query), -self.probes)[-self.probes :]
        near = np.sort(near).astype(np.uint16)  # as `of`, or all of that would be converted
        begins, ends = (np.searchsorted(self.of[: self.ordered], near, side) for side in ("left", "right"))
        found = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
        if self.ordered < len(self.of):
            table = np.zeros(len(self.centres), dtype=bool)
            table[near] = True
            found.append(np.flatnonzero(table[self.of[self.ordered :]]) + self.ordered)
        return np.concatenate(found)


def how_many(count: int) -> int:
    """How many clusters for so many vectors: a power of two about twice the square root, at most 8,192."""
    return int(min(8_192, 2 ** round(np.log2(2 * np.sqrt(max(count, 4))))))


def learn(sample: Matrix, *, count: int, step: Step) -> Matrix:
    """The centres of `count` clusters, (count, d), from unit vectors (n, d), n >= count. The same sample gives the same."""
    chance = np.random.default_rng(0)
    centres = sample[chance.choice(len(sample), count, replace=False)].copy()
    for round in range(ROUNDS):
        step(round, ROUNDS)
        of = nearest(sample, centres, step=lambda *_: step(round, ROUNDS))  # noqa: B023
        order = np.argsort(of, kind="stable")
        begins = np.searchsorted(of[order], np.arange(count))
        sizes = np.diff(np.append(begins, len(of)))
        held = np.flatnonzero(sizes)
        sums = np.zeros_like(centres)
        sums[held] = np.add.reduceat(sample[order], begins[held], axis=0)
        empty = np.flatnonzero(sizes == 0)
        sums[empty] = sample[chance.choice(len(sample), len(empty))]  # a centre that nobody is near begins elsewhere
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 1e-8, sums / np.maximum(lengths, 1e-8), centres).astype(np.float32)
    return centres


def nearest(vectors: Matrix, centres: Matrix, *, step: Step = lambda *_: None) -> Numbers:
    """The number of the nearest centre for each vector, (n,) uint16."""
    found = np.empty(len(vectors), dtype=np.uint16)
    for start in range(0, len(vectors), _AT_ONCE):
        step(start, len(vectors))
        found[start : start + _AT_ONCE] = np.argmax(vectors[start : start + _AT_ONCE] @ centres.T, axis=1)
    return found


def enough(recalls: Sequence[Callable[[int], float]], *, most: int, wanted: float) -> int:
    """The smallest number of probes, doubling from 4, at which the mean of `recalls` is `wanted` or more; then twice that.

    Twice, because words lie farther from pictures than pictures from each other, and recall was measured with pictures.
    """
    probes = 4
    while probes < most and np.mean([recall(probes) for recall in recalls]) < wanted:
        probes *= 2
    return min(most, 2 * probes)


def keep(path: Path, clusters: Clusters, numbers: Numbers, *, about: str) -> None:
    """Keep clusters with the numbers (n,) of the vectors, in one file that says what it is of and what its bytes hash to."""
    buffer = io.BytesIO()
    np.savez(buffer, centres=clusters.centres, of=clusters.of, numbers=numbers, probes=np.int64(clusters.probes))
    body = buffer.getvalue()
    head = {"format": _FORMAT, "about": about, "count": len(numbers), "sha256": sha256(body)}
    write_whole(path, json.dumps(head).encode() + b"\n" + body)


def read(path: Path, *, about: str) -> tuple[Clusters, Numbers] | None:
    """What `keep` kept; None where there is nothing, where it is of something else, or where a byte of it is wrong."""
    try:
        line, body = path.read_bytes().split(b"\n", 1)
        head = json.loads(line)
        if (head["format"], head["about"], head["sha256"]) != (_FORMAT, about, sha256(body)):
            return None
        held = np.load(io.BytesIO(body), allow_pickle=False)
        clusters = Clusters(held["centres"], held["of"], int(held["probes"]))
        numbers: Numbers = held["numbers"]
        fits = len(numbers) == head["count"] == len(clusters.of) and 0 < clusters.probes <= len(clusters.centres)
        return (clusters, numbers) if fits else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
