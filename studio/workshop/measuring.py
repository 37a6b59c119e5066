"""Measures what painting takes in memory, and tells what is free where the worker paints; it decides nothing.

On CUDA torch counts every byte itself. On a CPU it is the most that the whole process ever held during the painting, as Linux
counts it, less what it holds afterwards: another lane's work in the same moment is in it too. Elsewhere nothing is measured.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from studio import machine
from studio.domain.recipe import Recipe
from studio.jobs import forecast, memory, timings
from studio.packs.needs import Glance, Needs, Place, needs
from studio.workshop.paint import device as devices
from studio.workshop.tools import Tools

ENOUGH = 5  # measured runs of a subject; on a CPU measuring costs a few milliseconds, so it stops there
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Watch:
    """Watches one recipe being painted. `where` is the painter's device; `stop` when the last picture is painted.

    source_size: (width, height) in pixels, as whoever foretold it took it.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        tools: Tools,
        where: torch.device,
        offload: bool = False,
        source_size: tuple[int, int] | None = None,
    ) -> None:
        self._tools, self._where = tools, where
        here = memory.place(tools.database, tools.home) or Place(where.type, 0)
        self._needs = needs(recipe, Glance(tools.models.shelf), here, offload=offload, source_size=source_size)
        subject, _ = forecast.subject_and_work("paint", {"recipe": recipe.to_dict()})
        known = self._needs is not None and set(self._needs.parts) <= set(here.held)
        enough = where.type == "cpu" and len(timings.shares(tools.database, subject)) >= ENOUGH
        # What is loaded on the way would be taken for work; and with offload weights come and go
        self._measures = known and not offload and not enough and _begin(where)
        self._peak: int | None = None

    def stop(self, *, usual: bool = True) -> None:
        """The last picture is painted; not `usual` where memory ran out on the way."""
        if self._measures and usual:
            self._peak = _peak(self._where)

    @property
    def measured(self) -> Mapping[str, int]:
        """The keywords `peak` and `estimate` of a timing, in bytes; nothing where it was not measured."""
        if self._peak is None or self._peak <= 0 or self._needs is None:
            return {}
        return {"peak": self._peak, "estimate": self._needs.working}

    def tell(self) -> None:
        """Write down what is free now, and that what was painted with is held."""
        tell(self._tools, self._where, self._needs)


def tell(tools: Tools, where: torch.device, held: Needs | None = None) -> None:
    """Write down where is painted, what is free there, and which networks lie there already."""
    free, total, own = room(where)
    parts: Mapping[str, int] = held.parts if held is not None else {}
    if where.type == "cuda" and sum(parts.values()) > own:
        parts = {}  # too large for the device, so they come and go
    beside = held.beside if held is not None else frozenset()
    said: dict[str, Any] = {
        "kind": where.type,
        "name": devices.name(where),
        "pid": os.getpid(),
        "free": free,
        "total": total,
        "own": own,
        "held": dict(parts),
        "leaving": sorted(set(parts) - beside) if where.type == "cuda" else [],
    }
    memory.tell(tools.database, said)


def room(where: torch.device) -> tuple[int, int, int]:
    """Bytes that are free where is painted, that there are, and that this process holds of them (0 in main memory)."""
    if where.type != "cuda":
        return *machine.memory(), 0
    given, total = torch.cuda.mem_get_info(where)
    held = int(torch.cuda.memory_allocated(where))
    return int(given + torch.cuda.memory_reserved(where)) - held, int(total), held


def _begin(where: torch.device) -> bool:
    """Begin to look for the worst moment from now on; whether that is possible here."""
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)
        return True
    if where.type != "cpu" or not _STATUS.exists():
        return False
    _trim()
    try:
        _RESET.write_text("5")  # the most ever held is counted anew
    except OSError:
        return False
    return True


def _peak(where: torch.device) -> int:
    """Bytes that were held at the worst moment and are not any more."""
    if where.type == "cuda":
        return int(torch.cuda.max_memory_allocated(where) - torch.cuda.memory_allocated(where))
    most = _status("VmHWM:")
    _trim()
    return most - _status("VmRSS:")


def _status(name: str) -> int:
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _trim() -> None:
    """Give what was freed back to the system, so that it is not taken for held."""
    gc.collect(1)  # what painting left; all that the libraries hold as well would be walked for 0.3 s, twice a picture
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
