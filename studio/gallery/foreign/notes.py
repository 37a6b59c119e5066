"""What somebody noted on a picture in a gallery like ours, as its file carries it; a stranger may have written it too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from studio.domain.artwork import Artwork
from studio.domain.query import RATING_RANGE
from studio.gallery.foreign.values import as_object

NOTES = "easel-notes"  # the text that holds them
_LIMIT = 2_000  # characters of a text, as of a caption
_TAGS = 100
_BY = re.compile(r"[\w .:+-]{1,64}")


@dataclass(frozen=True)
class Notes:
    """Tags, caption and who wrote it, rating (-1 to 5), favourite, remark, and the name that the file once came with."""

    caption: str = ""
    caption_by: str = ""
    tags: tuple[str, ...] = ()
    rating: int = 0
    favourite: bool = False
    remark: str = ""
    name: str = ""


def write_notes(artwork: Artwork) -> str:
    """The notes on an artwork, as `notes_of` reads them."""
    body = {
        "version": 1,
        "caption": artwork.caption,
        "caption_by": artwork.caption_by,
        "tags": list(artwork.tags),
        "rating": artwork.rating,
        "favourite": artwork.favourite,
        "remark": artwork.remark,
        "name": artwork.source_name,
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def notes_of(text: Mapping[str, str]) -> Notes | None:
    """The notes that a file's texts hold, or None; what has the wrong type or is out of range is as if nobody had noted it."""
    body = as_object(text.get(NOTES, ""))
    if body.get("version") != 1:
        return None
    said = {key: _words(body.get(key)) for key in ("caption", "caption_by", "remark", "name")}
    tags, rating = body.get("tags"), body.get("rating")
    return Notes(
        caption=said["caption"],
        caption_by=said["caption_by"] if _BY.fullmatch(said["caption_by"]) else "",
        tags=tuple(tag for tag in tags[:_TAGS] if isinstance(tag, str)) if isinstance(tags, list) else (),
        rating=rating if type(rating) is int and RATING_RANGE[0] <= rating <= RATING_RANGE[1] else 0,
        favourite=body.get("favourite") is True,
        remark=said["remark"],
        name=said["name"],
    )


def _words(value: object) -> str:
    return value.encode("utf-8", "replace").decode()[:_LIMIT] if isinstance(value, str) else ""
