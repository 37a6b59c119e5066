"""Where the file of a watched picture lies, as scans see it move, go and come back. It opens and changes no user's file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from studio.gallery.coming.importing import shown_name


def vacate(connection: Any, place: str, *, besides: str) -> None:
    """Before another file is known at a place, inside a transaction: who lay there lies elsewhere, or is gone.

    `besides` is the SHA-256 of the file that lies there now.
    """
    sql = "SELECT id FROM artworks WHERE place = ? AND gone_at IS NULL AND sha256 <> ? AND coalesce(source_sha256, '') <> ?"
    for row in connection.execute(sql, (place, besides, besides)).fetchall():
        lose(connection, row["id"], place, others(connection, row["id"]))  # where none lies, the next sweep says so


def take(connection: Any, artwork: int, place: str) -> str:
    """An artwork's bytes were seen at a place: it lies there now if it lay nowhere, or where nothing is any more."""
    row = connection.execute("SELECT place, gone_at FROM artworks WHERE id = ?", (artwork,)).fetchone()
    if row is None or row["place"] is None:  # we have a copy of our own
        return ""
    gone, elsewhere = row["gone_at"] is not None, row["place"] != place
    if not gone and (not elsewhere or _lies(connection, row["place"])):
        return ""
    connection.execute("UPDATE artworks SET place = ?, gone_at = NULL WHERE id = ?", (place, artwork))
    if elsewhere:  # who looks for it by name knows the new one
        name = shown_name(Path(place).name)
        connection.execute("UPDATE artworks SET source_name = ? WHERE id = ?", (name, artwork))
        return "moved"
    return "back"


def others(connection: Any, artwork: int) -> list[str]:
    """Where in watched folders an artwork's bytes were seen. No disk is asked: one that hangs would stop all who write."""
    rows = connection.execute(
        "SELECT folders.path AS folder, folder_files.path AS path FROM folder_files"
        " JOIN folders ON folders.id = folder_files.folder WHERE folders.watched = 1 AND artwork = ?",
        (artwork,),
    ).fetchall()
    return [str(Path(row["folder"], row["path"])) for row in rows]


def lose(connection: Any, artwork: int, place: str, elsewhere: Iterable[str]) -> bool:
    """An artwork's file is not at a place any more: it lies at one of those elsewhere, or is gone. True when gone."""
    for other in elsewhere:
        if other != place and not _taken(connection, other, artwork):
            connection.execute("UPDATE artworks SET place = ? WHERE id = ?", (other, artwork))
            return False
    connection.execute("UPDATE artworks SET gone_at = ? WHERE id = ?", (time.time(), artwork))
    return True


def hand_over(connection: Any, id: int) -> None:
    """What lies in a folder, and in another one that goes on being watched, lies in that one from now on."""
    rows = connection.execute(
        "SELECT a.id, folders.path AS folder, f.path AS path FROM folders AS this"
        " JOIN artworks AS a ON a.place > this.path || '/' AND a.place < this.path || '0' AND a.gone_at IS NULL"
        " JOIN folder_files AS f ON f.artwork = a.id AND f.folder <> this.id"
        " JOIN folders ON folders.id = f.folder AND folders.watched = 1 WHERE this.id = ?",
        (id,),
    ).fetchall()
    for artwork, place in {row["id"]: str(Path(row["folder"], row["path"])) for row in rows}.items():
        if not _taken(connection, place, artwork):
            connection.execute("UPDATE artworks SET place = ? WHERE id = ?", (place, artwork))


def _lies(connection: Any, place: str) -> bool:
    """Whether something lies at a place; a disk that the last scan could not ask is not asked: it would hold all who write."""
    sql = "SELECT 1 FROM folders WHERE watched = 1 AND note <> '' AND ? > path || '/' AND ? < path || '0'"
    return connection.execute(sql, (place, place)).fetchone() is None and os.path.lexists(place)


def _taken(connection: Any, place: str, artwork: int) -> bool:
    sql = "SELECT 1 FROM artworks WHERE place = ? AND gone_at IS NULL AND id <> ?"
    return connection.execute(sql, (place, artwork)).fetchone() is not None
