"""One worker for each home folder: an flock that dies with its holder, and the heartbeat written into it. It starts nothing."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NAME = "worker.lock"
RETRY_SECONDS = 1.5  # somebody who only asks whether the lock is held holds it for a moment


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: process id, the worker's name, and its last heartbeat (CLOCK_MONOTONIC seconds)."""

    pid: int
    name: str
    beat: float


class Lock:
    """The worker's side. A kill -9 releases it by nature of flock, so no stale lock can stay behind."""

    def __init__(self, home: Path) -> None:
        self._path = _path(home)
        self._file: int | None = None

    def take(self) -> bool:
        """Try to become the worker of this home; False if another one is."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(file)
                    return False
                time.sleep(0.05)
            else:
                self._file = file
                return True

    def beat(self, name: str) -> None:
        """Say that the worker is alive. A plain write: it waits for no disk and no database."""
        if self._file is not None:
            text = json.dumps({"pid": os.getpid(), "name": name, "beat": time.monotonic()}).ljust(120) + "\n"
            os.pwrite(self._file, text.encode(), 0)

    def here(self) -> bool:
        """Whether the lock file is still the one on the disk; False once the home folder was removed or replaced."""
        try:
            return self._file is not None and os.fstat(self._file).st_ino == self._path.stat().st_ino
        except OSError:
            return False

    def release(self) -> None:
        """Let another worker take over."""
        if self._file is not None:
            os.truncate(self._file, 0)
            os.close(self._file)
            self._file = None


@contextmanager
def look(home: Path) -> Iterator[Holder | None]:
    """Who holds the lock, or None. Inside the block a vacant lock stays vacant: a worker that starts now waits for us."""
    try:
        file = os.open(_path(home), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield None  # no worker was ever here
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _read(os.pread(file, 4096, 0))
        else:
            yield None
    finally:
        os.close(file)  # gives the lock back


def holder(home: Path) -> Holder | None:
    """Who holds the lock now, or None. A holder that has not beaten yet has pid 0."""
    with look(home) as held:
        return held


def _read(data: bytes) -> Holder:
    try:
        body = json.loads(data)
        return Holder(pid=int(body["pid"]), name=str(body["name"]), beat=float(body["beat"]))
    except (ValueError, KeyError, TypeError):  # it has just taken the lock and not written yet
        return Holder(pid=0, name="", beat=time.monotonic())


def _path(home: Path) -> Path:
    return home / "locks" / NAME
