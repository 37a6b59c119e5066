"""Outlines that need no weights: edges, line art, soft edges, scribbles. White lines on black, at the picture's own size.

The well-known soft-edge detectors (HED, PiDiNet) are networks and need weights; here gradients at several widths stand in.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from PIL import Image

from studio.workshop import heavy
from studio.workshop.annotate.drawing import canny
from studio.workshop.annotate.levels import blurred, finish

WIDTHS = (1.0, 2.0, 4.0)  # pixels of a picture 512 wide: how broad an edge may be
REFERENCE = 512
LOUDEST = 99.0  # the percentile of gradients that counts as white; the very strongest would make all others faint


def edges(picture: Image.Image, parameters: Mapping[str, float]) -> Image.Image:
    """Canny's edges; `blur` before them takes away what is too fine. Raises nothing."""
    smooth = Image.fromarray(blurred(np.asarray(picture), parameters["blur"]))
    drawn = canny(smooth, int(parameters["low"]), int(parameters["high"]))
    return Image.fromarray(255 - drawn if parameters["invert"] else drawn)


def lineart(picture: Image.Image, parameters: Mapping[str, float]) -> Image.Image:
    """Lines darker than their neighbourhood, as controlnet-aux's LineartStandardDetector finds them."""
    heavy.prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports, and the median of no lines at all
        from controlnet_aux import LineartStandardDetector

        found = LineartStandardDetector()(
            np.asarray(picture),
            guassian_sigma=parameters["sigma"],  # the library's own spelling
            intensity_threshold=int(parameters["intensity"]),
            detect_resolution=REFERENCE,
            output_type="np",
        )
    return Image.fromarray(finish(found[..., 0] / 255, parameters))


def softedge(picture: Image.Image, parameters: Mapping[str, float]) -> Image.Image:
    """Broad outlines: the strongest gradient of any colour at three widths."""
    return Image.fromarray(finish(gradients(picture), parameters))


def scribble(picture: Image.Image, parameters: Mapping[str, float]) -> Image.Image:
    """A few rough strokes: the strong soft edges, thick and either white or black."""
    import cv2

    strong = (gradients(picture) * 255 >= parameters["threshold"]).astype(np.uint8)
    thick = max(1, round(3 * min(picture.size) / REFERENCE))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * thick + 1, 2 * thick + 1))
    # Closing joins what the threshold broke; opening with a small brush drops single specks
    whole = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, brush)
    return Image.fromarray(finish(whole.astype(np.float32), {"invert": parameters["invert"]}))


def gradients(picture: Image.Image) -> np.ndarray:
    """How strongly the picture changes at each pixel, (H, W) floats of 0 to 1."""
    import cv2

    pixels = np.asarray(picture, dtype=np.float32)
    scale = min(picture.size) / REFERENCE
    strongest = np.zeros(pixels.shape[:2], np.float32)
    for width in WIDTHS:
        smooth = cv2.GaussianBlur(pixels, (0, 0), max(0.5, width * scale))
        across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        strongest = np.maximum(strongest, np.hypot(across, down).max(axis=2) * width)
    top = float(np.percentile(strongest, LOUDEST))
    return np.clip(strongest / top, 0, 1) if top > 1 else np.zeros_like(strongest)  # a plain picture has no edges
