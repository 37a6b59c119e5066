"""BLIP: a picture in words. It checks nothing and saves nothing."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import torch
from PIL import Image
from transformers import BlipForConditionalGeneration

from studio.workshop.vision.loading import local_model, local_tokenizer
from studio.workshop.vision.pixels import Preparation, read_preparation

BATCH = 8
LONGEST = 48  # tokens of a caption


class BlipCaptioner:
    """One BLIP, held in memory; safe to call from both lanes."""

    def __init__(self, model: Any, tokenizer: Any, preparation: Preparation, *, name: str) -> None:
        self.name = name
        self._model, self._tokenizer, self._preparation = model, tokenizer, preparation
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, pictures: list[Image.Image]) -> list[str]:
        """One caption for each picture."""
        captions: list[str] = []
        for start in range(0, len(pictures), BATCH):
            pixels = self._preparation(pictures[start : start + BATCH]).to(self._model.device)
            with self._lock:
                tokens = self._model.generate(pixel_values=pixels, max_new_tokens=LONGEST, num_beams=1, do_sample=False)
                captions += self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [caption.strip() for caption in captions]


def load_captioner(folder: Path, *, name: str, preparation: Path) -> BlipCaptioner:
    """Load a BLIP from a local folder; `preparation` is the folder of its preprocessor_config.json."""
    model = local_model(BlipForConditionalGeneration, folder)
    return BlipCaptioner(model, local_tokenizer(folder), read_preparation(preparation), name=name)
