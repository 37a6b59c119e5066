"""What is known of a pack on its way: a small file beside the bytes that survives every kill. It fetches nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from studio.domain.errors import Failed
from studio.durable import write_durably

FETCHING = ".fetching"  # below <home>/packs: a folder for each pack on its way
PART = ".part"  # the end of a file's name until all its bytes are there and are the right ones
WAIT_SECONDS = 10.0
_JOURNAL, _LOCK, _GONE = "fetch.json", ".lock", ".gone"


@dataclass(frozen=True)
class Wanted:
    """One file on its way: where it is in the repository, where it goes in the pack, and what the hub says of it.

    `bytes`, and `sha256` or else `blob` (Git's SHA-1), are the hub's. `convert`: it is a pickle, which becomes `to` later
    and lies beside it as `<to>.pickle` until then. `done` is the SHA-256 of what came, once it was compared with the hub's.
    """

    path: str
    to: str
    bytes: int
    sha256: str = ""
    blob: str = ""
    convert: bool = False
    done: str = ""

    @property
    def arrives(self) -> str:
        """Where it lies once it is whole, inside the folder."""
        return f"{self.to}.pickle" if self.convert else self.to

    @property
    def same(self) -> tuple[str, str, str]:
        """What makes two of them the same bytes in the same place."""
        return self.arrives, self.sha256, self.blob


@dataclass(frozen=True)
class Journal:
    """A pack on its way: the repository, the revision that was asked for, the commit that it was, and its files."""

    repo: str
    revision: str
    commit: str
    files: tuple[Wanted, ...]

    def with_done(self, to: str, digest: str) -> Journal:
        """The same, with one file whole."""
        return replace(self, files=tuple(replace(one, done=digest) if one.to == to else one for one in self.files))

    @property
    def bytes(self) -> int:
        """How much is fetched in all."""
        return sum(one.bytes for one in self.files)


def place_of(home: Path, pack_id: str) -> Path:
    """Where a pack's files lie until all are there."""
    return home / "packs" / FETCHING / pack_id


@contextmanager
def claim(home: Path, pack_id: str, *, waiting: Callable[[], None] | None = None) -> Iterator[Path]:
    """Be the only one, of all processes, that writes this pack's files on their way; gives their folder.

    Raises Failed when somebody else does. With `waiting`, which is called meanwhile and may raise, he is given ten seconds:
    who was asked to pause needs a moment to end. What was thrown away is removed at the end.
    """
    folder = place_of(home, pack_id)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(_beside(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, waiting)
        _sweep(folder)
        folder.mkdir(exist_ok=True)
        try:
            yield folder
        finally:
            _sweep(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()  # only if nothing came
    finally:
        os.close(lock)  # gives the lock back


def _lock(handle: int, waiting: Callable[[], None] | None) -> None:
    deadline = time.monotonic() + (WAIT_SECONDS if waiting else 0.0)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if waiting is None or time.monotonic() > deadline:
                raise Failed("This pack is being installed already; the Queue page shows how far it is.") from error
            waiting()
            time.sleep(0.1)
        else:
            return


def throw_away(home: Path, pack_id: str, *, seconds: float = 3.0) -> bool:
    """Remove what was fetched of a pack; False where somebody who still writes it will do that at his end."""
    folder = place_of(home, pack_id)
    if not folder.is_dir():
        return True
    _beside(folder, _GONE).touch()
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(Failed), claim(home, pack_id):
            pass
        if not _beside(folder, _GONE).exists():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def fetched(home: Path, pack_id: str) -> tuple[int, int]:
    """(bytes here, bytes in all) of a pack on its way; (0, 0) when there is none."""
    folder = place_of(home, pack_id)
    journal = read_journal(folder)
    if journal is None:
        return 0, 0
    return sum(here(folder, one) for one in journal.files), journal.bytes


def here(folder: Path, wanted: Wanted) -> int:
    """How many bytes of a file are here."""
    if wanted.done and ((folder / wanted.arrives).is_file() or (folder / wanted.to).is_file()):
        return wanted.bytes
    try:
        return min(wanted.bytes, part_of(folder, wanted).stat().st_size)
    except OSError:
        return 0


def part_of(folder: Path, wanted: Wanted) -> Path:
    """Where a file lies until it is whole."""
    return folder / f"{wanted.arrives}{PART}"


def read_journal(folder: Path) -> Journal | None:
    """What was written down; None where nothing was, or where it cannot be read and so is worth nothing."""
    try:
        data = json.loads((folder / _JOURNAL).read_text(encoding="utf-8"))
        files = tuple(Wanted(**one) for one in data.pop("files"))
        return Journal(files=files, **data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_journal(folder: Path, journal: Journal) -> None:
    """Write it down; when this returns it survives a power cut."""
    write_durably(folder / _JOURNAL, json.dumps(asdict(journal), indent=1))


def write_sums(folder: Path, name: str, sums: Mapping[str, str]) -> None:
    """Write the list of a pack's files, {path: SHA-256}, as `sha256sum` does."""
    write_durably(folder / name, "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items())))


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(f".{folder.name}{ending}")  # no pack's id begins with a dot


def _sweep(folder: Path) -> None:
    """Remove a folder that was thrown away; only its one writer does that."""
    mark = _beside(folder, _GONE)
    if mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        mark.unlink(missing_ok=True)
