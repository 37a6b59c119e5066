"""Brings the masks that travel with a paint job through the gate and into the gallery; it paints nothing."""

from __future__ import annotations

from studio.domain.errors import BadInput, BadPicture, Refused
from studio.domain.job import Job
from studio.domain.verdict import Verdict
from studio.safety.gate import Gate
from studio.safety.intake import sha256
from studio.workshop.tools import Tools


def bring_masks(job: Job, *, gate: Gate, tools: Tools) -> None:
    """Keep every spooled mask as an artwork of kind "mask", byte for byte, so that the recipe's name for it stays true.

    A mask that is in the gallery already needs no spool: a job that is run again finds it there. Raises BadInput when one is
    gone, cannot be read or cannot be kept as it is, Refused when the gate does not let it through.
    """
    for name in job.payload.get("spools") or ():
        if tools.gallery.by_sha(str(name).partition("-")[0]) is None:
            _bring(str(name), job, gate, tools)


def _bring(name: str, job: Job, gate: Gate, tools: Tools) -> None:
    try:
        data = tools.files.spooled(name)
    except BadInput as error:
        raise BadInput("mask", "The mask of this job is gone; brush it again.") from error
    try:
        cleared, intake = gate.file(data)
    except BadPicture as error:
        raise BadInput("mask", f"The mask cannot be used: {error}") from error
    except Refused as error:
        verdict = error.verdict
        reasons = tuple(f"The mask was refused. {reason}" for reason in verdict.reasons)
        raise Refused(Verdict(False, reasons, verdict.margin, verdict.scores, verdict.checker)) from error
    if cleared.original is None or sha256(cleared.original) != intake.sha256:
        raise BadInput(
            "mask", "The mask must be a plain picture with nothing beside its pixels; save it as a PNG anew."
        )
    tools.gallery.add(cleared, kind="mask", job=job.id)
