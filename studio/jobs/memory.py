"""Foretells what a recipe takes on this machine, memory and seconds, and how it could take less. It measures nothing itself."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import machine
from studio.database import Database
from studio.domain.recipe import SIZE_STEP, Recipe
from studio.jobs import forecast, lock, timings
from studio.packs.needs import Glance, Needs, Place, needs
from studio.packs.shelf import Shelf

DEVICE = "device"  # the name of the row in `settings` in which the worker says what it paints on
LEARNED = (0.2, 5.0)  # history may correct the activations within these bounds; beyond them something else was measured
SHRINKS = (0.75, 0.5)  # of a side: sizes that are tried beside those that the pack offers
LEAST_SIDE = 64


@dataclass(frozen=True)
class Forecast:
    """What a recipe will take here. needed, free: bytes, of which `free` counts what the worker holds of it already.

    `seconds` is None without history; `learned` says that the bytes were corrected by it. `kind` is the device's.
    """

    needed: int
    free: int
    seconds: float | None
    kind: str
    learned: bool = False
    offload: bool = False

    @property
    def fits(self) -> bool:
        """Whether there is room for it now."""
        return self.needed <= self.free


@dataclass(frozen=True)
class Way:
    """One way to make a recipe fit: `kind` is "smaller", "fewer" or "offload"; the recipe that fits, and the bytes it takes.

    With `offload` it fits only when it is painted in the way that needs less memory.
    """

    kind: str
    recipe: Recipe
    needed: int
    offload: bool = False


class Foresight:
    """Looks at the shelf, the device and the history once, and foretells any number of recipes from that."""

    def __init__(self, database: Database, shelf: Shelf, home: Path) -> None:
        self._database, self._shelf = database, Glance(shelf)
        self.place = place(database, home)

    def forecast(
        self, recipe: Recipe, *, offload: bool = False, source_size: tuple[int, int] | None = None
    ) -> Forecast | None:
        """What a recipe will take; None before the first worker said where it paints, or for a pack that cannot be read."""
        if self.place is None:
            return None
        correction = self._correction(recipe)
        found = self._needs(recipe, self.place, correction, offload=offload, source_size=source_size)
        if found is None:
            return None
        payload = forecast.painting(recipe, source_size=source_size, offload=offload)
        return Forecast(
            needed=found.total,
            free=self.place.has_for(found.parts),
            seconds=timings.foretold(self._database, "paint", payload),
            kind=self.place.kind,
            learned=correction is not None,
            offload=offload,
        )

    def ways(self, recipe: Recipe, *, offload: bool = False, source_size: tuple[int, int] | None = None) -> list[Way]:
        """What would make a recipe fit that does not: a smaller picture, fewer at once, the way that needs less memory.

        Each is there only where it helps by itself; where none does, together with the last, if that helps.
        """
        found = list(self._ways(recipe, offload, source_size))
        if not found and not offload:
            found = [way for way in self._ways(recipe, True, source_size) if way.kind == "smaller"]
        return found

    def _ways(self, recipe: Recipe, offload: bool, source_size: tuple[int, int] | None) -> Iterator[Way]:
        for kind, tries in self._tries(recipe).items():
            for one in tries:
                needed = self._fitting(one, offload=offload, source_size=source_size)
                if needed is not None:
                    yield Way(kind, one, needed, offload)
                    break
        if not offload:
            needed = self._fitting(recipe, offload=True, source_size=source_size)
            if needed is not None:
                yield Way("offload", recipe, needed, True)

    def _tries(self, recipe: Recipe) -> dict[str, Sequence[Recipe]]:
        """Changes of a recipe that take less, those that change least first."""
        smaller = [dataclasses.replace(recipe, width=wide, height=high) for wide, high in self._sizes(recipe)]
        if recipe.hires > 1:
            smaller.insert(0, dataclasses.replace(recipe, hires=1.0))
        fewer = [dataclasses.replace(recipe, count=count) for count in range(recipe.count - 1, 0, -1)]
        return {"smaller": smaller, "fewer": fewer}

    def _sizes(self, recipe: Recipe) -> list[tuple[int, int]]:
        """Smaller sizes, the largest first: those that the pack offers, and the same shape shrunk."""
        area, offered = recipe.width * recipe.height, self._shelf.get(recipe.pack).manifest.sizes
        shrunk = [(_shrunk(recipe.width, share), _shrunk(recipe.height, share)) for share in SHRINKS]
        sizes = {*offered, *(size for size in shrunk if min(size) >= LEAST_SIDE)}
        return sorted((one for one in sizes if one[0] * one[1] < area), key=lambda one: (-one[0] * one[1], one))

    def _fitting(self, recipe: Recipe, *, offload: bool, source_size: tuple[int, int] | None) -> int | None:
        """What a recipe takes, in bytes; None where that is more than there is."""
        if self.place is None:
            return None
        found = self._needs(recipe, self.place, self._correction(recipe), offload=offload, source_size=source_size)
        return found.total if found is not None and found.total <= self.place.has_for(found.parts) else None

    def _needs(
        self,
        recipe: Recipe,
        where: Place,
        correction: float | None,
        *,
        offload: bool,
        source_size: tuple[int, int] | None,
    ) -> Needs | None:
        return needs(recipe, self._shelf, where, offload=offload, correction=correction or 1.0, source_size=source_size)

    def _correction(self, recipe: Recipe) -> float | None:
        subject, _ = forecast.subject_and_work("paint", {"recipe": recipe.to_dict()})
        return correction(timings.shares(self._database, subject, pack=f"paint:{recipe.pack}:"))


def correction(shares: Sequence[float]) -> float | None:
    """What to multiply the estimated activations with, from measured over estimated of past runs; None without any."""
    return min(LEARNED[1], max(LEARNED[0], statistics.median(shares))) if shares else None


# --- the device, as the worker tells of it ---------------------------------------------------------------------------------


def tell(database: Database, device: Mapping[str, Any]) -> None:
    """Keep what the worker says of its device: kind, name, pid; free, total, own: bytes; held: key -> bytes; leaving: keys."""
    database.keep("settings", DEVICE, dict(device))


def told(database: Database) -> dict[str, Any]:
    """What the worker said of its device last; empty before the first did."""
    body = database.load("settings", DEVICE)
    return body if isinstance(body, dict) else {}


def place(database: Database, home: Path, *, memory: Callable[[], tuple[int, int]] | None = None) -> Place | None:
    """Where is painted and what is free there now; None before the first worker said so.

    Of a GPU that is what the worker saw after its last job, and when it has ended, what it gave back as well. Main memory is
    read anew.
    """
    said = told(database)
    try:
        kind, alive = str(said["kind"]), _lives(home, int(said["pid"]))
        held = {str(key): int(size) for key, size in said.get("held", {}).items()} if alive else {}
        leaving = frozenset(str(key) for key in said.get("leaving", ()))
        if kind == "cuda":
            free, total = int(said["free"]), int(said["total"])
            free = free if alive else min(total, free + int(said.get("own", 0)))
        else:
            free, total = (memory or machine.memory)()
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Place(kind, free, total, held, leaving)


def _lives(home: Path, pid: int) -> bool:
    holder = lock.holder(home)
    return holder is not None and holder.pid == pid


def _shrunk(side: int, share: float) -> int:
    return int(side * share) // (8 * SIZE_STEP) * 8 * SIZE_STEP
