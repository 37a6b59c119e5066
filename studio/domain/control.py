"""Control: one use of a control map in a recipe. It never draws or loads a map."""

from __future__ import annotations

import math
from dataclasses import dataclass

from studio.domain.errors import BadInput

KINDS = (
    "pose", "depth", "canny", "lineart", "softedge", "scribble", "normal", "segmentation", "shuffle", "tile",
)  # fmt: skip


@dataclass(frozen=True)
class Control:
    """One control map in a recipe.

    `source` is the SHA-256 of the map's file; `weight` runs from 0 to 2; `start` and `end` are fractions of the steps, 0 to 1.
    """

    kind: str
    source: str
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput("controls", f"There is no control named {self.kind!r}; choose one of {', '.join(KINDS)}.")
        if not (math.isfinite(self.weight) and 0 <= self.weight <= 2):
            raise BadInput("controls", "A control's weight must be between 0 and 2.")
        if not 0 <= self.start < self.end <= 1:
            raise BadInput("controls", "A control must start before it ends, both between 0 and 1.")
