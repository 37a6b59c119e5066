"""The algebra of a search: weighted vectors into one. It reads no disk and loads no model."""

from __future__ import annotations

from collections.abc import Sequence

from studio.domain.errors import BadInput, NotNumbers
from studio.gallery.embeddings import Matrix, unit
from studio.gallery.language import MINUS, parse  # noqa: F401  (the language of the box has its own room now)


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
