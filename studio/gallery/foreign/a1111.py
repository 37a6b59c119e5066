"""The text of A1111, Forge, SD.Next and all who write like them: prompt, negative prompt, a line of settings."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime

from studio.domain.errors import BadInput
from studio.domain.recipe import PROMPT_LIMIT, Lora, Recipe
from studio.domain.tags import Tag, tags, without
from studio.gallery.foreign.samplers import by_label
from studio.gallery.foreign.told import FindLora, Foreign, Worn, no_lora, with_recipe
from studio.gallery.foreign.values import model_name, number, pixels, whole

NEGATIVE = "Negative prompt: "
_PAIR = re.compile(r'\s*([A-Za-z][\w /-]{0,60}):\s*("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"\s*(\d{1,6})\s*x\s*(\d{1,6})\s*")
_LORAS = 100  # tags of a prompt that are told of
# What decides a picture beside the settings and has no place in a recipe of ours
_BEYOND = ("ControlNet", "Refiner", "ADetailer", "Mask ", "Masked", "Hires resize", "Hires prompt", "Hires negative",
           "Variation seed", "AnimateDiff", "Regional", "Tiled", "First pass size", "Face restoration")  # fmt: skip


def read(text: dict[str, str], *, lora: FindLora = no_lora) -> Foreign | None:
    """What A1111's text says; None where there is none."""
    for key in ("parameters", "UserComment", "comment"):  # the last in a GIF
        body = text.get(key, "")
        if body.strip() and not body.lstrip().startswith("{"):
            told = told_of(body, lora=lora)
            # A comment of a camera is not a prompt; a text chunk named "parameters" is, with settings or without
            if key == "parameters" or told.steps is not None or ("\n" + body).find("\n" + NEGATIVE) >= 0:
                return told
    return None


def told_of(text: str, *, lora: FindLora = no_lora) -> Foreign:
    """What such a text says; LoRAs that `lora` knows leave the prompt, others stay words of it."""
    prompt, negative, settings = split(text)
    told = Foreign(
        tool="easel" if settings.get("Version") == "Easel" else "a1111",
        prompt=prompt,
        negative=negative,
        seed=whole(settings.get("Seed")),
        model=model_name(settings.get("Model")),
        sampler=by_label(settings.get("Sampler", ""), settings.get("Schedule type", "")),
        steps=whole(settings.get("Steps"), 1, 10_000),
        guidance=number(settings.get("CFG scale")),
        size=_size(settings.get("Size", "")),
        loras=_loras(prompt),
        taken_at=_date(settings.get("Created Date", "")),
    )
    worn, known = _worn(prompt, lora)
    bare = replace(told, prompt=worn, loras=tuple(Worn(one.name, one.weight) for one in known))
    found = _with_recipe(bare, settings)
    return replace(found, loras=told.loras)


def _with_recipe(told: Foreign, settings: dict[str, str]) -> Foreign:
    hires, strength = number(settings.get("Hires upscale")), number(settings.get("Denoising strength"))
    painted_over = hires is None and strength is not None  # made of another picture, which the text does not name
    if painted_over or any(key.startswith(_BEYOND) for key in settings):
        return told
    skip = whole(settings.get("Clip skip", "1"), 1, 12)
    if skip is None:
        return told
    again = strength if hires is not None else None
    return with_recipe(told, lora=lambda name: name, clip_skip=skip, hires=hires or 1.0, hires_strength=again)


def read_parameters(text: str, *, lora: FindLora = no_lora) -> tuple[Recipe | None, str]:
    """The recipe if every part of the text has a meaning here, and the prompt."""
    told = told_of(text, lora=lora)
    return told.recipe, told.prompt


def split(text: str) -> tuple[str, str, dict[str, str]]:
    """The prompt, the negative prompt and the settings of A1111's text.

    The settings are the last line, if it looks like them. A prompt may itself hold such a line, or the words "Negative
    prompt:"; then the format is ambiguous, which is why we write our own JSON as well.
    """
    body, _, last = text.rstrip("\n").rpartition("\n")
    pairs = {name: _unquoted(value) for name, value in _PAIR.findall(last)}
    if "Steps" not in pairs:
        body, pairs = text, {}
    prompt, found, negative = ("\n" + body).rpartition("\n" + NEGATIVE)
    if not found:
        prompt, negative = negative, ""
    return prompt.removeprefix("\n")[:PROMPT_LIMIT], negative[:PROMPT_LIMIT], pairs


def _worn(prompt: str, find: FindLora) -> tuple[str, tuple[Lora, ...]]:
    """The prompt without the tags of LoRAs that are known here, and those LoRAs, the last weight of each."""
    found: dict[Tag, Lora] = {}
    for tag in tags(prompt):
        known = find(tag.name)
        try:
            if known is not None:
                found[tag] = Lora(known, tag.number)
        except BadInput:  # a weight that is none, or beyond what is painted here
            continue
    return without(prompt, found.__contains__), tuple({lora.name: lora for lora in found.values()}.values())


def _loras(prompt: str) -> tuple[Worn, ...]:
    found = []
    for tag in list(tags(prompt))[:_LORAS]:
        weight = number(tag.weight.partition(":")[0] or "1")
        if weight is not None and tag.name:
            found.append(Worn(model_name(tag.name), weight))
    return tuple(found)


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()


def _size(text: str) -> tuple[int, int] | None:
    found = _SIZE.fullmatch(text)
    return pixels(found[1], found[2]) if found else None


def _date(text: str) -> float | None:
    """Civitai's generator says when, as "2024-05-01T12:30:00.0000000Z"."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z", text)
    try:
        return datetime.fromisoformat(found[1] + "+00:00").timestamp() if found else None
    except (ValueError, OverflowError):
        return None
