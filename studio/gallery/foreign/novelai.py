"""NovelAI's metadata: JSON in `Comment`, with `Software` and `Source` beside it; the same hidden in the alpha channel."""

from __future__ import annotations

import re
import zlib
from typing import Any

from PIL import Image

from studio.gallery.foreign.samplers import by_name
from studio.gallery.foreign.told import FindLora, Foreign, no_lora, with_recipe
from studio.gallery.foreign.values import as_object, as_part, name, number, pixels, whole, words

STEALTH_KEY = "stealth_pnginfo"
_SIGNATURES = {b"stealth_pngcomp": True, b"stealth_pnginfo": False}  # -> whether what follows is compressed
_STEALTH_LIMIT = 2**20  # bytes; a comment has a few thousand


def read(text: dict[str, str], *, lora: FindLora = no_lora) -> Foreign | None:
    """What NovelAI says; None where it says nothing."""
    for around in (text, as_object(text.get("UserComment")), as_object(text.get(STEALTH_KEY))):
        body = as_object(around.get("Comment"))
        known = "NovelAI" in (around.get("Software"), around.get("exif:Software")) or "uc" in body
        if body and known and ("prompt" in body or "v4_prompt" in body):
            return _told(body, around, lora)
    return None


def _told(body: dict[str, Any], around: dict[str, Any], lora: FindLora) -> Foreign:
    told = Foreign(
        tool="novelai",
        prompt=_caption(body.get("v4_prompt")) or words(body.get("prompt")),
        negative=_caption(body.get("v4_negative_prompt")) or words(body.get("uc")),
        seed=whole(body.get("seed")),
        model=re.sub(r" [0-9A-F]{8}$", "", name(around.get("Source"))),  # after the name stands a hash
        sampler=by_name(body.get("sampler", ""), body.get("noise_schedule", "")),
        steps=whole(body.get("steps"), 1, 10_000),
        guidance=number(body.get("scale")),
        size=pixels(body.get("width"), body.get("height")),
    )
    asked = words(body.get("request_type"), 60)
    beyond = asked not in ("", "PromptGenerateRequest") or body.get("reference_strength_multiple") or body.get("sm")
    # Its weights are {braces} and 1.2::words::, which mean something else here
    return told if beyond or re.search(r"[{}\[\]]|::", told.prompt + told.negative) else with_recipe(told, lora=lora)


def _caption(value: object) -> str:
    """The prompt of version 4: one for the whole, and one for each figure in it."""
    caption = as_part(as_part(value).get("caption"))
    figures = caption.get("char_captions")
    parts = [words(caption.get("base_caption"))]
    parts += [words(as_part(one).get("char_caption")) for one in (figures[:50] if isinstance(figures, list) else [])]
    return words("\n".join(part for part in parts if part))


def stealth(picture: Image.Image) -> str:
    """The text in the lowest bits of the alpha channel, column by column; "" where there is none.

    15 bytes say what it is, 4 how many bits follow. The scheme of the stealth_pnginfo extension, which NovelAI took over.
    """
    if picture.mode != "RGBA":
        return ""
    width, height = picture.size
    alpha = picture.getchannel("A")
    head = _bits(alpha, min(width, -(-19 * 8 // height)))[:19]
    compressed = _SIGNATURES.get(head[:15])
    if compressed is None or len(head) < 19:
        return ""
    length = int.from_bytes(head[15:19], "big") // 8
    if not 0 < length <= min(_STEALTH_LIMIT, width * height // 8 - 19):
        return ""
    body = _bits(alpha, min(width, -(-(19 + length) * 8 // height)))[19 : 19 + length]
    try:
        if compressed:  # gzip; never more of it than fits
            body = zlib.decompressobj(wbits=31).decompress(body, _STEALTH_LIMIT)
        return body.decode("utf-8")
    except (zlib.error, UnicodeDecodeError):
        return ""


def _bits(alpha: Image.Image, columns: int) -> bytes:
    """The lowest bits of the first columns, eight to a byte, the first bit the highest."""
    import numpy as np  # here: the front imports this module and should stay quick

    values = np.asarray(alpha.crop((0, 0, columns, alpha.height)))
    return np.packbits(values.T.reshape(-1) & 1).tobytes()
