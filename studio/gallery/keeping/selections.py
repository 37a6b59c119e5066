"""What words found in a picture, as a mask to paint by: white or black, in the picture's size. It finds nothing itself."""

from __future__ import annotations

from PIL import Image

from studio.gallery.encoding import plain_png
from studio.safety.intake import open_picture

WHITE = 128  # from this grey on, a pixel is selected


def selection(found: bytes, size: tuple[int, int]) -> Image.Image:
    """A found picture (grey, any size) as a mask of `size`, 0 or 255; raises BadPicture when it is no picture."""
    grey = open_picture(found).picture.convert("L").resize(size, Image.Resampling.BILINEAR)
    return grey.point([0] * WHITE + [255] * (256 - WHITE))


def mask_file(mask: Image.Image) -> tuple[bytes, float]:
    """A mask as a PNG, and how much of it is white, 0 to 1."""
    white = sum(mask.histogram()[WHITE:])
    return plain_png(mask), white / max(1, mask.width * mask.height)
