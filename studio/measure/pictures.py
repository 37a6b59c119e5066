"""Which pixels of two pictures differ, and where. Plain numpy; it knows no model and no file."""

from __future__ import annotations

import numpy as np


def differing(before: np.ndarray, after: np.ndarray, *, where: np.ndarray | None = None) -> int:
    """How many pixels differ in any channel, among those that `where` names.

    before, after: (H, W, C) uint8 of one shape. where: (H, W) bool, or None for all. Raises ValueError for other shapes.
    """
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(f"pictures of shapes {before.shape} and {after.shape} cannot be compared")
    different = (before != after).any(axis=-1)
    if where is not None:
        if where.shape != different.shape:
            raise ValueError(f"a mask of shape {where.shape} does not fit a picture of shape {before.shape}")
        different &= where
    return int(different.sum())
