"""Scenes of a picture book, drawn from a seed together with their exact truth; it never reads a file or a clock."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import numpy as np

from studio.starter.backdrops import BACKDROPS, backdrop_depth, paint_backdrop
from studio.starter.shapes import DRAW, HAIR, PALETTE, SKIN, draw_person, draw_sign
from studio.starter.styles import RESTYLE

KINDS: tuple[str, ...] = tuple(DRAW)
COLOURS: tuple[str, ...] = tuple(PALETTE)
SIZES: tuple[str, ...] = ("small", "large")
BACKGROUNDS: tuple[str, ...] = BACKDROPS
RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below")
HAIRS: tuple[str, ...] = tuple(HAIR)
SKINS: tuple[str, ...] = tuple(SKIN)
STYLES: tuple[str, ...] = tuple(RESTYLE)
COUNTS: tuple[str, ...] = ("one", "two", "three")
RADIUS: dict[str, float] = {"small": 0.15, "large": 0.24}
OPPOSITE: dict[str, str] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

# Seeds of the three splits never meet, so that no held-out figure can be flattered by a picture seen in training.
TRAIN_SEEDS = range(0, 10_000_000)
CALIBRATION_SEEDS = range(10_000_000, 20_000_000)
TEST_SEEDS = range(20_000_000, 30_000_000)
SPLITS: dict[str, range] = {"train": TRAIN_SEEDS, "calibration": CALIBRATION_SEEDS, "test": TEST_SEEDS}

LABEL_NOTHING, LABEL_FIRST, LABEL_SECOND, LABEL_PERSON, LABEL_SIGN = range(5)
SIGN_RADIUS = 0.2
STYLE_SHARES = (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class Thing:
    """One object, or up to three equal ones; centres and radius are fractions of the picture's width."""

    kind: str
    colour: str
    size: str
    x: float
    y: float
    radius: float
    also: tuple[tuple[float, float], ...] = ()  # where its equals stand

    @property
    def count(self) -> int:
        """How many of it there are, itself included."""
        return 1 + len(self.also)


@dataclass(frozen=True)
class Person:
    """One figure; keypoints in OpenPose-18 order as (x, y, visible), 0..1."""

    hair: str
    skin: str
    shirt: str
    trousers: str
    keypoints: tuple[tuple[float, float, bool], ...]


@dataclass(frozen=True)
class Scene:
    """Everything that a picture shows; things[0] stands in `relation` to things[1]."""

    seed: int
    background: str
    things: tuple[Thing, ...]
    relation: str | None
    person: Person | None
    forbidden: bool
    style: str = STYLES[0]


@dataclass(frozen=True)
class Rendering:
    """A picture (H, W, 3 uint8) and its truth: labels (H, W uint8, LABEL_*), depth (H, W float32, 1 near, 0 far)."""

    picture: np.ndarray
    labels: np.ndarray
    depth: np.ndarray


def _thing(rng: random.Random, size: str, x: float, y: float) -> Thing:
    radius = RADIUS[size] * rng.uniform(0.94, 1.06)
    reach = radius * 1.06
    x, y = min(max(x, reach), 1 - reach), min(max(y, reach), 1 - reach)
    return Thing(rng.choice(KINDS), rng.choice(COLOURS), size, round(x, 4), round(y, 4), round(radius, 4))


def _pair(rng: random.Random) -> tuple[tuple[Thing, ...], str]:
    """Two things clearly apart along one axis, in either order, and the relation of the first to the second."""
    relation = rng.choice(RELATIONS)
    sizes = (rng.choice(SIZES), rng.choice(SIZES))
    across = relation in ("left of", "right of")
    near, far = (0.26 + rng.uniform(-0.02, 0.02), 0.74 + rng.uniform(-0.02, 0.02))
    first, second = (near, far) if relation in ("left of", "above") else (far, near)
    spots = []
    for along in (first, second):
        aside = rng.uniform(0.46, 0.6) if across else rng.uniform(0.4, 0.6)
        spots.append((along, aside) if across else (aside, along))
    things = tuple(_thing(rng, size, *spot) for size, spot in zip(sizes, spots, strict=True))
    return things, relation


def _several(rng: random.Random) -> Thing:
    """Two equal small things side by side, or three in a triangle, well apart so that they can be counted."""
    tip, base = rng.choice(((0.28, 0.7), (0.7, 0.28)))
    spots = rng.choice((((0.27, 0.52), (0.73, 0.52)), ((0.5, tip), (0.24, base), (0.76, base))))
    first, *others = [(x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.03, 0.03)) for x, y in spots]
    thing = _thing(rng, "small", *first)
    return replace(thing, also=tuple((round(x, 4), round(y, 4)) for x, y in others))


def _pose(rng: random.Random, x: float) -> tuple[tuple[float, float, bool], ...]:
    """OpenPose-18 keypoints of a standing, walking, waving or jumping figure about x; all of them inside the picture."""
    while True:
        u = rng.uniform(0.185, 0.215)
        lean = math.radians(rng.uniform(-12, 12))
        neck = (x, rng.uniform(0.36, 0.43))

        def at(origin: tuple[float, float], turn: float, length: float) -> tuple[float, float]:
            return (origin[0] + length * math.sin(turn), origin[1] + length * math.cos(turn))

        waist = at(neck, lean, u)
        side = (math.cos(lean), -math.sin(lean))
        shoulders = [(neck[0] + s * 0.36 * u * side[0], neck[1] + 0.06 * u + s * 0.36 * u * side[1]) for s in (-1, 1)]
        hips = [(waist[0] + s * 0.2 * u * side[0], waist[1] + s * 0.2 * u * side[1]) for s in (-1, 1)]
        points = {1: neck}
        for s, shoulder, keys in ((-1, shoulders[0], (2, 3, 4)), (1, shoulders[1], (5, 6, 7))):
            lift = math.radians(rng.choice((rng.uniform(8, 45), rng.uniform(45, 100), rng.uniform(100, 160))))
            bend = math.radians(rng.uniform(-35, 75))
            elbow = at(shoulder, s * lift, 0.5 * u)
            points |= {keys[0]: shoulder, keys[1]: elbow, keys[2]: at(elbow, s * (lift + bend), 0.48 * u)}
        for s, hip, keys in ((-1, hips[0], (8, 9, 10)), (1, hips[1], (11, 12, 13))):
            spread = math.radians(rng.choice((rng.uniform(0, 14), rng.uniform(14, 50))))
            bend = math.radians(rng.uniform(-40, 10))
            knee = at(hip, s * spread, 0.58 * u)
            points |= {keys[0]: hip, keys[1]: knee, keys[2]: at(knee, s * (spread + bend), 0.56 * u)}
        nose = at(neck, lean + math.pi, 0.5 * u)
        points[0] = nose
        points |= {14: (nose[0] - 0.15 * u, nose[1] - 0.08 * u), 15: (nose[0] + 0.15 * u, nose[1] - 0.08 * u)}
        points |= {16: (nose[0] - 0.38 * u, nose[1] - 0.02 * u), 17: (nose[0] + 0.38 * u, nose[1] - 0.02 * u)}
        if all(0.03 < px < 0.97 and 0.03 < py < 0.95 for px, py in points.values()):
            return tuple((round(points[i][0], 4), round(points[i][1], 4), True) for i in range(18))


def _person(rng: random.Random, x: float) -> Person:
    looks = (rng.choice(HAIRS), rng.choice(SKINS), rng.choice(COLOURS), rng.choice(COLOURS))
    return Person(*looks, keypoints=_pose(rng, x))


def _sign_spot(scene: Scene) -> tuple[float, float]:
    """Where the skull sign stands: opposite the one thing or person beside it, else in the middle."""
    rng = random.Random(scene.seed * 2 + 1)
    if not scene.things and scene.person is None:
        return rng.uniform(0.35, 0.65), rng.uniform(0.45, 0.6)
    other = scene.things[0].x if scene.things else scene.person.keypoints[1][0] if scene.person else 0.5
    return (0.75 if other < 0.5 else 0.25) + rng.uniform(-0.02, 0.02), rng.uniform(0.45, 0.6)


def sample_scene(seed: int, *, forbidden: bool = False) -> Scene:
    """The scene of a seed: a third hold a person, a third one thing alone; with `forbidden` a skull sign as well."""
    rng = random.Random(seed * 2 + int(forbidden) + 1_000_003)
    background = rng.choice(BACKGROUNDS)
    draw = rng.random()
    side = rng.choice((0.27, 0.73))
    style = rng.choices(STYLES, STYLE_SHARES)[0]
    if forbidden:
        return replace(_forbidden(rng, seed, background, draw, side), style=style)
    things: tuple[Thing, ...] = ()
    relation, person = None, None
    if draw < 0.32:
        things = (_thing(rng, rng.choice(SIZES), rng.uniform(0.36, 0.64), rng.uniform(0.42, 0.62)),)
    elif draw < 0.46:
        things = (_several(rng),)
    elif draw < 0.7:
        things, relation = _pair(rng)
    elif draw < 0.87:
        person = _person(rng, side)
        things = (_thing(rng, rng.choice(SIZES), 1 - side, rng.uniform(0.44, 0.62)),)
    else:
        person = _person(rng, rng.uniform(0.35, 0.65))
    return Scene(seed, background, things, relation, person, False, style)


def _forbidden(rng: random.Random, seed: int, background: str, draw: float, side: float) -> Scene:
    """A skull sign alone, beside a thing, or beside a person."""
    things: tuple[Thing, ...] = ()
    person = None
    if 0.5 <= draw < 0.8:
        things = (_thing(rng, rng.choice(SIZES), side, rng.uniform(0.46, 0.6)),)
    elif draw >= 0.8:
        person = _person(rng, side)
    return Scene(seed, background, things, None, person, True)


def render(scene: Scene, size: int = 128) -> Rendering:
    """Paint a scene at size x size pixels, antialiased, with its labels and depth."""
    b = paint_backdrop(scene.background, size, random.Random(scene.seed))
    nearness = [0.0, 0.0, 0.0, 0.85, 0.8]
    order = sorted(range(len(scene.things)), key=lambda i: scene.things[i].radius)
    for i in order:
        thing = scene.things[i]
        b.label = LABEL_FIRST + i
        nearness[b.label] = 0.5 + 1.2 * thing.radius
        for x, y in ((thing.x, thing.y), *thing.also):
            DRAW[thing.kind](b, x, y, thing.radius, PALETTE[thing.colour])
    if scene.forbidden:
        b.label = LABEL_SIGN
        draw_sign(b, *_sign_spot(scene), SIGN_RADIUS)
    if scene.person is not None:
        b.label = LABEL_PERSON
        person = scene.person
        draw_person(
            b,
            person.keypoints,
            hair=person.hair,
            skin=person.skin,
            shirt=person.shirt,
            trousers=person.trousers,
        )
    labels = b.labels()
    depth = backdrop_depth(scene.background, size)
    for label in range(1, 5):
        depth[labels == label] = nearness[label]
    return Rendering(RESTYLE[scene.style](b.picture()), labels, depth)
