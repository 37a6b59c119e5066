"""What a camera wrote: when, with which camera and lens; where is never read here."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from studio.gallery.foreign import xmp
from studio.gallery.foreign.told import Foreign
from studio.gallery.foreign.values import name, whole, words
from studio.safety.contents import EXIF_KEY, XMP_KEY

_DATE = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?\s*(Z|[+-]\d\d:\d\d)?")
_EARLIEST, _LATEST = datetime(1839, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def read(text: dict[str, str], told: Foreign) -> Foreign:
    """`told`, with what EXIF says where nothing was told yet; a picture that nothing else explains is the camera's."""
    field = {key.removeprefix(EXIF_KEY): value for key, value in text.items() if key.startswith(EXIF_KEY)}
    camera = _camera(field)
    title = name(field.get("XPTitle"))
    described = words(field.get("ImageDescription")).strip()
    return replace(
        told,
        tool=told.tool or ("camera" if camera else ""),
        camera=told.camera or camera,
        lens=told.lens or name(field.get("LensModel")),
        taken_at=told.taken_at if told.taken_at is not None else _taken(text, field),
        title=told.title or title,
        description=told.description or _remark(described) or _remark(words(text.get("UserComment")).strip(), told),
        tags=told.tags
        or tuple(tag for one in words(field.get("XPKeywords")).split(";")[:100] if (tag := name(one)[:100])),
        rating=told.rating or whole(field.get("Rating"), -1, 5) or 0,
    )


def _camera(field: dict[str, str]) -> str:
    """Maker and model, the maker once. ComfyUI keeps its graph in these fields; that is no camera."""
    maker, model = field.get("Make", ""), field.get("Model", "")
    if _is_graph(maker) or _is_graph(model):
        return ""
    maker, model = name(maker), name(model)
    return model if not maker or model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()


def _remark(said: str, told: Foreign | None = None) -> str:
    """A remark of the photographer: no JSON, no graph, and not what a tool's reader has understood."""
    understood = told is not None and told.tool != ""
    return "" if understood or _is_graph(said) or said.startswith(("{", "[")) else said


def _is_graph(value: str) -> bool:
    return bool(re.match(r"\s*\w{1,40}\s*:\s*\{", value))


def _taken(text: dict[str, str], field: dict[str, str]) -> float | None:
    zone = field.get("OffsetTimeOriginal") or field.get("OffsetTime") or ""
    for value in (field.get("DateTimeOriginal", ""), field.get("DateTimeDigitized", "")):
        found = seconds(value, zone)
        if found is not None:
            return found
    packet = text.get(XMP_KEY, "")
    return seconds(xmp.date(packet)) if packet else None


def seconds(value: str, zone: str = "") -> float | None:
    """Unix seconds of a date as EXIF or XMP writes it; without a zone it is taken for this machine's own."""
    found = _DATE.match(value)
    if not found:
        return None
    zone = found[7] or zone
    try:
        moment = datetime(*(int(found[index]) for index in range(1, 7)))  # type: ignore[arg-type]
        if zone:
            offset = zone.strip() if zone != "Z" else "+00:00"
            moment = datetime.fromisoformat(f"{moment.isoformat()}{offset}")
        result = moment.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return result if _EARLIEST <= result <= _LATEST else None
