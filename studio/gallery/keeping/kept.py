"""Answers kept while the gallery stands still, by a counter that triggers keep, so in every process. It asks nothing itself."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from studio.database import Database

Answer = TypeVar("Answer")
MOST = 64  # answers
MOST_NUMBERS = 1_000  # which need no room beside answers that hold a hundred thousand pictures
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
        self._numbers: dict[Hashable, _Held] = {}
        self._rest = 0.0  # until when no number that takes long is found anew

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

    def numbers(
        self, asked: Mapping[Hashable, Callable[[], int | None]], *, seconds: float
    ) -> dict[Hashable, int | None]:
        """Many small answers, of which no more are found anew than fit into so many seconds: the rest is old, or not there yet.

        What was found longest ago comes first the next time, so all come right in turn. Those that alone take longer than that
        are found anew one at a time, with rests of 20 times as long between them: a twentieth of the time at most.
        """
        changes, began = self.changes(), time.monotonic()
        with self._lock:
            held = {one: self._numbers[one] for one in asked if one in self._numbers}
        stale = sorted(
            (one for one in asked if one not in held or held[one].changes != changes),
            key=lambda one: held[one].at if one in held else float("-inf"),
        )
        for one in stale:
            now, before = time.monotonic(), held.get(one)
            if now - began > seconds:
                break
            if before is not None and before.seconds > seconds and now < self._rest:
                continue
            held[one] = _Held(asked[one](), changes, now, time.monotonic() - now)
            if held[one].seconds > seconds:
                self._rest = now + PATIENCE * held[one].seconds
        with self._lock:
            self._numbers |= {one: held[one] for one in stale if one in held}
            for one in list(self._numbers)[: max(0, len(self._numbers) - MOST_NUMBERS)]:
                del self._numbers[one]
        return {one: held[one].answer for one in asked if one in held}
