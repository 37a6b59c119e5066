"""Trains Storybook's painter, a UNet2DConditionModel on frozen latents and frozen text states; it never touches either."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from studio.starter.loop import PACK, WORKDIR, Plan, Progress, autocast, export_model, fit, pick_device
from studio.starter.optimise import Average, Optimisers
from studio.starter.shards import Library, Words
from studio.starter.text import WIDTH as TEXT_WIDTH
from studio.starter.vae import LATENT_CHANNELS, Model

WIDTHS = (64, 96, 128)
OBJECT_WEIGHT = 6.0  # a latent cell under an object counts 1 + 6 times as much as one of the background
GAMMA = 5.0  # the cap on the weight of nearly clean latents, after min-SNR (Hang et al. 2023)
NOISY = 0.7  # the exponent of the times: 1 spreads them evenly, .5 draws the noisy end twice as often
EMPTY = 0.1  # the share of prompts replaced by the empty one, for classifier-free guidance


def build_unet() -> Model:
    """A fresh painter for 16x16 latents; every residual branch starts at zero (Dhariwal and Nichol 2021)."""
    unet: Model = UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        # No attention at 16x16: it cost half of the time, and an object spans three or four cells of the 8x8 level.
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=WIDTHS,
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,  # the number of heads, by diffusers' old misnomer
    )
    for name, module in unet.named_modules():
        if name.endswith(("conv2", "proj_out", "conv_out")):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    return unet


def build_scheduler() -> Model:
    """Stable Diffusion's noise schedule with v-prediction (Salimans and Ho 2022)."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=True,
    )


def write_index(pack: Path = PACK) -> None:
    """model_index.json and the scheduler's config: what StableDiffusionPipeline.from_pretrained reads."""
    build_scheduler().save_pretrained(pack / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "requires_safety_checker": True,
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (pack / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def noised(latents: Tensor, noise: Tensor, times: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
    """Latents (N, C, H, W) at their times (N,) of the schedule, and the v that the painter should answer."""
    a = alphas[times].sqrt()[:, None, None, None]
    s = (1 - alphas[times]).sqrt()[:, None, None, None]
    return a * latents + s * noise, a * noise - s * latents


def painting_loss(out: Tensor, target: Tensor, weight: Tensor, times: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
    """The loss to learn from and the plain mean of the squared errors; weight: (N, 1, H, W), how much each cell counts."""
    squared = (out - target).square().mean(1, keepdim=True)
    each = (squared * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    snr = alphas[times] / (1 - alphas[times])
    # On x0 this weighs min(snr + 1, GAMMA): unlike min-SNR it keeps the noisy end, where shape and place are decided.
    return (each * (snr + 1).clamp(max=GAMMA) / (snr + 1)).mean(), each.mean()


def export_average(average: Average, shown: Model, folder: Path) -> None:
    """Ship the averaged weights through `shown`, a model of the same shape; a NaN is never shipped."""
    if all(torch.isfinite(v).all() for v in average.weights.values()):
        shown.load_state_dict(average.weights)
        export_model(shown, folder)


@dataclass(frozen=True)
class UnetOptions:
    """What the command line chooses."""

    minutes: float
    from_shipped: bool
    rate: float = 1e-3


def train_unet(options: UnetOptions) -> None:
    """Train on the shards at hand, taking in new ones as they appear; exports the average of the weights."""
    torch.manual_seed(0)
    device = pick_device()
    unet: Model = build_unet()
    if options.from_shipped:
        unet = UNet2DConditionModel.from_pretrained(PACK / "unet", dtype=torch.float32)
    unet.to(device, memory_format=torch.channels_last)
    optimiser = Optimisers(unet, rate=options.rate, muon_rate=options.rate, muon_for="_block")
    average = Average(unet, 0.998)
    shown: Model = UNet2DConditionModel.from_config(unet.config).to(device)
    library = Library()
    if library.refresh() == 0:
        raise SystemExit("No shards in .training/shards; run `python -m studio.starter.train shards` first.")
    nothing = Words(device).states([""])
    alphas = build_scheduler().alphas_cumprod.to(device)
    batch = 32 if device.type == "cpu" else 512
    plan = Plan("unet", options.minutes, options.rate, batch=batch, warmup=150, anneal=0.7, save_seconds=240)

    def noisy(progress_step: int, count: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng(progress_step + 11)
        latents, cover, states = (t.to(device) for t in library.batch(count, rng))
        generator = torch.Generator().manual_seed(progress_step + 11)
        noise = torch.randn(latents.shape, generator=generator).to(device)
        # stratified times: each batch covers the whole schedule, which steadies the loss; the noisy end a little
        # more densely, where it is decided what is there and where
        slots = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        times = (slots**NOISY * len(alphas)).long().clamp(max=len(alphas) - 1).to(device)
        dropped = torch.rand(count, generator=generator).to(device) < EMPTY
        states = torch.where(dropped[:, None, None], nothing, states)
        x, target = noised(latents, noise, times, alphas)
        return x, times, states, target, cover

    def error(model: Model, parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        x, times, states, target, cover = parts
        x = x.contiguous(memory_format=torch.channels_last)
        with autocast(device):
            out = model(x, times, encoder_hidden_states=states).sample.float()
        return painting_loss(out, target, 1 + OBJECT_WEIGHT * cover, times, alphas)

    def step(progress: Progress) -> Mapping[str, float]:
        if progress.step % 50 == 0:
            library.refresh()
        loss, plain = error(unet, noisy(progress.step, batch))
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        average.update(unet)
        return {"loss": loss.item(), "mse": plain.item(), "norm": norm.item(), "scenes": len(library.shards) * 1000}

    fit(
        plan,
        parts={"model": unet, "average": average},
        optimiser=optimiser,
        step=step,
        export=lambda: export_average(average, shown, PACK / "unet"),
        export_seconds=600,
    )
    write_index()
    (WORKDIR / "unet" / "done").touch()
