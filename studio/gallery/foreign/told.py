"""Foreign: what a picture's file says of how it came to be, whoever wrote it; and the recipe that can be made of that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from studio.domain.artwork import Facts
from studio.domain.errors import BadInput
from studio.domain.recipe import SAMPLERS, Lora, Recipe
from studio.gallery.foreign.values import model_name, number, slug

FindLora = Callable[[str], str | None]  # the name in a file -> the LoRA's name on the shelf


def no_lora(_name: str) -> None:
    """Knows no LoRA."""


@dataclass(frozen=True)
class Worn:
    """A LoRA by the name that the tool gave it, without folder and ending, and its weight."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class Foreign:
    """What a file says; each field empty or None where it says nothing that can be read.

    `tool` is one of easel, a1111 (with Forge and SD.Next), comfy, invoke, swarm, fooocus, novelai, camera, or "". `sampler`
    is our name for it where we have one, else the tool's. `size` is what was asked for, in pixels; the file may have another.
    `taken_at` is Unix seconds. `rating` is -1 (rejected) to 5. `recipe` is there only if every part of it has a meaning here.
    `rest` is all that the file says, verbatim and by key, but not where it was taken. All of it is hostile text.
    """

    tool: str = ""
    prompt: str = ""
    negative: str = ""
    seed: int | None = None
    model: str = ""
    sampler: str = ""
    steps: int | None = None
    guidance: float | None = None
    size: tuple[int, int] | None = None
    loras: tuple[Worn, ...] = ()
    taken_at: float | None = None
    camera: str = ""
    lens: str = ""
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    rating: int = 0
    recipe: Recipe | None = None
    rest: dict[str, str] = field(default_factory=dict)

    def facts(self) -> Facts:
        """What the gallery keeps of it beside recipe and prompt.

        `metadata` is the text verbatim, as JSON in ASCII; None where there is none, or where it is ours and says only what the
        other columns and the file say.
        """
        return Facts(
            made_with=self.tool, model=self.model, sampler=self.sampler, seed=self.seed, negative=self.negative,
            camera=self.camera, taken_at=self.taken_at, rating=self.rating,
            metadata=json.dumps(self.rest, sort_keys=True) if self.rest and self.tool != "easel" else None,
        )  # fmt: skip


def worn(pairs: Iterable[Sequence[object]]) -> tuple[Worn, ...]:
    """LoRAs of (name, weight) pairs as strangers wrote them; what lacks either is none."""
    read = ((model_name(name), number(weight)) for name, weight in pairs)
    return tuple(Worn(name, weight) for name, weight in read if name and weight is not None)


def with_recipe(
    told: Foreign, *, lora: FindLora, clip_skip: int = 1, hires: float = 1.0, hires_strength: float | None = None
) -> Foreign:
    """The same, with the recipe that it amounts to; without one where something lacks or has no meaning here.

    A LoRA that the shelf does not know keeps its own name, so that the page can say which one is missing.
    """
    if told.size is None or told.steps is None or told.guidance is None or told.seed is None:
        return told
    if told.sampler not in SAMPLERS:
        return told
    try:
        loras = {found: Lora(found, one.weight) for one in told.loras if (found := lora(one.name) or slug(one.name))}
        recipe = Recipe(
            prompt=told.prompt,
            negative=told.negative,
            pack=slug(told.model),
            width=told.size[0],
            height=told.size[1],
            steps=told.steps,
            guidance=told.guidance,
            sampler=told.sampler,
            seed=told.seed,
            loras=tuple(loras.values()),
            clip_skip=clip_skip,
            hires=hires,
        )
        if hires_strength is not None:
            recipe = replace(recipe, hires_strength=hires_strength)
    except BadInput:
        return told
    return replace(told, recipe=recipe)
