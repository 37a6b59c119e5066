"""CLIP and SigLIP: pictures and words in one space, for search. It keeps no index and decides nothing."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel, SiglipModel

from studio.domain.errors import NotNumbers, PackMissing
from studio.workshop.vision.loading import local_model, local_tokenizer, model_type
from studio.workshop.vision.pixels import Preparation, read_preparation

BATCH = 32
# How each was taught to read: CLIP up to 77 tokens with a mask; SigLIP always 64, lower case, and no mask
# (https://huggingface.co/docs/transformers/model_doc/siglip2)
CLIP_LENGTH, SIGLIP_LENGTH = 77, 64
MODELS = {"clip": CLIPModel, "siglip": SiglipModel}


class ClipEncoder:
    """One CLIP or SigLIP, held in memory; safe to call from both lanes."""

    def __init__(self, model: Any, tokenizer: Any, preparation: Preparation, *, name: str) -> None:
        self.name = name
        self._siglip = model.config.model_type == "siglip"
        self._model, self._tokenizer, self._preparation = model, tokenizer, preparation
        self._lock = Lock()

    @torch.inference_mode()
    def pictures(self, pictures: list[Image.Image]) -> np.ndarray:
        """(n, d) float32, unit length."""
        parts = []
        for pixels in self._preparation.batches(pictures, BATCH):
            with self._lock:
                parts.append(self._model.get_image_features(pixel_values=pixels.to(self._model.device)).pooler_output)
        return _unit(torch.cat(parts))

    @torch.inference_mode()
    def words(self, texts: list[str]) -> np.ndarray:
        """(n, d) float32, unit length; texts are cut at the model's length."""
        with self._lock:
            return _unit(self._model.get_text_features(**self._read(texts)).pooler_output)

    def _read(self, texts: list[str]) -> dict[str, torch.Tensor]:
        length = SIGLIP_LENGTH if self._siglip else CLIP_LENGTH
        read = self._tokenizer(
            [text.lower() for text in texts] if self._siglip else texts,
            padding="max_length" if self._siglip else True,
            truncation=True,
            max_length=length,
            return_tensors="pt",
        ).to(self._model.device)
        names = ("input_ids",) if self._siglip else ("input_ids", "attention_mask")
        return {name: read[name] for name in names}


def _unit(vectors: torch.Tensor) -> np.ndarray:
    vectors = vectors.float()
    if not bool(torch.isfinite(vectors).all()):
        raise NotNumbers("The search model produced no numbers (NaN); verify its pack on the Shelf page.")
    unit: np.ndarray = torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
    return unit


def load_encoder(folder: Path, *, name: str, preparation: Path) -> ClipEncoder:
    """Load a CLIP or SigLIP from a local folder; `preparation` is the folder of its preprocessor_config.json.

    Raises PackMissing for any other model.
    """
    kind = model_type(folder)
    if kind not in MODELS:
        raise PackMissing(f"The encoder in {folder.name} is a {kind}; a CLIP or a SigLIP is needed.")
    model = local_model(MODELS[kind], folder)
    return ClipEncoder(model, local_tokenizer(folder), read_preparation(preparation), name=name)
