"""A search by meaning and by words: weighted vectors into one, two rankings into one. It loads no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from studio.domain.artwork import Why
from studio.domain.errors import BadInput, NotNumbers
from studio.domain.query import Query
from studio.gallery import fusion, words
from studio.gallery.embeddings import Matrix, load, unit
from studio.gallery.language import MINUS, parse  # noqa: F401  (the language of the box has a room of its own)
from studio.gallery.rows import where

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery
    from studio.gallery.vectors import Vectors


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


def search(
    query: Query,
    vector: Matrix,
    *,
    vectors: Vectors,
    gallery: Gallery,
    allowed: set[int],
    wished: Sequence[str] = (),
    without: Sequence[str] = (),
) -> list[tuple[int, Why]]:
    """The artworks of one page, best first, each with why it was found.

    `vector`, shape (d,), ranks by meaning; `wished` words rank by full text those that hold one of them and none of `without`.
    Both rankings count alike. `allowed` are the artworks that the query's filters let through.
    """
    until = query.offset + query.limit
    asked = words.expression(wished, without)
    clause, values = where(query)
    told = words.rank(gallery.database, asked, clause=clause, values=values, limit=fusion.depth(until))
    meant = vectors.search(vector, limit=fusion.depth(until) if told else until, allowed=allowed)
    ranked = [id for id, _ in (fusion.fuse([[id for id, _ in meant], told]) if told else meant)]
    page = ranked[query.offset : until]
    scores = dict(meant)
    far = load(gallery.database, vectors.model, [id for id in page if id not in scores])
    scores |= {id: float(np.dot(unit(found), vector)) for id, found in far.items() if found.shape == vector.shape}
    why = words.explain(gallery.database, asked, page) if told else {}
    found_by = {id: why.get(id, Why()) for id in page}
    return [(id, Why(scores.get(id), one.words, one.excerpt)) for id, one in found_by.items()]
