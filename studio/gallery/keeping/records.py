"""With what an artwork was painted, as its own file tells; it decodes no pixel and believes nothing that it cannot read."""

from __future__ import annotations

import json
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput
from studio.domain.recipe import PROMPT_LIMIT
from studio.domain.record import Record, read_record
from studio.domain.style import NAME_LIMIT
from studio.gallery.metadata import KEY

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery


def record_at(path: Path) -> Record | None:
    """The record in a picture's file; None where there is none, or no file. Files are named by their content, so it is kept."""
    return read_record(_read(path)) if path.exists() else None


def record_in(gallery: Gallery, artwork: Artwork) -> Record | None:
    """As `record_at`, of an artwork; of one in a watched folder only from the very bytes that were checked."""
    if artwork.place is None:
        return record_at(gallery.path(artwork))
    return read_record(_record_in(gallery, artwork))


def typed_in(gallery: Gallery, artwork: Artwork) -> tuple[str, tuple[str, ...]] | None:
    """As `typed_at`, of an artwork; of one in a watched folder only from the very bytes that were checked."""
    return typed_at(gallery.path(artwork)) if artwork.place is None else _typed(_record_in(gallery, artwork))


def typed_at(path: Path) -> tuple[str, tuple[str, ...]] | None:
    """The prompt as it was typed and the styles that were put on it, where that is not what was painted; else None."""
    return _typed(_read(path) if path.exists() else None)


def _typed(record: Any) -> tuple[str, tuple[str, ...]] | None:
    typed = record.get("typed") if isinstance(record, dict) else None
    if not isinstance(typed, dict) or not isinstance(typed.get("prompt"), str):
        return None
    styles = typed.get("styles")
    named = [one[:NAME_LIMIT] for one in styles[:99] if isinstance(one, str)] if isinstance(styles, list) else []
    return typed["prompt"][:PROMPT_LIMIT], tuple(named)


def _record_in(gallery: Gallery, artwork: Artwork) -> Any:
    if artwork.made_with != "easel" or not artwork.file.endswith(".png"):
        return None
    try:
        return _told(BytesIO(gallery.data(artwork)))
    except BadInput:
        return None


@lru_cache(maxsize=256)
def _read(path: Path) -> Any:
    return _told(path)


def _told(file: Path | BytesIO) -> Any:
    """What the file says of its making, as it stands there: a stranger may have written it."""
    try:
        with Image.open(file, formats=["PNG"]) as picture:  # what painted it never travels in another format
            text = picture.info.get(KEY, "")
        body = json.loads(text) if isinstance(text, str) and text else None
    except (OSError, ValueError, SyntaxError, RecursionError, Image.DecompressionBombError):
        return None
    return body.get("record") if isinstance(body, dict) else None
