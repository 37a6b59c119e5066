"""A grid as one labelled picture, to be handed to the gate. It reads pictures that were cleared and writes none itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from studio.domain.errors import BadInput
from studio.domain.grid import Grid
from studio.domain.job import Job
from studio.jobs.grids import get, squares_of
from studio.places import ASSETS
from studio.safety.intake import open_picture
from studio.safety.provenance import GENERATED, xmp_packet
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

FONT = ASSETS / "fonts" / "hanken-grotesk.woff2"
PAPER, INK, QUIET, WASH = "#f7f2e8", "#1d1a16", "#625a4e", "#e6dccb"
SIDES = (176, 512)  # pixels, of a cell: small pictures are shown larger, so that words beside them can be read
MOST = 6_000  # pixels of the sheet's long side; a WebP ends at 16,383
GAP, MARGIN = 10, 28
LINE = 22  # pixels from one line of words to the next
HEAD = 150  # of the headings of the rows
LINES = 3  # of a heading


def make(job: Job, report: JobReport, tools: Tools) -> dict[str, object]:
    """The preview's name of a grid's contact sheet, which the gate has cleared like any other picture.

    Raises BadInput while no cell is a picture, Refused where the gate lets the sheet as a whole not through.
    """
    held = get(tools.database, int(job.payload["sheet"]))
    squares = squares_of(tools.database, held)
    artworks = tools.gallery.many([square.artwork for square in squares if square.artwork is not None])
    pictures: dict[tuple[int, int], Image.Image] = {}
    report.stage("laying out")
    for done, square in enumerate(squares):
        report(done, len(squares))
        artwork = artworks.get(square.artwork or 0)
        if artwork is not None and artwork.deleted_at is None:
            pictures[square.column, square.row] = _opened(tools.gallery.path(artwork).read_bytes(), len(squares))
    if not pictures:
        raise BadInput("grid", "None of this grid's cells is a picture yet; paint them first.")
    sheet = compose(held.grid, pictures)
    report.stage("checking")
    cleared = tools.gate(held.grid.base.pack, waiting=report.check).picture(sheet)
    name = tools.files.preview(cleared, f"grid-{held.id}-{job.id}", xmp=xmp_packet(GENERATED), quality=92)
    return {"preview": name, "verdict": cleared.verdict.to_dict(), "width": sheet.width, "height": sheet.height}


def _opened(data: bytes, among: int) -> Image.Image:
    """A stored picture no larger than it can be on a sheet of so many, so that a hundred large ones fit into memory."""
    picture = open_picture(data).picture.convert("RGB")
    if among > 1:
        picture.thumbnail((SIDES[1], SIDES[1]), Image.Resampling.LANCZOS)
    return picture


@dataclass(frozen=True)
class Layout:
    """Where things stand, in pixels: a cell's size, the left and top of the first cell, the size of the whole."""

    cell: tuple[int, int]
    corner: tuple[int, int]
    size: tuple[int, int]


def layout(shape: tuple[int, int], cell: tuple[int, int], *, rows_named: bool) -> Layout:
    """Place so many columns and rows of cells of this size (pixels), smaller where the whole would be too large."""
    columns, rows = shape
    corner = (MARGIN + (HEAD if rows_named else 0), MARGIN + LINE * (4 + LINES))
    scale = min(
        1.0, (MOST - corner[0] - MARGIN) / columns / cell[0] - 0.05, (MOST - corner[1] - MARGIN) / rows / cell[1] - 0.05
    )
    wide, high = (max(16, round(side * scale)) for side in cell)
    width = max(corner[0] + columns * (wide + GAP) - GAP + MARGIN, 480)
    return Layout((wide, high), corner, (width, corner[1] + rows * (high + GAP) - GAP + MARGIN))


def compose(grid: Grid, pictures: Mapping[tuple[int, int], Image.Image]) -> Image.Image:
    """The sheet: the prompt, the axes with their headings, and the pictures by (column, row); an empty place where none is."""
    largest = max(max(picture.size) for picture in pictures.values())
    scale = min(max(largest, SIDES[0]), SIDES[1]) / largest
    cell = tuple(round(max(picture.size[side] for picture in pictures.values()) * scale) for side in (0, 1))
    places = layout(grid.shape, (cell[0], cell[1]), rows_named=grid.y is not None)
    sheet = Image.new("RGB", places.size, PAPER)
    draw = ImageDraw.Draw(sheet)
    room = places.size[0] - 2 * MARGIN
    _write(draw, grid.base.prompt, (MARGIN, MARGIN), room, lines=2, size=19)
    _write(draw, _facts(grid), (MARGIN, MARGIN + 2 * LINE + 6), room, lines=1, size=14, ink=QUIET)
    (left, top), (wide, high) = places.corner, places.cell
    for column, words in enumerate(grid.x.labels):
        at = left + column * (wide + GAP)
        count = min(LINES, len(_broken(words, _font(16), wide)))
        _write(draw, words, (at, top - 6 - count * LINE), wide, lines=LINES, size=16)
    for row, words in enumerate(grid.y.labels if grid.y else ()):
        count = min(LINES, len(_broken(words, _font(16), HEAD - 14)))
        _write(
            draw,
            words,
            (MARGIN, top + row * (high + GAP) + (high - count * LINE) // 2),
            HEAD - 14,
            lines=LINES,
            size=16,
        )
    for column in range(grid.shape[0]):
        for row in range(grid.shape[1]):
            box = (left + column * (wide + GAP), top + row * (high + GAP))
            picture = pictures.get((column, row))
            if picture is None:
                draw.rectangle((*box, box[0] + wide - 1, box[1] + high - 1), fill=WASH)
            else:
                _paste(sheet, picture, box, places.cell)
    return sheet


def _paste(sheet: Image.Image, picture: Image.Image, box: tuple[int, int], cell: tuple[int, int]) -> None:
    scale = min(cell[0] / picture.width, cell[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    placed = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    sheet.paste(placed, (box[0] + (cell[0] - size[0]) // 2, box[1] + (cell[1] - size[1]) // 2))


def _facts(grid: Grid) -> str:
    """What the axes are and what stays the same."""
    base, varied = grid.base, {axis.field for axis in grid.axes}
    same = {
        "pack": base.pack,
        "steps": f"{base.steps} steps",
        "guidance": f"guidance {base.guidance:g}",
        "sampler": base.sampler,
        "seed": f"seed {base.seed}",
    }
    axes = f"{grid.x.title} across" + (f", {grid.y.title.lower()} down" if grid.y else "")
    return " · ".join([axes, *(words for name, words in same.items() if name not in varied)])


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)


def _write(
    draw: ImageDraw.ImageDraw, words: str, place: tuple[int, int], room: int, *, lines: int, size: int, ink: str = INK
) -> None:
    """Words in at most so many lines of `room` pixels; what does not fit ends in an ellipsis."""
    font = _font(size)
    broken = _broken(words, font, room)
    if len(broken) > lines:
        broken = [*broken[: lines - 1], _ended(broken[lines - 1], font, room)]
    for number, line in enumerate(broken):
        draw.text((place[0], place[1] + number * LINE), line, font=font, fill=ink)


def _broken(words: str, font: ImageFont.FreeTypeFont, room: int) -> list[str]:
    """Words in lines that fit; a word that is too long by itself is cut."""
    made = [""]
    for word in words.split():
        longer = f"{made[-1]} {word}".strip()
        if font.getlength(longer) <= room:
            made[-1] = longer
            continue
        if made[-1]:
            made.append("")
        for letter in word:
            if made[-1] and font.getlength(made[-1] + letter) > room:
                made.append("")
            made[-1] += letter
    return made


def _ended(line: str, font: ImageFont.FreeTypeFont, room: int) -> str:
    while line and font.getlength(f"{line}…") > room:
        line = line[:-1]
    return f"{line.rstrip()}…"
