"""Cuts a large canvas into tiles that overlap and puts them together again without a seam; it paints none of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from studio.domain.recipe import SIZE_STEP
from studio.domain.tiling import spans
from studio.workshop.paint.fit import Box, Size, sides

OVERLAP = 0.25  # of a tile's shorter side: room for the cross-fade


def tiles(canvas: Size, tile: Size, *, overlap: float = OVERLAP) -> list[Box]:
    """Boxes of at most a tile's size that cover a canvas, row by row; corners on multiples of 8 where the canvas allows."""
    over = round(min(tile) * overlap)
    across, down = (
        [_stepped(span, length) for span in spans(length, side, over)]
        for length, side in zip(canvas, tile, strict=True)
    )
    return [(left, top, right, bottom) for top, bottom in down for left, right in across]


def noise_field(seed: int, canvas: Size, *, factor: int, channels: int) -> torch.Tensor:
    """Noise for a whole canvas, (1, c, H/factor, W/factor) float32: tiles that overlap see the same where they do."""
    shape = (1, channels, -(-canvas[1] // factor), -(-canvas[0] // factor))
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def cut(field: torch.Tensor, box: Box, *, factor: int) -> torch.Tensor:
    """The part of a noise field under a box."""
    left, top, right, bottom = box
    rows = slice(top // factor, top // factor + -(-(bottom - top) // factor))
    columns = slice(left // factor, left // factor + -(-(right - left) // factor))
    return field[..., rows, columns].clone()


def lay(canvas: Image.Image, tile: Image.Image, box: Box, before: Sequence[Box]) -> None:
    """Put a tile onto the canvas (RGB), cross-fading with what tiles `before` it left where they overlap."""
    wide, high = sides(box)
    left = _reach(box, before, axis=0)
    top = _reach(box, before, axis=1)
    across = _ramp(wide, left)
    down = _ramp(high, top)
    mask = np.round(np.minimum.outer(down, across) * 255).astype(np.uint8)
    canvas.paste(tile, box[:2], Image.fromarray(mask))


def _reach(box: Box, before: Sequence[Box], *, axis: int) -> int:
    """How far earlier tiles of the same row (axis 0) or column (axis 1) reach into this one, in pixels."""
    other = 1 - axis
    return max(
        (
            one[axis + 2] - box[axis]
            for one in before
            if one[other] == box[other] and one[axis] < box[axis] < one[axis + 2]
        ),
        default=0,
    )


def _ramp(length: int, rise: int) -> np.ndarray:
    """0 to 1 over the first `rise` pixels, smoothly (3t^2 - 2t^3), then 1."""
    t = np.clip((np.arange(length) + 0.5) / max(rise, 1), 0, 1) if rise else np.ones(length)
    ramp: np.ndarray = t * t * (3 - 2 * t)
    return ramp


def _stepped(span: tuple[int, int], length: int) -> tuple[int, int]:
    """A stretch whose start lies on the latents' grid, still reaching the end of the length."""
    start, end = span
    if end == length:
        return span
    moved = start // SIZE_STEP * SIZE_STEP
    return moved, moved + end - start
