"""The finishing touches of a grey map: near and far, contrast, blur, threshold, invert. Plain arithmetic, no model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from studio.domain.errors import BadInput


def finish(levels: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """Apply the parameters a map has, in a fixed order, to levels (H, W) of 0 to 1; returns (H, W, 3) uint8.

    Known: far and near (fractions that become 0 and 1), contrast (a factor about the middle), blur (pixels), threshold (0 to
    255, weaker levels become 0), invert. Raises BadInput when near is not beyond far.
    """
    near, far = parameters.get("near", 1.0), parameters.get("far", 0.0)
    if near <= far:
        raise BadInput("near", "Near must be larger than far.")
    levels = np.clip((levels.astype(np.float32) - far) / (near - far), 0, 1)
    levels = np.clip((levels - 0.5) * parameters.get("contrast", 1.0) + 0.5, 0, 1)
    levels = blurred(levels, parameters.get("blur", 0.0))
    levels = np.where(levels * 255 < parameters.get("threshold", 0.0), 0, levels)
    if parameters.get("invert"):
        levels = 1 - levels
    return np.repeat(np.round(levels * 255).astype(np.uint8)[..., None], 3, axis=2)


def blurred(picture: np.ndarray, radius: float) -> np.ndarray:
    """A Gaussian blur of `radius` pixels (its standard deviation); 0 leaves the picture as it is."""
    if radius <= 0:
        return picture
    import cv2

    out: np.ndarray = cv2.GaussianBlur(picture, (0, 0), radius)
    return out
