"""How a picture looks, as numbers that need no model: colours, where they lie, edges, texture. It opens no file.

Four parts, each of length 1, so that the product of two looks is a weighted mean of four likenesses between 0 and 1:
colours as a histogram in OKLab, blurred over neighbouring bins (Hafner et al., "Efficient color histogram indexing for
quadratic form distance functions", PAMI 1995) under a square root (Arandjelovic and Zisserman, "Three things everyone should
know to improve object retrieval", CVPR 2012); their layout on a grid (Kasutani and Yamada, "The MPEG-7 color layout
descriptor", ICIP 2001); directions of edges on a grid (Won, Park and Park, "Efficient use of MPEG-7 edge histogram
descriptor", ETRI Journal 2002); local binary patterns (Ojala, Pietikäinen and Mäenpää, PAMI 2002). Beside them a hash of 64
bits by the cosine transform (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from studio.gallery.likeness import palette

Floats = np.ndarray[Any, np.dtype[np.float32]]

VERSION = 1  # the first byte of a look; those of another version are made anew
SIDE = 64  # pixels of the square that is looked at
GRID, DIRECTIONS = 4, 4
COLOUR, LAYOUT, EDGES, TEXTURE = palette.BINS, GRID * GRID * 3 + 1, GRID * GRID * DIRECTIONS + 1, 10
LENGTH = COLOUR + LAYOUT + EDGES + TEXTURE
SHARES = (0.45, 0.25, 0.2, 0.1)  # of colour, layout, edges, texture
_HEAD = 1 + 8  # bytes before the vector: version, hash
_BLUR = 0.08  # in OKLab: how near bins share what falls into one of them


@dataclass(frozen=True)
class Look:
    """How one picture looks: the bytes that are kept, and its colours, a bit for each bin of palette.py."""

    data: bytes
    colours: int


def of(picture: Image.Image) -> Look:
    """The look of a picture of any size and mode; what is transparent lies on white."""
    seen = np.ascontiguousarray(
        np.moveaxis(oklab(upright(picture, SIDE)), 2, 0)
    )  # planes, for they are read one by one
    places = _bins(seen)
    shares = (np.bincount(places.ravel(), minlength=palette.BINS) / places.size).astype(np.float32)
    colours = _bits(shares >= palette.SOME)
    grey = seen[0]
    parts = (np.sqrt(shares @ _blur()), _layout(seen), _edges(grey), _texture(grey))
    vector = np.concatenate([math.sqrt(share) * _unit(part) for share, part in zip(SHARES, parts, strict=True)])
    data = bytes([VERSION]) + int(_hash(grey)).to_bytes(8, "little") + vector.astype("<f2").tobytes()
    return Look(data, colours)


def read(data: bytes) -> tuple[int, Floats] | None:
    """The hash of 64 bits and the vector, shape (176,), of a look's bytes; None for another version's."""
    if len(data) != _HEAD + 2 * LENGTH or data[0] != VERSION:
        return None
    return int.from_bytes(data[1:_HEAD], "little"), np.frombuffer(data[_HEAD:], dtype="<f2").astype(np.float32)


def upright(picture: Image.Image, side: int) -> Any:
    """A picture as (side, side, 3) uint8, whatever its shape and mode; what is transparent lies on white."""
    if picture.mode not in ("RGB", "RGBA"):
        picture = picture.convert("RGBA" if "transparency" in picture.info or picture.mode in ("LA", "PA") else "RGB")
    small = picture.resize((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    if small.mode == "RGBA":
        ground = Image.new("RGBA", small.size, "white")
        ground.alpha_composite(small)
        small = ground.convert("RGB")
    return np.asarray(small)


@cache
def _light() -> Floats:
    """sRGB's 256 steps to light."""
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _matrices() -> tuple[Floats, Floats]:
    """Ottosson's two matrices, light to cones and cones to lightness, a and b; transposed, for rows of colours."""
    cones = (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
    opponents = (
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )
    return np.array(cones, dtype=np.float32).T, np.array(opponents, dtype=np.float32).T


def oklab(pixels: Any) -> Floats:
    """Lightness, a and b of (h, w, 3) uint8."""
    cones, opponents = _matrices()
    seen: Floats = np.cbrt(_light()[pixels] @ cones) @ opponents
    return seen


def _bins(seen: Floats) -> Any:
    """palette.bin_of for every pixel of three planes."""
    lightness, a, b = seen
    chroma = np.square(a) + np.square(b)  # squared
    degrees = np.arctan2(b, a) * np.float32(180 / np.pi) + np.float32(360 - palette.FIRST)
    sector = (degrees * np.float32(palette.HUES / 360)).astype(np.int64) % palette.HUES
    coloured = palette.NEUTRAL + sector * 4 + 2 * (lightness >= palette.LIGHT) + (chroma >= palette.VIVID**2)
    plain = np.zeros(lightness.shape, dtype=np.int64)
    for step in palette.STEPS:
        plain += lightness >= step
    return np.where((lightness < palette.DARK) | (chroma < palette.GREY**2), plain, coloured)


@cache
def _blur() -> Floats:
    """How each bin's pixels are shared among bins of nearly its colour, (53, 53); rows sum to 1."""
    centres = np.array(palette.centres(), dtype=np.float32)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    shared = np.exp(-np.square(apart / _BLUR))
    made: Floats = (shared / shared.sum(axis=1, keepdims=True)).astype(np.float32)
    return made


@cache
def _cells() -> Any:
    """For every pixel the cell of the grid that it lies in, (64, 64)."""
    cell = np.arange(SIDE) // (SIDE // GRID)
    return cell[:, None] * GRID + cell


def _layout(seen: Floats) -> Floats:
    """Mean colour of each cell about a middle grey; the last number keeps a grey picture from being nothing."""
    step = SIDE // GRID
    means = seen.reshape(3, GRID, step, GRID, step).mean(axis=(2, 4)).reshape(3, -1).T
    return np.append((means - np.array([0.6, 0, 0])) * np.array([1, 2.5, 2.5]), 0.3).astype(np.float32)


def _edges(grey: Floats) -> Floats:
    """How strong edges of four directions are in each cell; the last number says how little there is of any."""
    down, across = np.gradient(grey)
    strength = np.sqrt(np.square(down) + np.square(across))
    turn = np.arctan2(down, across) * np.float32(DIRECTIONS / np.pi) + np.float32(DIRECTIONS + 0.5)
    places = _cells() * DIRECTIONS + turn.astype(np.int64) % DIRECTIONS
    counted = np.bincount(places.ravel(), weights=strength.ravel(), minlength=GRID * GRID * DIRECTIONS)
    sums = np.append(counted / (SIDE // GRID) ** 2, 0.01)
    return np.sqrt(sums / sums.sum()).astype(np.float32)


@cache
def _patterns() -> Any:
    """Of 256 local patterns the class that stays when the picture is turned: 0 to 8 bits in one run, 9 for the rest."""
    classes = []
    for code in range(256):
        bits = [code >> place & 1 for place in range(8)]
        changes = sum(bits[place] != bits[place - 1] for place in range(8))
        classes.append(sum(bits) if changes <= 2 else 9)
    return np.array(classes)


def _texture(grey: Floats) -> Floats:
    """The shares of the ten local binary patterns, under a root; what differs by less than a hundredth is noise."""
    middle = grey[1:-1, 1:-1] + 0.01
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    inner = SIDE - 2
    code = np.zeros((inner, inner), dtype=np.uint8)
    for place, (row, column) in enumerate(around):
        code |= (grey[row : row + inner, column : column + inner] > middle).view(np.uint8) << np.uint8(place)
    shares = np.bincount(_patterns()[code].ravel(), minlength=TEXTURE) / code.size
    return np.sqrt(shares).astype(np.float32)


@cache
def _cosines() -> Floats:
    """The first eight rows of the cosine transform of 32 values, without the constant's."""
    rows = np.arange(1, 9)[:, None]
    made: Floats = np.cos(np.pi / 32 * (np.arange(32) + 0.5) * rows).astype(np.float32)
    return made


def _hash(grey: Floats) -> int:
    """64 bits: which of the slow waves of a picture are stronger than their median."""
    half = (grey[::2, ::2] + grey[::2, 1::2] + grey[1::2, ::2] + grey[1::2, 1::2]) / 4
    waves = (_cosines() @ half @ _cosines().T).ravel()
    return _bits(waves > np.median(waves))


def _bits(which: Any) -> int:
    """The truths as one number, the first in its lowest bit."""
    return int.from_bytes(np.packbits(which, bitorder="little").tobytes(), "little")


def _unit(part: Any) -> Floats:
    made: Floats = (part / max(float(np.linalg.norm(part)), 1e-8)).astype(np.float32)
    return made
