"""Has watched folders looked at again while the worker rests, so that they are watched in truth; it asks no disk itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from studio.domain.errors import BadInput
from studio.domain.job import LIVE, Job
from studio.gallery.coming import folders
from studio.jobs.queue import Queue

LOOK_SECONDS = 15.0  # from one question whether a folder is due to the next
QUIET_SECONDS = 60.0  # that a scan which found nothing new stays in the list, for whoever waits for it


class Rounds:
    """When each watched folder is looked at again: one at a time, and only while nothing else is to be done.

    `clock` is monotonic, `now` Unix time, both in seconds. Whether a folder is there is left to the scan: a disk that is dead,
    or does not answer, must not keep a worker from work.
    """

    def __init__(
        self, queue: Queue, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self._queue, self._clock, self._now = queue, clock, now
        self._looked = float("-inf")
        self._begun: dict[
            int, float
        ] = {}  # folder -> when a scan of it was queued last, for those that cannot be scanned
        self._jobs: list[int] = []

    def __call__(self, *, minutes: Callable[[], int], idle: Callable[[], bool]) -> Job | None:
        """Queue the scan that is due, marked "unasked", if one is; None for none. 0 minutes are never."""
        if self._clock() - self._looked < LOOK_SECONDS:
            return None
        self._looked = self._clock()
        self._forget()
        rest = 60.0 * minutes()
        if not rest or not idle() or self._queue.count(LIVE):
            return None
        due = [folder for folder in folders.scanned(self._queue.database) if self._due(*folder, rest=rest)]
        if not due:
            return None
        id, path, _ = min(due, key=lambda folder: (self._begun.get(folder[0], 0.0), folder[2] or 0.0))
        self._begun[id] = self._clock()
        job = self._queue.submit("import", {"folder": path, "rescan": id, "unasked": True})
        self._jobs.append(job.id)
        return job

    def _due(self, id: int, path: str, scanned_at: float | None, *, rest: float) -> bool:
        if id in self._begun and self._clock() - self._begun[id] < rest:
            return False
        return scanned_at is None or not 0 <= self._now() - scanned_at < rest  # a clock that was set back is no rest

    def _forget(self) -> None:
        """Take the scans off the list that found nothing new: a line every ten minutes would bury all others."""
        for id in list(self._jobs):
            try:
                job = self._queue.get(id)
            except BadInput:  # somebody took it off
                self._jobs.remove(id)
                continue
            if job.live or (job.ended_at is not None and 0 <= self._now() - job.ended_at < QUIET_SECONDS):
                continue
            self._jobs.remove(id)
            if job.state == "done" and not job.result.get("news"):
                self._queue.forget(id)
