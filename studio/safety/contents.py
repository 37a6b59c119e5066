"""What a picture file holds beside its pixels: text, place, thumbnail, second picture. It never decodes or changes them."""

from __future__ import annotations

import struct

from PIL import Image

from studio.domain.errors import BadPicture
from studio.safety.pixels import has_strange_profile

TEXT_LIMIT = 4 * 2**20  # bytes of all text chunks of a PNG together; a long ComfyUI workflow has 0.3 MiB
XMP_KEY = "XML:com.adobe.xmp"
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
_GPS_IFD = 0x8825

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
    xmp = picture.info.get("xmp", b"")
    return bool(
        _GPS_IFD in exif
        or exif.get_ifd(1)  # IFD1: the thumbnail
        or (b"GPS" in xmp if isinstance(xmp, bytes) else "GPS" in str(xmp))
        or picture.info.get("photoshop")
        or has_strange_profile(picture)
    )


def read_text(picture: Image.Image) -> dict[str, str]:
    """What the file says, by key; hostile, and cut to TEXT_LIMIT characters each."""
    found = {str(key): str(value) for key, value in getattr(picture, "text", {}).items()}
    xmp = picture.info.get("xmp")
    if isinstance(xmp, bytes):
        found[XMP_KEY] = xmp.decode("utf-8", "replace")
    comment = picture.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if comment:
        found["UserComment"] = comment if isinstance(comment, str) else _user_comment(bytes(comment))
    return {key: value[:TEXT_LIMIT].encode("utf-8", "replace").decode() for key, value in found.items()}


def _user_comment(data: bytes) -> str:
    """EXIF 2.3, 4.6.5: eight bytes name the character code, then the text."""
    code, body = data[:8], data[8:]
    if not code.startswith(b"UNICODE"):
        return (body if code.startswith((b"ASCII", b"\0")) else data).decode("utf-8", "replace").rstrip("\0")
    # The byte order is nowhere said for certain: most prompts are mostly ASCII, so their zero bytes tell
    little = body[1::2].count(0) > body[0::2].count(0)
    return body.decode("utf-16-le" if little else "utf-16-be", "replace").rstrip("\0")
