"""The walk from noise to latents, one step after another, for every task alike; it reports nothing and decodes nothing.

One loop of our own over diffusers' UNets, schedulers and ControlNets, because its pipelines cannot do three things that are
needed here: put back what lies outside of a mask for autoencoders of any width, balance a ControlNet against the prompt,
and paint the tiles of one canvas in one batch. That it walks as they do is tested against them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image

from studio.domain.errors import NotNumbers
from studio.workshop.paint import controls, masks
from studio.workshop.paint.controls import Guide
from studio.workshop.paint.prompts import Said

# after a step: its number (from 1), how many there are, and the model's present guess of the finished latents
AfterStep = Callable[[int, int, torch.Tensor], None]


@dataclass(frozen=True)
class Piece:
    """What is painted in one go: noise of its own, so that it comes out the same alone and in a batch.

    noise: (1, c, h, w) float32 on the CPU. start: what it begins from (RGB), None for nothing but noise. mask: (H, W) uint8,
    above 0 where it is painted; None for everywhere. maps: one picture (RGB) for each guide. All of the piece's own size.
    seed: of the picture that it is a part of; it decides the wildcards. None for the recipe's.
    """

    noise: torch.Tensor
    generator: torch.Generator
    start: Image.Image | None = None
    mask: np.ndarray | None = None
    maps: tuple[Image.Image, ...] = ()
    seed: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Latent cells, (rows, columns)."""
        return int(self.noise.shape[-2]), int(self.noise.shape[-1])


@dataclass(frozen=True)
class Walk:
    """How to walk: what each piece is told, all of one length; the guidance scale; the scheduler and its times."""

    said: Sequence[Said]
    guidance: float
    scheduler: Any
    times: torch.Tensor
    strength: float = 1.0
    guides: Sequence[Guide] = ()
    # How the cells outside of a mask are kept: until this share of the steps, and how many rings of cells more are painted
    hold: float = 1.0
    grow: int = field(default=0)


def piece(
    pipe: Any,
    seed: int,
    size: tuple[int, int],
    *,
    start: Image.Image | None = None,
    mask: np.ndarray | None = None,
    maps: tuple[Image.Image, ...] = (),
) -> Piece:
    """A piece of `size` (width, height) pixels with the noise that its seed gives, the same on every device."""
    factor = pipe.vae_scale_factor
    generator = torch.Generator("cpu").manual_seed(seed)
    shape = (1, pipe.vae.config.latent_channels, size[1] // factor, size[0] // factor)
    return Piece(torch.randn(shape, generator=generator), generator, start, mask, maps, seed)


def walk(pipe: Any, pieces: Sequence[Piece], how: Walk, after: AfterStep) -> torch.Tensor:
    """Paint pieces of one size; (n, c, h, w) latents. `after` may raise. Raises NotNumbers."""
    unet, scheduler = pipe.unet, how.scheduler
    where, kind = pipe._execution_device, unet.dtype  # where it computes: parts may wait elsewhere
    noise = torch.cat([one.noise for one in pieces]).to(where, kind)
    known = _known(pipe, pieces, noise)
    kept = _kept(pipe, pieces, how.grow)
    generators = [one.generator for one in pieces]
    # Some schedulers draw noise at each step as well; those that do not take no generator
    more = {"generator": generators} if "generator" in inspect.signature(scheduler.step).parameters else {}
    if known is None or how.strength >= 1:  # all noise: nothing of the source shines through
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(known, noise, how.times[:1].repeat(len(pieces)))
    distilled = unet.config.time_cond_proj_dim  # such a model was taught what guidance does, and is told its scale
    guided = how.guidance > 1 and distilled is None
    states, added = heard(how.said, _pixels(pipe, pieces[0]), guided=guided, like=noise)
    scale = None
    if distilled is not None:
        scale = pipe.get_guidance_scale_embedding(torch.full((len(pieces),), how.guidance - 1.0), distilled).to(noise)
    maps = [controls.stack([one.maps[i] for one in pieces], noise) for i in range(len(how.guides))]
    beside = _beside(pipe, pieces)
    if beside is not None and guided:
        beside = torch.cat([beside, beside])
    steps = len(how.times)
    for step, time in enumerate(how.times):
        seen = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, time)
        down, middle = controls.residuals(
            how.guides, maps, seen, time, states, guided=guided, step=step, steps=steps, added=added
        )
        said = unet(
            seen if beside is None else torch.cat([seen, beside], dim=1),
            time,
            encoder_hidden_states=states,
            timestep_cond=scale,
            added_cond_kwargs=added or None,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        if guided:
            without, with_prompt = said.chunk(2)
            said = without + how.guidance * (with_prompt - without)
        stepped = scheduler.step(said, time, latents, **more)
        latents = stepped.prev_sample
        last = step + 1 == steps
        if kept is not None and known is not None and (last or (step + 1) / steps <= how.hold):
            back = known if last else scheduler.add_noise(known, noise, how.times[step + 1 : step + 2])
            latents = torch.where(kept, back, latents)
        if not bool(torch.isfinite(latents).all()):
            raise NotNumbers("The model produced no numbers (NaN); try another seed, sampler or a lower guidance.")
        after(step + 1, steps, _guess(scheduler, stepped, latents))
    return latents


def heard(
    said: Sequence[Said], size: tuple[int, int], *, guided: bool, like: torch.Tensor
) -> tuple[torch.Tensor, dict[str, Any]]:
    """What the UNet is told of n pieces of one size (width, height): the states, and what SDXL and IP-Adapters want besides.

    When guided, the first n rows are without the prompt and the last n with it; else there are only the latter.
    """

    def rows(told: Sequence[torch.Tensor]) -> torch.Tensor:
        halves = (0, 1) if guided else (1,)
        return torch.cat([one[half : half + 1] for half in halves for one in told]).to(like.device, like.dtype)

    states = rows([one.states for one in said])
    added: dict[str, Any] = {}
    pooled = [one.pooled for one in said if one.pooled is not None]
    if pooled:
        added["text_embeds"] = rows(pooled)
        # SDXL is told how large the picture is, that nothing was cut off, and how large it should be: height before width
        told = [size[1], size[0], 0, 0, size[1], size[0]]
        added["time_ids"] = torch.tensor([told] * len(states), device=like.device, dtype=like.dtype)
    shown = [one.picture for one in said if one.picture is not None]
    if shown:
        added["image_embeds"] = [rows(shown)]
    return states, added


def encode(pipe: Any, pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Latents of RGB pictures of one size, (n, c, h, w); the likeliest, not drawn, so that a seed's noise stays its own."""
    vae = pipe.vae
    pixels = torch.from_numpy(np.stack([np.asarray(one) for one in pictures])).permute(0, 3, 1, 2).float() / 127.5 - 1
    latents = []
    for one in pixels.split(1):  # one by one: memory
        told = vae.encode(one.to(pipe._execution_device, vae.dtype))
        latents.append(
            told.latent_dist.mode() if hasattr(told, "latent_dist") else told.latents
        )  # a tiny VAE draws none
    made: torch.Tensor = (torch.cat(latents) - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor
    return made


def decode(vae: Any, latents: torch.Tensor) -> Image.Image:
    """The first picture of latents; raises NotNumbers."""
    decoded = vae.decode(
        latents[:1].to(vae.dtype) / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    ).sample
    if not bool(torch.isfinite(decoded).all()):
        raise NotNumbers("The model produced no numbers (NaN) when decoding; try another seed or a lower guidance.")
    pixels = ((decoded[0].float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy(), "RGB")


def _known(pipe: Any, pieces: Sequence[Piece], noise: torch.Tensor) -> torch.Tensor | None:
    """The latents of what the pieces start from; pictures that several share are encoded once."""
    starts = [one.start for one in pieces]
    if any(start is None for start in starts):
        return None
    different = {id(start): start for start in starts if start is not None}
    latents = dict(zip(different, encode(pipe, list(different.values())).split(1), strict=True))
    return torch.cat([latents[id(start)] for start in starts]).to(noise)


def _kept(pipe: Any, pieces: Sequence[Piece], grow: int) -> torch.Tensor | None:
    """Where latents are put back, (n, 1, h, w) bool; None where everything is painted."""
    if all(one.mask is None for one in pieces) or takes_masks(pipe):
        return None
    free = [
        np.ones(one.size, bool) if one.mask is None else masks.cells(one.mask, pipe.vae_scale_factor, grow=grow)
        for one in pieces
    ]
    return ~torch.from_numpy(np.stack(free))[:, None].to(pipe._execution_device)


def _pixels(pipe: Any, piece: Piece) -> tuple[int, int]:
    """A piece's width and height."""
    return piece.size[1] * pipe.vae_scale_factor, piece.size[0] * pipe.vae_scale_factor


def takes_masks(pipe: Any) -> bool:
    """Whether the UNet was made for inpainting: it sees the mask and the picture without what lies under it as well."""
    return bool(pipe.unet.config.in_channels == 2 * pipe.vae.config.latent_channels + 1)


def _beside(pipe: Any, pieces: Sequence[Piece]) -> torch.Tensor | None:
    """The mask and the masked picture's latents, (n, 1 + c, h, w), for UNets that were made for inpainting."""
    if not takes_masks(pipe):
        return None
    shown, free = [], []
    for one in pieces:
        high, wide = (side * pipe.vae_scale_factor for side in one.size)
        mask = np.full((high, wide), 255, np.uint8) if one.mask is None else one.mask
        pixels = np.full((high, wide, 3), 128, np.uint8) if one.start is None else np.array(one.start)
        pixels[mask > 0] = 128  # the middle grey: what such models were trained to read as nothing
        shown.append(Image.fromarray(pixels))
        free.append(masks.cells(mask, pipe.vae_scale_factor))
    mask_cells = torch.from_numpy(np.stack(free))[:, None]
    return torch.cat(
        [mask_cells.to(pipe._execution_device, pipe.unet.dtype), encode(pipe, shown).to(pipe.unet.dtype)], dim=1
    )


def _guess(scheduler: Any, stepped: Any, latents: torch.Tensor) -> torch.Tensor:
    """The model's guess of the finished latents, where the scheduler tells it; else the latents as they are."""
    told = next(
        (getattr(stepped, name) for name in ("pred_original_sample", "denoised") if hasattr(stepped, name)), None
    )
    if told is None and scheduler.config.get("algorithm_type") != "deis":  # DEIS keeps the noise, not the picture
        outputs = getattr(scheduler, "model_outputs", None)
        told = outputs[-1] if outputs else None
    return latents if told is None else told
