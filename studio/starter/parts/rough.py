"""Pictures as they reach the seeing parts, drawn, roughened or through the decoder, and how a part learns from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL

from studio.starter.loop import EXPORTS, PACK, WORKDIR, Plan, Progress, export_model, fit, pick_device, save_atomically
from studio.starter.optimise import Optimisers
from studio.starter.parts.truth import weather
from studio.starter.scenes import TRAIN_SEEDS, Rendering, Scene, render, sample_scene

POOL = WORKDIR / "painted" / "pool.pt"
POOL_SIZE = 2400
POOL_START = 3_000_000
FADE = 0.5  # noise on the pool's latents: up to this share of their spread


@torch.no_grad()
def through_decoder(
    vae: Any, pictures: torch.Tensor, generator: torch.Generator, *, fade: float = 0.35
) -> torch.Tensor:
    """Return pictures, (n, 3, 128, 128) in 0..1, as the decoder gives them back from latents with up to `fade` of noise."""
    latents = vae.encode(pictures * 2 - 1).latent_dist.mode()
    noise = torch.randn(latents.shape, generator=generator).to(latents.device) * latents.std()
    strength = fade * torch.rand((len(latents), 1, 1, 1), generator=generator).to(latents.device)
    decoded: torch.Tensor = vae.decode(latents + strength * noise).sample
    return (decoded / 2 + 0.5).clamp(0, 1)


def to_unit(pictures: np.ndarray) -> torch.Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) floats in 0..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


@dataclass(frozen=True)
class Sight:
    """One scene as somebody may show it: the picture (H, W, 3 uint8) may be rough, the truth is exact."""

    scene: Scene
    picture: np.ndarray
    truth: Rendering


class Painted:
    """Scenes through the painter's decoder, made once (a minute or two) and kept in .training/painted."""

    def __init__(self) -> None:
        if not POOL.exists():
            _make_pool()
        data = torch.load(POOL, weights_only=True)
        self.seeds: list[int] = data["seeds"]
        self.pictures: np.ndarray = data["pictures"].numpy()

    def sights(self, rows: Sequence[int]) -> list[Sight]:
        """The pictures of some rows with their truth, rendered anew."""
        drawn = [sample_scene(self.seeds[row]) for row in rows]
        return [Sight(scene, self.pictures[row], render(scene)) for scene, row in zip(drawn, rows, strict=True)]


def _make_pool() -> None:
    """Every second scene holds a person: they are what is hardest to see through the decoder."""
    vae: Any = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).to(pick_device()).eval()
    generator = torch.Generator().manual_seed(21)
    seeds = wanted_seeds(POOL_START, POOL_SIZE // 2, person=True) + wanted_seeds(
        POOL_START, POOL_SIZE // 2, person=False
    )
    pictures = []
    for start in range(0, len(seeds), 40):
        some = np.stack([render(sample_scene(seed)).picture for seed in seeds[start : start + 40]])
        out = through_decoder(vae, to_unit(some).to(vae.device), generator, fade=FADE).cpu()
        pictures.append((out * 255).round().to(torch.uint8).permute(0, 2, 3, 1))
    save_atomically({"seeds": seeds, "pictures": torch.cat(pictures)}, POOL)


def wanted_seeds(start: int, count: int, *, person: bool) -> list[int]:
    """The first so many training seeds from `start` on whose scenes do, or do not, hold a person."""
    found: list[int] = []
    seed = TRAIN_SEEDS[start]
    while len(found) < count:
        if (sample_scene(seed).person is not None) == person:
            found.append(seed)
        seed += 1
    return found


def sights(painted: Painted, number: int, count: int, *, persons: float, first: int = 4_000_000) -> list[Sight]:
    """Return the number-th batch of training pictures: a third through the decoder, the others drawn anew.

    persons: the share of scenes that hold one. The same number gives the same batch.
    """
    rng = np.random.default_rng(number)
    third, half = count // 3, len(painted.seeds) // 2
    rows = [int(rng.integers(0, half)) + (0 if rng.random() < persons else half) for _ in range(third)]
    found = painted.sights(rows)
    seed = TRAIN_SEEDS[first + 40 * number * count % 900_000]
    for _ in range(count - third):
        scene, seed = _next(seed, person=bool(rng.random() < persons))
        made = render(scene)
        found.append(Sight(scene, made.picture, made))
    return found


def _next(seed: int, *, person: bool) -> tuple[Scene, int]:
    while True:
        scene = sample_scene(seed)
        seed += 1
        if (scene.person is not None) == person:
            return scene, seed


def pupil(name: str, make: Callable[[], Any], *, seed: int, from_shipped: bool) -> Any:
    """The model that a training begins with, where it is trained: made anew, or with the weights of the shipped part."""
    torch.manual_seed(seed)
    model = make()
    if from_shipped:
        model = type(model).from_pretrained(PACK / name, dtype=torch.float32)
    return model.to(pick_device())


def teach(
    plan: Plan,
    *,
    model: Any,
    optimiser: Optimisers,
    step: Callable[[Progress], Mapping[str, float]],
    evaluate: Callable[[], Mapping[str, float]],
    processor: Any,
) -> None:
    """Train one part that sees; weights and processor go to .training/export/NAME, where shipping finds them."""

    def export() -> None:
        export_model(model, EXPORTS / plan.name)
        processor.save_pretrained(EXPORTS / plan.name)

    fit(
        plan,
        parts={"model": model},
        optimiser=optimiser,
        step=step,
        evaluate=evaluate,
        export=export,
        export_seconds=240,
    )


def weathered(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Roughen the second half of a batch, (n, 3, h, w) in 0..1: what the decoder left is rough already and comes first."""
    half = len(pictures) // 2
    return torch.cat([pictures[:half], weather(pictures[half:], generator)])
