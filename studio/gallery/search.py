"""A search by meaning and by words: weighted vectors into one, two rankings into one. It loads no model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from studio.domain.artwork import Why
from studio.domain.errors import BadInput, NotNumbers
from studio.domain.query import Query
from studio.gallery.finding import fusion, words
from studio.gallery.finding.language import MINUS, parse  # noqa: F401  (the language of the box has a room of its own)
from studio.gallery.finding.near import Rankings
from studio.gallery.rows import where
from studio.gallery.space.embeddings import Matrix, load, unit

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery
    from studio.gallery.space.blocks import Numbers
    from studio.gallery.vectors import Vectors


WIDE = 3  # times as many places of full text are looked at before the filters are asked
# So many that hold every word, and those that hold some are not looked for: a place beyond it adds less than a sixth of the
# first to a sum of reciprocal ranks, and BM25 takes as long as there are texts with one of the words
ENOUGH = 300


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
    vector: Matrix | None,
    *,
    vectors: Vectors,
    gallery: Gallery,
    allowed: Collection[int] | Numbers,
    wished: Sequence[str] = (),
    without: Sequence[str] = (),
    said: tuple[Vectors, Matrix] | None = None,
    others: Rankings | None = None,
) -> list[tuple[int, Why]]:
    """The artworks of one page, best first, each with why it was found.

    `vector`, shape (d,), ranks by what pictures show, `said` by what captions mean; `wished` words rank by full text those that
    hold one of them and none of `without`; `others` are rankings that need no model. All count alike. `allowed` are the
    artworks that the query's filters let through.
    """
    until = query.offset + query.limit
    asked = words.expression(wished, without)
    others = others or Rankings()
    told = _told(gallery, wished, without, query, allowed=allowed, limit=fusion.depth(until)) if asked else []
    alone = vector is not None and not (told or said or others.lists)
    deep = until if alone else fusion.depth(until)
    meant = [] if vector is None else vectors.search(vector, limit=deep, allowed=allowed)
    spoken = [] if said is None else said[0].search(said[1], limit=deep, allowed=allowed)
    lists = [[id for id, _ in meant], [id for id, _ in spoken], told, *others.lists]
    ranked = lists[0] if alone else [id for id, _ in fusion.fuse([one for one in lists if one])]
    page = ranked[query.offset : until]
    scores = _cosines(gallery, vectors, vector, meant, page) if vector is not None else dict(spoken)
    why = words.explain(gallery.database, asked or others.asked, page) if asked or others.asked else {}
    return [(id, others.why(id, why.get(id), meaning=scores.get(id))) for id in page]


def _told(
    gallery: Gallery, wished: Sequence[str], without: Sequence[str], query: Query, *, allowed: Collection[int] | Numbers,
    limit: int,
) -> list[int]:  # fmt: skip
    """The ranking by full text of what the filters let through.

    Those that hold every word, where they are many; else all that hold one of them.
    """
    every, some = (words.expression(wished, without, every=each) for each in (True, False))
    found = _ranked(gallery, every, query, allowed=allowed, limit=limit) if every != some else []
    return found if len(found) >= min(ENOUGH, limit) else _ranked(gallery, some, query, allowed=allowed, limit=limit)


def _ranked(gallery: Gallery, asked: str, query: Query, *, allowed: Collection[int] | Numbers, limit: int) -> list[int]:
    """The best of what the filters let through, by full text.

    The best of all texts are looked at first, and kept while nothing changes: mostly enough of them are allowed, and full text
    need not be asked about every artwork there is, which in a large gallery takes longer than the ranking.
    """

    def best() -> list[int]:
        return words.rank(gallery.database, asked, clause="", values=(), limit=WIDE * limit)

    wide = gallery.kept.get(("best of full text", asked, limit), best)
    may = allowed if isinstance(allowed, np.ndarray) else np.fromiter(allowed, dtype=np.int64, count=len(allowed))
    found = np.array(wide, dtype=np.int64)
    kept: list[int] = found[np.isin(found, may)].tolist()
    if len(kept) >= limit or len(wide) < WIDE * limit:
        return kept[:limit]
    clause, values = where(query)
    return words.rank(gallery.database, asked, clause=clause, values=values, limit=limit)


def _cosines(
    gallery: Gallery, vectors: Vectors, vector: Matrix, meant: Sequence[tuple[int, float]], page: Sequence[int]
) -> dict[int, float]:
    """The cosine of each picture of a page, also of those that another ranking brought there."""
    scores = dict(meant)
    lacking = [id for id in page if id not in scores]
    far = load(gallery.database, vectors.model, lacking) if lacking else {}
    return scores | {id: float(np.dot(unit(found), vector)) for id, found in far.items() if found.shape == vector.shape}
