"""Maps that keep a picture's colours: stirred, or blurred. They need no weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageFilter

from studio.workshop import heavy

SEED = 0
REFERENCE = 512


def shuffle(picture: Image.Image, parameters: Mapping[str, float]) -> Image.Image:
    """The picture stirred by controlnet-aux's ContentShuffleDetector; the same each time."""
    heavy.prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux import ContentShuffleDetector

        before = np.random.get_state()  # the library draws from numpy's one generator
        np.random.seed(SEED)
        try:
            stirred = ContentShuffleDetector()(
                np.asarray(picture), f=int(parameters["amount"]), detect_resolution=REFERENCE,
                image_resolution=REFERENCE, output_type="np",
            )  # fmt: skip
        finally:
            np.random.set_state(before)
    return Image.fromarray(stirred).resize(picture.size, Image.Resampling.BICUBIC)


def tile(picture: Image.Image, parameters: Mapping[str, float]) -> Image.Image:
    """The picture itself with less detail."""
    return picture.filter(ImageFilter.GaussianBlur(parameters["blur"])) if parameters["blur"] else picture.copy()
