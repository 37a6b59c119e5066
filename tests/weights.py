"""Small files of weights of every kind: tiny tensors under the names and the telling widths of the real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

Shapes = Mapping[str, tuple[int, ...]]
WIDTHS = {"sd1": 768, "sd2": 1024, "sdxl": 2048}


def write(path: Path, shapes: Shapes, *, notes: Mapping[str, str] | None = None, dtype: str = "float16") -> Path:
    """A safetensors file of zeros with these names and shapes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: np.zeros(shape, dtype) for name, shape in shapes.items()}, path, metadata=dict(notes or {}) or None
    )
    return path


def single_file(family: str, *, channels: int = 4) -> Shapes:
    """A painter in one file, in the original layout."""
    width = WIDTHS[family]
    block = "4.1" if family == "sdxl" else "1.1"
    text = {
        "sd1": "cond_stage_model.transformer.text_model.final_layer_norm.weight",
        "sd2": "cond_stage_model.model.ln_final.weight",
        "sdxl": "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
    }[family]
    unet = "model.diffusion_model."
    return {
        f"{unet}input_blocks.0.0.weight": (2, channels, 3, 3),
        f"{unet}input_blocks.{block}.transformer_blocks.0.attn2.to_k.weight": (2, width),
        f"{unet}out.2.weight": (4, 2, 3, 3),
        "first_stage_model.decoder.conv_in.weight": (2, 4, 3, 3),
        text: (2,),
    }


def unet(family: str, *, channels: int = 4) -> Shapes:
    """A UNet in diffusers' layout."""
    return {
        "conv_in.weight": (2, channels, 3, 3),
        "conv_out.weight": (4, 2, 3, 3),
        "time_embedding.linear_1.weight": (2, 2),
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (2, WIDTHS[family]),
    }


def control(family: str, *, layout: str = "diffusers", union: bool = False) -> Shapes:
    """A ControlNet in diffusers' or the original layout."""
    if layout == "original":
        return {
            "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (2, WIDTHS[family]),
            "control_model.input_hint_block.0.weight": (2, 3, 3, 3),
            "control_model.zero_convs.0.0.weight": (2, 2, 1, 1),
        }
    more: Shapes = {"task_embedding": (6, 2), "control_add_embedding.linear_1.weight": (2, 2)} if union else {}
    return {
        "conv_in.weight": (2, 4, 3, 3),
        "controlnet_cond_embedding.conv_in.weight": (2, 3, 3, 3),
        "controlnet_down_blocks.0.weight": (2, 2, 1, 1),
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (2, WIDTHS[family]),
        **more,
    }


def lora(family: str, *, layout: str = "kohya") -> Shapes:
    """A LoRA in A1111's layout (kohya), in diffusers' of today (peft), or in its older one."""
    width, rank = WIDTHS[family], 2
    if layout == "kohya":
        stem = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
        made = {f"{stem}.lora_down.weight": (rank, width), f"{stem}.lora_up.weight": (2, rank), f"{stem}.alpha": ()}
        text = "lora_te1_text_model" if family == "sdxl" else "lora_te_text_model"
        return {**made, f"{text}_encoder_layers_0_mlp_fc1.lora_down.weight": (rank, 2)}
    stem = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2"
    if layout == "peft":
        return {f"{stem}.to_k.lora_A.weight": (rank, width), f"{stem}.to_k.lora_B.weight": (2, rank)}
    return {
        f"{stem}.processor.to_k_lora.down.weight": (rank, width),
        f"{stem}.processor.to_k_lora.up.weight": (2, rank),
    }


def vae(*, layout: str = "diffusers", latents: int = 4) -> Shapes:
    """A VAE in diffusers' or the original layout."""
    block = "down_blocks.0.resnets.0.conv1" if layout == "diffusers" else "down.0.block.0.conv1"
    return {
        "decoder.conv_in.weight": (2, latents, 3, 3),
        "encoder.conv_in.weight": (2, 3, 3, 3),
        f"encoder.{block}.weight": (2, 2, 3, 3),
        "quant_conv.weight": (8, 8, 1, 1),
    }


def ip_adapter(family: str) -> Shapes:
    """An IP-Adapter."""
    return {"image_proj.proj.weight": (4, 2), "ip_adapter.1.to_k_ip.weight": (2, WIDTHS[family])}


CLIP: Shapes = {
    "text_model.embeddings.token_embedding.weight": (2, 2),
    "vision_model.embeddings.class_embedding": (2,),
    "logit_scale": (),
    "visual_projection.weight": (2, 2),
}
CHECKER: Shapes = {"concept_embeds": (17, 4), "special_care_embeds": (3, 4), "visual_projection.weight": (4, 4)}


def pipeline(folder: Path, family: str = "sd1", *, channels: int = 4) -> Path:
    """A whole painter in diffusers' layout, with a safety checker named and left out, as many are."""
    two = family == "sdxl"
    index = {
        "_class_name": "StableDiffusionXLPipeline" if two else "StableDiffusionPipeline",
        "_diffusers_version": "0.21.0",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": [None, None],
    }
    write(folder / "unet" / "diffusion_pytorch_model.safetensors", unet(family, channels=channels))
    write(folder / "vae" / "diffusion_pytorch_model.safetensors", vae())
    texts = ["text_encoder"]
    if two:
        index |= {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}
        index |= {"tokenizer_2": ["transformers", "CLIPTokenizer"]}
        texts.append("text_encoder_2")
    for name in texts:
        write(folder / name / "model.safetensors", {"text_model.encoder.layers.0.mlp.fc1.weight": (2, 2)})
    for name in ("unet", "vae", *texts):
        (folder / name / "config.json").write_text("{}")
    for name in ("tokenizer", "tokenizer_2") if two else ("tokenizer",):
        (folder / name).mkdir()
        (folder / name / "vocab.json").write_text("{}")
        (folder / name / "merges.txt").write_text("#version: 0.2\n")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
