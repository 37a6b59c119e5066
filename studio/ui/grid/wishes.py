"""What the grid's form means: which fields it offers, and what was typed to a Grid. It draws nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.domain import grid_values
from studio.domain.errors import BadInput
from studio.domain.grid import Grid
from studio.domain.grid_axis import FIELDS, OWN_VAE, field_of, read_axis
from studio.domain.recipe import SAMPLERS, Recipe
from studio.packs.manifest import Manifest, Pack
from studio.ui import forms, outfit, words
from studio.ui.forms import Fields

STAND_IN = "a picture"  # for the count, while no prompt is typed
ALWAYS = ("steps", "guidance", "sampler", "seed", "words", "size", "hires")


@dataclass(frozen=True)
class Wish:
    """The form as it stands: the two fields ("" for none of them) and, for each field, its values as typed."""

    x: str = "steps"
    y: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict, for the draft."""
        return {"x": self.x, "y": self.y, "typed": dict(self.typed)}


def restore(draft: Mapping[str, Any] | None) -> Wish:
    """The form of a kept draft; what cannot be used any more becomes the default."""
    kept = draft or {}
    typed = kept.get("typed")
    texts = (
        {str(name): text for name, text in typed.items() if isinstance(text, str)} if isinstance(typed, dict) else {}
    )
    x, y = (str(kept.get(name) or "") for name in ("x", "y"))
    return Wish(x if _known(x) else "steps", y if _known(y) else "", texts)


def _known(name: str) -> bool:
    try:
        return bool(field_of(name))
    except BadInput:
        return False


def offered(packs: Sequence[Pack], manifest: Manifest, fields: Fields) -> dict[str, str]:
    """The fields that a grid on Create may vary, by what they are called: those that make a difference with this pack."""
    made = {name: FIELDS[name].title for name in ALWAYS}
    if len(outfit.painters(packs)) > 1:
        made["pack"] = FIELDS["pack"].title
    if manifest.family != "storybook":
        made["clip_skip"] = FIELDS["clip_skip"].title
    if outfit.fitting(packs, manifest, "vae"):
        made["vae"] = FIELDS["vae"].title
    if fields["reference"]:
        made["reference_weight"] = FIELDS["reference_weight"].title
    loras = outfit.offered(outfit.fitting(packs, manifest, "lora"), fields["loras"])
    return made | {f"lora:{id}": f"Weight of {name}" for id, name in loras.items()}


def choices(name: str, packs: Sequence[Pack], manifest: Manifest) -> dict[str, str]:
    """What may be chosen for a field that is chosen and not typed: as it would be typed -> as it is shown. Empty for others."""
    if name == "sampler":
        return dict(SAMPLERS)
    if name == "size":
        return {forms.size_name(*size): f"{size[0]} × {size[1]}" for size in manifest.sizes}
    if name == "pack":
        return {id: one.name for id, one in outfit.painters(packs).items()}
    if name == "vae":
        return {OWN_VAE: "The pack's own"} | outfit.fitting(packs, manifest, "vae")
    return {}


def hint(name: str, fields: Fields) -> str:
    """What stands in the empty box of a field: an example of what may be typed."""
    if name == "words":
        said = [word.strip(",.;:") for word in fields["prompt"].split() if len(word.strip(",.;:")) > 3]
        return f"{said[-1]}, and what comes in its place" if said else FIELDS["words"].example
    return field_of(name).example


HELP: Mapping[str, str] = {
    "whole": "Separated by commas. 4-20 (+4) counts by fours, 1-9 [5] takes five from 1 to 9.",
    "number": "Separated by commas. 1-3 (+0.5) counts by halves, 1-9 [5] takes five from 1 to 9.",
    "words": 'First what stands in the prompt, then what comes in its place. In "quotation marks" a value may hold commas.',
}


def grid_of(wish: Wish, base: Recipe) -> Grid:
    """The grid that the form asks for; raises BadInput with a sentence."""
    axes = [read_axis(name, wish.typed.get(_slot(wish, which), "")) for which, name in _axes(wish)]
    return Grid(base, *axes)


def _axes(wish: Wish) -> list[tuple[str, str]]:
    return [("x", wish.x), *([("y", wish.y)] if wish.y else [])]


def _slot(wish: Wish, which: str) -> str:
    return slot(which, wish.x if which == "x" else wish.y)


def slot(which: str, name: str) -> str:
    """Under what name the values of a field are kept; of words each axis has its own."""
    return f"{which}:{name}" if name == "words" else name


def began(wish: Wish) -> bool:
    """Whether something was typed for each axis, so that a sentence on what is wrong with it is welcome."""
    return all(wish.typed.get(_slot(wish, which), "").strip() for which, _ in _axes(wish))


def typed_of(chosen: Sequence[str]) -> str:
    """Chosen values as they would be typed."""
    return ", ".join(grid_values.quote(one) for one in chosen)


def chosen_of(typed: str) -> list[str]:
    """The values of a field that is chosen; what cannot be read is left out."""
    try:
        return list(dict.fromkeys(grid_values.split(typed, "values")))
    except BadInput:
        return []


def base_of(fields: Fields, *, seed: int, counting: bool = False) -> Recipe:
    """The recipe that the Create page's form asks for, one picture of it; raises BadInput. `counting` needs no prompt yet."""
    asked: Any = {**fields, "count": 1}
    if counting and not asked["prompt"].strip():
        asked["prompt"] = STAND_IN
    return dataclasses.replace(forms.recipe_of(asked, seed=seed), count=1)


def counted(grid: Grid, seconds: float | None) -> str:
    """One line on what the button will do: "12 pictures, about 40 s"."""
    return ", ".join(filter(None, (pictures(len(grid.cells)), words.duration(seconds))))


def pictures(count: int) -> str:
    """So many pictures."""
    return "1 picture" if count == 1 else f"{count} pictures"
