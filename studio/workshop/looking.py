"""Looks at pictures without a model: the jobs "looks" and "duplicates". Both go on where they were stopped; neither deletes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.domain.artwork import SHOWN, Artwork
from studio.domain.errors import BadInput, BadPicture, EaselError
from studio.domain.job import Job
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from studio.gallery.likeness.copies import Sight

AT_ONCE = 64  # looks that are kept in one transaction
PAIRS = 128  # that are laid over each other at once
SIGHTS = 1_500  # pictures that are held ready to be compared, 60 KB each
logger = logging.getLogger(__name__)


def look(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Read how pictures look that came in before looks were kept; returns how many were read."""
    return {"looked": fill(report, tools)}


def fill(report: JobReport, tools: Tools) -> int:
    """Make every look that is missing, from the thumbnails; what cannot be read is marked, so that it is tried once."""
    from studio.gallery.likeness import appearance, looks  # here: numpy, which a start need not wait for

    looks.forget_old(tools.database)
    missing = looks.missing(tools.database)
    if missing:
        report.stage("reading colours")
    for start in range(0, len(missing), AT_ONCE):
        report(start, len(missing))
        artworks = tools.gallery.many(missing[start : start + AT_ONCE])
        made = []
        for id, artwork in artworks.items():
            picture = _thumbnail(artwork, tools)
            made.append((id, appearance.of(picture) if picture else None))
        with tools.database.transaction() as connection:
            for id, found in made:
                looks.put(connection, id, found)
    return len(missing)


def find_duplicates(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Compare the pictures outside the bin; with "near" in the payload also for resized, recompressed and cropped copies.

    Returns groups, copies (how many could go) and compared. What was compared is kept as it goes, and not done again.
    """
    from studio.gallery.likeness import duplicates, pairing

    near = bool(job.payload.get("near", True))
    fill(report, tools)
    report.stage("reading colours")
    ids, hashes, vectors = _shown(tools)
    done = duplicates.known(tools.database)
    report.stage("looking for the same pixels")
    compared = _exact(pairing.same_hash(ids, hashes), done, report, tools)
    if near:
        report.stage("looking for pictures that are alike")
        pairs = [pair for pair in pairing.pairs(ids, hashes, vectors, step=report) if pair not in done]
        report.stage("comparing")
        compared += _near(pairs, report, tools)
    groups, copies = duplicates.count(tools.gallery, near=near)
    return {"groups": groups, "copies": copies, "compared": compared}


def _shown(tools: Tools) -> tuple[Any, Any, Any]:
    """Numbers, hashes and vectors of the pictures that are not in the bin."""
    import numpy as np

    ids, hashes, vectors = tools.gallery.looks.all()
    rows = tools.database.read(
        f"SELECT id FROM artworks WHERE deleted_at IS NULL AND gone_at IS NULL AND kind IN {SHOWN} AND looked > 0"
    )
    kept = np.isin(ids, np.fromiter((row["id"] for row in rows), dtype=np.int64, count=len(rows)))
    return ids[kept], hashes[kept], vectors[kept]


def _exact(groups: Sequence[Sequence[int]], done: set[tuple[int, int]], report: JobReport, tools: Tools) -> int:
    """Of those with one hash compare the pixels themselves; `done` grows by the pairs that are the same."""
    from studio.gallery.likeness import duplicates
    from studio.gallery.likeness.duplicates import EXACT, Found

    compared = 0
    for number, group in enumerate(groups):
        report(number, len(groups))
        artworks = tools.gallery.many(group)
        sizes: dict[tuple[int, int], list[Artwork]] = {}
        for artwork in artworks.values():
            sizes.setdefault((artwork.width, artwork.height), []).append(artwork)
        found: list[Found] = []
        for same in sizes.values():
            first: dict[str, int] = {}
            if len(same) < 2 or all((same[0].id, other.id) in done for other in same[1:]):
                continue
            for artwork in same:
                compared += 1
                report.check()
                pixels = _pixels(artwork, tools)
                if pixels and (one := first.setdefault(pixels, artwork.id)) != artwork.id:
                    found.append(Found(one, artwork.id, EXACT, 1.0))
        duplicates.remember(tools.database, found)
        done |= {(min(one.one, one.other), max(one.one, one.other)) for one in found}
    return compared


def _near(pairs: Sequence[tuple[int, int]], report: JobReport, tools: Tools) -> int:
    from studio.gallery.likeness import copies, duplicates
    from studio.gallery.likeness.duplicates import NEAR, Found

    @lru_cache(maxsize=SIGHTS)
    def sight(id: int) -> Sight | None:
        artwork = tools.gallery.many([id]).get(id)
        picture = _thumbnail(artwork, tools) if artwork else None
        return copies.sight(picture) if picture else None

    for start in range(0, len(pairs), PAIRS):
        report(start, len(pairs))
        part = [(one, other, sight(one), sight(other)) for one, other in pairs[start : start + PAIRS]]
        seen = [(one, other, first, second) for one, other, first, second in part if first and second]
        agreed = copies.compare_all([(first, second) for _, _, first, second in seen])
        found = [
            Found(one, other, NEAR if told.copies else "", told.likeness if told.copies else 0.0)
            for (one, other, _, _), told in zip(seen, agreed, strict=True)
        ]
        duplicates.remember(tools.database, found)
    return len(pairs)


def _thumbnail(artwork: Artwork, tools: Tools) -> Image.Image | None:
    """The thumbnail of a picture that was cleared when it came in; None where it cannot be read."""
    try:
        with Image.open(tools.gallery.thumb(artwork)) as picture:
            picture.load()
            return picture
    except (EaselError, OSError, ValueError) as error:
        logger.warning("artwork %s has no thumbnail to compare: %s", artwork.id, error)
        return None


def _pixels(artwork: Artwork, tools: Tools) -> str:
    """A name for the very pixels of an artwork; "" where its file cannot be read."""
    try:
        picture = tools.stored(artwork)
    except (BadInput, BadPicture) as error:
        logger.warning("artwork %s cannot be compared: %s", artwork.id, error)
        return ""
    opaque = picture.mode != "RGBA" or picture.getchannel("A").getextrema() == (255, 255)
    plain = picture.convert("RGB" if opaque else "RGBA")
    return hashlib.sha256(f"{plain.mode} {plain.size}".encode() + plain.tobytes()).hexdigest()
