"""What each kind of network but LoRAs tells of itself by its tensors' names. It loads no tensor."""

from __future__ import annotations

from collections.abc import Mapping

from studio.packs.header import Tensor
from studio.packs.kinds import EDITING, INPAINTING, NAMES, PLAIN, WIDTHS, FileKind, but, foreign_base, network


def adapter(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    """An IP-Adapter; None for what is none."""
    if not any(key.endswith("to_k_ip.weight") for key in keys):
        return None
    width = next(tensor.shape[-1] for key, tensor in keys.items() if key.endswith("to_k_ip.weight"))
    made = FileKind(kind="adapter", family=WIDTHS.get(width, ""), layout="original")
    if any("lora" in key for key in keys):
        return but(
            made, f"{name} is a FaceID adapter, which needs a face reader that Easel has not. Use an IP-Adapter."
        )
    if not made.family:
        return but(made, f"{name} is an IP-Adapter of a family that Easel does not paint with.")
    return made


def painter(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    """A painter in one file; None for what is none."""
    first = keys.get("model.diffusion_model.input_blocks.0.0.weight")
    if first is None:
        return None
    if (other := foreign_base(keys, name)) is not None:
        return other
    made = network(keys, "painter", name, layout="original", channels=first.shape[1])
    if made.why_not:
        return made
    if made.channels == EDITING:
        return but(made, f"{name} is InstructPix2Pix, which edits by instruction; Easel does not paint with it.")
    if made.channels not in (PLAIN, INPAINTING):
        return but(made, f"{name} takes {made.channels} channels; Easel paints with 4, or 9 for inpainting.")
    parts = {"VAE": ("first_stage_model.",), "text encoder": ("cond_stage_model.", "conditioner.")}
    lacking = [part for part, begins in parts.items() if not any(key.startswith(begins) for key in keys)]
    if lacking:
        made = but(made, f"{name} lacks its {' and '.join(lacking)}. Look for the full version of the same model.")
    return made


def controls(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    """A ControlNet, or what people take for one; None for what is none."""
    if "lora_controlnet" in keys:
        return FileKind(
            kind="controls",
            why_not=f"{name} is a Control-LoRA, which Easel does not use. Look for the full ControlNet.",
        )
    if any(
        key.startswith(("control_model.input_blocks.", "zero_convs.")) or "input_hint_block." in key for key in keys
    ):
        if (other := foreign_base(keys, name)) is not None:
            return other
        return network(keys, "controls", name, layout="original")
    if any(key.startswith("controlnet_cond_embedding.") for key in keys):
        union = any(key.startswith(("task_embedding", "control_add_embedding")) for key in keys)
        return network(keys, "controls", name, layout="diffusers", union=union)
    if any(key.startswith(("adapter.body.", "body.0.in_conv", "body.0.resnets.")) for key in keys):
        return FileKind(
            kind="controls", why_not=f"{name} is a T2I-Adapter, which Easel does not use. Look for a ControlNet."
        )
    return None


def unet(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    """A UNet alone, which is no painter yet; None for what is none."""
    for first, last, layout in (
        ("conv_in.weight", "conv_out.weight", "diffusers"),
        ("input_blocks.0.0.weight", "out.2.weight", "original"),
    ):
        if first in keys and last in keys and "time_embed" in " ".join(keys):
            made = network(keys, "unet", name, layout=layout, channels=keys[first].shape[1])
            return (
                made
                if made.why_not
                else but(
                    made, f"{name} is {NAMES['unet']}. Bring the whole model: its folder, or the full single file."
                )
            )
    return None


def vae(keys: Mapping[str, Tensor], notes: Mapping[str, str], name: str) -> FileKind | None:
    """A VAE, full or tiny; None for what is none."""
    begin = "first_stage_model." if any(key.startswith("first_stage_model.") for key in keys) else ""
    if f"{begin}decoder.conv_in.weight" in keys and f"{begin}encoder.conv_in.weight" in keys:
        latent = keys[f"{begin}decoder.conv_in.weight"].shape[1]
        layout = "diffusers" if any("down_blocks" in key for key in keys) else "original"
        told = f"{name} {notes.get('modelspec.architecture', '')}".lower()
        made = FileKind(kind="vae", family="sdxl" if "xl" in told else "sd1", layout=layout, sure=False)
        if latent != PLAIN:
            return but(
                made, f"{name} is a VAE of {latent} channels, made for a family that Easel does not paint with.", ""
            )
        return made
    if any(key.startswith(("taesd_decoder.", "taesd_encoder.", "decoder.layers.")) for key in keys):
        return FileKind(
            kind="preview-vae", family="sdxl" if "xl" in name.lower() else "sd1", sure=False, layout="diffusers"
        )
    return None


def embedding(keys: Mapping[str, Tensor], _notes: Mapping[str, str], _name: str) -> FileKind | None:
    """A textual inversion; None for what is none."""
    if {"clip_l", "clip_g"} <= set(keys) and len(keys) <= 3:
        return FileKind(kind="embedding", family="sdxl", layout="original")
    if len(keys) > 2:
        return None
    for key, tensor in keys.items():
        vectors = len(tensor.shape) in (1, 2) and tensor.shape[-1] in (768, 1024, 1280)
        if vectors and (key == "emb_params" or "." not in key):
            family = {768: "sd1", 1024: "sd2", 1280: "sdxl"}[tensor.shape[-1]]
            return FileKind(kind="embedding", family=family, layout="original")
    return None


# What every network of a kind has in the names of its tensors, first match wins
_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("checker", ("concept_embeds", "special_care_embeds")),
    ("captioner", ("qformer.",)),
    ("answerer", ("text_encoder.", "text_decoder.", "vision_model.")),  # BLIP that reads a question first
    ("captioner", ("text_decoder.", "vision_model.")),
    ("captioner", ("git.",)),
    ("annotator", ("film_mul",)),  # CLIPSeg
    ("annotator", ("neck.reassemble_stage.",)),  # DPT and DepthAnything
    ("annotator", ("relative_head.", "metric_head.")),  # ZoeDepth
    ("annotator", ("decode_head.",)),  # segmentation
    ("annotator", ("Mconv7_stage6_L2.weight",)),  # OpenPose's body
    ("annotator", ("keypoint", "backbone.")),
    ("annotator", ("backbone.embeddings.", "head.")),  # VitPose
    ("encoder", ("vision_model.", "text_model.", "logit_scale")),  # CLIP and SigLIP
    ("image-encoder", ("vision_model.", "visual_projection.weight")),
    ("checker", ("vit.", "classifier.weight")),
    ("text-encoder", ("text_model.encoder.layers.",)),
    ("text-encoder", ("transformer.resblocks.", "token_embedding.weight")),
    ("upscaler", ("swin2sr.",)),
    ("upscaler", ("conv_first.weight", "conv_last.weight")),
    ("upscaler", ("model.1.sub.0.",)),
)  # fmt: skip


def others(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    """Whatever _MARKS knows; None for all else."""
    for kind, marks in _MARKS:
        if all(any(mark in key for key in keys) for mark in marks):
            made = FileKind(kind=kind, family="any")
            if kind == "text-encoder":
                return but(
                    made, f"{name} is a text encoder alone. Bring the whole model: its folder, or the full single file."
                )
            return made
    return None
