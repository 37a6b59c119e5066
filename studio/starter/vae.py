"""Trains Storybook's AutoencoderKL (factor 8); once the latents are in use it trains the decoder only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from studio.starter.loop import PACK, WORKDIR, Plan, Progress, autocast, export_model, fit, pick_device
from studio.starter.optimise import Average, Optimisers, descend
from studio.starter.scenes import TEST_SEEDS, TRAIN_SEEDS, Rendering, render, sample_scene

Model = Any  # diffusers' decorated classes show a type checker none of nn.Module's members
LATENT_CHANNELS = 8
WIDTHS = (16, 32, 64, 96)
PIXELS = 0.15  # the share of scenes that are pixel art whatever they were: its blocks are the hardest to decode
NOISE = 0.05  # added to unit latents in training, so that the decoder forgives small errors of the painter
LOGVAR = -6.0  # the posterior is narrow and constant: std .05 in whitened units


def build_vae() -> Model:
    """A fresh autoencoder whose residual trunk carries plus and minus RGB from end to end.

    With branches at zero the start is an 8x mean pooling and its inverse, since silu(x) - silu(-x) = x; from the
    default start the same model stays colour-blind for a long time.
    """
    vae: Model = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=WIDTHS,
        layers_per_block=2,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=128,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )
    with torch.no_grad():
        for name, module in vae.named_modules():
            if name.endswith("conv2"):
                module.weight.zero_()
                module.bias.zero_()
            elif name.endswith("conv_shortcut"):
                _carry(module, 1.0)
            elif "downsamplers" in name and isinstance(module, nn.Conv2d):
                _carry(module, 0.25)
                for i in range(12):
                    module.weight[i, i, :2, :2] = 0.25
            elif "upsamplers" in name and isinstance(module, nn.Conv2d):
                _carry(module, 1.0)
        _spread(vae.encoder.conv_in)
        _gather(vae.encoder.conv_out)
        _spread(vae.decoder.conv_in)
        _gather(vae.decoder.conv_out)
        for conv in (vae.quant_conv, vae.post_quant_conv):
            conv.weight.copy_(torch.eye(conv.weight.shape[0])[:, :, None, None])
            conv.bias.zero_()
        _fix_logvar(vae)
    return vae


def shipped_vae(pack: Path = PACK) -> Model:
    """The pack's autoencoder. Layers that it lacks, having been trained with fewer, are there and add nothing: so it
    can be deepened without moving a latent."""
    vae = build_vae()
    vae.load_state_dict(AutoencoderKL.from_pretrained(pack / "vae", dtype=torch.float32).state_dict(), strict=False)
    return vae


def _carry(conv: Model, centre: float) -> None:
    """The first 12 channels pass unchanged: (+c, -c, +1, -1) for red, green and blue."""
    middle = conv.kernel_size[0] // 2
    conv.weight[:12] = 0
    conv.bias[:12] = 0
    for i in range(12):
        conv.weight[i, i, middle, middle] = centre


def _spread(conv: Model) -> None:
    conv.weight[:12] = 0
    for c in range(3):
        conv.weight[4 * c, c, 1, 1] = 1.0
        conv.weight[4 * c + 1, c, 1, 1] = -1.0
        conv.bias[4 * c : 4 * c + 4] = torch.tensor([0.0, 0.0, 1.0, -1.0])


def _gather(conv: Model) -> None:
    conv.weight[:3] = 0
    conv.bias[:3] = 0
    for c in range(3):
        conv.weight[c, 4 * c, 1, 1] = 0.7
        conv.weight[c, 4 * c + 1, 1, 1] = -0.7


def _fix_logvar(vae: Model) -> None:
    """Make the posterior's log variance the constant LOGVAR."""
    n = LATENT_CHANNELS
    vae.quant_conv.weight[n:] = 0
    vae.quant_conv.bias[n:] = LOGVAR


def to_model(pictures: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32 in -1..1, channels last in memory."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


@torch.no_grad()
def whiten(vae: Model, pictures: Tensor) -> None:
    """Turn the latent axes so that each is uncorrelated, and scale them; folded into the two 1x1 convolutions.

    Strong axes keep a little more variance than weak ones (variance to the power 1/4 instead of 0), so that the painter
    spends its effort on what is seen; the mean variance is 1, hence scaling_factor 1.0.
    """
    n = LATENT_CHANNELS
    z = torch.cat([vae.encode(p).latent_dist.mean for p in pictures.split(32)])
    flat = z.permute(0, 2, 3, 1).reshape(-1, n).double()
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((flat - mean).T))
    values, vectors = values.flip(0).clamp_min(1e-8), vectors.flip(1)
    target = values.pow(0.25)
    target = target / target.mean()
    forward = torch.diag((target / values).sqrt()) @ vectors.T
    backward = vectors @ torch.diag((values / target).sqrt())
    q, p = vae.quant_conv, vae.post_quant_conv
    weight, bias = q.weight[:n, :, 0, 0].double(), q.bias[:n].double()
    q.weight[:n] = (forward @ weight).float()[:, :, None, None]
    q.bias[:n] = (forward @ (bias - mean)).float()
    weight, bias = p.weight[:, :, 0, 0].double(), p.bias.double()
    p.weight.copy_((weight @ backward).float()[:, :, None, None])
    p.bias.copy_((bias + weight @ mean).float())
    _fix_logvar(vae)


def _views(progress: Progress, small: int, large: int) -> tuple[Tensor, Tensor]:
    """The next batch: whole pictures and 64-pixel crops in turn, with a weight for each pixel."""
    whole = progress.step % 2 == 0
    count, side = (large, 128) if whole else (small, 64)
    rng = np.random.default_rng(progress.step)
    pictures, weights = [], []
    for seed in rng.integers(0, len(TRAIN_SEEDS), count):
        scene = sample_scene(int(seed), forbidden=rng.random() < 0.05)
        made: Rendering = render(replace(scene, style="pixel art") if rng.random() < PIXELS else scene)
        x, y = rng.integers(0, 128 - side + 1, 2)
        cut = (slice(y, y + side), slice(x, x + side))
        pictures.append(made.picture[cut])
        weights.append(1.0 + 1.5 * (made.labels[cut] > 0))
    weight = torch.from_numpy(np.stack(weights)).float()[:, None]
    return to_model(np.stack(pictures)), weight


def _loss(out: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """L1 and squared error under the weights, and the L1 of both gradients, which keeps outlines crisp."""
    error = out - target
    level = (weight * (error.abs() + 2.0 * error.square())).mean()
    dx, dy = error.diff(dim=3).abs(), error.diff(dim=2).abs()
    return level + 0.5 * ((weight[..., 1:] * dx).mean() + (weight[:, :, 1:] * dy).mean())


@torch.no_grad()
def psnr(vae: Model, count: int = 48) -> float:
    """Mean PSNR in dB over the first held-out scenes, decoded from the posterior's mean."""
    device = next(vae.parameters()).device
    total = 0.0
    for seed in TEST_SEEDS[:count]:
        picture = to_model(render(sample_scene(seed)).picture[None]).to(device)
        out = vae.decode(vae.encode(picture).latent_dist.mean).sample.clamp(-1, 1)
        total += 10 * math.log10(4.0 / max(float((out - picture).square().mean()), 1e-10))
    return total / count


@dataclass(frozen=True)
class VaeOptions:
    """What the command line chooses; `decoder_only` keeps every latent as it is."""

    minutes: float
    decoder_only: bool
    from_shipped: bool
    rate: float = 2e-3


def train_vae(options: VaeOptions) -> None:
    """Train the whole autoencoder, whiten its latents and ship it; or, decoder only, polish what is shipped."""
    final = WORKDIR / "vae" / "latents-are-final"
    if final.exists() and not options.decoder_only:
        print(f"The latents are in use; delete {final.parent} and {PACK / 'unet'} to begin anew.")
        return
    torch.manual_seed(0)
    device = pick_device()
    name = "vae-decoder" if options.decoder_only else "vae"
    start = options.decoder_only or options.from_shipped
    vae = shipped_vae() if start else build_vae()
    vae.to(device, memory_format=torch.channels_last)
    if options.decoder_only:
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    optimiser = Optimisers(vae, rate=options.rate, muon_rate=options.rate, muon_for="resnets", decay=1e-4)
    average = Average(vae, 0.99)
    shown: Model = AutoencoderKL.from_config(vae.config).to(device)
    size = 4 if device.type == "cpu" else 32
    plan = Plan(name, options.minutes, options.rate, batch=size, anneal=0.35)

    def step(progress: Progress) -> Mapping[str, float]:
        pictures, weight = (t.to(device) for t in _views(progress, 4 * size, size))
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(device):
            if options.decoder_only:
                with torch.no_grad():
                    z = vae.encode(pictures).latent_dist.mean
            else:
                z = vae.encode(pictures).latent_dist.mean
            spread = z.detach().float().std(dim=(0, 2, 3), keepdim=True)
            noisy = z + NOISE * spread * torch.randn_like(z)
            out = vae.decode(noisy).sample.float()
        loss = _loss(out, pictures, weight)
        total = loss if options.decoder_only else loss + 1e-3 * z.float().square().mean()
        descend(vae, optimiser, total)
        average.update(vae)
        level = (out.detach() - pictures).square().mean().item()
        return {"loss": loss.item(), "psnr": -10 * math.log10(level / 4)}

    def current() -> Model:
        shown.load_state_dict(average.weights)
        return shown.eval()

    def export() -> None:
        # fp16 weights overflow nowhere here, but a NaN must never be shipped
        if all(torch.isfinite(v).all() for v in average.weights.values()):
            export_model(current(), PACK / "vae")

    progress = fit(
        plan,
        parts={"model": vae, "average": average},
        optimiser=optimiser,
        step=step,
        evaluate=lambda: {"psnr": psnr(current())},
        export=export if options.decoder_only else None,
        export_seconds=600,
    )
    if not options.decoder_only and progress.seconds >= options.minutes * 60:
        seeds = TRAIN_SEEDS[:512]
        pictures = to_model(np.stack([render(sample_scene(s)).picture for s in seeds])).to(device)
        done = current()
        whiten(done, pictures)
        print({"psnr after whitening": psnr(done)}, flush=True)
        export_model(done, PACK / "vae")
        final.touch()
