"""SwarmUI's metadata: JSON with `sui_image_params`, in `parameters` of a PNG or the comment of a JPEG or WebP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from studio.gallery.foreign.samplers import by_name
from studio.gallery.foreign.told import FindLora, Foreign, Worn, no_lora, with_recipe, worn
from studio.gallery.foreign.values import as_object, as_part, model_name, number, pixels, whole, words

_BEYOND = ("initimage", "maskimage", "controlnetmodel", "refinermodel", "refinerupscale", "refinermethod", "variationseed",
           "videomodel", "promptimages", "ipadaptermodel", "usereferenceonly")  # fmt: skip


def read(text: dict[str, str], *, lora: FindLora = no_lora) -> Foreign | None:
    """What SwarmUI says; None where it says nothing."""
    for key in ("parameters", "UserComment"):
        body = as_object(text.get(key))
        if isinstance(body.get("sui_image_params"), dict):
            return _told(body["sui_image_params"], as_part(body.get("sui_extra_data")), lora)
    return None


def _told(asked: dict[str, Any], extra: dict[str, Any], lora: FindLora) -> Foreign:
    told = Foreign(
        tool="swarm",
        prompt=words(asked.get("prompt")),
        negative=words(asked.get("negativeprompt")),
        seed=whole(asked.get("seed")),
        model=model_name(asked.get("model")),
        sampler=by_name(asked.get("sampler", ""), asked.get("scheduler", "")),
        steps=whole(asked.get("steps"), 1, 10_000),
        guidance=number(asked.get("cfgscale")),
        size=pixels(asked.get("width"), asked.get("height")),
        loras=_loras(asked),
        taken_at=_date(extra.get("date")),
    )
    # In its prompts <...> is a command (segment, region, another LoRA), which would be words to us
    if any(key in asked for key in _BEYOND) or "<" in told.prompt + told.negative:
        return told
    return with_recipe(told, lora=lora, clip_skip=_skip(asked.get("clipstopatlayer")))


def _loras(asked: dict[str, Any]) -> tuple[Worn, ...]:
    names, weights = (_listed(asked.get(key)) for key in ("loras", "loraweights"))
    return worn(zip(names[:100], [*weights, *[1.0] * 100], strict=False))


def _listed(value: object) -> list[Any]:
    """A list; older versions wrote one as text with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")] if value.strip() else []
    return value if isinstance(value, list) else []


def _skip(value: object) -> int:
    return -(whole(value, -12, -1) or -1)


def _date(value: object) -> float | None:
    try:
        found = datetime.fromisoformat(words(value, 40))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
