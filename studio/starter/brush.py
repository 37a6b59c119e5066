"""A brush that paints the colours and the truth (labels, depth) of a picture in one stroke; it never decides what to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]
SUPERSAMPLE = 3  # each pixel is the mean of 3x3: enough for smooth outlines, and three times quicker than 5x5
INK: Colour = (44, 38, 52)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` (0..1) of the way from a to b."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


class Brush:
    """One picture being painted: lengths are fractions of the width, y points down."""

    def __init__(self, size: int, column: np.ndarray) -> None:
        """Start with a vertical gradient; column: (H, 3) uint8, one colour a row of the finished picture."""
        self.size = size
        self.scale = size * SUPERSAMPLE
        base = Image.fromarray(column[:, None, :]).resize((1, self.scale), Image.Resampling.BILINEAR)
        self.canvas = base.resize((self.scale, self.scale), Image.Resampling.NEAREST)
        self.draw = ImageDraw.Draw(self.canvas)
        self.marks = Image.new("L", (size, size), 0)
        self.mark = ImageDraw.Draw(self.marks)
        self.label = 0

    def _big(self, points: Points) -> list[tuple[float, float]]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def polygon(self, points: Points, fill: Colour, *, ink: Colour | None = INK, line: float = 0.011) -> None:
        """Fill a polygon and outline it; its inside is marked with the current label."""
        big = self._big(points)
        self.draw.polygon(big, fill=fill)
        if ink is not None:
            width = max(1, round(line * self.scale))
            self.draw.line([*big, big[0], big[1]], fill=ink, width=width, joint="curve")
        if self.label:
            self.mark.polygon([(x * self.size, y * self.size) for x, y in points], fill=self.label)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, fill: Colour, *, ink: Colour | None = INK, line: float = 0.011
    ) -> None:
        """Fill an upright ellipse about (x, y) and outline it."""
        box = ((x - rx) * self.scale, (y - ry) * self.scale, (x + rx) * self.scale, (y + ry) * self.scale)
        self.draw.ellipse(box, fill=fill, outline=ink, width=max(1, round(line * self.scale)) if ink else 0)
        if self.label:
            n = self.size
            self.mark.ellipse(((x - rx) * n, (y - ry) * n, (x + rx) * n, (y + ry) * n), fill=self.label)

    def stroke(self, points: Points, colour: Colour, width: float) -> None:
        """A round-ended line through the points."""
        big = self._big(points)
        thick = max(1, round(width * self.scale))
        self.draw.line(big, fill=colour, width=thick, joint="curve")
        for x, y in (big[0], big[-1]):
            self.draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=colour)
        if self.label:
            n = self.size
            thin = max(1, round(width * n))
            self.mark.line([(x * n, y * n) for x, y in points], fill=self.label, width=thin)

    def picture(self) -> np.ndarray:
        """The finished picture, (H, W, 3) uint8."""
        return np.array(self.canvas.reduce(SUPERSAMPLE))

    def labels(self) -> np.ndarray:
        """The label of each pixel, (H, W) uint8."""
        return np.array(self.marks)


def ring(  # noqa: PLR0917  the usual order of an arc's numbers
    x: float, y: float, rx: float, ry: float, start: float, stop: float, count: int = 24
) -> list[tuple[float, float]]:
    """Points on an arc from `start` to `stop` degrees, clockwise on the screen from the right."""
    turns = [math.radians(start + (stop - start) * i / (count - 1)) for i in range(count)]
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns]
