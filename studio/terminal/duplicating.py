"""`duplicates`: lists copies of one picture and which to keep, and bins the rest if told to. It deletes nothing for good."""

from __future__ import annotations

import argparse
from typing import Any

from studio.terminal.answers import DONE, facts, must_be_done, open_home_studio, respond, say, wait


def options_of(parser: argparse.ArgumentParser) -> None:
    """What `duplicates` can be told."""
    parser.add_argument("--near", action="store_true", help="also resized, recompressed and cropped copies")
    parser.add_argument("--bin", action="store_true", help="keep the suggested one of each group and bin the others")


def duplicates(options: argparse.Namespace) -> int:
    """Find copies, print each group with its keeper and why; with --bin put the others into the bin. Returns the exit code."""
    from studio.gallery.keeping import changes
    from studio.gallery.likeness import duplicates as found

    studio = open_home_studio()
    job = wait(studio, studio.find_duplicates(near=options.near))
    must_be_done(job)
    groups = found.groups(studio.gallery, near=options.near)
    held = studio.gallery.many([id for group in groups for id in group.ids])
    body: dict[str, Any] = {
        "groups": [
            {
                "kind": group.kind,
                "keep": group.keeper,
                "why": group.why,
                "artworks": [facts(studio, held[id]) for id in group.ids],
            }
            for group in groups
        ],
        "compared": job.result.get("compared", 0),
        "binned": 0,
    }
    lines = []
    for group in groups:
        same = "the same pixels" if group.kind == found.EXACT else "copies"
        lines.append(f"{len(group.ids)} pictures, {same}. {group.why}")
        for id in (group.keeper, *group.rest):
            size = f"{held[id].width}x{held[id].height}"
            lines.append(
                f"  {'keep' if id == group.keeper else '    '}  {id:>6}  {size:>11}  {studio.gallery.path(held[id])}"
            )
    if options.bin and groups:
        number = found.keep(studio.gallery, [(group.keeper, group.rest) for group in groups])
        change = changes.get(studio.gallery, number)
        body |= {"binned": change.pictures, "change": number}
        say(f"{change.words[0].upper()}{change.words[1:]}; the gallery's Undo, or its bin, gives them back.")
    respond(options, body, lines or ["No duplicates."])
    return DONE
