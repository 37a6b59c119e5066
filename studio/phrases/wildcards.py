"""The only reader and writer of wildcard files: text in `<home>/wildcards`, a line an entry. It picks none of them.

Whoever likes may edit the files in any other program; nothing is kept of them in memory.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from studio.domain.amounts import listed
from studio.domain.errors import BadInput, StorageFull
from studio.domain.wildcards import lines_of
from studio.durable import sync_folder, write_durably

SUFFIX = ".txt"
GONE = ".gone"  # where deleted files wait for their undo
BYTES = 2_000_000
DEPTH = 4  # folders
_PART = re.compile(r"[^\W_](?:[\w .~-]{0,60}[\w~-])?")


def mark(text: str) -> str:
    """What a text is told by, when somebody comes back to it."""
    return hashlib.sha256(text.encode()).hexdigest()


class Wildcards:
    """The wildcard files of one home folder; a name is its path without ".txt", such as "colours/warm"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Every wildcard file, in the order of the alphabet; links that lead out of the folder are none."""
        return sorted((self._name(path) for path in self._files()), key=str.casefold)

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines that can be picked; raises BadInput where there is no such file, naming those that there are."""
        return lines_of(self.text(name))

    def text(self, name: str) -> str:
        """A file as it is written; raises BadInput."""
        path = self._found(name)
        if path is None:
            raise BadInput("prompt", self._missing(name))
        return _decoded(_bytes(path, name), name)

    def save(self, name: str, text: str, *, seen: str | None = None) -> str:
        """Write a file, whole or not at all, and return its name.

        `seen` is the `mark` of the text that was changed, None for a new file. Raises BadInput for a name that is none, and
        where somebody else changed the file meanwhile, or made one of that name.
        """
        name = self._checked(name)
        path = self._found(name)
        if path is None and seen is not None:
            raise BadInput("wildcard", f"{name} was deleted meanwhile; save your text under a new name.")
        if path is not None and seen is None:
            raise BadInput(
                "wildcard", f"There is a wildcard file {self._name(path)} already; open it, or choose another name."
            )
        if path is not None and mark(self.text(name)) != seen:
            raise BadInput(
                "wildcard",
                f"{name} was changed elsewhere since you opened it. Copy your text and open it again.",
            )
        data = text.replace("\r\n", "\n").replace("\r", "\n")
        if data and not data.endswith("\n"):
            data += "\n"
        _decoded(data.encode("utf-8", "surrogatepass"), name)
        self._write(path or self._path(name), data)
        return name

    def bring(self, file: str, data: bytes) -> str:
        """Take a dropped .txt file in under its own name, or that with a number where it is taken; returns the name."""
        stem = re.sub(r"[^\w.~-]+", " ", file.replace("\\", "/").rpartition("/")[2].removesuffix(SUFFIX))
        stem = stem.strip(" ._-")[:40].strip(" ._-") or "wildcard"
        text = _decoded(data, stem)
        if not lines_of(text):
            raise BadInput("wildcard", f"{stem} has no line that can be picked: one entry a line, # begins a comment.")
        name, number = stem, 1
        while (path := self._found(name)) is not None:
            if self.text(name) == text:
                return self._name(path)
            number += 1
            name = f"{stem} {number}"
        return self.save(name, text)

    def remove(self, name: str) -> None:
        """Put a file away; `restore` brings back what was put away last under a name. Raises BadInput where there is none."""
        path = self._found(name)
        if path is None:
            raise BadInput("wildcard", self._missing(name))
        target = self.folder / GONE / path.relative_to(self.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        sync_folder(target.parent)

    def restore(self, name: str) -> None:
        """Bring back a file that was put away; raises BadInput where another one has its name now."""
        name = self._checked(name)
        kept = self.folder / GONE / f"{name}{SUFFIX}"
        if self._found(name) is not None:
            raise BadInput("wildcard", f"There is another wildcard file {name} by now; the old one stays put away.")
        if not kept.is_file():
            raise BadInput("wildcard", f"There is no wildcard file {name} to bring back.")
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept.replace(path)
        sync_folder(path.parent)

    def _write(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, text)
        except OSError as error:
            raise StorageFull(
                f"The wildcard file could not be written ({error.strerror}); your text is still here."
            ) from error

    def _files(self) -> Iterator[Path]:
        if not self.folder.is_dir():
            return
        home = self.folder.resolve()
        yield from (path for path in self.folder.rglob(f"*{SUFFIX}") if self._counts(path, home))

    def _counts(self, path: Path, home: Path) -> bool:
        """Whether this is a wildcard file: not hidden, not too deep, in no linked folder, and it lies in `home`."""
        if not path.is_relative_to(self.folder):
            return False
        parts = path.relative_to(self.folder).parts
        if len(parts) > DEPTH or any(part.startswith(".") for part in parts):
            return False
        linked = path.parent.resolve() != home.joinpath(*parts[:-1])
        return not linked and path.is_file() and path.resolve().is_relative_to(home)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix().removesuffix(SUFFIX)

    def _found(self, name: str) -> Path | None:
        """The file of a name, else one whose name differs in capitals alone. Only files that lie here are looked at.

        Its own place first: a walk through a folder of thousands of files takes long, and a page asks again at every turn.
        """
        try:
            path = self.folder / f"{name}{SUFFIX}"
            if self._name(path) == name and self._counts(path, self.folder.resolve()):
                return path
        except (OSError, ValueError):  # too long for a file's name, or it leads out of the folder
            pass
        here = {self._name(path): path for path in self._files()}
        return here.get(name) or {one.casefold(): path for one, path in here.items()}.get(name.casefold())

    def _path(self, name: str) -> Path:
        return self.folder / f"{self._checked(name)}{SUFFIX}"

    def _checked(self, name: str) -> str:
        parts = name.strip().removesuffix(SUFFIX).split("/")
        if len(parts) > DEPTH or "__" in name or not all(_PART.fullmatch(part) for part in parts):
            raise BadInput(
                "wildcard",
                "A wildcard's name is letters and digits, such as animals or colours/warm; choose another one.",
            )
        return "/".join(parts)

    def _missing(self, name: str) -> str:
        names = self.names()
        if not names:
            return f"There is no wildcard file {name}, nor any other; write one on the Settings page."
        near = get_close_matches(name, names, n=1, cutoff=0.6)
        guess = f" Did you mean {near[0]}?" if near else ""
        here = f"There are: {listed(names)}. Another one is written on the Settings page."
        return f"There is no wildcard file {name}.{guess} {here}"


def _bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(BYTES + 1)
    except OSError as error:
        raise BadInput("prompt", f"The wildcard file {name} cannot be read ({error.strerror}).") from error


def _decoded(data: bytes, name: str) -> str:
    if len(data) > BYTES:
        raise BadInput("wildcard", f"{name} is too large; a wildcard file has at most {BYTES // 1_000_000} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("wildcard", f"{name} is not UTF-8 text; save it as UTF-8 in your editor.") from error
    if "\x00" in text:
        raise BadInput("wildcard", f"{name} is no text file.")
    return text.replace("\r\n", "\n")
