"""What a file of weights can be, and what all networks tell of it by the names and widths of their tensors. It opens none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from studio.packs.header import Tensor
from studio.packs.manifest import FAMILIES

# How wide the text is that the attention reads -> the family. That number is in every network that attends to words.
WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
REFINER = 1280
# What a picture's latents and what is given beside them take: 4 is plain, 9 is latents, mask and masked picture
PLAIN, INPAINTING, EDITING = 4, 9, 8
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


def family_of(keys: Mapping[str, Tensor], endings: tuple[str, ...]) -> str:
    """The family by the width of the text that cross-attention reads; "" when nothing reads any, "?" for a foreign width."""
    for key, tensor in keys.items():
        if key.endswith(endings) and len(tensor.shape) in (2, 4):  # 4: written as a 1x1 convolution
            return WIDTHS.get(tensor.shape[1], "refiner" if tensor.shape[1] == REFINER else "?")
    return ""


_TEXT = ("attn2.to_k.weight", "attn2.to_v.weight")


def network(keys: Mapping[str, Tensor], kind: str, name: str, **more: object) -> FileKind:
    """A network that attends to words; its family by their width."""
    family = family_of(keys, _TEXT)
    made = FileKind(kind=kind, family=family if family in FAMILIES else "", **more)  # type: ignore[arg-type]
    if family == "refiner":
        return but(made, f"{name} is the refiner of Stable Diffusion XL, a second stage that Easel does not use.")
    if family in ("", "?"):
        return but(made, f"{name} is {NAMES[kind]} of a family that Easel does not paint with.")
    return made


def but(made: FileKind, why_not: str, family: str | None = None) -> FileKind:
    """The same, with a reason why it cannot be used, and another family where one is given."""
    return replace(made, why_not=why_not, family=made.family if family is None else family)


def foreign_base(keys: Mapping[str, Tensor], name: str) -> FileKind | None:
    """What is made for a base of another kind, such as Flux, by its tensors' names; None where nothing says so."""
    for mark, base in FOREIGN:
        if any(mark in key for key in keys):
            kind = "lora" if any("lora" in key for key in keys) else ""
            return FileKind(
                kind=kind,
                why_not=f"{name} is made for {base}, which Easel does not paint with. Look for one for Stable Diffusion.",
            )
    return None
