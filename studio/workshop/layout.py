"""Lays vectors out on a plane so that what is alike lies together. It knows no picture and no table.

PaCMAP: Wang, Huang, Rudin and Shaposhnik, "Understanding how dimension reduction tools work", JMLR 22, 2021; the numbers below
are the paper's. Written with numpy alone: docs/decisions/map.md says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from studio.gallery.space.mapping import Floats, Whole

NEAR, MIDDLE, FAR = 10, 5, 20  # pairs of each kind for each point
MORE = 50  # neighbours looked at beside those that are taken
DEPTH = 100  # numbers of a vector that count, by principal components
STEPS = (100, 100, 250)  # of the three phases: the whole, then the parts, then the details
ROWS_AT_ONCE = 512

Progress = Callable[[int, int], None]


def laid_out(vectors: Floats, *, seed: int, progress: Progress = lambda done, total: None) -> Floats:
    """A point for each vector: (n, d) to (n, 2), in units of no meaning. The same vectors and seed give the same points.

    `progress(done, total)` is called between steps, and may raise to stop.
    """
    count = len(vectors)
    if count < 4:
        return np.asarray([[row, 0.0] for row in range(count)], dtype=np.float32).reshape(-1, 2)
    rng = np.random.default_rng(seed)
    values = compressed(vectors)
    total = 2 * sum(STEPS)  # finding the neighbours counts as half
    pairs = _pairs(values, rng, lambda share: progress(int(share * sum(STEPS)), total))
    points = 0.01 * values[:, :2].T / max(float(values[:, 0].std()), 1e-6)
    return _descended(np.ascontiguousarray(points), pairs, lambda step: progress(sum(STEPS) + step, total))


def compressed(vectors: Floats, *, like: Floats | None = None) -> Floats:
    """The vectors by their first hundred principal components, or by those of `like`; (n, d) to (n, 2 to 100)."""
    base = vectors if like is None else like
    middle = base.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = base.astype(np.float32) - middle
    _, axes = np.linalg.eigh((spread.T @ spread).astype(np.float64))
    axes = axes[:, ::-1][:, :DEPTH]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)  # a sign for each
    values = (vectors.astype(np.float32) - middle) @ axes.astype(np.float32)
    return values if values.shape[1] > 1 else np.concatenate([values, np.zeros_like(values)], axis=1)


def _pairs(values: Floats, rng: np.random.Generator, progress: Callable[[float], None]) -> tuple[Whole, Whole, Whole]:
    """For each point its neighbours, some that are half near, and some of the rest: (n, 10), (n, 5), (n, 20) rows."""
    count = len(values)
    near = min(NEAR, count - 1)
    seen = min(near + MORE, count - 1)
    squares = (values**2).sum(axis=1)
    rows: Whole = np.empty((count, seen), dtype=np.int64)
    far: Floats = np.empty((count, seen), dtype=np.float32)
    for start in range(0, count, ROWS_AT_ONCE):
        progress(start / count)
        part = values[start : start + ROWS_AT_ONCE]
        distances = squares[start : start + ROWS_AT_ONCE, None] + squares[None] - 2 * (part @ values.T)
        distances[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        found = np.argpartition(distances, seen - 1, axis=1)[:, :seen]
        found = np.take_along_axis(found, np.argsort(np.take_along_axis(distances, found, 1), axis=1, kind="stable"), 1)
        rows[start : start + ROWS_AT_ONCE] = found
        far[start : start + ROWS_AT_ONCE] = np.take_along_axis(distances, found, 1)
    far = np.maximum(far, 0)
    sigma = np.maximum(np.sqrt(far[:, 3:6]).mean(axis=1) if seen > 3 else np.sqrt(far[:, -1]), 1e-10)
    order = np.argsort(far / sigma[:, None] / sigma[rows], axis=1, kind="stable")[:, :near]
    neighbours = np.take_along_axis(rows, order, axis=1)
    middle = np.stack([_second(values, rng) for _ in range(MIDDLE)], axis=1)
    others = rng.integers(0, count, size=(count, FAR))
    return neighbours, middle, others


def _second(values: Floats, rng: np.random.Generator) -> Whole:
    """Of six points drawn by lot the second nearest, for each."""
    count = len(values)
    drawn = rng.integers(0, count, size=(count, 6))
    second: Whole = np.empty(count, dtype=np.int64)
    for start in range(0, count, 8 * ROWS_AT_ONCE):
        part = slice(start, start + 8 * ROWS_AT_ONCE)
        distances = ((values[part, None] - values[drawn[part]]) ** 2).sum(axis=2)
        at = np.argsort(distances, axis=1, kind="stable")[:, 1]
        second[part] = drawn[part][np.arange(len(at)), at]
    return second


def _descended(points: Any, pairs: tuple[Whole, Whole, Whole], progress: Callable[[int], None]) -> Floats:
    """The points after Adam went down the three forces; `points` is (2, n), the answer (n, 2)."""
    near, _, far = pairs
    count = points.shape[1]
    points = points.astype(np.float32)
    own = np.arange(count)[:, None]
    known = (far == own) | (far[:, :, None] == near[:, None]).any(axis=2)  # they are not far after all
    push = np.where(known, 0, 1).astype(np.float32)
    first, second = np.zeros_like(points), np.zeros_like(points)
    for step in range(sum(STEPS)):
        if step % 10 == 0:
            progress(step)
        weights = _weights(step)
        slope = np.zeros_like(points)
        for kind, rows in enumerate(pairs):
            if not weights[kind]:
                continue
            apart = points[:, :, None] - points[:, rows]
            apart *= weights[kind] * _slope(kind, 1 + apart[0] ** 2 + apart[1] ** 2) * (push if kind == 2 else 1)
            slope += apart.sum(axis=2)
            flat = rows.reshape(-1)
            for axis in (0, 1):
                slope[axis] -= np.bincount(flat, weights=apart[axis].reshape(-1), minlength=count).astype(np.float32)
        first += 0.1 * (slope - first)
        second += 0.001 * (slope**2 - second)
        rate = (1 - 0.999 ** (step + 1)) ** 0.5 / (1 - 0.9 ** (step + 1))
        points -= np.float32(rate) * first / (np.sqrt(second) + np.float32(1e-7))
    return np.ascontiguousarray(points.T)


def _slope(kind: int, squares: Any) -> Any:
    """How strongly pairs that are `squares` (1 + distance squared) apart pull, for neighbours, half near and far ones."""
    if kind == 0:
        return 20 / (10 + squares) ** 2
    return 20_000 / (10_000 + squares) ** 2 if kind == 1 else -2 / (1 + squares) ** 2


def _weights(step: int) -> tuple[float, float, float]:
    """What neighbours, half near and far pairs weigh at a step."""
    if step < STEPS[0]:
        return 2.0, 1000.0 * (1 - step / STEPS[0]) + 3.0 * step / STEPS[0], 1.0
    return (3.0, 3.0, 1.0) if step < STEPS[0] + STEPS[1] else (1.0, 0.0, 1.0)
