"""Takes everything out of a JPEG but its picture, without decoding it, so that nothing is lost and nothing hides.

A camera's file carries a thumbnail, a second picture or the place where it was taken. Writing the picture anew as PNG would
make it six times as large; here the segments that draw it are copied and all others left out (ITU T.81, annex B).
"""

from __future__ import annotations

import struct

_SOI, _EOI, _SOS, _RST = b"\xff\xd8", 0xD9, 0xDA, range(0xD0, 0xD8)
_APP, _COMMENT = range(0xE0, 0xF0), 0xFE
_JFIF_BARE = 14  # bytes of a JFIF segment without a thumbnail


def bare(data: bytes, *, exif: bytes, xmp: bytes = b"") -> bytes:
    """The same picture with `exif` (beginning "Exif\\0\\0", or empty), an XMP packet, and nothing else beside its ICC profile.

    Raises ValueError when the segments do not lead to an end, struct.error when they do not fit their lengths.
    """
    parts = [_SOI]
    place = 2
    while True:
        marker, start = _marker(data, place)
        if marker == _EOI:
            break
        (length,) = struct.unpack_from(">H", data, start)
        end = start + length
        if length < 2 or end > len(data):
            raise ValueError("a segment reaches beyond the end")
        if marker == _SOS:
            end = _scan_end(data, end)
        if _draws(marker, data[start + 2 : end]):
            parts.append(bytes((0xFF, marker)) + data[start:end])
        place = end
    own = [_segment(exif)] if exif else []
    own += [_segment(b"http://ns.adobe.com/xap/1.0/\0" + xmp)] if xmp else []
    after = 2 if len(parts) > 1 and parts[1][1] == _APP[0] else 1  # JFIF, where it is, comes first
    return b"".join([*parts[:after], *own, *parts[after:], bytes((0xFF, _EOI))])


def _marker(data: bytes, place: int) -> tuple[int, int]:
    """The marker at a place and where its length begins; any number of FF may come before it."""
    if place >= len(data) or data[place] != 0xFF:
        raise ValueError("no marker where one must be")
    while place < len(data) and data[place] == 0xFF:
        place += 1
    if place >= len(data):
        raise ValueError("the end is missing")
    return data[place], place + 1


def _scan_end(data: bytes, place: int) -> int:
    """Where the next marker begins after a scan; FF00 is a byte of the scan, RST a mark inside it."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            raise ValueError("the end is missing")
        if data[place + 1] != 0 and data[place + 1] not in _RST:
            return place
        place += 2


def _draws(marker: int, body: bytes) -> bool:
    """Whether a segment has a say in what the picture looks like."""
    if marker == _APP[0]:
        return body.startswith(b"JFIF\0") and len(body) == _JFIF_BARE
    if marker == _APP[2]:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == _APP[14]:
        return body.startswith(b"Adobe")
    return marker not in _APP and marker != _COMMENT


def _segment(body: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
