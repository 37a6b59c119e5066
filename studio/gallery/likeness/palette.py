"""The colours that pictures are counted in: 53 bins of OKLab, and which of them a colour's name means. It opens no picture.

OKLab is Björn Ottosson's ("A perceptual color space for image processing", 2020): equal steps look about equally large in it.
Five bins are without colour, from black to white; the others are twelve hues, each dark or light and muted or vivid.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

from studio.domain.colours import COLOURS, hexadecimal

DARK, GREY = 0.18, 0.04  # lightness below which, and chroma below which, no hue is seen
STEPS = (0.25, 0.42, 0.66, 0.9)  # lightness between the bins without colour
HUES, FIRST = 12, 12.0  # sectors, and where the first begins, in degrees: red is at 27, the middle of it
LIGHT, VIVID = 0.62, 0.11  # lightness and chroma from which a bin is the light one, the vivid one
NEUTRAL = len(STEPS) + 1
BINS = NEUTRAL + HUES * 4
SOME = 0.02  # of a picture's pixels; from this share on a colour is in it
NEAR = 0.10  # how far in OKLab a colour still counts for a third of itself

Lab = tuple[float, float, float]

# What people call each hue's four bins: dark and muted, dark and vivid, light and muted, light and vivid
_NAMES: tuple[tuple[str, str, str, str], ...] = (
    ("brown", "red", "pink", "red pink"),
    ("brown", "brown orange", "brown", "orange"),
    ("brown", "yellow brown", "yellow", "yellow"),
    ("green", "green", "green", "green yellow"),
    ("green", "green", "green", "green"),
    ("green turquoise", "green turquoise", "turquoise", "turquoise"),
    ("turquoise", "turquoise", "turquoise", "turquoise"),
    ("blue", "blue", "blue", "blue"),
    ("blue", "blue", "blue", "blue"),
    ("purple", "purple", "purple", "purple"),
    ("purple", "purple pink", "pink", "pink"),
    ("pink", "red pink", "pink", "pink"),
)
_NEUTRALS = ("black", "black grey", "grey", "grey", "white")


def oklab(colour: str) -> Lab:
    """Lightness 0 to 1, a and b of "#rrggbb"."""
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


@cache
def centres() -> tuple[Lab, ...]:
    """The middle of each bin."""
    ends = (0.0, *STEPS, 1.0)
    found: list[Lab] = [((low + high) / 2, 0.0, 0.0) for low, high in pairwise(ends)]
    for place in range(HUES):
        angle = math.radians(FIRST + 360 / HUES * (place + 0.5))
        for lightness in (0.45, 0.77):
            for chroma in (0.07, 0.16):
                found.append((lightness, chroma * math.cos(angle), chroma * math.sin(angle)))
    return tuple(found)


def bin_of(lab: Lab) -> int:
    """The bin that a colour falls into, 0 to 52."""
    lightness, a, b = lab
    chroma = math.hypot(a, b)
    if lightness < DARK or chroma < GREY:
        return sum(lightness >= step for step in STEPS)
    sector = int((math.degrees(math.atan2(b, a)) - FIRST) % 360 // (360 / HUES)) % HUES
    return NEUTRAL + sector * 4 + 2 * (lightness >= LIGHT) + (chroma >= VIVID)


@cache
def weights(colour: str) -> tuple[float, ...]:
    """How much each bin counts for a colour in its one spelling, 0 to 1: all that people call by a name, else what is near."""
    if colour in COLOURS:
        told = (*_NEUTRALS, *(names for hue in _NAMES for names in hue))
        return tuple((1.0 if names == colour else 0.6) if colour in names.split() else 0.0 for names in told)
    lab = oklab(hexadecimal(colour))
    own = bin_of(lab)
    return tuple(
        1.0 if place == own else math.exp(-((math.dist(lab, centre) / NEAR) ** 2))
        for place, centre in enumerate(centres())
    )


def mask(colour: str) -> int:
    """The bins that count for a colour, a bit each: what the table is asked for."""
    return sum(1 << place for place, weight in enumerate(weights(colour)) if weight >= 1 / math.e)


def name_of(lab: Lab) -> str:
    """What people call a colour, one of COLOURS."""
    place = bin_of(lab)
    told = (*_NEUTRALS, *(names for hue in _NAMES for names in hue))
    return told[place].split()[0]


def _linear(value: float) -> float:
    """sRGB to light."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
