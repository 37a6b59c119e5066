"""Words drawn onto a sheet of pictures: broken into lines, cut where there is no room. It opens nothing but our own font."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from studio.places import ASSETS

FONT = ASSETS / "fonts" / "hanken-grotesk.woff2"
PAPER, INK, QUIET, WASH = "#f7f2e8", "#1d1a16", "#625a4e", "#e6dccb"
LINE = 22  # pixels from one line of words to the next


def typeface(size: int) -> ImageFont.FreeTypeFont:
    """Our font, so many pixels high."""
    return ImageFont.truetype(FONT, size)


def write(
    draw: ImageDraw.ImageDraw,
    words: str,
    place: tuple[int, int],
    room: int,
    *,
    lines: int,
    font: ImageFont.FreeTypeFont,
    ink: str = INK,
    line: int = LINE,
) -> None:
    """Words in at most so many lines of `room` pixels; what does not fit ends in an ellipsis."""
    found = broken(words, font, room)
    if len(found) > lines:
        found = [*found[: lines - 1], ended(found[lines - 1], font, room)]
    for number, one in enumerate(found):
        draw.text((place[0], place[1] + number * line), one, font=font, fill=ink)


def broken(words: str, font: ImageFont.FreeTypeFont, room: int) -> list[str]:
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


def ended(line: str, font: ImageFont.FreeTypeFont, room: int) -> str:
    """A line that ends in an ellipsis and fits."""
    while line and font.getlength(f"{line}…") > room:
        line = line[:-1]
    return f"{line.rstrip()}…"


def paste(sheet: Image.Image, picture: Image.Image, corner: tuple[int, int], cell: tuple[int, int]) -> None:
    """Put a picture into the middle of a cell, as large as it fits."""
    scale = min(cell[0] / picture.width, cell[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    placed = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    sheet.paste(placed, (corner[0] + (cell[0] - size[0]) // 2, corner[1] + (cell[1] - size[1]) // 2))
