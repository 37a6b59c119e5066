"""What each task makes of a recipe: which pieces are painted, in what order, and how they become pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from studio.workshop.paint import fit, masks
from studio.workshop.paint.fit import View
from studio.workshop.paint.steps import Piece
from studio.workshop.ports import Painted

if TYPE_CHECKING:
    from studio.workshop.paint.painter import Work

DRAFT_SIDE = 256  # pixels, of the canvas that a draft of its part is shown on


def create(work: Work) -> Iterator[Painted]:
    """Pictures from words alone."""
    view = fit.whole(work.working, work.working)
    work.expect(len(work.seeds), view.size)
    pieces = [work.piece(seed, view, work.working) for seed in work.seeds]
    for picture, seed in zip(work.run(pieces, show=_as_it_is), work.seeds, strict=True):
        yield Painted(picture, seed)


def vary(work: Work) -> Iterator[Painted]:
    """The source once more, changed by `strength`; at 0 it stays what it is, at 1 nothing of it is left."""
    start, strength = fit.cover(work.source(), work.working), work.recipe.strength
    if strength == 0:
        work.progress.again()
        yield from (Painted(start.copy(), seed) for seed in work.seeds)
        return
    view = fit.whole(work.working, work.working)
    work.expect(len(work.seeds), view.size, strength=strength)
    pieces = [work.piece(seed, view, work.working, start=start) for seed in work.seeds]
    for picture, seed in zip(work.run(pieces, strength=strength, show=_as_it_is), work.seeds, strict=True):
        yield Painted(picture, seed)


def inpaint(work: Work) -> Iterator[Painted]:
    """The source with what the mask covers painted anew; every other pixel is the source's own."""
    source, strength = work.source(), work.recipe.strength
    mask = masks.prepare(work.picture(work.recipe.mask, "mask"), source.size)
    if strength == 0:
        work.progress.again()
        yield from (Painted(source.copy(), seed) for seed in work.seeds)
        return
    view = fit.around(masks.area(mask), source.size, work.working)
    work.expect(len(work.seeds), view.size, strength=strength)
    start = fit.window(source, frame=source.size, view=view)
    part = mask.crop(view.box)
    share = masks.blend(np.asarray(part), work.recipe.feather)
    seen = np.asarray(part if view.exact else _covering(part, view.size))
    show = _on_canvas(source, view, share)
    pieces = [work.piece(seed, view, source.size, start=start, mask=seen) for seed in work.seeds]
    for picture, seed in zip(work.run(pieces, strength=strength, show=show), work.seeds, strict=True):
        patch = picture if view.exact else picture.resize(fit.sides(view.box), Image.Resampling.LANCZOS)
        yield Painted(masks.paste(source, patch, box=view.box, share=share), seed)


PAINT: Mapping[str, Callable[[Work], Iterator[Painted]]] = {"create": create, "vary": vary, "inpaint": inpaint}


def _as_it_is(_piece: Piece, draft: Image.Image) -> Image.Image:
    return draft


def _covering(mask: Image.Image, size: fit.Size) -> Image.Image:
    """A mask at another size; where any of it fell, it stays above 0."""
    return Image.fromarray((np.asarray(mask.resize(size, Image.Resampling.BILINEAR)) > 0).astype(np.uint8) * 255)


def _on_canvas(source: Image.Image, view: View, share: np.ndarray) -> Callable[[Piece, Image.Image], Image.Image]:
    """Shows a draft of a part in its place on a small copy of the whole."""
    scale = min(1.0, DRAFT_SIDE / max(source.size))
    size = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    small = fit.rgb(source.resize(size, Image.Resampling.BILINEAR))
    box = tuple(round(side * scale) for side in view.box)
    place = (max(1, box[2] - box[0]), max(1, box[3] - box[1]))
    mask = Image.fromarray(np.round(share * 255).astype(np.uint8)).resize(place, Image.Resampling.BILINEAR)

    def show(_piece: Piece, draft: Image.Image) -> Image.Image:
        whole = small.copy()
        whole.paste(draft.resize(place, Image.Resampling.BILINEAR), (box[0], box[1]), mask)
        return whole

    return show
