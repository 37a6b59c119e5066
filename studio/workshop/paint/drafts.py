"""Shows what is being painted in its place on a small copy of the whole; it decodes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from studio.workshop.paint import fit

DRAFT_SIDE = 256  # pixels, of the canvas that a draft of its part is shown on
Show = Callable[[Any, Image.Image], Image.Image]


def as_it_is(_piece: Any, draft: Image.Image) -> Image.Image:
    """A draft that is the whole picture."""
    return draft


def on_canvas(canvas: Image.Image, box: fit.Box, share: np.ndarray | None = None) -> Show:
    """A draft of the part under `box`, as far as `share` (H, W of the box, 0..1) lets it show. Reads the canvas when called."""

    def show(_piece: Any, draft: Image.Image) -> Image.Image:
        scale = min(1.0, DRAFT_SIDE / max(canvas.size))
        size = (max(1, round(canvas.width * scale)), max(1, round(canvas.height * scale)))
        whole = fit.rgb(canvas.resize(size, Image.Resampling.BILINEAR))
        left, top, right, bottom = (round(side * scale) for side in box)
        place = (max(1, right - left), max(1, bottom - top))
        mask = None
        if share is not None:
            mask = Image.fromarray(np.round(share * 255).astype(np.uint8)).resize(place, Image.Resampling.BILINEAR)
        whole.paste(draft.resize(place, Image.Resampling.BILINEAR), (left, top), mask)
        return whole

    return show
