"""The eight backgrounds, painted from far to near with their depth; they never hold a thing that a caption names."""

from __future__ import annotations

import math
import random

import numpy as np

from studio.starter.brush import Brush, Colour

SKY: dict[str, tuple[Colour, Colour]] = {
    "day": ((104, 178, 244), (206, 236, 255)),
    "sunset": ((116, 74, 150), (255, 172, 92)),
    "night": ((16, 20, 62), (52, 62, 128)),
    "sea": ((146, 208, 246), (224, 242, 250)),
    "meadow": ((126, 196, 248), (214, 240, 250)),
    "beach": ((94, 190, 240), (214, 242, 250)),
    "desert": ((250, 204, 140), (255, 236, 196)),
    "snow": ((168, 190, 216), (222, 232, 242)),
}
HORIZON: dict[str, float] = {
    "day": 0.84, "sunset": 0.78, "night": 0.84, "sea": 0.44, "meadow": 0.46, "beach": 0.46, "desert": 0.62, "snow": 0.64,
}  # fmt: skip


def _cloud(b: Brush, x: float, y: float, s: float) -> None:
    for dx, dy, r in ((-0.9, 0.1, 0.6), (0.0, -0.2, 0.85), (0.9, 0.1, 0.6)):
        b.ellipse(x + dx * s, y + dy * s, r * s, 0.7 * r * s, (252, 254, 255), ink=None)


def _hill(b: Brush, level: float, swell: float, phase: float, waves: float, colour: Colour) -> None:  # noqa: PLR0917
    top = [(i / 16, level + swell * math.sin(phase + waves * i / 16 * math.tau)) for i in range(17)]
    b.polygon([*top, (1.0, 1.02), (0.0, 1.02)], colour, ink=None)


def paint_backdrop(name: str, size: int, rng: random.Random) -> Brush:
    """A brush with the background painted on it; `rng` jitters clouds, stars and hills."""
    high, low = (np.array(c, np.float32) for c in SKY[name])
    level = HORIZON[name] + rng.uniform(-0.015, 0.015)
    share = np.clip(np.linspace(0, 1 / level, size, dtype=np.float32), 0, 1)[:, None]
    b = Brush(size, np.round(high + (low - high) * share).astype(np.uint8))
    phase = rng.uniform(0, math.tau)
    _PAINT[name](b, level, phase, rng)
    return b


def backdrop_depth(name: str, size: int) -> np.ndarray:
    """Depth of the empty background, (size, size) float32: the sky is 0, the ground comes from .1 at the horizon to .6."""
    rows = (np.arange(size, dtype=np.float32) + 0.5) / size
    level = HORIZON[name]
    ground = 0.1 + 0.5 * (rows - level) / (1 - level)
    return np.repeat(np.where(rows < level, 0.0, ground).astype(np.float32)[:, None], size, axis=1)


def _day(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    b.ellipse(0.08, 0.08, 0.15, 0.15, (255, 240, 160), ink=None)
    b.ellipse(0.08, 0.08, 0.11, 0.11, (255, 222, 84), ink=None)
    _cloud(b, rng.uniform(0.36, 0.5), rng.uniform(0.08, 0.14), 0.07)
    _cloud(b, rng.uniform(0.78, 0.92), rng.uniform(0.14, 0.22), 0.06)
    _hill(b, level - 0.02, 0.03, phase, 1.0, (150, 212, 120))
    _hill(b, level + 0.05, 0.02, phase + 2, 1.0, (112, 190, 88))


def _sunset(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    b.ellipse(0.5, level, 0.26, 0.26, (255, 196, 110), ink=None)
    b.ellipse(0.5, level, 0.2, 0.2, (255, 226, 140), ink=None)
    for y in (0.14, 0.26):
        x = rng.uniform(0.1, 0.8)
        b.ellipse(x, y, 0.2, 0.022, (236, 130, 140), ink=None)
    _hill(b, level, 0.025, phase, 1.2, (120, 62, 112))
    _hill(b, level + 0.09, 0.02, phase + 2, 1.0, (82, 42, 92))


def _night(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    for i in range(14):
        x, y = (i % 5 + rng.random()) / 5, (i // 5 + rng.random()) / 3 * 0.7
        r = rng.choice((0.006, 0.008, 0.011))
        b.ellipse(x, y, r, r, (255, 250, 214), ink=None)
    b.ellipse(0.9, 0.11, 0.075, 0.075, (255, 244, 196), ink=None)
    b.ellipse(0.865, 0.095, 0.065, 0.065, (26, 31, 76), ink=None)
    _hill(b, level - 0.01, 0.03, phase, 1.0, (34, 46, 84))
    _hill(b, level + 0.06, 0.02, phase + 2, 1.0, (22, 30, 58))


def _sea(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    _cloud(b, rng.uniform(0.15, 0.4), 0.12, 0.065)
    _cloud(b, rng.uniform(0.65, 0.9), 0.2, 0.055)
    _hill(b, level, 0.0, 0.0, 1.0, (62, 160, 196))
    _hill(b, level + 0.2, 0.014, phase, 4.0, (44, 138, 182))
    _hill(b, level + 0.4, 0.018, phase + 2, 3.0, (30, 116, 164))


def _meadow(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    _cloud(b, rng.uniform(0.2, 0.8), 0.13, 0.07)
    _hill(b, level, 0.03, phase, 1.0, (146, 214, 110))
    _hill(b, level + 0.16, 0.025, phase + 2, 1.0, (124, 200, 92))
    for i in range(16):
        x, y = (i % 4 + rng.random()) / 4, level + 0.12 + (i // 4 + rng.random()) / 4 * 0.4
        b.ellipse(x, y, 0.011, 0.011, rng.choice(((255, 255, 255), (255, 232, 110), (255, 190, 214))), ink=None)


def _beach(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    _cloud(b, rng.uniform(0.2, 0.8), 0.13, 0.07)
    _hill(b, level, 0.0, 0.0, 1.0, (56, 170, 206))
    _hill(b, level + 0.15, 0.012, phase, 1.5, (240, 250, 250))
    _hill(b, level + 0.175, 0.012, phase, 1.5, (246, 224, 166))


def _desert(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    b.ellipse(rng.uniform(0.8, 0.9), 0.13, 0.08, 0.08, (255, 250, 222), ink=None)
    _hill(b, level - 0.02, 0.05, phase, 1.0, (232, 172, 100))
    _hill(b, level + 0.12, 0.04, phase + 2, 1.0, (220, 152, 82))
    x, y = rng.choice((0.06, 0.94)), level + 0.16
    b.stroke([(x, y), (x, y - 0.2)], (98, 150, 84), 0.036)
    b.stroke([(x, y - 0.08), (x - 0.05, y - 0.08), (x - 0.05, y - 0.14)], (98, 150, 84), 0.024)


def _snow(b: Brush, level: float, phase: float, rng: random.Random) -> None:
    for x, s in ((0.06, 0.2), (0.95, 0.17)):
        for k in range(2):
            y = level + 0.04 - 0.32 * s * k
            b.polygon([(x - 0.4 * s, y), (x, y - 0.8 * s), (x + 0.4 * s, y)], (92, 132, 128), ink=None)
    _hill(b, level, 0.025, phase, 1.0, (236, 243, 250))
    _hill(b, level + 0.16, 0.02, phase + 2, 1.0, (222, 232, 244))
    for i in range(20):
        x, y = (i % 5 + rng.random()) / 5, (i // 5 + rng.random()) / 4 * 0.62
        b.ellipse(x, y, 0.01, 0.01, (255, 255, 255), ink=None)


_PAINT = {
    "day": _day, "sunset": _sunset, "night": _night, "sea": _sea,
    "meadow": _meadow, "beach": _beach, "desert": _desert, "snow": _snow,
}  # fmt: skip
BACKDROPS: tuple[str, ...] = tuple(_PAINT)
