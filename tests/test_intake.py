"""Opening what strangers made: refused with a reason, or upright, sRGB and 8 bit."""

import os
import random
import struct
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import hostile
import numpy as np
import pytest
from PIL import Image

from studio.domain.errors import BadPicture
from studio.safety.intake import BYTES_LIMIT, XMP_KEY, open_picture, place_of, read_file, sha256
from studio.safety.provenance import EDITED, GENERATED, read_source_type, xmp_packet

WHOLE = {
    kind: hostile.encode(hostile.scene(size=(64, 48)), kind)
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF", "HEIC")
}


def close(picture, colour, tolerance=3):
    return all(abs(a - b) <= tolerance for a, b in zip(picture.getpixel((0, 0)), colour, strict=True))


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 64,
        hostile.HTML,
        hostile.SVG,
        bytes(range(256)) * 9,
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"BM",
    ],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(BadPicture):
        open_picture(data)


def test_the_reason_is_a_sentence():
    with pytest.raises(BadPicture, match="not a picture that Easel can read"):
        open_picture(hostile.SVG)
    with pytest.raises(BadPicture, match="This file is empty"):
        open_picture(b"")


@pytest.mark.parametrize("kind", sorted(WHOLE))
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_half_a_picture_is_refused(kind, share):
    data = WHOLE[kind]
    with pytest.raises(BadPicture, match=r"cut short|damaged"):
        open_picture(data[: int(len(data) * share)])


def test_half_a_gif_is_refused():
    data = hostile.encode(hostile.scene(size=(64, 48)).quantize(), "GIF")
    with pytest.raises(BadPicture):
        open_picture(data[: len(data) // 2])


@pytest.mark.parametrize("missing", [1, 4, 12, 16, 40])
def test_a_png_short_of_its_last_bytes_is_refused(missing):
    with pytest.raises(BadPicture):
        open_picture(WHOLE["PNG"][:-missing])


def test_a_flipped_bit_in_a_png_is_refused():
    data = bytearray(WHOLE["PNG"])
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(BadPicture):
        open_picture(bytes(data))


@pytest.mark.parametrize("size", [(12_000, 10_000), (20_000, 10_001), (100_000, 100_000)])
def test_a_bomb_is_judged_by_its_header(size):
    """The file holds no pixels at all, so a reason about damage would mean that it was decoded."""
    with pytest.raises(BadPicture, match="too large"):
        open_picture(hostile.png(*size))


@pytest.mark.parametrize("size", [(30_000, 1), (1, 30_000), (210, 10)])
def test_a_long_thin_picture_is_refused_by_its_header(size):
    with pytest.raises(BadPicture, match="long and thin"):
        open_picture(hostile.png(*size))


def test_a_picture_as_long_as_allowed_and_a_single_pixel_come_in():
    assert open_picture(hostile.encode(Image.new("RGB", (200, 10)))).size == (200, 10)
    assert open_picture(hostile.encode(Image.new("RGB", (1, 1), "red"))).picture.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("data", [hostile.text_bomb(), hostile.long_text()])
def test_a_text_bomb_is_refused(data):
    with pytest.raises(BadPicture, match="too much text"):
        open_picture(data)


def test_a_file_that_is_too_large_is_refused_unopened():
    with pytest.raises(BadPicture, match="at most 128 MiB"):
        open_picture(bytes(BYTES_LIMIT + 1))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_bytes_there_is_a_picture_or_a_reason(seed):
    """Two hundred damaged files: no other error ever leaves."""
    rng = random.Random(seed)
    whole = [
        *WHOLE.values(),
        hostile.animated("GIF"),
        hostile.animated("PNG"),
        hostile.with_gps(),
        with_thumbnail(WHOLE["JPEG"]),
    ]
    refused = 0
    for _ in range(200):
        data = bytearray(rng.choice(whole))
        for _ in range(rng.choice((1, 3, 20))):
            place = rng.randrange(len(data))
            data[place : place + rng.choice((0, 1, 1, 4))] = rng.randbytes(rng.choice((0, 1, 1, 4)))
        try:
            assert open_picture(bytes(data)).picture.mode in ("RGB", "RGBA")
        except BadPicture:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_of_an_animation_the_first_frame_comes_in(kind):
    intake = open_picture(hostile.animated(kind))
    assert (intake.format, intake.frames, intake.keep) == (kind, 3, False)
    assert intake.note.startswith("first frame of 3")
    assert close(intake.picture, (255, 0, 0), tolerance=6)


def test_frames_of_a_huge_gif_are_not_counted():
    """A frame costs 14 bytes, so counting would take minutes; that there is more than one is known at once."""
    start = hostile.encode(Image.new("P", (2, 2)), "GIF")[:-1]
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"
    intake = open_picture(start + frame * (4 * 2**20 // len(frame) + 1) + b";")
    assert intake.note == "first frame of many"


def test_the_type_is_told_by_the_content():
    assert {kind: open_picture(data).format for kind, data in WHOLE.items()} == {kind: kind for kind in WHOLE}


def test_cmyk_becomes_rgb():
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for kind in ("JPEG", "TIFF"):
        assert close(open_picture(hostile.encode(cmyk, kind)).picture, (255, 0, 0), tolerance=8)


def test_transparency_is_kept_from_palette_grey_and_colour_key():
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    palette.putpixel((0, 0), 0)
    for data in (
        hostile.encode(palette, "PNG", transparency=0),
        hostile.encode(palette, "PNG", transparency=b"\0\xff"),
        hostile.encode(palette, "GIF", transparency=0),
    ):
        picture = open_picture(data).picture
        assert picture.mode == "RGBA"
        assert picture.getpixel((0, 0))[3] == 0 and picture.getpixel((5, 5)) == (10, 200, 30, 255)
    grey = open_picture(hostile.encode(Image.new("LA", (16, 16), (90, 40)))).picture
    assert grey.getpixel((3, 3)) == (90, 90, 90, 40)
    keyed = Image.new("RGB", (16, 16), (1, 2, 3))
    assert open_picture(hostile.encode(keyed, transparency=(1, 2, 3))).picture.getpixel((0, 0))[3] == 0


def test_an_opaque_alpha_channel_is_dropped():
    assert open_picture(hostile.encode(Image.new("RGBA", (16, 16), (5, 6, 7, 255)))).picture.mode == "RGB"


def test_sixteen_bit_is_scaled_and_not_clipped():
    ramp = np.linspace(0, 65_535, 64 * 16).reshape(16, 64).astype(np.uint16)
    wanted = np.rint(ramp / 257).astype(int)
    for kind in ("PNG", "TIFF"):
        seen = np.asarray(open_picture(hostile.encode(Image.fromarray(ramp), kind)).picture)[..., 0].astype(int)
        assert np.abs(seen - wanted).max() <= 1


def test_sixteen_bit_colour_is_scaled():
    rows = b"".join(b"\0" + struct.pack(">HHH", 65_535, 32_768, 256) * 16 for _ in range(16))
    assert open_picture(hostile.png(16, 16, depth=16, rows=rows)).picture.getpixel((4, 4)) == (255, 128, 1)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_with_transparency_is_scaled(channels):
    """PNG's colour types 4 and 6, and 2: grey and colour with alpha, colour without."""
    values = {2: (32_768, 10_280), 3: (65_535, 32_768, 257), 4: (65_535, 32_768, 257, 10_280)}[channels]
    rows = b"".join(b"\0" + struct.pack(f">{channels}H", *values) * 16 for _ in range(16))
    picture = open_picture(hostile.png(16, 16, depth=16, colour={2: 4, 3: 2, 4: 6}[channels], rows=rows)).picture
    wanted = {2: (128, 128, 128, 40), 3: (255, 128, 1), 4: (255, 128, 1, 40)}[channels]
    assert close(picture, wanted, tolerance=1)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_tiff_is_scaled(channels):
    tifffile = pytest.importorskip("tifffile")
    values = np.zeros((16, 24, channels), np.uint16) + np.array((65_535, 32_768, 257, 10_280)[:channels], np.uint16)
    file = BytesIO()
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    kind = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(file, values[..., 0] if channels == 1 else values, photometric=kind, **extra)
    picture = open_picture(file.getvalue()).picture
    assert close(picture, {1: (255, 255, 255), 3: (255, 128, 1), 4: (255, 128, 1, 40)}[channels], tolerance=1)


def test_a_ten_bit_heic_is_scaled():
    import pillow_heif

    ramp = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    deep = pillow_heif.from_bytes("RGB;16", (64, 64), np.repeat(ramp[..., None], 3, axis=2).tobytes())
    file = BytesIO()
    deep.save(file, quality=95)
    seen = np.asarray(open_picture(file.getvalue()).picture)[..., 0].astype(int)
    assert np.abs(seen - ramp / 257).mean() < 3 and seen.max() > 245 and seen.min() < 10


def test_numbers_with_a_point_are_scaled_and_nan_is_refused():
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    seen = np.asarray(open_picture(hostile.encode(Image.fromarray(ramp), "TIFF")).picture)[..., 0]
    assert seen[0, 0] == 0 and seen[-1, -1] == 255 and abs(int(seen[8, 0]) - 128) <= 1
    ramp[3, 3] = np.nan
    with pytest.raises(BadPicture, match="not numbers"):
        open_picture(hostile.encode(Image.fromarray(ramp), "TIFF"))


def test_a_colour_profile_is_followed():
    red = Image.new("RGB", (16, 16), (220, 10, 10))
    for kind in ("PNG", "JPEG"):
        picture = open_picture(hostile.encode(red, kind, icc_profile=hostile.swapped_profile())).picture
        assert close(picture, (10, 10, 220), tolerance=12)
        assert "icc_profile" not in picture.info


def test_grey_with_transparency_and_lab_come_in_right():
    profile = hostile.grey_profile(gamma=1.0)
    plain = open_picture(hostile.encode(Image.new("L", (16, 16), 55), icc_profile=profile))
    clear = open_picture(hostile.encode(Image.new("LA", (16, 16), (55, 40)), icc_profile=profile))
    grey = plain.picture.getpixel((0, 0))
    assert grey[0] > 110 and clear.picture.getpixel((0, 0)) == (*grey, 40), "light of 0.2 is a middle grey"
    assert plain.keep and clear.keep
    lab = open_picture(hostile.encode(Image.new("LAB", (16, 16), (138, 128, 128)), "TIFF")).picture
    assert close(lab, (129, 129, 129), tolerance=6)


def test_a_broken_colour_profile_is_ignored():
    data = hostile.encode(Image.new("RGB", (16, 16), (220, 10, 10)), icc_profile=b"not a profile" * 20)
    assert open_picture(data).picture.getpixel((0, 0)) == (220, 10, 10)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIC"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_in_upright(kind, orientation):
    flip = Image.Transpose
    # How a camera would have stored the picture: the inverse of the turn that the tag asks for
    stored_as = [
        None, flip.FLIP_LEFT_RIGHT, flip.ROTATE_180, flip.FLIP_TOP_BOTTOM, flip.TRANSPOSE, flip.ROTATE_90, flip.TRANSVERSE,
        flip.ROTATE_270,
    ][orientation - 1]  # fmt: skip
    upright = hostile.corners()
    stored = upright if stored_as is None else upright.transpose(stored_as)
    exif = Image.Exif()
    exif[0x0112] = orientation
    intake = open_picture(hostile.encode(stored, kind, exif=exif.tobytes()))
    assert intake.size == upright.size
    for place in ((6, 6), (40, 6), (6, 26), (40, 26)):
        wanted, seen = upright.getpixel(place), intake.picture.getpixel(place)
        assert all(abs(a - b) < 25 for a, b in zip(wanted, seen, strict=True)), (place, wanted, seen)


# --- what may be kept byte for byte ---------------------------------------------------------------------------------------


def test_a_plain_still_may_be_kept_and_tiff_and_bmp_are_written_anew():
    kept = {kind: open_picture(data).keep for kind, data in WHOLE.items()}
    assert {kind for kind, keep in kept.items() if keep} == {"PNG", "JPEG", "WEBP"}
    assert open_picture(WHOLE["BMP"]).note == "converted from BMP"


def test_a_file_with_text_may_be_kept():
    assert open_picture(hostile.with_text(hostile.scene(), parameters="a star")).keep
    assert open_picture(hostile.with_comment(b"ASCII\0\0\0a star")).keep


def with_thumbnail(data):
    """A JPEG as a camera writes it: a second, smaller picture in its EXIF; here one that the gate would refuse."""
    thumbnail = hostile.encode(Image.new("RGB", (16, 16), "magenta"), "JPEG")
    fields = struct.pack(">HHII", 0x0201, 4, 1, 44) + struct.pack(">HHII", 0x0202, 4, 1, len(thumbnail))
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\x0e\0\x02" + fields + b"\0\0\0\0" + thumbnail
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def test_what_hides_something_is_written_anew():
    webp, whole = WHOLE["WEBP"], WHOLE["PNG"]
    hidden = {
        "bytes after a PNG": whole + b"PK\3\4 an archive",
        "a gamma that browsers follow": hostile.with_chunk(whole, b"gAMA", struct.pack(">I", 900_000)),
        "an unknown chunk": hostile.with_chunk(whole, b"prVt", b"secret"),
        "bytes after a WebP": webp + b"secret",
        "where it was taken, in a WebP": hostile.with_gps("WEBP"),
        "where it was taken, in XMP": hostile.encode(hostile.scene(), "WEBP", xmp=b'<a photoshop:City="Berlin"/>'),
        "where it was taken, in text": hostile.with_text(hostile.scene(), **{"exif:GPSLatitude": "52/1"}),
        "a block of EXIF in hexadecimal": hostile.with_text(hostile.scene(), **{"Raw profile type APP1": "00"}),
    }
    assert {name for name, data in hidden.items() if open_picture(data).keep} == set()


PHOTOGRAPH = hostile.scene(3, size=(80, 48))


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}], ids=["plain", "scans", "marks"]
)
@pytest.mark.parametrize(
    "hide",
    [
        with_thumbnail,
        lambda data: data + hostile.encode(Image.new("RGB", (16, 16), "magenta"), "JPEG"),
        lambda data: data + b"PK\3\4 an archive",
        lambda data: data[:2] + b"\xff\xfe\0\x10" + b"GPS 52.5 N\xff\xd9 x" + data[2:],
    ],
    ids=["thumbnail", "second picture", "archive", "comment with an end in it"],
)
def test_from_a_jpeg_all_but_the_picture_is_taken_out(hide, options):
    plain = hostile.encode(PHOTOGRAPH, "JPEG", **options)
    data = hide(plain)
    intake = open_picture(data)
    assert intake.keep and intake.sha256 == sha256(data)
    assert intake.data.endswith(plain[20:]) and len(intake.data) < len(plain) + 50  # the same scans, and an orientation
    assert (intake.frames, intake.note) == (1, "")


def test_what_a_cleaned_jpeg_still_says():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x013C] = 6, "a camera", "a host"
    exif.get_ifd(0x8769).update({0x9003: "2023:04:05 06:07:08", 0xA431: "serial 77"})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0)})
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a ship"
    profile = hostile.swapped_profile()
    xmp = xmp_packet(GENERATED).replace(b"</rdf:RDF>", b"<exif:GPSLatitude>52</exif:GPSLatitude></rdf:RDF>")
    data = hostile.encode(PHOTOGRAPH, "JPEG", exif=exif, xmp=xmp, icc_profile=profile, comment="GPS")
    intake = open_picture(data)
    assert intake.keep and not any(word in intake.data for word in (b"GPS", b"a host", b"serial"))
    with Image.open(BytesIO(intake.data)) as kept:
        assert 0x8825 not in kept.getexif() and kept.info["icc_profile"] == profile
    again = open_picture(intake.data)
    assert again.picture.tobytes() == intake.picture.tobytes() and again.size == (48, 80)
    assert (again.text["exif:Make"], again.text["exif:DateTimeOriginal"]) == ("a camera", "2023:04:05 06:07:08")
    assert again.text["UserComment"] == "a ship" and read_source_type(again.text[XMP_KEY]) == GENERATED


def test_a_phone_picture_with_a_second_one_in_it_comes_in_as_a_jpeg():
    frames = [PHOTOGRAPH, hostile.scene(4, size=(80, 48))]
    intake = open_picture(hostile.encode(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert (intake.format, intake.keep, intake.frames, intake.note) == ("JPEG", True, 1, "")
    assert intake.data.count(b"\xff\xd8\xff") == 1


# --- what a file says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comment",
    [
        b"ASCII\0\0\0a star",
        b"UNICODE\0" + "a star".encode("utf-16-be"),
        b"UNICODE\0" + "a star".encode("utf-16-le"),
        b"\0\0\0\0\0\0\0\0a star",
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_user_comment_is_read(comment, kind):
    assert open_picture(hostile.with_comment(comment, kind)).text["UserComment"] == "a star"


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_source_type_is_read_from_other_formats(kind):
    data = hostile.encode(hostile.scene(), kind, xmp=xmp_packet(GENERATED))
    assert read_source_type(open_picture(data).text[XMP_KEY]) == GENERATED


def test_the_source_type_of_hostile_xmp_is_a_word_or_nothing():
    assert read_source_type(xmp_packet(EDITED)) == EDITED
    assert read_source_type(b"\xff\xfe<x>") == ""
    assert read_source_type("http://cv.iptc.org/newscodes/digitalsourcetype/<script>") == ""
    with pytest.raises(ValueError, match="not a term"):
        xmp_packet('"/><evil>')


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "HEIC", "TIFF", "PNG"])
def test_where_it_was_taken_is_told_to_who_asks_and_to_nobody_else(kind):
    data = hostile.with_gps(kind)
    north, east = place_of(data)
    assert (round(north, 3), round(east, 3)) == (52.517, 13.4)
    intake = open_picture(data)
    assert not any("GPS" in key + value for key, value in intake.text.items())
    assert not intake.keep or place_of(intake.data) is None


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {1: "N", 2: (52.0, 31.0, 0.0)},
        {1: "S", 2: (952.0, 0.0, 0.0), 3: "W", 4: (1.0, 0.0, 0.0)},
        {1: "N", 2: (1.0,), 3: "E", 4: (1.0, 2.0)},
    ],
)
def test_a_place_that_is_none_is_none(gps):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(gps)
    assert place_of(hostile.encode(hostile.scene(), "JPEG", exif=exif)) is None
    assert place_of(b"GIF89a") is None and place_of(b"") is None


def test_text_about_where_leaves_no_trace():
    simple = b"<x a:GPSLatitude='1' b:City=\"Rome\" c:ok='yes'><p:State>Lazio</p:State></x>"
    xmp = simple.replace(b"</x>", b"<q:LocationShown><r>deep</r></q:LocationShown></x>")
    assert XMP_KEY not in open_picture(hostile.encode(hostile.scene(), "WEBP", xmp=xmp)).text, (
        "what cannot be cut out is dropped"
    )
    kept = open_picture(hostile.encode(hostile.scene(), "WEBP", xmp=simple)).text[XMP_KEY]
    assert kept == "<x c:ok='yes'></x>"
    made = xmp_packet(GENERATED) + xmp
    text = open_picture(hostile.encode(hostile.scene(), "WEBP", xmp=made)).text[XMP_KEY]
    assert "deep" not in text and read_source_type(text) == GENERATED


# --- AVIF and HEIC --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
@pytest.mark.parametrize("missing", [1, 20, 200])
def test_an_avif_or_heic_short_of_its_end_is_refused(kind, missing):
    with pytest.raises(BadPicture, match=r"damaged|not a picture"):
        open_picture(WHOLE[kind][:-missing])


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
@pytest.mark.parametrize(("size", "reason"), [((30_000, 30_000), "too large"), ((64_000, 900), "long and thin")])
def test_an_avif_or_heic_bomb_is_judged_by_its_boxes(kind, size, reason):
    """The HEIC is also cropped to 64 by 48, which is all that its reader shows before it decodes."""
    data = bytearray(WHOLE[kind])
    struct.pack_into(">II", data, data.index(b"ispe") + 8, *size)
    with pytest.raises(BadPicture, match=reason):
        open_picture(bytes(data))


def test_an_avif_or_heic_of_another_size_than_it_says_is_refused_or_made_that_size():
    """libheif decodes no more than what was promised; libavif makes it as small as that, and itself stops at 16,384 squared."""
    lies = {}
    for kind in ("HEIC", "AVIF"):
        data = bytearray(hostile.encode(hostile.scene(size=(320, 240)), kind))
        struct.pack_into(">II", data, data.index(b"ispe") + 8, 64, 48)
        lies[kind] = bytes(data)
    with pytest.raises(BadPicture):
        open_picture(lies["HEIC"])
    assert open_picture(lies["AVIF"]).size == (64, 48)


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_avif_and_heic_keep_transparency_and_follow_their_profile(kind):
    clear = open_picture(hostile.encode(Image.new("RGBA", (32, 32), (10, 200, 30, 40)), kind))
    assert close(clear.picture, (10, 200, 30, 40)) and clear.note == f"converted from {kind}" and not clear.keep
    red = Image.new("RGB", (32, 32), (220, 10, 10))
    assert close(open_picture(hostile.encode(red, kind, icc_profile=hostile.swapped_profile())).picture, (10, 10, 220))
    assert close(open_picture(hostile.encode(Image.new("L", (32, 32), 90), kind)).picture, (90, 90, 90))


def test_a_file_whose_brand_says_only_a_picture_is_read_by_its_coding():
    for kind, brand in (("HEIC", b"heic"), ("AVIF", b"avif")):
        data = WHOLE[kind]
        assert data[8:12] == brand
        assert open_picture(data[:8] + b"mif1" + data[12:]).format == kind


def test_without_its_reader_a_heic_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    with pytest.raises(BadPicture, match="install pillow-heif"):
        open_picture(WHOLE["HEIC"])


def test_no_other_opener_learns_of_heic():
    program = (
        "import sys; from PIL import Image; from studio.safety.intake import open_picture;"
        "assert 'pillow_heif' not in sys.modules;"
        "open_picture(open(sys.argv[1], 'rb').read()); assert 'HEIF' not in Image.OPEN"
    )
    with tempfile.NamedTemporaryFile(suffix=".heic") as file:
        file.write(WHOLE["HEIC"])
        file.flush()
        run = subprocess.run(
            [sys.executable, "-c", program, file.name],
            check=False,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
    assert run.returncode == 0, run.stderr


# --- files that are no files ----------------------------------------------------------------------------------------------


def test_a_regular_file_is_read(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"bytes")
    assert read_file(path) == b"bytes"


def test_links_pipes_folders_devices_and_absent_files_are_refused_at_once(tmp_path):
    (tmp_path / "real.png").write_bytes(b"bytes")
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    reasons = {}
    for name in ("link.png", "loop.png", "folder.png", "pipe.png", "gone.png", "nul\0.png"):
        with pytest.raises(BadPicture) as caught:
            read_file(tmp_path / name)
        reasons[name] = str(caught.value)
    assert "link" in reasons["link.png"] and "link" in reasons["loop.png"]
    assert reasons["folder.png"] == reasons["pipe.png"] == "This is not a regular file."
    assert "cannot be read" in reasons["gone.png"] and "cannot be read" in reasons["nul\0.png"]
    with pytest.raises(BadPicture, match="not a regular file"):
        read_file(Path("/dev/zero"))


def test_a_very_large_file_is_refused_unread(tmp_path):
    path = tmp_path / "large.png"
    with path.open("wb") as stream:
        stream.truncate(BYTES_LIMIT + 1)  # sparse: takes no room
    with pytest.raises(BadPicture, match="at most 128 MiB"):
        read_file(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(b"bytes")
    path.chmod(0)
    with pytest.raises(BadPicture, match="cannot be read"):
        read_file(path)
