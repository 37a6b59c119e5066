"""Writes down with what a picture is painted: packs, parts and their hashes, libraries, device. It paints and saves nothing."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from studio.domain.recipe import Recipe
from studio.domain.record import Record
from studio.packs.making import making, worn
from studio.packs.shelf import Shelf
from studio.workshop.ports import Painter

LIBRARIES = ("torch", "diffusers", "transformers")  # whose arithmetic is in every picture
WEARING = "peft"  # puts LoRAs on


def record_of(recipe: Recipe, *, shelf: Shelf, painter: Painter) -> Record:
    """With what this recipe is painted by this painter, loaded as it is; raises PackMissing where a part is not there.

    The hashes are those of the packs' lists; that the files still have them is what verifying a pack says.
    """
    how = _device(painter)
    half = str(how.get("dtype", "")) in ("float16", "bfloat16")
    libraries = (*LIBRARIES, WEARING) if any(role == "lora" for role, _ in worn(recipe)) else LIBRARIES
    return Record(
        parts=making(shelf, recipe, half=half),
        versions={name: found for name in libraries if (found := _version(name))},
        together=recipe.count,
        **how,
    )


def _device(painter: Painter) -> dict[str, Any]:
    """Where and how precisely a painter computes; nothing for one that computes nothing."""
    where, pipe = getattr(painter, "where", None), getattr(painter, "pipe", None)
    dtype = pipe.unet.dtype if pipe is not None else getattr(painter, "dtype", None)
    if where is None or dtype is None:
        return {}
    from studio.workshop.paint import device

    return {"device": device.name(where), "kind": where.type, "dtype": str(dtype).removeprefix("torch.")}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
