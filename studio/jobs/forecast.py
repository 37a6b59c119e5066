"""Says what a job's duration depends on, so that this machine's own history can foretell it. It reads no clock."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain.recipe import REPAINT_STRENGTH, Recipe

HISTORY = 20  # the last runs that count: enough to smooth, few enough to follow a machine that got busy


UPSCALED = 1 << 14  # pixels of a source that count as one unit: a tile of 128 by 128
CONTROL_COST = 0.5  # of a step: a ControlNet is about half a UNet


def painting(recipe: Recipe, *, source_size: tuple[int, int] | None = None, offload: bool = False) -> dict[str, Any]:
    """What of a job's payload says how long painting takes; whatever paints a recipe, or foretells it, begins with this.

    source_size: (width, height) in pixels of the recipe's source.
    """
    payload: dict[str, Any] = {"recipe": recipe.to_dict()}
    if source_size is not None:
        payload["source_size"] = list(source_size)
    return payload | ({"offload": True} if offload else {})


def subject_and_work(kind: str, payload: dict[str, Any]) -> tuple[str, float]:
    """What a job is like, and how much of it there is.

    A paint job is measured in steps of the model on a picture of the recipe's size ("paint:storybook:128x128:euler", 80.0);
    every task but `create` is a subject of its own, and so is the way that needs less memory. An upscaler asks no painter: it
    is measured by the source's area. An import is measured in files, where the payload lists them, an export in pictures;
    everything else is one unit, and so is a repeat that only keeps what another painted. A payload that holds `source_size`
    ([width, height] in pixels) is foretold better.
    """
    if kind == "repeat" and payload.get("keep"):
        return "keep", 1.0
    if kind in ("paint", "repeat"):
        recipe = payload.get("recipe", {})
        if recipe.get("upscaler"):
            wide, high = payload.get("source_size") or (recipe.get("width", 1), recipe.get("height", 1))
            return f"enlarge:{recipe['upscaler']}:{recipe.get('factor', 2)}", max(1.0, wide * high / UPSCALED)
        size = f"{recipe.get('width', 0)}x{recipe.get('height', 0)}"
        subject = f"paint:{recipe.get('pack', '')}:{size}:{recipe.get('sampler', '')}"
        task = recipe.get("task", "create")
        subject += f":{task}" if task != "create" else ""
        subject += ":offload" if payload.get("offload") is True else ""  # slower, by how much this machine will say
        return subject, max(1.0, model_steps(recipe, payload.get("source_size")))
    if kind == "import":
        return "import", float(max(1, len(payload.get("files", ()))))
    if kind in ("export", "empty"):
        choice = payload.get("choice", {})
        way = f":{choice.get('shape', '')}:{choice.get('format', '')}" if kind == "export" else ""
        return f"{kind}{way}", float(max(1, len(payload.get("ids", ()))))
    return kind, 1.0


def model_steps(recipe: Mapping[str, Any], source_size: Sequence[int] | None = None) -> float:
    """How many steps of the model a recipe takes, each on a picture of the recipe's size; a ControlNet adds half a step.

    recipe: as `Recipe.to_dict` gives it. source_size: (width, height) in pixels; without it the source counts as large as
    what the model works on at a time.
    """
    task, steps, strength = recipe.get("task", "create"), recipe.get("steps", 1), recipe.get("strength", 1.0)
    area = max(1, recipe.get("width", 1) * recipe.get("height", 1))
    wide, high = source_size or (recipe.get("width", 1), recipe.get("height", 1))
    if task == "create":
        again = recipe.get("hires", 1.0)
        walked = float(steps) + (
            _walked(steps, recipe.get("hires_strength", REPAINT_STRENGTH)) * again**2 if again > 1 else 0.0
        )
    elif task == "enlarge":
        times = recipe.get("factor", 2) ** 2 * wide * high / area
        walked = _walked(steps, strength) * times if recipe.get("method", "repaint") == "repaint" else 0.0
    elif task == "outpaint":
        left, top, right, bottom = recipe.get("extend", (0, 0, 0, 0))
        canvas = (wide + left + right) * (high + top + bottom)
        # A canvas that fits is painted whole; beyond that only what is new, and each window overlaps by half
        times = canvas / area if canvas <= 2 * area else 4 * (canvas - wide * high) / area
        walked = _walked(steps, strength) * max(1.0, times)
    else:
        walked = float(_walked(steps, strength))
    used = sum(1 for control in recipe.get("controls", ()) if control.get("weight", 1.0) > 0)
    asked = (
        1.0 if recipe.get("guidance", 2.0) > 1 else 0.5
    )  # without guidance the model is asked once a step, not twice
    return float(walked * asked * (1 + CONTROL_COST * used) * recipe.get("count", 1))


def _walked(steps: int, strength: float) -> int:
    """Of so many steps, those that the strength leaves: as the painter counts them."""
    return max(1, min(int(steps * strength), steps)) if strength > 0 else 0


def expected(per_unit: Sequence[float], work: float) -> float | None:
    """Seconds for `work` units, from the seconds per unit of past runs; None without history."""
    return statistics.median(per_unit) * work if per_unit else None


def left(expected_seconds: float | None, done: int, total: int) -> float | None:
    """Seconds left when `done` of `total` is behind us; never negative, None without history."""
    if expected_seconds is None:
        return None
    share = min(1.0, max(0.0, done / total)) if total > 0 else 0.0
    return max(0.0, expected_seconds * (1.0 - share))
