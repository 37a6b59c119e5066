"""Measures on the saved file that nothing changed where nothing should; it trusts no promise of the painter's."""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.recipe import Recipe
from studio.gallery.gallery import Gallery
from studio.measure.pictures import differing
from studio.safety.intake import open_picture
from studio.workshop.paint.masks import prepare


class Outside:
    """Counts, for one recipe, the pixels of its results that changed and should not have.

    For a filled picture these are the pixels that its mask leaves alone, for an extended one those of the source's rectangle.
    All pictures are read anew from their files, upright and in sRGB, as the intake reads everything.
    """

    def __init__(self, recipe: Recipe, gallery: Gallery) -> None:
        self._recipe, self._gallery = recipe, gallery
        self._before: np.ndarray | None = None
        self._kept: np.ndarray | None = None

    @property
    def asked(self) -> bool:
        """Whether the recipe's task leaves anything alone."""
        return self._recipe.task in ("inpaint", "outpaint")

    def __call__(self, artwork: Artwork) -> int:
        """The pixels that changed and should not have, in the saved file of one result; all of them if its size is wrong."""
        if self._before is None:
            self._read()
        before, kept = self._before, self._kept
        assert before is not None
        after = _pixels(open_picture(self._gallery.data(artwork)).picture)
        left, top, right, bottom = self._recipe.extend
        if after.shape[:2] != (before.shape[0] + top + bottom, before.shape[1] + left + right):
            return before.shape[0] * before.shape[1]
        return differing(before, after[top : top + before.shape[0], left : left + before.shape[1]], where=kept)

    def _read(self) -> None:
        inputs = self._gallery.inputs(self._recipe)
        source = inputs[self._recipe.source or ""]
        self._before = _pixels(source)
        if self._recipe.task == "inpaint":
            mask = prepare(inputs[self._recipe.mask or ""], source.size)
            self._kept = np.asarray(mask) == 0


def _pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGBA"))
