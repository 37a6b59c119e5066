"""Text in picture files: what we write and what we read, from ourselves and from other tools; it never opens a file.

`parameters` is the text that A1111, Forge and many readers know; `easel` is our JSON, from which a recipe comes back exactly.
Others: SwarmUI (`parameters` holding JSON `sui_image_params`), Fooocus (`parameters` holding JSON), InvokeAI
(`invokeai_metadata`), ComfyUI (`prompt`, a graph). Whatever is read is hostile: show it as plain text only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from studio.domain.control import ControlMap
from studio.domain.errors import BadInput
from studio.domain.recipe import PROMPT_LIMIT, SAMPLERS, Lora, Recipe
from studio.domain.tags import Tag, tags, without
from studio.safety.intake import Intake

KEY = "easel"
VERSION = 1
_NEGATIVE = "Negative prompt: "
_PAIR = re.compile(r'\s*([A-Za-z][\w /-]{0,60}):\s*("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d{1,6})\s*x\s*(\d{1,6})")
FindLora = Callable[[str], str | None]  # the name in a tag -> the LoRA's name on the shelf
_SAMPLER_NAMES = {label.lower(): name for name, label in SAMPLERS.items()}


def _no_lora(_name: str) -> None:
    return None


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
        lines.append(_NEGATIVE + recipe.negative)
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items()))
    return "\n".join(lines)


def read_recipe(intake: Intake, *, lora: FindLora = _no_lora) -> tuple[Recipe | None, str, dict[str, str]]:
    """What a file says of how it was made: the recipe where it can be read, the prompt, and the text verbatim.

    The recipe is None when the file names something we have no word for (another sampler, a size out of range); then the
    prompt is still told. `lora` knows which LoRA goes by a name; tags of those that it knows become the recipe's, others stay
    words of the prompt. Never raises for what the text holds.
    """
    verbatim = dict(intake.text)
    own = read_own(intake.text)
    if own is not None:
        return own[0], own[0].prompt, verbatim
    for key in ("parameters", "UserComment"):
        text = verbatim.get(key, "")
        if text.lstrip().startswith("{"):
            prompt = _prompt_of(_object(text))
            if prompt:
                return None, prompt, verbatim
        elif text:
            return *read_parameters(text, lora=lora), verbatim
    for key in ("invokeai_metadata", "prompt"):
        prompt = _prompt_of(_object(verbatim.get(key, "")))
        if prompt:
            return None, prompt, verbatim
    return None, "", verbatim


def read_own(text: dict[str, str]) -> tuple[Recipe, dict[str, Any]] | None:
    """Our own JSON: the recipe and the whole body, or None when there is none or it cannot be read."""
    body = _object(text.get(KEY, ""))
    try:
        return Recipe.from_dict(body["recipe"]), body
    except (KeyError, BadInput):
        return None


def read_map(text: dict[str, str]) -> tuple[ControlMap, dict[str, Any]] | None:
    """Our own JSON of a control map: what it is and the whole body, or None when there is none or it cannot be read."""
    body = _object(text.get(KEY, ""))
    try:
        return ControlMap.from_dict(body["map"]), body
    except (KeyError, BadInput):
        return None


def read_parents(text: dict[str, str]) -> tuple[str, ...]:
    """The parents that our own JSON names, as SHA-256 names; empty when it names none."""
    parents = _object(text.get(KEY, "")).get("parents", [])
    return tuple(one for one in parents if isinstance(one, str)) if isinstance(parents, list) else ()


def read_parameters(text: str, *, lora: FindLora = _no_lora) -> tuple[Recipe | None, str]:
    """Read A1111's text: the recipe if every part of it has a meaning here, and the prompt. `lora` as in `read_recipe`."""
    prompt, negative, settings = _split(text)
    prompt, loras = _worn(prompt, lora)
    try:
        size = _SIZE.fullmatch(settings.get("Size", ""))
        if size is None:
            return None, prompt
        recipe = Recipe(
            prompt=prompt,
            negative=negative,
            pack=re.sub(r"[^a-z0-9._-]+", "-", settings["Model"].lower()).strip("-"),
            width=int(size[1]),
            height=int(size[2]),
            steps=int(settings["Steps"]),
            guidance=float(settings["CFG scale"]),
            sampler=_sampler(settings),
            seed=int(settings["Seed"]),
            loras=loras,
        )
    except (KeyError, ValueError, BadInput):
        return None, prompt
    return recipe, prompt


def _split(text: str) -> tuple[str, str, dict[str, str]]:
    """The prompt, the negative prompt and the settings of A1111's text.

    The settings are the last line, if it looks like them. A prompt may itself hold such a line, or the words "Negative
    prompt:"; then the format is ambiguous, which is why we write our own JSON as well.
    """
    body, _, last = text.rstrip("\n").rpartition("\n")
    pairs = {name: _unquoted(value) for name, value in _PAIR.findall(last)}
    if "Steps" not in pairs:
        body, pairs = text, {}
    prompt, found, negative = ("\n" + body).rpartition("\n" + _NEGATIVE)
    if not found:
        prompt, negative = negative, ""
    return prompt.removeprefix("\n")[:PROMPT_LIMIT], negative[:PROMPT_LIMIT], pairs


def _worn(prompt: str, find: FindLora) -> tuple[str, tuple[Lora, ...]]:
    """The prompt without the tags of LoRAs that are known here, and those LoRAs, the last weight of each."""
    found: dict[Tag, Lora] = {}
    for tag in tags(prompt):
        name = find(tag.name)
        try:
            if name is not None:
                found[tag] = Lora(name, tag.number)
        except BadInput:  # a weight that is none, or beyond what is painted here
            continue
    return without(prompt, found.__contains__), tuple({lora.name: lora for lora in found.values()}.values())


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()


def _sampler(settings: dict[str, str]) -> str:
    """Our name for a sampler; newer tools tell the schedule apart from it. Raises KeyError for one that we lack."""
    name, schedule = settings["Sampler"].lower(), settings.get("Schedule type", "").lower()
    if schedule not in ("", "automatic", "normal", "uniform"):
        name = f"{name} {schedule}"
    return _SAMPLER_NAMES[name]


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _prompt_of(body: dict[str, Any]) -> str:
    """The prompt in the JSON of SwarmUI, Fooocus, InvokeAI or ComfyUI; "" when it is nowhere."""
    for part in (body, body.get("sui_image_params")):
        if isinstance(part, dict):
            for key in ("prompt", "positive_prompt"):
                if isinstance(part.get(key), str):
                    return str(part[key])[:PROMPT_LIMIT]
    for node in body.values():  # ComfyUI: the first text that a CLIPTextEncode node holds
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if isinstance(inputs, dict) and isinstance(inputs.get("text"), str):
            return str(inputs["text"])[:PROMPT_LIMIT]
    return ""
