"""What a picture file holds beside its pixels: text, place, thumbnail, second picture. It never decodes or changes them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from studio.domain.errors import BadPicture
from studio.safety.folding import unfold
from studio.safety.pixels import has_strange_profile
from studio.safety.provenance import read_source_type, xmp_packet

TEXT_LIMIT = 4 * 2**20  # bytes of all text chunks of a PNG together; a long ComfyUI workflow has 0.3 MiB
XMP_KEY = "XML:com.adobe.xmp"
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
EXIF_KEY = "exif:"  # before the names of EXIF's fields in what a file says, as ImageMagick writes them into PNG
_GPS_IFD = 0x8825
# What is told of EXIF (CIPA DC-008): tag -> name. Nothing that says where, and no serial numbers or names of owners.
_TOLD = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x0132: "DateTime", 0x013B: "Artist",
    0x8298: "Copyright", 0x4746: "Rating", 0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9E: "XPKeywords",
}  # fmt: skip
_TOLD_OF_SHOT = {
    0x829A: "ExposureTime", 0x829D: "FNumber", 0x8827: "PhotographicSensitivity", 0x9003: "DateTimeOriginal",
    0x9004: "DateTimeDigitized", 0x9010: "OffsetTime", 0x9011: "OffsetTimeOriginal", 0x920A: "FocalLength",
    0xA433: "LensMake", 0xA434: "LensModel",
}  # fmt: skip
_WIDE = range(0x9C9B, 0x9CA0)  # Windows writes these as UTF-16
# Keys of text chunks that hold a whole EXIF, XMP or IPTC block in hexadecimal, or where a picture was taken
_HIDDEN_KEY = re.compile(r"raw profile type|gps", re.IGNORECASE)
# XMP's names for where. Every repeat is bounded: the text is a stranger's, and must not take quadratic time.
_WHERE = (
    r"(?:GPS\w{0,40}|City|State|Country|CountryCode|CountryName|Location|Sublocation|ProvinceState|WorldRegion|LocationName"
    r"|LocationCreated|LocationShown)"
)
_WHERE_ATTRIBUTE = re.compile(rf"\s[\w.-]{{1,40}}:{_WHERE}\s{{0,9}}=\s{{0,9}}(?:\"[^\"]{{0,500}}\"|'[^']{{0,500}}')")
_WHERE_ELEMENT = re.compile(rf"<([\w.-]{{1,40}}:{_WHERE})(?:\s[^<>]{{0,500}})?>[^<]{{0,500}}</\1\s{{0,9}}>")
_WHERE_LEFT = re.compile(rf"GPS|:{_WHERE}\b")
_XMP_LIMIT = 2**18  # characters that are searched for where; a longer packet is left out

# What a kept file may hold. gAMA is left out on purpose: a browser honours it, Pillow does not, so a picture can be made that
# the checker sees as grey and a person sees as something else. So are thumbnails and anything after the end.
_PNG_CHUNKS = {
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"tIME", b"sRGB", b"iCCP", b"eXIf",
    b"sBIT", b"bKGD", b"hIST",
}  # fmt: skip
_PNG_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP "}


def is_plain(data: bytes, kind: str) -> bool:
    """Whether the file holds one picture and nothing that another reader could show instead."""
    if kind == "PNG":
        return _png_is_plain(data)
    if kind == "JPEG":  # FF is escaped in the scans, so a second start or end is a thumbnail or something appended
        return data.count(b"\xff\xd8\xff") == 1 and data.count(b"\xff\xd9") == 1 and data.endswith(b"\xff\xd9")
    if kind == "WEBP":
        return _webp_is_plain(data)
    return False


def _png_is_plain(data: bytes) -> bool:
    """Walk the chunks; raises BadPicture when the text in them is a bomb or the end is missing."""
    place, text, plain = 8, 0, True
    while place + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        place += 12 + length
        if name in _PNG_TEXT:
            text += length
            if text > TEXT_LIMIT:
                raise BadPicture(f"This picture carries too much text: more than {TEXT_LIMIT // 2**20} MiB.")
        plain &= name in _PNG_CHUNKS
        if name == b"IEND" and place <= len(data):
            return plain and place == len(data)
    raise BadPicture("This picture is cut short: its end is missing.")


def _webp_is_plain(data: bytes) -> bool:
    place, end = 12, 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise BadPicture("This picture is cut short: its end is missing.")
    while place + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, place)
        if name not in _WEBP_CHUNKS:
            return False
        place += 8 + length + (length & 1)
    return place == end == len(data)


def is_private(picture: Image.Image) -> bool:
    """Whether the file says where it was taken, or carries a second, smaller picture."""
    exif = picture.getexif()
    return bool(
        _GPS_IFD in exif
        or exif.get_ifd(1)  # IFD1: the thumbnail
        or _WHERE_LEFT.search(_xmp(picture))
        or any(_HIDDEN_KEY.search(str(key)) for key in getattr(picture, "text", {}))
        or picture.info.get("photoshop")
        or has_strange_profile(picture)
    )


def read_text(picture: Image.Image) -> dict[str, str]:
    """What the file says, by key; hostile, without where it was taken, and cut to TEXT_LIMIT characters each.

    Keys are those of PNG's text chunks, "UserComment", "comment" (of a JPEG or GIF), XMP_KEY, and "exif:" with a field's name.
    """
    found = {
        EXIF_KEY + (_TOLD_OF_SHOT if inner else _TOLD)[tag]: _words(tag, value) for inner, tag, value in _told(picture)
    }
    found |= {str(key): str(value) for key, value in getattr(picture, "text", {}).items()}
    xmp = _xmp(picture)
    if xmp:
        packet, texts = unfold(without_place(xmp))
        found = {**texts, **found, XMP_KEY: packet}
    comment = picture.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if comment:
        found["UserComment"] = comment if isinstance(comment, str) else _user_comment(bytes(comment))
    remark = picture.info.get("comment")
    if remark and "comment" not in found:
        remark = remark.decode("utf-8", "replace") if isinstance(remark, bytes) else str(remark)
        found |= {} if _HIDDEN_KEY.search(remark) else {"comment": remark}
    return {
        key: value[:TEXT_LIMIT].encode("utf-8", "replace").decode()
        for key, value in found.items()
        if value and not _HIDDEN_KEY.search(key)
    }


def told_exif(picture: Image.Image) -> Image.Exif:
    """A new EXIF with what may be told of the picture's own: when, with what and by whom it was made."""
    kept = Image.Exif()
    for inner, tag, value in _told(picture):
        (kept.get_ifd(EXIF_IFD) if inner else kept)[tag] = value
    return kept


def place(picture: Image.Image) -> tuple[float, float] | None:
    """Degrees north and east of where EXIF says that a photograph was taken, or None."""
    gps = picture.getexif().get_ifd(_GPS_IFD)
    try:
        north, east = (_degrees(gps[tag], gps[tag - 1]) for tag in (2, 4))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (north, east) if abs(north) <= 90 and abs(east) <= 180 else None


def without_place(xmp: str) -> str:
    """An XMP packet without where; where that cannot be taken out, only its source type, or nothing."""
    if len(xmp) <= _XMP_LIMIT:
        xmp = _WHERE_ELEMENT.sub("", _WHERE_ATTRIBUTE.sub("", xmp))
        if not _WHERE_LEFT.search(xmp):
            return xmp
    source_type = read_source_type(xmp)
    return xmp_packet(source_type).decode() if source_type else ""


def _xmp(picture: Image.Image) -> str:
    xmp = picture.info.get("xmp") or getattr(picture, "text", {}).get(XMP_KEY, "")
    return xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp)


def _told(picture: Image.Image) -> Iterator[tuple[bool, int, Any]]:
    """The fields of EXIF that are told: whether it is one of the shot, the tag, the value."""
    exif = picture.getexif()
    fields: tuple[tuple[Mapping[int, Any], dict[int, str]], ...] = (
        (exif, _TOLD),
        (exif.get_ifd(EXIF_IFD), _TOLD_OF_SHOT),
    )
    for source, names in fields:
        for tag in names:
            if tag in source and _plain(source[tag]) and not _HIDDEN_KEY.search(_words(tag, source[tag])):
                yield names is _TOLD_OF_SHOT, tag, source[tag]


def _plain(value: object) -> bool:
    return isinstance(value, str | bytes | int | float) or hasattr(value, "numerator")


def _words(tag: int, value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-16-le" if tag in _WIDE else "utf-8", "replace")
    return str(value).strip("\0 ")


def _degrees(parts: Any, side: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not 0 <= value <= 180:  # NaN is no number between them either
        raise ValueError("no such place")
    return -value if str(side).strip("\0 ").upper() in ("S", "W") else value


def _user_comment(data: bytes) -> str:
    """EXIF 2.3, 4.6.5: eight bytes name the character code, then the text."""
    code, body = data[:8], data[8:]
    if not code.startswith(b"UNICODE"):
        return (body if code.startswith((b"ASCII", b"\0")) else data).decode("utf-8", "replace").rstrip("\0")
    # The byte order is nowhere said for certain: most prompts are mostly ASCII, so their zero bytes tell
    little = body[1::2].count(0) > body[0::2].count(0)
    return body.decode("utf-16-le" if little else "utf-16-be", "replace").rstrip("\0")
