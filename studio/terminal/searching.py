"""What `tag --query` and `export --query` find: what a search lets through, or the best that it ranks. It changes nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from studio.domain.errors import BadInput
from studio.terminal.answers import say

if TYPE_CHECKING:
    from studio.app import Studio

MOST = 1_000  # pictures that a ranking has
HELP = "of what --query finds only the first; words and pictures rank all and need it"


def found(studio: Studio, text: str, *, limit: int | None) -> list[int]:
    """The numbers of what a search finds: best first, a collection in its own order, anything else newest first.

    Words and pictures rank every artwork and leave none out, so they need a limit of at most 1,000. Raises BadInput.
    """
    from studio.gallery.finding import leafing, near
    from studio.gallery.finding.language import read
    from studio.gallery.keeping import collections

    if limit is not None and limit < 1:
        raise BadInput("limit", "The limit must be at least 1.")
    asked = read(text)
    for note in asked.notes:
        say(note)
    query = collections.unfolded(studio.database, asked.query)
    if query.words or query.like:
        if limit is None:
            raise BadInput(
                "limit", "Words rank every picture and leave none out; say how many of the best with --limit."
            )
        if limit > MOST:
            raise BadInput("limit", "Words rank the best 1,000 pictures; the limit must be at most 1,000.")
    if query.by_meaning:
        hits = studio.search(dataclasses.replace(query, limit=limit or MOST), told=say)
        return [hit.artwork.id for hit in hits]
    if query.ranked and limit is not None and limit <= MOST:
        return near.ids(studio.gallery, query)[:limit]
    arranged = collections.arranged(studio.database, query)
    answer = leafing.Answer(query, found=None if arranged is None else tuple(arranged))
    return leafing.ids(studio.gallery, answer)[:limit]
