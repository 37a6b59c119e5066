"""Tiny random models of every family that packs are made of, built in memory and saved in the layouts people have them in."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from studio.places import ASSETS

SIZE = 64  # pixels a side: 8 by 8 latents
# Family -> width of the states that its UNet reads: what the first text encoder gives, and the second
FAMILIES = ("sd1", "sd1-inpainting", "sd2", "sdxl", "sdxl-inpainting", "sdxl-turbo", "lcm")
_WORDS, _WORDS_2, _POOLED, _TIMES = 32, 64, 48, 8
_BASE = {  # scheduler_config.json of Stable Diffusion 1.5
    "_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
    "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
    "clip_sample": False,
}  # fmt: skip
_SCHEDULERS = {
    "sd2": {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"},
    "sdxl": {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading", "interpolation_type": "linear"},
    "sdxl-turbo": {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"},
    "lcm": {"_class_name": "LCMScheduler", "original_inference_steps": 50},
}


@cache
def pipe(family: str) -> Any:
    """A pipeline of diffusers with random weights, float32, always the same for one family. Do not change it."""
    import diffusers
    import torch

    torch.manual_seed(FAMILIES.index(family))
    large = family.startswith("sdxl")
    parts: dict[str, Any] = {
        "vae": _vae(),
        "unet": _unet(family),
        "tokenizer": tokenizer(),
        "text_encoder": _text(_WORDS, layers=3, act="gelu" if family == "sd2" else "quick_gelu"),
        "scheduler": _scheduler(family),
    }
    if large:
        parts |= {"tokenizer_2": tokenizer(pad="!"), "text_encoder_2": _text(_WORDS_2, layers=4, projection=_POOLED)}
        made = diffusers.StableDiffusionXLPipeline(**parts, force_zeros_for_empty_prompt=True, add_watermarker=False)
    else:
        parts |= {"safety_checker": None, "feature_extractor": None}
        made = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def folder(family: str, root: Path) -> Path:
    """The family's pipeline as a folder in diffusers' layout; written once for each root."""
    place = root / family
    if not place.exists():
        pipe(family).save_pretrained(place)
        # As it was published: diffusers writes only what its own class of scheduler knows
        text = json.dumps(scheduler_config(family), indent=2)
        (place / "scheduler" / "scheduler_config.json").write_text(text, encoding="utf-8")
    return place


def scheduler_config(family: str) -> dict[str, Any]:
    """What stands in the family's scheduler_config.json."""
    return {**_BASE, **_SCHEDULERS.get(family.removesuffix("-inpainting"), {})}


def single(family: str, path: Path) -> Path:
    """The family's pipeline as one file in the layout of its first publication."""
    made, pipeline = {}, pipe(family)
    layers = pipeline.unet.config.layers_per_block
    tensors = pipeline.unet.state_dict()
    attends = {name.split(".")[1] for name in tensors if name.startswith("up_blocks.") and ".attentions." in name}
    for name, tensor in tensors.items():
        made[f"model.diffusion_model.{_unet_key(name, layers, attends)}"] = tensor
    for name, tensor in pipeline.vae.state_dict().items():
        made[f"first_stage_model.{_vae_key(name)}"] = _square(_vae_key(name), tensor)
    large = family.startswith("sdxl")
    first = "conditioner.embedders.0.transformer" if large else "cond_stage_model.transformer"
    for name, tensor in pipeline.text_encoder.state_dict().items():
        made[f"{first}.text_model.{name.removeprefix('text_model.')}"] = tensor
    if large:
        made |= _open_clip(pipeline.text_encoder_2.state_dict(), "conditioner.embedders.1.model.")
    return saved({name: tensor.clone() for name, tensor in made.items()}, path)


def tokenizer(pad: str = "<|endoftext|>") -> Any:
    """The starter pack's tokenizer: 1,109 entries, and CLIP's way of splitting."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(ASSETS / "storybook" / "tokenizer", pad_token=pad)


def control(family: str, *, seed: int = 7) -> Any:
    """A ControlNet of the family ("sd1", "sd2" or "sdxl") that has learned something, if nothing useful."""
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(pipe(family).unet, conditioning_embedding_out_channels=(8, 8, 16, 16)).eval()
    return _pushing(net)


def union(*, seed: int = 8) -> Any:
    """The ControlNet of SDXL that follows six kinds of maps with one set of weights."""
    import torch
    from diffusers import ControlNetUnionModel

    torch.manual_seed(seed)
    config = pipe("sdxl").unet.config
    names = (
        "in_channels", "down_block_types", "block_out_channels", "layers_per_block", "cross_attention_dim",
        "transformer_layers_per_block", "attention_head_dim", "use_linear_projection", "addition_embed_type",
        "addition_time_embed_dim", "projection_class_embeddings_input_dim", "norm_num_groups",
    )  # fmt: skip
    net = ControlNetUnionModel(
        **{name: config[name] for name in names},
        conditioning_embedding_out_channels=(8, 8, 16, 16),
        num_trans_channel=config.block_out_channels[0],
        num_proj_channel=config.block_out_channels[0],
    ).eval()
    torch.nn.init.normal_(net.spatial_ch_projs.weight, std=0.05)
    return _pushing(net)


def lora(family: str, *, layout: str = "diffusers", seed: int = 9, rank: int = 2) -> dict[str, Any]:
    """The tensors of a LoRA for UNet and text encoders, with the keys of diffusers (PEFT) or of kohya's trainer ("a1111")."""
    import torch

    made, pipeline = {}, pipe(family)
    generator = torch.Generator().manual_seed(seed)
    encoders = {"text_encoder": ("text_encoder", "lora_te" if family != "sdxl" else "lora_te1")}
    if family == "sdxl":
        encoders["text_encoder_2"] = ("text_encoder_2", "lora_te2")
    for part, (prefix, short) in {"unet": ("unet", "lora_unet"), **encoders}.items():
        targets = ("to_q", "to_k", "to_v", "to_out.0") if part == "unet" else ("q_proj", "k_proj", "v_proj", "out_proj")
        for place, layer in getattr(pipeline, part).named_modules():
            if not place.endswith(targets):
                continue
            # Both layouts were fixed when the text encoder's layers lay below "text_model"
            name = place if part == "unet" else f"text_model.{place.removeprefix('text_model.')}"
            down = torch.randn(rank, layer.in_features, generator=generator) * 0.3
            up = torch.randn(layer.out_features, rank, generator=generator) * 0.3
            if layout == "diffusers":
                made[f"{prefix}.{name}.lora_A.weight"], made[f"{prefix}.{name}.lora_B.weight"] = down, up
            else:
                key = f"{short}_{name.replace('.', '_')}"
                made[f"{key}.lora_down.weight"], made[f"{key}.lora_up.weight"] = down, up
                made[f"{key}.alpha"] = torch.tensor(float(rank))
    return made


def adapter(family: str, *, seed: int = 10, tokens: int = 4) -> dict[str, Any]:
    """The tensors of an IP-Adapter, with the keys of its authors' files; it reads what `picture_reader` gives."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    unet = pipe(family).unet
    width = unet.config.cross_attention_dim
    made = {
        "image_proj.proj.weight": torch.randn(tokens * width, 24, generator=generator) * 0.3,
        "image_proj.proj.bias": torch.zeros(tokens * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    number = 1
    for name in unet.attn_processors:
        if "attn2" in name:
            layer = unet.get_submodule(name.removesuffix(".processor"))
            for part in ("k", "v"):
                shape = getattr(layer, f"to_{part}").weight.shape
                made[f"ip_adapter.{number}.to_{part}_ip.weight"] = torch.randn(shape, generator=generator) * 0.3
            number += 2
    return made


def picture_reader(*, seed: int = 11) -> Any:
    """The CLIP that reads an IP-Adapter's reference picture."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=16,
        projection_dim=24,
    )  # fmt: skip
    return CLIPVisionModelWithProjection(config).eval()


def embedding(family: str, *, vectors: int = 2, seed: int = 12) -> dict[str, Any]:
    """The tensors of a textual inversion, with the keys of A1111's files."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    if family == "sdxl":
        widths = {"clip_l": _WORDS, "clip_g": _WORDS_2}
        return {name: torch.randn(vectors, width, generator=generator) for name, width in widths.items()}
    return {"emb_params": torch.randn(vectors, _WORDS, generator=generator)}


def vae(*, seed: int = 13) -> Any:
    """Another VAE of the usual kind."""
    import torch

    torch.manual_seed(seed)
    return _vae()


def tiny_vae(*, seed: int = 14) -> Any:
    """A VAE of the kind that previews are decoded with."""
    import torch
    from diffusers import AutoencoderTiny

    torch.manual_seed(seed)
    channels = (8, 8, 8, 8)
    return AutoencoderTiny(
        encoder_block_out_channels=channels, decoder_block_out_channels=channels, num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).eval()  # fmt: skip


def swin2sr(*, seed: int = 15) -> Any:
    """An upscaler that doubles: Swin2SR, in transformers' layout."""
    import torch
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    torch.manual_seed(seed)
    config = Swin2SRConfig(image_size=16, embed_dim=12, depths=[1], num_heads=[2], window_size=4, upscale=2)
    return Swin2SRForImageSuperResolution(config).eval()


def esrgan(*, seed: int = 16, width: int = 8, up: int = 2) -> dict[str, Any]:
    """The tensors of an upscaler that doubles `up` times, with the keys of Real-ESRGAN's files."""
    import torch

    generator, made = torch.Generator().manual_seed(seed), {}

    def convolution(name: str, before: int, after: int) -> None:
        made[f"{name}.weight"] = torch.randn(after, before, 3, 3, generator=generator) * 0.1
        made[f"{name}.bias"] = torch.zeros(after)

    convolution("conv_first", 3, width)
    for block in (1, 2, 3):
        for step in range(5):  # each reads all before it; 32 is what every file of this make adds
            convolution(f"body.0.rdb{block}.conv{step + 1}", width + step * 32, 32 if step < 4 else width)
    for name in ("conv_body", *(f"conv_up{step + 1}" for step in range(up)), "conv_hr"):
        convolution(name, width, width)
    convolution("conv_last", width, 3)
    return made


def single_vae(path: Path) -> Path:
    """What `vae` gives as one file in the layout of its first publication."""
    return saved({_vae_key(name): _square(_vae_key(name), one) for name, one in vae().state_dict().items()}, path)


def saved(tensors: dict[str, Any], path: Path) -> Path:
    """Tensors as one safetensors file."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def _unet(family: str) -> Any:
    from diffusers import UNet2DConditionModel

    large = family.startswith("sdxl")
    more: dict[str, Any] = {}
    if large:
        more = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": _TIMES,
            "projection_class_embeddings_input_dim": _POOLED + 6 * _TIMES,
            "transformer_layers_per_block": (1, 2),
        }
    if family == "lcm":
        more["time_cond_proj_dim"] = 16
    return UNet2DConditionModel(
        sample_size=SIZE // 8,
        in_channels=9 if family.endswith("inpainting") else 4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D") if large else ("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D") if large else ("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=_WORDS + _WORDS_2 if large else _WORDS,
        attention_head_dim=(2, 4) if large or family == "sd2" else 8,
        use_linear_projection=large or family == "sd2",
        norm_num_groups=8,
        **more,
    ).eval()


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, norm_num_groups=4, sample_size=SIZE,
    ).eval()  # fmt: skip


def _text(width: int, *, layers: int, act: str = "gelu", projection: int = 0) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    base = json.loads((ASSETS / "storybook" / "text_encoder" / "config.json").read_text(encoding="utf-8"))
    config = CLIPTextConfig(
        vocab_size=base["vocab_size"], bos_token_id=base["bos_token_id"], eos_token_id=base["eos_token_id"],
        pad_token_id=base["pad_token_id"], hidden_size=width, intermediate_size=width, num_attention_heads=4,
        num_hidden_layers=layers, hidden_act=act, projection_dim=projection or width, max_position_embeddings=77,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()


def _scheduler(family: str) -> Any:
    import diffusers

    config = scheduler_config(family)
    kind = getattr(diffusers, config["_class_name"])
    return kind(**{key: value for key, value in config.items() if key in kind._get_init_keys(kind)})


def _pushing(net: Any) -> Any:
    import torch

    for block in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
        torch.nn.init.normal_(block.weight, std=0.2)
    return net


def _unet_key(name: str, layers: int, attends: set[str]) -> str:
    """diffusers' name of a UNet's tensor -> the name in a single file."""
    words = name.split(".")
    ends = {
        "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
        "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    }  # fmt: skip
    for ours, theirs in ends.items():
        if name.startswith(f"{ours}."):
            return theirs + name.removeprefix(ours)
    inner = {
        "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
        "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
    }  # fmt: skip
    if words[0] == "mid_block":
        kind, number, rest = words[1], int(words[2]), words[3:]
        place = f"middle_block.{1 if kind == 'attentions' else 2 * number}"
    else:
        block, kind, number, rest = int(words[1]), words[2], int(words[3]), words[4:]
        first = block * (layers + 1)
        if words[0] == "down_blocks":
            if kind == "downsamplers":
                return f"input_blocks.{1 + first + layers}.0.op.{rest[-1]}"
            place = f"input_blocks.{1 + first + number}.{1 if kind == 'attentions' else 0}"
        elif kind == "upsamplers":
            after = 2 if words[1] in attends else 1  # the residual, and the attention where there is one
            return f"output_blocks.{first + layers}.{after}.conv.{rest[-1]}"
        else:
            place = f"output_blocks.{first + number}.{1 if kind == 'attentions' else 0}"
    if kind == "resnets":
        rest = [inner[rest[0]], *rest[1:]]
    return ".".join([place, *rest])


def _vae_key(name: str) -> str:
    """diffusers' name of a VAE's tensor -> the name in a single file."""
    for ours, theirs in (
        ("mid_block.resnets.0", "mid.block_1"), ("mid_block.resnets.1", "mid.block_2"),
        ("mid_block.attentions.0", "mid.attn_1"), ("conv_norm_out", "norm_out"), ("conv_shortcut", "nin_shortcut"),
        (".downsamplers.0.", ".downsample."), (".upsamplers.0.", ".upsample."), (".resnets.", ".block."),
        ("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"),
    ):  # fmt: skip
        name = name.replace(ours, theirs)
    words = name.split(".")
    if words[1] == "down_blocks":
        words[1] = "down"
    if words[1] == "up_blocks":
        words[1:3] = ["up", str(3 - int(words[2]))]
    return ".".join(words)


def _square(key: str, tensor: Any) -> Any:
    """A VAE's attention was made of convolutions of one pixel."""
    flat = "attn_1" in key and key.endswith("weight") and tensor.ndim == 2
    return tensor[..., None, None].clone() if flat else tensor.clone()


def _open_clip(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The tensors of a text encoder as OpenCLIP names them, its queries, keys and values in one."""
    import torch

    made = {}
    names = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    layer = {
        "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
        "self_attn.out_proj": "attn.out_proj",
    }  # fmt: skip
    for name, tensor in tensors.items():
        key = name.removeprefix("text_model.")
        if key == "text_projection.weight":
            made[f"{prefix}text_projection"] = tensor.T
        elif key in names:
            made[prefix + names[key]] = tensor
        elif ".self_attn.q_proj." in key:
            parts = [tensors[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            kind = "in_proj_" + key.rsplit(".", 1)[1]
            made[f"{prefix}transformer.resblocks.{key.split('.')[2]}.attn.{kind}"] = torch.cat(parts)
        else:
            for ours, theirs in layer.items():
                if f".{ours}." in key:
                    start = f"{prefix}transformer.resblocks.{key.split('.')[2]}."
                    made[f"{start}{theirs}.{key.rsplit('.', 1)[1]}"] = tensor
    return made
