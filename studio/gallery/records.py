"""With what an artwork was painted, as its own file tells; it decodes no pixel and believes nothing that it cannot read."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from PIL import Image

from studio.domain.record import Record, read_record
from studio.gallery.metadata import KEY


def record_at(path: Path) -> Record | None:
    """The record in a picture's file; None where there is none, or no file. Files are named by their content, so it is kept."""
    return _read(path) if path.exists() else None


@lru_cache(maxsize=256)
def _read(path: Path) -> Record | None:
    try:
        with Image.open(path, formats=["PNG"]) as picture:  # what painted it never travels in another format
            text = picture.info.get(KEY, "")
        body = json.loads(text) if isinstance(text, str) and text else None
    except (OSError, ValueError, SyntaxError, RecursionError, Image.DecompressionBombError):
        return None
    return read_record(body.get("record")) if isinstance(body, dict) else None
