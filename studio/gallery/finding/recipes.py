"""Which artworks were made by nearly the same recipe: the same words, model, seed, sampler, size. It compares no pixels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from studio.database import Database
from studio.gallery.finding import words

# How much each part counts. What either does not say counts as different; no negative words, or no LoRAs, on both sides agree
PARTS: Mapping[str, float] = {
    "prompt": 0.5, "model": 0.14, "seed": 0.12, "negative": 0.06, "LoRAs": 0.06, "sampler": 0.04, "size": 0.04,
    "steps": 0.02, "guidance": 0.02,
}  # fmt: skip
MOST = 3_000  # candidates of each kind that are compared
_COLUMNS = "id, prompt, negative, model, sampler, seed, width, height, recipe"
_WORD = re.compile(r"[^\W_]+")


def near(
    database: Database, id: int, *, allowed: Collection[int] | None = None, limit: int
) -> list[tuple[int, float, tuple[str, ...]]]:
    """The artworks made most like one, itself among them: (number, likeness 0 to 1, what is the same), best first.

    Compared are those that share a word of the prompt, the seed or the model, at most 3,000 of each; those that share none
    have nothing near. Empty for an artwork of which nothing is known.
    """
    row = database.one(f"SELECT {_COLUMNS} FROM artworks WHERE id = ?", id)
    if row is None or not (row["prompt"] or row["model"] or row["recipe"]):
        return []
    own = _Made(row)
    found: dict[int, tuple[float, tuple[str, ...]]] = {}
    for candidate in _candidates(database, row):
        other = int(candidate["id"])
        if other not in found and (allowed is None or other in allowed):
            found[other] = _compare(own, _Made(candidate))
    ranked = sorted(found.items(), key=lambda pair: (-pair[1][0], pair[0] != id, -pair[0]))
    return [(other, score, same) for other, (score, same) in ranked[:limit]]


class _Made:
    """What is known of one artwork's making."""

    def __init__(self, row: Any) -> None:
        self.words = frozenset(_WORD.findall(row["prompt"].lower()))
        self.negative = frozenset(_WORD.findall(row["negative"].lower()))
        self.model, self.sampler, self.seed = row["model"].lower(), row["sampler"].lower(), row["seed"]
        self.size = (row["width"], row["height"])
        try:
            told = json.loads(row["recipe"]) if row["recipe"] else {}
        except ValueError:
            told = {}
        told = told if isinstance(told, dict) else {}
        self.steps, self.guidance = told.get("steps"), told.get("guidance")
        loras = told.get("loras") or ()
        self.loras = frozenset(str(one.get("name")) for one in loras if isinstance(one, dict))


def _compare(one: _Made, other: _Made) -> tuple[float, tuple[str, ...]]:
    """Likeness 0 to 1, and the parts that are the same."""
    parts: dict[str, float] = {
        "prompt": _shared(one.words, other.words),
        "model": float(bool(one.model) and one.model == other.model),
        "seed": float(one.seed is not None and one.seed == other.seed),
        "negative": _shared(one.negative, other.negative),
        "LoRAs": _shared(one.loras, other.loras) if one.loras or other.loras else 1.0,
        "sampler": float(bool(one.sampler) and one.sampler == other.sampler),
        "size": float(one.size == other.size),
        "steps": _close(one.steps, other.steps),
        "guidance": _close(one.guidance, other.guidance),
    }
    empty = {"negative": not (one.negative or other.negative), "LoRAs": not (one.loras or other.loras)}
    same = tuple(name for name, share in parts.items() if share == 1.0 and not empty.get(name))
    return sum(PARTS[name] * share for name, share in parts.items()), same


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of their words that both have (Jaccard); two that say nothing agree."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _close(one: Any, other: Any) -> float:
    if not all(isinstance(value, int | float) for value in (one, other)):
        return 0.0
    return math.exp(-abs(float(one) - float(other)) / max(1.0, 0.25 * abs(float(one))))


def _candidates(database: Database, row: Any) -> Sequence[Any]:
    clause = "WHERE deleted_at IS NULL"
    ids = dict.fromkeys([int(row["id"])])
    ids |= dict.fromkeys(words.rank(database, words.expression([row["prompt"]]), clause=clause, values=[], limit=MOST))
    if row["seed"] is not None:
        sql = f"SELECT id FROM artworks {clause} AND seed = ? ORDER BY id DESC LIMIT ?"
        ids |= dict.fromkeys(int(found["id"]) for found in database.read(sql, row["seed"], MOST))
    if row["model"]:
        sql = f"SELECT id FROM artworks {clause} AND model = ? COLLATE NOCASE ORDER BY id DESC LIMIT ?"
        ids |= dict.fromkeys(int(found["id"]) for found in database.read(sql, row["model"], MOST))
    sql = f"SELECT {_COLUMNS} FROM artworks WHERE id IN (SELECT value FROM json_each(?))"
    return database.read(sql, json.dumps(list(ids)))
