"""Brings sources and control maps to the frame that a model works in; pure geometry and resampling, no model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image

from studio.domain.recipe import SIZE_STEP

Size = tuple[int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
SMALLEST = 8  # pixels of a side; less is not a picture that a model could see anything in
NATIVE = (0.5, 2.0)  # a part of so many times the model's usual area is painted as large as it is, not resampled
MAGNIFY = 2  # a small area is brought up at most so much, for detail
CONTEXT = 2  # a crop is so much wider and higher than what is painted in it
FLATTEST = 2.0  # the longest side of a crop over its shortest: what the models were trained near


@dataclass(frozen=True)
class View:
    """What the model sees at once: the `box` of a canvas, brought to `size`, both in pixels."""

    box: Box
    size: Size

    @property
    def exact(self) -> bool:
        """Whether a pixel of the canvas is a pixel of the model's picture."""
        return sides(self.box) == self.size


def sides(box: Box) -> Size:
    """Width and height of a box."""
    return box[2] - box[0], box[3] - box[1]


def rgb(picture: Image.Image) -> Image.Image:
    """The picture as RGB; what is transparent lies on white, as on a page."""
    if picture.mode == "RGB":
        return picture
    if "A" in picture.getbands() or "transparency" in picture.info:
        full = picture.convert("RGBA")
        ground = Image.new("RGB", full.size, "white")
        ground.paste(full, mask=full.getchannel("A"))
        return ground
    return picture.convert("RGB")


def window(picture: Image.Image, *, frame: Size, view: View) -> Image.Image:
    """The part of a picture under `view.box` when the picture covers a canvas of size `frame`, at `view.size`.

    A picture of another aspect covers the canvas, centred; what sticks out is cut off. It is read straight from the picture,
    so that a large canvas is never made. Returns RGB.
    """
    if picture.size == frame and view.exact:
        return rgb(picture.crop(view.box))
    scale = max(frame[0] / picture.width, frame[1] / picture.height)
    left = (picture.width - frame[0] / scale) / 2
    top = (picture.height - frame[1] / scale) / 2
    box = (
        max(0.0, left + view.box[0] / scale),
        max(0.0, top + view.box[1] / scale),
        min(float(picture.width), left + view.box[2] / scale),
        min(float(picture.height), top + view.box[3] / scale),
    )
    # Cut first, with a margin for the filter: converting 30 megapixels for a small window would be a waste
    margin = 8 + math.ceil(4 / min(1.0, scale))
    outer = (
        max(0, math.floor(box[0]) - margin),
        max(0, math.floor(box[1]) - margin),
        min(picture.width, math.ceil(box[2]) + margin),
        min(picture.height, math.ceil(box[3]) + margin),
    )
    part = rgb(picture.crop(outer))
    inner = (box[0] - outer[0], box[1] - outer[1], box[2] - outer[0], box[3] - outer[1])
    return part.resize(view.size, Image.Resampling.LANCZOS, box=inner)


def brought(picture: Image.Image, size: Size) -> Image.Image:
    """The picture at a size; itself where it has that size."""
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def cover(picture: Image.Image, size: Size) -> Image.Image:
    """The whole picture covering `size`, centred, as RGB."""
    return window(picture, frame=size, view=View((0, 0, *size), size))


def whole(size: Size, working: Size) -> View:
    """All of a canvas, at a size that the model can work in."""
    return seen((0, 0, *size), working)


def seen(box: Box, working: Size) -> View:
    """A box of a canvas, at a size that the model can work in."""
    return View(box, _frame(sides(box), working))


def fits(size: Size, working: Size) -> bool:
    """Whether the model can work on the whole canvas without losing detail."""
    return size[0] * size[1] <= NATIVE[1] * working[0] * working[1] and _flat(size) <= 2 * FLATTEST


def around(area: Box, canvas: Size, working: Size) -> View:
    """The view for painting one area of a canvas: all of a small canvas, else the area with its surroundings."""
    if fits(canvas, working):
        return whole(canvas, working)
    wide, high = (max(side * CONTEXT, work // MAGNIFY) for side, work in zip(sides(area), working, strict=True))
    wide, high = max(wide, math.ceil(high / FLATTEST)), max(high, math.ceil(wide / FLATTEST))
    left, right = _span(area[0], area[2], wide, canvas[0])
    top, bottom = _span(area[1], area[3], high, canvas[1])
    return seen((left, top, right, bottom), working)


def _span(low: int, high: int, length: int, limit: int) -> tuple[int, int]:
    """A stretch of `length` with low..high in its middle, moved to lie within 0..limit."""
    length = min(length, limit)
    start = min(max(0, (low + high - length) // 2), limit - length)
    return start, start + length


def _frame(size: Size, working: Size) -> Size:
    """A size of about the model's usual area with the part's own aspect; sides are multiples of 8."""
    share = size[0] * size[1] / (working[0] * working[1])
    scale = 1.0 if NATIVE[0] <= share <= NATIVE[1] else math.sqrt(1 / share)
    wide, high = (max(64, math.ceil(round(side * scale, 3) / SIZE_STEP) * SIZE_STEP) for side in size)
    return wide, high


def _flat(size: Size) -> float:
    return max(size) / min(size)
