"""What the widgets of the Create page mean: fields to recipe, recipe to fields. It draws nothing."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, TypedDict

from studio.domain.errors import BadInput
from studio.domain.recipe import (
    CLIP_SKIP_RANGE,
    COUNT_RANGE,
    GUIDANCE_RANGE,
    HIRES_RANGE,
    SAMPLERS,
    SEED_LIMIT,
    STEPS_RANGE,
    Lora,
    Recipe,
)
from studio.packs.manifest import Manifest

HIRES = (1.0, 1.5, 2.0, 4.0)  # times larger, of a second pass
REFERENCE_WEIGHT = 0.6  # as a recipe has it where nobody says another
_HASH = re.compile(r"[0-9a-f]{64}")
NEW_SEEDS = 2**32  # a seed that fits on one line; any up to 2**63 may be typed


class Fields(TypedDict):
    """What the Create page holds, as typed. `seed` is text, because a browser's numbers end at 2**53."""

    prompt: str
    negative: str
    styles: list[str]
    pack: str
    size: str
    count: int
    steps: int
    guidance: float
    sampler: str
    hires: float
    loras: list[str]
    weights: dict[str, float]
    embeddings: list[str]
    vae: str
    clip_skip: int
    reference: str
    reference_weight: float
    adapter: str
    seed: str
    lock: bool
    offload: bool


def new_seed() -> int:
    """A random seed."""
    return secrets.randbelow(NEW_SEEDS)


def size_name(width: int, height: int) -> str:
    """How a size is written in the form: "128x128"."""
    return f"{width}x{height}"


def size_of(name: str) -> tuple[int, int]:
    """Width and height in pixels of a size's name; raises BadInput."""
    width, _, height = name.partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(name) < 16):
        raise BadInput("size", f"The size must look like 128x128, in pixels; {name!r} does not.")
    return int(width), int(height)


def sizes_offered(manifest: Manifest, current: str) -> list[str]:
    """The pack's sizes, and the one in use where a recipe from elsewhere brought another."""
    offered = [size_name(*size) for size in manifest.sizes]
    return offered if current in offered or not _is_size(current) else [*offered, current]


def passes_offered(current: float) -> list[float]:
    """How many times larger a second pass may paint; 1 is no second pass. One that a recipe from elsewhere brought is kept."""
    return sorted({*HIRES, current})


def pass_words(times: float) -> str:
    """What a second pass is called in the form."""
    return "None" if times <= 1 else f"{times:g}× larger"


def defaults(manifest: Manifest) -> Fields:
    """Where a newcomer begins with this pack; the prompt is empty."""
    return {
        "prompt": "",
        "negative": "",
        "styles": [],
        "pack": manifest.id,
        "size": size_name(*manifest.size),
        "count": 1,
        "steps": manifest.steps,
        "guidance": manifest.guidance,
        "sampler": manifest.sampler,
        "hires": 1.0,
        "loras": [],
        "weights": {},
        "embeddings": [],
        "vae": "",
        "clip_skip": 1,
        "reference": "",
        "reference_weight": REFERENCE_WEIGHT,
        "adapter": "",
        "seed": str(new_seed()),
        "lock": False,
        "offload": False,
    }


def restore(draft: dict[str, Any] | None, manifest: Manifest) -> Fields:
    """The fields of a kept draft. What cannot be used any more (another version, a missing pack) becomes the default."""
    fields = defaults(manifest)
    kept = draft or {}
    for name in ("prompt", "negative", "seed"):
        if isinstance(kept.get(name), str):
            fields[name] = kept[name]
    fields["styles"] = _names(kept.get("styles"))
    if kept.get("pack") != manifest.id:  # its numbers suit another model
        return fields
    if isinstance(kept.get("size"), str) and _is_size(kept["size"]):
        fields["size"] = kept["size"]
    fields["count"] = _within(kept.get("count"), COUNT_RANGE, fields["count"])
    fields["steps"] = _within(kept.get("steps"), STEPS_RANGE, fields["steps"])
    guidance = kept.get("guidance")
    if isinstance(guidance, int | float) and GUIDANCE_RANGE[0] <= guidance <= GUIDANCE_RANGE[1]:
        fields["guidance"] = float(guidance)
    hires = kept.get("hires")
    if isinstance(hires, int | float) and HIRES_RANGE[0] <= hires <= HIRES_RANGE[1]:
        fields["hires"] = float(hires)
    if kept.get("sampler") in SAMPLERS:
        fields["sampler"] = kept["sampler"]
    fields["loras"], fields["embeddings"] = _names(kept.get("loras")), _names(kept.get("embeddings"))
    if isinstance(kept.get("weights"), dict):
        weights = kept["weights"].items()
        fields["weights"] = {id: float(weight) for id, weight in weights if isinstance(weight, int | float)}
    if isinstance(kept.get("vae"), str):
        fields["vae"] = kept["vae"]
    if isinstance(kept.get("adapter"), str):
        fields["adapter"] = kept["adapter"]
    if isinstance(kept.get("reference"), str) and _HASH.fullmatch(kept["reference"]):
        fields["reference"] = kept["reference"]
    weight = kept.get("reference_weight")
    if isinstance(weight, int | float) and 0 <= weight <= 2:
        fields["reference_weight"] = float(weight)
    fields["clip_skip"] = _within(kept.get("clip_skip"), CLIP_SKIP_RANGE, fields["clip_skip"])
    fields["lock"] = kept.get("lock") is True
    fields["offload"] = kept.get("offload") is True
    return fields


def seed_of(text: str) -> int:
    """The seed that was typed; raises BadInput."""
    digits = text.strip().replace(",", "").replace(" ", "")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 20:
        raise BadInput("seed", "The seed must be a whole number, such as 42; the dice rolls one.")
    if int(digits) >= SEED_LIMIT - COUNT_RANGE[1]:
        raise BadInput("seed", "The seed is too large; the largest is a little below 2 to the power of 63.")
    return int(digits)


def recipe_of(fields: Fields, *, seed: int) -> Recipe:
    """The recipe that the form asks for; raises BadInput, naming the field."""
    width, height = size_of(fields["size"])
    return Recipe(
        prompt=fields["prompt"],
        negative=fields["negative"],
        pack=fields["pack"],
        width=width,
        height=height,
        steps=fields["steps"],
        guidance=fields["guidance"],
        sampler=fields["sampler"],
        hires=fields["hires"],
        **parts_of(fields),
        seed=seed,
        count=fields["count"],
    )


def parts_of(fields: Fields) -> dict[str, Any]:
    """What is put on the pack, as the fields of a recipe."""
    return {
        "loras": tuple(Lora(id, fields["weights"].get(id, 1.0)) for id in fields["loras"]),
        "embeddings": tuple(fields["embeddings"]),
        "vae": fields["vae"],
        "clip_skip": fields["clip_skip"],
        **_reference_of(fields),
    }


def _reference_of(fields: Fields) -> dict[str, Any]:
    """What the picture takes after; an adapter or a weight without a picture is nothing."""
    if not fields["reference"]:
        return {}
    return {name: fields[name] for name in ("reference", "reference_weight", "adapter")}


def fields_of(recipe: Recipe) -> Fields:
    """The form that asks for this recipe; its seed is locked, so that Paint gives the same picture."""
    return {
        "prompt": recipe.prompt,
        "negative": recipe.negative,
        "styles": [],  # they are in its prompt
        "pack": recipe.pack,
        "size": size_name(recipe.width, recipe.height),
        "count": recipe.count,
        "steps": recipe.steps,
        "guidance": recipe.guidance,
        "sampler": recipe.sampler,
        "hires": recipe.hires,
        "loras": [lora.name for lora in recipe.loras],
        "weights": {lora.name: lora.weight for lora in recipe.loras},
        "embeddings": list(recipe.embeddings),
        "vae": recipe.vae,
        "clip_skip": recipe.clip_skip,
        "reference": recipe.reference or "",
        "reference_weight": recipe.reference_weight,
        "adapter": recipe.adapter,
        "seed": str(recipe.seed),
        "lock": True,
        "offload": False,  # how it was painted, not what
    }


def seed_for(fields: Mapping[str, Any]) -> int:
    """The seed of a wish: as typed where it is locked, else a new one; raises BadInput when a locked one is no number."""
    return seed_of(fields["seed"]) if fields["lock"] else new_seed()


def paint_label(count: int) -> str:
    """What the button will do."""
    return "Paint" if count == 1 else f"Paint {count}"


def _is_size(name: str) -> bool:
    try:
        size_of(name)
    except BadInput:
        return False
    return True


def _names(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _within(value: Any, bounds: tuple[int, int], default: int) -> int:
    return (
        value if isinstance(value, int) and not isinstance(value, bool) and bounds[0] <= value <= bounds[1] else default
    )
