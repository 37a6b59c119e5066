"""Fooocus's metadata, in both of its schemes: JSON of its own, and the text of A1111 with its version at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from studio.gallery.foreign import a1111
from studio.gallery.foreign.samplers import by_name
from studio.gallery.foreign.told import FindLora, Foreign, Worn, no_lora, with_recipe, worn
from studio.gallery.foreign.values import as_object, model_name, name, number, pixels, whole, words

_PAIR = re.compile(r"\(?\s*(\d{1,6})\s*[,x×]\s*(\d{1,6})\s*\)?")


def read(text: dict[str, str], *, lora: FindLora = no_lora) -> Foreign | None:
    """What Fooocus says; None where it says nothing."""
    marked = "fooocus_scheme" in text or text.get("exif:Software", "").startswith("Fooocus")
    for key in ("parameters", "UserComment"):
        body = text.get(key, "")
        if body.lstrip().startswith("{"):
            found = {_key(one): value for one, value in as_object(body).items()}
            known = "performance" in found or str(found.get("version", "")).startswith("Fooocus")
            if "prompt" in found and "base_model" in found and (marked or known):
                return _told(found, lora)
        elif body and (marked or "Fooocus v" in body[-200:]):
            settings = a1111.split(body)[2]
            if marked or settings.get("Version", "").startswith("Fooocus"):
                return _of_text(body, settings, lora)
    return None


def _key(key: str) -> str:
    return key.lower().replace(" ", "_")  # the log of older versions has "Base Model"


def _told(body: dict[str, Any], lora: FindLora) -> Foreign:
    size = _PAIR.fullmatch(words(body.get("resolution"), 40).strip())
    told = Foreign(
        tool="fooocus",
        prompt=words(body.get("prompt")),
        negative=words(body.get("negative_prompt")),
        seed=whole(body.get("seed")),
        model=model_name(body.get("base_model")),
        sampler=by_name(body.get("sampler", ""), body.get("scheduler", "")),
        steps=whole(body.get("steps"), 1, 10_000),
        guidance=number(body.get("guidance_scale")),
        size=pixels(size[1], size[2]) if size else None,
        loras=_loras(body),
    )
    # A style or the expansion puts words to the prompt that stand nowhere else; a refiner paints along
    styled = words(body.get("styles"), 9).strip() not in ("", "[]") or bool(words(body.get("prompt_expansion")))
    refined = model_name(body.get("refiner_model")) not in ("", "None")
    return told if styled or refined else with_recipe(told, lora=lora)


def _of_text(text: str, settings: dict[str, str], lora: FindLora) -> Foreign:
    """Its other scheme; here LoRAs are tags, and the model may be named without its ending."""
    told = replace(a1111.told_of(text, lora=lora), tool="fooocus")
    styled = name(settings.get("Styles")) not in ("", "[]") or "Fooocus V2 Expansion" in settings
    return replace(told, recipe=None) if styled else told


def _loras(body: dict[str, Any]) -> tuple[Worn, ...]:
    listed = body.get("loras")
    listed = listed[:100] if isinstance(listed, list) else []
    pairs: list[Sequence[object]] = [one[:2] for one in listed if isinstance(one, list) and len(one) >= 2]
    combined = [value for key, value in body.items() if re.fullmatch(r"lora_combined_\d{1,3}", key)]
    pairs += [words(value, 300).rpartition(" : ")[::2] for value in combined]
    return tuple({one.name: one for one in worn(pairs)}.values())
