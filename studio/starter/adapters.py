"""LoRAs on Storybook's painter while they are taught, and how one becomes a pack; it knows nothing of what they learn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from safetensors.torch import save_file
from torch import Tensor, nn

from studio.starter.loop import EXPORTS, PACK
from studio.starter.optimise import Average

Model = Any  # what diffusers loads
FILE = "pytorch_lora_weights.safetensors"  # the name that diffusers and everybody else look for
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
# Every other layer with a matrix, but the two at the ends, which know what a latent is and nothing else
REST = ("proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut", "conv", "time_emb_proj")


def open_painter(device: torch.device) -> Model:
    """The shipped painter in fp32, its weights frozen."""
    unet: Model = UNet2DConditionModel.from_pretrained(PACK / "unet", dtype=torch.float32).to(device).eval()
    unet.requires_grad_(False)
    return unet.to(memory_format=torch.channels_last)


def stamp() -> str:
    """Eight letters of the hash of painter and text encoder: what was learned from one of them is no use to another."""
    digest = hashlib.sha256()
    for part in ("unet", "text_encoder"):
        for file in sorted((PACK / part).glob("*.safetensors")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


class Adapter(nn.Module):
    """The weights of a LoRA that sits on a painter, apart from the painter's own. A fresh one changes nothing.

    alpha equals the rank, so a file of it needs no word about its scale.
    """

    def __init__(self, unet: Model, *, rank: int, layers: Sequence[str] = ATTENTION) -> None:
        super().__init__()
        self._unet = [unet]  # in a list: the painter is no part of this module
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(layers)))
        live = [(name, weight) for name, weight in unet.named_parameters() if weight.requires_grad]
        self.names = [name.replace(".default.weight", ".weight") for name, _ in live]
        self.weights = nn.ParameterList([weight for _, weight in live])

    @contextmanager
    def off(self) -> Iterator[None]:
        """The painter as it was, inside."""
        self._unet[0].disable_adapters()
        try:
            yield
        finally:
            self._unet[0].enable_adapters()

    @contextmanager
    def averaged(self, average: Average) -> Iterator[None]:
        """The painter with the average of these weights, inside."""
        kept = {name: value.detach().clone() for name, value in self.state_dict().items()}
        self.load_state_dict(average.weights)
        try:
            yield
        finally:
            self.load_state_dict(kept)

    def tensors(self) -> dict[str, Tensor]:
        """The weights in half precision under diffusers' names."""
        return {
            f"unet.{name}": weight.detach().to("cpu", torch.float16).contiguous()
            for name, weight in zip(self.names, self.weights, strict=True)
        }


def export_lora(adapter: Adapter, average: Average, id: str, exports: Path = EXPORTS) -> None:
    """Write the averaged weights where `ship` finds them, as the pack `id`; a NaN is never exported."""
    if not all(bool(torch.isfinite(value).all()) for value in average.weights.values()):
        return
    folder = exports / "packs" / id
    folder.mkdir(parents=True, exist_ok=True)
    waiting = folder / f".{FILE}"
    with adapter.averaged(average):
        save_file(adapter.tensors(), waiting, metadata={"format": "pt"})
    waiting.chmod(0o644)
    waiting.replace(folder / FILE)
