"""Files that strangers make, made in code: broken, huge, disguised, animated, rotated. Used by the tests of every door."""

from __future__ import annotations

import os
import signal
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from studio.safety.gate import Gate

HTML = b"<!doctype html><html><body>Sign in to continue</body></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NAMES = (
    "../../x.png",
    "/etc/passwd.png",
    "C:\\Windows\\x.png",
    "a\0b.png",
    "two\nlines.png",
    "-rf.png",
    "n" * 255 + ".png",
    "\U0001f58c\ufe0f.png",
    "\u202egnp.exe",
    "<img src=x onerror=alert(1)>.png",
    "bad\udcffbyte.png",
    "",
)
PROMPTS = (
    "a red star",
    "two\nlines\n\nand a gap",
    "windows\r\nlines\tand tabs",
    "a NUL \0 inside",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family, \U0001f58c\ufe0f",
    "\u202eright to left override \u0627\u0644\u0633\u0645\u0627\u0621",
    "<script>alert('x')</script> & <b>bold</b> **bold** [link](javascript:1)",
    "quotes \" ' ` and \\ backslashes \\n",
    "Steps: 3, Sampler: Euler, Size: 8x8",
    "first\nSteps: 3, Sampler: Euler, CFG scale: 1, Seed: 9, Size: 64x64, Model: x",
    "first\nNegative prompt: not the real one",
    "((unbalanced [brackets:1.3",
    "\x01\x02\x1b[31m control \x7f",
    " leading and trailing space ",
    "\ufeffbyte order mark",
    '{"prompt": "json"}',
    "x" * 4_000,
    "\u6f22" * 4_000,
)


def killed(work: Callable[[], object]) -> None:
    """Run `work` in a process of its own, which must end by `die`, as by kill -9. It opens its own database."""
    with warnings.catch_warnings():  # 3.12 warns of other threads; the child asks nothing of them
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(3)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def die(*_args: object, **_more: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Magenta:
    """A checker for tests: what is mostly magenta is forbidden."""

    name = "magenta"

    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        return [{"magenta": _magenta_share(picture) - 0.5} for picture in pictures]


def _magenta_share(picture: Image.Image) -> float:
    red, green, blue = np.asarray(picture.convert("RGB"), dtype=int).transpose(2, 0, 1)
    return float(((red > 200) & (green < 60) & (blue > 200)).mean())


def open_gate(folder) -> Gate:
    """The real gate, with the checker above and a known positive to match."""
    known = folder / "known-positive.png"
    Image.new("RGB", (16, 16), "magenta").save(known)
    gate = Gate(checker=Magenta(), known_positive=known)
    assert gate.ready() == ""
    return gate


def scene(seed: int = 0, size: tuple[int, int] = (24, 16)) -> Image.Image:
    """A picture unlike any other of another seed; never magenta."""
    values = np.random.default_rng(seed).integers(0, 180, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def corners(size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Four colours, one in each quarter, so that every turn and flip shows."""
    width, height = size
    picture = Image.new("RGB", size, "red")
    picture.paste((0, 160, 0), (width // 2, 0, width, height // 2))
    picture.paste((0, 0, 200), (0, height // 2, width // 2, height))
    picture.paste((240, 240, 0), (width // 2, height // 2, width, height))
    return picture


def encode(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    if format == "HEIC":
        _write_heic(picture, buffer, options)
    else:
        picture.save(buffer, format, **options)
    return buffer.getvalue()


def _write_heic(picture: Image.Image, buffer: BytesIO, options: dict[str, Any]) -> None:
    """As the plugin of pillow-heif does it, but without registering it: that would hold for every test after."""
    from pillow_heif import as_plugin

    exif = options.get("exif")
    options = {**options, "exif": exif.tobytes()} if isinstance(exif, Image.Exif) else options
    picture.encoderinfo = {"quality": 90, **options}
    save = as_plugin._save_all_heif if options.get("save_all") else as_plugin._save_heif
    save(picture, buffer, "")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"", extra: bytes = b"") -> bytes:
    """A PNG from its parts; without rows it promises pixels that are not there."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk before its pixels."""
    place = data.index(b"IDAT") - 4
    return data[:place] + chunk(name, body) + data[place:]


def text_bomb() -> bytes:
    """A few KiB that unpack to 50 MiB of text."""
    return with_chunk(encode(scene()), b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * 50 * 2**20))


def long_text() -> bytes:
    """Plain text beyond any use, after the pixels, where only a full read finds it."""
    whole = encode(scene())
    return whole[:-12] + chunk(b"tEXt", b"parameters\0" + b"a" * 5 * 2**20) + whole[-12:]


def animated(format: str) -> bytes:
    """Three frames, red first."""
    frames = [Image.new("RGB", (20, 12), colour) for colour in ("red", "green", "blue")]
    return encode(frames[0], format, save_all=True, append_images=frames[1:], duration=100)


def swapped_profile() -> bytes:
    """An ICC profile in which red and blue have changed places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {}
    for index in range(struct.unpack_from(">I", data, 128)[0]):
        name, offset, length = struct.unpack_from(">4sII", data, 132 + 12 * index)
        places[name] = (offset, length)
    (red, length), (blue, _) = places[b"rXYZ"], places[b"bXYZ"]
    data[red : red + length], data[blue : blue + length] = data[blue : blue + length], data[red : red + length]
    start, length = places[b"desc"]
    data[start : start + length] = data[start : start + length].replace(
        "sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be")
    )
    return bytes(data)


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of grey with a gamma (ICC.1, 8.2): a header and four tags."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)  # D50, in 16.16
    words = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(79)
    bodies = {b"desc": words, b"wtpt": white, b"kTRC": curve, b"cprt": b"text" + bytes(4) + b"none\0"}
    place, table, data = 128 + 4 + 12 * len(bodies), b"", b""
    for name, body in bodies.items():
        table += struct.pack(">4sII", name, place + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    size = place + len(data)
    header = (
        struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
        + bytes(12)
        + b"acsp"
        + bytes(28)
    )
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(bodies)) + table + data


def with_text(picture: Image.Image, **texts: str) -> bytes:
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    return encode(picture, pnginfo=info)


def with_gps(format: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    return encode(scene(1), format, exif=exif.tobytes())


def with_comment(text: bytes, format: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = text
    return encode(scene(2), format, exif=exif)
