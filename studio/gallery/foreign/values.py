"""Values out of JSON and text that strangers wrote: each is of the kind and range asked for, or None; nothing here raises."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from studio.domain.recipe import PROMPT_LIMIT, SEED_LIMIT

NAME_LIMIT = 200  # characters of the name of a model, sampler or camera
_WEIGHTS = re.compile(r"\.(safetensors|sft|ckpt|pth|pt|bin|gguf)$", re.IGNORECASE)


def as_object(text: object) -> dict[str, Any]:
    """The JSON object that a text holds; empty for anything else, such as one nested too deep."""
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # ValueError also for a number of thousands of digits
        return {}
    return value if isinstance(value, dict) else {}


def as_part(value: object) -> dict[str, Any]:
    """A JSON object inside another, or empty."""
    return value if isinstance(value, dict) else {}


def words(value: object, limit: int = PROMPT_LIMIT) -> str:
    """A text, cut to `limit` characters, without halves of characters; "" for anything else."""
    return value[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def name(value: object) -> str:
    """A text of one line that can be shown as a name; "" for anything else."""
    line = "".join(sign if sign.isprintable() else " " for sign in words(value, NAME_LIMIT))
    return " ".join(line.split())


def model_name(value: object) -> str:
    """The name of a model's file without its folder and its ending."""
    last = name(value).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return _WEIGHTS.sub("", last)


def whole(value: object, low: int = 0, high: int = SEED_LIMIT - 1) -> int | None:
    """A whole number from `low` to `high`, also one that was written as text or with a point."""
    found = number(value) if not isinstance(value, int) else value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,20}\s*", value):
        found = int(value)  # by float a long seed would lose its last digits
    if isinstance(value, bool) or found is None or found != int(found):
        return None
    return int(found) if low <= found <= high else None


def number(value: object) -> float | None:
    """A finite number, also one that was written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value[:40] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def pixels(width: object, height: object) -> tuple[int, int] | None:
    """Width and height where both are sizes of a picture."""
    across, down = whole(width, 1, 10**6), whole(height, 1, 10**6)
    return (across, down) if across and down else None


def slug(text: str) -> str:
    """A name as the shelf writes it: small letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-")
