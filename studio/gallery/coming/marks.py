"""What the last scan of each folder saw, file by file, by mark and sweep. It asks a disk only where it says so.

What a scan finds is known by its SHA-256, so a file that was moved or renamed keeps its artwork, with tags, captions and
vectors. A file that is not there any more leaves its artwork, marked as gone; one whose content changed is another artwork.
The marks of a scan are kept in memory: one that finds everything as it was writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.database import Database
from studio.gallery.coming import places
from studio.gallery.coming.folders import Folder

AT_ONCE = 500  # rows that one transaction changes, so that nobody waits long for the database


@dataclass(frozen=True)
class Seen:
    """What a scan before this one knew of a file.

    `artwork` is None where it is not in the gallery: then `problem` says why, or, where that is empty too, the user deleted it
    for good. `judge` is who refused it, "" where the file itself is bad. `settled` says that its artwork needs nothing.
    """

    size: int
    mtime_ns: int
    sha256: str
    artwork: int | None
    problem: str
    judge: str
    binned: bool
    settled: bool


@dataclass(frozen=True)
class Found:
    """A file that a scan looked at: its path below the folder, what the disk says of it, and what became of it."""

    path: str
    size: int
    mtime_ns: int
    sha256: str = ""
    artwork: int | None = None
    problem: str = ""
    judge: str = ""


def remembered(database: Database, id: int) -> dict[str, Seen]:
    """What earlier scans knew, by path below the folder."""
    rows = database.read(
        "SELECT f.path, f.size, f.mtime_ns, f.sha256, f.artwork, f.problem, f.judge, a.deleted_at IS NOT NULL AS binned,"
        # of a folder that is copied, whose files may go, nothing is settled that only lies there
        " a.gone_at IS NULL AND (folders.watched OR a.place IS NULL) AS settled"
        " FROM folder_files f JOIN folders ON folders.id = f.folder LEFT JOIN artworks a ON a.id = f.artwork"
        " WHERE f.folder = ?",
        id,
    )
    return {
        path: Seen(size, mtime_ns, sha256, artwork, problem, judge, bool(binned), bool(settled))
        for path, size, mtime_ns, sha256, artwork, problem, judge, binned, settled in rows
    }


def deleted(database: Database) -> frozenset[str]:
    """The SHA-256 of files in watched folders that the user deleted for good; wherever these move, they stay away."""
    rows = database.read(
        "SELECT sha256 FROM folder_files JOIN folders ON folders.id = folder"
        " WHERE watched = 1 AND artwork IS NULL AND problem = '' AND sha256 <> ''"
    )
    return frozenset(row["sha256"] for row in rows)


def note(connection: Any, folder: Folder, found: Iterable[Found]) -> tuple[int, int]:
    """Write down what was found, inside a transaction; returns how many artworks have moved here, and how many came back."""
    moved = back = 0
    for one in found:
        place = _place(folder, one.path)
        if folder.watched:
            places.vacate(connection, place, besides=one.sha256 if one.artwork is not None else "")
        connection.execute(
            "INSERT INTO folder_files (folder, path, size, mtime_ns, sha256, artwork, problem, judge)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (folder, path) DO UPDATE SET size = excluded.size,"
            " mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256, artwork = excluded.artwork,"
            " problem = excluded.problem, judge = excluded.judge",
            (folder.id, one.path, one.size, one.mtime_ns, one.sha256, one.artwork, one.problem, one.judge),
        )
        if folder.watched and one.artwork is not None:
            what = places.take(connection, one.artwork, place)
            moved, back = moved + (what == "moved"), back + (what == "back")
    return moved, back


def absent(folder: Folder, paths: Iterable[str], alive: Callable[[], None] = lambda: None) -> list[str]:
    """Those of the files that a whole scan did not see which are not there in truth; it asks the disk for each of them.

    Each is looked for once more, so a second scan beside this one takes nothing away; what cannot be looked at stays.
    """
    missing = []
    for path in paths:
        alive()
        if _missing(_place(folder, path)):
            missing.append(path)
    return missing


def elsewhere(database: Database, folder: Folder, paths: Sequence[str]) -> dict[int, list[str]]:
    """Where else the artworks of files that are absent were seen, by artwork; no disk is asked."""
    lost: set[int] = set()
    for start in range(0, len(paths), AT_ONCE):
        some = paths[start : start + AT_ONCE]
        rows = database.read(
            "SELECT artwork FROM folder_files WHERE folder = ? AND artwork IS NOT NULL"
            f" AND path IN ({', '.join('?' * len(some))})",
            folder.id,
            *some,
        )
        lost |= {row["artwork"] for row in rows}
    with database.transaction() as connection:
        return {artwork: places.others(connection, artwork) for artwork in sorted(lost)}


def present(known: dict[int, list[str]], alive: Callable[[], None] = lambda: None) -> dict[int, list[str]]:
    """Of places that were seen, those where a file is; it asks the disks."""
    found: dict[int, list[str]] = {}
    for artwork, paths in known.items():
        alive()
        found[artwork] = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113  Path raises for a dead disk
    return found


def sweep(database: Database, folder: Folder, paths: Sequence[str], others: dict[int, list[str]]) -> int:
    """Forget files that are absent; their artworks lie where else they are `present`, or are gone. Returns how many are."""
    gone = 0
    for start in range(0, len(paths), AT_ONCE):
        with database.transaction() as connection:
            for path in paths[start : start + AT_ONCE]:
                row = connection.execute(
                    "DELETE FROM folder_files WHERE folder = ? AND path = ? RETURNING artwork", (folder.id, path)
                ).fetchone()
                if folder.watched and row is not None and row["artwork"] is not None:
                    place = _place(folder, path)
                    sql = "SELECT 1 FROM artworks WHERE id = ? AND place = ? AND gone_at IS NULL"
                    if connection.execute(sql, (row["artwork"], place)).fetchone():
                        gone += places.lose(connection, row["artwork"], place, others.get(row["artwork"], []))
    return gone


def _place(folder: Folder, path: str) -> str:
    return str(Path(folder.path) / path)


def _missing(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # a folder that may not be entered, a disk that does not answer
        return False
    return False
