"""The queue: durable rows in the order they will run. It never runs one, and never loads a model."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from studio.database import Database
from studio.domain.errors import BadInput
from studio.domain.job import ENDED, LANES, Job
from studio.jobs import timings
from studio.jobs.rows import marks, to_job, where

WATCHED_SECONDS = 3.0  # a page that polls looks several times in this; a closed tab does not
LOOKS_KEPT_SECONDS = 86_400  # answers to searches are of no use a day later
PAUSE = "queue_paused"  # the name of the row in `settings`

# What is done of them is not done again, so the next worker goes on without being asked
RESUMED = ("import", "embed", "looks", "duplicates")
SEED, RESUME = "Run again with the same seed.", "Install it again: it goes on from the byte where it stopped."
INTERRUPTED = "The worker stopped while {stage}; nothing was lost. Run again with the same seed."
CRASHED = "This job crashed the worker twice, so it was set aside (the last time while {stage})."
CLOSED = "Easel was closed while {stage}; nothing was lost. Run again with the same seed."
HUNG = "The worker stopped answering while {stage}, so it was stopped and started anew. Run again with the same seed."


class Queue:
    """The table of jobs. Every method is one short transaction; any process may call any of them.

    Raises BadInput for a job or a kind that does not exist.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    # ---------------------------------------------------------------- what the front does

    def submit(self, kind: str, payload: dict[str, Any], *, key: str | None = None, attempts: int = 0) -> Job:
        """Put a job at the end of its lane. The same key twice is the same job: a double click makes one."""
        if kind not in LANES:
            raise BadInput("kind", f"There is no kind of job named {kind!r}; choose one of {', '.join(LANES)}.")
        with self.database.transaction() as connection:
            if key is not None:
                row = connection.execute("SELECT * FROM jobs WHERE key = ?", (key,)).fetchone()
                if row:
                    return to_job(row)
            row = connection.execute(
                "INSERT INTO jobs (kind, lane, place, key, payload, attempts, created_at)"
                " VALUES (?, ?, (SELECT coalesce(max(place), 0) + 1 FROM jobs), ?, ?, ?, ?) RETURNING *",
                (kind, LANES[kind], key, json.dumps(payload), attempts, time.time()),
            ).fetchone()
        return to_job(row)

    def get(self, id: int) -> Job:
        """One job."""
        row = self.database.one("SELECT * FROM jobs WHERE id = ?", id)
        if row is None:
            raise BadInput("job", f"There is no job {id}; the Queue page lists them.")
        return to_job(row)

    def list(
        self, states: Sequence[str] = (), kinds: Sequence[str] = (), limit: int = 100, offset: int = 0
    ) -> list[Job]:
        """Running jobs first, then the waiting in the order they will run, then the ended, newest first."""
        condition, values = where(states, kinds)
        rows = self.database.read(
            f"SELECT * FROM jobs {condition} ORDER BY CASE state WHEN 'running' THEN 0 WHEN 'waiting' THEN 1 ELSE 2 END,"
            " CASE state WHEN 'waiting' THEN place ELSE -id END, id LIMIT ? OFFSET ?",
            *values,
            limit,
            offset,
        )
        return [to_job(row) for row in rows]

    def count(self, states: Sequence[str] = (), kinds: Sequence[str] = ()) -> int:
        """How many jobs are in these states (all of them without any)."""
        condition, values = where(states, kinds)
        row = self.database.one(f"SELECT count(*) FROM jobs {condition}", *values)
        return int(row[0]) if row else 0

    def cancel(self, id: int) -> None:
        """Stop a job: at once while it waits, within one step while it runs; nothing happens to an ended one."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', cancel = 1, ended_at = ?, error = 'Cancelled before it began.'"
                " WHERE id = ? AND state = 'waiting'",
                (time.time(), id),
            )
            connection.execute("UPDATE jobs SET cancel = 1 WHERE id = ? AND state = 'running'", (id,))

    def to_front(self, id: int) -> None:
        """Make a waiting job the next of its lane."""
        self.database.write(
            "UPDATE jobs SET place = (SELECT min(place) - 1 FROM jobs) WHERE id = ? AND state = 'waiting'", id
        )

    def move(self, id: int, *, before: int) -> None:
        """Put a waiting job just before another waiting one."""
        with self.database.transaction() as connection:
            other = connection.execute(
                "SELECT place FROM jobs WHERE id = ? AND state = 'waiting'", (before,)
            ).fetchone()
            if other is None or id == before:
                return
            earlier = connection.execute(
                "SELECT max(place) FROM jobs WHERE place < ? AND state = 'waiting' AND id <> ?", (other["place"], id)
            ).fetchone()[0]
            place = other["place"] - 1 if earlier is None else (earlier + other["place"]) / 2
            connection.execute("UPDATE jobs SET place = ? WHERE id = ? AND state = 'waiting'", (place, id))

    def again(self, id: int, *, key: str | None = None) -> Job:
        """Submit the same payload anew: the same seed, so the same pictures. The same key twice is the same job.

        The new job inherits how many workers died with the old one, so that a job that crashes the worker is set aside
        the second time instead of taking it down for ever.
        """
        job = self.get(id)
        attempts = job.attempts if job.state == "interrupted" else 0
        return self.submit(job.kind, job.payload, key=key, attempts=attempts)

    def forget(self, id: int) -> None:
        """Remove an ended job from the list; its artworks stay."""
        self.database.write(f"DELETE FROM jobs WHERE id = ? AND state IN ({marks(ENDED)})", id, *ENDED)

    def watch(self, id: int) -> None:
        """Say that somebody looks at this job, so that drafts are worth making."""
        now = time.monotonic()
        row = self.database.one("SELECT watched_at FROM jobs WHERE id = ? AND state IN ('waiting', 'running')", id)
        if row and not (row["watched_at"] and 0 <= now - row["watched_at"] < 1):  # one write a second is enough
            self.database.write("UPDATE jobs SET watched_at = ? WHERE id = ?", now, id)

    def ahead(self, id: int) -> int:
        """How many jobs of the same lane run or wait before this one; 0 once it runs."""
        row = self.database.one(
            "SELECT count(*) FROM jobs other JOIN jobs mine ON mine.id = ? WHERE mine.state = 'waiting'"
            " AND other.lane = mine.lane AND (other.state = 'running'"
            " OR (other.state = 'waiting' AND (other.place, other.id) < (mine.place, mine.id)))",
            id,
        )
        return int(row[0]) if row else 0

    # ---------------------------------------------------------------- forecasts

    def record_timing(
        self, subject: str, work: float, seconds: float, *, peak: int | None = None, estimate: int | None = None
    ) -> None:
        """Remember what `work` units of this subject took: see `timings.record`."""
        timings.record(self.database, subject, work, seconds, peak=peak, estimate=estimate)

    def seconds_left(self, job: Job) -> float | None:
        """Seconds until this job ends, from this machine's own history; None without any. Never negative."""
        return timings.seconds_left(self.database, job)

    def foretold(self, kind: str, payload: dict[str, Any]) -> float | None:
        """Seconds that such a job would take, from this machine's own history; None without any."""
        return timings.foretold(self.database, kind, payload)

    # ---------------------------------------------------------------- what the worker does

    def claim(self, lane: str, worker: str) -> Job | None:
        """Take the next job of a lane, if any; nobody else gets the same one. None while the paint lane is paused."""
        if lane == "paint" and self.paused():
            return None
        waiting = "SELECT id FROM jobs WHERE lane = ? AND state = 'waiting' ORDER BY place, id LIMIT 1"
        if self.database.one(waiting, lane) is None:  # a plain read, so that an idle worker never takes the write lock
            return None
        with self.database.transaction() as connection:
            row = connection.execute(
                f"UPDATE jobs SET state = 'running', worker = ?, started_at = ? WHERE id = ({waiting}) RETURNING *",
                (worker, time.time(), lane),
            ).fetchone()
        return to_job(row) if row else None

    def progress(
        self,
        id: int,
        done: int,
        total: int,
        *,
        stage: str | None = None,
        preview: str | None = None,
        result: dict[str, Any] | None = None,
    ) -> bool:
        """Write how far a running job is; True if it should stop (cancelled, or no longer ours)."""
        row = self.database.write(
            "UPDATE jobs SET done = ?, total = ?, stage = coalesce(?, stage), preview = coalesce(?, preview),"
            " result = coalesce(?, result) WHERE id = ? AND state = 'running'",
            done,
            total,
            stage,
            preview,
            None if result is None else json.dumps(result),
            id,
        )
        return row.rowcount == 0 or self.cancelled(id)

    def cancelled(self, id: int) -> bool:
        """Whether a running job should stop; a plain read, cheap enough for every step."""
        row = self.database.one("SELECT cancel, state FROM jobs WHERE id = ?", id)
        return row is None or bool(row["cancel"]) or row["state"] != "running"

    def watched(self, id: int) -> bool:
        """Whether somebody looked at this job in the last three seconds."""
        row = self.database.one("SELECT watched_at FROM jobs WHERE id = ?", id)
        return bool(row and row["watched_at"] and 0 <= time.monotonic() - row["watched_at"] < WATCHED_SECONDS)

    def finish(
        self,
        id: int,
        state: str,
        *,
        result: dict[str, Any] | None = None,
        error: str = "",
        seconds: float | None = None,
    ) -> bool:
        """End a running job; False (and nothing written) if somebody else already ended it."""
        if state not in ENDED:
            raise ValueError(f"{state} is not how a job ends")
        cursor = self.database.write(
            "UPDATE jobs SET state = ?, result = coalesce(?, result), error = ?, ended_at = ?, seconds = ?, preview = ''"
            " WHERE id = ? AND state = 'running'",
            state,
            None if result is None else json.dumps(result),
            error,
            time.time(),
            seconds,
            id,
        )
        return cursor.rowcount == 1

    def lost(self, *, alive: str = "", hung: bool = False, blame: bool = True) -> tuple[Job, ...]:
        """End the running jobs of every worker but `alive`; return them as they are now.

        The first death leaves a job `interrupted`, or waiting where it goes on by itself; a job that was there at two deaths is
        `failed` and set aside. A hung worker fails its jobs at once. `blame=False` for a worker that ends on request. Waiting
        jobs are not touched, so they keep their order.
        """
        running = "SELECT * FROM jobs WHERE state = 'running' AND worker IS NOT ?"
        if self.database.one(running, alive) is None:  # pages ask often; a plain read takes no lock
            return ()
        with self.database.transaction() as connection:
            rows = connection.execute(running, (alive,)).fetchall()
            for row in rows:
                stage = row["stage"] or "working"
                attempts = row["attempts"] + blame
                if hung:
                    state, error = "failed", said(HUNG, row["kind"], stage)
                elif not blame:
                    state, error = "interrupted", said(CLOSED, row["kind"], stage)
                elif attempts > 1:
                    state, error = "failed", said(CRASHED, row["kind"], stage)
                else:
                    state, error = "interrupted", said(INTERRUPTED, row["kind"], stage)
                if row["cancel"]:
                    state, error = "cancelled", "Cancelled."
                if state == "interrupted" and row["kind"] in RESUMED:
                    self._wait_again(connection, row["id"], attempts)
                    continue
                connection.execute(
                    "UPDATE jobs SET state = ?, error = ?, attempts = ?, ended_at = ?, preview = '' WHERE id = ?",
                    (state, error, attempts, time.time(), row["id"]),
                )
        return tuple(self.get(row["id"]) for row in rows)

    def resume_later(self, id: int) -> bool:
        """Let a running job that was interrupted wait for the next worker, if it is one that goes on; False if it is not."""
        with self.database.transaction() as connection:
            row = connection.execute(
                "SELECT kind, attempts, cancel FROM jobs WHERE id = ? AND state = 'running'", (id,)
            )
            job = row.fetchone()
            if job is None or job["kind"] not in RESUMED or job["cancel"]:
                return False
            self._wait_again(connection, id, job["attempts"])
        return True

    def _wait_again(self, connection: Any, id: int, attempts: int) -> None:
        connection.execute(
            "UPDATE jobs SET state = 'waiting', worker = NULL, started_at = NULL, attempts = ?, stage = '', preview = ''"
            " WHERE id = ?",
            (attempts, id),
        )

    def tidy(self) -> None:
        """Forget ended searches, other looks and unasked scans of yesterday; paint and import jobs stay as history."""
        self.database.write(
            "DELETE FROM jobs WHERE (lane = 'look' OR (kind = 'import' AND json_extract(payload, '$.unasked')))"
            f" AND state IN ({marks(ENDED)}) AND created_at < ?",
            *ENDED,
            time.time() - LOOKS_KEPT_SECONDS,
        )

    # ---------------------------------------------------------------- pause

    def pause(self, reason: str) -> None:
        """Stop claiming paint jobs until `resume`; the reason is shown on the pages."""
        self.database.keep("settings", PAUSE, {"reason": reason})

    def resume(self) -> None:
        """Go on claiming."""
        self.database.write("DELETE FROM settings WHERE name = ?", PAUSE)

    def paused(self) -> str:
        """Why the queue is paused; empty when it is not."""
        body = self.database.load("settings", PAUSE)
        return str(body["reason"]) if body else ""

    # ---------------------------------------------------------------- the worker's own row

    def beat(self, worker: str, state: str, *, pid: int, note: str = "", device: str = "") -> None:
        """Write what the worker is doing; one row, the living one's."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM workers WHERE name <> ?", (worker,))
            connection.execute(
                "INSERT INTO workers (name, pid, state, device, note, started_at, beat) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET state = excluded.state, device = excluded.device,"
                " note = excluded.note, beat = excluded.beat",
                (worker, pid, state, device, note, time.time(), time.monotonic()),
            )

    def worker(self) -> Mapping[str, Any] | None:
        """The row of the last worker that wrote one: name, pid, state, device, note, started_at, beat."""
        row = self.database.one("SELECT * FROM workers ORDER BY started_at DESC LIMIT 1")
        return dict(row) if row else None


def said(sentence: str, kind: str, stage: str) -> str:
    """Why a job ended, for its kind: what is painted has a seed, what is fetched a byte where it stopped."""
    if kind in RESUMED:
        return sentence.format(stage=stage).replace(SEED, "Run it again: it goes on where it stopped.")
    if kind != "install":
        return sentence.format(stage=stage)
    return sentence.format(stage=stage.partition(",")[0]).replace(SEED, RESUME)
