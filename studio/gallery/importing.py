"""What an import finds in a folder, and what it calls it; it opens nothing and follows no link."""

from __future__ import annotations

import os
from pathlib import Path

_CLUTTER = {"thumbs.db", "desktop.ini"}  # what desktops leave in picture folders
NAME_LIMIT = 255


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, sorted, links and pipes included (each is refused with its own reason); hidden ones left out.

    Linked folders are listed, not entered, so a loop ends and nothing outside the folder is read. A folder that cannot be
    read is skipped.
    """
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in links)
        names = (name for name in [*files, *links] if not name.startswith(".") and name.lower() not in _CLUTTER)
        found += [Path(place, name) for name in sorted(names)]
    return found


def shown_name(name: str) -> str:
    """A file's name as it may be kept and shown: its last part, at most 255 characters, each of them visible.

    Controls, direction overrides and undecodable bytes become the replacement character. It is still only text: escape it.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(sign if sign.isprintable() or sign == "\u200d" else "\ufffd" for sign in last[:NAME_LIMIT])
