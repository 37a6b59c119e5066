"""What has ended since the Guide page was last drawn: pictures on their way, selections, maps; each finds its place. It draws
nothing."""

from __future__ import annotations

from studio.app import Studio
from studio.domain.errors import BadInput, EaselError
from studio.packs.manifest import Manifest
from studio.ui.guide import acts, desk, maps, masks
from studio.ui.guide import sheet as sheets


def arrive(studio: Studio, manifest: Manifest) -> None:
    """What has ended since the last look: a picture on its way, words that select, ready maps, maps of a pending press.

    To be called before the widgets are drawn. Begins the previews that are to be seen.
    """
    _arrive_source(studio, manifest)
    _arrive_selection(studio)
    lying, sentence = maps.brought(studio, desk.sheet())
    desk.change(lying)
    if sentence:
        desk.say(sentence, "controls")
    try:
        lying, ready = maps.settled(studio, desk.sheet())
        desk.change(lying)
        if ready:
            acts.begin(studio)
    except BadInput as error:
        desk.change(pending=None)
        desk.say(str(error), error.field)
    except EaselError as error:
        desk.change(pending=None)
        desk.say(str(error))
    now = desk.fields()
    if now["task"] in sheets.GUIDED:
        try:
            desk.change(maps.drawn(studio, desk.sheet(), now))
        except EaselError as error:
            desk.say(str(error), "controls")


def _arrive_source(studio: Studio, manifest: Manifest) -> None:
    job = maps.job_of(studio, desk.sheet().arriving)
    if job is None or job.live:
        return
    ids = job.result.get("artworks") or job.result.get("ids") or []
    artwork = maps.artwork_of(studio, ids[0]) if ids else None
    if artwork is not None:
        desk.change(arriving=0)
        acts.take(studio, manifest, artwork.id)


def _arrive_selection(studio: Studio) -> None:
    lying = desk.sheet()
    job, source = maps.job_of(studio, lying.selecting), desk.source_of(studio)
    if not lying.selecting or (job is not None and job.live):
        return
    desk.change(selecting=0)
    if job is None or source is None or job.state != "done":
        if job is not None and job.state != "cancelled":
            desk.say(job.error or "Nothing could be selected; try other words.", "select")
        return
    if not job.result.get("share"):
        desk.say("Nothing of that was found in the picture; try other words, or brush over it.", "select")
        return
    try:
        found = studio.files.preview_path(str(job.result.get("preview", ""))).read_bytes()
        mask = masks.from_words(found, (source.width, source.height), onto=lying.mask if lying.adding else "")
    except (OSError, EaselError):
        desk.say("What was found could not be read; select it once more.", "select")
        return
    desk.change(mask=mask, mask_revision=lying.mask_revision + 1, view=sheets.MASK)
