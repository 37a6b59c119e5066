"""What the tests of looks and duplicates share: scenes of the picture book, and copies of them as people make copies."""

import io
from dataclasses import replace
from functools import cache

import numpy as np
from fakes import FORBIDDEN
from PIL import Image

from studio.starter.scenes import STYLES, render, sample_scene


@cache
def _drawn(seed, side):
    """Drawn from the seed or the next one hundreds further that has nothing of what the tests' checker refuses."""
    while True:
        picture = render(replace(sample_scene(seed), style=STYLES[0]), side).picture
        if (np.abs(picture.astype(int) - FORBIDDEN).max(axis=-1) < 60).mean() < 0.002:
            return picture
        seed += 500


def scene(seed, side=160):
    """A picture of its own for each seed."""
    return Image.fromarray(_drawn(seed, side))


def flat(colour, size=(96, 96)):
    """One colour all over."""
    return Image.new("RGB", size, colour)


def halves(left, right, size=(96, 96)):
    """Two colours side by side."""
    made = Image.new("RGB", size, left)
    made.paste(Image.new("RGB", (size[0] // 2, size[1]), right), (size[0] // 2, 0))
    return made


def smaller(picture, share=0.6):
    return picture.resize((round(picture.width * share), round(picture.height * share)), Image.Resampling.LANCZOS)


def recompressed(picture, quality=35, kind="JPEG"):
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def cropped(picture, left=0.04, top=0.04, right=0.04, bottom=0.04):
    width, height = picture.size
    box = (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    return picture.crop(box)
