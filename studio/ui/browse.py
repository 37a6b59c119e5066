"""What the Gallery page asks for: a view (words, example, filters, place) to a Query and to an address. It draws nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.artwork import Query
from studio.gallery.finding.language import TEXT_LIMIT
from studio.gallery.finding.language import read as read_words

PAGE = 60  # thumbnails
SHELVES = ("All", "Favourites", "Maps", "Bin")
LOOKS = ("pictures", "map", "timeline", "duplicates")
FOUND = 1_000  # pictures that a search by meaning ranks; beyond them nothing is alike


@dataclass(frozen=True)
class View:
    """What the person looks at, and how: `look` is one of LOOKS.

    `words` as typed; `examples` are (spool name, weight) of dropped pictures; `place` the first tile.
    """

    words: str = ""
    examples: tuple[tuple[str, float], ...] = ()
    shelf: str = "All"
    tag: str = ""
    place: int = 0
    look: str = "pictures"

    @property
    def plain(self) -> bool:
        """Whether nothing was asked: everything, newest first."""
        return self == View(place=self.place, look=self.look)


def read(address: Mapping[str, str]) -> View:
    """The view that an address names; what cannot be read is left out."""
    shelf = address.get("shelf", "All")
    place = address.get("from", "")
    return View(
        words=address.get("q", "")[:TEXT_LIMIT],
        shelf=shelf if shelf in SHELVES else "All",
        tag=address.get("tag", "")[:80],
        place=int(place) if place.isascii() and place.isdecimal() and len(place) < 9 else 0,
        look=look if (look := address.get("look", "")) in LOOKS else LOOKS[0],
    )


def address(view: View) -> dict[str, str]:
    """The query string that brings a view back after a refresh or in another tab; dropped pictures are not part of it."""
    whole = {
        "q": view.words,
        "shelf": "" if view.shelf == "All" else view.shelf,
        "tag": view.tag,
        "from": str(view.place or ""),
        "look": "" if view.look == LOOKS[0] else view.look,
    }
    return {name: value for name, value in whole.items() if value}


def changed(view: View, **changes: Any) -> View:
    """Another wish, which begins at its first page."""
    return dataclasses.replace(view, place=0, **changes)


def query(view: View) -> Query:
    """The Query of a view; raises BadInput. The bin is only looked through, never searched."""
    return asked(view)[0]


def asked(view: View) -> tuple[Query, tuple[str, ...]]:
    """The Query of a view as `query` gives it, and a sentence for whatever was taken otherwise than it may have been meant."""
    filters = Query(
        tag=view.tag,
        favourites=view.shelf == "Favourites",
        kind="map" if view.shelf == "Maps" else "",
        binned=view.shelf == "Bin",
        limit=PAGE,
        offset=view.place,
    )
    if filters.binned:
        return filters, ()
    reading = read_words(view.words)
    said = reading.query
    like = said.like + tuple((f"sha:{spool}", weight) for spool, weight in view.examples)
    return dataclasses.replace(
        filters, words=said.words, like=like, exact=said.exact, filters=said.filters, by=said.by
    ), reading.notes


def neighbours(ids: Sequence[int], id: int) -> tuple[int | None, int | None]:
    """The pictures before and after one, in the order last shown."""
    if id not in ids:
        return None, None
    at = list(ids).index(id)
    return (ids[at - 1] if at else None), (ids[at + 1] if at + 1 < len(ids) else None)


def tag_changes(before: Sequence[str], after: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which tags to put on and which to take off."""
    return [tag for tag in after if tag not in before], [tag for tag in before if tag not in after]
