"""What an import finds in a folder, what it calls it, and its report as a file; it opens nothing and follows no link."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path

_CLUTTER = {"thumbs.db", "desktop.ini"}  # what desktops leave in picture folders
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
NAME_LIMIT = 255
PATH_LIMIT = 1_024


def files_below(folder: Path, *, without: Path | None = None, alive: Callable[[], None] = lambda: None) -> list[str]:
    """Every file below a folder, sorted, links and pipes included (each is refused with its own reason); hidden ones left out.

    As paths below the folder, in text: a hundred thousand Paths would take seconds of a scan that finds nothing new.
    Linked folders are listed, not entered, so a loop ends and nothing outside the folder is read. A folder that cannot be
    read is skipped, and so is `without`: a home folder among somebody's pictures holds only copies of ours. `alive` is
    called at every folder, for whoever waits.
    """
    found: list[str] = []
    top, spared = os.fspath(folder), None if without is None else os.fspath(without)
    for place, folders, files in os.walk(top):
        alive()
        # Path.is_symlink raises where nobody may look
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]  # noqa: PTH114, PTH118
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in links and os.path.join(place, name) != spared  # noqa: PTH118
        )
        below = place[len(top) :].lstrip("/")
        names = sorted(name for name in [*files, *links] if not name.startswith(".") and name.lower() not in _CLUTTER)
        found += [f"{below}/{name}" for name in names] if below else names
    return found


def hidden(path: str) -> bool:
    """Whether a file of an uploaded folder is left out without a word, as `files_below` does; `path` is "folder/sub/a.png"."""
    below = path.split("/")[1:] or [path]
    return any(part.startswith(".") for part in below) or below[-1].lower() in _CLUTTER


def shown_name(name: str) -> str:
    """A file's name as it may be kept and shown: its last part, at most 255 characters, each of them visible.

    Controls, direction overrides and undecodable bytes become the replacement character. It is still only text: escape it.
    """
    return _visible(name.replace("\\", "/").rstrip("/").rpartition("/")[2][:NAME_LIMIT])


def shown_path(path: str) -> str:
    """A path below a folder as it may be shown, as `shown_name` shows a name; at most its last 1,024 characters."""
    return _visible(path[-PATH_LIMIT:])


def _visible(text: str) -> str:
    return "".join(sign if sign.isprintable() or sign == "\u200d" else "\ufffd" for sign in text)


def report(lines: Iterable[tuple[str, str]]) -> str:
    """The files that were left out, each with its reason, as CSV that begins with a heading.

    A table program takes what begins with = + - or @ for a formula: such a name gets an apostrophe before it.
    """
    text = StringIO()
    rows = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    rows.writerow(("file", "reason"))
    rows.writerows([tuple(f"'{cell}" if cell[:1] in _FORMULA else cell for cell in line) for line in lines])
    return text.getvalue()
