"""Grid: one recipe varied along one or two fields, a picture for each pair of values. It paints, saves and draws nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from studio.domain.errors import BadInput
from studio.domain.grid_axis import Axis
from studio.domain.recipe import Lora, Recipe

VERSION = 1
MOST_CELLS = 100


@dataclass(frozen=True)
class Cell:
    """One picture of a grid: where it stands, from 0, and its recipe (count 1)."""

    column: int
    row: int
    recipe: Recipe


@dataclass(frozen=True)
class Grid:
    """A recipe varied along `x` (columns) and, if there is one, `y` (rows). At most 100 cells, each with the base's seed.

    Raises BadInput with a sentence where a cell would be no recipe, or both axes change the same thing.
    """

    base: Recipe
    x: Axis
    y: Axis | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", self.base.with_seed(self.base.seed))  # one picture to a cell
        columns, rows = self.shape
        if columns * rows > MOST_CELLS:
            raise BadInput(
                "grid", f"{columns} by {rows} are {columns * rows:,} pictures; {MOST_CELLS} is the most a grid holds."
            )
        if self.y is not None and self.y.field == self.x.field != "words":
            raise BadInput(
                "grid", f"Both axes change the {self.x.title.lower()}; choose another field for one of them."
            )
        self._check_words()
        if len({cell.recipe for cell in self.cells}) < columns * rows:
            raise BadInput("grid", "Two cells of this grid would be the same picture; take a value away.")

    @property
    def axes(self) -> tuple[Axis, ...]:
        """X, and Y where there is one."""
        return (self.x,) if self.y is None else (self.x, self.y)

    @property
    def shape(self) -> tuple[int, int]:
        """How many columns and rows."""
        return len(self.x.values), len(self.y.values) if self.y else 1

    @property
    def title(self) -> str:
        """What is varied: "Steps × Guidance"."""
        return " × ".join(axis.title for axis in self.axes)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, in the order to paint them: what takes long to change in a painter is changed least often."""
        columns, rows = self.shape
        made = [Cell(column, row, self._recipe(column, row)) for row in range(rows) for column in range(columns)]
        met: dict[Any, int] = {}  # in the order of the grid, so that what costs nothing stays in reading order
        weights = {cell: [met.setdefault(one, len(met)) for one in _costs(cell.recipe)] for cell in made}
        return tuple(sorted(made, key=weights.__getitem__))

    def _recipe(self, column: int, row: int) -> Recipe:
        taken = [(axis, axis.values[at]) for axis, at in zip(self.axes, (column, row), strict=False)]
        spoken = {str(axis.values[0]): str(value) for axis, value in taken if axis.field == "words"}
        recipe = dataclasses.replace(self.base, prompt=replaced(self.base.prompt, spoken)) if spoken else self.base
        for axis, value in taken:
            if axis.field != "words":
                recipe = _with(recipe, axis.field, value)
        return recipe

    def _check_words(self) -> None:
        searched = [str(axis.values[0]) for axis in self.axes if axis.field == "words"]
        for words in searched:
            if not _standing([words]).search(self.base.prompt):
                raise BadInput(
                    "words",
                    f"The prompt does not say {words[:60]!r}; the first value is what stands there, letter for letter.",
                )
        if len(searched) == 2 and (searched[0] in searched[1] or searched[1] in searched[0]):
            raise BadInput("words", "Both axes change the same words; let each begin with words of its own.")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict with the format's version."""
        y = self.y.to_dict() if self.y else None
        return {"version": VERSION, "base": self.base.to_dict(), "x": self.x.to_dict(), "y": y}

    @classmethod
    def from_dict(cls, data: Any) -> Grid:
        """Read `to_dict` back; raises BadInput."""
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise BadInput("grid", f"This grid is of another version; this Easel reads version {VERSION}.")
        y = data.get("y")
        base = Recipe.from_dict(data.get("base", {}))
        return cls(base, Axis.from_dict(data.get("x")), None if y is None else Axis.from_dict(y))

    def to_json(self) -> str:
        """Canonical JSON, so that equal grids are equal bytes."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))


def replaced(prompt: str, words: Mapping[str, str]) -> str:
    """The prompt with each key replaced by its value, all at once, wherever it stands as whole words."""
    return _standing(list(words)).sub(lambda found: words[found.group()], prompt)


def _standing(words: list[str]) -> re.Pattern[str]:
    """Finds words where they stand whole: "car" is not in "carpet"."""
    longest = sorted(words, key=len, reverse=True)
    alone = [
        (r"(?<!\w)" if one[:1].isalnum() else "") + re.escape(one) + (r"(?!\w)" if one[-1:].isalnum() else "")
        for one in longest
    ]
    return re.compile("|".join(alone))


def _with(recipe: Recipe, field: str, value: Any) -> Recipe:
    """The recipe with one field changed; raises BadInput where the recipe has no use for it."""
    part, _, which = field.partition(":")
    if part == "size":
        return dataclasses.replace(recipe, width=value[0], height=value[1])
    if part == "lora":
        return dataclasses.replace(recipe, loras=_loras(recipe.loras, which, float(value)))
    if part == "control":
        if which not in {control.kind for control in recipe.controls}:
            raise BadInput(part, f"The recipe follows no {which!r} map, so there is no weight of it to vary.")
        controls = tuple(
            dataclasses.replace(control, weight=float(value)) if control.kind == which else control
            for control in recipe.controls
        )
        return dataclasses.replace(recipe, controls=controls)
    if part == "strength" and recipe.task == "create":
        raise BadInput(part, "Only a picture made from another one has a strength; choose a source, or another field.")
    if part == "reference_weight" and recipe.reference is None:
        raise BadInput(part, "There is no reference picture whose weight could be varied; choose another field.")
    changes: dict[str, Any] = {field: value}
    return dataclasses.replace(recipe, **changes)


def _loras(worn: tuple[Lora, ...], name: str, weight: float) -> tuple[Lora, ...]:
    """The LoRAs with one at this weight; at 0 it is left out, which is the same picture with less to do."""
    made = Lora(name, weight)
    if name in {lora.name for lora in worn}:
        changed = tuple(made if lora.name == name else lora for lora in worn)
    else:
        changed = (*worn, made)
    return tuple(lora for lora in changed if lora.name != name or weight)


def _costs(recipe: Recipe) -> tuple[Any, ...]:
    """What a painter must change for a recipe, the costliest first: loading a pack, then its parts, then its shapes."""
    return (
        ("pack", recipe.pack),
        ("parts", recipe.pack, recipe.vae, recipe.adapter, tuple(sorted(lora.name for lora in recipe.loras))),
        ("weights", recipe.pack, recipe.vae, recipe.loras),
        ("size", recipe.pack, recipe.vae, recipe.loras, recipe.width, recipe.height),
    )
