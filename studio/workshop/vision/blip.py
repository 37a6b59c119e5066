"""BLIP, BLIP-2 and GIT: a picture in words. They check nothing and save nothing."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import torch
from PIL import Image
from transformers import Blip2ForConditionalGeneration, BlipForConditionalGeneration, GitForCausalLM

from studio.domain.errors import PackMissing
from studio.workshop.vision.loading import local_model, local_tokenizer, model_type
from studio.workshop.vision.pixels import Preparation, read_preparation

BATCH = 8
LONGEST = 48  # tokens of a caption
MODELS = {"blip": BlipForConditionalGeneration, "blip-2": Blip2ForConditionalGeneration, "git": GitForCausalLM}


class BlipCaptioner:
    """One captioner, held in memory; safe to call from both lanes."""

    def __init__(self, model: Any, tokenizer: Any, preparation: Preparation, *, name: str) -> None:
        self.name = name
        self._model, self._tokenizer, self._preparation = model, tokenizer, preparation
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, pictures: list[Image.Image]) -> list[str]:
        """One caption for each picture."""
        captions: list[str] = []
        for prepared in self._preparation.batches(pictures, BATCH):
            pixels = prepared.to(self._model.device, self._model.dtype)
            with self._lock:
                tokens = self._model.generate(pixel_values=pixels, max_new_tokens=LONGEST, num_beams=1, do_sample=False)
                # BLIP-2 answers with the places of the picture first
                place = getattr(self._model.config, "image_token_id", None)
                tokens = [[token for token in row if token != place] for row in tokens.tolist()]
                captions += self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [caption.strip() for caption in captions]


def load_captioner(folder: Path, *, name: str, preparation: Path) -> BlipCaptioner:
    """Load a BLIP, BLIP-2 or GIT from a local folder; `preparation` is the folder of its preprocessor_config.json.

    Raises PackMissing for any other model.
    """
    kind = model_type(folder)
    if kind not in MODELS:
        raise PackMissing(f"The captioner in {folder.name} is a {kind}; a BLIP, a BLIP-2 or a GIT is needed.")
    model = local_model(MODELS[kind], folder, half=kind == "blip-2")
    return BlipCaptioner(model, local_tokenizer(folder), read_preparation(preparation), name=name)
