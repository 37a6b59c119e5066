"""The one path from a recipe to saved pictures; everything that paints goes through it, and nothing goes around the gate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from studio.domain.artwork import Artwork
from studio.domain.prompting import pictures
from studio.domain.recipe import Recipe
from studio.domain.verdict import Verdict
from studio.gallery.gallery import Gallery
from studio.safety.contents import XMP_KEY
from studio.safety.gate import Gate
from studio.safety.provenance import source_type
from studio.workshop.ports import Painter


def create(
    recipe: Recipe,
    *,
    painter: Painter,
    gate: Gate,
    gallery: Gallery,
    report: Any,
    record: dict[str, Any] | None = None,
    job: int | None = None,
    kind: str = "painted",
    offload: bool = False,
) -> Iterator[Artwork | Verdict]:
    """Paint a recipe; yield each picture that passed as the artwork it became, each that did not as its verdict.

    Raises Refused for the prompt, and whatever the painter and the gallery raise. `record` says with what it was painted,
    `kind` whether it is kept at once ("painted") or waits for a person's word ("proposal"); with `offload` the painter takes
    the slower way that needs less memory.
    """
    gate.prompt(recipe)
    opened = gallery.opened(recipe)  # by content hash; each was cleared when it came in
    source = opened.get(recipe.source or "")
    made_by = source_type(recipe, source.text.get(XMP_KEY, "") if source else "")
    inputs = {name: intake.picture for name, intake in opened.items()}
    # Wildcards are chosen: other studios could not choose them again
    spoken = {one.seed: one for one in pictures(recipe)}
    paint = partial(painter.paint, offload=True) if offload else painter.paint
    for painted in paint(recipe, inputs, gate.watch(report)):
        (decided,) = gate.pictures([painted.picture])
        if isinstance(decided, Verdict):
            yield decided
        else:
            said = dict(record or {}) | {"joined": painted.joined, "compiled": painted.compiled}
            if painted.threads:  # how sums are split among threads changes their last digit
                said["device"] = {**said.get("device", {}), "threads": painted.threads}
            if painted.note:
                said["note"] = painted.note
            if painted.saving:
                said["saving"] = True
            yield gallery.add(
                decided,
                spoken[painted.seed],
                kind=kind,
                record=said,
                job=job,
                made_by=made_by,
                note=painted.note,  # the detail view tells it
            )
