"""Folders that pictures come from, and what the last scan saw in each, by mark and sweep. It opens and changes no user's file.

A watched folder's pictures stay where they lie: an artwork's `place` is the path of its file, its thumbnail alone is ours. What
a scan finds is known by its SHA-256, so a file that was moved or renamed keeps its artwork, with tags, captions and vectors. A
file that is not there any more leaves its artwork, marked as gone; one whose content changed is another artwork.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.database import Database
from studio.domain.errors import BadInput
from studio.gallery.coming.importing import shown_name
from studio.gallery.keeping import changes

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery

AT_ONCE = 500  # rows that one transaction changes, so that nobody waits long for the database


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


def check(path: Path, *, home: Path) -> Path:
    """The whole path of a folder that pictures may come from; raises BadInput."""
    try:
        whole = path.expanduser()
        if not whole.is_dir():
            raise BadInput("folder", f"{path} is not a folder.")
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
        _hand_over(connection, id)
        connection.execute("DELETE FROM folders WHERE id = ?", (id,))
    return len(going)


def _hand_over(connection: Any, id: int) -> None:
    """What lies in a folder, and in another one that goes on being watched, lies in that one from now on."""
    rows = connection.execute(
        "SELECT a.id, folders.path AS folder, f.path AS path FROM folders AS this"
        " JOIN artworks AS a ON a.place > this.path || '/' AND a.place < this.path || '0' AND a.gone_at IS NULL"
        " JOIN folder_files AS f ON f.artwork = a.id AND f.folder <> this.id"
        " JOIN folders ON folders.id = f.folder AND folders.watched = 1 WHERE this.id = ?",
        (id,),
    ).fetchall()
    for artwork, place in {row["id"]: _place(row["folder"], row["path"]) for row in rows}.items():
        if not _taken(connection, place, artwork):
            connection.execute("UPDATE artworks SET place = ? WHERE id = ?", (place, artwork))


def left_out(database: Database, id: int) -> list[tuple[str, str]]:
    """The files of a folder that are not in the gallery, each with the reason that was said."""
    rows = database.read("SELECT path, problem FROM folder_files WHERE folder = ? AND problem <> '' ORDER BY path", id)
    return [(row["path"], row["problem"]) for row in rows]


# --- one scan -------------------------------------------------------------------------------------------------------------


def begin(database: Database, id: int) -> int:
    """The number of a new scan, higher than any before."""
    row = database.one("SELECT coalesce(max(seen_scan), 0) + 1 FROM folder_files WHERE folder = ?", id)
    return int(row[0]) if row else 1


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
        row["path"]: Seen(
            row["size"],
            row["mtime_ns"],
            row["sha256"],
            row["artwork"],
            row["problem"],
            row["judge"],
            bool(row["binned"]),
            bool(row["settled"]),
        )
        for row in rows
    }


def deleted(database: Database) -> frozenset[str]:
    """The SHA-256 of files in watched folders that the user deleted for good; wherever these move, they stay away."""
    rows = database.read(
        "SELECT sha256 FROM folder_files JOIN folders ON folders.id = folder"
        " WHERE watched = 1 AND artwork IS NULL AND problem = '' AND sha256 <> ''"
    )
    return frozenset(row["sha256"] for row in rows)


def saw(database: Database, folder: int, scan: int, paths: Sequence[str]) -> None:
    """Mark files that are as they were."""
    for start in range(0, len(paths), AT_ONCE):
        with database.transaction() as connection:
            connection.executemany(
                "UPDATE folder_files SET seen_scan = max(seen_scan, ?) WHERE folder = ? AND path = ?",
                [(scan, folder, path) for path in paths[start : start + AT_ONCE]],
            )


def note(connection: Any, folder: Folder, scan: int, found: Iterable[Found]) -> tuple[int, int]:
    """Write down what was found, inside a transaction; returns how many artworks have moved here, and how many came back."""
    moved = back = 0
    for one in found:
        place = _place(folder.path, one.path)
        if folder.watched:
            vacate(connection, place, besides=one.sha256 if one.artwork is not None else "")
        connection.execute(
            "INSERT INTO folder_files (folder, path, size, mtime_ns, sha256, artwork, seen_scan, problem, judge)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (folder, path) DO UPDATE SET size = excluded.size,"
            " mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256, artwork = excluded.artwork,"
            " seen_scan = max(seen_scan, excluded.seen_scan), problem = excluded.problem, judge = excluded.judge",
            (
                folder.id,
                one.path,
                one.size,
                one.mtime_ns,
                one.sha256,
                one.artwork,
                scan,
                one.problem,
                one.judge,
            ),
        )
        if folder.watched and one.artwork is not None:
            what = _take(connection, one.artwork, place)
            moved, back = moved + (what == "moved"), back + (what == "back")
    return moved, back


def vacate(connection: Any, place: str, *, besides: str) -> None:
    """Before another file is known at a place, inside a transaction: who lay there lies elsewhere, or is gone.

    `besides` is the SHA-256 of the file that lies there now.
    """
    sql = "SELECT id FROM artworks WHERE place = ? AND gone_at IS NULL AND sha256 <> ? AND coalesce(source_sha256, '') <> ?"
    for row in connection.execute(sql, (place, besides, besides)).fetchall():
        _lose(connection, row["id"], place, _others(connection, row["id"]))  # where none lies, the next sweep says so


def _take(connection: Any, artwork: int, place: str) -> str:
    """An artwork's bytes were seen at a place: it lies there now if it lay nowhere, or where nothing is any more."""
    row = connection.execute("SELECT place, gone_at FROM artworks WHERE id = ?", (artwork,)).fetchone()
    if row is None or row["place"] is None:  # we have a copy of our own
        return ""
    gone, elsewhere = row["gone_at"] is not None, row["place"] != place
    if not gone and (not elsewhere or os.path.lexists(row["place"])):
        return ""
    connection.execute("UPDATE artworks SET place = ?, gone_at = NULL WHERE id = ?", (place, artwork))
    if elsewhere:  # who looks for it by name knows the new one
        name = shown_name(Path(place).name)
        connection.execute("UPDATE artworks SET source_name = ? WHERE id = ?", (name, artwork))
        return "moved"
    return "back"


def _others(connection: Any, artwork: int) -> list[str]:
    """Where in watched folders an artwork's bytes were seen. No disk is asked: one that hangs would stop all who write."""
    rows = connection.execute(
        "SELECT folders.path AS folder, folder_files.path AS path FROM folder_files"
        " JOIN folders ON folders.id = folder_files.folder WHERE folders.watched = 1 AND artwork = ?",
        (artwork,),
    ).fetchall()
    return [_place(row["folder"], row["path"]) for row in rows]


def _lose(connection: Any, artwork: int, place: str, others: Iterable[str]) -> bool:
    """An artwork's file is not at a place any more: it lies at one of the others, or is gone. True when gone."""
    for other in others:
        if other != place and not _taken(connection, other, artwork):
            connection.execute("UPDATE artworks SET place = ? WHERE id = ?", (other, artwork))
            return False
    connection.execute("UPDATE artworks SET gone_at = ? WHERE id = ?", (time.time(), artwork))
    return True


def _taken(connection: Any, place: str, artwork: int) -> bool:
    sql = "SELECT 1 FROM artworks WHERE place = ? AND gone_at IS NULL AND id <> ?"
    return connection.execute(sql, (place, artwork)).fetchone() is not None


def sweep(database: Database, folder: Folder, scan: int) -> int:
    """After a whole scan: what it did not see and is not there is forgotten, and its artwork gone; returns how many are gone.

    Each is looked for once more, so a second scan beside this one takes nothing away; what cannot be looked at stays.
    """
    rows = database.read("SELECT path, artwork FROM folder_files WHERE folder = ? AND seen_scan < ?", folder.id, scan)
    absent = [row for row in rows if _absent(_place(folder.path, row["path"]))]
    lost = {row["artwork"] for row in absent if folder.watched and row["artwork"] is not None}
    with database.transaction() as connection:
        known = {artwork: _others(connection, artwork) for artwork in lost}
    # Path.is_file raises for a disk that is dead
    others = {artwork: [path for path in paths if os.path.isfile(path)] for artwork, paths in known.items()}  # noqa: PTH113
    gone = 0
    for start in range(0, len(absent), AT_ONCE):
        with database.transaction() as connection:
            for row in absent[start : start + AT_ONCE]:
                connection.execute("DELETE FROM folder_files WHERE folder = ? AND path = ?", (folder.id, row["path"]))
                if folder.watched and row["artwork"] is not None:
                    place = _place(folder.path, row["path"])
                    sql = "SELECT 1 FROM artworks WHERE id = ? AND place = ? AND gone_at IS NULL"
                    if connection.execute(sql, (row["artwork"], place)).fetchone():
                        gone += _lose(connection, row["artwork"], place, others[row["artwork"]])
    return gone


def _place(folder: str, path: str) -> str:
    return str(Path(folder) / path)


def _absent(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # a folder that may not be entered, a disk that does not answer
        return False
    return False


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
