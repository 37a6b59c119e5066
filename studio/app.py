"""Studio: everything the front may do, wired. It orders, reads, searches and configures; it never loads a model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio.domain.artwork import Artwork, Hit, Query, Why
from studio.domain.errors import Failed, Refused, WorkerLost
from studio.domain.job import Job
from studio.domain.settings import Settings
from studio.domain.verdict import Verdict
from studio.gallery.keeping.lineage import Lineage
from studio.machine import machine
from studio.orders import Orders
from studio.places import default_home

POLL = 0.05  # seconds between two looks at a job that somebody waits for


class Studio(Orders):
    """One home folder, opened: its orders, and all that is read, awaited and chosen. Safe to use from several threads."""

    # --- proposals, and where a picture comes from --------------------------------------------------------------------

    def keep(self, id: int) -> Artwork:
        """Make a proposal an artwork of the gallery; its parents, mask and settings are there already."""
        return self.gallery.keep(id)

    def discard(self, id: int) -> None:
        """Put a proposal, or any artwork, into the bin; `restore` takes it out again as what it was."""
        self.gallery.delete(id)

    def restore(self, id: int) -> None:
        """Take an artwork out of the bin."""
        self.gallery.restore(id)

    def lineage(self, id: int) -> Lineage:
        """The tree around an artwork: nodes and edges, ancestors and descendants, at most 200 pictures."""
        return self.gallery.lineage(id)

    def hits(self, job: Job) -> list[Hit]:
        """The artworks a finished search found, best first; those deleted since (of the bin: restored) are left out."""
        pairs, why = job.result.get("hits", []), job.result.get("why", {})
        binned = Query.narrowed(job.payload.get("filters", {})).in_bin
        held = self.gallery.many([id for id, _ in pairs])
        artworks = {id: one for id, one in held.items() if (one.deleted_at is not None) is binned}
        return [
            Hit(artworks[id], score, Why.from_dict(why[str(id)]) if str(id) in why else None)
            for id, score in pairs
            if id in artworks
        ]

    def search(self, query: Query, *, timeout: float = 120.0, told: Callable[[str], None] | None = None) -> list[Hit]:
        """Search and wait for the answer; without words or pictures the table answers alone, newest first.

        `told` is given a sentence where the search model has not read all pictures.
        """
        if not query.by_meaning:
            return [Hit(artwork) for artwork in self.gallery.page(query)]
        job = self.wait(self.find(query).id, timeout=timeout)
        if job.state == "refused":  # a picture to search by that the gate does not let through
            raise Refused(Verdict.from_dict(job.result["verdict"]))
        if job.state != "done":
            raise Failed(job.error or f"The search was {job.state}.")
        if told is not None and job.result.get("said"):
            told(str(job.result["said"]))
        return self.hits(job)

    # --- jobs ---------------------------------------------------------------------------------------------------

    def job(self, id: int) -> Job:
        """One job; raises BadInput when there is none of that number."""
        return self.queue.get(id)

    def watch(self, id: int) -> None:
        """Say that somebody looks at this job, so that drafts are worth making."""
        self.queue.watch(id)

    def cancel(self, id: int) -> None:
        """Ask a job to stop; it does so within one step."""
        self.queue.cancel(id)

    def again(self, id: int, *, key: str | None = None) -> Job:
        """Queue the same work once more: same recipe, same seed. The same key twice is the same job."""
        job = self.queue.again(id, key=key)
        self.supervisor.ensure()
        return job

    def to_front(self, id: int) -> None:
        """Make a waiting job the next of its lane."""
        self.queue.to_front(id)

    def seconds_left(self, job: Job) -> float | None:
        """How long a job will still take by this machine's own history; None while there is none."""
        return self.queue.seconds_left(job)

    def wait(
        self,
        id: int,
        *,
        on_change: Callable[[Job], None] | None = None,
        timeout: float | None = None,
        poll: float = POLL,
    ) -> Job:
        """Wait for a job to end, calling `on_change` whenever its row changes; raises WorkerLost after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        seen: Job | None = None
        checked = 0.0
        while True:
            job = self.queue.get(id)
            if job != seen:
                seen = job
                if on_change is not None:
                    on_change(job)
            if not job.live:
                return job
            now = time.monotonic()
            if deadline is not None and now > deadline:
                raise WorkerLost(f"Job {id} did not end within {timeout:g} s; see the Queue page or logs/worker.log.")
            if now - checked > 1.0:  # a dead worker is noticed by whoever waits
                checked = now
                self.supervisor.state()
            time.sleep(poll)

    # --- what the person chose, and what is true ----------------------------------------------------------------------

    def draft(self, name: str) -> dict[str, Any] | None:
        """What was typed on a page and not yet used; None when nothing was."""
        body = self.database.load("drafts", name)
        return body if isinstance(body, dict) else None

    def keep_draft(self, name: str, body: dict[str, Any]) -> None:
        """Keep what is typed on a page, so that a refresh, a new tab or a restart brings it back."""
        self.database.keep("drafts", name, body)

    def save_settings(self, settings: Settings) -> None:
        """Store the settings."""
        self.database.keep("settings", "settings", asdict(settings))

    def check(self) -> list[str]:
        """Everything wrong with this home folder and its packs, a sentence each: database, files, hashes, index."""
        problems = [f"The database is damaged: {problem}." for problem in self.database.problems()]
        problems += self.gallery.check()
        for pack in self.shelf.packs():
            problems += [f"Pack {pack.id}: {problem}" for problem in self.shelf.verify(pack)]
        return problems

    def facts(self) -> dict[str, Any]:
        """What the Settings page shows of this machine."""
        database = self.database.path
        files = [database, database.with_name(database.name + "-wal")]  # what is new lies in the second for a while
        return {
            "home": str(self.home),
            "free_bytes": self.files.free(),
            "database_bytes": sum(file.stat().st_size for file in files if file.exists()),
            "backups": [str(path) for path in self.database.backups()],
            "artworks": self.gallery.count(Query()),
            "binned": self.gallery.count(Query(binned=True)),
            **machine(),
        }

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()


def open_studio(home: Path | None = None) -> Studio:
    """Open the home folder (EASEL_HOME by default); loads neither torch nor streamlit nor faiss."""
    return Studio(home or default_home())
