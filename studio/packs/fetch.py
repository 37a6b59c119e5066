"""Fetches a pack's files, several at once, and goes on where it stopped; how one file comes is in download.py."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from studio.domain.amounts import amount, duration
from studio.domain.errors import BadInput, Failed, StorageFull
from studio.durable import FULL
from studio.packs.download import CHUNK, Download, Pace, Sums, given_up
from studio.packs.hub import Hub, Later, Vanished
from studio.packs.journal import Journal, Wanted, here, part_of, read_journal, write_journal
from studio.packs.manifest import Manifest, Source

AT_ONCE = 4  # files; more of them gain nothing on a home line, and a slow hub answers 429
TICK = 0.2  # seconds between two looks at what the threads did; a page looks every 0.3 s
LOOK_SECONDS = 1.0  # between two looks at the disk, the switch "offline" and the speed
SPEED_SECONDS = 8.0  # the speed shown is that of the last so many seconds
STOP_SECONDS = 2.0
ROOM = 512 << 20  # bytes that stay free: pictures and the database need some
RUNNING = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".py", ".so", ".sh", ".exe", ".dll")
T = TypeVar("T")


class FetchReport(Protocol):
    """Called with bytes done, bytes in all and a few words; what it raises ends the fetching, and the bytes stay."""

    def __call__(self, done: int, total: int, words: str) -> None: ...


def free_bytes(folder: Path) -> int:
    """Bytes that are free on the disk of a folder."""
    return shutil.disk_usage(folder).free


def fetch(
    manifest: Manifest,
    folder: Path,
    *,
    hub: Hub,
    report: FetchReport,
    pace: Pace = Pace(),  # noqa: B008  frozen
    free: Callable[[Path], int] = free_bytes,
) -> Journal:
    """Bring every file of a pack's source into `folder` (from `journal.claim`), and go on where an earlier call stopped.

    When it returns, every file lies there and its hash is the hub's. Raises Failed, StorageFull and Offline with a sentence,
    BadInput for a pack that has no source, and whatever `report` raises; what was fetched stays, but for a wrong file.
    """
    if manifest.source is None:
        raise BadInput("pack", f"{manifest.name} does not come from the hub, so there is nothing to fetch.")
    why = f"to install {manifest.name}"
    journal = read_journal(folder)
    for again in (True, False):
        if journal is None or not _fits(journal, manifest.source):
            journal = _plan(manifest.source, folder, hub=hub, why=why, report=report, pace=pace)
        try:
            return _Fetching(manifest, folder, journal, hub=hub, why=why, report=report, pace=pace, free=free).run()
        except Vanished:  # the commit of an earlier day is gone: ask once what there is now
            journal = None
            if not again:
                raise
    raise AssertionError


# --- what is wanted -----------------------------------------------------------------------------------------------------


def _fits(journal: Journal, source: Source) -> bool:
    """Whether a journal is about what the description asks for today."""
    if (journal.repo, journal.revision) != (source.repo, source.revision):
        return False
    asked = [(file.path, file.target, file.convert) for file in source.files]
    hashes = [file.sha256 for file in source.files]
    return [(one.path, one.to, one.convert) for one in journal.files] == asked and all(
        expected in ("", one.sha256) for one, expected in zip(journal.files, hashes, strict=True)
    )


def _plan(source: Source, folder: Path, *, hub: Hub, why: str, report: FetchReport, pace: Pace) -> Journal:
    """Ask the hub which commit and which files; keep of an earlier attempt what is still the same."""
    _check_kinds(source)
    report(0, source.bytes, "asking the hub")
    ask = partial(hub.listing, source.repo, source.revision, why=why)
    listing = patiently(ask, pace=pace, wait=lambda seconds, why: _wait(seconds, lambda: report(0, source.bytes, why)))
    wanted = []
    for file in source.files:
        remote = listing.files.get(file.path)
        if remote is None:
            raise Failed(
                f"{source.repo} has no file {file.path} at its revision {source.revision}; update Easel, then install again."
            )
        if file.sha256 and remote.sha256 and file.sha256 != remote.sha256:
            raise Failed(
                f"{source.repo} now holds another {file.path} than Easel knows (its SHA-256 differs), so nothing was"
                " fetched; update Easel, then install again."
            )
        sha256 = remote.sha256 or file.sha256
        wanted.append(Wanted(file.path, file.target, remote.bytes, sha256, remote.blob, file.convert))
    before = read_journal(folder)
    done = {one.same: one.done for one in before.files} if before else {}
    files = tuple(replace(one, done=done.get(one.same, "")) for one in wanted)
    for one in files:
        if one.same not in done:  # at most the beginning of another file, which cannot be gone on with
            part_of(folder, one).unlink(missing_ok=True)
            (folder / one.arrives).unlink(missing_ok=True)
    files = tuple(
        _reused(one, folder, report=lambda: report(0, source.bytes, "looking at what is here")) for one in files
    )
    journal = Journal(source.repo, source.revision, listing.commit, files)
    write_journal(folder, journal)
    return journal


def _reused(wanted: Wanted, folder: Path, *, report: Callable[[], None]) -> Wanted:
    """A file that is the same in the pack as it is installed, perhaps with another one damaged, is not fetched again."""
    installed, target = folder.parent.parent / folder.name / wanted.to, folder / wanted.arrives
    if wanted.done or wanted.convert or part_of(folder, wanted).exists():
        return wanted
    try:
        if target.exists() or installed.stat().st_size != wanted.bytes:
            return wanted
        sums = Sums(wanted)
        with installed.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                sums.add(chunk)
                report()
        if not sums.right:
            return wanted
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(installed, target)  # the same bytes under a second name: no room, no time
    except OSError:
        return wanted
    return replace(wanted, done=sums.sha256)


def _check_kinds(source: Source) -> None:
    """Raise Failed for a file that could run code; a pickle comes only to be converted."""
    for file in source.files:
        suffix = PurePosixPath(file.target).suffix.lower()
        if (file.convert and suffix != ".safetensors") or suffix in RUNNING:
            raise Failed(f"{file.path} could run code when it is opened, so it is not fetched; choose another pack.")


def patiently(action: Callable[[], T], *, pace: Pace, wait: Callable[[float, str], None]) -> T:
    """Try until it works or patience ends; `wait(seconds, reason)` is called in between and may raise. Raises Failed."""
    for attempt in range(1, pace.tries + 1):
        try:
            return action()
        except Later as later:
            if attempt == pace.tries:
                raise Failed(given_up(later, attempt)) from later
            seconds = pace.wait(attempt, later.wait)
            wait(seconds, f"{later}; trying again in {duration(seconds)}")
    raise AssertionError


def _wait(seconds: float, look: Callable[[], None]) -> None:
    """Wait, and look now and then whether it is still wanted."""
    end = time.monotonic() + seconds
    while True:
        look()
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(TICK, left))


# --- several files at once ------------------------------------------------------------------------------------------------


class _Fetching:
    """One call of `fetch`: this thread reports, keeps the journal and looks at the disk; the others bring the bytes."""

    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        journal: Journal,
        *,
        hub: Hub,
        why: str,
        report: FetchReport,
        pace: Pace,
        free: Callable[[Path], int],
    ) -> None:
        self._manifest, self._folder, self._journal = manifest, folder, journal
        self._hub, self._why, self._report, self._pace, self._free = hub, why, report, pace, free
        self._wake = threading.Event()
        self._running: list[Download] = []
        self._speed = Speed()
        self._looked = float("-inf")
        self._words = "fetching"

    def run(self) -> Journal:
        """Bring everything that is missing; returns the journal with every file done."""
        # The smallest first: whatever is wrong with the login or the place shows before gigabytes have come
        missing = deque(sorted((one for one in self._journal.files if not self._whole(one)), key=lambda one: one.bytes))
        self._check_room(missing)
        try:
            while missing or self._running:
                while missing and len(self._running) < AT_ONCE:
                    self._begin(missing.popleft())
                self._wake.wait(TICK)
                self._wake.clear()
                self._harvest()
                self._tell()
        finally:
            self._stop()
        return self._journal

    def _whole(self, one: Wanted) -> bool:
        return bool(one.done) and ((self._folder / one.arrives).is_file() or (self._folder / one.to).is_file())

    def _begin(self, wanted: Wanted) -> None:
        download = Download(
            wanted, self._journal, self._folder, hub=self._hub, why=self._why, pace=self._pace, wake=self._wake
        )
        self._running.append(download)
        download.start()

    def _harvest(self) -> None:
        for one in [one for one in self._running if one.over]:
            self._running.remove(one)
            if one.error is not None:
                raise _said(one.error, self._folder)
            self._journal = self._journal.with_done(one.wanted.to, one.digest)
            write_journal(self._folder, self._journal)

    def _tell(self) -> None:
        total = self._journal.bytes
        running = {one.wanted.to: one.have for one in self._running}
        done = sum(
            running.get(one.to, -1) if one.to in running else here(self._folder, one) for one in self._journal.files
        )
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._hub.ledger.check(self._why)  # the switch stops what runs, too
            if self._free(self._folder) < ROOM // 2:
                raise Failed(
                    f"The disk became full while {self._manifest.name} was fetched: {amount(self._free(self._folder))} are"
                    " free. What was fetched stays; free some space, then install again to go on."
                )
            self._speed.note(now, done)
            reasons = [one.waiting for one in self._running]
            waits = bool(reasons) and all(reasons)
            self._words = reasons[0] if waits else self._speed.words(total - done)
        self._report(done, total, self._words)

    def _check_room(self, missing: deque[Wanted]) -> None:
        """Before a byte is fetched; a pickle needs its room twice, once as what it becomes."""
        needed = sum(one.bytes - here(self._folder, one) for one in missing)
        needed += sum(one.bytes for one in self._journal.files if one.convert and not (self._folder / one.to).is_file())
        room = self._free(self._folder) - ROOM
        if needed > room:
            disk = self._folder.parent.parent
            raise Failed(
                f"There is not enough room for {self._manifest.name}: {amount(needed)} are still to be fetched and"
                f" {amount(max(0, room))} can be used on the disk of {disk}. Free {amount(needed - room)}, or keep the packs on"
                " another disk, then install again."
            )

    def _stop(self) -> None:
        for one in self._running:
            one.stop()
        deadline = time.monotonic() + STOP_SECONDS  # one that waits for a silent server ends when it hears from it
        for one in self._running:
            one.join(max(0.0, deadline - time.monotonic()))


class Speed:
    """How fast the bytes come, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        """So many bytes were there at this moment (monotonic seconds)."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > SPEED_SECONDS:
            self._seen.popleft()

    def words(self, left: int) -> str:
        """ "fetching, 12 MB/s, about 4 min left"; no more than is known."""
        if len(self._seen) < 2:
            return "fetching"
        (before, had), (now, has) = self._seen[0], self._seen[-1]
        rate = max(0, has - had) / max(1e-6, now - before)
        if rate < 1:
            return "fetching, nothing comes at the moment"
        return f"fetching, {amount(rate)}/s, about {duration(left / rate)} left"


def _said(error: BaseException, folder: Path) -> BaseException:
    """A full disk as a sentence; everything else as it is."""
    if isinstance(error, OSError) and error.errno in FULL:
        return StorageFull(
            f"The disk that holds {folder.parent.parent} is full; free some space, then install again to go on."
        )
    return error
