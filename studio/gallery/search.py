"""The algebra of a search: words into a query, weighted vectors into one. It reads no disk and loads no model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from studio.domain.artwork import Query
from studio.domain.errors import BadInput, NotNumbers
from studio.gallery.embeddings import Matrix, unit

MINUS = -0.6  # weight of a word that should not be there: at -1 a short "without" outweighs a long wish
_PART = re.compile(r'(-?)"([^"]*)"|(-?)(\S+)')
_LIKE = re.compile(r"like:(?:id:)?(\d{1,18})", re.IGNORECASE)


def parse(text: str) -> Query:
    """Read what was typed into the search box.

    Plain words make one phrase; "quoted words" a phrase of their own; -word or -"some words" say what should not be there;
    like:12 means similar to artwork 12, -like:12 unlike it. Everything else is taken as words. Raises BadInput when too long.
    """
    plain: list[str] = []
    words: list[tuple[str, float]] = []
    like: list[tuple[str, float]] = []
    for dash, quoted, sign, word in _PART.findall(text):
        weight = MINUS if dash or sign else 1.0
        found = _LIKE.fullmatch(word)
        if found:
            like.append((f"id:{int(found[1])}", weight))
        elif quoted.strip():
            words.append((quoted.strip(), weight))
        elif word.strip('-"'):
            term = word.strip('"')
            if sign:
                words.append((term, weight))
            else:
                plain.append(term)
    if plain:
        words.insert(0, (" ".join(plain), 1.0))
    return Query(words=tuple(words), like=tuple(like))


def blend(parts: Sequence[tuple[object, float]]) -> Matrix:
    """One unit vector, shape (d,), from (vector, weight) pairs; each vector counts by its weight, not by its length.

    Raises BadInput when nothing is left: no parts, or parts that cancel each other.
    """
    if not parts:
        raise BadInput("words", "The search is empty; type a word or choose a picture.")
    try:
        return unit(sum(unit(vector) * weight for vector, weight in parts))
    except NotNumbers as error:
        raise BadInput("words", "The parts of this search cancel each other; take one away.") from error
