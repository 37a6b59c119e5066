"""One file from the hub: what is here is hashed, the rest asked for from that byte on. A wrong file is never kept."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from studio.domain.amounts import duration
from studio.domain.errors import Failed
from studio.durable import sync_folder
from studio.packs.header import BadWeights, read_header
from studio.packs.hub import Body, Hub, Later
from studio.packs.journal import Journal, Wanted, here, part_of

CHUNK = 1 << 20  # bytes hashed at a time
SYNC = (
    64 << 20
)  # bytes between two syncs: gigabytes left to the system would make the database's own syncs wait for them


@dataclass(frozen=True)
class Pace:
    """How often to try without a single new byte, and how long to wait in between, in seconds, doubling each time."""

    tries: int = 8  # two minutes: as long as a router needs to begin anew
    first: float = 1.0
    longest: float = 60.0

    def wait(self, attempt: int, asked: float | None) -> float:
        """Seconds before the next try: what the server asked for, or our own growing patience."""
        own = min(self.longest, self.first * 2 ** (attempt - 1))
        return own if asked is None else max(own, asked)


class Sums:
    """What a file's bytes hash to so far: SHA-256 always, and Git's SHA-1 where the hub knows no other."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.reset()

    def reset(self) -> None:
        """From the first byte again."""
        self.count = 0
        self._sha256 = hashlib.sha256()
        self._blob = hashlib.sha1(b"blob %d\0" % self._wanted.bytes, usedforsecurity=False)

    def add(self, chunk: bytes) -> None:
        """The next bytes."""
        self.count += len(chunk)
        self._sha256.update(chunk)
        if not self._wanted.sha256:
            self._blob.update(chunk)

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def right(self) -> bool:
        """Whether this is the file that the hub promised."""
        if self._wanted.sha256:
            return self.sha256 == self._wanted.sha256
        return self._wanted.blob in ("", self._blob.hexdigest())


class Download(threading.Thread):
    """A thread that brings one file and is the only one who writes it.

    `have` is how many bytes are here, `waiting` why none come at the moment, `over` whether it has ended; then there is an
    `error`, or the file lies in its place and `digest` is its SHA-256. `wake` is set at the end.
    """

    def __init__(
        self, wanted: Wanted, journal: Journal, folder: Path, *, hub: Hub, why: str, pace: Pace, wake: threading.Event
    ) -> None:
        super().__init__(name=f"fetch {wanted.to}", daemon=True)
        self.wanted, self.have, self.waiting, self.over, self.digest = wanted, here(folder, wanted), "", False, ""
        self.error: BaseException | None = None
        self._repo, self._commit, self._folder = journal.repo, journal.commit, folder
        self._hub, self._why, self._pace, self._wake = hub, why, pace, wake
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        self._file: FileIO | None = None
        self._abort: Callable[[], None] | None = None

    def stop(self) -> None:
        """Write nothing more from now on, so that another may; end soon, even while a server is silent."""
        with self._turn:
            self._stopped.set()
            if self._file is not None:
                with contextlib.suppress(OSError, ValueError):  # closed already
                    fcntl.flock(self._file, fcntl.LOCK_UN)
            if self._abort is not None:
                self._abort()

    def run(self) -> None:
        """Bring it."""
        try:
            self._run()
        except BaseException as error:
            self.error = error
        finally:
            self._hub.release()
            self.over = True
            self._wake.set()

    def _run(self) -> None:
        part = part_of(self._folder, self.wanted)
        target = self._folder / self.wanted.arrives
        part.parent.mkdir(parents=True, exist_ok=True)
        if not part.exists() and target.is_file() and target.stat().st_nlink == 1:
            target.replace(part)  # whole, but the end came before that was written down: it is hashed once more
        with FileIO(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Failed(f"{self.wanted.path} is being fetched already; the Queue page shows it.") from error
            with self._turn:
                self._file = file
            sums = Sums(self.wanted)
            resumed = os.fstat(file.fileno()).st_size > 0
            self._bring(file, sums)
            if resumed and not sums.right and not self._stopped.is_set():
                # What an earlier day left was not whole: a power cut can do that. From the first byte, once.
                file.truncate(0)
                self._bring(file, sums)
            if self._stopped.is_set():
                return
            os.fsync(file.fileno())
            if not sums.right:
                raise self._wrong(part, "other bytes came (its SHA-256 differs)")
        part.replace(target)
        sync_folder(target.parent)
        self.digest = sums.sha256

    def _bring(self, file: FileIO, sums: Sums) -> None:
        """Everything from where the file ends, or as much as comes before `stop`."""
        sums.reset()
        if os.fstat(file.fileno()).st_size > self.wanted.bytes:
            file.truncate(0)
        file.seek(0)
        while not self._stopped.is_set() and (chunk := file.read(CHUNK)):
            sums.add(chunk)
        self.have = sums.count
        tries = 0
        while sums.count < self.wanted.bytes and not self._stopped.is_set():
            before = sums.count
            try:
                self._ask(file, sums)
            except Later as later:
                tries = 1 if sums.count > before else tries + 1
                if tries >= self._pace.tries:
                    raise Failed(given_up(later, tries)) from later
                seconds = self._pace.wait(tries, later.wait)
                self.waiting = f"{later}; trying again in {duration(seconds)}"
                self._stopped.wait(seconds)
                self.waiting = ""

    def _ask(self, file: FileIO, sums: Sums) -> None:
        """One request; what came before it broke is in the file and in the sums."""
        with self._hub.open(self._repo, self._commit, self.wanted.path, start=sums.count, why=self._why) as body:
            if body.total not in (0, self.wanted.bytes):
                self._keep_beginning(file, body)
                came = f"{body.total:,} bytes came instead of {self.wanted.bytes:,}"
                raise self._wrong(part_of(self._folder, self.wanted), came)
            if body.start not in (0, sums.count):
                raise Later(f"{self._hub.host} sent another part of {self.wanted.path} than it was asked for")
            if body.start < sums.count:  # a server without ranges begins anew, and so do we
                file.truncate(0)
                file.seek(0)
                sums.reset()
            with self._turn:
                self._abort = body.abort
            synced = sums.count
            for piece in body.chunks:
                chunk = piece[: self.wanted.bytes - sums.count]  # of one that never ends; the hash will tell
                with self._turn:
                    if self._stopped.is_set() or not chunk:
                        return
                    _write(file, chunk)
                sums.add(chunk)
                self.have = sums.count
                if sums.count - synced >= SYNC:
                    os.fsync(file.fileno())
                    synced = sums.count
        if sums.count < self.wanted.bytes:
            raise Later(f"{self._hub.host} sent less of {self.wanted.path} than it promised")

    def _keep_beginning(self, file: FileIO, body: Body) -> None:
        """Keep the first bytes of something else, to see what it is."""
        file.truncate(0)
        file.seek(0)
        _write(file, next(iter(body.chunks), b""))

    def _wrong(self, part: Path, came: str) -> Failed:
        """Delete the file, and say what it was."""
        what = _disguise(part)
        part.unlink(missing_ok=True)
        return Failed(
            f"{self.wanted.path} is not what {self._hub.host} promised: {came}. {what}It was deleted; install again to fetch"
            f" it anew. If that does not help, something between here and {self._hub.host} changes files."
        )


def given_up(later: Later, tries: int) -> str:
    """The sentence of one who tried often enough."""
    reason = str(later)
    return f"{reason[:1].upper()}{reason[1:]}, {tries} times in a row. What was fetched stays; install again to go on."


def _disguise(part: Path) -> str:
    """What a wrong file is, where its first bytes tell: "It is a web page (HTML), ... . "."""
    with part.open("rb") as stream:
        beginning = stream.read(64).lstrip()
    if not (beginning.startswith((b"<", b"version https://git-lfs")) or part.name.endswith(".safetensors.part")):
        return ""
    try:
        read_header(part)
    except BadWeights as error:
        return f"It {str(error).partition('. ')[0].rstrip('.')}. "
    return ""


def _write(file: FileIO, data: bytes) -> None:
    """All of it: an unbuffered write may take a part."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]
