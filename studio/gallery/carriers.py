"""Exchanges what a picture file says beside its pixels, without touching these. It reads no words and chooses none.

Everything that does not draw the picture is taken out (text, EXIF, XMP, comments, thumbnails, second pictures, maker notes,
whatever comes after the end), and what the caller hands in is put in. The ICC profile draws, so it stays. Formats: PNG (W3C),
ITU T.81 annex B, and the container of WebP (RFC 9649).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from studio.domain.errors import BadPicture
from studio.safety import jpeg
from studio.safety.contents import XMP_KEY

EXIF_HEAD = b"Exif\0\0"
JPEG_ROOM = 65_000  # bytes that one segment of a JPEG holds, less its name
_PNG = b"\x89PNG\r\n\x1a\n"
_DRAWS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"pHYs", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST")
_WEBP_DRAWS = (b"VP8 ", b"VP8L", b"ALPH", b"ICCP")
_ICC, _ALPHA, _EXIF, _XMP = 0x20, 0x10, 0x08, 0x04  # flags of a WebP's VP8X


@dataclass(frozen=True)
class Label:
    """What a file shall say: texts by key (chunks of a PNG; no other format has them), EXIF without its head, an XMP packet."""

    text: Mapping[str, str] = field(default_factory=dict)
    exif: bytes = b""
    xmp: bytes = b""


def kind_of(data: bytes) -> str:
    """ "png", "jpeg" or "webp", by the bytes; "" for anything else."""
    if data.startswith(_PNG):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def dress(data: bytes, label: Label) -> bytes:
    """The same picture, bit for bit, that says `label` and nothing else; raises BadPicture where that cannot be made."""
    try:
        match kind_of(data):
            case "png":
                return _png(data, label)
            case "jpeg":
                return _jpeg(data, label)
            case "webp":
                return _webp(data, label)
    except (ValueError, IndexError, struct.error) as error:
        raise BadPicture(
            "This picture's file cannot be taken apart, so nobody knows what would leave with it."
        ) from error
    raise BadPicture("Only PNG, JPEG and WebP can be written.")


def _png(data: bytes, label: Label) -> bytes:
    parts = [_PNG]
    said = False
    for name, body in _chunks(data):
        if name not in _DRAWS:
            continue
        if name == b"IDAT" and not said:  # eXIf and iCCP come before the pixels, text may
            said = True
            parts += [_chunk(b"eXIf", label.exif)] if label.exif else []
            parts += [_itxt(XMP_KEY, label.xmp.decode())] if label.xmp else []
            parts += [_text(key, value) for key, value in label.text.items()]
        parts.append(_chunk(name, body))
        if name == b"IEND":
            return b"".join(parts)
    raise ValueError("the end is missing")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG)
    while place + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if place + 12 + length > len(data):
            raise ValueError("a chunk reaches beyond the end")
        yield name, data[place + 8 : place + 8 + length]
        place += 12 + length


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _text(key: str, value: str) -> bytes:
    """Latin-1 as every reader takes it, anything else as UTF-8; NUL may stand in neither."""
    value = value.replace("\0", " ")
    try:
        return _chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return _itxt(key, value)


def _itxt(key: str, value: str) -> bytes:
    body = value.replace("\0", " ").encode("utf-8", "replace")
    return _chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + body)


def _jpeg(data: bytes, label: Label) -> bytes:
    exif = EXIF_HEAD + label.exif if label.exif else b""
    return jpeg.bare(data, exif=exif, xmp=label.xmp)


def _webp(data: bytes, label: Label) -> bytes:
    chunks = list(_riff(data))
    size, flags = _canvas(chunks)
    drawn = {name: body for name, body in chunks if name in _WEBP_DRAWS}
    flags |= _ICC if b"ICCP" in drawn else 0
    flags |= (_EXIF if label.exif else 0) | (_XMP if label.xmp else 0)
    head = (
        [(b"VP8X", bytes((flags, 0, 0, 0)) + b"".join(struct.pack("<I", side - 1)[:3] for side in size))]
        if flags
        else []
    )
    order = (b"ICCP", b"ALPH", b"VP8 ", b"VP8L")
    body = [*head, *((name, drawn[name]) for name in order if name in drawn)]
    body += [(b"EXIF", label.exif)] if label.exif else []
    body += [(b"XMP ", label.xmp)] if label.xmp else []
    packed = b"WEBP" + b"".join(_riff_chunk(name, one) for name, one in body)
    return b"RIFF" + struct.pack("<I", len(packed)) + packed


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place, end = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while place + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, place)
        if place + 8 + length > end:
            raise ValueError("a chunk reaches beyond the end")
        yield name, data[place + 8 : place + 8 + length]
        place += 8 + length + (length & 1)


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def _canvas(chunks: list[tuple[bytes, bytes]]) -> tuple[tuple[int, int], int]:
    """Width and height in pixels, and the flag of transparency, out of whichever chunk says them."""
    found = dict(chunks)
    if b"ANIM" in found or b"ANMF" in found:
        raise ValueError("it moves")
    if b"VP8L" in found:
        bits = struct.unpack_from("<I", found[b"VP8L"], 1)[0]
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), _ALPHA if bits >> 28 & 1 else 0
    width, height = struct.unpack_from("<HH", found[b"VP8 "], 6) if b"VP8 " in found else (0, 0)
    if not width or not height:
        raise ValueError("no picture inside")
    return (width & 0x3FFF, height & 0x3FFF), _ALPHA if b"ALPH" in found else 0
