"""Our own JSON in a file, which says everything exactly; a stranger may have written it all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.domain.control import ControlMap
from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.gallery.foreign.told import Foreign, Worn
from studio.gallery.foreign.values import as_object, as_part, name

KEY = "easel"


def read(text: dict[str, str]) -> Foreign | None:
    """What our own JSON says; None where there is none or it cannot be read."""
    found = read_own(text)
    if found is None:
        return Foreign(tool="easel") if read_map(text) is not None else None
    recipe, body = found
    return Foreign(
        tool="easel",
        prompt=recipe.prompt,
        negative=recipe.negative,
        seed=recipe.seed,
        model=name(as_part(body.get("record")).get("pack_name")) or recipe.pack,
        sampler=recipe.sampler,
        steps=recipe.steps,
        guidance=recipe.guidance,
        size=(recipe.width, recipe.height),
        loras=tuple(Worn(lora.name, lora.weight) for lora in recipe.loras),
        recipe=recipe,
    )


def read_own(text: Mapping[str, str]) -> tuple[Recipe, dict[str, Any]] | None:
    """Our own JSON: the recipe and the whole body, or None when there is none or it cannot be read."""
    body = as_object(text.get(KEY, ""))
    try:
        return Recipe.from_dict(body["recipe"]), body
    except (KeyError, BadInput):
        return None


def read_map(text: Mapping[str, str]) -> tuple[ControlMap, dict[str, Any]] | None:
    """Our own JSON of a control map: what it is and the whole body, or None when there is none or it cannot be read."""
    body = as_object(text.get(KEY, ""))
    try:
        return ControlMap.from_dict(body["map"]), body
    except (KeyError, BadInput):
        return None


def read_parents(text: Mapping[str, str]) -> tuple[str, ...]:
    """The parents that our own JSON names, as SHA-256 names; empty when it names none."""
    parents = as_object(text.get(KEY, "")).get("parents", [])
    return tuple(one for one in parents if isinstance(one, str)) if isinstance(parents, list) else ()
