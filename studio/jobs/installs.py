"""Installs: what the front may do about packs that are not here yet. It fetches nothing itself; jobs of the lane "fetch" do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.domain.errors import BadInput
from studio.domain.job import LIVE, Job
from studio.jobs.queue import Queue
from studio.packs.journal import fetched, throw_away
from studio.packs.ledger import Contact, Ledger
from studio.packs.manifest import Manifest
from studio.packs.shelf import Shelf

KIND = "install"
Submit = Callable[[str, dict[str, Any]], Job]


class Installs:
    """The packs on their way, of one home. `submit` puts a job in the queue and sees that somebody works on it."""

    def __init__(self, *, home: Path, shelf: Shelf, queue: Queue, ledger: Ledger, submit: Submit) -> None:
        self._home, self._shelf, self._queue, self._ledger, self._submit = home, shelf, queue, ledger, submit

    def start(self, id: str) -> Job:
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
        return self._queued(manifest)

    def _queued(self, manifest: Manifest) -> Job:
        return self.job(manifest.id) or self._submit(KIND, {"pack": manifest.id, "name": manifest.name})

    def job(self, id: str) -> Job | None:
        """The job that installs a pack at the moment, or waits to; None when none does."""
        live = self._queue.list(LIVE, (KIND,), limit=1_000)
        return next((job for job in live if job.payload.get("pack") == id and not job.cancel), None)

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
