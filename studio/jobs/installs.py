"""Installs: what the front may do about packs that are not here yet. It fetches nothing itself; jobs of the lane "fetch" do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from studio.domain.errors import BadInput
from studio.domain.job import LIVE, Job
from studio.jobs.queue import Queue
from studio.packs.journal import fetched, throw_away
from studio.packs.ledger import Contact, Ledger
from studio.packs.manifest import Manifest
from studio.packs.shelf import Shelf

KIND = "install"


class Submit(Protocol):
    """Puts a job in the queue and sees that somebody works on it. The same key twice is the same job."""

    def __call__(self, kind: str, payload: dict[str, Any], *, key: str | None = None) -> Job: ...


class Installs:
    """The packs on their way, of one home."""

    def __init__(self, *, home: Path, shelf: Shelf, queue: Queue, ledger: Ledger, submit: Submit) -> None:
        self._home, self._shelf, self._queue, self._ledger, self._submit = home, shelf, queue, ledger, submit

    def start(self, id: str, *, key: str | None = None) -> Job:
        """Queue the installation of a pack, and of what it needs; goes on where an earlier one stopped.

        A pack that is on its way already keeps its job: a double click makes one. Raises PackMissing for an unknown pack,
        BadInput for one that does not come from the hub, Offline while the switch is on.
        """
        manifest = self._shelf.manifest(id)
        needed = self._shelf.lacks(manifest)
        for one in (manifest, *needed):
            if one.source is None:
                raise BadInput(
                    "pack",
                    f"{one.name} does not come from the hub; bring it from a folder or a file on the Shelf page.",
                )
        self._ledger.check(f"to install {manifest.name}")
        for one in needed:
            self._queued(one)
        return self._queued(manifest, key=key)

    def _queued(self, manifest: Manifest, *, key: str | None = None) -> Job:
        payload = {"pack": manifest.id, "name": manifest.name}
        return self.job(manifest.id) or self._submit(KIND, payload, key=key)

    def live(self) -> dict[str, Job]:
        """Pack -> the job that installs it at the moment, or waits to; those that were paused and only end are left out."""
        jobs = self._queue.list(LIVE, (KIND,), limit=1_000)
        return {str(job.payload.get("pack")): job for job in reversed(jobs) if not job.cancel}

    def job(self, id: str) -> Job | None:
        """The job that installs a pack at the moment, or waits to; None when none does."""
        return self.live().get(id)

    def pause(self, id: str) -> None:
        """Stop fetching a pack; what came stays, and `start` goes on from that byte."""
        job = self.job(id)
        if job is not None:
            self._queue.cancel(job.id)

    def throw_away(self, id: str) -> bool:
        """Stop fetching a pack and delete what came; False where the one who writes it will delete it in a moment."""
        self._shelf.manifest(id)  # raises for what is no pack
        self.pause(id)
        return throw_away(self._home, id)

    def fetched(self, id: str) -> tuple[int, int]:
        """(bytes here, bytes in all) of a pack on its way; (0, 0) for one that is not."""
        return fetched(self._home, id)

    def contacts(self, *, limit: int = 500) -> list[Contact]:
        """Every host ever contacted and why, the latest first."""
        return self._ledger.contacts(limit=limit)
