"""Extends a picture beyond its edges, window by window from the inside out; the source's own pixels are never touched."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter

from studio.domain.recipe import SIZE_STEP
from studio.workshop.paint import fit, masks, tiles
from studio.workshop.paint.drafts import on_canvas
from studio.workshop.paint.fit import Box, Size, View
from studio.workshop.paint.larger import check_size
from studio.workshop.paint.work import Work
from studio.workshop.ports import Painted

OVERLAP = 0.5  # of a window: it must see enough of what is there to go on with it
SEAM = 2  # rings of cells of an earlier window that a later one paints anew, to fade from one to the other
SMEAR = 6  # pixels: how soft the mirrored edge is, which the painting starts from
GRAIN = 12  # levels of noise on top of it


def outpaint(work: Work) -> Iterator[Painted]:
    """The source in the middle of a larger picture; its rectangle is the source's own to the bit."""
    source, strength, extend = work.source(), work.recipe.strength, work.recipe.extend
    left, top, right, bottom = extend
    size = (source.width + left + right, source.height + top + bottom)
    check_size(size, "extend")
    inner = (left, top, left + source.width, top + source.height)
    work.progress.again()
    ground = filled(fit.rgb(source), extend)
    windows = plan(size, inner, work.working) if strength > 0 else []
    for view, _ in windows:
        work.expect(len(work.seeds), view.size, strength=strength)
    canvases = [ground.copy() for _ in work.seeds]
    for number, (view, mask) in enumerate(windows):
        share = masks.blend(mask, work.recipe.feather)
        seen = masks.at_size(mask, view.size)
        pieces = []
        for seed, canvas in zip(work.seeds, canvases, strict=True):
            start = _grained(fit.window(canvas, frame=size, view=view), seen, np.random.default_rng((seed, number)))
            pieces.append(work.piece(seed, view, size, start=start, mask=seen))
        show = on_canvas(canvases[0], view.box, share)
        for index, picture in enumerate(work.run(pieces, strength=strength, show=show)):
            patch = fit.brought(picture, fit.sides(view.box))
            canvases[index] = masks.paste(canvases[index], patch, box=view.box, share=share)
    for canvas, seed in zip(canvases, work.seeds, strict=True):
        if "A" in source.getbands():
            canvas.putalpha(255)
        canvas.paste(source, inner[:2])
        yield Painted(canvas, seed)


def plan(size: Size, inner: Box, working: Size) -> list[tuple[View, np.ndarray]]:
    """Which windows of the canvas are painted, in what order, and where in each: (H, W) uint8 masks, 0 over `inner`.

    Each window sees as much as possible of what is there already: the source, then what was painted before.
    """
    if fit.fits(size, working):
        return [(fit.whole(size, working), _outside(inner, (0, 0, *size)))]
    boxes = tiles.tiles(size, working, overlap=OVERLAP)
    known = _cells(_outside(inner, (0, 0, *size))) == 0
    windows: list[tuple[View, np.ndarray]] = []
    while True:
        open_boxes = [box for box in boxes if not _part(known, box).all()]
        if not open_boxes:
            return windows
        # Half a window of surroundings is enough; among those that have it, the one with most to paint
        box = max(
            open_boxes, key=lambda one: (min(0.5, float(_part(known, one).mean())), -float(_part(known, one).mean()))
        )
        free = np.kron(_grown(~_part(known, box)), np.ones((SIZE_STEP, SIZE_STEP), np.uint8))
        wide, high = fit.sides(box)
        shift = (box[1] % SIZE_STEP, box[0] % SIZE_STEP)
        free = free[shift[0] : shift[0] + high, shift[1] : shift[1] + wide]
        windows.append((fit.seen(box, working), free * _outside(inner, box)))
        _part(known, box)[:] = True


def filled(source: Image.Image, extend: tuple[int, int, int, int]) -> Image.Image:
    """A canvas with the source (RGB) in it and its mirrored, softened edges around; what painting starts from."""
    left, top, right, bottom = extend
    pixels = np.pad(np.asarray(source), ((top, bottom), (left, right), (0, 0)), mode="symmetric")
    canvas = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(SMEAR))
    canvas.paste(source, (left, top))
    return canvas


def _grained(start: Image.Image, mask: np.ndarray, grain: np.random.Generator) -> Image.Image:
    """The start with noise where it is painted anew: without it a smooth sky stays a smooth sky."""
    pixels = np.asarray(start, dtype=np.float32)
    noisy = pixels + grain.normal(0, GRAIN, pixels.shape).astype(np.float32) * (mask > 0)[..., None]
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def _outside(inner: Box, box: Box) -> np.ndarray:
    """The part of the canvas under `box`: 255, and 0 where the source lies."""
    wide, high = fit.sides(box)
    mask = np.full((high, wide), 255, np.uint8)
    left, top, right, bottom = (max(0, inner[i] - box[i % 2]) for i in range(4))
    mask[top:bottom, left:right] = 0
    return mask


def _cells(mask: np.ndarray) -> np.ndarray:
    """A mask in cells of 8 by 8 pixels: above 0 where any pixel is."""
    high, wide = (-(-side // SIZE_STEP) * SIZE_STEP for side in mask.shape)
    padded = np.zeros((high, wide), np.uint8)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return masks.cells(padded, SIZE_STEP)


def _part(known: np.ndarray, box: Box) -> np.ndarray:
    """The cells that a box touches, as a view that can be written to."""
    left, top, right, bottom = box
    return known[top // SIZE_STEP : -(-bottom // SIZE_STEP), left // SIZE_STEP : -(-right // SIZE_STEP)]


def _grown(free: np.ndarray) -> np.ndarray:
    return masks.grown(free, SEAM).astype(np.uint8)
