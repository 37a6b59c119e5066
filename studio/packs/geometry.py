"""What a network's files and config say of its size in memory: how many numbers it is, and how many it makes as it works.

It reads headers and configs, each once for as long as the file stays as it is, and never a weight.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from studio.packs.header import read_header

# How the tensors of a painter in one file begin -> which part they are
_BEGINNINGS = {
    "model.diffusion_model.": "unet",
    "first_stage_model.": "vae",
    "cond_stage_model.": "text_encoder",
    "conditioner.": "text_encoder",
}
# Other versions of the same weights that may lie beside them; one of them is loaded
_VERSIONS = (".fp16.", ".fp16-", ".bf16.", ".non_ema.", ".ema.")
# Measured with every tensor of a step followed, on the published geometries (docs/decisions/forecast.md). A transformer block's
# feed-forward makes 16 copies of its tokens at once, beside norms and residuals; a plain block joins what comes from above
# with what was kept, and holds it about four times over.
ATTENDING, PLAIN = 22, 4
# The last block of a decoder begins with the width of the one before, held three times over
DECODER = 3


class Weights(NamedTuple):
    """How many numbers a network's weights are, and how many its largest convolution is."""

    numbers: int = 0
    largest: int = 0

    def joined(self, other: Weights) -> Weights:
        """Of two parts of one network."""
        return Weights(self.numbers + other.numbers, max(self.largest, other.largest))


def weights(place: Path) -> dict[str, Weights]:
    """The weights in a file or a folder, by part; "" is what belongs to no part of a painter.

    Raises BadWeights for a file that is no safetensors file, OSError for one that is not there.
    """
    made: dict[str, Weights] = {}
    for file in [place] if place.is_file() else files(place):
        about = file.stat()
        for part, counted in _counted(str(file), about.st_mtime_ns, about.st_size).items():
            made[part] = counted.joined(made.get(part, Weights()))
    return made


def whole(place: Path) -> Weights:
    """All the weights in a file or a folder; raises as `weights`."""
    return reduce(Weights.joined, weights(place).values(), Weights())


def files(folder: Path) -> list[Path]:
    """The files of weights that are loaded of a folder: of several versions the plain one."""
    found = sorted(folder.glob("*.safetensors"))
    plain = [file for file in found if not any(version in file.name for version in _VERSIONS)]
    return plain or found


def config(path: Path) -> dict[str, Any]:
    """A network's config.json; raises OSError or ValueError when it cannot be read."""
    return _config(str(path), path.stat().st_mtime_ns)


def step_numbers(unet: Mapping[str, Any], rows: int, columns: int) -> int:
    """Numbers held at the worst moment of one step on one picture of so many latent cells, without guidance."""
    widths, areas = _levels(unet, rows, columns)
    attends = ["Attn" in kind for kind in unet.get("down_block_types", ())]
    worst = 0
    for level, (width, area) in enumerate(zip(widths, areas, strict=True)):
        below = widths[min(level + 1, len(widths) - 1)]
        held = PLAIN * (width + below)
        if level < len(attends) and attends[level]:
            held = max(held, ATTENDING * width)
        worst = max(worst, held * area)
    return kept_numbers(unet, rows, columns) + worst


def kept_numbers(unet: Mapping[str, Any], rows: int, columns: int) -> int:
    """Numbers that a UNet keeps on its way down for its way up; a ControlNet gives as many."""
    widths, areas = _levels(unet, rows, columns)
    layers = unet.get("layers_per_block", 2)
    each = list(layers) if isinstance(layers, list | tuple) else [layers] * len(widths)
    kept = widths[0] * areas[0]
    for level, (width, area) in enumerate(zip(widths, areas, strict=True)):
        kept += each[level] * width * area
        if level + 1 < len(widths):
            kept += width * areas[level + 1]
    return kept


def decoding_numbers(vae: Mapping[str, Any], pixels: int) -> int:
    """Numbers held at the worst moment of decoding one picture in one piece."""
    widths = decoder_widths(vae)
    return DECODER * max(widths[:2]) * pixels


def decoder_widths(vae: Mapping[str, Any]) -> Sequence[int]:
    """The channels of a decoder's blocks, the one at full size first."""
    return vae.get("block_out_channels") or vae.get("decoder_block_out_channels") or (128, 256)


def _levels(unet: Mapping[str, Any], rows: int, columns: int) -> tuple[list[int], list[int]]:
    """Width and area (cells) of each level of a UNet."""
    widths = [int(width) for width in unet["block_out_channels"]]
    areas = [-(-rows // 2**level) * -(-columns // 2**level) for level in range(len(widths))]
    return widths, areas


@lru_cache(maxsize=1024)
def _counted(file: str, _changed: int, _size: int) -> Mapping[str, Weights]:
    made: dict[str, Weights] = {}
    for name, tensor in read_header(Path(file)).tensors.items():
        part = next((part for begin, part in _BEGINNINGS.items() if name.startswith(begin)), "")
        count = prod(tensor.shape)
        made[part] = Weights(count, count if len(tensor.shape) == 4 else 0).joined(made.get(part, Weights()))
    return made


@lru_cache(maxsize=256)
def _config(path: str, _changed: int) -> dict[str, Any]:
    read = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(read, dict):
        raise ValueError(f"{path} holds no config")
    return read
