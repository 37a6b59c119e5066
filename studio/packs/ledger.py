"""The ledger: every host that was ever contacted, when and why, and the switch "offline". It contacts nobody itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from studio.database import Database
from studio.domain.errors import Offline

OFFLINE = (
    "Easel is offline by your own choice, so nobody was contacted ({why})."
    ' To go on, switch "offline" off on the Shelf page, under Connections.'
)


@dataclass(frozen=True)
class Contact:
    """One host and one reason: how often it was asked, first and last (Unix seconds), and the bytes that came."""

    host: str
    why: str
    times: int
    first: float
    last: float
    bytes: int


class Ledger:
    """Asked before every contact, and told afterwards how much came. `offline` says how the switch stands now."""

    def __init__(self, database: Database, *, offline: Callable[[], bool]) -> None:
        self._database = database
        self._offline = offline

    def check(self, why: str) -> None:
        """Raise Offline while the switch is on."""
        if self._offline():
            raise Offline(OFFLINE.format(why=why))

    def contact(self, host: str, why: str) -> int:
        """Write a contact down before it is made; returns its number. Raises Offline while the switch is on."""
        self.check(why)
        row = self._database.write("INSERT INTO contacts (at, host, why) VALUES (?, ?, ?)", time.time(), host, why)
        return int(row.lastrowid or 0)

    def received(self, contact: int, count: int) -> None:
        """Add bytes that came of a contact."""
        if count:
            self._database.write("UPDATE contacts SET bytes = bytes + ? WHERE id = ?", count, contact)

    def contacts(self, *, limit: int = 500) -> list[Contact]:
        """Every host ever contacted, once for each reason, the latest first."""
        rows = self._database.read(
            "SELECT host, why, count(*) AS times, min(at) AS first, max(at) AS last, sum(bytes) AS bytes FROM contacts"
            " GROUP BY host, why ORDER BY max(id) DESC LIMIT ?",
            limit,
        )
        return [Contact(**dict(row)) for row in rows]

    def release(self) -> None:
        """A thread that ends gives its connection to the database back."""
        self._database.release()
