"""What a mask lets through: where is painted, how it blends inside its edge, and the exact paste; it runs no model."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.domain.errors import BadInput
from studio.workshop.paint.fit import Box, Size, rgb

ASPECT = 0.03  # a mask may have been drawn on a smaller copy of the picture, whose sides were rounded


def prepare(mask: Image.Image, size: Size) -> Image.Image:
    """The mask as grey at the source's size: 0 is kept to the bit, anything above is painted.

    A mask that was drawn on a smaller or larger copy of the picture is brought to its size. Raises BadInput when it is
    empty or was made for a picture of another shape.
    """
    grey = _grey(mask)
    if grey.size != size:
        wanted, have = size[0] / size[1], grey.width / grey.height
        if abs(have / wanted - 1) > ASPECT and abs(grey.height * wanted - grey.width) > 1.5:
            raise BadInput(
                "mask",
                f"The mask is {grey.width} by {grey.height} pixels, but the picture is {size[0]} by {size[1]}; brush it over"
                " this picture again.",
            )
        grey = grey.resize(size, Image.Resampling.BILINEAR)
    if grey.getbbox() is None:
        raise BadInput("mask", "The mask is empty; brush over the part that should be painted anew.")
    return grey


def area(mask: Image.Image) -> Box:
    """The smallest box that holds everything the prepared mask paints."""
    box = mask.getbbox()
    assert box is not None, "prepare() lets no empty mask through"
    return box


def blend(mask: np.ndarray, feather: int) -> np.ndarray:
    """How much of the painted picture shows: (H, W) float32, 0 outside of the mask and 1 well inside.

    mask: (H, W) uint8. The feather lies inside of the mask alone: within so many pixels of the edge the source shines
    through. The picture's own border is no edge.
    """
    painted = mask > 0
    share = mask.astype(np.float32) / 255
    if feather and not painted.all():
        import cv2

        away = cv2.distanceTransform(painted.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        share = np.minimum(share, np.clip(away / (feather + 1), 0, 1))
    return share


def cells(mask: np.ndarray, factor: int, *, grow: int = 0) -> np.ndarray:
    """The latents' cells that a mask touches, (H/factor, W/factor) bool; `grow` takes so many rings of neighbours more."""
    high, wide = mask.shape
    touched = (mask > 0).reshape(high // factor, factor, wide // factor, factor).any(axis=(1, 3))
    return grown(np.asarray(touched), grow)


def grown(touched: np.ndarray, rings: int) -> np.ndarray:
    """So many rings of neighbours more, sideways, up and down."""
    for _ in range(rings):
        edged: np.ndarray = np.pad(touched, 1)
        touched = edged[1:-1, 1:-1] | edged[:-2, 1:-1] | edged[2:, 1:-1] | edged[1:-1, :-2] | edged[1:-1, 2:]
    return touched


def at_size(mask: np.ndarray, size: Size) -> np.ndarray:
    """A mask (H, W) at another size (width, height), 0 or 255; where any of it falls it stays above 0."""
    if mask.shape == (size[1], size[0]):
        return mask
    scaled = Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR)
    return (np.asarray(scaled) > 0).astype(np.uint8) * 255


def paste(source: Image.Image, painted: Image.Image, *, box: Box, share: np.ndarray) -> Image.Image:
    """A copy of the source with `painted` (RGB, the box's size) blended in; where `share` is 0 nothing changes.

    The source stays RGB or RGBA. What is transparent stays so, unless everything that shows of the painted is: then it is
    made visible, because somebody who fills a hole wants to see the filling.
    """
    result = source.copy() if source.mode in ("RGB", "RGBA") else _plain(source)
    old = np.asarray(result.crop(box))
    touched = share > 0
    new = old.copy()
    mixed = old[..., :3] + (np.asarray(rgb(painted), dtype=np.float32) - old[..., :3]) * share[..., None]
    new[..., :3][touched] = np.round(mixed).clip(0, 255).astype(np.uint8)[touched]
    if result.mode == "RGBA" and touched.any() and not old[..., 3][touched].any():
        new[..., 3][touched] = np.round(share * 255).astype(np.uint8)[touched]
        new[..., :3][touched] = np.asarray(rgb(painted))[touched]
    result.paste(Image.fromarray(new), box[:2])
    return result


def _plain(source: Image.Image) -> Image.Image:
    return (
        source.convert("RGBA") if "A" in source.getbands() or "transparency" in source.info else source.convert("RGB")
    )


def _grey(mask: Image.Image) -> Image.Image:
    """White paints; where the mask itself is transparent it does not."""
    if "A" not in mask.getbands():
        return mask.convert("L")
    full = mask.convert("RGBA")
    ground = Image.new("RGB", full.size)
    ground.paste(full, mask=full.getchannel("A"))
    return ground.convert("L")
