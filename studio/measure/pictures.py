"""Which pixels of two pictures differ, and where. Plain numpy; it knows no model and no file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio.measure.metrics import psnr

# Of 255, in any channel: beyond this a person sees it on flat colours. About 2.3 units of CIELAB's Delta E, the least
# difference that people notice (Mahy et al. 1994), for greys.
VISIBLE = 6


@dataclass(frozen=True)
class Nearness:
    """How near two pictures are: the largest and the mean difference of a channel (of 255), PSNR in dB, and two shares.

    `differing` is the share of pixels that differ at all, `visible` of those that differ by more than a person overlooks.
    """

    largest: int
    mean: float
    psnr: float
    differing: float
    visible: float

    @property
    def same(self) -> bool:
        """Whether every pixel is equal."""
        return self.largest == 0


def nearness(one: np.ndarray, two: np.ndarray) -> Nearness:
    """Compare two pictures of one shape, (H, W, C) uint8. Raises ValueError for other shapes."""
    if one.shape != two.shape or one.ndim != 3:
        raise ValueError(f"pictures of shapes {one.shape} and {two.shape} cannot be compared")
    apart = np.abs(one.astype(np.int16) - two.astype(np.int16))
    most = apart.max(axis=-1)
    return Nearness(
        largest=int(most.max()),
        mean=float(apart.mean()),
        psnr=psnr(one, two),
        differing=float((most > 0).mean()),
        visible=float((most > VISIBLE).mean()),
    )


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
