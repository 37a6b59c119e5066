"""`export` and `bin`: pictures out of the gallery, and what was deleted from it. A job does the work."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.amounts import amount
from studio.domain.errors import BadInput
from studio.domain.export import FIELDS, FORMATS, METADATA, PATTERN, SHAPES, Export
from studio.terminal import searching
from studio.terminal.answers import DONE, must_be_done, open_home_studio, respond, say, wait

if TYPE_CHECKING:
    from studio.app import Studio

_SHAPES = {".zip": "zip", ".pdf": "pdf", ".png": "sheet"}


def options_of(export: argparse.ArgumentParser, bin: argparse.ArgumentParser) -> None:
    """What both can be told."""
    export.add_argument("ids", nargs="*", metavar="ID", help="artworks' numbers")
    export.add_argument("--query", metavar="WORDS", help="all that a search finds, as in `find`")
    export.add_argument("--limit", type=int, metavar="N", help=searching.HELP)
    export.add_argument(
        "--to", required=True, metavar="PLACE", help="a folder, or a file: .zip, .pdf, .png (a contact sheet)"
    )
    export.add_argument(
        "--as", dest="shape", choices=tuple(SHAPES), help="default: as the place's ending says, else files"
    )
    export.add_argument("--format", default="same", choices=tuple(FORMATS), help="default: as they are")
    export.add_argument("--quality", type=int, default=90, metavar="N", help="of JPEG and WebP, 1 to 100")
    export.add_argument("--metadata", default="recipe", choices=tuple(METADATA), help="what the files say")
    export.add_argument("--gps", action="store_true", help="also where photographs were taken, if their files say it")
    export.add_argument("--names", default=PATTERN, metavar="PATTERN", help=f"fields: {', '.join(FIELDS)}")
    export.add_argument("--dry-run", action="store_true", help="only say what would leave")
    what = bin.add_mutually_exclusive_group()
    what.add_argument("--empty", action="store_true", help="delete for good what lies there")
    what.add_argument(
        "--restore", action="append", default=[], metavar="ID", help="take one out; repeatable; all for all"
    )
    what.add_argument(
        "--delete", action="append", default=[], metavar="ID", help="delete one of them for good; repeatable"
    )


def export(options: argparse.Namespace) -> int:
    """Export pictures to a folder, a zip or a contact sheet; says beforehand what will leave."""
    from studio.gallery.leaving import exporting

    studio = open_home_studio()
    to = Path(options.to).expanduser().absolute()
    choice = Export(
        shape=options.shape or _SHAPES.get(to.suffix.lower(), "files"),
        format=options.format,
        quality=options.quality,
        metadata=options.metadata,
        gps=options.gps,
        names=options.names,
    )
    ids, left = _chosen(studio, options)
    counted = exporting.tally(studio.database, ids, choice)
    if not counted.pictures:
        raise BadInput("ids", "There is no such picture in the gallery.")
    fields = exporting.fields(counted, choice)
    for field in fields:
        say(f"  {'leaves' if field.leaves else 'stays '}  {field.name}{f' ({field.remark})' if field.remark else ''}")
    told: dict[str, Any] = {
        "leaves": [one.name for one in fields if one.leaves],
        "stays": [one.name for one in fields if not one.leaves],
        "left": left,
    }
    if options.dry_run:
        respond(options, {**told, "pictures": counted.pictures, "bytes": counted.bytes}, _dry(studio, ids, choice))
        return DONE
    place = exporting.place_for(
        str(to), home=studio.home, watched=exporting.watched_folders(studio.database), needed=counted.bytes
    )
    job = wait(studio, studio.submit("export", exporting.payload(ids, choice, to=place)))
    must_be_done(job)
    kept = ("to", "written", "already", "files", "bytes", "paths", "left_out")
    answer = {**told, **{name: job.result.get(name) for name in kept}}
    lines = [
        f"{exporting.resulting(job.result)}: {job.result['paths'][0] if job.result['files'] == 1 else job.result['to']}"
    ]
    lines += [f"  {left['id']}: {left['reason']}" for left in job.result["left_out"]]
    respond(options, answer, lines)
    return DONE


def bin(options: argparse.Namespace) -> int:
    """Say what lies in the bin; restore, delete for good or empty it."""
    import time

    from studio.gallery.keeping import disposal

    studio = open_home_studio()
    if options.restore:
        ids = disposal.every(studio.database) if "all" in options.restore else _numbers(options.restore)
        disposal.check(studio.database, ids)
        binned = [id for id, art in studio.gallery.many(ids).items() if art.deleted_at is not None]
        for id in binned:
            studio.restore(id)
        respond(options, {"restored": binned}, [f"{len(binned):,} restored."])
        return DONE
    if options.empty or options.delete:
        seen = time.time()
        ids = _numbers(options.delete) if options.delete else disposal.every(studio.database)
        disposal.check(studio.database, ids)
        found = disposal.contents(studio.database, ids)
        for sentence in disposal.going(found):
            say(sentence)
        job = wait(studio, studio.submit("empty", {"ids": ids, "before": seen}))
        must_be_done(job)
        went, freed = job.result["pictures"], job.result["bytes"]
        respond(options, {"deleted": went, "bytes": freed}, [f"{went:,} gone for good, {amount(freed)} free again."])
        return DONE
    _list(options, studio)
    return DONE


def _list(options: argparse.Namespace, studio: Studio) -> None:
    from studio.gallery.keeping import disposal

    found, kept = disposal.contents(studio.database), studio.settings.bin_days
    arts = studio.gallery.many(disposal.every(studio.database)).values()
    rows: list[dict[str, Any]] = [
        {
            "id": art.id,
            "days_left": disposal.days_left(art.deleted_at or 0.0, kept=kept),
            "bytes": art.bytes,
            "caption": art.alt,
        }
        for art in sorted(arts, key=lambda art: -(art.deleted_at or 0.0))
    ]
    lines = [f"{row['id']:>6}  {row['days_left']:>3} days  {amount(row['bytes']):>7}  {row['caption']}" for row in rows]
    lines.append(f"{found.pictures:,} pictures, {amount(found.bytes)}; each stays for {kept} days.")
    respond(options, {**found.to_dict(), "days": kept, "artworks": rows}, [*lines, *disposal.going(found)])


def _dry(studio: Studio, ids: list[int], choice: Export) -> list[str]:
    """What one file would say, value by value; for many the list that was said is all there is."""
    from studio.gallery.leaving import exporting

    if len(ids) != 1 or choice.is_sheet:
        return []
    artwork = studio.gallery.get(ids[0])
    data = studio.files.unchanged(artwork.file, binned=artwork.deleted_at is not None, place=artwork.place)
    return [f"{what}: {value}" for what, value in exporting.what_leaves(artwork, data, choice)] or ["It says nothing."]


def _chosen(studio: Studio, options: argparse.Namespace) -> tuple[list[int], int]:
    """The pictures that are named, and those that the search finds; and how many more it would."""
    ids = _numbers(options.ids)
    lacking = sorted(set(ids) - set(studio.gallery.many(ids)))
    if lacking:
        raise BadInput("ids", f"There is no artwork {lacking[0]} in the gallery.")
    left = 0
    if options.query is not None:
        found = searching.found(studio, options.query, limit=options.limit)
        ids, left = ids + found.ids, found.left
    if not ids:
        raise BadInput("ids", "Name some pictures by their numbers, or search for them with --query.")
    return list(dict.fromkeys(ids)), left


def _numbers(texts: list[str]) -> list[int]:
    for text in texts:
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise BadInput("ids", f"An artwork is named by its number in the gallery; {text!r} is none.")
    return [int(text) for text in texts]
