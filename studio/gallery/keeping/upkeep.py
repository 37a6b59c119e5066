"""Keeps rows and files in step: the sweep after a crash, the bin, the check. It never shows a picture nobody checked.

A file without a row can only come from a crash between the two, or from somebody who put it there. The gate cleared
every file before it was written, but the file must prove that it is such a one: its name is the SHA-256 of its bytes, and
our JSON inside reads as a recipe with an allowing verdict. Then its row is made again. Any other (an imported original, a
stranger's file) moves to the bin folder, unseen: an interrupted import runs again and brings its file in through the gate.
Whoever can forge such a file in this folder can write the database as well, so nothing is lost by believing it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from studio.database import Database
from studio.domain.errors import BadPicture
from studio.gallery.coming.incoming import OURS, Arrival, Coming
from studio.gallery.files import Files, Written
from studio.gallery.keeping import disposal
from studio.gallery.metadata import read_map, read_own, read_parents
from studio.safety.intake import open_picture, read_file, sha256

_SPOOLED = re.compile(r"[0-9a-f]{64}-[0-9a-f]{8}")


def sweep(database: Database, files: Files, *, adopt: Callable[[Arrival], object]) -> list[str]:
    """Settle what a crash left; returns a sentence for each picture touched. Only the worker calls it, before it works."""
    files.sweep(uploads=_awaited_uploads(database))
    rows = {
        row["file"]: row["deleted_at"]
        for row in database.read("SELECT file, deleted_at FROM artworks WHERE place IS NULL")
    }
    told = []
    for file in files.stored():
        if file not in rows:
            orphan = _read(files, file)
            if orphan is None:
                files.to_bin(file)
                told.append(f"{file} had no row and nothing that proves it was checked; it lies in the bin folder.")
            else:
                adopt(orphan)
                told.append(f"{file} had no row; it is in the gallery again.")
        elif rows[file] is not None:  # a crash between the row and the move
            files.to_bin(file)
    for file in files.stored(binned=True):
        if file in rows and rows[file] is None:
            files.from_bin(file)
    return told


def _read(files: Files, file: str) -> Arrival | None:
    try:
        data = read_file(files.path(file))
        intake = open_picture(data)
    except BadPicture:
        return None
    painted, mapped = read_own(intake.text), read_map(intake.text)
    if intake.sha256 != Path(file).stem or (painted is None and mapped is None):
        return None
    recipe, body = painted or (None, {})
    map, body = mapped or (None, body)
    verdict = body.get("verdict")
    if not isinstance(verdict, dict) or verdict.get("allowed") is not True:
        return None
    # A proposal comes back as painted: nobody can tell any more, and what was kept must not vanish from the gallery
    kind = "map" if map is not None else "painted"
    coming = Coming(
        kind, recipe, prompt=recipe.prompt if recipe else "", map=map, parents=read_parents(intake.text),
        note="found after a crash", facts=OURS,
    )  # fmt: skip
    return Arrival(Written(file, intake.sha256, *intake.size, len(data)), verdict, coming)


def _awaited_uploads(database: Database) -> set[str]:
    """Uploads named by jobs that will still run, or that a person may run again: a mask to paint with, a picture to keep."""
    rows = database.read(
        "SELECT payload FROM jobs WHERE state IN ('waiting', 'running', 'interrupted')"
        " OR (kind IN ('paint', 'repeat') AND state IN ('cancelled', 'failed'))"
    )
    return {name for row in rows for name in _SPOOLED.findall(row["payload"])}


def empty_bin(database: Database, files: Files, *, before: float) -> int:
    """Delete for good what was put in the bin before a time (Unix seconds), and masks that nothing uses any more.

    Rows first, so that no row lacks its file. Returns how many artworks went.
    """
    with database.transaction() as connection:
        rows = connection.execute("DELETE FROM artworks WHERE deleted_at <= ? RETURNING file", (before,)).fetchall()
        went = len(rows)
        # A mask is seen through the pictures that were filled with it, so it goes with the last of them
        rows += connection.execute(
            "DELETE FROM artworks WHERE kind = 'mask' AND created_at <= ? AND NOT EXISTS (SELECT 1 FROM lineage"
            " JOIN artworks AS child ON child.sha256 = lineage.child WHERE lineage.parent = artworks.sha256)"
            " AND NOT EXISTS (SELECT 1 FROM jobs WHERE state IN ('waiting', 'running', 'interrupted')"
            " AND instr(payload, artworks.sha256) > 0) RETURNING file",
            (before,),
        ).fetchall()
    disposal.drop(database, files, [row["file"] for row in rows])
    known = {row["file"] for row in database.read("SELECT file FROM artworks WHERE place IS NULL")}
    strays = [  # that the sweep put there, and what a crash left of the rows above
        file
        for file in files.stored(binned=True)
        if file not in known and files.path(file, binned=True).stat().st_mtime <= before
    ]
    disposal.drop(database, files, strays)
    return went


def check(database: Database, files: Files) -> list[str]:
    """Compare rows, files, hashes and indexes; changes nothing. Reads every picture, so it takes a while."""
    stored, binned = files.stored(), files.stored(binned=True)  # before the rows: a file comes first, then its row
    rows = database.read("SELECT id, file, sha256, bytes, deleted_at FROM artworks WHERE place IS NULL ORDER BY id")
    problems = []
    for row in database.read(
        "SELECT id, sha256, place FROM artworks WHERE place IS NOT NULL AND gone_at IS NULL ORDER BY id"
    ):
        if not _is_there(row["place"], row["sha256"]):
            problems.append(
                f"Artwork {row['id']}: its file {row['place']!r} was moved or changed; scan its folder again."
            )
    for row in rows:
        problem = _problem(files.path(row["file"], binned=row["deleted_at"] is not None), row["sha256"])
        if problem:
            problems.append(f"Artwork {row['id']}: its file {row['file']} {problem}.")
    known = {row["file"]: row["deleted_at"] for row in rows}
    problems += [f"{file} in pictures/ has no row; the next start settles it." for file in stored if file not in known]
    problems += [
        f"{file} lies in the bin and its artwork does not; the next start moves it back."
        for file in binned
        if file in known and known[file] is None and not files.path(file).exists()
    ]
    bad = database.read(
        "SELECT artwork, model FROM embeddings WHERE length(vector) = 0 OR length(vector) % iif(half, 2, 4)"
    )
    problems += [f"Artwork {row['artwork']}: its embedding by {row['model']} is damaged." for row in bad]
    problems += [
        f"The index {path.name} is damaged; the next search builds it again."
        for path in sorted((files.home / "index").glob("*.clusters"))
        if not _index_is_whole(path)
    ]
    return problems


def _is_there(place: str, sha: str) -> bool:
    """Whether a picture that was not copied lies where it did, as it was."""
    try:
        return sha256(read_file(Path(place))) == sha
    except BadPicture:
        return False


def _problem(path: Path, sha: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return "is missing; put it back from a copy, or delete the artwork"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if sha256(data) == sha else "is no longer what was saved (its SHA-256 differs); put it back from a copy"


def _index_is_whole(path: Path) -> bool:
    try:
        head, body = path.read_bytes().split(b"\n", 1)
        return bool(json.loads(head)["sha256"] == sha256(body))
    except (OSError, ValueError, KeyError, TypeError):
        return False
