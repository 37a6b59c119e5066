"""CLIP: pictures and words in one space, for search. It keeps no index and decides nothing."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel

from studio.domain.errors import NotNumbers
from studio.workshop.vision.loading import local_model, local_tokenizer
from studio.workshop.vision.pixels import Preparation, read_preparation

BATCH = 32


class ClipEncoder:
    """One CLIP, held in memory; safe to call from both lanes."""

    def __init__(self, model: Any, tokenizer: Any, preparation: Preparation, *, name: str) -> None:
        self.name = name
        self._model, self._tokenizer, self._preparation = model, tokenizer, preparation
        self._lock = Lock()

    @torch.inference_mode()
    def pictures(self, pictures: list[Image.Image]) -> np.ndarray:
        """(n, d) float32, unit length."""
        parts = []
        for start in range(0, len(pictures), BATCH):
            pixels = self._preparation(pictures[start : start + BATCH])
            with self._lock:
                parts.append(self._model.get_image_features(pixel_values=pixels.to(self._model.device)).pooler_output)
        return _unit(torch.cat(parts))

    @torch.inference_mode()
    def words(self, texts: list[str]) -> np.ndarray:
        """(n, d) float32, unit length; texts are cut at the model's length."""
        with self._lock:
            tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=77, return_tensors="pt")
            return _unit(self._model.get_text_features(**tokens.to(self._model.device)).pooler_output)


def _unit(vectors: torch.Tensor) -> np.ndarray:
    vectors = vectors.float()
    if not bool(torch.isfinite(vectors).all()):
        raise NotNumbers("The search model produced no numbers (NaN); verify its pack on the Shelf page.")
    unit: np.ndarray = torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
    return unit


def load_encoder(folder: Path, *, name: str, preparation: Path) -> ClipEncoder:
    """Load a CLIP from a local folder; `preparation` is the folder of its preprocessor_config.json."""
    model = local_model(CLIPModel, folder)
    return ClipEncoder(model, local_tokenizer(folder), read_preparation(preparation), name=name)
