"""Enlarges pictures with an upscaler, tile by tile; it makes up no subject, needs no painter and saves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from studio.domain.errors import Failed, NotNumbers, PackMissing
from studio.domain.recipe import Recipe
from studio.workshop.paint import device as devices
from studio.workshop.paint import fit, tiles
from studio.workshop.paint.drafts import DRAFT_SIDE
from studio.workshop.paint.larger import check_size, lifted
from studio.workshop.paint.threads import threads
from studio.workshop.paint.work import large_enough, picture_of
from studio.workshop.ports import Painted
from studio.workshop.vision.loading import local_model, model_type

# Pixels of a tile's side, before it is enlarged: small enough for Cancel to be heard within seconds on a CPU (one takes
# Swin2SR 12 s and Real-ESRGAN 8 s of a core, at their published sizes), and the same on every machine, so that the picture is
TILE, SMALLEST_TILE = 128, 32
OVERLAP = 0.125  # of a tile: 16 pixels, over which neighbours fade into each other
Net = Callable[[torch.Tensor], torch.Tensor]


class Upscaler:
    """One upscaler, held in memory; a Painter of those recipes that enlarge with it.

    `net` takes (1, 3, h, w) float32 in 0..1 and gives the same `factor` times as large.
    """

    def __init__(self, net: Net, *, factor: int, where: torch.device) -> None:
        self.factor, self.where, self.dtype = factor, where, torch.float32
        self._net = net

    @torch.inference_mode()
    def paint(
        self, recipe: Recipe, inputs: Mapping[str, Any], report: Any, *, offload: bool = False
    ) -> Iterator[Painted]:
        """The source `recipe.factor` times as large, once for each seed; what is transparent stays so.

        It goes tile by tile, so `offload` has nothing to save. `report(tile, tiles, draft)` is called before the first tile and
        after each, and raises Cancelled. Raises BadInput, NotNumbers, Failed.
        """
        source = large_enough(picture_of(inputs, recipe.source, "source"))
        size = (source.width * recipe.factor, source.height * recipe.factor)
        check_size(size, "factor")
        made = self._enlarged(fit.rgb(source), recipe.factor, report)
        if "A" in source.getbands():
            made = lifted(made, source.getchannel("A").resize(size, Image.Resampling.LANCZOS))
        for index in range(recipe.count):
            yield Painted(made.copy(), recipe.seed + index, threads=threads(self.where))

    def _enlarged(self, picture: Image.Image, factor: int, report: Any) -> Image.Image:
        side = TILE
        while True:
            try:
                return self._attempt(picture, passes(self.factor, factor), side, report)
            except (RuntimeError, MemoryError) as error:
                if not devices.out_of_memory(error):
                    raise
            if side <= SMALLEST_TILE:
                raise Failed(
                    "There is too little memory to enlarge this picture: close other programs that use the GPU, or choose a"
                    " smaller factor."
                )
            side //= 2
            devices.give_back(self.where)  # out here: the error held what was computed

    def _attempt(self, picture: Image.Image, steps: list[int], side: int, report: Any) -> Image.Image:
        plans = []
        size = picture.size
        for step in steps:
            plans.append(tiles.tiles(size, (side, side), overlap=OVERLAP))
            size = (size[0] * step, size[1] * step)
        done, total = 0, sum(map(len, plans))
        report(done, total)
        for step, boxes in zip(steps, plans, strict=True):
            large = picture.resize((picture.width * step, picture.height * step), Image.Resampling.LANCZOS)
            placed: list[fit.Box] = []
            for box in boxes:
                left, top, right, bottom = (edge * step for edge in box)
                place = (left, top, right, bottom)
                tiles.lay(large, fit.brought(self._tile(picture.crop(box)), fit.sides(place)), place, placed)
                placed.append(place)
                done += 1
                report(done, total, lambda canvas=large: _small(canvas))
            picture = large
        return picture

    def _tile(self, picture: Image.Image) -> Image.Image:
        pixels = torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)[None]
        made = self._net(pixels.to(self.where))[0].float().cpu()
        if not torch.isfinite(made).all():
            raise NotNumbers(
                "The upscaler produced no numbers (NaN); choose another way to enlarge, or install it again."
            )
        return Image.fromarray((made.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())


def passes(own: int, wanted: int) -> list[int]:
    """How a model that enlarges `own` times reaches the `wanted` 2 or 4: the factor of each pass.

    Where a pass asks for less than the model gives, each tile is brought down to it.
    """
    return [wanted] if own >= wanted else [2] * (wanted.bit_length() - 1)


def load_upscaler(place: Path) -> Upscaler:
    """Load a Swin2SR from its folder, or any upscaler that the library spandrel knows from one safetensors file.

    Raises PackMissing for what enlarges nothing, or not in colour.
    """
    where = devices.device()
    if (place / "config.json").is_file():
        net, factor = _swin2sr(place)
    else:
        net, factor = _single(place, where)
    if factor < 2:
        raise PackMissing(f"The model {place.name} mends pictures and enlarges none; choose another upscaler.")
    return Upscaler(net, factor=factor, where=where)


def _swin2sr(folder: Path) -> tuple[Net, int]:
    from transformers import Swin2SRForImageSuperResolution

    kind = model_type(folder)
    if kind != "swin2sr":
        raise PackMissing(
            f"The upscaler in {folder.name} is a {kind}; a Swin2SR is needed, or a single file of weights."
        )
    model = local_model(Swin2SRForImageSuperResolution, folder)
    if model.config.num_channels != 3:
        raise PackMissing(f"The upscaler in {folder.name} reads no colours; choose another one.")
    factor, window = int(model.config.upscale), int(model.config.window_size)

    def net(pixels: torch.Tensor) -> torch.Tensor:
        high, wide = pixels.shape[-2:]  # it takes whole windows only
        whole = torch.nn.functional.pad(pixels, (0, -wide % window, 0, -high % window), mode="replicate")
        made: torch.Tensor = model(pixel_values=whole).reconstruction
        return made[..., : high * factor, : wide * factor]

    return net, factor


def _single(place: Path, where: torch.device) -> tuple[Net, int]:
    """An upscaler in one file, by the names and shapes of its tensors; no pickle is ever opened."""
    from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError

    files = [place] if place.is_file() else sorted(place.glob("*.safetensors"))
    if len(files) != 1 or files[0].suffix != ".safetensors":
        raise PackMissing(f"{place.name} should hold one safetensors file and holds {len(files)}; install it again.")
    try:
        found = ModelLoader(device=where).load_from_file(files[0])
    except (UnsupportedModelError, RuntimeError, KeyError, ValueError, AssertionError) as error:
        if devices.out_of_memory(error):
            raise
        raise PackMissing(
            f"{files[0].name} is an upscaler of a kind that is not known here; choose another one."
        ) from error
    if not isinstance(found, ImageModelDescriptor) or (found.input_channels, found.output_channels) != (3, 3):
        raise PackMissing(f"{files[0].name} does not make one colour picture of another; choose another upscaler.")
    return found.float().eval(), int(found.scale)


def _small(canvas: Image.Image) -> Image.Image:
    """What is done so far, as a draft."""
    small = canvas.copy()
    small.thumbnail((DRAFT_SIDE, DRAFT_SIDE), Image.Resampling.BILINEAR)
    return small
