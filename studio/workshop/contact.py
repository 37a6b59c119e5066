"""A grid as one labelled picture, to be handed to the gate. It reads pictures that were cleared and writes none itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from studio.domain.errors import BadInput
from studio.domain.grid import Grid
from studio.domain.job import Job
from studio.domain.recipe import SAMPLERS
from studio.gallery.leaving.lettering import LINE, PAPER, QUIET, WASH, broken, paste, typeface, write
from studio.jobs.grids import get, squares_of
from studio.safety.provenance import GENERATED, xmp_packet
from studio.workshop.paint import fit
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

SIDES = (176, 512)  # pixels, of a cell: small pictures are shown larger, so that words beside them can be read
MOST = 6_000  # pixels of the sheet's long side; a WebP ends at 16,383
GAP, MARGIN = 10, 28
HEAD = 150  # of the headings of the rows
LINES = 3  # of a heading
UNBROKEN = 6  # pictures that stand in one row where there are no others below it


def make(job: Job, report: JobReport, tools: Tools) -> dict[str, object]:
    """The preview's name of a grid's contact sheet, which the gate of every pack shown on it has cleared.

    Raises BadInput while no cell is a picture, Refused where the gate lets the sheet as a whole not through.
    """
    held = get(tools.database, int(job.payload["sheet"]))
    squares = squares_of(tools.database, held)
    artworks = tools.gallery.many([square.artwork for square in squares if square.artwork is not None])
    pictures: dict[tuple[int, int], Image.Image] = {}
    packs = {held.grid.base.pack: None}  # each once, in order
    report.stage("laying out")
    for done, square in enumerate(squares):
        report(done, len(squares))
        artwork = artworks.get(square.artwork or 0)
        if artwork is not None and artwork.deleted_at is None:
            packs[square.recipe.pack] = None
            pictures[square.column, square.row] = _small(tools.stored(artwork), len(squares))
    if not pictures:
        raise BadInput("grid", "None of this grid's cells is a picture yet; paint them first.")
    sheet = compose(held.grid, pictures)
    report.stage("checking")
    passed = [tools.gate(pack, waiting=report.check).picture(sheet) for pack in packs]
    cleared = min(passed, key=lambda one: math.inf if one.verdict.margin is None else one.verdict.margin)
    name = tools.files.preview(cleared, f"grid-{held.id}-{job.id}", xmp=xmp_packet(GENERATED), quality=92)
    return {"preview": name, "verdict": cleared.verdict.to_dict(), "width": sheet.width, "height": sheet.height}


def _small(picture: Image.Image, among: int) -> Image.Image:
    """A picture no larger than it can be on a sheet of so many, so that a hundred large ones fit into memory."""
    picture = fit.rgb(picture)
    if among > 1:
        picture.thumbnail((SIDES[1], SIDES[1]), Image.Resampling.LANCZOS)
    return picture


@dataclass(frozen=True)
class Layout:
    """Where things stand, in pixels: a cell's size, the first cell's left and top, from one to the next, the whole's size."""

    cell: tuple[int, int]
    corner: tuple[int, int]
    pitch: tuple[int, int]
    size: tuple[int, int]

    def at(self, column: int, row: int) -> tuple[int, int]:
        """The left and top of a cell."""
        return self.corner[0] + column * self.pitch[0], self.corner[1] + row * self.pitch[1]


def layout(shape: tuple[int, int], cell: tuple[int, int], *, rows_named: bool) -> Layout:
    """Place so many columns and rows of cells of this size (pixels), smaller where the whole would be too large.

    Where the rows have no names, each picture has its own heading above it.
    """
    corner = (MARGIN + (HEAD if rows_named else 0), MARGIN + LINE * (4 + LINES))
    between = (GAP, GAP if rows_named else GAP + LINES * LINE)
    room = [(MOST - corner[side] - MARGIN) / shape[side] - between[side] for side in (0, 1)]
    scale = min(1.0, room[0] / cell[0], room[1] / cell[1])
    wide, high = (max(16, round(side * scale)) for side in cell)
    pitch = (wide + between[0], high + between[1])
    width, height = (corner[side] + shape[side] * pitch[side] - between[side] + MARGIN for side in (0, 1))
    return Layout((wide, high), corner, pitch, (max(width, 480), height))


def compose(grid: Grid, pictures: Mapping[tuple[int, int], Image.Image]) -> Image.Image:
    """The sheet: the prompt, the axes with their headings, and the pictures by (column, row); an empty place where none is.

    A long row without others below it is broken into several.
    """
    largest = max(max(picture.size) for picture in pictures.values())
    scale = min(max(largest, SIDES[0]), SIDES[1]) / largest
    cell = [round(max(picture.size[side] for picture in pictures.values()) * scale) for side in (0, 1)]
    columns, rows = grid.shape
    across = columns if grid.y or columns <= UNBROKEN else math.ceil(math.sqrt(1.5 * columns))
    shape = (across, rows if grid.y else math.ceil(columns / across))
    places = layout(shape, (cell[0], cell[1]), rows_named=grid.y is not None)
    (wide, high), font = places.cell, typeface(16)
    sheet = Image.new("RGB", places.size, PAPER)
    draw = ImageDraw.Draw(sheet)
    room = places.size[0] - 2 * MARGIN
    write(draw, grid.base.prompt, (MARGIN, MARGIN), room, lines=2, font=typeface(19))
    write(draw, _facts(grid), (MARGIN, MARGIN + 2 * LINE + 6), room, lines=1, font=typeface(14), ink=QUIET)
    for column, words in enumerate(grid.x.labels):
        left, top = places.at(column % across, column // across)
        write(draw, words, (left, top - 6 - _height(words, font, wide)), wide, lines=LINES, font=font)
    for row, words in enumerate(grid.y.labels if grid.y else ()):
        top = places.at(0, row)[1] + (high - _height(words, font, HEAD - 14)) // 2
        write(draw, words, (MARGIN, top), HEAD - 14, lines=LINES, font=font)
    for column in range(columns):
        for row in range(rows):
            left, top = places.at(column % across, row + column // across)
            picture = pictures.get((column, row))
            if picture is None:
                draw.rectangle((left, top, left + wide - 1, top + high - 1), fill=WASH)
            else:
                paste(sheet, picture, (left, top), places.cell)
    return sheet


def _facts(grid: Grid) -> str:
    """What the axes are and what stays the same."""
    base, varied = grid.base, {axis.field for axis in grid.axes}
    same = {
        "pack": base.pack,
        "steps": f"{base.steps} steps",
        "guidance": f"guidance {base.guidance:g}",
        "sampler": SAMPLERS[base.sampler],
        "seed": f"seed {base.seed}",
    }
    axes = f"{grid.x.title} across" + (f", {grid.y.title.lower()} down" if grid.y else "")
    return " · ".join([axes, *(words for name, words in same.items() if name not in varied)])


def _height(words: str, font: ImageFont.FreeTypeFont, room: int) -> int:
    """How high a heading is, in pixels."""
    return LINE * min(LINES, len(broken(words, font, room)))
