"""The job "map": draws the gallery's map from the vectors there are, or puts what is new on it. It embeds nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.gallery.space import atlas, embeddings, mapping
from studio.gallery.space.mapping import Floats, Group, Whole
from studio.workshop.layout import compressed, laid_out
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

SEED = 20_261_121  # the same pictures make the same map
LANDMARKS = 20_000  # pictures that are laid out; more are put among them, or the neighbours of all would take minutes
PARTS = 100


def draw(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Bring the map up to date; with `anew` in the payload it is drawn as a whole.

    New pictures go among their nearest at once; the whole is drawn when more than a fifth is new. Returns drawn (whether),
    placed and pictures. Raises BadInput where there are too few pictures with vectors.
    """
    database = tools.database
    report.stage("reading the vectors")
    now = atlas.standing(database)
    if now.seen < atlas.FEWEST:
        raise BadInput(
            "map", f"A map needs at least {atlas.FEWEST} pictures that were looked at; there are {now.seen}."
        )
    ids, vectors = _read(tools, now.model, report)
    held = atlas.where(database, now.model)
    if job.payload.get("anew") is True or now.stale:
        points, clusters, found = _drawn(ids, vectors, held, report)
        report.stage("naming the groups")
        found = _named(tools, ids, clusters, found)
        report(PARTS - 1, PARTS)
        atlas.keep(database, now.model, _points(ids, points, clusters), found)
        return {"drawn": True, "placed": 0, "pictures": len(ids)}
    is_new = np.array([int(id) not in held for id in ids], dtype=bool)
    if is_new.any():
        report.stage("placing new pictures")
        known = np.array([held[int(id)] for id in ids[~is_new]], dtype=np.float64)
        points, rows = _among(vectors[is_new], vectors[~is_new], known[:, :2].astype(np.float32), report, (0, PARTS))
        atlas.add(database, now.model, _points(ids[is_new], points, known[rows, 2].astype(np.int64)))
    return {"drawn": False, "placed": int(is_new.sum()), "pictures": len(ids)}


def _read(tools: Tools, model: str, report: JobReport) -> tuple[Whole, np.ndarray[Any, Any]]:
    """The artworks (n,) in their order and their vectors (n, d), in half precision."""
    ids, vectors = [], []
    size = 0
    for _, artworks, part in embeddings.rows(tools.database, model):
        report.check()
        if size in (0, part.shape[1]):  # a part of another length is damage
            size = part.shape[1]
            ids.append(artworks)
            vectors.append(part)
    whole = np.concatenate(ids)
    order = np.argsort(whole, kind="stable")
    return whole[order], np.concatenate(vectors)[order]


def _drawn(
    ids: Whole, vectors: np.ndarray[Any, Any], held: dict[int, tuple[float, float, int]], report: JobReport
) -> tuple[Floats, Whole, list[Group]]:
    """Points, groups' numbers and groups of a whole new map, turned as the one before lay."""
    rows = np.arange(len(ids))
    if len(ids) > LANDMARKS:
        rows = np.sort(np.random.default_rng(SEED).permutation(len(ids))[:LANDMARKS])
    report.stage("drawing the map")
    share = 90 if len(rows) == len(ids) else 60
    laid = laid_out(
        vectors[rows].astype(np.float32),
        seed=SEED,
        progress=lambda done, total: report(round(share * done / total), PARTS),
    )
    before = np.array([row for row, id in enumerate(ids[rows]) if int(id) in held], dtype=np.int64)
    if len(before):
        like = np.array([held[int(id)][:2] for id in ids[rows][before]], dtype=np.float32)
        laid = mapping.turned(laid, like, before)
    laid = mapping.evened(laid)
    points: Floats = np.empty((len(ids), 2), dtype=np.float32)
    points[rows] = laid
    rest = np.setdiff1d(np.arange(len(ids)), rows)
    if len(rest):
        report.stage("placing the others")
        known, others = _short(vectors[rows], vectors[rows]), _short(vectors[rest], vectors[rows])
        points[rest], _ = _among(others, known, laid, report, (share, 92))
    report.stage("finding groups")
    report(93, PARTS)
    return points, *mapping.groups(points)


def _short(vectors: np.ndarray[Any, Any], like: np.ndarray[Any, Any]) -> Floats:
    """Vectors by the components that count, of unit length again: a fifth of the work, and the same neighbours but for ties."""
    values = compressed(vectors, like=like)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.float32(1e-8))


def _among(
    vectors: np.ndarray[Any, Any], known: np.ndarray[Any, Any], points: Floats, report: JobReport, span: tuple[int, int]
) -> tuple[Floats, Whole]:
    """Points for vectors among known ones, and for each the row of its nearest."""
    made, nearest = [], []
    for start in range(0, len(vectors), mapping.ROWS_AT_ONCE):
        report(span[0] + round((span[1] - span[0]) * start / len(vectors)), PARTS)
        part: Floats = vectors[start : start + mapping.ROWS_AT_ONCE].astype(np.float32)
        rows, scores = mapping.nearest(part, known, count=mapping.NEIGHBOURS)
        made.append(mapping.placed(rows, scores, points))
        nearest.append(rows[:, 0])
    return np.concatenate(made), np.concatenate(nearest)


def _points(ids: Whole, points: Floats, clusters: Whole) -> list[atlas.Point]:
    return list(zip(ids.tolist(), points[:, 0].tolist(), points[:, 1].tolist(), clusters.tolist(), strict=True))


def _named(tools: Tools, ids: Whole, clusters: Whole, found: Sequence[Group]) -> list[Group]:
    """The groups with their names, each level by itself: a name says what sets a group apart from those beside it."""
    said = atlas.captions(tools.database, ids.tolist())
    texts: dict[int, list[str]] = {one.number: [] for one in found}
    parents = {one.number: one.parent for one in found}
    for id, cluster in zip(ids.tolist(), clusters.tolist(), strict=True):
        number = int(cluster)
        while number >= 0:
            texts[number].append(said.get(int(id), ""))
            number = parents[number]
    names: dict[int, str] = {}
    for level in {one.level for one in found}:
        here = [one.number for one in found if one.level == level]
        names.update(zip(here, mapping.named([texts[number] for number in here]), strict=True))
    return [dataclasses.replace(one, name=names[one.number]) for one in found]
