"""How many pictures saved searches find, for whoever lists them. It ranks nothing: what has to be ranked has no number here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import date
from functools import partial

from studio.domain.errors import BadInput
from studio.gallery.finding import language
from studio.gallery.gallery import Gallery
from studio.gallery.keeping import collections
from studio.gallery.keeping.collections import Collection
from studio.gallery.rows import where

SECONDS = (
    0.04  # of a page that may take 0.1 in all; what does not fit is as it was, and counted when the page runs again
)


def counted(gallery: Gallery, held: Sequence[Collection], *, seconds: float = SECONDS) -> dict[int, int]:
    """The numbers of the saved searches among collections, by the collection's.

    Words, pictures and colours leave none out and rank all, so a search with them has no number; neither has one that makes no
    sense any more, or for which there was no time yet.
    """
    today = date.today()  # "date:today" finds something else tomorrow, though nothing was changed
    saved = {one.id: ("saved", one.query, today) for one in held if one.query is not None}
    asked: dict[Hashable, Callable[[], int | None]] = {
        key: partial(_count, gallery, str(key[1])) for key in saved.values()
    }
    found = gallery.kept.numbers(asked, seconds=seconds)
    return {id: count for id, key in saved.items() if (count := found.get(key)) is not None}


def _count(gallery: Gallery, text: str) -> int | None:
    try:
        query = collections.unfolded(gallery.database, language.parse(text))
    except BadInput:  # it names a collection that is not there any more, or another version wrote it
        return None
    if query.ranked:
        return None
    clause, values = where(query)
    row = gallery.database.one(f"SELECT count(*) FROM artworks {clause}", *values)
    return int(row[0]) if row else 0
