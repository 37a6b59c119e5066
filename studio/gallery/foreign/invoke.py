"""InvokeAI's metadata: `invokeai_metadata` of version 3 and later, `sd-metadata` and `Dream` of those before."""

from __future__ import annotations

import re
import shlex
from typing import Any

from studio.gallery.foreign.samplers import by_invoke
from studio.gallery.foreign.told import FindLora, Foreign, Worn, no_lora, with_recipe
from studio.gallery.foreign.values import as_object, as_part, model_name, number, pixels, whole, words

_BEYOND = (
    "init_image",
    "controlnets",
    "ipAdapters",
    "t2iAdapters",
    "refiner_model",
    "hrf_enabled",
    "canvas_v2_metadata",
    "control_layers",
)
_OPTIONS = {"-s": "steps", "-S": "seed", "-W": "width", "-H": "height", "-C": "cfg_scale", "-A": "sampler"}
_AWAY = re.compile(r"\[([^\[\]]{0,2000})\]")  # in the old syntax [words] are what to leave away


def read(text: dict[str, str], *, lora: FindLora = no_lora) -> Foreign | None:
    """What InvokeAI says; None where it says nothing."""
    body = as_object(text.get("invokeai_metadata"))
    if body:
        return _told(body, lora)
    body = as_object(text.get("sd-metadata"))
    asked = body.get("image")
    if isinstance(asked, list) and asked:
        asked = asked[0]
    if isinstance(asked, dict):
        return _old({"model": body.get("model_weights") or body.get("model"), **asked}, lora)
    if text.get("Dream", "").strip():
        return _old(_dream(text["Dream"]), lora)
    return None


def _told(body: dict[str, Any], lora: FindLora) -> Foreign:
    told = Foreign(
        tool="invoke",
        prompt=words(body.get("positive_prompt")),
        negative=words(body.get("negative_prompt")),
        seed=whole(body.get("seed")),
        model=_model(body.get("model")),
        sampler=by_invoke(body.get("scheduler", "")),
        steps=whole(body.get("steps"), 1, 10_000),
        guidance=number(body.get("cfg_scale")),
        size=pixels(body.get("width"), body.get("height")),
        loras=_loras(body.get("loras")),
    )
    mode = words(body.get("generation_mode"), 40)
    from_words = not mode or mode.endswith("txt2img")
    if not from_words or any(body.get(key) for key in _BEYOND):
        return told
    return with_recipe(told, lora=lora, clip_skip=1 + (whole(body.get("clip_skip"), 0, 11) or 0))


def _old(asked: dict[str, Any], lora: FindLora) -> Foreign:
    said = asked.get("prompt")
    parts = said if isinstance(said, list) else [said]
    whole_prompt = " ".join(
        words(as_part(part).get("prompt") if isinstance(part, dict) else part) for part in parts[:50]
    )
    told = Foreign(
        tool="invoke",
        prompt=" ".join(_AWAY.sub(" ", whole_prompt).split()),
        negative=", ".join(found.strip() for found in _AWAY.findall(whole_prompt)),
        seed=whole(asked.get("seed")),
        model=_model(asked.get("model")),
        sampler=by_invoke(words(asked.get("sampler")).removeprefix("k_")),
        steps=whole(asked.get("steps"), 1, 10_000),
        guidance=number(asked.get("cfg_scale")),
        size=pixels(asked.get("width"), asked.get("height")),
    )
    made_of_words = words(asked.get("type")) in ("", "txt2img") and not asked.get("variations")
    return with_recipe(told, lora=lora) if made_of_words and told.model else told


def _dream(line: str) -> dict[str, Any]:
    """The old command line: "a prompt" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms."""
    try:
        parts = shlex.split(line[:20_000])
    except ValueError:  # a quotation mark without its other
        parts = line[:20_000].replace('"', " ").split()
    start = next((index for index, part in enumerate(parts) if re.fullmatch(r"-[A-Za-z].*", part)), len(parts))
    asked: dict[str, Any] = {"prompt": " ".join(parts[:start])}
    for index in range(start, len(parts)):
        option = _OPTIONS.get(parts[index][:2])
        if option is not None:  # the value stands behind the letter or after a space
            asked[option] = parts[index][2:] or (parts[index + 1] if index + 1 < len(parts) else "")
        elif parts[index][:2] in ("-I", "-M"):
            asked["type"] = "img2img"
    return asked


def _model(value: object) -> str:
    """The model's name: an object with "name" (version 4), with "model_name" (version 3), or a text."""
    body = as_part(value)
    return model_name(body.get("name") or body.get("model_name") or value)


def _loras(value: object) -> tuple[Worn, ...]:
    found = []
    for one in value[:100] if isinstance(value, list) else []:
        body = as_part(one)
        named, weight = _model(body.get("model") or body.get("lora")), number(body.get("weight"))
        if named and weight is not None:
            found.append(Worn(named, weight))
    return tuple(found)
