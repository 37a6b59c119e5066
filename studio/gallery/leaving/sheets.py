"""Contact sheets of chosen pictures: where they stand and what is written under them. It opens and writes no file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from studio.domain.artwork import Artwork
from studio.gallery.leaving.lettering import INK, QUIET, paste, typeface, write

PAGE = (1_240, 1_754)  # pixels: A4 at 150 dots to the inch
DPI = 150
COLUMNS, ROWS = 4, 5  # of a page
MOST = 6_000  # pixels of the long side of a sheet that is one picture
SIDES = (200, 420)  # pixels of its cells
PAPER = "#ffffff"  # sheets are printed
_MARGIN, _GAP, _HEAD, _FOOT = 70, 24, 96, 54
_LINE, _LINES = 24, 2  # of what stands under a picture


@dataclass(frozen=True)
class Cell:
    """A place on a sheet: the picture, no larger than needed, its number and what stands under it."""

    picture: Image.Image
    heading: str
    words: str = ""


@dataclass(frozen=True)
class Shape:
    """How a sheet is divided: columns and rows, a cell's side and the whole's width and height, in pixels."""

    columns: int
    rows: int
    cell: int
    size: tuple[int, int]


def shape_of(count: int, *, paged: bool) -> Shape:
    """The shape of a sheet of so many pictures; `paged` for a page of A4, of which there may be several."""
    if paged:
        cell = (PAGE[0] - 2 * _MARGIN - (COLUMNS - 1) * _GAP) // COLUMNS
        rows = (PAGE[1] - 2 * _MARGIN - _HEAD - _FOOT + _GAP) // (cell + _words() + _GAP)
        return Shape(COLUMNS, max(1, min(ROWS, rows)), cell, PAGE)
    columns = min(count, max(3, math.ceil(math.sqrt(1.2 * count))))
    rows = math.ceil(count / columns)
    room = (MOST - 2 * _MARGIN) / columns - _GAP
    cell = round(min(SIDES[1], max(SIDES[0], room)))
    width = max(2 * _MARGIN + columns * (cell + _GAP) - _GAP, 760)
    return Shape(columns, rows, cell, (width, 2 * _MARGIN + _HEAD + _FOOT + rows * (cell + _words() + _GAP) - _GAP))


def compose(cells: Sequence[Cell], shape: Shape, *, title: str, foot: str) -> Image.Image:
    """One sheet: a title, the pictures in rows with their words, and a line at the foot."""
    sheet = Image.new("RGB", shape.size, PAPER)
    draw = ImageDraw.Draw(sheet)
    width, height = shape.size
    room = width - 2 * _MARGIN
    write(draw, title, (_MARGIN, _MARGIN - 6), room, lines=1, font=typeface(34))
    for number, cell in enumerate(cells):
        row, column = divmod(number, shape.columns)
        left = _MARGIN + column * (shape.cell + _GAP)
        top = _MARGIN + _HEAD + row * (shape.cell + _words() + _GAP)
        paste(sheet, cell.picture, (left, top), (shape.cell, shape.cell))
        write(draw, cell.heading, (left, top + shape.cell + 8), shape.cell, lines=1, font=typeface(18), ink=INK)
        under = (left, top + shape.cell + 8 + _LINE)
        write(draw, cell.words, under, shape.cell, lines=_LINES, font=typeface(17), ink=QUIET, line=_LINE)
    write(draw, foot, (_MARGIN, height - _MARGIN - 18), room, lines=1, font=typeface(17), ink=QUIET)
    return sheet


def words_of(artwork: Artwork, *, spoken: bool) -> tuple[str, str]:
    """What stands under a picture: its number and size, and where words may leave its caption or prompt."""
    said = (artwork.caption or artwork.prompt) if spoken else ""
    return f"{artwork.id}  ·  {artwork.width} × {artwork.height}", said


def small(picture: Image.Image, shape: Shape) -> Image.Image:
    """A picture no larger than its cell, on white where it is see-through."""
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, PAPER)
        ground.alpha_composite(picture)
        picture = ground
    picture = picture.convert("RGB")
    picture.thumbnail((shape.cell, shape.cell), Image.Resampling.LANCZOS)
    return picture


def _words() -> int:
    """Pixels under a picture that its words take."""
    return 8 + _LINE * (1 + _LINES)
