"""What the boxes of a HEIC or AVIF file (ISO 14496-12) promise before anything is decoded; it decodes nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator

# Brands of still pictures and sequences coded in HEVC (ISO 23008-12, annex B)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_ANY = {b"mif1", b"msf1"}  # "a picture of some coding": the other brands tell which
_BRANDS_LIMIT = 64
_EXTENT = b"\0\0\0\x14ispe\0\0\0\0"


def brands(data: bytes) -> set[bytes]:
    """The brands of the file, its own first and those that it is compatible with; empty for another kind of file."""
    if len(data) < 16 or data[4:8] != b"ftyp":
        return set()
    end = min(struct.unpack_from(">I", data)[0], len(data), 16 + 4 * _BRANDS_LIMIT)
    return {data[8:12], *(data[place : place + 4] for place in range(16, end - 3, 4))}


def is_heic(data: bytes) -> bool:
    """Whether the file says that it is HEIC; one that says no coding at all counts, one that says AVIF does not."""
    found = brands(data)
    major = data[8:12]
    return bool(found) and (major in _HEIC or (major in _ANY and not found & {b"avif", b"avis"}))


def sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of every picture inside, before any crop: a crop to a few pixels would hide a huge one.

    Found by the pattern of the box and not by a walk: a walk can be led astray, and then misses what the decoder finds.
    """
    if not brands(data):
        return
    place = data.find(_EXTENT)
    while place >= 0 and place + 20 <= len(data):
        width, height = struct.unpack_from(">II", data, place + 12)
        yield max(width, 1), max(height, 1)
        place = data.find(_EXTENT, place + 12)
