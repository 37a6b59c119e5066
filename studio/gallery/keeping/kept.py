"""Answers kept while the gallery stands still, by a counter that triggers keep, so in every process. It asks nothing itself."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from studio.database import Database

Answer = TypeVar("Answer")
MOST = 64  # answers
DEAR = 0.05  # seconds; what takes longer may be old for a while, where that is allowed
PATIENCE = 20  # times as long as it took


@dataclass(frozen=True)
class _Held:
    answer: Any
    changes: int
    at: float
    seconds: float


class Kept:
    """Answers by what was asked. Safe to use from threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()

    def changes(self) -> int:
        """A number that is another one after every change of artworks, tags and collections, whoever made it."""
        row = self._database.one("SELECT changes FROM gallery_counter")
        return int(row[0]) if row else 0

    def get(self, asked: Hashable, find: Callable[[], Answer], *, old: bool = False) -> Answer:
        """What `find` gave for this question since the last change, or gives now.

        With `old`, an answer that takes more than 50 ms may be older than that, by at most 20 times as long as it takes: so
        that an import of an hour does not make every rerun of a page count a hundred thousand pictures.
        """
        changes, now = self.changes(), time.monotonic()
        with self._lock:
            held = self._held.get(asked)
            if held is not None:
                waits = old and held.seconds > DEAR and now - held.at < PATIENCE * held.seconds
                if held.changes == changes or waits:
                    self._held.move_to_end(asked)
                    answer: Answer = held.answer
                    return answer
        found = find()
        seconds = time.monotonic() - now
        with self._lock:
            self._held[asked] = _Held(found, changes, now, seconds)
            self._held.move_to_end(asked)
            while len(self._held) > MOST:
                self._held.popitem(last=False)
        return found
