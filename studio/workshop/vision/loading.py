"""Opens a model of transformers from a local folder, safetensors only; it never asks the network and runs no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from studio.workshop.paint import device as devices


def local_model(kind: Any, folder: Path) -> Any:
    """A model of this class in float32, ready to answer, on the worker's device."""
    model: Any = kind.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)
    return model.to(devices.device()).eval()


def local_tokenizer(folder: Path) -> Any:
    """The tokenizer that lies beside a model."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
