"""BLIP and BLIP-2, asked: a picture and a question become a few words. They check nothing and save nothing."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import torch
from PIL import Image
from transformers import Blip2ForConditionalGeneration, BlipForQuestionAnswering

from studio.domain.errors import PackMissing
from studio.workshop.vision.loading import local_model, local_tokenizer, model_type
from studio.workshop.vision.pixels import Preparation, read_preparation

LONGEST = 32  # tokens of an answer; BLIP was taught one to three words
ROOM = 64  # tokens of a question, where the model's own limit is not below that
MODELS = {"blip": BlipForQuestionAnswering, "blip-2": Blip2ForConditionalGeneration}
# How BLIP-2 was shown questions (Li et al. 2023, 4.2)
FREE = "Question: {} Answer:"


class BlipAnswerer:
    """One answerer, held in memory; safe to call from both lanes."""

    def __init__(self, model: Any, tokenizer: Any, preparation: Preparation, *, name: str) -> None:
        self.name = name
        self._model, self._tokenizer, self._preparation = model, tokenizer, preparation
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, picture: Image.Image, question: str) -> str:
        """What the model says to a question about an RGB picture; a question that is too long is cut at its end."""
        model = self._model
        pixels = self._preparation([picture]).to(model.device, model.dtype)
        with self._lock:
            tokens, given = self._read(question)
            ids = torch.tensor([tokens], device=model.device)
            said = model.generate(
                input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids), max_new_tokens=LONGEST,
                num_beams=1, do_sample=False,
            )  # fmt: skip
            return str(self._tokenizer.decode(said[0, given:].tolist(), skip_special_tokens=True)).strip()

    def _read(self, question: str) -> tuple[list[int], int]:
        """The question as tokens, and how many tokens of what comes back are only repeated."""
        config = self._model.config
        places = getattr(config.text_config, "max_position_embeddings", ROOM)
        if config.model_type != "blip-2":
            return self._tokenizer(question, truncation=True, max_length=min(ROOM, places)).input_ids, 0
        seen = [config.image_token_index] * config.num_query_tokens
        room = max(1, min(ROOM, places - LONGEST - len(seen)))
        cut = self._tokenizer(question, truncation=True, max_length=room, add_special_tokens=False).input_ids
        text = FREE.format(self._tokenizer.decode(cut, skip_special_tokens=True).strip())
        tokens = [*seen, *self._tokenizer(text).input_ids]
        # A model that reads and writes apart, such as T5, gives only what it wrote
        return tokens, 0 if config.text_config.is_encoder_decoder else len(tokens)


def load_answerer(folder: Path, *, name: str, preparation: Path) -> BlipAnswerer:
    """Load a BLIP that was taught questions, or a BLIP-2, from a local folder; `preparation` as for captioners.

    Raises PackMissing for any other model.
    """
    kind = model_type(folder)
    if kind not in MODELS:
        raise PackMissing(f"The answerer in {folder.name} is a {kind}; a BLIP or a BLIP-2 is needed.")
    model = local_model(MODELS[kind], folder, half=kind == "blip-2")
    return BlipAnswerer(model, local_tokenizer(folder), read_preparation(preparation), name=name)
