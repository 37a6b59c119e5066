"""Draws control maps as every ControlNet knows them, for the studio and for the trainers alike; it estimates nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image

from studio.domain.pose import Figure

SHORT_SIDE = 512  # OpenPose's sticks are 4 pixels thick whatever the canvas; 512 is what they were meant for
JOINTS = 18


def draw_pose(figures: Sequence[Figure], width: int, height: int) -> np.ndarray:
    """The OpenPose map of figures: coloured limbs and joints on black, without hands and faces.

    figures: 18 joints each, (x, y) in fractions of the picture or None where hidden; a joint outside of 0..1 is cut off.
    Returns (height, width, 3) uint8 RGB. Raises ValueError for a figure of another length.
    """
    from studio.workshop.heavy import prepare

    prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # controlnet_aux tells about models that nobody asked for
        import cv2
        from controlnet_aux.open_pose.body import Keypoint
        from controlnet_aux.open_pose.util import draw_bodypose

    scale = SHORT_SIDE / min(width, height)
    canvas = np.zeros((round(height * scale), round(width * scale), 3), np.uint8)
    for figure in figures:
        if len(figure) != JOINTS:
            raise ValueError(f"A figure has {JOINTS} joints; this one has {len(figure)}.")
        draw_bodypose(canvas, [None if point is None else Keypoint(*point) for point in figure])
    # Area interpolation keeps thin sticks when it shrinks; it is blocky when it enlarges
    way = cv2.INTER_AREA if scale >= 1 else cv2.INTER_LINEAR
    drawn: np.ndarray = cv2.resize(canvas, (width, height), interpolation=way)
    return drawn


def canny(picture: Image.Image, low: int = 100, high: int = 200) -> np.ndarray:
    """The edges of a picture (Canny 1986), white on black, at the picture's own size.

    low, high: 0..255, the thresholds of weak and strong edges. Returns (H, W, 3) uint8.
    """
    import cv2

    edges = cv2.Canny(np.asarray(picture.convert("RGB")), low, high)
    return np.repeat(edges[..., None], 3, axis=2)


def grey(depth: np.ndarray) -> np.ndarray:
    """A depth map from depths, (H, W) floats of 1 (near) to 0 (far): grey, white is near. Returns (H, W, 3) uint8."""
    level = np.round(np.clip(depth, 0, 1) * 255).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)
