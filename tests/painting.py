"""What the painter's tests share: one loaded starter pack, a report that keeps what it hears, and pictures to work on."""

from __future__ import annotations

import hashlib
from functools import cache
from threading import Thread

import numpy as np
from PIL import Image

from studio.domain.errors import Cancelled
from studio.places import ASSETS

PROMPT = "a large red star at night"


@cache
def storybook():
    """The starter pack's painter, loaded once for all tests of this process."""
    from studio.workshop import heavy

    heavy.prepare()
    from studio.workshop.paint.load import load_painter

    return load_painter(ASSETS / "storybook", find_controls=NoControls())


class NoControls:
    """Finds the ControlNets that a test put in."""

    def __init__(self):
        self.nets = {}

    def __call__(self, kinds, *, waiting=None):
        from studio.domain.errors import PackMissing

        missing = [kind for kind in kinds if kind not in self.nets]
        if missing:
            raise PackMissing(f"no {missing[0]}")
        return {kind: self.nets[kind] for kind in kinds}


class Steps:
    """Keeps what a painter reports."""

    def __init__(self, *, stop_at=None, draft=False):
        self.seen, self.drafts, self._stop_at, self._draft = [], [], stop_at, draft

    def __call__(self, done, total, draft=None):
        self.seen.append((done, total))
        if self._draft and draft is not None:
            self.drafts.append(draft())
        if self._stop_at == len(self.seen):
            raise Cancelled("Cancelled.")


def scene(size=(128, 128), mode="RGB", seed=0):
    """A colourful picture of any size, different in every pixel."""
    wide, high = size
    x, y = np.meshgrid(np.linspace(0, 1, wide), np.linspace(0, 1, high))
    grain = np.random.default_rng(seed).integers(0, 24, (high, wide, 4))
    colours = np.stack([x * 200, y * 200, (x + y) * 100, 255 - x * 120], axis=-1) + grain
    return Image.fromarray(colours.clip(0, 255).astype(np.uint8)[..., : 4 if mode == "RGBA" else 3])


def mask(size=(128, 128), box=(40, 40, 90, 90)):
    """A mask that paints a box."""
    made = Image.new("L", size)
    made.paste(255, box)
    return made


def kept(*pictures):
    """Pictures by hash, as a gallery gives them, and their hashes."""
    hashes = [hashlib.sha256(picture.tobytes() + str(picture.size).encode()).hexdigest() for picture in pictures]
    return dict(zip(hashes, pictures, strict=True)), hashes


def one(painter, recipe, inputs=None, report=None):
    """The first picture of a recipe, as integers."""
    return pixels(next(iter(painter.paint(recipe, inputs or {}, report or Steps()))))


def pixels(painted):
    """A painted picture as integers, (H, W, channels)."""
    return np.asarray(painted.picture).astype(int)


def elsewhere(question):
    """What another thread, begun now, answers."""
    said = []
    thread = Thread(target=lambda: said.append(question()))
    thread.start()
    thread.join()
    return said[0]
