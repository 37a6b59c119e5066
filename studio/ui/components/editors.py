"""The editors: figures and masks over a picture, two pictures side by side, and where a picture comes from.

Each is a component without an iframe or a library. What comes back from a browser is checked here and never trusted.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from PIL import Image

from studio.domain import pose as poses
from studio.domain.errors import BadInput
from studio.gallery.encoding import plain_png
from studio.ui.components import _component, sent, sent_number

LARGEST = 2048  # px on a mask's long side
MODES = ("slider", "side", "difference")
MOST_BYTES = 16 * 2**20  # of a PNG that an editor may send


def pose(
    *,
    key: str,
    src: str,
    alt: str,
    width: int,
    height: int,
    figures: Sequence[poses.Figure],
    revision: int,
    changed: Callable[[], None],
) -> None:
    """Figures over the picture at `src` ("" for none), to be dragged; `posed(key)` tells what became of them.

    `figures` counts when the editor first appears, when `src` changes, and when `revision` grows (which can be undone).
    """
    data = {
        **_board(key=key, src=src, alt=alt, width=width, height=height, revision=revision),
        "figures": [[list(point) if point else None for point in figure] for figure in figures],
        "presets": {name: [list(point or (0.5, 0.5)) for point in one] for name, one in poses.presets().items()},
        "joints": list(poses.JOINTS),
        "limbs": [list(limb) for limb in poses.LIMBS],
        "colours": list(poses.COLOURS),
        "most": poses.MOST_FIGURES,
    }
    _component("pose", "make", "parts", "board", "skeleton", "grasp", "poseview", "presets")(
        key=key, data=data, on_figures_change=changed
    )


def posed(key: str) -> tuple[tuple[poses.Figure, ...], int] | None:
    """The figures as they are now, with a number that grows with every change; None if nothing was changed."""
    value = _value(key, "figures")
    if value is None:
        return None
    try:
        return poses.figures_of(value.get("figures")), _count(value)
    except BadInput:
        return None


def mask(
    *,
    key: str,
    src: str,
    alt: str,
    width: int,
    height: int,
    mask: str,
    revision: int,
    changed: Callable[[], None],
) -> None:
    """A mask brushed over the picture at `src`, in its own pixels up to 2,048; `masked(key)` is what became of it.

    `mask` is "", a path of ours or a data URL of a grey picture, white where it is painted. It counts when the editor first
    appears, when `src` changes, and when `revision` grows (which can be undone).
    """
    shrink = min(1.0, LARGEST / max(1, width, height))
    data = {
        **_board(key=key, src=src, alt=alt, width=width, height=height, revision=revision),
        "columns": max(1, round(width * shrink)),
        "rows": max(1, round(height * shrink)),
        "mask": mask,
    }
    _component("mask", "make", "parts", "board", "coverage", "strokes")(key=key, data=data, on_mask_change=changed)


def masked(key: str) -> tuple[bytes, int] | None:
    """The mask as it is now: a PNG of mode L, white where it is painted, with a number that grows with every change.

    None if nothing was changed, or if what came is no mask.
    """
    value = _value(key, "mask")
    text = value.get("png") if value else None
    if not isinstance(text, str):
        return None
    data = read_mask(text)
    return (data, _count(value or {})) if data else None


@lru_cache(maxsize=4)
def read_mask(text: str) -> bytes | None:
    """A mask out of a data URL, as a PNG of mode L and nothing else; None for anything that is no such picture."""
    head, _, body = text.partition(",")
    if head != "data:image/png;base64" or len(body) > MOST_BYTES * 4 // 3:
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(body, validate=True)), formats=["PNG"]) as picture:
            if max(picture.size) > LARGEST or picture.mode not in ("L", "RGB", "RGBA", "1"):
                return None
            grey = picture.convert("RGB").convert("L")
    except (binascii.Error, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None
    return plain_png(grey)


def compare(*, key: str, one: dict[str, str], two: dict[str, str], mode: str = "slider") -> None:
    """Two pictures, each {"src", "alt", "label"}; `mode` is slider, side (by side) or difference."""
    data = {"one": one, "two": two, "mode": mode if mode in MODES else "slider"}
    _component("compare", "make")(key=key, data=data)


def tree(
    *,
    key: str,
    nodes: Sequence[dict[str, Any]],
    edges: Sequence[dict[str, Any]],
    current: int,
    chosen: Callable[[], None],
) -> None:
    """Pictures and what was made of them: nodes {"id", "src", "alt", "label", "gone"}, edges {"from", "to", "role"}.

    Edges go from parent to child; `current` is marked. `chosen` is called when a picture was pressed, and `chosen(key)`
    tells which.
    """
    data = {"nodes": list(nodes), "edges": list(edges), "current": current}
    _component("tree", "make")(key=key, data=data, on_chosen_change=chosen)


def chosen(key: str) -> int | None:
    """The id of the picture that was just pressed in the tree of that key."""
    return sent_number(key, "chosen")


def _board(*, key: str, src: str, alt: str, width: int, height: int, revision: int) -> dict[str, Any]:
    """What every editor over a picture is told; `board.js` and `instance` in `parts.js` read it."""
    return {"key": key, "src": src, "alt": alt, "width": max(1, width), "height": max(1, height), "revision": revision}


def _value(key: str, name: str) -> dict[str, Any] | None:
    value = sent(key, name)
    return value if isinstance(value, dict) else None


def _count(value: dict[str, Any]) -> int:
    n = value.get("n")
    return n if isinstance(n, int) and not isinstance(n, bool) else 0
