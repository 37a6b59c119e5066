"""A picture's file as it leaves: only from the bytes that were cleared, and with the words that were chosen. It writes no file.

`leaving` makes the bytes, `what_leaves` reads back what they will say, `tally` counts what many hold, `place_for` where to.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from studio.database import Database
from studio.domain.amounts import amount, counted
from studio.domain.artwork import SHOWN, Artwork
from studio.domain.errors import BadInput
from studio.domain.export import SHEET_LIMITS, Export
from studio.gallery.carriers import Label, dress, kind_of
from studio.gallery.encoding import encoded
from studio.gallery.foreign.notes import NOTES, notes_of
from studio.gallery.foreign.reading import read
from studio.gallery.foreign.values import as_object
from studio.gallery.leaving.labels import label_of
from studio.gallery.metadata import KEY, read_parents
from studio.safety.contents import EXIF_KEY, XMP_KEY, read_text
from studio.safety.intake import Intake, open_picture, place_of, sha256
from studio.safety.provenance import EDITED, GENERATED, read_source_type

ENDINGS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
DOWNLOAD_LIMIT = 256 * 10**6  # bytes that are offered as a download; more goes to a folder
ROOM = 64 * 2**20  # bytes that stay free where we write
MARKS = {GENERATED: "says that a model made it", EDITED: "says that a model changed it"}
_SHEET_BYTES = 60_000  # of one picture on a sheet, about


@dataclass(frozen=True)
class Leaving:
    """A file that may leave: its bytes and its ending, ".png"."""

    data: bytes
    ending: str


def leaving(artwork: Artwork, data: bytes, choice: Export) -> Leaving:
    """The file of an artwork as it leaves, out of its stored bytes; raises BadInput where these are not the cleared ones."""
    kind, carrier, label = _dressed(artwork, data, choice)
    return Leaving(dress(carrier, label), ENDINGS[kind])


def what_leaves(artwork: Artwork, data: bytes, choice: Export) -> list[tuple[str, str]]:
    """What the file of an artwork will say, as (what, value) pairs; read back from a file that says the very same.

    The values come from files and prompts: hostile text.
    """
    check_bytes(artwork, data)
    kind = _kind(artwork, data, choice)
    tiny = dress(encoded(Image.new("RGB", (1, 1)), kind), _label(artwork, data, choice, kind=kind, turned=True))
    return told(tiny)


def told(data: bytes) -> list[tuple[str, str]]:
    """What a file of ours says beside its pixels, as (what, value) pairs; hostile text."""
    with Image.open(BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as picture:
        text = read_text(picture)
        intake = Intake(Image.new("RGB", (1, 1)), b"", "PNG", 1, "", text=text)
    found, notes = read(intake), notes_of(text)
    settings = [f"{found.steps} steps" if found.steps else "", f"guidance {found.guidance:g}" if found.guidance else ""]
    place = place_of(data)
    own, parents = as_object(text.get(KEY)), read_parents(text)  # a stranger may have written them
    others = [
        key
        for key in text
        if key not in (KEY, NOTES, XMP_KEY, "parameters", "UserComment") and not key.startswith(EXIF_KEY)
    ]
    pairs = [
        ("Prompt", found.prompt),
        ("Without", found.negative),
        ("Seed", "" if found.seed is None else str(found.seed)),
        ("Model", found.model),
        ("Settings", ", ".join(filter(None, (found.sampler, *settings)))),
        ("Made with", "packs and their hashes, libraries, device" if own.get("record") else ""),
        ("Made from", f"the names of {len(parents)} pictures" if parents else ""),
        ("Taken", f"{datetime.fromtimestamp(found.taken_at):%-d %B %Y, %H:%M}" if found.taken_at is not None else ""),
        ("Camera", ", ".join(filter(None, (found.camera, found.lens)))),
        ("By", ", ".join(text[key] for key in (f"{EXIF_KEY}Artist", f"{EXIF_KEY}Copyright") if key in text)),
        ("Caption", notes.caption if notes else found.description),
        ("Tags", ", ".join(notes.tags if notes else found.tags)),
        ("Rating", str((notes.rating if notes else found.rating) or "")),
        ("Favourite", "yes" if notes and notes.favourite else ""),
        ("Note", notes.remark if notes else ""),
        ("Came as", notes.name if notes else ""),
        ("Other tools", ", ".join(f"{key} ({amount(len(text[key]))})" for key in others)),
        ("Place", "" if place is None else degrees(place)),
        ("Mark", MARKS.get(mark := read_source_type(text.get(XMP_KEY, "")), mark)),
    ]
    return [(what, value) for what, value in pairs if value]


def degrees(place: tuple[float, float]) -> str:
    """A place in words: "48.85800° N, 2.29400° E"."""
    north, east = place
    return f"{abs(north):.5f}° {'N' if north >= 0 else 'S'}, {abs(east):.5f}° {'E' if east >= 0 else 'W'}"


# --- how it is made -----------------------------------------------------------------------------------------------------


def check_bytes(artwork: Artwork, data: bytes) -> None:
    """Raise BadInput unless the artwork may leave and these are the bytes that the gate cleared."""
    reason = stays(artwork)
    if reason:
        raise BadInput("artwork", reason)
    if sha256(data) != artwork.sha256:
        raise BadInput(
            "artwork",
            f"The file of picture {artwork.id} is no longer the one that was checked, so it stays here;"
            " `python -m studio check` says more.",
        )


def stays(artwork: Artwork) -> str:
    """Why an artwork may not leave, or an empty string."""
    if not artwork.verdict.allowed:
        return f"The gate has not let picture {artwork.id} through."
    if artwork.deleted_at is not None:
        return f"Picture {artwork.id} is in the bin; take it out first."
    return "" if artwork.kind in SHOWN else f"Picture {artwork.id} is not kept yet; keep it first."


def _kind(artwork: Artwork, data: bytes, choice: Export) -> str:
    if choice.format != "same":
        return choice.format
    kind = kind_of(data)
    return kind if kind and (artwork.place is None or open_picture(data).keep) else "png"


def _dressed(artwork: Artwork, data: bytes, choice: Export) -> tuple[str, bytes, Label]:
    """The format, a file with the right pixels, and what it shall say."""
    check_bytes(artwork, data)
    now, carrier = kind_of(data), data
    if artwork.place is not None:  # of a file that lies elsewhere only one still picture was cleared; it may hold more
        intake = open_picture(data)
        carrier, now = (intake.data, now) if intake.keep else (b"", "")
    wanted = choice.format if choice.format != "same" else now or "png"
    turned = wanted != now or choice.format in ("jpeg", "webp")
    if turned:
        carrier = encoded(open_picture(data).picture, wanted, quality=choice.quality)
    return wanted, carrier, _label(artwork, data, choice, kind=wanted, turned=turned)


def _label(artwork: Artwork, data: bytes, choice: Export, *, kind: str, turned: bool) -> Label:
    place = place_of(data) if choice.gps else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd EXIF; it is judged by what can be read of it
        with _open(data) as picture:
            return label_of(artwork, picture, choice, kind=kind, turned=turned, place=place)


def _open(data: bytes) -> Image.Image:
    """The file, opened for its words; a kind that only intake can open says nothing here."""
    if kind_of(data):
        return Image.open(BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    intake = open_picture(data)
    blank = Image.new("RGB", (1, 1))
    blank.text = dict(intake.text)  # type: ignore[attr-defined]
    return blank


# --- what is asked for --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """What the pictures of an export hold together: how many of them have each thing, and how many bytes they may take."""

    pictures: int
    bytes: int
    prompts: int
    seeds: int
    models: int
    notes: int  # with tags, a caption, a rating or a note
    cameras: int  # with a camera or the time it was taken
    others: int  # with texts of other tools
    outside: int  # whose file lies in a watched folder
    marked: int  # that a model made


def tally(database: Database, ids: Sequence[int], choice: Export) -> Tally:
    """Count what these pictures hold and estimate what they will weigh; in one query, however many they are."""
    pixels = {"png": 2.2, "jpeg": 0.08 + choice.quality**3 / 1_600_000, "webp": 0.06 + choice.quality**3 / 2_000_000}
    weight = f"width * height * {pixels[choice.format]}" if choice.format in pixels else "bytes"
    weight = str(_SHEET_BYTES) if choice.is_sheet else weight
    row = database.one(
        f"SELECT count(*), total({weight}), sum(prompt <> ''), sum(seed IS NOT NULL), sum(model <> ''),"
        " sum(caption <> '' OR rating <> 0 OR remark <> '' OR EXISTS (SELECT 1 FROM tags WHERE artwork = artworks.id)),"
        " sum(camera <> '' OR taken_at IS NOT NULL), sum(metadata IS NOT NULL), sum(place IS NOT NULL),"
        " sum(kind = 'painted' OR made_with NOT IN ('', 'camera'))"
        " FROM artworks WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each(?))",
        json.dumps(list(ids)),
    )
    return Tally(*(int(value or 0) for value in row)) if row else Tally(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Field:
    """A kind of thing that pictures hold, whether it leaves, and a remark: how many have it, or why it stays."""

    name: str
    leaves: bool
    remark: str


def fields(total: Tally, choice: Export) -> list[Field]:
    """What of these pictures will leave and what stays here, before it is done; what none of them has is left out."""
    said, whole = choice.metadata != "none", choice.metadata == "all"
    many = total.pictures > 1

    def held(count: int) -> str:
        return f"{count:,} of {total.pictures:,}" if many and count < total.pictures else ""

    if choice.is_sheet:
        found = [
            Field(
                "Their numbers and sizes" if many else "Its number and size", True, "printed under each" if many else ""
            ),
            Field("Captions or prompts", said, "two lines under each" if said else ""),
            Field("Everything else they say" if many else "Everything else it says", False, ""),
        ]
    else:
        found = [
            Field("Prompt, seed, model, settings", said, held(total.prompts)),
            Field("Tags, captions, ratings, notes", whole, held(total.notes)),
            Field("Camera, date, photographer", whole, held(total.cameras)),
            Field("Texts of other tools, such as workflows", whole, held(total.others)),
        ]
        counts = (total.prompts or total.seeds, total.notes, total.cameras, total.others)
        found = [one for one, count in zip(found, counts, strict=True) if count]
        found.append(Field("Where it was taken", choice.gps, "if the file says it" if choice.gps else ""))
        found.append(Field("Serial numbers, owners' names", False, "never"))
    if total.marked:
        found.append(Field("The mark that a model made it", True, held(total.marked) or "always"))
    return found


def payload(ids: Sequence[int], choice: Export, *, to: Path | None) -> dict[str, Any]:
    """The job that exports these pictures to a place of `place_for`, or into a download; raises BadInput."""
    if not ids:
        raise BadInput("ids", "Choose some pictures first.")
    most = SHEET_LIMITS.get(choice.shape)
    if most is not None and len(ids) > most:
        instead = "choose PDF, or fewer pictures" if choice.shape == "sheet" else "choose fewer pictures"
        raise BadInput(
            "ids", f"One {'sheet' if choice.shape == 'sheet' else 'PDF'} takes {most:,} pictures; {instead}."
        )
    if to is None and choice.shape == "files" and len(ids) > 1:
        raise BadInput("shape", "A browser takes one file; choose Zip, or a folder on this machine.")
    return {"ids": list(dict.fromkeys(ids)), "choice": choice.to_dict(), "to": "" if to is None else str(to)}


def place_for(text: str, *, home: Path, watched: Sequence[str], needed: int) -> Path:
    """The folder or file that pictures shall be written to, checked and absolute; raises BadInput with what to do.

    It need not be there yet. Not inside the home folder, whose files are ours to name, nor inside a watched folder, where the
    copies would come back as new pictures. `needed` bytes must be free.
    """
    try:
        place = Path(text.strip()).expanduser()
        if not text.strip() or not place.is_absolute():
            raise BadInput("to", "Say where to with a whole path, such as /home/me/Pictures/out.")
        place = place.resolve()
        there = next(one for one in (place, *place.parents) if one.exists())
    except (OSError, ValueError, RuntimeError, StopIteration) as error:
        raise BadInput("to", f"That path cannot be used ({error}).") from error
    for other, why in (
        (home, "is Easel's own folder"),
        *((Path(one), "is watched, so the copies would come back") for one in watched),
    ):
        if place == other.resolve() or other.resolve() in place.parents:
            raise BadInput("to", f"{other} {why}; choose another folder.")
    if there != place or place.is_dir():
        if not there.is_dir():
            raise BadInput("to", f"{there} is a file, not a folder; choose another.")
        if not os.access(there, os.W_OK | os.X_OK):
            raise BadInput("to", f"Nobody may write into {there}; choose another folder, or change its permissions.")
    check_room(there if there.is_dir() else there.parent, needed)
    return place


def check_room(folder: Path, needed: int) -> None:
    """Raise BadInput where a disk has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if needed + ROOM > free:
        raise BadInput(
            "to",
            f"This takes about {amount(needed)}, and the disk of {folder} has {amount(free)} free; make room there, or choose"
            " another folder.",
        )


def watched_folders(database: Database) -> list[str]:
    """The folders that are watched."""
    return [row["path"] for row in database.read("SELECT path FROM folders WHERE watched = 1")]


def resulting(result: Mapping[str, Any]) -> str:
    """What became of an export, in one line."""
    written, already = int(result.get("written", 0)), int(result.get("already", 0))
    parts = [f"{counted(written)}, {amount(int(result.get('bytes', 0)))}"]
    parts += [f"{already:,} lay there already"] if already else []
    left = len(result.get("left_out", ()))
    return ", ".join([*parts, *([f"{left:,} left out"] if left else [])])
