"""What each task makes of a recipe: which pieces are painted, in what order, and how they become pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from studio.workshop.paint import fit, larger, masks
from studio.workshop.paint.beyond import outpaint
from studio.workshop.paint.drafts import as_it_is, on_canvas
from studio.workshop.paint.larger import enlarge
from studio.workshop.paint.work import Work
from studio.workshop.ports import Painted


def create(work: Work) -> Iterator[Painted]:
    """Pictures from words alone; with `hires` each is stretched and painted once more."""
    recipe = work.recipe
    view = fit.whole(work.working, work.working)
    large = larger.second_size(work.working, recipe.hires)
    again = large != work.working and recipe.hires_strength > 0
    larger.check_size(large, "hires")
    work.expect(len(work.seeds), view.size)
    for _ in work.seeds if again else ():
        larger.expect(work, large, strength=recipe.hires_strength)
    pieces = [work.piece(seed, view, work.working) for seed in work.seeds]
    for picture, seed in zip(work.run(pieces, show=as_it_is), work.seeds, strict=True):
        made = fit.brought(picture, large)
        if again:
            words = larger.tells_parts(work)
            made = larger.repaint(work, made, seed, strength=recipe.hires_strength, words=words)
        yield Painted(made, seed)


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
    for picture, seed in zip(work.run(pieces, strength=strength, show=as_it_is), work.seeds, strict=True):
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
    part = np.asarray(mask.crop(view.box))
    share = masks.blend(part, work.recipe.feather)
    seen = masks.at_size(part, view.size)
    show = on_canvas(source, view.box, share)
    pieces = [work.piece(seed, view, source.size, start=start, mask=seen) for seed in work.seeds]
    for picture, seed in zip(work.run(pieces, strength=strength, show=show), work.seeds, strict=True):
        patch = fit.brought(picture, fit.sides(view.box))
        yield Painted(masks.paste(source, patch, box=view.box, share=share), seed)


PAINT: Mapping[str, Callable[[Work], Iterator[Painted]]] = {
    "create": create,
    "vary": vary,
    "inpaint": inpaint,
    "outpaint": outpaint,
    "enlarge": enlarge,
}
