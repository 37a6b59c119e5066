"""Trains Storybook's upscaler, twice as large: what a resized picture lacks, learned from scenes drawn at both sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from studio.places import ASSETS
from studio.starter.loop import EXPORTS, PACK, WORKDIR, Plan, Progress, fit, pick_device, save_atomically
from studio.starter.optimise import Average, Optimisers, descend
from studio.starter.parts.rough import through_decoder, to_unit
from studio.starter.scenes import CALIBRATION_SEEDS, TRAIN_SEEDS, render, sample_scene

ID, FILE = "storybook-larger", "upscaler.safetensors"  # a pack of its own beside the painter's
FACTOR, SMALL = 2, 128
WIDTH, LAYERS = 24, 6
SCENES, CROP = 1200, 40  # training scenes kept in memory; pixels of a crop before it is enlarged
POOL = WORKDIR / "upscaler" / "pool.pt"
FADE = 0.25  # noise on the latents of what comes through the decoder, as a painter leaves it


def make_net() -> Any:
    """Real-ESRGAN's compact network (Wang et al. 2021), very small; it adds its answer to the enlarged pixels.

    The studio opens the one file as it opens any upscaler of that kind.
    """
    from spandrel.architectures.Compact import Compact

    net: Any = Compact(num_feat=WIDTH, num_conv=LAYERS, upscale=FACTOR)
    layers: Any = net.body
    for layer in layers:
        if isinstance(layer, nn.Conv2d):  # the library's start lets next to nothing through eight layers
            nn.init.kaiming_normal_(layer.weight, a=0.25)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    nn.init.zeros_(net.body[-1].weight)  # so that it starts as the plain enlargement
    return net


@torch.no_grad()
def pairs(split: range, start: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scenes drawn at 128 pixels, the same through the decoder, and drawn at 256: (count, 3, side, side) uint8."""
    vae: Any = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(start)
    drawn, decoded, large = [], [], []
    for begin in range(start, start + count, 40):
        some = [sample_scene(split.start + begin + i) for i in range(40)]
        small = to_unit(np.stack([render(scene, SMALL).picture for scene in some]))
        drawn.append((small * 255).byte())
        decoded.append((through_decoder(vae, small, generator, fade=FADE) * 255).round().byte())
        pictures = np.stack([render(scene, FACTOR * SMALL).picture for scene in some])
        large.append(torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous())
    return torch.cat(drawn), torch.cat(decoded), torch.cat(large)


def crops(pool: tuple[Tensor, Tensor, Tensor], number: int, count: int) -> tuple[Tensor, Tensor]:
    """The number-th batch: small crops in 0..1, two in three of them through the decoder, and what they are to become."""
    rng = np.random.default_rng(number)
    small, large = [], []
    for _ in range(count):
        row, (x, y) = int(rng.integers(len(pool[2]))), rng.integers(0, SMALL - CROP + 1, 2)
        source = pool[0] if rng.random() < 1 / 3 else pool[1]
        small.append(source[row, :, y : y + CROP, x : x + CROP])
        inside = slice(FACTOR * y, FACTOR * (y + CROP)), slice(FACTOR * x, FACTOR * (x + CROP))
        large.append(pool[2][row][:, inside[0], inside[1]])
    return torch.stack(small).float() / 255, torch.stack(large).float() / 255


def upscale_loss(told: Tensor, truth: Tensor) -> Tensor:
    """The absolute error, and that of both gradients, which keeps outlines crisp."""
    error = told - truth
    return error.abs().mean() + 0.5 * (error.diff(dim=3).abs().mean() + error.diff(dim=2).abs().mean())


def decibels(told: Tensor, truth: Tensor) -> float:
    """Mean PSNR of pictures (n, 3, h, w) in 0..1."""
    errors = (told.clamp(0, 1) - truth).square().mean((1, 2, 3)).clamp(min=1e-7)
    return float((-10 * errors.log10()).mean())


def train_upscaler(minutes: float, *, from_shipped: bool, rate: float = 2e-3, batch: int = 24) -> None:
    """Train on crops; the weights go to .training/export/packs, where shipping finds them."""
    torch.manual_seed(51)
    device = pick_device()
    net = make_net()
    if from_shipped:
        net.load_state_dict({k: v.float() for k, v in load_file(ASSETS / ID / FILE).items()})
    net.to(device)
    optimiser = Optimisers(net, rate=rate, muon_rate=rate, muon_for="body")
    average = Average(net, 0.995)
    shown = make_net().to(device)
    if not POOL.exists():
        save_atomically(pairs(TRAIN_SEEDS, 9_200_000, SCENES), POOL)
    pool = torch.load(POOL, weights_only=True)
    exam = [part[:40].float() / 255 for part in pairs(CALIBRATION_SEEDS, 530_000, 40)]

    def step(progress: Progress) -> Mapping[str, float]:
        small, large = (part.to(device) for part in crops(pool, progress.step, batch))
        loss = upscale_loss(net(small), large)
        descend(net, optimiser, loss)
        average.update(net)
        return {"loss": float(loss.detach())}

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        shown.load_state_dict(average.weights)
        figures = {}
        for name, small in zip(("drawn", "decoded"), exam[:2], strict=True):
            resized = F.interpolate(small, scale_factor=FACTOR, mode="bicubic", antialias=True)
            figures[f"{name}_bicubic"] = decibels(resized, exam[2])
            figures[name] = decibels(shown(small.to(device)).cpu(), exam[2])
        return figures

    def export() -> None:
        folder = EXPORTS / "packs" / ID
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.half().cpu().contiguous() for name, value in average.weights.items()}
        save_file(weights, folder / ".new")
        (folder / ".new").replace(folder / FILE)

    plan = Plan("upscaler", minutes, rate, batch, warmup=50, anneal=0.7, save_seconds=60)
    parts = {"model": net, "average": average}
    fit(plan, parts=parts, optimiser=optimiser, step=step, evaluate=evaluate, export=export, export_seconds=240)
