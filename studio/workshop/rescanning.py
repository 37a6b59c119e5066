"""Has watched folders looked at again when a worker begins, so that they are watched in truth; it asks no disk itself."""

from __future__ import annotations

import time

from studio.domain.job import LIVE, Job
from studio.gallery.coming import folders
from studio.jobs.queue import Queue

REST_SECONDS = 600.0  # a folder that was looked at a moment ago is left alone


def rescan(queue: Queue) -> list[Job]:
    """Queue a scan of each watched folder that was not looked at lately; returns the jobs, marked "unasked".

    Whether a folder is there is left to the scan: a disk that is dead, or does not answer, must not keep a worker from work.
    """
    on_the_way = {job.payload.get("folder") for job in queue.list(LIVE, ("import",))}
    begun = []
    for folder in folders.listed(queue.database):
        lately = folder.scanned_at is not None and 0 <= time.time() - folder.scanned_at < REST_SECONDS
        if lately or folder.path in on_the_way:
            continue
        begun.append(queue.submit("import", {"folder": folder.path, "rescan": folder.id, "unasked": True}))
    return begun
