"""What a LoRA tells of itself: which layout, for which family, which words it was taught. It loads no tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping

from studio.packs.header import Tensor
from studio.packs.kinds import WIDTHS, FileKind, but, family_of, foreign_base

# The maker's notes in a LoRA -> the family, where no tensor tells
_NOTES = (("sdxl", "sdxl"), ("stable-diffusion-xl", "sdxl"), ("sd_v2", "sd2"), ("stable-diffusion-v2", "sd2"),
          ("sd_v1", "sd1"), ("stable-diffusion-v1", "sd1"))  # fmt: skip
_LORA = re.compile(
    r"(\.lora_(down|up|A|B)\.(\w+\.)?weight|\.(down|up)\.weight|hada_w[12]_[ab]|lokr_w[12](_[ab])?|\.oft_\w+|\.lora_mid\.weight)$"
)
_LORA_PREFIX = ("lora_unet_", "lora_te", "unet.", "text_encoder", "base_model.model.", "lycoris_", "oft_unet_")


def lora(keys: Mapping[str, Tensor], notes: Mapping[str, str], name: str) -> FileKind | None:
    """A LoRA, or its kin (LyCORIS, OFT); None for what is none."""
    if not any(_LORA.search(key) and key.startswith(_LORA_PREFIX) for key in keys):
        if any(".lora_" in key or key.endswith(".lokr_w1") for key in keys):
            return foreign_base(keys, name) or FileKind(
                kind="lora", why_not=f"{name} is a LoRA for a family that Easel does not paint with."
            )
        return None
    layout = (
        "kohya"
        if any(key.startswith(("lora_unet_", "lora_te", "lycoris_", "oft_unet_")) for key in keys)
        else "diffusers"
    )
    if (other := foreign_base(keys, name)) is not None:
        return other
    family, sure = _lora_family(keys, notes)
    made = FileKind(kind="lora", family=family, layout=layout, sure=sure, words=_words(notes))
    if family == "?":
        return but(made, f"{name} is a LoRA for a family that Easel does not paint with.", "")
    return made


_INTO = tuple(
    f"attn2{dot}to_{part}{tail}"
    for dot in ("_", ".", ".processor.")
    for part in ("k", "v")
    for tail in (
        ".lora_down.weight", ".lora_A.weight", ".lora.down.weight", "_lora.down.weight", ".hada_w1_b", ".hada_w2_b",
    )
)  # fmt: skip


def _lora_family(keys: Mapping[str, Tensor], notes: Mapping[str, str]) -> tuple[str, bool]:
    """The family, and whether a tensor proves it."""
    if any(key.startswith(("lora_te2_", "text_encoder_2.")) for key in keys):
        return "sdxl", True
    family = family_of(keys, _INTO)
    if family:
        return "?" if family == "refiner" else family, True
    # Stable Diffusion XL stacks up to ten transformers in one block, the others one
    if any(re.search(r"transformer_blocks[._][1-9]", key) for key in keys):
        return "sdxl", True
    told = f"{notes.get('ss_base_model_version', '')} {notes.get('modelspec.architecture', '')}".lower()
    return next((family for mark, family in _NOTES if mark in told), _guess(keys)), False


def _guess(keys: Mapping[str, Tensor]) -> str:
    """The family of a LoRA that changes no cross-attention and has no notes; "" where nothing speaks for one."""
    for key, tensor in keys.items():  # how wide the text encoder is
        if key.startswith(("lora_te_", "text_encoder.")) and key.endswith(
            ("q_proj.lora_down.weight", "q_proj.lora_A.weight")
        ):
            return WIDTHS.get(tensor.shape[-1], "?")
    full_size = any(re.search(r"input_blocks_[12]_1|down_blocks[._]0[._]attentions", key) for key in keys)
    return "sd1" if full_size else ""  # or 2: without cross-attention it does not say


def _words(notes: Mapping[str, str]) -> tuple[str, ...]:
    """The trigger words that a LoRA's maker left in the file, at most eight."""
    told = notes.get("modelspec.trigger_phrase", "")
    words = [part.strip() for part in told.split(",") if part.strip()]
    return tuple(dict.fromkeys(word[:60] for word in words if word.isprintable()))[:8]
