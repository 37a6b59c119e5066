"""Loads painters and ControlNets from local folders and files, safetensors only; nothing of a folder is ever executed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch

from studio.domain.errors import PackMissing
from studio.packs.header import BadWeights, read_header
from studio.packs.variants import variant_of, weights_of
from studio.packs.weights import precision_of
from studio.workshop.paint import device as devices
from studio.workshop.paint.painter import StablePainter
from studio.workshop.paint.single import config_of, load_single, scheduler_config
from studio.workshop.ports import Controls, Parts

# The pipelines whose parts the painter walks through itself -> which of the two kinds they are. A folder's own word is looked
# up here and nowhere else: it never names what is imported.
_KINDS = {
    "StableDiffusionPipeline": "StableDiffusionPipeline",
    "StableDiffusionInpaintPipeline": "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline": "StableDiffusionPipeline",
    "LatentConsistencyModelPipeline": "StableDiffusionPipeline",
    "StableDiffusionXLPipeline": "StableDiffusionXLPipeline",
    "StableDiffusionXLInpaintPipeline": "StableDiffusionXLPipeline",
    "StableDiffusionXLImg2ImgPipeline": "StableDiffusionXLPipeline",
}
_CONTROLS = {"ControlNetModel": "ControlNetModel", "ControlNetUnionModel": "ControlNetUnionModel"}


def load_painter(
    place: Path,
    *,
    find_controls: Controls | None = None,
    find_parts: Parts | None = None,
    find_preview: Callable[[], Path | None] | None = None,
    family: str = "",
    vae: Path | None = None,
    tokenizers: Path | None = None,
    config: Path | None = None,
) -> StablePainter:
    """Load a pipeline from a folder in diffusers' layout or from one file into RAM; raises PackMissing for what holds none.

    `vae` is another one's folder, for packs whose own overflows in half precision. For a single file, `tokenizers` is the
    folder of a pack of its family and `config` a folder of configs, by default those that ship for its family.
    """
    where = devices.device()
    usual = devices.dtype(where, kept=_kept(place))
    if place.is_file():
        config = config or config_of(place)
        pipe = load_single(place, config=config, tokenizers=tokenizers, dtype=usual)
        times = scheduler_config(place, config)
    else:
        pipe = _folder(place, usual)
        times = _json(place / "scheduler" / "scheduler_config.json")
    if vae is not None and usual != torch.float32:
        pipe.vae = diffusers.AutoencoderKL.from_pretrained(
            str(vae), dtype=usual, variant=variant_of(vae), local_files_only=True, use_safetensors=True
        )
    overflows = hasattr(pipe, "tokenizer_2") and bool(pipe.vae.config.force_upcast)
    pipe.vae.to(dtype=devices.vae_dtype(usual, overflows=overflows))
    pipe.set_progress_bar_config(disable=True)
    return StablePainter(
        pipe,
        config=times,
        where=where,
        find_controls=find_controls,
        find_parts=find_parts,
        find_preview=find_preview,
        long_prompts=family != "storybook",
    )


def _kept(place: Path) -> str:
    """The precision that the painter's weights are kept in, as their header says: "fp16", "bf16" and so on; "" if unknown."""
    file = place if place.is_file() else next(iter(weights_of(place / "unet")), None)
    try:
        return "" if file is None else precision_of(read_header(file))
    except (OSError, ValueError, BadWeights):
        return ""  # what is wrong with it is said when it is loaded


def _folder(place: Path, usual: torch.dtype) -> Any:
    index = _json(place / "model_index.json")
    kind = _KINDS.get(str(index.get("_class_name")))
    if kind is None:
        raise PackMissing(
            f"The folder {place.name} holds a {index.get('_class_name')}, which this studio cannot paint with; choose a pack"
            " of Stable Diffusion 1, 2 or XL."
        )
    more: dict[str, Any] = {"add_watermarker": False}
    if kind == "StableDiffusionPipeline":
        # The pipeline's own checker fails open; the gate calls the checker itself
        more = {"safety_checker": None, "requires_safety_checker": False}
    with warnings.catch_warnings():
        # It wants another steps_offset and sets it; the schedulers here are made from the pack's own file instead
        warnings.filterwarnings("ignore", message="(?s).*steps_offset", category=FutureWarning)
        return getattr(diffusers, kind).from_pretrained(
            str(place),
            dtype=usual,
            feature_extractor=None,
            image_encoder=None,
            variant=variant_of(place),
            local_files_only=True,
            use_safetensors=True,
            **more,
        )


def load_control(folder: Path) -> Any:
    """Load a ControlNet, or a union of them, from a local folder in diffusers' layout."""
    where = devices.device()
    name = str(_json(folder / "config.json").get("_class_name"))
    if name not in _CONTROLS:
        raise PackMissing(f"The folder {folder.name} holds a {name} where a ControlNet should be; install it again.")
    net = getattr(diffusers, _CONTROLS[name]).from_pretrained(
        str(folder),
        dtype=devices.dtype(where),
        variant=variant_of(folder),
        local_files_only=True,
        use_safetensors=True,
    )
    order = devices.order(where, weights=devices.bytes_of(net))
    return net.to(where).to(memory_format=order).eval()


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackMissing(
            f"{path.parent.name}/{path.name} cannot be read ({error}); install the pack again."
        ) from error
    return read if isinstance(read, dict) else {}
