"""Painters in one file, as other studios keep them: loaded with configs that ship with us. It contacts nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from studio.domain.errors import PackMissing
from studio.packs.header import read_header
from studio.packs.manifest import FAMILIES
from studio.packs.weights import describe
from studio.places import ASSETS

CONFIGS = ASSETS / "configs"
INPAINTING = 9  # what a UNet for inpainting takes


def config_of(file: Path) -> Path:
    """The folder of configs for a file, by its header; raises PackMissing for one that is no painter of a known family."""
    found = describe(file)
    if found.why_not or found.kind != "painter" or found.family not in ("sd1", "sd2", "sdxl"):
        raise PackMissing(
            found.why_not or f"{file.name} holds no painter of a family that this studio knows; choose another."
        )
    return CONFIGS / (found.family + ("-inpainting" if found.channels == INPAINTING else ""))


def scheduler_config(file: Path, config: Path) -> dict[str, Any]:
    """The family's scheduler config, and what the file says otherwise.

    Files say "v_pred" and "ztsnr" by empty tensors of those names. Of Stable Diffusion 2 the models for 768 pixels predict v
    and those for 512 noise, which no tensor tells: only files named 512, base or turbo are taken for the latter.
    """
    made: dict[str, Any] = json.loads((config / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    tensors = read_header(file).tensors
    larger = config.name == "sd2" and not any(word in file.stem.lower() for word in ("512", "base", "turbo"))
    if "v_pred" in tensors or larger:
        made["prediction_type"] = "v_prediction"
    if "ztsnr" in tensors:
        made["rescale_betas_zero_snr"] = True
    return made


def load_single(file: Path, *, config: Path, tokenizers: Path | None, dtype: torch.dtype) -> Any:
    """A pipeline of one safetensors file; `tokenizers` is the folder of a pack of the family, whose vocabulary is read.

    Raises PackMissing when there is none: the vocabulary is in no such file.
    """
    import diffusers
    from transformers import CLIPTokenizer

    index = json.loads((config / "model_index.json").read_text(encoding="utf-8"))
    names = [name for name in ("tokenizer", "tokenizer_2") if name in index]
    family = FAMILIES.get(config.name.split("-")[0], "its family")
    if tokenizers is None or not all((tokenizers / name).is_dir() for name in names):
        raise PackMissing(
            f"{file.name} is a single file, and such files lack the vocabulary that reads prompts. Install any pack of {family}"
            " in folders on the Shelf page (its vocabulary is enough); then this one works as well."
        )
    read = {name: CLIPTokenizer.from_pretrained(str(tokenizers / name), local_files_only=True) for name in names}
    more: dict[str, Any] = {"add_watermarker": False}
    kind: Any = diffusers.StableDiffusionXLPipeline
    if "tokenizer_2" not in names:
        kind = diffusers.StableDiffusionPipeline
        more = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    try:
        return kind.from_single_file(str(file), config=str(config), local_files_only=True, dtype=dtype, **read, **more)
    except Exception as error:  # diffusers raises whatever it stumbles upon
        raise PackMissing(
            f"{file.name} cannot be loaded as a painter of {family} ({str(error).strip()[:200] or type(error).__name__});"
            " it may be incomplete. Verify it on the Shelf page, or bring it again."
        ) from error
