"""Control maps of the Guide page: which job draws which, what it found, and which artwork each became. It draws nothing."""

from __future__ import annotations

import dataclasses

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput, EaselError
from studio.domain.job import Job
from studio.domain.pose import Figure, figures_of
from studio.ui import forms as shared
from studio.ui.guide import masks
from studio.ui.guide import sheet as sheets
from studio.ui.guide.forms import GuideFields
from studio.ui.guide.sheet import Aid, Sheet


def wish(aid: Aid, lying: Sheet, fields: GuideFields) -> str:
    """A name for exactly the map that this aid asks for now."""
    return sheets.wish(aid, lying.source, shared.size_of(fields["size"]))


def job_of(studio: Studio, id: int) -> Job | None:
    """A job, if it is still there."""
    try:
        return studio.job(id) if id else None
    except EaselError:
        return None


def artwork_of(studio: Studio, id: int) -> Artwork | None:
    """An artwork that can be used, if it is still there: not one in the bin."""
    try:
        artwork = studio.gallery.get(id) if id else None
    except EaselError:
        return None
    return artwork if artwork is not None and artwork.deleted_at is None else None


def preview(studio: Studio, aid: Aid, lying: Sheet, fields: GuideFields) -> Job | None:
    """The job that draws, or drew, this aid's map as it is asked for now."""
    return job_of(studio, aid.job) if aid.asked == wish(aid, lying, fields) else None


def drawn(studio: Studio, lying: Sheet, fields: GuideFields) -> Sheet:
    """The sheet, with a job begun for every map that is to be seen and is not what was drawn; older ones are stopped."""
    for aid in lying.aids:
        if not sheets.needs_preview(aid, lying.source) or artwork_of(studio, aid.ready or lying.source) is None:
            continue
        now = wish(aid, lying, fields)
        if aid.asked == now:
            continue
        old = job_of(studio, aid.job)
        if old is not None and old.live:
            studio.cancel(old.id)
        job = draw(studio, aid, lying, fields, keep=False)
        lying = sheets.change_aid(lying, aid.id, job=job.id, asked=now)
    return lying


def draw(studio: Studio, aid: Aid, lying: Sheet, fields: GuideFields, *, keep: bool) -> Job:
    """Queue the drawing of a map; kept, it becomes an artwork."""
    source = aid.ready or lying.source
    figures = figures_shown(studio, aid, lying, fields) if keep else aid.figures
    return studio.annotate(
        f"id:{source}" if source else "",
        aid.kind,
        parameters=dict(aid.parameters) if not aid.ready else {},
        figures=None if figures is None or aid.ready else [list(figure) for figure in figures],
        size=None if source else shared.size_of(fields["size"]),
        overlay=masks.decoded(aid.overlay) or None,
        as_is=bool(aid.ready),
        keep=keep,
        pack=fields["pack"],
    )


def figures_shown(studio: Studio, aid: Aid, lying: Sheet, fields: GuideFields) -> tuple[Figure, ...] | None:
    """A pose's figures: those placed by hand, a ready map's, else those found; None while nobody knows."""
    if aid.kind != "pose":
        return None
    if aid.figures is not None:
        return aid.figures
    if aid.ready:
        ready = artwork_of(studio, aid.ready)
        return ready.map.figures or None if ready is not None and ready.map is not None else None
    job = preview(studio, aid, lying, fields)
    if job is None or job.state != "done":
        return None
    try:
        return figures_of(job.result.get("figures") or [])
    except BadInput:
        return ()


def figure_count(studio: Studio, aid: Aid, lying: Sheet, fields: GuideFields) -> int | None:
    """How many figures a pose has; None for other kinds and while nobody knows."""
    figures = figures_shown(studio, aid, lying, fields)
    return None if figures is None else len(figures)


def kept(studio: Studio, aid: Aid, lying: Sheet, fields: GuideFields) -> Artwork | None:
    """The artwork that holds exactly this map, if there is one already."""
    if aid.ready and not aid.overlay:
        ready = artwork_of(studio, aid.ready)
        return ready if ready is not None and ready.kind == "map" else None
    return artwork_of(studio, aid.kept) if aid.kept_as == wish(aid, lying, fields) else None


def settled(studio: Studio, lying: Sheet) -> tuple[Sheet, bool]:
    """The sheet with every map of the pending press that is kept by now, and whether all of them are.

    Raises BadInput when one of them could not be drawn.
    """
    pending = lying.pending
    if pending is None:
        return lying, False
    fields: GuideFields = pending.fields  # type: ignore[assignment]
    then, left = pending.sheet, dict(pending.maps)
    for aid_id, job_id in pending.maps.items():
        job, aid = job_of(studio, job_id), then.aid(aid_id)
        if job is not None and job.live:
            continue
        made = job.result.get("artwork") if job is not None and job.state == "done" else None
        if aid is None or type(made) is not int:
            why = job.error if job is not None else ""
            raise BadInput("controls", why or "A map could not be drawn; press the button again.")
        known = {"kept": made, "kept_as": wish(aid, then, fields)}
        then, lying = sheets.change_aid(then, aid_id, **known), sheets.change_aid(lying, aid_id, **known)
        left.pop(aid_id)
    pending = dataclasses.replace(pending, maps=left, aids=then.aids)
    return dataclasses.replace(lying, pending=pending), not left


def brought(studio: Studio, lying: Sheet) -> tuple[Sheet, str]:
    """The sheet with the ready maps that have arrived, and a sentence for one that did not."""
    problem = ""
    for aid in lying.aids:
        job = job_of(studio, aid.bringing)
        if not aid.bringing or (job is not None and job.live):
            continue
        made = job.result.get("artwork") if job is not None and job.state == "done" else None
        if type(made) is int:
            lying = sheets.change_aid(lying, aid.id, bringing=0, ready=made, figures=None, overlay="")
        else:
            lying = sheets.change_aid(lying, aid.id, bringing=0)
            problem = (job.error if job is not None else "") or "This file could not be used as a map."
    return lying, problem
