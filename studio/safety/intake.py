"""Opens files that strangers made; it never trusts a name, a header or a promise, and never decodes what it can refuse."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from studio.domain.errors import BadPicture
from studio.safety import boxes, jpeg
from studio.safety.contents import EXIF_IFD, USER_COMMENT, XMP_KEY, is_plain, is_private, place, read_text, told_exif
from studio.safety.pixels import ORIENTATION, srgb
from studio.safety.provenance import read_source_type, xmp_packet

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "TIFF", "BMP")  # what Pillow reads; HEIC has a reader of its own
BYTES_LIMIT = 128 * 2**20
PIXELS_LIMIT = 64_000_000
ASPECT_LIMIT = 20  # long side over short side: a CLIP resize of the shortest edge of 30000x1 would make 4.5 GB
COUNT_LIMIT = 4 * 2**20  # bytes of a GIF or TIFF whose frames are still counted: a crafted one has a frame in 14 bytes
_MANY = 2**31  # frames that were not counted
NOT_A_PICTURE = "This is not a picture that Easel can read (PNG, JPEG, WebP, AVIF, GIF, HEIC, TIFF or BMP)."
NO_HEIC = "This is a HEIC picture, and nothing here reads it; install pillow-heif, or save the picture as JPEG."
_CONVERTED = {"TIFF", "BMP", "AVIF", "HEIC"}  # what is written anew as PNG


@dataclass(frozen=True)
class Intake:
    """An opened file: its first frame, upright, in sRGB, RGB or RGBA, 8 bit.

    `sha256` is of the file's bytes. `keep` says that `data` may be stored: one still frame and nothing hidden beside it (no
    second picture, thumbnail, place of the photographer or bytes after the end). `data` is the file, byte for byte; only from a
    JPEG that could not be kept as it is, all but the picture was taken out (`bared`). `text` is what the file says, by key
    ("parameters", "UserComment", XMP_KEY, ...); hostile, only ever shown as text.
    """

    picture: Image.Image
    data: bytes
    format: str
    frames: int
    sha256: str
    note: str = ""
    keep: bool = False
    bared: bool = False
    text: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, after the picture was turned upright."""
        return self.picture.size

    @property
    def kept(self) -> tuple[bytes, str] | None:
        """What may be stored as it is, and its SHA-256; None where nothing may."""
        if not self.keep:
            return None
        return self.data, sha256(self.data) if self.bared else self.sha256


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


def open_picture(data: bytes, *, sha: str = "") -> Intake:
    """Decode a file of unknown origin; raises BadPicture with the reason. `sha` is its SHA-256 where that is known.

    The size is judged from the header, before anything is decoded. Then two passes: Pillow's verify() misses a truncated JPEG,
    load() misses a PNG without its last bytes. Warnings are not turned into errors: the switch is global, and the other lane of
    the worker may be at work; each thing warned of (size, truncation) is judged here by itself.
    """
    if not data:
        raise BadPicture("This file is empty.")
    if len(data) > BYTES_LIMIT:
        raise BadPicture(_too_large(len(data)))
    try:
        return _open(data, sha or sha256(data))
    except BadPicture:
        raise
    except Image.UnidentifiedImageError as error:
        known = boxes.brands(data) & {b"avif", b"avis"}  # of a damaged AVIF Pillow only says that it is none
        raise BadPicture("This picture is damaged or cut short." if known else NOT_A_PICTURE) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture(f"This picture is too large: at most {PIXELS_LIMIT // 10**6} million pixels fit.") from error
    except Exception as error:  # decoders raise whatever the bytes make them raise; nearly all of it means the same
        if "MAX_TEXT" in str(error):  # compressed text that unpacks to more than Pillow allows
            raise BadPicture("This picture carries too much text.") from error
        raise BadPicture(f"This picture is damaged or cut short ({type(error).__name__}).") from error


def place_of(data: bytes) -> tuple[float, float] | None:
    """Where a photograph was taken, as degrees north and east, or None; only for whoever asks, it is stored nowhere.

    Decodes no pixel; whatever is wrong with the file means None.
    """
    try:
        with _reader(data) as header:
            return place(header)
    except Exception:  # as in open_picture
        return None


def promised(data: bytes) -> int:
    """How many pixels a file says it has, 0 where it does not say; no pixel is decoded, and nothing of it is to be trusted."""
    try:
        with _reader(data) as header:
            return header.width * header.height
    except Exception:  # as in open_picture, which will say it
        return 0


def _reader(data: bytes) -> Image.Image:
    """The file, opened and not decoded."""
    for size in boxes.sizes(data):  # what a HEIC or AVIF decodes to before a crop, which its header does not show
        _check_size(size)
    if boxes.is_heic(data):
        return _heic(data)
    return Image.open(BytesIO(data), formats=FORMATS)


def _heic(data: bytes) -> Image.Image:
    """A HEIC by pillow-heif, which is called here and registered nowhere: no other opener of pictures learns of the format."""
    try:
        from pillow_heif.as_plugin import HeifImageFile  # here: 26 MB that most never need
    except ImportError as error:
        raise BadPicture(NO_HEIC) from error
    return HeifImageFile(BytesIO(data))


def _kind(picture: Image.Image) -> str:
    return {"MPO": "JPEG", "HEIF": "HEIC"}.get(str(picture.format), str(picture.format))


def _open(data: bytes, sha: str) -> Intake:
    with _reader(data) as header:
        kind = _kind(header)
        _check_size(header.size)
        plain = is_plain(data, kind)
        header.verify()
    with _reader(data) as picture:
        frames = 1 if kind == "JPEG" else _frames(picture, len(data))  # a phone's second picture is not a second frame
        if kind != "HEIC":  # which opens at the picture that its maker meant to be seen
            picture.seek(0)
        picture.load()
        _check_size(picture.size)
        text = read_text(picture)
        upright = srgb(picture)
        keep = kind in ("PNG", "JPEG", "WEBP") and frames == 1 and plain and not is_private(picture)
        kept = data
        if kind == "JPEG" and not keep:
            kept = _bare_jpeg(data, picture, text)
            keep = bool(kept) and _shows(kept, upright)
    notes = []
    if frames > 1:
        notes.append(f"first frame of {frames}" if frames < _MANY else "first frame of many")
    if kind in _CONVERTED:
        notes.append(f"converted from {kind}")
    return Intake(upright, kept if keep else data, kind, frames, sha, "; ".join(notes), keep, kept is not data, text)


def _bare_jpeg(data: bytes, picture: Image.Image, text: dict[str, str]) -> bytes:
    """The JPEG without thumbnail, place, serial numbers and the like. Empty if that fails.

    It still tells its orientation, comment and source type, when and with what it was taken, and who made it.
    """
    exif = told_exif(picture)
    exif[ORIENTATION] = picture.getexif().get(ORIENTATION, 1)
    if "UserComment" in text:
        exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + text["UserComment"].encode("utf-16-be")
    source_type = read_source_type(text.get(XMP_KEY, ""))
    try:
        return jpeg.bare(data, exif=exif.tobytes(), xmp=xmp_packet(source_type) if source_type else b"")
    except (ValueError, IndexError, TypeError, ArithmeticError, struct.error):  # fields of EXIF can hold anything
        return b""


def _shows(data: bytes, upright: Image.Image) -> bool:
    """Whether a JPEG we put together is plain and shows, pixel for pixel, what will be checked."""
    with Image.open(BytesIO(data), formats=("JPEG",)) as picture:
        picture.load()
        return is_plain(data, "JPEG") and not is_private(picture) and srgb(picture).tobytes() == upright.tobytes()


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
