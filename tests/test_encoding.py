"""Pictures as bytes: what a thumbnail and the small copy beside it look like, whatever the picture's shape."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.gallery.encoding import LOOKED_AT, THUMB_SIDE, encoded, plain_png, size_of, thumbnail
from studio.gallery.likeness import appearance


def photograph(size, seed=1):
    """Smooth forms with some noise, as a camera or a model makes them."""
    chance = np.random.default_rng(seed)
    small = Image.fromarray(chance.integers(0, 256, size=(12, 16, 3), dtype=np.uint8))
    picture = small.resize(size, Image.Resampling.BICUBIC)
    return Image.blend(picture, Image.effect_noise(size, 12).convert("RGB"), 0.08)


def opened(data):
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def decibels(one, other):
    """Peak signal to noise ratio of two pictures of one size."""
    apart = np.asarray(one.convert("RGB"), dtype=float) - np.asarray(other.convert("RGB"), dtype=float)
    return 10 * np.log10(255**2 / max(np.square(apart).mean(), 1e-9))


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1024, 768), (384, 288)),
        ((1025, 769), (384, 288)),  # the last block of a row is a part of one
        ((3000, 4000), (288, 384)),
        ((768, 512), (384, 256)),
        ((384, 200), (384, 200)),
        ((40, 30), (40, 30)),  # never enlarged
        ((6000, 300), (384, 19)),
        ((300, 6000), (19, 384)),
    ],
)
def test_a_thumbnail_is_what_one_step_would_make(size, small):
    picture = photograph(size)
    data, ending, smaller = thumbnail(picture)
    made = opened(data)
    assert (made.format, ending) == ("JPEG", "jpg") and made.size == small
    plain = picture.resize(small, Image.Resampling.LANCZOS)
    assert decibels(made, plain) > (
        33 if min(small) > 100 else 18
    )  # what WebP at this quality takes away, and hardly more
    assert min(smaller.size) >= min(LOOKED_AT, *size) and max(smaller.size) >= min(THUMB_SIDE, *size)


def test_before_it_is_compressed_a_thumbnail_differs_from_one_step_by_next_to_nothing(monkeypatch):
    seen = []
    monkeypatch.setattr("studio.gallery.encoding.encoded", lambda picture, kind, **_: seen.append(picture) or b"")
    for size in ((1024, 768), (1536, 1024), (4032, 3024)):
        picture = photograph(size)
        thumbnail(picture)
        assert decibels(seen[-1], picture.resize(seen[-1].size, Image.Resampling.LANCZOS)) > 45, size


def test_what_is_transparent_stays_so_and_its_colour_does_not_leak_in():
    picture = Image.new("RGBA", (1024, 1024), (255, 0, 0, 0))
    picture.paste((0, 128, 0, 255), (0, 0, 512, 1024))
    data, ending, _ = thumbnail(picture)
    made = opened(data)
    assert (made.format, ending, made.mode) == ("WEBP", "webp", "RGBA") and made.getpixel((380, 200))[3] == 0
    assert made.getpixel((10, 200))[3] == 255 and made.getpixel((188, 200))[0] < 16


@pytest.mark.parametrize("size", [(1024, 768), (2048, 2048), (4000, 400)])
def test_how_a_picture_looks_can_be_told_from_the_smaller_copy(size):
    picture = photograph(size)
    whole, small = appearance.of(picture), appearance.of(thumbnail(picture)[2])
    (one, first), (other, second) = appearance.read(whole.data), appearance.read(small.data)
    assert float(first @ second) > 0.999 and (one ^ other).bit_count() <= 2 and whole.colours == small.colours


def test_the_same_picture_gives_the_same_bytes():
    picture = photograph((640, 480))
    assert thumbnail(picture)[:2] == thumbnail(picture.copy())[:2]
    assert plain_png(picture, text={"a": "b"}) == plain_png(picture.copy(), text={"a": "b"})
    assert size_of(encoded(picture, "jpeg")) == (640, 480)
