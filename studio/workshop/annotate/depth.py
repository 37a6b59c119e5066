"""How near things are, and which way their surfaces face; the map is white where it is near."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForDepthEstimation, pipeline

from studio.domain.errors import NotNumbers
from studio.safety.intake import sha256
from studio.workshop.annotate.levels import blurred, finish
from studio.workshop.paint import device as devices

METRIC = ("zoedepth", "depth_pro")  # model types that tell distances, in metres: more is farther
OWN_SCALE = (-0.1, 1.1)  # a model whose answers lie within tells nearness from 0 to 1 itself; others have any scale
KEPT = 4  # estimates remembered, so that a slider does not ask the model again
STEEPNESS = (
    8.0  # how strongly a slope of the depth turns a normal; a plane that falls by 1/8 of its width is at 45 degrees
)


class DepthSeer:
    """Any model of transformers' "depth-estimation" pipeline: DPT and MiDaS, DepthAnything, ZoeDepth; safe from both lanes."""

    def __init__(self, estimate: Any) -> None:
        self._estimate = estimate
        self._metric = estimate.model.config.model_type in METRIC
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def __call__(self, picture: Image.Image) -> np.ndarray:
        """Nearness, (H, W) float32 of 0 (farthest) to 1 (nearest), for an RGB picture. Raises NotNumbers."""
        name = f"{picture.size} {sha256(picture.tobytes())}"
        with self._lock:
            if name not in self._known:
                self._known[name] = self._nearness(picture)
            self._known.move_to_end(name)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return self._known[name].copy()

    def _nearness(self, picture: Image.Image) -> np.ndarray:
        told = self._estimate(picture)["predicted_depth"].float().squeeze()
        if not bool(torch.isfinite(told).all()):
            raise NotNumbers("The depth model produced no numbers (NaN); verify its pack on the Shelf page.")
        high, wide = picture.height, picture.width
        if told.shape != (high, wide):
            told = torch.nn.functional.interpolate(told[None, None], size=(high, wide), mode="bilinear")[0, 0]
        depth: np.ndarray = told.cpu().numpy()
        if self._metric:
            depth = -depth
        low, top = float(depth.min()), float(depth.max())
        if OWN_SCALE[0] <= low and top <= OWN_SCALE[1]:
            return np.clip(depth, 0, 1)
        return (depth - low) / max(top - low, 1e-6)


def depth(picture: Image.Image, parameters: Mapping[str, float], seer: DepthSeer) -> Image.Image:
    """The depth map, finished by near, far, contrast, blur and invert."""
    return Image.fromarray(finish(seer(picture), parameters))


def normal(picture: Image.Image, parameters: Mapping[str, float], seer: DepthSeer) -> Image.Image:
    """Which way surfaces face, from the slopes of the depth: red to the right, green up, blue towards the viewer."""
    nearness = blurred(seer(picture), parameters["blur"])
    down, across = np.gradient(nearness)
    side = max(picture.size)
    facing = np.stack([-across * side / STEEPNESS, down * side / STEEPNESS, np.ones_like(nearness)], axis=2)
    facing /= np.linalg.norm(facing, axis=2, keepdims=True)
    return Image.fromarray(np.round(facing * 127.5 + 127.5).astype(np.uint8))


def load_depth(folder: Path) -> DepthSeer:
    """Load a depth model of transformers from a local folder, safetensors only."""
    model: Any = AutoModelForDepthEstimation.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return DepthSeer(
        pipeline("depth-estimation", model=model.eval(), image_processor=processor, device=devices.device())
    )
