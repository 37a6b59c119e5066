"""From a prompt to the states that guide a painter, cut at the model's 77 tokens as CLIP does; the page marks what is cut."""

from __future__ import annotations

from typing import Any

import torch


def encode(texts: list[str], *, tokenizer: Any, text_encoder: Any) -> torch.Tensor:
    """(n, 77, d) hidden states of n prompts, padded and cut to the tokenizer's length."""
    tokens = tokenizer(
        texts, padding="max_length", truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt"
    )
    device = next(text_encoder.parameters()).device
    states: torch.Tensor = text_encoder(tokens.input_ids.to(device))[0]
    return states
