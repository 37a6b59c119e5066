"""What a typed prompt becomes when it is queued: styles put on, wildcards picked, LoRA tags worn. It keeps nothing.

The recipe that comes out needs no file, no style and no table: it paints the same for ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from studio.domain import wildcards
from studio.domain.errors import BadInput, EaselError
from studio.domain.prompting import chosen
from studio.domain.recipe import PROMPT_LIMIT, Lora, Recipe
from studio.domain.style import Style, styled
from studio.domain.tags import tags, without, worn
from studio.packs import parts
from studio.packs.manifest import Pack
from studio.packs.shelf import Shelf


@dataclass(frozen=True)
class Wording:
    """A recipe that says everything by itself, and what was typed where that is something else (else empty)."""

    recipe: Recipe
    typed: dict[str, Any]


def worded(recipe: Recipe, *, styles: Sequence[Style], read: wildcards.Read, shelf: Shelf) -> Wording:
    """Put the styles on, pick from the wildcards for each picture of the batch, and wear the LoRAs that the prompt names.

    `read` gives the lines of a wildcard file. Raises BadInput, saying what there is instead of what is not.
    """
    read = cache(read)  # each file once, however often it is named and for however many pictures
    prompt, negative = styled(recipe.prompt, recipe.negative, styles)
    seeds = [recipe.seed + index for index in range(recipe.count)]
    prompt = wildcards.filled(prompt, seeds=seeds, read=read, field="prompt")
    negative = wildcards.filled(negative, seeds=seeds, read=read, field="negative")
    if next(tags(negative), None) is not None:
        raise BadInput(
            "negative", "A LoRA is named in the prompt alone; to go away from it, give it a weight below 0 there."
        )
    loras = {lora.name: lora.weight for lora in recipe.loras}
    asked = worn(prompt, seeds)
    loras |= {known(shelf, recipe.pack, name): weight for name, weight in asked.items()}
    prompt = without(prompt)
    if (prompt, negative) == (recipe.prompt, recipe.negative):
        return Wording(recipe, {})
    _check_length(prompt, negative)
    if asked and not any(chosen(prompt, seed).strip() for seed in seeds):
        raise BadInput("prompt", "There is nothing beside the LoRA in this prompt; say in a few words what to paint.")
    made = replace(
        recipe, prompt=prompt, negative=negative, loras=tuple(Lora(name, weight) for name, weight in loras.items())
    )
    return Wording(
        made, {"prompt": recipe.prompt, "negative": recipe.negative, "styles": [style.name for style in styles]}
    )


def bare(prompt: str) -> str:
    """The words of a prompt as they stand there, without what wildcards and tags of LoRAs stand for."""
    for name in wildcards.named(prompt):
        prompt = prompt.replace(f"__{name}__", " ")
    return without(prompt)


def known(shelf: Shelf, painter: str, name: str) -> str:
    """The pack of the LoRA that goes by this name; raises BadInput for none, listing those that fit the painter."""
    found = find_lora(shelf, name)
    if found is not None:
        return found
    own = shelf.get(painter).manifest
    fitting = [pack.id for pack in _loras(shelf) if own.fits(pack.manifest)]
    if not fitting:
        raise BadInput(
            "loras", f"There is no LoRA {name} on the shelf, and none that fits {own.name}; the Shelf page brings some."
        )
    near = get_close_matches(name, fitting, n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise BadInput("loras", f"There is no LoRA {name} on the shelf.{guess} These fit {own.name}: {', '.join(fitting)}.")


def find_lora(shelf: Shelf, name: str) -> str | None:
    """The id of the LoRA that goes by this name: its pack's id, its file's name, or the pack's name; None for none."""
    wanted = _plain(name)
    here = list(_loras(shelf))
    for says in (lambda pack: [pack.id], _files, lambda pack: [pack.manifest.name]):
        for pack in here:
            if wanted in map(_plain, says(pack)):
                return pack.id
    return None


def _loras(shelf: Shelf) -> list[Pack]:
    return [pack for pack in shelf.packs() if "lora" in pack.manifest.roles]


def _files(pack: Pack) -> list[str]:
    try:
        return [parts.file(pack, "lora").stem]
    except (EaselError, OSError):  # half a pack; what it lacks is said where it is used
        return []


def _plain(name: str) -> str:
    """A name as ids are made of file names: capitals, spaces and underscores tell nothing apart."""
    return re.sub(r"[^\w.]+|_+", "-", name.casefold().removesuffix(".safetensors")).strip("-")


def _check_length(prompt: str, negative: str) -> None:
    for field, text in (("prompt", prompt), ("negative", negative)):
        if len(text) > PROMPT_LIMIT:
            raise BadInput(
                field,
                f"With its styles and what its wildcards pick, this prompt has {len(text):,} characters; {PROMPT_LIMIT:,}"
                " is the most it can have. Paint fewer pictures at a time, or shorten it.",
            )
