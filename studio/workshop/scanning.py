"""Scans a folder: what is as it was is not read, what moved keeps its artwork, what is new comes in, what is missing is gone.

It opens no file and asks no model itself. `bring_folder` is the whole of it for whoever has a gallery and a gate.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from studio.domain.errors import BadInput
from studio.gallery.coming import folders, marks
from studio.gallery.coming.folders import Folder
from studio.gallery.coming.importing import files_below, shown_path
from studio.gallery.coming.marks import Found, Seen
from studio.gallery.gallery import Gallery
from studio.safety.gate import Gate
from studio.safety.intake import read_file
from studio.workshop.bringing import Bringing, Came, Item
from studio.workshop.disks import Disk, Unanswered

RATE_SECONDS = 20.0  # over which pictures per second are counted
LISTED = 5_000  # artworks, and lines on files that were left out, that a result names
NO_NAME = "Its name holds bytes that are no text; rename it."

Progress = Callable[[int, int], None]


@dataclass
class Tally:
    """What an import did so far: artworks that are new, files that were here already, and a line for each that was left out."""

    total: int = 0
    done: int = 0
    imported: int = 0
    duplicates: int = 0
    moved: int = 0
    back: int = 0
    gone: int = 0
    left_out: int = 0
    looked_at: int = 0  # files that were read
    unheard: int = 0  # of what was left out, what no earlier scan left out for the same reason
    ids: list[int] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    times: deque[tuple[float, int]] = field(default_factory=deque)  # (monotonic seconds, files done by then)

    def skip(self, name: str, reason: str, *, refused: bool = False) -> None:
        """One more file that was left out, and why."""
        self.left_out += 1
        if len(self.skipped) < LISTED:
            self.skipped.append({"name": shown_path(name), "reason": reason, "refused": refused})

    def count(self, batch: Sequence[Came]) -> None:
        """What became of some files."""
        for came in batch:
            if came.problem:
                self.skip(came.item.path or came.item.name, came.problem, refused=came.refused)
            elif came.new and came.artwork is not None:
                self.imported += 1
                if len(self.ids) < LISTED:
                    self.ids.append(came.artwork)
            else:
                self.duplicates += 1
        self.done += len(batch)
        self.looked_at += len(batch)
        self.tick()

    def tick(self) -> None:
        """Take the time, for `rate`."""
        now = time.monotonic()
        self.times.append((now, self.done))
        while len(self.times) > 2 and now - self.times[1][0] > RATE_SECONDS:
            self.times.popleft()

    def rate(self) -> float:
        """Files a second, lately; 0 where nothing is known."""
        if len(self.times) < 2:
            return 0.0
        (began, first), (ended, last) = self.times[0], self.times[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def counts(self) -> dict[str, Any]:
        """The numbers alone, and how fast it goes: what is written down again and again meanwhile."""
        rate = self.rate()
        return {
            "imported": self.imported,
            "duplicates": max(0, self.duplicates - self.moved - self.back),
            "moved": self.moved,
            "back": self.back,
            "gone": self.gone,
            "left_out": self.left_out,
            "rate": round(rate, 2),
            "left": round((self.total - self.done) / rate, 1) if rate and self.total >= self.done else None,
        }

    def result(self) -> dict[str, Any]:
        """All of it, as the job keeps it: at most 5,000 artworks and 5,000 lines are named."""
        whole = {name: value for name, value in self.counts().items() if name not in ("rate", "left")}
        return {**whole, "news": self.news(), "ids": self.ids, "skipped": self.skipped}

    def news(self) -> int:
        """How much is otherwise than at the last scan; 0 for one that need not be listed anywhere."""
        return self.imported + self.moved + self.back + self.gone + self.unheard


def bring_folder(path: Path, *, gallery: Gallery, gate: Gate, watch: bool = False) -> Tally:
    """Bring a folder in, by copies or watched where it lies, and ask no model but the gate's: `bench/importing.py` times it.

    `gate` must be ready: whatever it refuses stays outside.
    """
    bringing = Bringing(gallery=gallery, gate=lambda: gate, anywhere=watch)
    folder = folders.add(gallery.database, folders.check(path, home=gallery.files.home), watched=watch)
    tally = Tally()
    scan(folder, bringing=bringing, tally=tally)
    return tally


def scan(
    folder: Folder,
    *,
    bringing: Bringing,
    tally: Tally,
    judge: str = "gate",
    progress: Progress = lambda done, total: None,
    disk: Disk | None = None,
) -> None:
    """Scan a folder to its end; `judge` names whoever refuses pictures now, since another may not.

    With `disk` every file is read with patience too, not only the folder listed. Raises BadInput when the folder is not there,
    or its disk does not answer: a disk that is not plugged in is no reason to mark its pictures as gone.
    """
    patient = disk is not None
    disk = disk or Disk(folder.path, waiting=bringing.waiting)
    try:
        _scan(folder, bringing=bringing, tally=tally, judge=judge, progress=progress, disk=disk, patient=patient)
    except Unanswered as silent:
        folders.end(bringing.gallery.database, folder.id, note=str(silent))
        raise BadInput("folder", str(silent)) from silent


def _scan(
    folder: Folder, *, bringing: Bringing, tally: Tally, judge: str, progress: Progress, disk: Disk, patient: bool
) -> None:
    gallery, database = bringing.gallery, bringing.gallery.database
    if not disk.ask(lambda alive: os.path.isdir(folder.path)):  # noqa: PTH112  Path.is_dir raises for a disk that is dead
        sentence = f"{folder.path} is not there; is its disk plugged in? Its pictures stay in the gallery."
        folders.end(database, folder.id, note=sentence)
        raise BadInput("folder", sentence)
    known = marks.remembered(database, folder.id)
    there = disk.ask(lambda alive: _there(folder.path, gallery.files.home, alive))
    same, items = _sorted(folder, there, known=known, judge=judge, tally=tally, disk=disk if patient else None)
    tally.done += len(same)
    tally.total += len(same) + len(items)
    tally.tick()

    def write(connection: Any, batch: Sequence[Came]) -> None:
        moved, back = marks.note(connection, folder, [_found(came, judge) for came in batch])
        tally.moved, tally.back = tally.moved + moved, tally.back + back

    bringing.each = write
    bringing.deleted = marks.deleted(database) if folder.watched and items else frozenset()
    try:
        progress(tally.done, tally.total)
        with closing(bringing(items)) as batches:
            for batch in batches:
                tally.count(batch)
                tally.unheard += sum(_unheard(came, known.get(came.item.path)) for came in batch)
                progress(tally.done, tally.total)
    finally:
        bringing.each, bringing.deleted = None, frozenset()
    unseen = known.keys() - set(same) - {item.path for item in items}
    if unseen:
        absent = disk.ask(lambda alive: marks.absent(folder, sorted(unseen), alive))
        elsewhere = marks.elsewhere(database, folder, absent) if folder.watched else {}
        tally.gone += marks.sweep(database, folder, absent, disk.ask(lambda alive: marks.present(elsewhere, alive)))
    folders.end(database, folder.id)


def _there(root: str, without: Path, alive: Callable[[], None]) -> list[tuple[str, os.stat_result]]:
    """Every file below a folder, by its path there, with what the disk says of it."""
    there = []
    for below in files_below(Path(root), without=without, alive=alive):
        alive()
        try:
            there.append((below, os.lstat(f"{root}/{below}")))
        except OSError:  # taken away a moment ago
            continue
    return there


def _sorted(
    folder: Folder,
    there: Sequence[tuple[str, os.stat_result]],
    *,
    known: Mapping[str, Seen],
    judge: str,
    tally: Tally,
    disk: Disk | None,
) -> tuple[list[str], list[Item]]:
    """The files that are as they were, and those that have to be looked at."""
    same, items = [], []
    for below, facts in there:
        try:
            below.encode()
        except UnicodeEncodeError:
            tally.skip(below, NO_NAME)
            continue
        seen = known.get(below)
        if seen is not None and _as_before(seen, facts, watched=folder.watched, judge=judge):
            same.append(below)
            if seen.problem:
                tally.skip(below, seen.problem, refused=bool(seen.judge))
            else:
                tally.duplicates += 1
            continue
        path = Path(folder.path, below)
        read = partial(read_file, path)
        items.append(
            Item(
                path.name, read if disk is None else partial(disk.read, read), facts.st_size,
                place=os.fspath(path) if folder.watched else None, path=below, mtime_ns=facts.st_mtime_ns,
            )
        )  # fmt: skip
    return same, items


def _unheard(came: Came, seen: Seen | None) -> bool:
    """Whether a file is left out for a reason that no earlier scan had."""
    return bool(came.problem) and (seen is None or seen.problem != came.problem)


def _as_before(seen: Seen, facts: os.stat_result, *, watched: bool, judge: str) -> bool:
    """Whether nothing has to be done for a file: its bytes were read, and what was decided of them still holds."""
    if (seen.size, seen.mtime_ns) != (facts.st_size, facts.st_mtime_ns):
        return False
    if seen.problem:
        return bool(seen.sha256) and seen.judge in ("", judge)
    if seen.artwork is None:  # deleted for good: a folder that is watched does not bring it back by itself
        return watched
    return seen.settled and (watched or not seen.binned)


def _found(came: Came, judge: str) -> Found:
    item = came.item
    artwork = None if came.problem else came.artwork
    return Found(item.path, item.size, item.mtime_ns, came.sha256, artwork, came.problem, judge if came.refused else "")
