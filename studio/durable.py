"""Files and folders put down so that a power cut leaves them whole; it knows neither packs nor pictures."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from studio.domain.errors import EaselError, StorageFull

ROOM = 512 << 20  # bytes that stay free on a disk, whatever is put there
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a disk or a quota says that has no room left


@contextlib.contextmanager
def explained(full: EaselError, broken: Callable[[str], EaselError]) -> Iterator[None]:
    """Turn the disk's errors into ours: `full` where there is no room left, else what `broken` makes of the reason."""
    try:
        yield
    except OSError as error:
        raise (full if error.errno in FULL else broken(str(error.strerror))) from error


def write_durably(path: Path, text: str) -> None:
    """Write a small file: temporary name, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".tmp-{path.name}")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_in_place(folder: Path, target: Path) -> None:
    """Rename a folder to its place; what stood there is deleted after it, so that there is never half a pack."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.parent / f".old-{target.name}"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    folder.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def take_away(folder: Path) -> None:
    """Delete a folder: first its name, at once, then what it holds."""
    gone = folder.parent / f".gone-{folder.name}"
    shutil.rmtree(gone, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def check_room(place: Path, bytes: int, *, what: str) -> None:
    """Raise StorageFull when a disk has no room for so many bytes."""
    free = shutil.disk_usage(place).free
    if bytes + ROOM > free:
        raise StorageFull(
            f"{what} needs {bytes / 1e9:.1f} GB and the disk of {place} has {free / 1e9:.1f} GB free; make room there, or"
            " choose a folder on another disk."
        )
