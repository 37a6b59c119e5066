"""Makes pictures larger: plain resampling, or painting every tile of the stretched picture once more for detail."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image, ImageFilter

from studio.domain.errors import BadInput
from studio.domain.recipe import SIZE_STEP
from studio.packs.controls import KEEPERS
from studio.safety.intake import PIXELS_LIMIT
from studio.workshop.annotate.drawing import canny
from studio.workshop.paint import fit, tiles
from studio.workshop.paint.drafts import on_canvas
from studio.workshop.paint.fit import Size, View
from studio.workshop.paint.steps import Piece
from studio.workshop.paint.work import Work
from studio.workshop.ports import Painted

RESAMPLERS = {
    "repaint": Image.Resampling.LANCZOS,
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
}
KEEPER_WEIGHT = 0.5  # of what keeps a tile to what it was: enough to hold the shapes, not to hinder detail
# Pixels of a tile at most: models are at home near their usual size, but the fewer tiles, the fewer of them invent things
# that the picture already has elsewhere. 512 by 512 fits wherever a model of that size does.
LARGEST_TILE = 1 << 18
# A model that was made for pictures smaller than this paints the whole scene again in every part of its size, if it is told
# the words again: a second, larger pass goes without them. (Seen on Storybook: two moons, and a star on the star.)
TELLS_PARTS = 256
TONE = 1 / 16  # of a tile's shorter side: colours that are broader than this stay the picture's own


def enlarge(work: Work) -> Iterator[Painted]:
    """The source `factor` times as large; what is transparent stays so."""
    recipe, source = work.recipe, work.source()
    size = (source.width * recipe.factor, source.height * recipe.factor)
    check_size(size, "factor")
    work.progress.again()
    large = source.resize(size, RESAMPLERS[recipe.method])
    if recipe.method != "repaint" or recipe.strength == 0:
        work.progress.again()
        yield from (Painted(large.copy(), seed) for seed in work.seeds)
        return
    keeper = next((kind for kind in KEEPERS if work.add_guide(kind, weight=KEEPER_WEIGHT)), "")
    alpha = large.getchannel("A") if "A" in large.getbands() else None
    ground = fit.rgb(large)
    for _ in work.seeds:
        expect(work, size, strength=recipe.strength)
    for seed in work.seeds:
        picture = repaint(work, ground, seed, strength=recipe.strength, words=tells_parts(work), keeper=keeper)
        yield Painted(picture if alpha is None else lifted(picture, alpha), seed)


def second_size(size: Size, times: float) -> Size:
    """How large a hires pass makes a picture: multiples of 8."""
    wide, high = (max(SIZE_STEP, round(side * times / SIZE_STEP) * SIZE_STEP) for side in size)
    return wide, high


def check_size(size: Size, field: str) -> None:
    """Raise BadInput for a result that no page could open."""
    if size[0] * size[1] > PIXELS_LIMIT:
        raise BadInput(
            field,
            f"The picture would be {size[0]:,} by {size[1]:,} pixels; {PIXELS_LIMIT // 1_000_000} megapixels is the most."
            " Choose less.",
        )


def tells_parts(work: Work) -> bool:
    """Whether the model can paint a part of what the words say, instead of all of it in that part."""
    return bool(work.pipe.unet.config.sample_size * work.pipe.vae_scale_factor >= TELLS_PARTS)


def expect(work: Work, size: Size, *, strength: float) -> None:
    """Announce one `repaint` of a canvas."""
    boxes = tiles.tiles(size, _tile(work.working))
    work.expect(len(boxes), _view(boxes[0]).size, strength=strength)


def repaint(
    work: Work, canvas: Image.Image, seed: int, *, strength: float, words: bool = True, keeper: str = ""
) -> Image.Image:
    """The canvas (RGB) painted once more at its own size, tile by tile, each from what it shows with `strength` noise."""
    pipe, boxes = work.pipe, tiles.tiles(canvas.size, _tile(work.working))
    field = tiles.noise_field(seed, canvas.size, factor=pipe.vae_scale_factor, channels=pipe.vae.config.latent_channels)
    pieces = []
    for index, box in enumerate(boxes):
        view = _view(box)
        start = fit.window(canvas, frame=canvas.size, view=view)
        maps = work.views(canvas.size, view)
        if keeper:
            maps += (Image.fromarray(canny(start)) if keeper == "canny" else start,)
        # Samplers that draw noise on the way need some of each tile's own
        generator = torch.Generator("cpu").manual_seed((seed * 1_000_003 + index + 1) % 2**63)
        noise = tiles.cut(field, box, factor=pipe.vae_scale_factor)
        pieces.append(Piece(noise, generator, start, None, maps, seed))
    result = canvas.copy()
    places = {id(piece): box for piece, box in zip(pieces, boxes, strict=True)}

    def show(piece: Piece, draft: Image.Image) -> Image.Image:
        return on_canvas(result, places[id(piece)])(piece, draft)

    for index, tile in enumerate(work.run(pieces, strength=strength, words=words, show=show)):
        box, shown = boxes[index], pieces[index].start
        kept = tile if shown is None else toned(tile, shown)
        tiles.lay(result, fit.brought(kept, fit.sides(box)), box, boxes[:index])
    return result


def lifted(picture: Image.Image, alpha: Image.Image) -> Image.Image:
    """The RGBA picture that looks like `picture` (RGB) when it lies on white; the white that `fit.rgb` put under it goes."""
    share = np.asarray(alpha, np.float32)[..., None] / 255
    colours = (np.asarray(picture, np.float32) - 255 * (1 - share)) / np.maximum(share, 1 / 255)
    made = Image.fromarray(colours.round().clip(0, 255).astype(np.uint8))
    made.putalpha(alpha)
    return made


def toned(tile: Image.Image, like: Image.Image) -> Image.Image:
    """A tile with the broad colours of what it was painted from (RGB, of its size); the detail is its own.

    Without this each tile drifts in tone its own way. The same is done with wavelets by StableSR (Wang et al. 2023, 4.2).
    """
    blur = ImageFilter.GaussianBlur(min(tile.size) * TONE)
    drift = np.asarray(like.filter(blur), np.float32) - np.asarray(tile.filter(blur), np.float32)
    return Image.fromarray((np.asarray(tile) + drift).round().clip(0, 255).astype(np.uint8))


def _tile(working: Size) -> Size:
    """How large a tile is: the working size, times the largest whole number that keeps it within bounds."""
    times = max(1, math.isqrt(LARGEST_TILE // (working[0] * working[1])))
    return working[0] * times, working[1] * times


def _view(box: fit.Box) -> View:
    """A tile as it is, its sides rounded up to what the model can take."""
    wide, high = (-(-side // SIZE_STEP) * SIZE_STEP for side in fit.sides(box))
    return View(box, (wide, high))
