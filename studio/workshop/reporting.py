"""The Report of a running job: writes progress to its row, hears Cancel, makes drafts when watched. It computes nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from studio.domain.errors import Cancelled, EaselError
from studio.domain.job import Job
from studio.domain.verdict import Cleared
from studio.gallery.files import Files
from studio.jobs.queue import Queue

WRITE_SECONDS = 0.15  # each write is an fsync; a page looks every 0.3 s
DRAFT_SECONDS = 0.35


class Stopped(Exception):
    """The worker was asked to end; its jobs become interrupted, without blame."""


class JobReport:
    """What a job calls as it goes. Call it with (done, total, draft); a draft must give a Cleared, or None.

    Raises Cancelled when somebody pressed Cancel and Stopped when the worker ends; `alive` is called at every sign of life.
    """

    def __init__(
        self,
        job: Job,
        *,
        queue: Queue,
        files: Files,
        alive: Callable[[], None],
        stopping: Callable[[], bool],
        previews: bool = True,
    ) -> None:
        self.job = job
        self.result: dict[str, Any] = {}
        self._queue, self._files = queue, files
        self._alive, self._stopping, self._previews = alive, stopping, previews
        self._done, self._total, self._stage = 0, 0, ""
        self._written = self._drafted = float("-inf")
        self._drafts: list[str] = []

    def __call__(self, done: int, total: int, draft: Callable[[], Any] | None = None) -> None:
        self._done, self._total = done, total
        self.check()
        now = time.monotonic()
        preview = self._draft(draft) if draft and now - self._drafted >= DRAFT_SECONDS else None
        if preview or now - self._written >= WRITE_SECONDS:
            self._write(preview=preview)

    def check(self) -> None:
        """Raise if this job should stop; a plain read."""
        self._alive()
        if self._stopping():
            raise Stopped
        if self._queue.cancelled(self.job.id):
            raise Cancelled("Cancelled.")

    def stage(self, words: str) -> None:
        """Say in a few words what is done now: "painting", "checking"."""
        self.check()
        if words != self._stage:
            self._stage = words
            self._write()

    def partial(self, result: dict[str, Any]) -> None:
        """Show what is finished so far; it stays if the job is cut short."""
        self.result = result
        self.check()
        self._write()

    def close(self) -> None:
        """Take the drafts away."""
        for name in self._drafts:
            with contextlib.suppress(EaselError):
                self._files.drop_preview(name)
        self._drafts.clear()

    def _write(self, *, preview: str | None = None) -> None:
        self._written = time.monotonic()
        self._queue.progress(
            self.job.id, self._done, self._total, stage=self._stage, preview=preview, result=self.result or None
        )

    def _draft(self, draft: Callable[[], Any]) -> str | None:
        if not self._previews or not self._queue.watched(self.job.id):
            return None
        self._drafted = time.monotonic()
        cleared = draft()
        if not isinstance(cleared, Cleared):
            return None
        with contextlib.suppress(EaselError):  # a full disk may cost a draft; the picture itself will say so
            name = self._files.preview(cleared, f"job-{self.job.id}-{len(self._drafts)}-{time.monotonic_ns() % 10**9}")
            if len(self._drafts) > 1:  # the one before may be on its way to a page
                self._files.drop_preview(self._drafts.pop(0))
            self._drafts.append(name)
            return name
        return None
