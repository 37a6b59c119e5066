"""Puts finished files where they were asked for: whole or not at all, never over another's file. It makes no picture itself.

What is being written lies in its folder as `.easel-...part`, a name that the job decides, so that whatever a kill leaves is
found again and taken away. A finished file gets its name by a link, which fails where that name is taken.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from studio.domain.errors import Failed
from studio.durable import explained
from studio.gallery.leaving.naming import folded

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES, errno.ENOSYS)  # FAT, and some network disks


class Folder:
    """A folder that the files of one export go to, by name without ending; made where it is not there."""

    def __init__(self, path: Path, *, home: Path, job: int) -> None:
        self.path = path
        self.part = path / part_name(home, job)
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()

    def open(self) -> None:
        """Make the folder, and take away what an interrupted run of the same job left in it."""
        with disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self.part.unlink(missing_ok=True)

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        """The file that is being written; whatever goes wrong, it is taken away."""
        try:
            with disk(self.path), self.part.open("w+b") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Take the unfinished file away."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)

    def settle(self, stem: str, ending: str) -> tuple[Path, bool]:
        """Give the written file its name: `stem` with its ending, or with -2, -3 ... where another's file has that.

        Returns the path, and whether it is new: a file of the same name and bytes lies there already when an export is done
        again, and is not written twice.
        """
        try:
            with disk(self.path):
                return self._settle(stem, ending)
        finally:
            self.drop()

    def put(self, data: bytes, stem: str, ending: str) -> tuple[Path, bool]:
        """Write a whole file; as `settle`."""
        with self.writing() as stream:
            stream.write(data)
        return self.settle(stem, ending)

    def _settle(self, stem: str, ending: str) -> tuple[Path, bool]:
        wished = folded(stem + ending)
        count = self._counts.get(wished, 0)
        while True:
            count += 1
            name = f"{stem}{ending}" if count == 1 else f"{stem}-{count}{ending}"
            if folded(name) in self._taken:
                continue
            target = self.path / name
            new = self._link(target)
            if not new and not _same(self.part, target):
                continue
            self._counts[wished] = count
            self._taken.add(folded(name))
            return target, new

    def _link(self, target: Path) -> bool:
        """Whether the file has that name now; False where another has it."""
        try:
            os.link(self.part, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            try:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                return False
            self.part.replace(target)
        return True


def part_name(home: Path, job: int) -> str:
    """What the unfinished file of a job is called; two homes may write into one folder."""
    return f".easel-{hashlib.sha256(os.fsencode(home)).hexdigest()[:8]}-{job}.part"


def disk(folder: Path) -> AbstractContextManager[None]:
    """Turn the disk's errors into sentences with a remedy."""
    return explained(
        Failed(
            f"The disk of {folder} is full. Make room there and export again: what lies there already is not written twice."
        ),
        lambda why: Failed(f"{folder} cannot be written ({why}); choose another folder, or plug its disk in."),
    )


def _same(one: Path, other: Path) -> bool:
    try:
        if other.is_symlink() or one.stat().st_size != other.stat().st_size:
            return False
        with one.open("rb") as first, other.open("rb") as second:
            return hashlib.file_digest(first, "sha256").digest() == hashlib.file_digest(second, "sha256").digest()
    except OSError:
        return False
