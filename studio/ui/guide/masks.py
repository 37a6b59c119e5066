"""Masks as the Guide page keeps them, PNG in base64: how much they cover, what words found, corrections of maps."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress

from PIL import Image, ImageChops

from studio.domain.errors import BadInput, EaselError
from studio.gallery.encoding import plain_png
from studio.gallery.keeping.selections import WHITE, selection
from studio.safety.intake import open_picture


def encoded(data: bytes) -> str:
    """Bytes as the draft keeps them."""
    return base64.b64encode(data).decode("ascii")


def decoded(text: str) -> bytes:
    """The bytes again; empty where there are none or they cannot be read."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def url(text: str) -> str:
    """A mask as the editor takes it."""
    return f"data:image/png;base64,{text}" if text else ""


def share(text: str) -> float:
    """How much of the picture the mask covers, 0 to 1; 0 where there is no mask that can be read."""
    mask = _opened(decoded(text))
    if mask is None:
        return 0.0
    histogram = mask.histogram()
    return sum(histogram[WHITE:]) / max(1, sum(histogram))


def from_words(picture: bytes, size: tuple[int, int], *, onto: str = "") -> str:
    """A mask that words found, as the draft keeps it, in the source's size; `onto` is a mask that it is added to.

    Raises BadInput when the file is no picture.
    """
    try:
        mask = selection(picture, size)
    except EaselError as error:
        raise BadInput("mask", "What was found could not be read; try other words.") from error
    before = _opened(decoded(onto))
    if before is not None:
        mask = ImageChops.lighter(mask, before.resize(size, Image.Resampling.BILINEAR))
    return encoded(plain_png(mask))


def overlay(before: str, brushed: bytes, *, light: bool) -> str:
    """A map's correction, an RGBA PNG, with what was brushed over (a mask) laid on it in white or black.

    `before` is the correction so far, in base64, or empty. What cannot be read changes nothing.
    """
    mask = _opened(brushed)
    if mask is None or mask.getbbox() is None:
        return before
    whole = Image.new("RGBA", mask.size, (0, 0, 0, 0))
    kept = decoded(before)
    if kept:
        with suppress(EaselError):
            whole = open_picture(kept).picture.convert("RGBA").resize(mask.size, Image.Resampling.BILINEAR)
    shade = 255 if light else 0
    stroke = Image.new("RGBA", mask.size, (shade, shade, shade, 0))
    stroke.putalpha(mask)
    whole.alpha_composite(stroke)
    return encoded(plain_png(whole))


def _opened(data: bytes) -> Image.Image | None:
    if not data:
        return None
    try:
        return open_picture(data).picture.convert("L")
    except EaselError:
        return None
