"""A gallery of synthetic artworks for the benches: rows with recipes, captions and tags, and vectors; it makes no picture.

Vectors: 2,000 unit centres drawn evenly, each of a group of 40 (a series from one prompt lies near others like it): the centre
of a group plus 0.8 of noise of length 1, then each vector its centre plus 0.6 of noise of length 1, scaled to unit length. Real
vectors of CLIP lie in clusters too; sizes of the clusters fall as 1 / (place + 10), as a few subjects fill most galleries.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from studio.database import Database
from studio.domain.recipe import Recipe

SIZE = 512  # numbers in a vector, as CLIP ViT-B/32 makes them
MODEL = "bench:synthetic"
CENTRES, GROUPS = 2_000, 50
_THINGS = (
    "boat", "star", "house", "tree", "fish", "car", "person", "dog", "cat", "lake", "city", "mountain", "flower", "tower",
    "bridge", "train", "bird", "horse", "sea",
)  # fmt: skip
_KINDS = (
    "red", "blue", "green", "old", "small", "large", "golden", "dark", "bright", "quiet", "broken", "striped", "wooden",
    "glass", "paper", "stone",
)  # fmt: skip
_PLACES = (
    "at night",
    "at sunset",
    "in the rain",
    "by the sea",
    "in a forest",
    "on a hill",
    "in winter",
    "under the moon",
)
_STYLES = ("watercolour", "oil painting", "photograph", "ink drawing", "pixel art", "woodcut", "pastel")
_PACKS = ("storybook", "sd15", "sdxl-base", "dreamshaper-8", "juggernaut-xl")
_TAGS = tuple(f"{kind} {thing}" for kind in _KINDS for thing in _THINGS)
_TOOLS = ("easel", "easel", "easel", "a1111", "comfy", "camera", "")
_AT_ONCE = 5_000

Vectors = np.ndarray[Any, np.dtype[np.float32]]


def vectors(count: int, *, seed: int = 0) -> Iterator[Vectors]:
    """Unit vectors, (n, 512) float32, `count` in all, in parts of 5,000."""
    fixed, chance = np.random.default_rng(7), np.random.default_rng(seed)
    groups = _unit(fixed.normal(size=(GROUPS, SIZE)))
    centres = _unit(groups[np.arange(CENTRES) % GROUPS] + 0.8 * _unit(fixed.normal(size=(CENTRES, SIZE))))
    share = 1 / (np.arange(CENTRES) + 10)
    share /= share.sum()
    for start in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - start)
        noise = _unit(chance.standard_normal((size, SIZE), dtype=np.float32))
        yield _unit(centres[chance.choice(CENTRES, size, p=share)] + 0.6 * noise)


def phrases(count: int) -> list[str]:
    """What the artworks of `fill` are found by: a thing, or with two words of what kind it is; each kind and thing once."""
    return [" ".join((_KINDS[n % 16], _THINGS[n])[-count:]) for n in range(len(_THINGS))]


def _unit(values: Any) -> Vectors:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def fill(home: Path, count: int, *, tags: bool = True, seed: int = 0) -> Database:
    """A database with so many artworks and a vector of each; a twentieth lies in the bin, a fifth came from elsewhere."""
    database = _open(home)
    chance = np.random.default_rng(seed)
    made = vectors(count, seed=seed)
    for start in range(0, count, _AT_ONCE):
        rows = [_row(start + n + 1, chance) for n in range(min(_AT_ONCE, count - start))]
        with database.transaction() as connection:
            names = ", ".join(rows[0])
            connection.executemany(
                f"INSERT INTO artworks ({names}) VALUES ({', '.join('?' * len(rows[0]))})",
                [tuple(row.values()) for row in rows],
            )
            halves = next(made).astype("<f2")
            connection.executemany(
                "INSERT INTO embeddings (artwork, model, kind, half, vector) VALUES (?, ?, 'picture', 1, ?)",
                [(row["id"], MODEL, half.tobytes()) for row, half in zip(rows, halves, strict=True)],
            )
            if tags:
                places = np.minimum(chance.zipf(1.4, size=(len(rows), 3)) - 1, len(_TAGS) - 1)
                connection.executemany(
                    "INSERT OR IGNORE INTO tags (artwork, tag) VALUES (?, ?)",
                    [
                        (row["id"], _TAGS[at])
                        for row, three in zip(rows, places, strict=True)
                        for at in three[: row["id"] % 4]
                    ],
                )
    return database


def _open(home: Path) -> Database:
    """A new database whose writes do not wait for the disk: nobody will miss it."""
    database = Database(home / "easel.db")
    database._connection().execute("PRAGMA synchronous=OFF")
    return database


def bare(home: Path, count: int, *, seed: int = 0) -> Database:
    """A database with so many vectors, and artworks that are hardly more than a number."""
    database = _open(home)
    made = vectors(count, seed=seed)
    with database.transaction() as connection:
        for trigger in ("words_of_new", "counter_of_new"):  # nobody searches these by words
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.executemany(
            "INSERT INTO artworks (id, sha256, file, kind, width, height, bytes, verdict, created_at)"
            " VALUES (?, ?, ?, 'painted', 512, 512, 1, '{}', 0)",
            ((id, f"{id:x}", f"{id:x}.png") for id in range(1, count + 1)),
        )
    start = 1
    for part in made:
        halves = part.astype("<f2")
        with database.transaction() as connection:
            connection.executemany(
                "INSERT INTO embeddings (artwork, model, kind, half, vector) VALUES (?, ?, 'picture', 1, ?)",
                [(start + n, MODEL, half.tobytes()) for n, half in enumerate(halves)],
            )
        start += len(part)
    return database


def _row(id: int, chance: np.random.Generator) -> dict[str, Any]:
    at = [int(n) for n in chance.integers(0, 2**31, size=8)]
    subject = f"{_KINDS[at[0] % 16]} {_THINGS[at[1] % 19]} {_PLACES[at[2] % 8]}"
    prompt = f"a {subject}, {_STYLES[at[3] % 7]}, {_KINDS[at[4] % 16]} {_THINGS[at[5] % 19]}, highly detailed"
    tool = _TOOLS[at[6] % 7]
    pack = _PACKS[min(at[7] % 9, 4)]
    width, height = ((512, 512), (768, 512), (512, 768), (1024, 1024))[at[0] % 4]
    sha = hashlib.sha256(b"%d" % id).hexdigest()
    painted = tool == "easel"
    recipe = Recipe(prompt, pack=pack, width=width, height=height, seed=at[2]).to_json() if painted else None
    return {
        "id": id,
        "sha256": sha,
        "file": f"{sha}.png",
        "kind": "painted" if painted else "imported",
        "width": width,
        "height": height,
        "bytes": 400_000,
        "recipe": recipe,
        "prompt": prompt if tool != "camera" else "",
        "caption": f"a {subject}",
        "caption_by": "storybook",
        "verdict": json.dumps({"allowed": True, "scores": {"nudity": 0.1}, "margins": {"nudity": -0.1}, "reasons": []}),
        "favourite": int(at[5] % 50 == 0),
        "rating": (0, 0, 0, 0, 0, 0, 3, 4, 5, -1)[at[4] % 10],
        "source_name": "" if painted else f"{_THINGS[at[1] % 19]}-{id:06}.png",
        "created_at": time.time() - 60.0 * (200_000 - id),
        "made_with": tool,
        "model": pack if tool not in ("camera", "") else "",
        "sampler": "ddim" if painted else "",
        "seed": at[2] if painted else None,
        "deleted_at": time.time() if id % 20 == 0 else None,
    }
