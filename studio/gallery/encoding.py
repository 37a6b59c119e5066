"""Cleared pictures as bytes: PNG, JPEG, WebP, and small copies of them. It opens no path and writes nothing.

What comes out of here becomes a file in files.py alone.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.safety.contents import XMP_KEY

THUMB_SIDE = 384  # pixels, long side
THUMB_ENDINGS = ("jpg", "webp")  # of thumbnails; WebP where something is transparent
# As near to the picture as WebP at 84 by its usual method: 39 dB, SSIM 0.98, means of 23 photographs and drawings. A JPEG is
# 1.5 times as large (26 kB) and takes a twentieth of the time; WebP by its quickest method 1.15 times, and a quarter
THUMB_QUALITY = {"jpg": 87, "webp": 84}
NEARLY = 1.25  # how much larger than a thumbnail the mean of whole blocks must stay for what is made from it to look the same
LOOKED_AT = 128  # pixels that the short side keeps for whoever looks at the small copy, where it has them


def plain_png(picture: Image.Image, *, text: dict[str, str] | None = None, xmp: bytes = b"") -> bytes:
    """A picture as the bytes of a PNG with nothing beside its pixels but `text` and `xmp`; it is written nowhere.

    The same pixels, text and XMP give the same bytes: no time and no name of the machine goes in.
    """
    info = PngInfo()
    if xmp:
        info.add_itxt(XMP_KEY, xmp.decode())
    for key, value in (text or {}).items():
        # PNG 11.3.3: no NUL in text. Where it matters (our own JSON) it is escaped anyway. Beyond Latin-1 Pillow takes iTXt
        info.add_text(key, value.replace("\0", " "))
    buffer = BytesIO()
    picture.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def encoded(picture: Image.Image, kind: str, *, quality: int = 90, small: bool = True) -> bytes:
    """A cleared picture as the bytes of a png, jpeg or webp with nothing beside its pixels; it is written nowhere.

    A JPEG has no transparency: what is see-through is laid on white, as the gate has seen it too. Without `small` it is made
    sooner, and 4 % larger.
    """
    if kind == "png":
        return plain_png(picture)
    if kind == "webp":
        return webp(picture, quality=quality)
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        picture = ground
    buffer = BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality, optimize=small, subsampling=0 if quality >= 90 else 2)
    return buffer.getvalue()


def webp(picture: Image.Image, *, quality: int = 84, xmp: bytes = b"", method: int = 4) -> bytes:
    """A picture as the bytes of a WebP; `method`: from 0, quick, to 6, small."""
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=method, xmp=xmp)
    return buffer.getvalue()


def thumbnail(picture: Image.Image) -> tuple[bytes, str, Image.Image]:
    """A picture's thumbnail (long side 384): its bytes, their ending, and a smaller copy of the whole for whoever looks next.

    JPEG, or WebP where something is transparent. Means of whole blocks are taken first, as far as the last step then still
    shrinks: a third of the time, and what differs from one step (over 40 dB) the compression hides.
    """
    width, height = picture.size
    long, short = max(width, height), min(width, height)
    times = int(min(long / (THUMB_SIDE * NEARLY), short / LOOKED_AT))
    smaller = picture.reduce(times) if times > 1 else picture
    if long <= THUMB_SIDE:
        return *_thumb(smaller), smaller
    shrink = THUMB_SIDE / long
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    times = max(times, 1)
    box = (0, 0, width / times, height / times)  # the last block of a row may be a part of one
    small = smaller.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=NEARLY)
    return *_thumb(small), smaller


def _thumb(small: Image.Image) -> tuple[bytes, str]:
    if small.mode == "RGBA":
        return webp(small, quality=THUMB_QUALITY["webp"], method=0), "webp"
    return encoded(small, "jpeg", quality=THUMB_QUALITY["jpg"], small=False), "jpg"


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a picture file that was cleared, read from its header."""
    with Image.open(BytesIO(data)) as header:
        return header.size
