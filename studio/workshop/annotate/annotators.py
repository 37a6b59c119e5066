"""The table of annotators: a kind of map -> who draws it from a picture. It checks nothing and saves nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from studio.domain.control import kind_of, parameters_of
from studio.domain.errors import PackMissing
from studio.domain.pose import Figure
from studio.workshop.annotate import edges, texture
from studio.workshop.annotate.drawing import draw_pose
from studio.workshop.models import Models

LONGEST = 2_048  # pixels; a map says no more at a larger size
NOBODY = "No figure was found; place one in the pose editor."

Annotator = Callable[[Image.Image, Mapping[str, float]], Image.Image]
# Kinds that need no weights
PLAIN: Mapping[str, Annotator] = {
    "canny": edges.edges,
    "lineart": edges.lineart,
    "softedge": edges.softedge,
    "scribble": edges.scribble,
    "shuffle": texture.shuffle,
    "tile": texture.tile,
}


@dataclass(frozen=True)
class Drawn:
    """A map, RGB, not yet checked; a pose's figures; a sentence for the person where there is something to say."""

    picture: Image.Image
    figures: tuple[Figure, ...] = ()
    note: str = ""


def annotate(
    picture: Image.Image,
    kind: str,
    parameters: Mapping[str, Any],
    *,
    models: Models,
    pack_id: str,
    waiting: Callable[[], None] | None = None,
) -> Drawn:
    """Draw one kind of map of an RGB picture, at its size (at most 2,048 pixels a side).

    Raises BadInput for a parameter out of range, PackMissing when no pack has the model it needs, NotNumbers.
    """
    values = parameters_of(kind, dict(parameters))
    if max(picture.size) > LONGEST:
        picture = picture.copy()
        picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    if kind in PLAIN:
        return Drawn(PLAIN[kind](picture, values))
    seer = models.seer(kind_of(kind).needs, pack_id, waiting=waiting)
    if kind == "pose":
        return _pose(picture, seer, models=models, pack_id=pack_id, waiting=waiting)
    from studio.workshop.annotate import depth, regions

    draw: Mapping[str, Callable[..., Image.Image]] = {
        "depth": depth.depth, "normal": depth.normal, "segmentation": regions.segmentation,
    }  # fmt: skip
    return Drawn(draw[kind](picture, values, seer))


def _pose(
    picture: Image.Image, seer: Any, *, models: Models, pack_id: str, waiting: Callable[[], None] | None
) -> Drawn:
    try:
        where = models.seer("segmenter", pack_id, waiting=waiting)
    except PackMissing:  # then two figures in one picture are taken for one
        where = None
    figures = seer(picture, where)
    return Drawn(Image.fromarray(draw_pose(figures, *picture.size)), figures, "" if figures else NOBODY)
