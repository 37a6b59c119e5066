"""Opens files that strangers made; it never trusts a name, a header or a promise, and never decodes what it can refuse."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms

from studio.domain.errors import BadPicture
from studio.safety import jpeg
from studio.safety.provenance import read_source_type, xmp_packet

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
BYTES_LIMIT = 128 * 2**20
PIXELS_LIMIT = 64_000_000
ASPECT_LIMIT = 20  # long side over short side: a CLIP resize of the shortest edge of 30000x1 would make 4.5 GB
TEXT_LIMIT = 4 * 2**20  # bytes of all text chunks of a PNG together; a long ComfyUI workflow has 0.3 MiB
COUNT_LIMIT = 4 * 2**20  # bytes of a GIF or TIFF whose frames are still counted: a crafted one has a frame in 14 bytes
XMP_KEY = "XML:com.adobe.xmp"
_MANY = 2**31  # frames that were not counted

_EXIF_ORIENTATION, _EXIF_IFD, _GPS_IFD, _USER_COMMENT = 0x0112, 0x8769, 0x8825, 0x9286
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What a kept file may hold. gAMA is left out on purpose: a browser honours it, Pillow does not, so a picture can be made that
# the checker sees as grey and a person sees as something else. So are thumbnails and anything after the end.
_PNG_CHUNKS = {
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"tIME", b"sRGB", b"iCCP", b"eXIf",
    b"sBIT", b"bKGD", b"hIST",
}  # fmt: skip
_PNG_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP "}
NOT_A_PICTURE = "This is not a picture that Easel can read (PNG, JPEG, WebP, GIF, TIFF or BMP)."


@dataclass(frozen=True)
class Intake:
    """An opened file: its first frame, upright, in sRGB, RGB or RGBA, 8 bit.

    `sha256` is of the file's bytes. `keep` says that `data` may be stored: one still frame and nothing hidden beside it (no
    second picture, thumbnail, place of the photographer or bytes after the end). `data` is the file, byte for byte; only from a
    JPEG that could not be kept as it is, all but the picture was taken out. `text` is what the file says, by key
    ("parameters", "UserComment", XMP_KEY, ...); hostile, only ever shown as text.
    """

    picture: Image.Image
    data: bytes
    format: str
    frames: int
    sha256: str
    note: str = ""
    keep: bool = False
    text: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, after the picture was turned upright."""
        return self.picture.size


def sha256(data: bytes) -> str:
    """The SHA-256 of bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def read_file(path: Path) -> bytes:
    """Read a regular file; raises BadPicture for a link, folder, pipe, device, an unreadable or a very large file."""
    try:
        # O_NONBLOCK: opening a FIFO would otherwise wait for a writer that never comes
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and path.is_symlink():
            raise BadPicture("This is a link; import the file it points to instead.") from error
        reason = getattr(error, "strerror", None) or str(error)
        raise BadPicture(f"This file cannot be read ({reason}).") from error
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise BadPicture("This is not a regular file.")
        if facts.st_size > BYTES_LIMIT:
            raise BadPicture(_too_large(facts.st_size))
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return stream.read(BYTES_LIMIT + 1)
    except OSError as error:
        raise BadPicture(f"This file cannot be read ({error.strerror}).") from error
    finally:
        os.close(handle)


def open_picture(data: bytes) -> Intake:
    """Decode a file of unknown origin; raises BadPicture with the reason.

    The size is judged from the header, before anything is decoded. Then two passes: Pillow's verify() misses a truncated JPEG,
    load() misses a PNG without its last bytes. Warnings are not turned into errors: the switch is global, and the other lane of
    the worker may be at work; each thing warned of (size, truncation) is judged here by itself.
    """
    if not data:
        raise BadPicture("This file is empty.")
    if len(data) > BYTES_LIMIT:
        raise BadPicture(_too_large(len(data)))
    try:
        return _open(data)
    except BadPicture:
        raise
    except Image.UnidentifiedImageError as error:
        raise BadPicture(NOT_A_PICTURE) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture(f"This picture is too large: at most {PIXELS_LIMIT // 10**6} million pixels fit.") from error
    except Exception as error:  # decoders raise whatever the bytes make them raise; nearly all of it means the same
        if "MAX_TEXT" in str(error):  # compressed text that unpacks to more than Pillow allows
            raise BadPicture("This picture carries too much text.") from error
        raise BadPicture(f"This picture is damaged or cut short ({type(error).__name__}).") from error


def _open(data: bytes) -> Intake:
    with Image.open(BytesIO(data), formats=FORMATS) as header:
        kind = "JPEG" if header.format == "MPO" else str(header.format)
        _check_size(header.size)
        plain = _is_plain(data, kind)
        header.verify()
    with Image.open(BytesIO(data), formats=FORMATS) as picture:
        frames = 1 if kind == "JPEG" else _frames(picture, len(data))  # a phone's second picture is not a second frame
        picture.seek(0)
        picture.load()
        text = _text(picture)
        upright = _srgb(picture)
        keep = kind in ("PNG", "JPEG", "WEBP") and frames == 1 and plain and not _is_private(picture)
        kept = data
        if kind == "JPEG" and not keep:
            kept = _bare_jpeg(data, picture, text)
            keep = bool(kept) and _shows(kept, upright)
    notes = []
    if frames > 1:
        notes.append(f"first frame of {frames}" if frames < _MANY else "first frame of many")
    if kind in ("TIFF", "BMP"):
        notes.append(f"converted from {kind}")
    return Intake(upright, kept if keep else data, kind, frames, sha256(data), "; ".join(notes), keep, text)


def _bare_jpeg(data: bytes, picture: Image.Image, text: dict[str, str]) -> bytes:
    """The JPEG without thumbnail, place and the like; with its orientation, comment and source type. Empty if that fails."""
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = picture.getexif().get(_EXIF_ORIENTATION, 1)
    if "UserComment" in text:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + text["UserComment"].encode("utf-16-be")
    source_type = read_source_type(text.get(XMP_KEY, ""))
    try:
        return jpeg.bare(data, exif=exif.tobytes(), xmp=xmp_packet(source_type) if source_type else b"")
    except (ValueError, IndexError, struct.error):
        return b""


def _shows(data: bytes, upright: Image.Image) -> bool:
    """Whether a JPEG we put together is plain and shows, pixel for pixel, what will be checked."""
    with Image.open(BytesIO(data), formats=("JPEG",)) as picture:
        picture.load()
        return _is_plain(data, "JPEG") and not _is_private(picture) and _srgb(picture).tobytes() == upright.tobytes()


def _too_large(size: int) -> str:
    return f"This file has {size / 2**20:,.0f} MiB; at most {BYTES_LIMIT // 2**20} MiB fit."


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadPicture("This picture has no pixels.")
    if width * height > PIXELS_LIMIT:
        raise BadPicture(
            f"This picture is too large: {width:,} x {height:,} pixels, and at most {PIXELS_LIMIT // 10**6} million fit."
        )
    if max(width, height) > ASPECT_LIMIT * min(width, height):
        raise BadPicture(
            f"This picture is too long and thin: {width:,} x {height:,} pixels; at most 20 to 1 is usable."
        )


def _frames(picture: Image.Image, size: int) -> int:
    if picture.format in ("GIF", "TIFF") and size > COUNT_LIMIT:
        return _MANY if getattr(picture, "is_animated", False) else 1
    return int(getattr(picture, "n_frames", 1))


# --- what else is in the file ---------------------------------------------------------------------------------------------


def _is_plain(data: bytes, kind: str) -> bool:
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


def _is_private(picture: Image.Image) -> bool:
    """Whether the file says where it was taken, or carries a second, smaller picture."""
    exif = picture.getexif()
    xmp = picture.info.get("xmp", b"")
    return bool(
        _GPS_IFD in exif
        or exif.get_ifd(1)  # IFD1: the thumbnail
        or (b"GPS" in xmp if isinstance(xmp, bytes) else "GPS" in str(xmp))
        or picture.info.get("photoshop")
        or _strange_profile(picture)
    )


def _text(picture: Image.Image) -> dict[str, str]:
    found = {str(key): str(value) for key, value in getattr(picture, "text", {}).items()}
    xmp = picture.info.get("xmp")
    if isinstance(xmp, bytes):
        found[XMP_KEY] = xmp.decode("utf-8", "replace")
    comment = picture.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
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


# --- pixels ---------------------------------------------------------------------------------------------------------------


def _srgb(picture: Image.Image) -> Image.Image:
    """Upright, sRGB, 8 bit; RGB, or RGBA where some pixel is not opaque."""
    profile = picture.info.get("icc_profile")
    turn = _UPRIGHT.get(picture.getexif().get(_EXIF_ORIENTATION, 1))
    picture = _eight_bits(picture)
    alpha = None
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        picture = picture.convert("RGB")
    if picture.mode not in ("L", "RGB", "CMYK"):
        picture = picture.convert("RGB")
    picture = _from_profile(picture, profile).convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        picture.putalpha(alpha)
    picture = picture if turn is None else picture.transpose(turn)
    # A fresh copy: no profile, text or orientation of the file may follow the pixels into something we write
    return Image.frombytes(picture.mode, picture.size, picture.tobytes())


def _from_profile(picture: Image.Image, profile: object) -> Image.Image:
    """Convert by the ICC profile; one that does not fit the picture or cannot be read is ignored, as browsers do."""
    if not isinstance(profile, bytes) or not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if picture.mode == "RGB" and _is_srgb(source):
            return picture
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return converted if converted is not None else picture


def _is_srgb(source: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile leaves colours where they are. Measured on a cube of 512 colours: its name may lie."""
    steps = range(0, 256, 36)
    cube = Image.frombytes(
        "RGB", (512, 1), bytes(value for r in steps for g in steps for b in steps for value in (r, g, b))
    )
    converted = ImageCms.profileToProfile(cube, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return (
        converted is not None and max(abs(a - b) for a, b in zip(cube.tobytes(), converted.tobytes(), strict=True)) <= 2
    )


def _strange_profile(picture: Image.Image) -> bool:
    """Whether the file has an ICC profile that we cannot apply; a browser might, and show what nobody checked."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return False
    mode = picture.mode if picture.mode in ("L", "CMYK") else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        ImageCms.profileToProfile(Image.new(mode, (1, 1)), source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return True
    return False


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale deeper pixels to 8 bit; Pillow's own conversion would clip everything above 255 to white."""
    if not (picture.mode.startswith("I") or picture.mode == "F"):
        return picture
    import numpy as np  # here: the front imports this module and should stay quick

    values = np.asarray(picture).astype(np.float64)
    if not np.isfinite(values).all():
        raise BadPicture("This picture holds values that are not numbers.")
    top = float(values.max(initial=0.0))
    if picture.mode.startswith("I;16"):
        white = 65_535.0
    elif picture.mode == "F" and top <= 1.0:
        white = 1.0
    else:  # the file does not say what white is: the smallest usual depth that holds the brightest pixel
        white = next(depth for depth in (255.0, 65_535.0, float(2**32), float("inf")) if top <= depth)
        white = top if white == float("inf") else white
    return Image.fromarray(np.rint(np.clip(values / white, 0, 1) * 255).astype(np.uint8))
