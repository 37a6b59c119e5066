"""Several rankings into one, by reciprocal rank. It knows no scores, so rankings of different kinds need no common scale."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

K = 60  # Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet ...", SIGIR 2009
DEPTH = 1_000  # places of each ranking that count; beyond them a place is worth less than a sixteenth of the first


def fuse(
    rankings: Sequence[Sequence[int]], *, weights: Sequence[float] | None = None, k: int = K
) -> list[tuple[int, float]]:
    """Artworks of all rankings, best first, with the sum of weight / (k + place), places from 1.

    Ties: who stands first in an earlier ranking. Nobody counts twice in one ranking.
    """
    scores: dict[int, float] = {}
    for index, ranking in enumerate(rankings):
        weight = 1.0 if weights is None else weights[index]
        for place, id in enumerate(dict.fromkeys(ranking), start=1):
            scores[id] = scores.get(id, 0.0) + weight / (k + place)
    # A stable sort of what came in this order: ties stand by their place in the first ranking that has them
    return sorted(scores.items(), key=itemgetter(1), reverse=True)


def depth(until: int) -> int:
    """How many places of each ranking to ask for when places up to `until` are shown.

    Always the same for the pages that anybody turns to, or a picture could stand on two of them.
    """
    wanted = DEPTH
    while wanted < until:
        wanted *= 2
    return wanted
