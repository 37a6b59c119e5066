"""Between the table of artworks and the noun: filters to SQL, a row to an Artwork. It runs no statement itself."""

from __future__ import annotations

import json
from datetime import date
from functools import lru_cache
from typing import Any

from studio.domain.artwork import SHOWN, Artwork
from studio.domain.control import ControlMap
from studio.domain.errors import BadInput
from studio.domain.query import KINDS, Query
from studio.domain.recipe import Recipe
from studio.domain.verdict import Verdict
from studio.gallery.finding import filters, words

TAG_LIMIT = 64  # characters
CAPTION_LIMIT = 2_000
IN_BIN = (*SHOWN, "proposal")  # the bin also shows what was discarded, so that it can be taken out again


def where(query: Query, *, today: date | None = None) -> tuple[str, list[Any]]:
    """The WHERE clause of all that a query lets through, and its values; words and pictures only rank what it lets through."""
    states = {one.value for one in query.filters if one.name == "is" and one.wanted}
    binned = query.in_bin
    parts = [f"deleted_at IS {'NOT ' if binned else ''}NULL"]
    values: list[Any] = []
    if query.favourites:
        parts.append("favourite = 1")
    asked = tuple(kind for kind in KINDS if kind in states)
    kinds = (query.kind,) if query.kind else asked or (IN_BIN if binned else SHOWN)
    if set(kinds) == set(SHOWN):
        parts.append(f"kind IN {SHOWN}")  # in its text, so that an index of these alone may answer
    else:
        parts.append(f"kind IN ({', '.join('?' * len(kinds))})")
        values += kinds
    if query.tag:
        parts.append("id IN (SELECT artwork FROM tags WHERE tag = ?)")
        values.append(tag_name(query.tag))
    for part, bound in (*filters.conditions(query.filters, today=today), *words.holding(query.exact)):
        parts.append(part)
        values += bound
    return "WHERE " + " AND ".join(parts), values


def to_artwork(row: Any, tags: tuple[str, ...]) -> Artwork:
    """A row of the table as the noun."""
    try:
        map = ControlMap.from_dict(json.loads(row["map"])) if row["map"] else None
    except BadInput:
        map = None
    return Artwork(
        id=row["id"],
        sha256=row["sha256"],
        file=row["file"],
        kind=row["kind"],
        width=row["width"],
        height=row["height"],
        bytes=row["bytes"],
        created_at=row["created_at"],
        recipe=_recipe(row["recipe"]) if row["recipe"] else None,
        prompt=row["prompt"],
        caption=row["caption"],
        caption_by=row["caption_by"],
        verdict=Verdict.from_dict(json.loads(row["verdict"])),
        tags=tags,
        favourite=bool(row["favourite"]),
        parents=tuple(json.loads(row["parents"])),
        source_name=row["source_name"],
        note=row["note"],
        deleted_at=row["deleted_at"],
        job=row["job"],
        map=map,
        rating=row["rating"],
        remark=row["remark"],
        taken_at=row["taken_at"],
        made_with=row["made_with"],
        model=row["model"],
        sampler=row["sampler"],
        seed=row["seed"],
        negative=row["negative"],
        camera=row["camera"],
        metadata=row["metadata"],
        place=row["place"],
        gone_at=row["gone_at"],
    )


@lru_cache(maxsize=512)  # a page reads the same sixty at each rerun, and each field of a recipe is looked at
def _recipe(text: str) -> Recipe | None:
    try:
        return Recipe.from_json(text)
    except BadInput:  # written by another version: the prompt still stands in its own column
        return None


def tag_name(tag: str) -> str:
    """A tag as it is kept: trimmed, single spaces, small letters; raises BadInput when nothing is left or it is too long."""
    name = " ".join(storable(tag).split()).lower()
    if not name:
        raise BadInput("tag", "The tag is empty; type a word.")
    if len(name) > TAG_LIMIT:
        raise BadInput("tag", f"The tag has {len(name)} characters; {TAG_LIMIT} is the most it can have.")
    return name


def storable(text: str) -> str:
    """Lone surrogates have no UTF-8, so neither SQLite nor a page can hold them."""
    return text.encode("utf-8", "replace").decode()
