"""How much memory a recipe takes on a device, from the weights' headers and the networks' geometry. It loads no weight.

How far these figures are from what was measured stands in docs/decisions/forecast.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from studio.domain.errors import BadInput, PackMissing
from studio.domain.recipe import Recipe
from studio.packs import geometry, parts
from studio.packs.controls import control, keeper
from studio.packs.geometry import Weights
from studio.packs.header import BadWeights
from studio.packs.manifest import Pack
from studio.packs.shelf import Shelf
from studio.packs.weights import describe
from studio.places import ASSETS

# How the painter splits a batch and when it decodes in tiles: the figures of studio/workshop/paint/device.py, which needs torch
# to be imported. tests/test_needs.py holds the two together.
CPU_PIXELS = 1 << 18
MPS_PIXELS = 1 << 20
CUDA_BYTES_PER_PIXEL = 12_000
CUDA_SHARE = 0.7
MOST_DECODING = 8 << 30
DECODING = 10
LARGEST_TILE = 1 << 18  # pixels, of paint/larger.py
FACTOR = 8  # pixels of a latent cell's side
# What computing takes beside the tensors themselves: of a step, of a decoder, and in bytes whatever the picture. On a CPU
# measured; on GPUs a guess that this machine's own history mends. On a CPU each convolution also puts its weights into another
# order, so the largest is there twice, and what it left is not given back before the decoder works.
_OVERHEAD = {"cpu": (1.3, 1.45, 12 << 20), "cuda": (1.5, 1.5, 64 << 20), "mps": (2.0, 2.0, 64 << 20)}
LORA = 1.4  # of a step: each changed layer gives its answer twice, and their sum
_NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
_BESIDE = ("checker", "captioner", "encoder")  # what every picture passes on its way to the gallery; always in fp32


@dataclass(frozen=True)
class Place:
    """Where is painted: `kind` is "cpu", "cuda" or "mps"; `free` and `total` bytes of its memory.

    `held` is what the worker has on it already: the key of a network in `Needs.parts` -> its bytes. Those that are `leaving`
    make room when another pack is painted with.
    """

    kind: str
    free: int
    total: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    leaving: frozenset[str] = frozenset()

    @property
    def half(self) -> bool:
        """Whether it computes in half precision: two bytes a number instead of four."""
        return self.kind != "cpu"

    def has_for(self, wanted: Mapping[str, int]) -> int:
        """Bytes that there are for these networks and for work: what is free, what is there of them already, what leaves."""
        there = (
            min(size, wanted[key]) if key in wanted else size if key in self.leaving else 0
            for key, size in self.held.items()
        )
        return self.free + sum(there)


@dataclass(frozen=True)
class Needs:
    """What painting a recipe takes; all in bytes.

    parts: each network's weights, in the precision of the device. working: activations at the worst moment, of a step or of
    the decoder. total: the most that is held at once; with offload that is less than everything together. at_once: how many
    pictures are painted together. Of the parts, those `beside` are what every picture meets once it is painted.
    """

    parts: Mapping[str, int]
    step: int
    decoding: int
    total: int
    at_once: int
    beside: frozenset[str] = frozenset()

    @property
    def weights(self) -> int:
        """Of all networks together."""
        return sum(self.parts.values())

    @property
    def working(self) -> int:
        """Activations at the worst moment."""
        return max(self.step, self.decoding)


class _Canvas(NamedTuple):
    """What is painted in one go: width and height in pixels, and how many of them there are."""

    width: int
    height: int
    pieces: int


class _Painter(NamedTuple):
    """A pack's networks by name -> (key, weights), and the configs of its UNet and its VAE."""

    networks: dict[str, tuple[str, Weights]]
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]


def needs(
    recipe: Recipe,
    shelf: Shelf,
    place: Place,
    *,
    offload: bool = False,
    correction: float = 1.0,
    source_size: tuple[int, int] | None = None,
) -> Needs | None:
    """What a recipe takes on a device; None where that cannot be told, because a file is missing or cannot be read.

    With `offload` only the network at work is on a GPU, pictures are painted one by one and decoded in tiles. `correction`
    is what this machine's history says of the activations: measured over estimated. `source_size` is in pixels.
    """
    try:
        return _needs(recipe, shelf, place, offload=offload, correction=correction, source_size=source_size)
    except (PackMissing, BadInput, BadWeights, OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _needs(
    recipe: Recipe,
    shelf: Shelf,
    place: Place,
    *,
    offload: bool,
    correction: float,
    source_size: tuple[int, int] | None,
) -> Needs:
    if recipe.upscaler:
        raise ValueError("nothing is known of upscalers")
    pack = shelf.get(recipe.pack)
    painter = _painter(pack)
    unet, vae = painter.unet, painter.vae
    usual = 2 if place.half else 4
    weights = {key: size.numbers * usual for key, size in painter.networks.values()}
    vae_key, decoder_size = painter.networks["vae"][0], usual
    own = parts.own_vae(shelf, pack) if place.half else None
    if own is not None:
        del weights[vae_key]
        vae_key, vae = str(own), geometry.config(own / "config.json") if own.is_dir() else vae
        weights[vae_key] = _count(own) * usual
    elif place.half and "text_encoder_2" in painter.networks and vae.get("force_upcast", True):
        decoder_size = 4  # such a decoder's activations do not fit half precision
        weights[vae_key] = painter.networks["vae"][1].numbers * decoder_size
    worn = {str(file): _count(file) * usual for file in _worn(recipe, shelf, pack)}
    beside = {str(folder): _count(folder) * 4 for folder in _beside(shelf, pack)}
    everything = {**weights, **worn, **beside}

    rows = 2 if recipe.guidance > 1 and not unet.get("time_cond_proj_dim") else 1
    used = sum(1 for one in recipe.controls if one.weight > 0) + bool(keeper(shelf, recipe))
    step_over, decoding_over, always = _OVERHEAD.get(place.kind, _OVERHEAD["cuda"])
    room = place.has_for(everything) - sum(everything.values())
    step = decoding = at_once = 0
    for canvas in _canvases(recipe, source_size):
        pixels = canvas.width * canvas.height
        together = 1 if offload else painted_at_once(place.kind, pixels=pixels, count=canvas.pieces, free=room)
        cells = (-(-canvas.height // FACTOR), -(-canvas.width // FACTOR))
        numbers = geometry.step_numbers(unet, *cells) * (LORA if recipe.loras else 1)
        numbers += geometry.kept_numbers(unet, *cells) * min(2, used)
        step = max(step, int(numbers * rows * together * usual * step_over))
        decoding = max(decoding, int(_decoding(vae, pixels, decoder_size, tiled=offload) * decoding_over))
        at_once = at_once or together
    if place.kind == "cpu" and at_once:
        again = painter.networks["unet"][1].largest * usual
        step, decoding = step + again, decoding + again
    step, decoding = (int((one + always) * correction) for one in (step, decoding))
    total = sum(everything.values()) + max(step, decoding)
    if offload and place.half:
        others = sum(beside.values()) + sum(worn.values())
        texts = sum(weights.get(painter.networks[name][0], 0) for name in painter.networks if "text" in name)
        total = others + max(texts, weights[painter.networks["unet"][0]] + step, weights[vae_key] + decoding)
    return Needs(everything, step, decoding, total, at_once, frozenset(beside))


def painted_at_once(kind: str, *, pixels: int, count: int, free: int) -> int:
    """How many of `count` pictures of so many pixels are painted together, with so many bytes free beside the weights."""
    if kind == "cuda":
        room = int(max(0, free) * CUDA_SHARE / (pixels * CUDA_BYTES_PER_PIXEL))
    else:
        room = (MPS_PIXELS if kind == "mps" else CPU_PIXELS) // pixels
    return max(1, min(count, room))


def _decoding(vae: Mapping[str, Any], pixels: int, size: int, *, tiled: bool) -> int:
    """Bytes of decoding one picture, in tiles where asked for or where the picture is too large for one piece."""
    if tiled or pixels * geometry.decoder_widths(vae)[0] * DECODING * size > MOST_DECODING:
        side = int(vae.get("sample_size") or 512)
        return (geometry.decoding_numbers(vae, min(pixels, side * side)) + 9 * pixels) * size
    return geometry.decoding_numbers(vae, pixels) * size


def _canvases(recipe: Recipe, source_size: tuple[int, int] | None) -> Iterator[_Canvas]:
    """What the UNet sees at once, pass by pass, as studio/workshop/paint/tasks.py paints it."""
    width, height, count = recipe.width, recipe.height, recipe.count
    if recipe.task == "enlarge":
        if recipe.method == "repaint" and recipe.strength > 0:
            wide, high = source_size or (width, height)
            yield _tiles(recipe, wide * recipe.factor, high * recipe.factor)
        return
    if recipe.task in ("inpaint", "outpaint") and source_size is not None:
        left, top, right, bottom = recipe.extend
        wide, high = source_size[0] + left + right, source_size[1] + top + bottom
        if wide * high <= 2 * width * height:  # the whole canvas at once, as it is; else a window of the usual size
            width, height = wide, high
    yield _Canvas(width, height, count)
    if recipe.task == "create" and recipe.hires > 1 and recipe.hires_strength > 0:
        yield _tiles(recipe, int(width * recipe.hires), int(height * recipe.hires))


def _tiles(recipe: Recipe, wide: int, high: int) -> _Canvas:
    """The tiles in which a canvas of this size is painted once more."""
    times = max(1, math.isqrt(LARGEST_TILE // (recipe.width * recipe.height)))
    width, height = min(wide, recipe.width * times), min(high, recipe.height * times)
    return _Canvas(width, height, -(-wide // width) * -(-high // height))


def _painter(pack: Pack) -> _Painter:
    place = pack.role("painter")
    if place.is_file():
        found = describe(place)
        configs = ASSETS / "configs" / (found.family + ("-inpainting" if found.channels == 9 else ""))
        counted = geometry.weights(place)
        networks = {name: (f"{place}/{name}", size) for name, size in counted.items() if name}
        if found.family == "sdxl":
            networks["text_encoder_2"] = (f"{place}/text_encoder_2", Weights())  # both are counted together
    else:
        configs = place
        networks = {
            name: (str(place / name), geometry.whole(place / name)) for name in _NETWORKS if (place / name).is_dir()
        }
    read = {name: geometry.config(configs / name / "config.json") for name in ("unet", "vae")}
    return _Painter(networks, read["unet"], read["vae"])


def _worn(recipe: Recipe, shelf: Shelf, pack: Pack) -> Iterator[Path]:
    """What the recipe puts on its pack: ControlNets, each once, LoRAs, a VAE, an IP-Adapter with its reader."""
    kinds = {one.kind for one in recipe.controls if one.weight > 0} | {*filter(None, [keeper(shelf, recipe)])}
    nets = {control(shelf, pack, kind) for kind in kinds}
    yield from sorted(net for net in nets if net is not None)
    for lora in recipe.loras:
        if lora.weight:
            yield parts.file(shelf.get(lora.name), "lora")
    if recipe.vae:
        yield parts.file(shelf.get(recipe.vae), "vae")
    if recipe.adapter and recipe.reference_weight > 0:
        adapter = shelf.get(recipe.adapter)
        yield parts.file(adapter, "adapter")
        yield parts.file(parts.reader(shelf, adapter), "image-encoder")


def _beside(shelf: Shelf, pack: Pack) -> Iterator[Path]:
    """The checker, captioner and encoder that a picture of this pack meets."""
    for role in _BESIDE:
        holder = shelf.holder(role, pack.id)
        if holder is None and role != "checker":
            holder = next((one for one in shelf.packs() if role in one.manifest.roles), None)
        if holder is not None and (holder.id == pack.id or role != "checker" or holder.manifest.kind == "checker"):
            yield holder.role(role)


def _count(place: Path) -> int:
    return geometry.whole(place).numbers


class Glance(Shelf):
    """The shelf as it was at one moment: to ask it many things costs one look at the disk."""

    def __init__(self, shelf: Shelf) -> None:
        self._packs = shelf.packs()

    def packs(self) -> list[Pack]:
        """Every pack that was installed."""
        return self._packs
