"""What a person may like, and what would surprise them: by vectors that are there already. It loads no model and rates nothing.

Recommendations weigh a mean of what was liked less what was disliked (Rocchio, "Relevance feedback in information retrieval",
1971) together with the nearest liked picture, so that somebody who likes boats and cats is not offered something between.
A surprise is a handful far from what was seen and from each other (greedy k-centre: Gonzalez, "Clustering to minimize the
maximum intercluster distance", 1985). Both look at a sample, so that a hundred thousand pictures take no longer than eight.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.domain.artwork import SHOWN
from studio.gallery.likeness.appearance import read
from studio.gallery.space import embeddings

if TYPE_CHECKING:
    from studio.database import Database
    from studio.gallery.gallery import Gallery
    from studio.gallery.space.embeddings import Matrix

SAMPLE = 8_000  # pictures that are looked at
LIKED, DISLIKED = 300, 200  # of a person's judgements, the newest
FAVOURITE, GOOD, POOR = (
    1.0,
    4,
    2,
)  # a favourite weighs as much as five stars; ratings from GOOD are liked, up to POOR not
NEARNESS = 0.6  # how much the nearest liked picture counts, beside the mean of all
AVOID = 0.7  # and how much the nearest disliked
BOLD = 0.05  # of the farthest pictures one is taken at random: the very farthest are often only broken
SIDE_BY_SIDE = 0.985  # two pictures more alike than this are not both recommended


@dataclass(frozen=True)
class Recommended:
    """A picture somebody may like: its number, how much (higher is more), and the liked one that speaks most for it."""

    id: int
    score: float
    because: int


def recommend(gallery: Gallery, *, count: int = 24, seed: int | None = None) -> list[Recommended]:
    """Pictures like those that were liked and unlike those that were not, best first; none that was judged already.

    Empty where nothing was liked yet. `seed` makes the sample of a large gallery repeatable.
    """
    good, weights = _judged(gallery.database, f"favourite = 1 OR rating >= {GOOD}", LIKED)
    if not good:
        return []
    bad, _ = _judged(gallery.database, f"favourite = 0 AND (rating = -1 OR rating BETWEEN 1 AND {POOR})", DISLIKED)
    copies = _copies(gallery.database, [*good, *bad])
    others = [id for id in _sample(gallery.database, "favourite = 0 AND rating = 0", seed) if id not in copies]
    space = Space(gallery.database, [*good, *bad, *others])
    liked, candidates = space.of(good), space.of(others)
    if not len(liked[0]) or not len(candidates[0]):
        return []
    weight = np.array([weights[id] for id in liked[0]], dtype=np.float32)
    near = candidates[1] @ liked[1].T
    mean = (liked[1] * weight[:, None]).sum(axis=0)
    scores = (1 - NEARNESS) * (candidates[1] @ _unit(mean)) + NEARNESS * (near * weight).max(axis=1)
    poor = space.of(bad)[1]
    if len(poor):
        scores = scores - AVOID * np.maximum(0, (candidates[1] @ poor.T).max(axis=1) - near.max(axis=1) + 0.1)
    chosen: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        if len(chosen) == count:
            break
        if not chosen or float((candidates[1][chosen] @ candidates[1][place]).max()) < SIDE_BY_SIDE:
            chosen.append(int(place))
    because = (near * weight).argmax(axis=1)
    return [Recommended(candidates[0][place], float(scores[place]), liked[0][int(because[place])]) for place in chosen]


def surprise(gallery: Gallery, *, seen: Sequence[int] = (), count: int = 12, seed: int | None = None) -> list[int]:
    """Pictures far from those that were seen and far from each other; none of `seen` and none that is disliked.

    Where nothing was seen it begins anywhere. `seed` makes it repeatable.
    """
    dice = np.random.default_rng(seed)
    barred = set(seen)
    ids = [id for id in _sample(gallery.database, "rating >= 0", seed) if id not in barred]
    space = Space(gallery.database, [*ids, *seen])
    names, vectors = space.of(ids)
    if not names:
        return []
    known = space.of(list(seen))[1]
    nearest = (vectors @ known.T).max(axis=1) if len(known) else np.zeros(len(names), dtype=np.float32)
    chosen: list[int] = []
    for _ in range(min(count, len(names))):
        nearest[chosen] = np.inf
        left = len(names) - len(chosen)
        among = np.argsort(nearest, kind="stable")[: max(1, round(left * BOLD))]
        place = int(dice.choice(among))
        chosen.append(place)
        nearest = np.maximum(nearest, vectors @ vectors[place])
    return [names[place] for place in chosen]


class Space:
    """Unit vectors of some artworks: of the encoder that saw most of them, else of how they look; never of both."""

    def __init__(self, database: Database, ids: Sequence[int]) -> None:
        wanted = list(dict.fromkeys(ids))
        model = _model(database)
        found: dict[int, Matrix] = embeddings.load(database, model, wanted) if model else {}
        if len(found) * 2 < len(wanted):  # hardly any was embedded yet
            found = _looks(database, wanted)
        self._found = {id: _unit(vector) for id, vector in found.items()}

    def of(self, ids: Sequence[int]) -> tuple[list[int], Matrix]:
        """Those of these artworks that have a vector, and the vectors (n, d)."""
        held = [id for id in dict.fromkeys(ids) if id in self._found]
        if not held:
            size = len(next(iter(self._found.values()))) if self._found else 1
            return [], np.zeros((0, size), dtype=np.float32)
        return held, np.stack([self._found[id] for id in held])


def _model(database: Database) -> str:
    """The encoder that made the newest vector."""
    row = database.one("SELECT model FROM embeddings WHERE kind = 'picture' ORDER BY id DESC LIMIT 1")
    return str(row["model"]) if row else ""


def _looks(database: Database, ids: Sequence[int]) -> dict[int, Matrix]:
    sql = "SELECT id, look FROM artworks WHERE look IS NOT NULL AND id IN (SELECT value FROM json_each(?))"
    rows = database.read(sql, json.dumps(list(ids)))
    return {int(row["id"]): found[1] for row in rows if (found := read(row["look"]))}


def _judged(database: Database, condition: str, most: int) -> tuple[list[int], dict[int, float]]:
    """Artworks outside the bin that were judged so, the newest, each with a weight 0 to 1."""
    rows = database.read(
        f"SELECT id, favourite, rating FROM artworks WHERE deleted_at IS NULL AND kind IN {SHOWN} AND ({condition})"
        " ORDER BY id DESC LIMIT ?",
        most,
    )
    weights = {int(row["id"]): FAVOURITE if row["favourite"] else max(1, row["rating"]) / 5 for row in rows}
    return list(weights), weights


def _copies(database: Database, ids: Sequence[int]) -> set[int]:
    """What was found to be copies of these: who liked a picture need not be offered it again."""
    listed = json.dumps(list(ids))
    rows = database.read(
        "SELECT one, other FROM copies WHERE kind <> '' AND NOT apart AND (one IN (SELECT value FROM json_each(?1))"
        " OR other IN (SELECT value FROM json_each(?1)))",
        listed,
    )
    return {int(row[name]) for row in rows for name in ("one", "other")}


def _sample(database: Database, condition: str, seed: int | None) -> list[int]:
    row = database.one(
        f"SELECT json_group_array(id) FROM artworks WHERE deleted_at IS NULL AND gone_at IS NULL AND kind IN {SHOWN}"
        f" AND {condition}"
    )
    ids = sorted(json.loads(row[0])) if row else []
    if len(ids) <= SAMPLE:
        return ids
    return sorted(int(id) for id in np.random.default_rng(seed).choice(ids, SAMPLE, replace=False))


def _unit(vector: Any) -> Matrix:
    made: Matrix = (vector / max(float(np.linalg.norm(vector)), 1e-8)).astype(np.float32)
    return made
