"""Networks of exactly the published geometry with random weights, what they are as a pipeline, and how much work they do.

Speed does not depend on the values of weights, so none are downloaded. Nothing is measured here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from studio.workshop import heavy  # noqa: E402

heavy.prepare()  # every side gets the thread settings of the worker

import diffusers  # noqa: E402
import torch  # noqa: E402
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer  # noqa: E402

SAMPLER = {"DDIMScheduler": "ddim", "EulerDiscreteScheduler": "euler"}
# For a quick look at whether the script works: the same families, hardly any weights
_TINY_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 3}
TINY: dict[str, dict[str, dict[str, Any]]] = {
    "sd1": {
        "unet": {
            "block_out_channels": [32, 32, 64, 64], "attention_head_dim": 4, "cross_attention_dim": 32, "layers_per_block": 1,
        },
        "vae": {"block_out_channels": [32, 32, 32, 32], "layers_per_block": 1},
        "text_encoder": _TINY_TEXT,
    },
    "sdxl": {
        "unet": {
            "block_out_channels": [32, 32, 64], "attention_head_dim": [2, 2, 4], "cross_attention_dim": 96,
            "layers_per_block": 1, "transformer_layers_per_block": [1, 1, 2],
            "projection_class_embeddings_input_dim": 48 + 6 * 256,
        },
        "vae": {"block_out_channels": [32, 32, 32, 32], "layers_per_block": 1},
        "text_encoder": _TINY_TEXT,
        "text_encoder_2": {**_TINY_TEXT, "hidden_size": 64, "projection_dim": 48},
    },
}  # fmt: skip
# The layers that the published LoRA of latent consistency changes, and its rank
LCM_RANK = 64
LCM_LAYERS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
    "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj",
)  # fmt: skip


def config(family: str, part: str, geometry: str) -> dict[str, Any]:
    """The published config of a part, or a tiny one of the same make."""
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    read: dict[str, Any] = json.loads((ROOT / "assets/configs" / family / part / name).read_text(encoding="utf-8"))
    return {**read, **(TINY[family].get(part, {}) if geometry == "tiny" else {})}


def networks(family: str, geometry: str, where: torch.device, kind: torch.dtype, *, control: bool) -> dict[str, Any]:
    """The parts of a pipeline with random weights, straight on the device; `controlnet` among them when asked for."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        with where:
            parts: dict[str, Any] = {
                "unet": diffusers.UNet2DConditionModel.from_config(config(family, "unet", geometry)),
                "vae": diffusers.AutoencoderKL.from_config(config(family, "vae", geometry)),
                "text_encoder": CLIPTextModel(CLIPTextConfig(**config(family, "text_encoder", geometry))),
            }
            if family == "sdxl":
                parts["text_encoder_2"] = CLIPTextModelWithProjection(
                    CLIPTextConfig(**config(family, "text_encoder_2", geometry))
                )
            if control:
                parts["controlnet"] = diffusers.ControlNetModel.from_unet(parts["unet"])
    finally:
        torch.set_default_dtype(usual)
    return {name: part.to(where, kind).eval() for name, part in parts.items()}


def pipeline(family: str, geometry: str, parts: dict[str, Any]) -> Any:
    """diffusers' own pipeline of these parts, as it comes."""
    tokenizer = partial(CLIPTokenizer.from_pretrained, ROOT / "assets/storybook/tokenizer", local_files_only=True)
    scheduler = config(family, "scheduler", geometry)
    more: dict[str, Any] = {
        "tokenizer": tokenizer(),
        "scheduler": getattr(diffusers, scheduler["_class_name"]).from_config(scheduler),
    }
    name = (
        "StableDiffusion"
        + ("XL" if family == "sdxl" else "")
        + ("ControlNet" if "controlnet" in parts else "")
        + "Pipeline"
    )
    if family == "sdxl":
        more |= {"tokenizer_2": tokenizer(), "add_watermarker": False}
    else:
        more |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    made = getattr(diffusers, name)(**parts, **more)
    made.set_progress_bar_config(disable=True)
    return made


def bytes_of(parts: dict[str, Any]) -> int:
    return sum(
        tensor.numel() * tensor.element_size() for part in parts.values() for tensor in part.state_dict().values()
    )


def work(family: str, geometry: str, size: int, steps: int, *, control: bool) -> float:
    """Operations of a guided picture: UNet and ControlNet twice a step, and one decoding; counted without computing."""
    from torch.utils.flop_counter import FlopCounterMode

    def counted(call: Callable[[], object]) -> int:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            call()
        return int(counter.get_total_flops())

    meta = torch.device("meta")
    parts = networks(family, geometry, meta, torch.float32, control=control)
    side = size // 8
    with meta:
        latents, time_at = torch.empty(1, 4, side, side), torch.empty(1)
        said = torch.empty(1, 77, parts["unet"].config.cross_attention_dim)
        more = {}
        if family == "sdxl":
            pooled = parts["unet"].config.projection_class_embeddings_input_dim - 6 * 256
            more = {"added_cond_kwargs": {"text_embeds": torch.empty(1, pooled), "time_ids": torch.empty(1, 6)}}
        step = counted(lambda: parts["unet"](latents, time_at, said, **more))
        if control:
            shown = torch.empty(1, 3, size, size)
            step += counted(lambda: parts["controlnet"](latents, time_at, said, shown, **more))
        return 2.0 * step * steps + counted(lambda: parts["vae"].decode(latents))


def low_steps(unet: Any, file: Path) -> Path:
    """A LoRA like the published one for few steps (latent-consistency/lcm-lora-sdv1-5, rank 64), random, as one file."""
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    for name, layer in _low_step_layers(unet).items():
        out, inner, *kernel = layer.weight.shape
        tensors[f"unet.{name}.lora_A.weight"] = torch.randn(LCM_RANK, inner, *kernel).half() * 0.01
        tensors[f"unet.{name}.lora_B.weight"] = torch.randn(out, LCM_RANK, *(1 for _ in kernel)).half() * 0.01
    save_file(tensors, file)
    return file


def low_step_shapes(unet: Any) -> dict[str, tuple[int, int]]:
    """What that LoRA holds: layer -> (rank, weights for each of it), without making any."""
    layers = _low_step_layers(unet).items()
    return {name: (LCM_RANK, layer.weight[0].numel() + layer.weight.shape[0]) for name, layer in layers}


def _low_step_layers(unet: Any) -> dict[str, Any]:
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    return {name: one for name, one in unet.named_modules() if name.endswith(LCM_LAYERS) and isinstance(one, kinds)}


def wait(where: torch.device) -> None:
    """Until the device has done all that it was told."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    elif where.type == "mps":
        torch.mps.synchronize()
