"""The gallery's map in numbers alone: groups of points, their names, places for new pictures. It reads no table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]
Whole = np.ndarray[Any, np.dtype[np.int64]]

CELLS = 256  # a side of the grid that density is counted on
BLURS = (0.16, 0.11, 0.08, 0.06, 0.045, 0.034, 0.025, 0.019, 0.014)  # of the map's side: how much of it is one hill
WISHED = (5, 15, 45)  # groups on the map from afar, nearer, and nearest: the widest blur is taken that finds so many
EVEN = 0.34
SPREAD = 0.34  # fewer pictures need a wider blur, or each would be its own hill: SPREAD / sqrt(pictures)
DEEP = 0.8  # two hills are one where the saddle between them is higher than this share of the lower top
NEIGHBOURS = 5
ROWS_AT_ONCE = 1_024
PAIR = 1.25
TERMS = 3  # words or pairs of words in a name, at most
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")
_LORA = re.compile(r"<[^<>]*>")
# What says nothing of a picture: small words, and the incantations that stand in every prompt
_SAYS_NOTHING = (
    "an and are as at be by for from has have in into is it its of off on or that the their there this to two three four"
    " was were with without one some very over under near next above below behind beside front left right side top"
    " der die das und ein eine mit von im in auf am le la les un une des du de et avec el los las con"
    " picture pictures image photo photograph drawing painting illustration style art artwork render background scene"
    " masterpiece best high quality highres detailed detail highly intricate hd uhd realistic photorealistic ultra"
    " score up lora rating trending artstation sharp focus absurdres large small big tiny little img jpg png"
)
_SMALL = frozenset(_SAYS_NOTHING.split())


@dataclass(frozen=True)
class Group:
    """Pictures that lie together at one zoom.

    `level` 0 is seen from afar. `parent` is the number of the group one level further out that it is part of, -1 at level 0.
    `x`, `y` is where its name stands and `box` (left, top, right, bottom) where most of it lies, both 0 to 1; `middle` is the
    row of the picture nearest to (x, y).
    """

    number: int
    level: int
    parent: int
    x: float
    y: float
    box: tuple[float, float, float, float]
    pictures: int
    middle: int
    name: str = ""


def scaled(points: Floats) -> Floats:
    """Points moved and enlarged to fill the square 0 to 1 but for a margin, their shape kept; shape (n, 2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = max(float((high - low).max()), 1e-6)
    return np.asarray(0.5 + (points - (low + high) / 2) * (0.94 / size), dtype=np.float32)


def evened(points: Floats) -> Floats:
    """Points moved apart where they crowd, along each axis by a third of the way to where even spacing would put them.

    Who lies left of or above whom stays; room on a screen is better used. Shape (n, 2), within 0 to 1.
    """
    points = scaled(points)
    ranks = np.argsort(np.argsort(points, axis=0, kind="stable"), axis=0, kind="stable")
    even = ranks / max(1, len(points) - 1)
    return scaled(np.asarray(points + EVEN * (even - points), dtype=np.float32))


def turned(points: Floats, like: Floats, rows: Whole) -> Floats:
    """Points turned or mirrored so that `points[rows]` lie as `like` does, as near as can be: people remember where things are.

    Orthogonal Procrustes: Schönemann, Psychometrika 31, 1966.
    """
    if len(rows) < 3:
        return points
    middle = points[rows].mean(axis=0)
    left, _, right = np.linalg.svd((points[rows] - middle).T @ (like - like.mean(axis=0)))
    return np.asarray((points - middle) @ (left @ right), dtype=np.float32)


# --- new pictures -------------------------------------------------------------------------------------------------------


def nearest(vectors: Floats, known: np.ndarray[Any, Any], *, count: int) -> tuple[Whole, Floats]:
    """For each unit vector (n, d) the rows of the `count` nearest in `known` (m, d) and their cosine.

    Both (n, count), the nearest first; `known` may be in half precision.
    """
    count = min(count, len(known))
    rows: Whole = np.zeros((len(vectors), 0), dtype=np.int64)
    scores: Floats = np.zeros((len(vectors), 0), dtype=np.float32)
    for start in range(0, len(known), 16 * ROWS_AT_ONCE):  # in parts: a hundred thousand vectors are 200 MB as float32
        part: Floats = known[start : start + 16 * ROWS_AT_ONCE].astype(np.float32, copy=False)
        cosines = vectors @ part.T
        few = min(count, len(part))
        found = np.argpartition(cosines, len(part) - few, axis=1)[:, len(part) - few :]
        rows = np.concatenate([rows, found + start], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(cosines, found, axis=1)], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        rows, scores = np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
    return rows, scores


def placed(rows: Whole, scores: Floats, points: Floats, *, near: float = 0.05) -> Floats:
    """Where new pictures go: among their nearest, (n, 2).

    `rows` and `scores` are of `nearest`. Only those neighbours count that lie within `near` of the first one: between two
    islands there is nothing like the picture. A picture never lies exactly on another.
    """
    around = points[rows]
    far = np.linalg.norm(around - around[:, :1], axis=2)
    weight = np.exp(24 * (scores - scores[:, :1])) * (far <= near)
    at = (around * weight[:, :, None]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    turn = np.arange(len(rows)) * 2.399963  # the golden angle: spread evenly, and the same each time
    radius = 0.0016 * (0.35 + 0.65 * np.sqrt((np.arange(len(rows)) % 89) / 89))
    return np.asarray(at + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1), dtype=np.float32).clip(
        0, 1
    )


# --- groups -------------------------------------------------------------------------------------------------------------


def groups(points: Floats) -> tuple[Whole, list[Group]]:
    """The number of each point's group at the nearest level (n,), and all groups of all levels, without names.

    The points, 0 to 1, are hills of a density that is blurred once for each level; every point belongs to the top that the
    steepest way up leads to, and hills without a real valley between them are one (persistence-based clustering: Chazal,
    Guibas, Oudot and Skraba, JACM 60, 2013). A hill of one level stands wholly on one of the level further out.
    """
    from scipy.ndimage import gaussian_filter

    cells = np.minimum((points * CELLS).astype(np.int64), CELLS - 1)
    flat = cells[:, 1] * CELLS + cells[:, 0]
    counts = np.bincount(flat, minlength=CELLS * CELLS).reshape(CELLS, CELLS).astype(np.float64)
    least = SPREAD / max(1.0, float(len(points))) ** 0.5
    tried = (_tops(gaussian_filter(counts, max(blur, least) * CELLS, mode="constant")) for blur in BLURS)
    tops = _levels(tried, flat)
    finest = tops[-1][flat]
    # From the nearest level outward: a group's parent is the hill on which its own top stands
    chain = [np.unique(finest)]
    for level in range(len(tops) - 2, -1, -1):
        chain.insert(0, tops[level][chain[0]])
    made: list[Group] = []
    number: dict[tuple[int, int], int] = {}
    column: Whole = np.asarray(np.searchsorted(chain[-1], finest))
    labels: Whole = np.zeros(len(points), dtype=np.int64)
    for level, heads in enumerate(chain):
        head_of = heads[column]
        order = np.argsort(head_of, kind="stable")
        found, starts = np.unique(head_of[order], return_index=True)
        for head, rows in zip(found, np.split(order, starts[1:]), strict=True):
            here = len(made)
            number[level, int(head)] = here
            parent = number[level - 1, int(chain[level - 1][column[rows[0]]])] if level else -1
            made.append(_group(here, level, parent, points, rows))
            if level == len(chain) - 1:
                labels[rows] = here
    return labels, made


def _levels(tried: Iterable[Whole], flat: Whole) -> list[Whole]:
    """Of the blurs tried, from wide to narrow, the first that finds as many groups as each level wishes for."""
    least = max(3, len(flat) // 200)  # pictures that make a group worth naming
    levels: list[Whole] = []
    last: Whole | None = None
    for tops in tried:
        if levels and np.array_equal(tops, levels[-1]):
            continue
        last = tops
        _, sizes = np.unique(tops[flat], return_counts=True)
        if int((sizes >= least).sum()) >= WISHED[len(levels)]:
            levels.append(tops)
            last = None
            if len(levels) == len(WISHED):
                return levels
    return levels if last is None else [*levels, last]


def _group(number: int, level: int, parent: int, points: Floats, rows: Whole) -> Group:
    own = points[rows]
    at = np.median(own, axis=0)
    low, high = (np.quantile(own, (0.04, 0.96), axis=0)) if len(rows) > 8 else (own.min(axis=0), own.max(axis=0))
    middle = int(rows[np.argmin(((own - at) ** 2).sum(axis=1))])
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Group(number, level, parent, float(at[0]), float(at[1]), box, len(rows), middle)


def _tops(density: np.ndarray[Any, np.dtype[np.float64]]) -> Whole:
    """For each cell of the grid, flat, the cell of the top that it belongs to."""
    side = density.shape[0]
    padded = np.pad(density, 1, constant_values=-1.0)
    steps = [(0, 0), *((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0))]
    around = np.stack([padded[1 + down : 1 + down + side, 1 + right : 1 + right + side] for down, right in steps])
    way = np.array([down * side + right for down, right in steps])
    up = (
        np.arange(side * side) + way[around.argmax(axis=0).reshape(-1)]
    )  # itself first, so that equal cells make no circle
    while not np.array_equal(up, further := up[up]):
        up = further
    return _merged(up, density.reshape(-1), side)


def _merged(up: Whole, height: np.ndarray[Any, np.dtype[np.float64]], side: int) -> Whole:
    """The tops, those without a real valley between them made one: the lower gives way, the highest saddles first."""
    grid = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        [
            np.stack([one.reshape(-1), other.reshape(-1)])
            for one, other in ((grid[:, :-1], grid[:, 1:]), (grid[:-1], grid[1:]))
        ],
        axis=1,
    )
    pairs = pairs[:, up[pairs[0]] != up[pairs[1]]]
    saddle = np.minimum(height[pairs[0]], height[pairs[1]])
    head = np.arange(side * side)

    def top(cell: int) -> int:
        while head[cell] != cell:
            cell = int(head[cell])
        return cell

    for at in np.argsort(-saddle, kind="stable"):
        if saddle[at] <= 1e-9:
            break
        one, other = top(int(up[pairs[0, at]])), top(int(up[pairs[1, at]]))
        if one == other:
            continue
        lower, higher = sorted((one, other), key=lambda cell: (height[cell], -cell))
        if saddle[at] > DEEP * height[lower]:
            head[lower] = higher
    for cell in np.unique(up):
        head[cell] = top(int(cell))
    return np.asarray(head[up], dtype=np.int64)


# --- names --------------------------------------------------------------------------------------------------------------


def named(texts: Sequence[Iterable[str]]) -> list[str]:
    """A name for each group: the words that its captions share and others' do not; empty where they say nothing.

    `texts` holds the captions of each group. Words and pairs of words are weighed by how many of the group's captions have
    them, times how rare they are among all (TF-IDF with a group for a document: Grootendorst, BERTopic, 2022). No two names
    are the same as long as there are words left.
    """
    counts: list[Counter[str]] = []
    sizes: list[int] = []
    everywhere: Counter[str] = Counter()
    for captions in texts:
        count: Counter[str] = Counter()
        size = 0
        for caption in captions:
            found = _terms(caption)
            if found:
                count.update(found)
                size += 1
        counts.append(count)
        sizes.append(size)
        everywhere.update(count)
    whole = sum(sizes)
    names: list[str] = []
    taken: set[str] = set()
    for count, size in zip(counts, sizes, strict=True):
        name = _name(count, size, everywhere, whole, taken)
        taken.add(name)
        names.append(name)
    return names


def _name(count: Counter[str], size: int, everywhere: Counter[str], whole: int, taken: set[str]) -> str:
    least = max(1, round(0.12 * size)) if size < 9 else max(2, round(0.12 * size))
    weights = {}
    for term, uses in count.items():
        if uses >= least:
            share, outside = uses / size, (everywhere[term] - uses) / max(1, whole - size)
            rare = float(np.log1p(whole / everywhere[term]))
            own = max(0.02, 1 - outside / share)  # what others say as often sets nothing apart
            weights[term] = share * rare * own * (PAIR if " " in term else 1.0)  # a pair says more than its words
    chosen: list[str] = []
    for term in sorted(weights, key=lambda term: (-weights[term], term)):
        words = set(term.split())
        if any(words & set(other.split()) for other in chosen):
            continue
        if len(chosen) >= 2 and _titled(chosen) not in taken:
            break
        if len(chosen) == 1 and weights[term] < 0.35 * weights[chosen[0]] and _titled(chosen) not in taken:
            break  # one word says it all
        if len(chosen) == TERMS:
            break
        chosen.append(term)
    return _titled(chosen)


def _titled(terms: Sequence[str]) -> str:
    name = ", ".join(terms)
    return name[:1].upper() + name[1:]


def _terms(caption: str) -> set[str]:
    """The words of a caption, and the pairs that stand side by side in it; small words are no words and part nothing."""
    found: set[str] = set()
    before = ""
    for piece in re.split(r"[,.;:!?()\[\]\n|]+", _LORA.sub(" ", caption.lower())[:600]):
        before = ""
        for word in _WORD.findall(piece):
            if word in _SMALL:
                before = ""
                continue
            found.add(word)
            if before and before != word:
                found.add(f"{before} {word}")
            before = word
    return found
