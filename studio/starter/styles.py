"""The styles of a picture: what is done to a drawn scene as a whole; it knows nothing of what the scene holds."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

PAPER = (250.0, 247.0, 240.0)
BLOCKS = 32  # of pixel art, along one side
LEVELS = 6  # of each colour channel of pixel art


def pencil(picture: np.ndarray) -> np.ndarray:
    """A drawing in coloured pencil: pale fillings on paper and grey outlines; (H, W, 3) uint8 in and out."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    line = np.clip(np.hypot(across, down) / 420.0, 0, 1)[..., None]
    filled = picture.astype(np.float32) * 0.5 + np.array(PAPER, np.float32) * 0.5
    drawn: np.ndarray = filled * (1 - 0.72 * line) + 56.0 * 0.72 * line
    return np.round(drawn).astype(np.uint8)


def pixels(picture: np.ndarray) -> np.ndarray:
    """Pixel art: square blocks of one colour out of a small palette; (H, W, 3) uint8 in and out."""
    side = picture.shape[0]
    small = cv2.resize(picture, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA).astype(np.float32)
    step = 255.0 / (LEVELS - 1)
    flat = (np.round(small / step) * step).astype(np.uint8)
    return np.asarray(cv2.resize(flat, (side, side), interpolation=cv2.INTER_NEAREST))


# The first one is what a picture has that names no style.
RESTYLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "picture book": lambda picture: picture,
    "pencil sketch": pencil,
    "pixel art": pixels,
}
