"""How near one answer is to another: joints, depths, edges, masks. Plain numpy; it knows no model and no file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float] | None


def figure_height(figure: Sequence[Point]) -> float:
    """The distance from a figure's highest to its lowest joint, in the unit of its points; 0 for fewer than two joints."""
    heights = [point[1] for point in figure if point is not None]
    return max(heights) - min(heights) if len(heights) > 1 else 0.0


def near_joints(found: Sequence[Point], asked: Sequence[Point], share: float = 0.1) -> list[bool]:
    """For each asked joint, whether it was found within `share` of the asked figure's height (PCK; Yang and Ramanan 2013).

    found, asked: joints in the same order, None where hidden or not found. Hidden joints are not asked for. All lengths in
    one unit, so give pixels where a picture is not square.
    """
    reach = share * figure_height(asked)
    return [
        there is not None and float(np.hypot(there[0] - point[0], there[1] - point[1])) <= reach
        for there, point in zip(found, asked, strict=True)
        if point is not None
    ]


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """The rank correlation of two arrays of one shape, -1..1; ties share their mean rank. NaN where one of them is constant."""
    if a.shape != b.shape:
        raise ValueError(f"The shapes differ: {a.shape} and {b.shape}.")
    ranks = [_ranks(np.asarray(values, np.float64).ravel()) for values in (a, b)]
    x, y = (rank - rank.mean() for rank in ranks)
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / spread) if spread > 0 else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    _, back, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    middle: np.ndarray = (ends - (counts - 1) / 2)[back]
    return middle


def edge_f1(found: np.ndarray, asked: np.ndarray, tolerance: int = 2) -> float:
    """The F1 of edges, 0..1: an edge pixel counts where the other map has one within `tolerance` pixels (Euclidean).

    found, asked: (H, W) bool. 1 where both are empty, 0 where only one is.
    """
    if not found.any() and not asked.any():
        return 1.0
    if not found.any() or not asked.any():
        return 0.0
    precision = float((found & grown(asked, tolerance)).sum() / found.sum())
    recall = float((asked & grown(found, tolerance)).sum() / asked.sum())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def grown(mask: np.ndarray, radius: int) -> np.ndarray:
    """The pixels within `radius` of a mask's, (H, W) bool."""
    out = np.zeros_like(mask, dtype=bool)
    height, width = mask.shape
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy <= radius * radius and abs(dy) < height and abs(dx) < width:
                out[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] |= mask[
                    max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
                ]
    return out


def iou(found: np.ndarray, asked: np.ndarray) -> float:
    """The intersection of two bool masks over their union, 0..1; 1 where both are empty."""
    union = int((found | asked).sum())
    return float((found & asked).sum() / union) if union else 1.0


def psnr(one: np.ndarray, two: np.ndarray, *, peak: float = 255.0) -> float:
    """The peak signal-to-noise ratio in dB of two arrays of one shape; infinite where they are equal."""
    if one.shape != two.shape:
        raise ValueError(f"The shapes differ: {one.shape} and {two.shape}.")
    error = float(np.square(one.astype(np.float64) - two.astype(np.float64)).mean())
    return float(10 * np.log10(peak * peak / error)) if error > 0 else float("inf")


def depth_errors(found: np.ndarray, asked: np.ndarray, *, least: float = 0.05) -> tuple[float, float]:
    """The mean absolute error, and the share of pixels whose ratio is within 1.25 (delta 1; Eigen et al. 2014).

    found, asked: (H, W) floats, 1 near and 0 far. Ratios mean nothing near 0, so they are taken where asked is above `least`.
    """
    error = float(np.abs(found - asked).mean())
    known = asked > least
    if not known.any():
        return error, float("nan")
    a, b = np.maximum(found[known], 1e-6), asked[known]
    return error, float((np.maximum(a / b, b / a) < 1.25).mean())
