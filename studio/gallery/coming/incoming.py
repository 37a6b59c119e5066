"""How a picture comes in: what its file will say of it, and the row beside the file. It writes no file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from studio.database import Database
from studio.domain.artwork import SHOWN, Artwork, Facts
from studio.domain.control import CONTROLS, ControlMap
from studio.domain.errors import BadInput
from studio.domain.query import RATING_RANGE
from studio.domain.recipe import SEED_LIMIT, Recipe
from studio.gallery.coming import places
from studio.gallery.encoding import plain_png
from studio.gallery.files import Written
from studio.gallery.foreign.notes import notes_of
from studio.gallery.foreign.told import Foreign
from studio.gallery.keeping import lineage
from studio.gallery.metadata import read_map, write_map, write_text
from studio.gallery.rows import CAPTION_LIMIT, storable, tag_name
from studio.safety.contents import XMP_KEY
from studio.safety.intake import open_picture
from studio.safety.provenance import read_source_type, source_type, xmp_packet

if TYPE_CHECKING:
    from studio.gallery.likeness.appearance import Look

OWN_WORDS = "easel"  # who captions a map; no captioner replaces it
NOTHING = Facts()
OURS = Facts(made_with="easel")
_TAGS_KEPT = 100
_TEXT_KEPT = 2**20  # characters of foreign text that travel along when a picture is written anew


@dataclass(frozen=True)
class Coming:
    """What is known of a picture that comes in, beside its pixels; fields named as an Artwork's say what they say there.

    `source_sha256` is of the file it comes from, `size` that file's bytes, `text` what it said, kept when the picture is
    written anew. `record` is what is known of its making (pack hashes, versions), `made_by` IPTC's term for it. `parents` are
    beside those that the recipe uses. Where `facts` name a place, the picture stays there.
    """

    kind: str
    recipe: Recipe | None = None
    prompt: str = ""
    source_name: str = ""
    source_sha256: str | None = None
    size: int = 0
    text: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    job: int | None = None
    parents: tuple[str, ...] = ()
    map: ControlMap | None = None
    record: Mapping[str, Any] | None = None
    made_by: str = ""
    caption: str = ""
    caption_by: str = ""
    tags: Sequence[str] = ()
    favourite: bool = False
    facts: Facts | None = None


@dataclass(frozen=True)
class Arrival:
    """A picture whose file lies where it belongs, and what its row will say; `look` is made later where it is missing."""

    written: Written
    verdict: dict[str, Any]
    coming: Coming
    look: Look | None = None  # how it looks, which a search by colour asks for


@dataclass(frozen=True)
class Inscription:
    """What a picture's file says of it: its text chunks, its XMP packet, and whether it must be written anew to say so."""

    text: dict[str, str]
    xmp: bytes
    anew: bool = False


def inscribed(coming: Coming, verdict: Mapping[str, Any]) -> Inscription:
    """What the file of a picture that comes in will say, where it is written anew.

    A proposal says "painted" too, for Keep changes its row alone. A control map that is brought back in keeps its file, and so
    its name.
    """
    recipe, map, made_by = coming.recipe, coming.map, coming.made_by
    told = {"verdict": verdict, "parents": list(coming.parents)}
    if recipe is not None and coming.kind in ("painted", "proposal"):
        extras = {"kind": "painted", "record": coming.record or {}, **told}
        return Inscription(write_text(recipe, extras=extras), xmp_packet(made_by or source_type(recipe)))
    if map is not None:
        known = read_map(coming.text)
        text = write_map(map, extras={"kind": coming.kind, **told})
        return Inscription(text, xmp_packet(made_by) if made_by else b"", anew=known is None or known[0] != map)
    return of_foreign(coming.text)


def of_foreign(text: Mapping[str, str]) -> Inscription:
    """What a picture written anew carries on of its file's `text`.

    Of XMP, which may say where a picture was taken, only IPTC's term for what made it.
    """
    found = read_source_type(text.get(XMP_KEY, ""))
    return Inscription(_kept_text(text), xmp_packet(found) if found else b"")


def _kept_text(text: Mapping[str, str]) -> dict[str, str]:
    kept = {key: storable(value) for key, value in text.items() if key != XMP_KEY and 1 <= len(key) <= 79}
    kept = {key: value for key, value in kept.items() if key.isascii() and key.isprintable()}
    return kept if sum(map(len, kept.values())) <= _TEXT_KEPT else {}


def map_words(map: ControlMap, parent: Artwork | None) -> str:
    """A captioner sees a stick figure in a map; what a person looks for is the picture that it was drawn from."""
    words = f"{CONTROLS[map.kind].label.lower()} map"
    told = (parent.caption or parent.prompt) if parent is not None else ""
    return f"{words} of {told}"[:CAPTION_LIMIT] if told else words


def _filled(facts: Facts, recipe: Recipe) -> Facts:
    return replace(
        facts,
        model=facts.model or recipe.pack,
        sampler=facts.sampler or recipe.sampler,
        negative=facts.negative or recipe.negative,
        seed=recipe.seed if facts.seed is None else facts.seed,
    )


def told_facts(told: Foreign) -> Facts:
    """What a file says beside recipe and prompt: the columns, and what its maker wrote of it as the note."""
    said = [text for text in (told.title, told.description) if text and text != told.prompt]
    facts = replace(told.facts(), remark="\n".join(dict.fromkeys(said))[:CAPTION_LIMIT])
    notes = notes_of(told.rest)  # a gallery like ours said it all, and more exactly
    return replace(facts, remark=notes.remark, rating=notes.rating) if notes is not None else facts


def noted(coming: Coming, told: Foreign) -> Coming:
    """The same with what somebody noted on the picture in a gallery like ours: caption, tags, favourite, name."""
    notes = notes_of(told.rest)
    if notes is None:
        return coming
    if coming.map is None:
        coming = replace(coming, caption=notes.caption, caption_by=notes.caption_by if notes.caption else "")
    return replace(coming, favourite=notes.favourite, tags=notes.tags, source_name=notes.name or coming.source_name)


def tag_names(tags: Sequence[str]) -> tuple[str, ...]:
    """Another tool's tags as ours; one that cannot be a tag is left out, and so is what comes after the first hundred."""
    kept = []
    for tag in tags:
        with suppress(BadInput):
            kept.append(tag_name(tag))
    return tuple(dict.fromkeys(kept))[:_TAGS_KEPT]


def servable(data: bytes) -> bytes:
    """What may leave of a cleared file that was not copied: the file, or without what the gate did not see in it, or a PNG."""
    intake = open_picture(data)
    if intake.keep:
        return intake.data
    says = of_foreign(intake.text)
    return plain_png(intake.picture, text=says.text, xmp=says.xmp)


def insert(database: Database, one: Arrival) -> tuple[int, bool]:
    """Write the row of a file that lies where it belongs, and its place in the lineage.

    Returns the artwork's number, and whether the gallery shows it only now: it is new, or was binned, gone or a mask. A row
    of the same bytes stays, out of the bin: what was proposed or served as a mask becomes what it now comes in as, and what lay
    in a watched folder is ours once it was copied, under another name where its bytes had to be written anew.

    Where facts say nothing of model, sampler, seed and negative, the recipe says it.
    """
    written, coming = one.written, one.coming
    facts = coming.facts or NOTHING
    if coming.recipe is not None:
        facts = _filled(facts, coming.recipe)
    values = {
        "sha256": written.sha256,
        "file": written.file,
        "kind": coming.kind,
        "width": written.width,
        "height": written.height,
        "bytes": written.bytes,
        "recipe": coming.recipe.to_json() if coming.recipe else None,
        "prompt": coming.prompt,
        "verdict": json.dumps(one.verdict),
        "parents": json.dumps(list(coming.parents)),
        "source_name": coming.source_name,
        "source_sha256": coming.source_sha256,
        "note": coming.note,
        "job": coming.job,
        "created_at": time.time(),
        "map": json.dumps(coming.map.to_dict()) if coming.map else None,
        "caption": coming.caption,
        "caption_by": OWN_WORDS if coming.map else coming.caption_by,
        "favourite": int(coming.favourite),
        "taken_at": facts.taken_at,
        "made_with": facts.made_with,
        "model": storable(facts.model),
        "sampler": storable(facts.sampler),
        # other tools count to 2 to the power of 64
        "seed": facts.seed if facts.seed is not None and -SEED_LIMIT <= facts.seed < SEED_LIMIT else None,
        "negative": storable(facts.negative),
        "camera": storable(facts.camera),
        "metadata": facts.metadata if facts.metadata is None else storable(facts.metadata),
        "place": facts.place,
        "rating": min(max(facts.rating, RATING_RANGE[0]), RATING_RANGE[1]),
        "remark": storable(facts.remark),
    }
    with database.transaction() as connection:
        if facts.place is not None:
            places.vacate(connection, facts.place, besides=written.sha256)
        else:
            _renamed(connection, coming.source_sha256, written)
        known = connection.execute(
            "SELECT deleted_at, gone_at, kind FROM artworks WHERE sha256 = ?", (written.sha256,)
        ).fetchone()
        row = connection.execute(
            f"INSERT INTO artworks ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
            " ON CONFLICT (sha256) DO UPDATE SET deleted_at = NULL,"
            " source_sha256 = coalesce(source_sha256, excluded.source_sha256),"
            # who copies a picture that lay in a watched folder has a file of it here from now on
            " file = iif(excluded.place IS NULL, excluded.file, file),"
            " gone_at = iif(excluded.place IS NULL, NULL, gone_at), place = iif(excluded.place IS NULL, NULL, place),"
            # what was proposed, or served as a mask, and now comes to be kept
            " kind = CASE WHEN kind = 'proposal' AND excluded.kind IN ('painted', 'imported') THEN 'painted'"
            " WHEN kind = 'mask' THEN excluded.kind ELSE kind END RETURNING id",
            tuple(values.values()),
        ).fetchone()
        if known is None:
            connection.executemany(
                "INSERT OR IGNORE INTO tags (artwork, tag) VALUES (?, ?)", [(row["id"], tag) for tag in coming.tags]
            )
        if one.look is not None:
            from studio.gallery.likeness import looks  # here: numpy, which the front does not need

            looks.put(connection, int(row["id"]), one.look)
        lineage.write(connection, written.sha256, coming.recipe, coming.parents)
    seen = known is not None and (known["deleted_at"], known["gone_at"]) == (None, None) and known["kind"] in SHOWN
    return int(row["id"]), not seen


def _renamed(connection: Any, old: str | None, new: Written) -> None:
    """What lay in somebody's folder and was written anew to be copied (a TIFF, a place taken out) stays the same artwork."""
    if (
        old in (None, new.sha256)
        or connection.execute("SELECT 1 FROM artworks WHERE sha256 = ?", (new.sha256,)).fetchone()
    ):
        return
    sql = "UPDATE artworks SET sha256 = ?, file = ?, bytes = ? WHERE sha256 = ? AND place IS NOT NULL"
    if connection.execute(sql, (new.sha256, new.file, new.bytes, old)).rowcount:
        lineage.rename(connection, str(old), new.sha256)
