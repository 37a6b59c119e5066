"""`grid`: one recipe varied along two fields, each cell an artwork. It asks for the recipe as `paint` does."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from studio.domain.errors import BadInput
from studio.domain.grid import FIELDS, Axis, Grid, read_axis
from studio.terminal import painting
from studio.terminal.answers import (
    BAD_INPUT,
    CANCELLED,
    DONE,
    FAILED,
    REFUSED,
    copy_out,
    facts,
    open_home_studio,
    respond,
    say,
)

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.jobs.grids import Held, Square

POLL = 0.2  # seconds between two looks


def options_of(verb: argparse.ArgumentParser) -> None:
    """What a grid is told beside what `paint` is."""
    fields = ", ".join(FIELDS)
    verb.add_argument(
        "--x", required=True, metavar="FIELD=VALUES",
        help=f"columns, such as steps=4,8,16 or guidance=1-9[5] or words=star,house; fields: {fields}, lora:NAME, control:KIND",
    )  # fmt: skip
    verb.add_argument("--y", metavar="FIELD=VALUES", help="rows, in the same way")


def grid(options: argparse.Namespace) -> int:
    """Paint a grid and wait for it; returns the exit code: 0 when every cell is a picture."""
    studio = open_home_studio()
    names = {pack.manifest.name.lower(): pack.id for pack in studio.shelf.packs()}
    axes = [_axis(text, names) for text in (options.x, options.y) if text is not None]
    if options.count != 1:
        raise BadInput(
            "count", "A grid paints one picture to a cell; leave --count out, or vary the seed: --y seed=1-4."
        )
    if options.mask or options.select is not None:
        raise BadInput("mask", "A grid cannot fill a part of a picture; vary, extend or paint from words.")
    base, _, out = painting.wished(options, studio)
    styles = getattr(options, "style", None) or []
    held = studio.grids.start(Grid(base, *axes), styles=styles, offload=options.offload)
    squares = _wait(studio, held)
    artworks = studio.gallery.many([square.artwork for square in squares if square.artwork is not None])
    copy_out(studio, list(artworks.values()), out)
    cells = [_cell(studio, held, square) for square in sorted(squares, key=lambda one: (one.row, one.column))]
    respond(options, {"grid": {"id": held.id, **_axes(held.grid)}, "cells": cells}, [_line(cell) for cell in cells])
    return _ending(squares)


def _axis(text: str, names: dict[str, str]) -> Axis:
    field, sign, values = text.partition("=")
    if not sign:
        raise BadInput("grid", f"An axis looks like steps=4,8,16; {text[:40]!r} does not.")
    return read_axis(field.strip().lower() if ":" not in field else field.strip(), values, names=names)


def _wait(studio: Studio, held: Held) -> list[Square]:
    """Wait until every cell has ended, telling a person at a terminal how far it is; Ctrl+C cancels the rest."""
    told = ""
    try:
        while True:
            squares = studio.grids.squares(held)
            progress = studio.grids.progress(squares)
            if not progress.live:
                return squares
            left = f", about {progress.seconds_left:.0f} s left" if progress.seconds_left else ""
            now = f"{progress.done} of {progress.all} pictures{left}"
            if now != told and sys.stderr.isatty():
                told = now
                print(f"\r\033[K{now}", end="", file=sys.stderr, flush=True)
            studio.supervisor.state()  # a dead worker is noticed by whoever waits
            time.sleep(POLL)
    except KeyboardInterrupt:
        studio.grids.cancel(held.id)
        raise
    finally:
        if told:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _cell(studio: Studio, held: Held, square: Square) -> dict[str, Any]:
    """What the terminal tells of a cell: its values, and its artwork or why there is none."""
    artwork = studio.gallery.many([square.artwork]).get(square.artwork) if square.artwork is not None else None
    values = {held.grid.x.field: held.grid.x.labels[square.column]}
    y = held.grid.y
    if y is not None:  # both may be words, so the rows have a name of their own there
        values[y.field if y.field not in values else f"{y.field} (rows)"] = y.labels[square.row]
    return {
        "column": square.column,
        "row": square.row,
        "values": values,
        "state": square.job.state if square.job else "missing",
        "error": square.job.error if square.job else "",
        "artwork": facts(studio, artwork) if artwork else None,
    }


def _axes(grid: Grid) -> dict[str, Any]:
    return {"x": grid.x.to_dict(), "y": grid.y.to_dict() if grid.y else None}


def _line(cell: dict[str, Any]) -> str:
    values = ", ".join(f"{field} {value}" for field, value in cell["values"].items())
    artwork = cell["artwork"]
    return f"{values}: " + (f"{artwork['id']}  {artwork['path']}" if artwork else f"{cell['state']}  {cell['error']}")


def _ending(squares: list[Square]) -> int:
    """The exit code, after the reasons: done when all are pictures, else how the cells without one ended."""
    lost = [square.job for square in squares if square.artwork is None and square.job is not None]
    for reason in dict.fromkeys(job.error for job in lost if job.error):
        say(reason)
    if not lost:
        return DONE
    states = {job.state for job in lost}
    if any("field" in job.result for job in lost if job.state == "failed"):
        return BAD_INPUT
    return CANCELLED if states == {"cancelled"} else REFUSED if states == {"refused"} else FAILED
