"""What earlier jobs took on this machine, time and memory, and what that says of the next. It guesses nothing without."""

from __future__ import annotations

import time
from typing import Any

from studio.database import Database
from studio.domain.job import Job
from studio.jobs import forecast
from studio.jobs.rows import to_job


def record(
    database: Database,
    subject: str,
    work: float,
    seconds: float,
    *,
    peak: int | None = None,
    estimate: int | None = None,
) -> None:
    """Remember that `work` units of this subject took so many seconds (by a monotonic clock).

    `peak` is how many bytes more were held at the worst moment than when it began, `estimate` what was foretold of that;
    None where it was not measured.
    """
    if work <= 0 or seconds < 0:
        return
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO timings (subject, work, seconds, at, peak, estimate) VALUES (?, ?, ?, ?, ?, ?)",
            (subject, work, seconds, time.time(), peak, estimate),
        )
        connection.execute(
            "DELETE FROM timings WHERE subject = ? AND id NOT IN"
            " (SELECT id FROM timings WHERE subject = ? ORDER BY id DESC LIMIT ?)",
            (subject, subject, forecast.HISTORY),
        )


def seconds_left(database: Database, job: Job) -> float | None:
    """Seconds until this job ends, with those before it in its lane; None where history says nothing. Never negative."""
    if not job.live:
        return 0.0
    own = _own_seconds_left(database, job)
    if job.state == "running" or own is None:
        return own
    rows = database.read(
        "SELECT * FROM jobs WHERE lane = ? AND id <> ? AND (state = 'running' OR (state = 'waiting'"
        " AND (place, id) < (SELECT place, id FROM jobs WHERE id = ?)))",
        job.lane,
        job.id,
        job.id,
    )
    before = [_own_seconds_left(database, to_job(row)) for row in rows]
    known = [seconds for seconds in before if seconds is not None]
    return own + sum(known) if len(known) == len(before) else None


def foretold(database: Database, kind: str, payload: dict[str, Any]) -> float | None:
    """Seconds that such a job takes here, from when it runs to its end; None without history."""
    subject, work = forecast.subject_and_work(kind, payload)
    return forecast.expected(_per_unit(database, subject), work)


def shares(database: Database, subject: str, *, pack: str = "") -> list[float]:
    """Measured memory over the estimate of the last runs of a subject; where there are none, of all that begin with `pack`."""
    measured = "SELECT 1.0 * peak / estimate AS share FROM timings WHERE peak > 0 AND estimate > 0"
    last = "ORDER BY id DESC LIMIT ?"
    rows = database.read(f"{measured} AND subject = ? {last}", subject, forecast.HISTORY)
    if not rows and pack:
        rows = database.read(f"{measured} AND substr(subject, 1, ?) = ? {last}", len(pack), pack, forecast.HISTORY)
    return [row["share"] for row in rows]


def _own_seconds_left(database: Database, job: Job) -> float | None:
    if job.kind == "import" and isinstance(job.result.get("left"), int | float):
        return max(0.0, float(job.result["left"]))  # by how fast it goes now: files differ more than days do
    subject, work = forecast.subject_and_work(job.kind, job.payload)
    if job.kind == "import" and job.total:
        work = job.total  # a folder is counted only when the worker has walked it
    return forecast.left(forecast.expected(_per_unit(database, subject), work), job.done, job.total)


def _per_unit(database: Database, subject: str) -> list[float]:
    rows = database.read(
        "SELECT seconds / work AS per_unit FROM timings WHERE subject = ? ORDER BY id DESC LIMIT ?",
        subject,
        forecast.HISTORY,
    )
    return [row["per_unit"] for row in rows]
