"""The job "import": uploads, or a folder to copy or to watch. It can be cancelled, and a second run does only the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from PIL import Image

from studio.domain.errors import BadInput, Refused
from studio.domain.job import Job
from studio.gallery.coming import folders
from studio.gallery.coming.folders import Folder
from studio.gallery.coming.importing import shown_name, shown_path
from studio.phrases.wording import find_lora
from studio.safety.gate import Gate
from studio.workshop.bringing import AT_ONCE, Bringing, Item, Learn
from studio.workshop.describe import describe, small
from studio.workshop.disks import Disk
from studio.workshop.reporting import JobReport
from studio.workshop.scanning import Tally, scan
from studio.workshop.tools import Tools


def import_pictures(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Import the payload's files or folder; returns imported, ids, duplicates, moved, back, gone and skipped (name, reason).

    Known by the SHA-256 of each file's bytes: what is in the gallery already is counted as a duplicate and not opened again.
    A payload is {"files": [{"spool", "name"}]}, {"folder": path}, with "watch" to leave its files where they are, or with
    "rescan" (a number) for one that is watched already.
    """
    settings = tools.settings()
    tally = Tally()

    def progress(done: int, total: int) -> None:
        report.result = tally.counts()
        report(done, total)

    def learn(fresh: Sequence[tuple[int, Image.Image]]) -> None:
        describe(fresh, tools=tools, pack_id=settings.pack, waiting=report.check)

    bringing = Bringing(
        gallery=tools.gallery,
        gate=cache(partial(_ready, tools, report)),
        lora=lambda name: find_lora(tools.models.shelf, name),
        job=job.id,
        learn=learn,
        waiting=report.check,
    )
    if job.attempts:
        _catch_up(job, learn=learn, tools=tools)
    began = time.monotonic()
    report.stage("looking at the files")
    try:
        if "folder" in job.payload:
            folder = _folder(job.payload, tools)
            bringing.anywhere = folder.watched
            disk = Disk(folder.path, waiting=report.check)  # 0.1 ms a file; models take a hundred times as long
            judge = f"{settings.pack} {settings.caution}"
            scan(folder, bringing=bringing, tally=tally, judge=judge, progress=progress, disk=disk)
        else:
            _uploads(job.payload["files"], bringing=bringing, tally=tally, tools=tools, progress=progress)
    except BadInput:
        if not job.payload.get("unasked"):
            raise  # else nobody waits for it, and the folder itself says that it is not there
    finally:
        report.result = tally.result()  # also of what was cancelled half-way: all that came in stays
    if tally.looked_at:  # what was as it was says nothing of how long files take
        tools.queue.record_timing("import", float(tally.looked_at), time.monotonic() - began)
    return report.result


def _catch_up(job: Job, *, learn: Learn, tools: Tools) -> None:
    """Describe what came in just before a worker died, and had no caption yet; it is known, so nobody would look again."""
    rows = tools.database.read(
        "SELECT id FROM artworks WHERE job = ? AND caption = '' AND caption_by = '' AND deleted_at IS NULL", job.id
    )
    left = list(tools.gallery.many([row["id"] for row in rows]).values())
    for start in range(0, len(left), AT_ONCE):
        fresh = []
        for artwork in left[start : start + AT_ONCE]:
            with suppress(BadInput):  # its file has gone from a watched folder meanwhile
                fresh.append((artwork.id, small(tools.stored(artwork))))
        learn(fresh)


def _ready(tools: Tools, report: JobReport) -> Gate:
    """The gate, once something has to be looked at; raises Refused when it lets nothing through."""
    report.stage("loading")
    gate = tools.gate(tools.settings().pack, waiting=report.check)
    if gate.ready():
        raise Refused(gate.blocked())
    report.stage("importing")
    return gate


def _folder(payload: dict[str, Any], tools: Tools) -> Folder:
    if "rescan" in payload:
        return folders.get(tools.database, int(payload["rescan"]))
    try:
        path = folders.check(Path(payload["folder"]), home=tools.home)
    except BadInput:
        known = [one for one in folders.listed(tools.database) if one.path == str(payload["folder"])]
        if not known:
            raise
        return known[0]  # its disk is not plugged in, and the scan says so
    return folders.add(tools.database, path, watched=payload.get("watch") is True)


def _uploads(
    listed: list[dict[str, Any]],
    *,
    bringing: Bringing,
    tally: Tally,
    tools: Tools,
    progress: Callable[[int, int], None],
) -> None:
    items = [
        Item(
            shown_name(str(one["name"])),
            partial(tools.files.spooled, str(one["spool"])),
            int(one.get("size", 0)),
            path=shown_path(str(one["name"])),
        )
        for one in listed
    ]
    tally.total = len(items)
    tally.tick()
    progress(0, tally.total)
    with closing(bringing(items)) as batches:
        for batch in batches:
            tally.count(batch)
            progress(tally.done, tally.total)
