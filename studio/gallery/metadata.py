"""Text in picture files: what we write into ours; what others wrote is read in `foreign/`. It never opens a file.

`parameters` is the text that A1111, Forge and many readers know; `easel` is our JSON, from which a recipe comes back exactly.
"""

from __future__ import annotations

import json
import re
from typing import Any

from studio.domain.control import ControlMap
from studio.domain.recipe import SAMPLERS, Recipe
from studio.gallery.foreign.a1111 import NEGATIVE, read_parameters
from studio.gallery.foreign.own import KEY, read_map, read_own, read_parents
from studio.gallery.foreign.reading import read
from studio.gallery.foreign.told import FindLora, no_lora
from studio.safety.intake import Intake

__all__ = [
    "KEY",
    "parameters",
    "read_map",
    "read_own",
    "read_parameters",
    "read_parents",
    "read_recipe",
    "write_map",
    "write_text",
]
VERSION = 1


def write_text(recipe: Recipe, *, extras: dict[str, Any]) -> dict[str, str]:
    """The text of a painted picture's file: `parameters` for other tools, our own JSON for us.

    `extras` goes into our JSON beside the recipe: `record` (pack hashes, versions), `verdict`, `parents`. A record's
    `pack_name` is what other tools read as the model.
    """
    model = str(extras.get("record", {}).get("pack_name") or recipe.pack)
    return {"parameters": parameters(recipe, model=model), **_own({"recipe": recipe.to_dict(), **extras})}


def write_map(map: ControlMap, *, extras: dict[str, Any]) -> dict[str, str]:
    """The text of a control map's file: our own JSON with its kind, parameters and figures; other tools need none of it."""
    return _own({"map": map.to_dict(), **extras})


def _own(body: dict[str, Any]) -> dict[str, str]:
    # ASCII JSON: NUL, line breaks and every script come back byte for byte from any PNG reader
    return {KEY: json.dumps({"version": VERSION, **body}, sort_keys=True, separators=(",", ":"))}


def parameters(recipe: Recipe, *, model: str) -> str:
    """The recipe as A1111 writes it: prompt, negative prompt, then a line of settings."""
    settings = {
        "Steps": recipe.steps,
        "Sampler": SAMPLERS[recipe.sampler],
        "CFG scale": f"{recipe.guidance:g}",
        "Seed": recipe.seed,
        "Size": f"{recipe.width}x{recipe.height}",
        "Model": json.dumps(model, ensure_ascii=False) if re.search(r'[,:"\n]', model) else model,
    }
    if recipe.task != "create":
        settings["Denoising strength"] = f"{recipe.strength:g}"
    if recipe.upscaler:
        settings |= {"Postprocess upscale by": recipe.factor, "Postprocess upscaler": recipe.upscaler}
    settings["Version"] = "Easel"
    lines = [" ".join([recipe.prompt, *(f"<lora:{lora.name}:{lora.weight:g}>" for lora in recipe.loras)])]
    if recipe.negative:
        lines.append(NEGATIVE + recipe.negative)
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items()))
    return "\n".join(lines)


def read_recipe(intake: Intake, *, lora: FindLora = no_lora) -> tuple[Recipe | None, str, dict[str, str]]:
    """What a file says of how it was made: the recipe where it can be read, the prompt, and the text verbatim.

    The recipe is None when the file names something we have no word for (another sampler, a size out of range); then the
    prompt is still told. `lora` knows which LoRA goes by a name; tags of those that it knows become the recipe's, others stay
    words of the prompt. Never raises for what the text holds. `studio.gallery.foreign.reading.read` tells more.
    """
    told = read(intake, lora=lora)
    return told.recipe, told.prompt, told.rest
