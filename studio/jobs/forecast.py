"""Says what a job's duration depends on, so that this machine's own history can foretell it. It reads no clock."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

HISTORY = 20  # the last runs that count: enough to smooth, few enough to follow a machine that got busy


def subject_and_work(kind: str, payload: dict[str, Any]) -> tuple[str, float]:
    """What a job is like, and how much of it there is.

    A paint job is measured in step-pictures ("paint:storybook:128x128:euler", 80.0); an import in files, where the
    payload lists them; everything else is one unit.
    """
    if kind == "paint":
        recipe = payload.get("recipe", {})
        size = f"{recipe.get('width', 0)}x{recipe.get('height', 0)}"
        subject = f"paint:{recipe.get('pack', '')}:{size}:{recipe.get('sampler', '')}"
        return subject, float(max(1, recipe.get("steps", 1) * recipe.get("count", 1)))
    if kind == "import":
        return "import", float(max(1, len(payload.get("files", ()))))
    return kind, 1.0


def expected(per_unit: Sequence[float], work: float) -> float | None:
    """Seconds for `work` units, from the seconds per unit of past runs; None without history."""
    return statistics.median(per_unit) * work if per_unit else None


def left(expected_seconds: float | None, done: int, total: int) -> float | None:
    """Seconds left when `done` of `total` is behind us; never negative, None without history."""
    if expected_seconds is None:
        return None
    share = min(1.0, max(0.0, done / total)) if total > 0 else 0.0
    return max(0.0, expected_seconds * (1.0 - share))
