"""A second checker of another kind: a picture classifier with a label for what is forbidden. It only measures."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import torch
from PIL import Image
from transformers import ViTForImageClassification

from studio.workshop.vision.loading import local_model
from studio.workshop.vision.pixels import Preparation, read_preparation
from studio.workshop.vision.provoking import provoke

BATCH = 16
LIMIT = 0.5  # of the probability
FORBIDDEN = ("nsfw", "porn", "hentai", "explicit", "sexual", "nude", "unsafe")  # what such labels are called


class ClassifierChecker:
    """A ViT classifier; each forbidden label is a concept, its score the label's probability minus LIMIT."""

    def __init__(self, model: Any, preparation: Preparation, *, labels: dict[int, str], name: str) -> None:
        self.name = name
        self._model, self._preparation, self._labels = model, preparation, labels
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        """For each picture: label -> probability minus LIMIT."""
        scores: list[dict[str, float]] = []
        for pixels in self._preparation.batches(pictures, BATCH):
            with self._lock:
                logits = self._model(pixel_values=pixels.to(self._model.device)).logits
                rows = (logits.float().softmax(dim=1) - LIMIT).tolist()
            scores += [{name: row[index] for index, name in self._labels.items()} for row in rows]
        return scores

    def provoked(self) -> Image.Image:
        """A picture that it forbids, for its self-test; raises ValueError when it can forbid nothing."""

        def score(pixels: torch.Tensor) -> torch.Tensor:
            shares = self._model(pixel_values=pixels).logits.float().softmax(dim=1)[0] - LIMIT
            return shares[list(self._labels)].max()

        with self._lock:
            return provoke(score, self._preparation, device=self._model.device)


def load_classifier(folder: Path, *, name: str, preparation: Path) -> ClassifierChecker:
    """Load a ViT classifier from a local folder, safetensors only; raises ValueError when no label of it is forbidden."""
    model = local_model(ViTForImageClassification, folder)
    named = {int(index): str(label) for index, label in model.config.id2label.items()}
    labels = {index: label for index, label in named.items() if any(mark in label.lower() for mark in FORBIDDEN)}
    if not labels or len(labels) == len(named):
        raise ValueError(f"its labels ({', '.join(named.values())}) do not say what is forbidden")
    return ClassifierChecker(model, read_preparation(preparation), labels=labels, name=name)
