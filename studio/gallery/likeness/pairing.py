"""Which of many pictures may be copies of each other, by their looks, without comparing each with each. It opens no picture.

Pictures that look alike meet in a cluster: each lies in the cluster of its nearest centre and is compared with those of its
three nearest (an inverted file: Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", PAMI 2011). What
was changed in colour meets by its hash, of which a quarter is the same (Manku, Jain and Das Sarma, "Detecting near-duplicates
for web crawling", WWW 2007). So a hundred thousand pictures take seconds, and a million minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from studio.gallery.likeness.appearance import Floats
from studio.gallery.likeness.looks import Hashes, Numbers

ALIKE = 0.94  # of two looks, from which they are compared closely; a crop of a tenth at each side still has it
BITS = 6  # of 64 in which the hashes of two copies may differ
NEAREST = 6  # alike pictures of each that are compared closely
BUCKET = 200  # pictures with the same quarter of a hash, beyond which it tells nothing
PROBES = 3
ALL = 4_096  # up to so many each is compared with each
_ROWS = 1_024

Step = Callable[[int, int], None]


def pairs(
    ids: Numbers, hashes: Hashes, looks: Floats, *, step: Step = lambda done, total: None
) -> list[tuple[int, int]]:
    """Pairs of artworks (smaller number first) that may be copies, neighbours together; `step(done, total)` as it goes."""
    found: dict[tuple[int, int], None] = {}
    for rows, columns in (_by_look(looks, step), *_by_hash(hashes)):
        for one, other in zip(ids[rows].tolist(), ids[columns].tolist(), strict=True):
            if one != other:
                found[(one, other) if one < other else (other, one)] = None
    return list(found)


def same_hash(ids: Numbers, hashes: Hashes) -> list[list[int]]:
    """Artworks whose hashes are the same, in groups of two and more; of these some have the very same pixels."""
    order = np.lexsort((ids, hashes))
    ends = np.flatnonzero(np.diff(hashes[order])) + 1
    return [group.tolist() for group in np.split(ids[order], ends) if len(group) > 1]


def _by_look(looks: Floats, step: Step) -> tuple[Any, Any]:
    """Rows and columns of the pairs that are alike, of each row the nearest few."""
    count = len(looks)
    nearest = np.full((count, NEAREST), -1, dtype=np.int64)
    scores = np.full((count, NEAREST), -1.0, dtype=np.float32)
    if count <= ALL:
        everyone = np.arange(count)
        _take_nearest(looks, everyone, everyone, nearest, scores)
        step(count, count)
    else:
        centres = looks[np.random.default_rng(0).choice(count, int(count**0.5), replace=False)]
        near = np.empty((count, PROBES), dtype=np.int32)
        for start in range(0, count, 8_192):
            told = looks[start : start + 8_192] @ centres.T
            near[start : start + 8_192] = np.argpartition(told, -PROBES, axis=1)[:, -PROBES:]
        own = np.take_along_axis(near, _best(looks, centres, near)[:, None], axis=1)[:, 0]
        for centre in range(len(centres)):
            members = np.flatnonzero(own == centre)
            if len(members):
                _take_nearest(looks, np.flatnonzero((near == centre).any(axis=1)), members, nearest, scores)
            step(centre + 1, len(centres))
    rows, places = np.nonzero(scores >= ALIKE)
    return rows, nearest[rows, places]


def _best(looks: Floats, centres: Floats, near: Any) -> Any:
    """Which of the nearest centres is the nearest."""
    scores = np.stack([np.einsum("nd,nd->n", looks, centres[near[:, place]]) for place in range(near.shape[1])])
    return scores.argmax(axis=0)


def _take_nearest(looks: Floats, asking: Any, held: Any, nearest: Any, scores: Any) -> None:
    """Put those of `held` that are nearest to each of `asking` among its nearest so far."""
    for start in range(0, len(asking), _ROWS):
        part = asking[start : start + _ROWS]
        told = looks[part] @ looks[held].T
        told[part[:, None] == held[None, :]] = -1.0  # not itself
        most = min(NEAREST, len(held))
        best = np.argpartition(told, -most, axis=1)[:, -most:]
        both = np.concatenate([scores[part], np.take_along_axis(told, best, axis=1)], axis=1)
        names = np.concatenate([nearest[part], held[best]], axis=1)
        kept = np.argpartition(both, -NEAREST, axis=1)[:, -NEAREST:]
        scores[part] = np.take_along_axis(both, kept, axis=1)
        nearest[part] = np.take_along_axis(names, kept, axis=1)


def _by_hash(hashes: Hashes) -> Iterator[tuple[Any, Any]]:
    for quarter in range(4):
        keys = (hashes >> np.uint64(16 * quarter)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            if 1 < len(group) <= BUCKET:
                apart = np.bitwise_count(hashes[group][:, None] ^ hashes[group][None, :])
                rows, columns = np.nonzero(np.triu(apart <= BITS, 1))
                yield group[rows], group[columns]
