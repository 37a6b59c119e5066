"""Will it come out the same here? Paints an artwork once more and compares the pixels; nothing is saved unless asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.domain.record import Difference, differences, said
from studio.domain.verdict import Cleared
from studio.gallery.encoding import plain_png
from studio.gallery.files import SHOWN_SIDE
from studio.gallery.keeping.records import record_in
from studio.measure.pictures import nearness
from studio.packs.making import check_making
from studio.safety.contents import XMP_KEY
from studio.safety.gate import Gate
from studio.safety.intake import Intake, open_picture
from studio.safety.provenance import source_type
from studio.workshop.describe import describe, small
from studio.workshop.recording import record_of
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools


def repeat(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Paint an artwork's recipe with its seed, compare with its file, and say how near it came and why not nearer.

    What was painted in the way that needs less memory is painted in that way again.

    The result holds `same`, `sentence`, `measured`, `differences` (between then and here) and, where a pixel differs, a
    `preview` of what came out and the `spool` from which it can be kept. Before anything is painted it raises PackMissing or
    BadInput for what is not here; and Refused, for the prompt and for the picture.
    """
    if job.payload.get("keep"):
        return _keep(job, report, tools)
    artwork = tools.gallery.get(int(job.payload["artwork"]))
    recipe = repeatable(artwork)
    report.stage("looking at what is here")
    check_making(tools.models.shelf, recipe)
    opened = tools.gallery.opened(recipe)
    stored = tools.stored(artwork)
    report.stage(f"loading {recipe.upscaler or recipe.pack}")
    gate = tools.gate(recipe.pack, waiting=report.check)
    gate.prompt(recipe)
    if recipe.upscaler:
        painter = tools.models.upscaler(recipe.upscaler, waiting=report.check)
    else:
        painter = tools.models.painter(recipe.pack, waiting=report.check)
    here = record_of(recipe, shelf=tools.models.shelf, painter=painter)
    then = record_in(tools.gallery, artwork)
    saving = then is not None and then.saving  # its tiles leave their own faint seams
    here = replace(here, saving=saving)
    unlike = differences(then, here)
    report.partial({"artwork": artwork.id, "differences": _told(unlike)})
    report.stage("painting")
    inputs = {name: intake.picture for name, intake in opened.items()}
    paint = partial(painter.paint, offload=True) if saving else painter.paint
    painted = next(iter(paint(recipe, inputs, gate.watch(report))))
    # Memory may have run out here alone
    here = replace(
        here, saving=painted.saving, joined=painted.joined, compiled=painted.compiled, threads=painted.threads
    )
    unlike = differences(then, here)
    report.stage("comparing")
    cleared = gate.picture(painted.picture)
    compared = _compared(stored, painted.picture)
    result: dict[str, Any] = {
        "artwork": artwork.id,
        "same": compared.pop("same"),
        "measured": compared,
        "differences": _told(unlike),
        "size": list(cleared.size),
    }
    result["sentence"] = said(result["same"], compared, unlike)
    if not result["same"]:
        result |= {
            "record": here.to_dict() | ({"note": painted.note} if painted.note else {}),
            "preview": tools.files.preview(_shown(cleared, gate), f"repeat-{job.id}"),
            "spool": tools.files.spool(plain_png(cleared.picture)),
        }
    return result


def repeatable(artwork: Artwork) -> Recipe:
    """The recipe that paints this one picture again; raises BadInput where nobody wrote one down."""
    if artwork.recipe is None:
        raise BadInput("artwork", f"Artwork {artwork.id} came without a recipe, so it cannot be painted again.")
    return artwork.recipe.with_seed(artwork.recipe.seed)


def _keep(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Save what a repetition painted, after the gate looked at it once more; raises BadInput when it is gone by now."""
    artwork = tools.gallery.get(int(job.payload["artwork"]))
    recipe = repeatable(artwork)
    report.stage("saving")
    gate = tools.gate(recipe.pack, waiting=report.check)
    try:
        data = tools.files.spooled(str(job.payload["keep"]))
    except BadInput as error:
        raise BadInput("job", "What was painted is gone by now; repeat it, and keep it then.") from error
    cleared = gate.picture(open_picture(data).picture)
    source = tools.gallery.opened(recipe).get(recipe.source or "")
    record = job.payload.get("record")
    kept = tools.gallery.add(
        cleared,
        recipe,
        record=record if isinstance(record, dict) else None,
        job=job.id,
        made_by=source_type(recipe, _xmp(source)),
        note=f"no. {artwork.id} painted again",
    )
    describe([(kept.id, small(cleared.picture))], tools=tools, pack_id=recipe.pack, waiting=report.check)
    return {"artwork": artwork.id, "artworks": [kept.id]}


def _xmp(source: Intake | None) -> str:
    return source.text.get(XMP_KEY, "") if source else ""


def _compared(stored: Image.Image, painted: Image.Image) -> dict[str, Any]:
    """How near two pictures are, JSON-ready; `sizes` in words where they have not even the same size."""
    if stored.size != painted.size:
        sizes = [f"{one.width} × {one.height}" for one in (painted, stored)]
        return {"same": False, "sizes": f"it is {sizes[0]} pixels here and was {sizes[1]}"}
    mode = "RGBA" if any("A" in one.getbands() for one in (stored, painted)) else "RGB"
    near = nearness(*(np.asarray(one.convert(mode)) for one in (stored, painted)))
    measured = asdict(near) | {"psnr": round(near.psnr, 2) if math.isfinite(near.psnr) else None}
    return {"same": near.same, **measured}


def _shown(cleared: Cleared, gate: Gate) -> Cleared:
    """What a page shows of it: a large one made smaller, which is another picture and so looked at again."""
    if max(cleared.size) <= SHOWN_SIDE:
        return cleared
    picture = cleared.picture
    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
    return gate.picture(picture)


def _told(unlike: Sequence[Difference]) -> list[dict[str, str]]:
    return [one.to_dict() for one in unlike]
