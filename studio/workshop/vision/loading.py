"""Opens a model of transformers from a local folder, safetensors only; it never asks the network and runs no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from studio.domain.errors import PackMissing
from studio.packs.variants import variant_of
from studio.workshop.paint import device as devices


def local_model(kind: Any, folder: Path, *, half: bool = False) -> Any:
    """A model of this class in float32, ready to answer, on the worker's device; with `half` in fp16 where that is a GPU."""
    where = devices.device()
    dtype = devices.dtype(where) if half else torch.float32
    model: Any = kind.from_pretrained(
        folder, dtype=dtype, variant=variant_of(folder), local_files_only=True, use_safetensors=True
    )
    return model.to(where).eval()


def model_type(folder: Path) -> str:
    """What transformers calls the model of a folder: "clip", "siglip"; raises PackMissing when its config cannot be read."""
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackMissing(
            f"The config.json in {folder.name} cannot be read ({error}); install its pack again on the Shelf page."
        ) from error


def local_tokenizer(folder: Path) -> Any:
    """The tokenizer that lies beside a model."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
