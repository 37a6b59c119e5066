"""Finds figures' joints: a VitPose of eighteen joints for the starter pack, OpenPose for photographs. It draws none."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import VitPoseForPoseEstimation, VitPoseImageProcessor

from studio.domain.errors import PackMissing
from studio.domain.pose import JOINTS, MOST_FIGURES, Figure, Point
from studio.workshop.paint import device as devices

OPENPOSE = "body_pose_model.safetensors"  # OpenPose's body network, brought from its pickle when its pack was installed
SURE = 0.3  # a joint's bump is 1 high where the model is certain; below this it saw none
FEWEST = len(JOINTS) // 2  # joints that make a figure
SPECK = 0.01  # of the picture: a smaller patch of "a person" is none
SAME = 0.15  # of a figure's height: two whose joints are nearer than this are one
BRIDGE = (0.03, 0.25)  # of the picture's height, across and down: gaps in the mask of one figure
MARGIN = 0.08  # of a patch's size, added around it: a mask ends before fingers and hair do
# Where each of OpenPose's joints stands among a model's own when that has COCO's seventeen; its neck lies between shoulders
COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)

Where = Callable[[Image.Image, str], np.ndarray]  # where words are true in a picture, (H, W) of 0 to 1
Box = tuple[float, float, float, float]  # left, top, width, height in pixels


class PoseSeer(Protocol):
    """Finds the figures of an RGB picture."""

    def __call__(self, picture: Image.Image, where: Where | None = None) -> tuple[Figure, ...]:
        """The figures, largest patch first; none when nobody is there. `where` tells figures apart."""
        ...


class VitPoseSeer:
    """A VitPose that looks at one box at a time: the whole picture, or the patches where somebody seems to be."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor
        self._lock = Lock()

    def __call__(self, picture: Image.Image, where: Where | None = None) -> tuple[Figure, ...]:
        """See PoseSeer."""
        patches = figure_boxes(where(picture, "a person")) if where is not None else []
        if len(patches) > 1:
            figures = distinct([figure for box in patches if (figure := self._figure(picture, box)) is not None])
            if len(figures) > 1:
                return figures
        for box in [(0.0, 0.0, float(picture.width), float(picture.height)), *patches]:
            figure = self._figure(picture, box)
            if figure is not None:
                return (figure,)
        return ()

    @torch.inference_mode()
    def _figure(self, picture: Image.Image, box: Box) -> Figure | None:
        with self._lock:
            pixels = self._processor([picture], boxes=[[list(box)]], return_tensors="pt").pixel_values
            told = self._model(pixels.to(self._model.device))
            ((found,),) = self._processor.post_process_pose_estimation(told, boxes=[[list(box)]])
        places, sure = found["keypoints"].tolist(), found["scores"].tolist()
        points: list[Point] = [
            (x / picture.width, y / picture.height) if level >= SURE else None
            for (x, y), level in zip(places, sure, strict=True)
        ]
        figure = _openpose_order(points)
        return figure if sum(point is not None for point in figure) >= FEWEST else None


class OpenPoseSeer:
    """OpenPose's body network through controlnet-aux's own code; it finds every figure of a photograph at once."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._lock = Lock()

    def __call__(self, picture: Image.Image, where: Where | None = None) -> tuple[Figure, ...]:
        """See PoseSeer; it needs nobody to tell figures apart."""
        pixels = np.asarray(picture)[:, :, ::-1].copy()  # it was trained on BGR
        with self._lock, torch.inference_mode():
            candidates, subset = self._body(pixels)
        bodies = self._body.format_body_result(candidates, subset)
        figures = []
        for body in bodies:
            points = [
                None if point is None else (float(point.x) / picture.width, float(point.y) / picture.height)
                for point in body.keypoints[: len(JOINTS)]
            ]
            figures.append(tuple(points))
        return tuple(figures[:MOST_FIGURES])


def figure_boxes(share: np.ndarray) -> list[Box]:
    """The patches of a mask (H, W) of 0 to 1, largest first, each as a box with a margin."""
    import cv2

    high, wide = share.shape
    # A shirt as white as the snow behind it may be missing: what stands above one another belongs together
    bridge = np.ones((max(1, round(high * BRIDGE[1])), max(1, round(high * BRIDGE[0]))), np.uint8)
    joined = cv2.morphologyEx((share > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, bridge)
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    boxes = []
    for left, top, width, height, area in sorted(stats[1:count].tolist(), key=lambda row: -row[4]):
        if area >= SPECK * share.size:
            margin = MARGIN * max(width, height)
            x, y = max(0.0, left - margin), max(0.0, top - margin)
            boxes.append((x, y, min(wide, left + width + margin) - x, min(high, top + height + margin) - y))
    return boxes[:MOST_FIGURES]


def distinct(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """The figures without those that are one seen twice: a mask may fall into pieces, and each shows whose piece it is."""
    kept: list[Figure] = []
    for figure in figures:
        if all(_apart(figure, other) > SAME * _height(other) for other in kept):
            kept.append(figure)
    return tuple(kept)


def _apart(one: Figure, other: Figure) -> float:
    """How far two figures' common joints are from each other, the median, in fractions of the picture."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return float(np.median([math.dist(a, b) for a, b in pairs])) if pairs else math.inf


def _height(figure: Figure) -> float:
    heights = [point[1] for point in figure if point is not None]
    return max(heights) - min(heights)


def _openpose_order(points: list[Point]) -> Figure:
    if len(points) == len(JOINTS):
        return tuple(points)
    right, left = points[COCO[2] or 0], points[COCO[5] or 0]
    neck = ((right[0] + left[0]) / 2, (right[1] + left[1]) / 2) if right and left else None
    return tuple(neck if index is None else points[index] for index in COCO)


def load_pose(folder: Path) -> PoseSeer:
    """Load a pose model from a local folder: OpenPose's body network, or a VitPose of 18 or 17 joints.

    Raises PackMissing when the folder holds neither.
    """
    where = devices.device()
    if (folder / OPENPOSE).exists():
        return OpenPoseSeer(_openpose(folder / OPENPOSE, where))
    model: Any = VitPoseForPoseEstimation.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    if model.config.num_labels not in (17, len(JOINTS)):
        raise PackMissing(
            f"The pose model in {folder.name} finds {model.config.num_labels} joints; one of 18 or 17 is needed."
        )
    processor = VitPoseImageProcessor.from_pretrained(folder, local_files_only=True)
    return VitPoseSeer(model.to(where).eval(), processor)


def _openpose(weights: Path, where: torch.device) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux.open_pose.body import Body
        from controlnet_aux.open_pose.model import bodypose_model

    # Its own constructor opens a pickle with torch.load; only what follows that is wanted
    body = Body.__new__(Body)
    body.model = bodypose_model().eval()
    held = load_file(weights)
    # The published file names its layers plainly ("conv1_1"), the network by its stages ("model0.conv1_1")
    named = {
        name: held[plain if (plain := name.partition(".")[2]) in held else name] for name in body.model.state_dict()
    }
    body.model.load_state_dict(named)
    return body.to(where)
