"""Figures: OpenPose's eighteen joints, how they hang together, poses to begin with, and their JSON. It never draws one."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from studio.domain.errors import BadInput

Point = tuple[float, float] | None  # fractions of the picture's width and height; None where the joint is hidden
Figure = tuple[Point, ...]  # eighteen of them, in the order of JOINTS

JOINTS = (
    "nose", "neck",
    "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
    "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip
# Pairs of joints in the order of OpenPose's colours (CMU-Perceptual-Computing-Lab/openpose, COCO model)
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
COLOURS = (
    "#ff0000", "#ff5500", "#ffaa00", "#ffff00", "#aaff00", "#55ff00", "#00ff00", "#00ff55", "#00ffaa",
    "#00ffff", "#00aaff", "#0055ff", "#0000ff", "#5500ff", "#aa00ff", "#ff00ff", "#ff00aa", "#ff0055",
)  # fmt: skip
MOST_FIGURES = 20
REACH = 4.0  # joints may lie outside the picture, but not further than this many pictures away


def figure_of(values: Sequence[Sequence[float] | None]) -> Figure:
    """Check eighteen (x, y) pairs or None; raises BadInput."""
    if len(values) != len(JOINTS):
        raise BadInput("figures", f"A figure has {len(JOINTS)} joints; this one has {len(values)}.")
    points: list[Point] = []
    for value in values:
        if value is None:
            points.append(None)
            continue
        try:
            x, y = (float(number) for number in value)
        except (TypeError, ValueError) as error:
            raise BadInput("figures", "A joint is a pair of numbers, or nothing where it is hidden.") from error
        if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= REACH and abs(y) <= REACH):
            raise BadInput("figures", "A joint lies too far outside the picture.")
        points.append((x, y))
    return tuple(points)


def figures_of(values: Any) -> tuple[Figure, ...]:
    """Check a list of figures, as the pose editor and a job's payload hold them; raises BadInput."""
    if not isinstance(values, list | tuple):
        raise BadInput("figures", "The figures must be a list.")
    if len(values) > MOST_FIGURES:
        raise BadInput("figures", f"There are {len(values)} figures; {MOST_FIGURES} is the most a map can hold.")
    return tuple(figure_of(value) for value in values)


def to_openpose(figures: Sequence[Figure], width: int, height: int) -> str:
    """OpenPose's JSON (`people`, `pose_keypoints_2d` as x, y, confidence in pixels), as other tools read it."""
    people = []
    for figure in figures:
        numbers: list[float] = []
        for point in figure:
            numbers += [round(point[0] * width, 3), round(point[1] * height, 3), 1.0] if point else [0.0, 0.0, 0.0]
        people.append({"pose_keypoints_2d": numbers})
    return json.dumps({"version": 1.3, "canvas_width": width, "canvas_height": height, "people": people})


def from_openpose(text: str, *, width: int | None = None, height: int | None = None) -> tuple[Figure, ...]:
    """Read OpenPose's JSON: 18 (COCO) or 25 (BODY_25) joints; raises BadInput.

    Coordinates are pixels of `canvas_width` by `canvas_height`, of the given size where the file names none, or already
    fractions where none of them exceeds 1. ControlNet's editors wrap the object in a list; the first one counts.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput("pose", f"This file is not JSON ({error}).") from error
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, dict) or not isinstance(data.get("people"), list):
        raise BadInput("pose", "This JSON holds no `people`; OpenPose writes them.")
    figures = []
    for person in data["people"]:
        numbers = person.get("pose_keypoints_2d") if isinstance(person, dict) else None
        if not isinstance(numbers, list) or len(numbers) not in (54, 75):
            raise BadInput("pose", "A person of this JSON has neither 18 nor 25 joints in `pose_keypoints_2d`.")
        figures.append(_from_triples(numbers, data, width, height))
    return figures_of(figures)


# BODY_25 has a mid-hip at 8, which COCO lacks; the rest is the same order with feet at the end (OpenPose's own tables)
_BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)


def _from_triples(numbers: list[Any], data: dict[str, Any], width: int | None, height: int | None) -> list[Point]:
    try:
        flat = [float(number) for number in numbers]
        across = float(data.get("canvas_width") or width or 0)
        down = float(data.get("canvas_height") or height or 0)
    except (TypeError, ValueError) as error:
        raise BadInput("pose", "The joints of this JSON are not numbers.") from error
    triples = [flat[i : i + 3] for i in range(0, len(flat), 3)]
    if len(triples) == 25:
        triples = [triples[i] for i in _BODY_25]
    if all(abs(x) <= 1 and abs(y) <= 1 for x, y, _ in triples):
        across = down = 1.0
    if across <= 0 or down <= 0:
        raise BadInput("pose", "This JSON gives joints in pixels but no `canvas_width` and `canvas_height`.")
    return [(x / across, y / down) if sure > 0 else None for x, y, sure in triples]


def _standing(arms: tuple[float, ...], legs: tuple[float, ...]) -> Figure:
    """A figure in the middle of a square picture, from angles in degrees away from straight down.

    `arms` is (right upper, right lower, left upper, left lower), `legs` likewise; positive turns away from the body.
    Proportions: a torso of 0.2 of the picture, arms and legs of about 0.2 and 0.23.
    """
    unit, neck = 0.2, (0.5, 0.37)

    def at(origin: tuple[float, float], degrees: float, length: float) -> tuple[float, float]:
        turn = math.radians(degrees)
        return (round(origin[0] + length * math.sin(turn), 4), round(origin[1] + length * math.cos(turn), 4))

    points: list[Point] = [None] * len(JOINTS)
    points[0], points[1] = (0.5, neck[1] - 0.5 * unit), neck
    waist = (neck[0], neck[1] + unit)
    for side, first, angles in ((-1, 2, arms[:2]), (1, 5, arms[2:])):
        shoulder = (neck[0] + side * 0.36 * unit, neck[1] + 0.06 * unit)
        elbow = at(shoulder, side * angles[0], 0.5 * unit)
        points[first : first + 3] = [shoulder, elbow, at(elbow, side * angles[1], 0.48 * unit)]
    for side, first, angles in ((-1, 8, legs[:2]), (1, 11, legs[2:])):
        hip = (waist[0] + side * 0.2 * unit, waist[1])
        knee = at(hip, side * angles[0], 0.58 * unit)
        points[first : first + 3] = [hip, knee, at(knee, side * angles[1], 0.56 * unit)]
    head = (0.5, neck[1] - 0.5 * unit)
    for index, (dx, dy) in zip(
        (14, 15, 16, 17), ((-0.15, -0.08), (0.15, -0.08), (-0.38, -0.02), (0.38, -0.02)), strict=True
    ):
        points[index] = (head[0] + dx * unit, head[1] + dy * unit)
    return tuple(points)


def presets() -> dict[str, Figure]:
    """Poses to begin with: a name -> a figure in the middle of a square picture."""
    down, calm = (18.0, 8.0, 18.0, 8.0), (5.0, 2.0, 5.0, 2.0)
    return {
        "Standing": _standing(down, calm),
        "Walking": _standing((35.0, 55.0, -15.0, 10.0), (28.0, 4.0, 14.0, -22.0)),
        "Arms raised": _standing((150.0, 165.0, 150.0, 165.0), calm),
        "Arms wide": _standing((88.0, 90.0, 88.0, 90.0), (18.0, 14.0, 18.0, 14.0)),
        "Waving": _standing((18.0, 8.0, 120.0, 170.0), calm),
        "Jumping": _standing((130.0, 140.0, 130.0, 140.0), (38.0, -8.0, 38.0, -8.0)),
        "Hands on hips": _standing((48.0, -38.0, 48.0, -38.0), (10.0, 4.0, 10.0, 4.0)),
        "Sitting": _standing((25.0, -5.0, 25.0, -5.0), (68.0, 2.0, 68.0, 2.0)),
    }
