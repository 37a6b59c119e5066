"""What a file of weights is, from its header alone: kind, family, precision, size. It loads no tensor and runs nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from studio.packs.header import BadWeights, Header, Tensor, read_header
from studio.packs.manifest import FAMILIES, Manifest

# How wide the text is that the attention reads -> the family. That number is in every network that attends to words.
WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
REFINER = 1280
# What a picture's latents and what is given beside them take: 4 is plain, 9 is latents, mask and masked picture
PLAIN, INPAINTING, EDITING = 4, 9, 8
PRECISIONS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "F64": "fp64", "F8_E4M3": "fp8", "F8_E5M2": "fp8"}
# Kind -> what to call one in a sentence
NAMES = {
    "painter": "a painter",
    "unet": "a UNet without its text encoder and VAE",
    "controls": "a ControlNet",
    "lora": "a LoRA",
    "adapter": "an IP-Adapter",
    "image-encoder": "an image encoder",
    "vae": "a VAE",
    "preview-vae": "a tiny VAE",
    "text-encoder": "a text encoder",
    "embedding": "an embedding (textual inversion)",
    "encoder": "an encoder for search",
    "captioner": "a captioner",
    "answerer": "an answerer of questions",
    "checker": "a checker",
    "annotator": "an annotator",
    "upscaler": "an upscaler",
}
# Other tools' models: what stands in a key -> whose it is. Easel paints with none of them.
FOREIGN = (
    ("double_blocks.", "Flux"), ("double_blocks_", "Flux"), ("single_transformer_blocks", "Flux"),
    ("joint_blocks.", "Stable Diffusion 3"), ("joint_blocks_", "Stable Diffusion 3"),
    ("joint_transformer_blocks", "Stable Diffusion 3"), ("caption_projection.", "PixArt"), ("cap_embedder.", "Lumina"),
    ("effnet_mapper.", "Stable Cascade"), ("clip_txt_mapper.", "Stable Cascade"), ("time_stack.", "Stable Video Diffusion"),
    ("motion_modules.", "AnimateDiff"),
)  # fmt: skip
# The maker's notes in a LoRA -> the family, where no tensor tells
_NOTES = (("sdxl", "sdxl"), ("stable-diffusion-xl", "sdxl"), ("sd_v2", "sd2"), ("stable-diffusion-v2", "sd2"),
          ("sd_v1", "sd1"), ("stable-diffusion-v1", "sd1"))  # fmt: skip
_LORA = re.compile(
    r"(\.lora_(down|up|A|B)\.(\w+\.)?weight|\.(down|up)\.weight|hada_w[12]_[ab]|lokr_w[12](_[ab])?|\.oft_\w+|\.lora_mid\.weight)$"
)
_LORA_PREFIX = ("lora_unet_", "lora_te", "unet.", "text_encoder", "base_model.model.", "lycoris_", "oft_unet_")


@dataclass(frozen=True)
class FileKind:
    """What a file, or a model's folder, is.

    `kind` is a key of NAMES, or "" where nobody can tell; `family` one of the families or ""; `precision` as people write it
    (fp16). `channels` are what a painter's UNet takes: 4 plain, 9 for inpainting. `layout` is how its tensors are named:
    "diffusers", "original" (one file for all) or "kohya" (A1111's LoRAs). `sure` is False where the family is a guess that
    the header cannot prove. An empty `why_not` means that it can be used; otherwise it is a sentence with its remedy.
    """

    kind: str = ""
    family: str = ""
    precision: str = ""
    bytes: int = 0
    why_not: str = ""
    layout: str = ""
    channels: int = 0
    union: bool = False
    sure: bool = True
    words: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """In a few words, such as "a LoRA for Stable Diffusion XL, fp16"."""
        name = NAMES.get(self.kind, "weights of an unknown kind")
        if self.kind == "painter" and self.channels == INPAINTING:
            name = "an inpainting painter"
        family = f" for {FAMILIES[self.family]}" if self.family in FAMILIES and self.family != "any" else ""
        return name + family + (f", {self.precision}" if self.precision else "")


def describe(path: Path) -> FileKind:
    """What a file is. Never raises: a file that is no usable weights has `why_not`, a sentence that names it."""
    try:
        header = read_header(path)
    except BadWeights as error:
        try:
            size = path.stat().st_size if path.is_file() else 0
        except OSError:
            size = 0
        return FileKind(bytes=size, why_not=f"{path.name} {error}")
    return describe_header(header, path.name)


def describe_header(header: Header, name: str) -> FileKind:
    """What weights with this header are; `name` is for the sentences, and for the guess where nothing else tells."""
    keys = header.tensors
    for tell in (_adapter, _lora, _painter, _controls, _unet, _vae, _embedding, _others):
        found = tell(keys, header.notes, name)
        if found is not None:
            break
    else:
        found = _foreign(keys, name) or FileKind(
            why_not=f"{name} holds weights of a kind that is not known here. Look at the page it came from for what it is."
        )
    return replace(found, precision=precision_of(header), bytes=header.bytes)


def precision_of(header: Header) -> str:
    """The precision of most of the bytes."""
    weight: Counter[str] = Counter()
    for tensor in header.tensors.values():
        weight[tensor.dtype] += tensor.bytes
    (dtype, _), *_ = weight.most_common(1)
    return PRECISIONS.get(dtype, dtype.lower())


def unfit(found: FileKind | Manifest, painter: Manifest) -> str:
    """Why something cannot be used with a painter, in a sentence; "" when it can."""
    family = found.family
    if not family or "any" in (family, painter.family) or family == painter.family:
        return ""
    what = NAMES.get(found.kind, "weights") if isinstance(found, FileKind) else found.name
    return (
        f"{what[:1].upper() + what[1:]} for {FAMILIES.get(family, family)} cannot be used with {painter.name}, which is"
        f" {FAMILIES.get(painter.family, painter.family)}. Choose a painter of {FAMILIES.get(family, family)}, or take it out."
    )


def _family(keys: Mapping[str, Tensor], endings: tuple[str, ...]) -> str:
    """The family by the width of the text that cross-attention reads; "" when nothing reads any, "?" for a foreign width."""
    for key, tensor in keys.items():
        if key.endswith(endings) and len(tensor.shape) in (2, 4):  # 4: written as a 1x1 convolution
            return WIDTHS.get(tensor.shape[1], "refiner" if tensor.shape[1] == REFINER else "?")
    return ""


_TEXT = ("attn2.to_k.weight", "attn2.to_v.weight")


def _network(keys: Mapping[str, Tensor], kind: str, name: str, **more: object) -> FileKind:
    """A network that attends to words; its family by their width."""
    family = _family(keys, _TEXT)
    made = FileKind(kind=kind, family=family if family in FAMILIES else "", **more)  # type: ignore[arg-type]
    if family == "refiner":
        return _but(made, f"{name} is the refiner of Stable Diffusion XL, a second stage that Easel does not use.")
    if family in ("", "?"):
        return _but(made, f"{name} is {NAMES[kind]} of a family that Easel does not paint with.")
    return made


def _but(made: FileKind, why_not: str, family: str | None = None) -> FileKind:
    return replace(made, why_not=why_not, family=made.family if family is None else family)


def _adapter(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    if not any(key.endswith("to_k_ip.weight") for key in keys):
        return None
    width = next(tensor.shape[-1] for key, tensor in keys.items() if key.endswith("to_k_ip.weight"))
    made = FileKind(kind="adapter", family=WIDTHS.get(width, ""), layout="original")
    if any("lora" in key for key in keys):
        return _but(
            made, f"{name} is a FaceID adapter, which needs a face reader that Easel has not. Use an IP-Adapter."
        )
    if not made.family:
        return _but(made, f"{name} is an IP-Adapter of a family that Easel does not paint with.")
    return made


def _lora(keys: Mapping[str, Tensor], notes: Mapping[str, str], name: str) -> FileKind | None:
    if not any(_LORA.search(key) and key.startswith(_LORA_PREFIX) for key in keys):
        if any(".lora_" in key or key.endswith(".lokr_w1") for key in keys):
            return _foreign(keys, name) or FileKind(
                kind="lora", why_not=f"{name} is a LoRA for a family that Easel does not paint with."
            )
        return None
    layout = (
        "kohya"
        if any(key.startswith(("lora_unet_", "lora_te", "lycoris_", "oft_unet_")) for key in keys)
        else "diffusers"
    )
    if (foreign := _foreign(keys, name)) is not None:
        return foreign
    family, sure = _lora_family(keys, notes)
    made = FileKind(kind="lora", family=family, layout=layout, sure=sure, words=_words(notes))
    if family == "?":
        return _but(made, f"{name} is a LoRA for a family that Easel does not paint with.", "")
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
    family = _family(keys, _INTO)
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


def _painter(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    first = keys.get("model.diffusion_model.input_blocks.0.0.weight")
    if first is None:
        return None
    if (foreign := _foreign(keys, name)) is not None:
        return foreign
    made = _network(keys, "painter", name, layout="original", channels=first.shape[1])
    if made.why_not:
        return made
    if made.channels == EDITING:
        return _but(made, f"{name} is InstructPix2Pix, which edits by instruction; Easel does not paint with it.")
    if made.channels not in (PLAIN, INPAINTING):
        return _but(made, f"{name} takes {made.channels} channels; Easel paints with 4, or 9 for inpainting.")
    parts = {"VAE": ("first_stage_model.",), "text encoder": ("cond_stage_model.", "conditioner.")}
    lacking = [part for part, begins in parts.items() if not any(key.startswith(begins) for key in keys)]
    if lacking:
        made = _but(made, f"{name} lacks its {' and '.join(lacking)}. Look for the full version of the same model.")
    return made


def _controls(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    if "lora_controlnet" in keys:
        return FileKind(
            kind="controls",
            why_not=f"{name} is a Control-LoRA, which Easel does not use. Look for the full ControlNet.",
        )
    if any(
        key.startswith(("control_model.input_blocks.", "zero_convs.")) or "input_hint_block." in key for key in keys
    ):
        if (foreign := _foreign(keys, name)) is not None:
            return foreign
        return _network(keys, "controls", name, layout="original")
    if any(key.startswith("controlnet_cond_embedding.") for key in keys):
        union = any(key.startswith(("task_embedding", "control_add_embedding")) for key in keys)
        return _network(keys, "controls", name, layout="diffusers", union=union)
    if any(key.startswith(("adapter.body.", "body.0.in_conv", "body.0.resnets.")) for key in keys):
        return FileKind(
            kind="controls", why_not=f"{name} is a T2I-Adapter, which Easel does not use. Look for a ControlNet."
        )
    return None


def _unet(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    for first, last, layout in (
        ("conv_in.weight", "conv_out.weight", "diffusers"),
        ("input_blocks.0.0.weight", "out.2.weight", "original"),
    ):
        if first in keys and last in keys and "time_embed" in " ".join(keys):
            made = _network(keys, "unet", name, layout=layout, channels=keys[first].shape[1])
            return (
                made
                if made.why_not
                else _but(
                    made, f"{name} is {NAMES['unet']}. Bring the whole model: its folder, or the full single file."
                )
            )
    return None


def _vae(keys: Mapping[str, Tensor], notes: Mapping[str, str], name: str) -> FileKind | None:
    begin = "first_stage_model." if any(key.startswith("first_stage_model.") for key in keys) else ""
    if f"{begin}decoder.conv_in.weight" in keys and f"{begin}encoder.conv_in.weight" in keys:
        latent = keys[f"{begin}decoder.conv_in.weight"].shape[1]
        layout = "diffusers" if any("down_blocks" in key for key in keys) else "original"
        told = f"{name} {notes.get('modelspec.architecture', '')}".lower()
        made = FileKind(kind="vae", family="sdxl" if "xl" in told else "sd1", layout=layout, sure=False)
        if latent != PLAIN:
            return _but(
                made, f"{name} is a VAE of {latent} channels, made for a family that Easel does not paint with.", ""
            )
        return made
    if any(key.startswith(("taesd_decoder.", "taesd_encoder.", "decoder.layers.")) for key in keys):
        return FileKind(
            kind="preview-vae", family="sdxl" if "xl" in name.lower() else "sd1", sure=False, layout="diffusers"
        )
    return None


def _embedding(keys: Mapping[str, Tensor], _notes: Mapping[str, str], _name: str) -> FileKind | None:
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


def _others(keys: Mapping[str, Tensor], _notes: Mapping[str, str], name: str) -> FileKind | None:
    for kind, marks in _MARKS:
        if all(any(mark in key for key in keys) for mark in marks):
            made = FileKind(kind=kind, family="any")
            if kind == "text-encoder":
                return _but(
                    made, f"{name} is a text encoder alone. Bring the whole model: its folder, or the full single file."
                )
            return made
    return None


def _foreign(keys: Mapping[str, Tensor], name: str) -> FileKind | None:
    for mark, base in FOREIGN:
        if any(mark in key for key in keys):
            kind = "lora" if any("lora" in key for key in keys) else ""
            return FileKind(
                kind=kind,
                why_not=f"{name} is made for {base}, which Easel does not paint with. Look for one for Stable Diffusion.",
            )
    return None
