"""From pictures to what a vision tower takes, by the numbers in a preprocessor_config.json; no torchvision is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

NAMES = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class Preparation:
    """How a tower was trained to see: side in pixels, mean and spread of each channel (of values 0 to 1).

    `crop` takes the middle square of a long picture; otherwise the whole is squeezed into the square.
    """

    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: bool = True

    def __call__(self, pictures: list[Image.Image]) -> torch.Tensor:
        """(n, 3, side, side) float32, normalised."""
        arrays = [np.asarray(self._square(picture), dtype=np.float32) / 255 for picture in pictures]
        pixels = (np.stack(arrays) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))

    def batches(self, pictures: list[Image.Image], size: int) -> Iterator[torch.Tensor]:
        """So many at a time, in their order: (up to size, 3, side, side)."""
        for start in range(0, len(pictures), size):
            yield self(pictures[start : start + size])

    def _square(self, picture: Image.Image) -> Image.Image:
        picture = picture.convert("RGB")
        width, height = picture.size
        if self.crop and width != height:
            # Crop first, then resize: the same square, without blowing a long picture up on the way.
            short = min(width, height)
            left, top = (width - short) // 2, (height - short) // 2
            picture = picture.crop((left, top, left + short, top + short))
        side = (self.side, self.side)
        return picture if picture.size == side else picture.resize(side, Image.Resampling.BICUBIC)


def read_preparation(folder: Path) -> Preparation:
    """Read preprocessor_config.json, or processor_config.json as transformers 5 writes it.

    Raises OSError, KeyError or ValueError when it is not there or not whole.
    """
    path = next((folder / name for name in NAMES if (folder / name).exists()), folder / NAMES[0])
    data = json.loads(path.read_text(encoding="utf-8"))
    data = data.get("image_processor", data)
    crop = bool(data.get("do_center_crop", False))
    size = data["crop_size"] if crop else data["size"]
    side = size if isinstance(size, int) else size.get("height", size.get("shortest_edge"))
    return Preparation(side=int(side), mean=tuple(data["image_mean"]), std=tuple(data["image_std"]), crop=crop)
