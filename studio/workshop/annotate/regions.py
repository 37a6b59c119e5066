"""Regions of a picture: where words are true (CLIPSeg), and what everything is (semantic segmentation, ADE20K's colours)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoModelForSemanticSegmentation,
    CLIPSegForImageSegmentation,
    CLIPSegProcessor,
)

from studio.domain.errors import NotNumbers
from studio.workshop.paint import device as devices

SPECK = 0.004  # of the picture: smaller patches are dropped


class WordSeer:
    """A CLIPSeg, held in memory; safe to call from both lanes."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, picture: Image.Image, words: str) -> np.ndarray:
        """Where the words are true in an RGB picture, (H, W) float32 of 0 to 1. Raises NotNumbers."""
        with self._lock:
            batch = self._processor(text=[words], images=[picture], padding=True, truncation=True, return_tensors="pt")
            logits = self._model(**batch.to(self._model.device)).logits
        level = logits.reshape(1, 1, *logits.shape[-2:]).float().sigmoid()
        if not bool(torch.isfinite(level).all()):
            raise NotNumbers("The model that finds things by words produced no numbers (NaN); verify its pack.")
        high, wide = picture.height, picture.width
        share: np.ndarray = (
            torch.nn.functional.interpolate(level, size=(high, wide), mode="bicubic")[0, 0].clamp(0, 1).cpu().numpy()
        )
        return share


def selected(share: np.ndarray) -> np.ndarray:
    """A clean mask from shares (H, W) of 0 to 1: (H, W) bool, without specks and pinholes."""
    import cv2

    mask = (share > 0.5).astype(np.uint8)
    for value in (1, 0):  # specks first, then holes
        count, labels, stats, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8), connectivity=4)
        small = [index for index in range(1, count) if stats[index, cv2.CC_STAT_AREA] < SPECK * mask.size]
        mask[np.isin(labels, small)] = 1 - value
    return mask.astype(bool)


class RegionSeer:
    """A semantic segmentation of ADE20K's 150 kinds of things, in the colours that ControlNets were trained on."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, picture: Image.Image) -> np.ndarray:
        """The kind of every pixel, (H, W) int, for an RGB picture."""
        with self._lock:
            told = self._model(**self._processor(images=[picture], return_tensors="pt").to(self._model.device))
        sizes = [(picture.height, picture.width)]
        (kinds,) = self._processor.post_process_semantic_segmentation(told, target_sizes=sizes)
        found: np.ndarray = kinds.cpu().numpy()
        return found


def segmentation(picture: Image.Image, _parameters: Mapping[str, float], seer: RegionSeer) -> Image.Image:
    """The regions of a picture, each in its kind's colour."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux.util import ade_palette

    colours = np.asarray(ade_palette(), dtype=np.uint8)
    return Image.fromarray(colours[seer(picture) % len(colours)])


def load_words(folder: Path) -> WordSeer:
    """Load a CLIPSeg from a local folder, safetensors only."""
    model: Any = CLIPSegForImageSegmentation.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return WordSeer(model.to(devices.device()).eval(), CLIPSegProcessor.from_pretrained(folder, local_files_only=True))


def load_regions(folder: Path) -> RegionSeer:
    """Load a semantic segmentation model of transformers from a local folder, safetensors only."""
    model: Any = AutoModelForSemanticSegmentation.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return RegionSeer(model.to(devices.device()).eval(), processor)
