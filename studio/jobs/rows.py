"""Between the table of jobs and the noun: filters to SQL, a row to a Job. It runs no statement itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from studio.domain.job import Job


def where(states: Sequence[str], kinds: Sequence[str]) -> tuple[str, list[str]]:
    """The WHERE clause of these states and kinds, and its values; empty where both are."""
    parts = []
    if states:
        parts.append(f"state IN ({marks(states)})")
    if kinds:
        parts.append(f"kind IN ({marks(kinds)})")
    return ("WHERE " + " AND ".join(parts) if parts else "", [*states, *kinds])


def marks(values: Sequence[str]) -> str:
    """As many question marks as values."""
    return ", ".join("?" * len(values))


def to_job(row: Any) -> Job:
    """A row of the table as the noun."""
    return Job(
        id=row["id"],
        kind=row["kind"],
        lane=row["lane"],
        state=row["state"],
        payload=json.loads(row["payload"]),
        done=row["done"],
        total=row["total"],
        stage=row["stage"],
        preview=row["preview"],
        cancel=bool(row["cancel"]),
        result=json.loads(row["result"]),
        error=row["error"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        seconds=row["seconds"],
    )
