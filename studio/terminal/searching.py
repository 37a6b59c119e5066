"""What `tag --query` and `export --query` find: what a search lets through, or the best that it ranks. It changes nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.domain.errors import BadInput
from studio.terminal.answers import say

if TYPE_CHECKING:
    from studio.app import Studio

MOST = 1_000  # pictures that a ranking has
_ONWARDS = (
    "To go on from there, put these into a collection (tag --collect NAME) and search again with -collection:NAME;"
    " export --query collection:NAME has no limit."
)
HELP = "of what --query finds only the first; words and pictures rank all and need it"


@dataclass(frozen=True)
class Found:
    """Numbers of artworks, best first, and how many more the search goes through; a sentence says how to get at those."""

    ids: list[int]
    left: int = 0
    sentence: str = ""


def found(studio: Studio, text: str, *, limit: int | None) -> Found:
    """What a search finds: best first, a collection in its own order, anything else newest first. What is left is said.

    Words and pictures rank every artwork and leave none out, so they need a limit of at most 1,000. Raises BadInput.
    """
    answer = _found(studio, text, limit=limit)
    if answer.sentence:
        say(answer.sentence)
    return answer


def _found(studio: Studio, text: str, *, limit: int | None) -> Found:
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
            raise BadInput("limit", f"Words rank the best 1,000 pictures; the limit must be at most 1,000. {_ONWARDS}")
    if query.by_meaning:
        hits = studio.search(dataclasses.replace(query, limit=limit or MOST), told=say)
        return _ranked([hit.artwork.id for hit in hits], studio.gallery.count(query))
    if query.ranked and limit is not None and limit <= MOST:
        whole = near.ids(studio.gallery, query)
        return _ranked(whole[:limit], len(whole))
    arranged = collections.arranged(studio.database, query)
    answer = leafing.Answer(query, found=None if arranged is None else tuple(arranged))
    whole = leafing.ids(studio.gallery, answer)
    left = 0 if limit is None else max(0, len(whole) - limit)
    said = f"{left:,} more are found; without --limit all of them." if left else ""
    return Found(whole[:limit], left, said)


def _ranked(ids: list[int], through: int) -> Found:
    """The best of a ranking of so many pictures."""
    left = max(0, through - len(ids))
    if not ids or not left:
        return Found(ids)
    more = "" if len(ids) >= MOST else f"--limit has more, up to {MOST:,}. "
    return Found(ids, left, f"The best {len(ids):,}; {left:,} more rank below them. {more}{_ONWARDS}")
