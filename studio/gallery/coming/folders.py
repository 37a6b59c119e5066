"""Folders that pictures come from: which are watched, and how the last scan of each ended. It opens and changes no user's file.

A watched folder's pictures stay where they lie: an artwork's `place` is the path of its file, its thumbnail alone is ours. What
a scan finds is written down in `marks.py`, where an artwork's file lies in `places.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.database import Database
from studio.domain.errors import BadInput
from studio.gallery.coming import places
from studio.gallery.keeping import changes

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery


@dataclass(frozen=True)
class Folder:
    """A folder that pictures come from; times are Unix seconds.

    `files` is how many the last scan saw, `left_out` how many of them are not in the gallery and why was said, `gone` how many
    artworks lost their file here. `note` says why the last scan could not be done, or nothing.
    """

    id: int
    path: str
    watched: bool
    added_at: float
    scanned_at: float | None = None
    note: str = ""
    files: int = 0
    left_out: int = 0
    gone: int = 0

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return dict(vars(self))


def check(path: Path, *, home: Path) -> Path:
    """The whole path of a folder that pictures may come from; raises BadInput."""
    try:
        whole = path.expanduser()
        if not whole.is_dir():
            raise BadInput("folder", f"{path} is not a folder on this machine; look at how it is written.")
        whole = whole.resolve()
        str(whole).encode()
        os.scandir(whole).close()
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput("folder", f"That path cannot be read ({error}).") from error
    if whole == home.resolve() or home.resolve() in whole.parents:
        raise BadInput("folder", "That folder is Easel's own; its pictures are in the gallery already.")
    return whole


def add(database: Database, path: Path, *, watched: bool) -> Folder:
    """Remember a folder (`check` it first); raises BadInput where watching it would mean two things for one file."""
    if watched:
        for other in listed(database):
            lies = Path(other.path)
            if lies in path.parents:
                raise BadInput("folder", f"{path} lies in {lies}, which is watched already.")
            if path in lies.parents:
                raise BadInput(
                    "folder", f"{path} holds {lies}, which is watched already; stop watching that one first."
                )
    elif any(other.path == str(path) for other in listed(database)):
        raise BadInput(
            "folder", f"{path} is watched: its pictures are in the gallery. Stop watching it first to copy them."
        )
    database.write(
        "INSERT INTO folders (path, watched, added_at) VALUES (?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET watched = max(watched, excluded.watched)",
        str(path),
        int(watched),
        time.time(),
    )
    row = database.one("SELECT id FROM folders WHERE path = ?", str(path))
    assert row is not None
    return get(database, int(row["id"]))


def get(database: Database, id: int) -> Folder:
    """One folder; raises BadInput."""
    found = _folders(database, "WHERE id = ?", id)
    if not found:
        raise BadInput("folder", "That folder is not watched any more.")
    return found[0]


def listed(database: Database) -> list[Folder]:
    """The watched folders, by path."""
    return _folders(database, "WHERE watched = 1")


def scanned(database: Database) -> list[tuple[int, str, float | None]]:
    """The number, path and last scan (Unix seconds) of each watched folder, and nothing that costs more to know."""
    rows = database.read("SELECT id, path, scanned_at FROM folders WHERE watched = 1 ORDER BY path")
    return [(row["id"], row["path"], row["scanned_at"]) for row in rows]


def _folders(database: Database, clause: str, *values: Any) -> list[Folder]:
    rows = database.read(
        # below a folder: from "path/" to "path0", which is the next sign
        "SELECT *, (SELECT count(*) FROM artworks WHERE gone_at IS NOT NULL AND deleted_at IS NULL"
        " AND place > folders.path || '/' AND place < folders.path || '0') AS gone"
        f" FROM folders {clause} ORDER BY path",
        *values,
    )
    return [Folder(**{**dict(row), "watched": bool(row["watched"])}) for row in rows]


def stop(gallery: Gallery, id: int, *, forget: bool = False) -> int:
    """Watch a folder no longer; its pictures stay, or go to the bin with `forget`. Returns how many went; touches no file.

    What another watched folder knows too stays in any case. What went to the bin can be undone as any change.
    """
    known = (
        "SELECT artwork FROM folder_files JOIN folders ON folders.id = folder WHERE watched = 1 AND artwork IS NOT NULL"
    )
    with gallery.database.transaction() as connection:
        sql = (
            "SELECT id FROM artworks WHERE deleted_at IS NULL AND place IS NOT NULL"
            f" AND id IN (SELECT artwork FROM folder_files WHERE folder = ?) AND id NOT IN ({known} AND folder <> ?)"
        )
        going = [row["id"] for row in connection.execute(sql, (id, id))] if forget else []
        for start in range(0, len(going), changes.MOST):
            changes.apply(gallery, going[start : start + changes.MOST], changes.Change("bin"))
        places.hand_over(connection, id)
        connection.execute("DELETE FROM folders WHERE id = ?", (id,))
    return len(going)


def left_out(database: Database, id: int) -> list[tuple[str, str]]:
    """The files of a folder that are not in the gallery, each with the reason that was said."""
    rows = database.read("SELECT path, problem FROM folder_files WHERE folder = ? AND problem <> '' ORDER BY path", id)
    return [(row["path"], row["problem"]) for row in rows]


def all_left_out(database: Database, payload: Mapping[str, Any], result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The files that an import job left out; of very many its result names only the first, and the folder knows them all."""
    listed = [(str(one["name"]), str(one["reason"])) for one in result.get("skipped", ())]
    if result.get("left_out", 0) <= len(listed) or "folder" not in payload:
        return listed
    row = database.one("SELECT id FROM folders WHERE path = ?", str(payload["folder"]))
    known = left_out(database, int(row["id"])) if row else []
    paths = {path for path, _ in known}
    return known + [one for one in listed if one[0] not in paths]  # a name that is no text stands in no table


def end(database: Database, id: int, *, note: str = "") -> None:
    """Write down when a scan ended, or with `note` why there was none."""
    if note:
        database.write("UPDATE folders SET note = ? WHERE id = ?", note, id)
    else:
        database.write(
            "UPDATE folders SET note = '', scanned_at = ?, (files, left_out) = (SELECT count(*),"
            " coalesce(sum(problem <> ''), 0) FROM folder_files WHERE folder = folders.id) WHERE id = ?",
            time.time(),
            id,
        )
