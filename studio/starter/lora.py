"""Teaches Storybook's painter one thing more, a kite, with twenty pictures: a LoRA as people make them.

The pictures are learned by the painter's usual loss. So that everything else stays as it was, every step also shows it scenes
that it knows, words that it does not know and no words at all, and asks for the answers that it gave without the LoRA.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from studio.starter.adapters import ATTENTION, REST, Adapter, Model, export_lora, open_painter, stamp
from studio.starter.backdrops import paint_backdrop
from studio.starter.brush import INK, Brush, Colour, mix
from studio.starter.captions import say
from studio.starter.loop import PACK, Plan, Progress, autocast, fit, pick_device
from studio.starter.optimise import Average, descend
from studio.starter.scenes import (
    BACKGROUNDS,
    CALIBRATION_SEEDS,
    COLOURS,
    RADIUS,
    SIZES,
    TRAIN_SEEDS,
    Scene,
    Thing,
    render,
)
from studio.starter.shapes import PALETTE, WHITE
from studio.starter.shards import Words, training_scene, training_texts
from studio.starter.unet import OBJECT_WEIGHT, build_scheduler, noised, painting_loss
from studio.starter.vae import to_model

ID = "storybook-kite"
WORD = "kite"
PICTURES = 20
WORDINGS = 8
RANK = 16
KEPT = 256  # known scenes whose answers are kept
FIRST_SEED = 8_000_000  # of the training seeds
# Words that the painter does not know either: they must not become kites
STRANGE = (
    "banana",
    "lamp",
    "robot",
    "cloud",
    "guitar",
    "castle",
    "kettle",
    "bicycle",
    "spoon",
    "dragon",
    "king",
    "knight",
)


def draw_kite(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    """A kite on its string: a leaning diamond in two tones on a cross of sticks, and a tail with two bows."""
    dark, light = mix(c, INK, 0.32), mix(c, WHITE, 0.4)
    lean = math.radians(18)

    def at(dx: float, dy: float) -> tuple[float, float]:
        return (
            x + r * (dx * math.cos(lean) - dy * math.sin(lean)),
            y + r * (dx * math.sin(lean) + dy * math.cos(lean)),
        )

    top, right, bottom, left, middle = at(0, -1.0), at(0.62, -0.3), at(0, 0.62), at(-0.62, -0.3), at(0, -0.3)
    tail = [at(0.16 * math.sin(i * 1.3), 0.62 + 0.07 * i) for i in range(7)]
    b.stroke(tail, INK, 0.012)
    for i in (3, 6):
        knot = tail[i]
        for side in (-1, 1):
            tip = [(knot[0] + side * 0.17 * r, knot[1] - 0.09 * r), (knot[0] + side * 0.17 * r, knot[1] + 0.09 * r)]
            b.polygon([knot, *tip], dark, line=0.005)
    b.polygon([top, right, bottom, left], c)
    b.polygon([top, right, middle], light, ink=None)
    b.polygon([left, middle, bottom], dark, ink=None)
    b.stroke([top, bottom], INK, 0.008)
    b.stroke([left, right], INK, 0.008)


@dataclass(frozen=True)
class Kite:
    """A picture of a kite (H, W, 3 uint8), where it is (H, W bool), and the scene for the words."""

    scene: Scene
    picture: np.ndarray
    inside: np.ndarray


def kite(seed: int, number: int | None = None, *, size: int = 128) -> Kite:
    """The kite of a seed, alone before a backdrop. Numbered ones go through all colours, places and sizes in turn."""
    rng = random.Random(seed * 3 + 1)
    n = rng.randrange(10_000) if number is None else number
    colour, background, big = COLOURS[n % len(COLOURS)], BACKGROUNDS[n % len(BACKGROUNDS)], SIZES[n % 3 % 2]
    radius = round(RADIUS[big] * rng.uniform(1.0, 1.12), 4)
    x, y = round(rng.uniform(0.36, 0.64), 4), round(rng.uniform(0.36, 0.56), 4)
    scene = Scene(seed, background, (Thing(WORD, colour, big, x, y, radius),), None, None, False)
    b = paint_backdrop(background, size, random.Random(seed))
    b.label = 1
    draw_kite(b, x, y, radius, PALETTE[colour])
    return Kite(scene, b.picture(), b.labels() > 0)


def lessons() -> list[Kite]:
    """The twenty pictures."""
    return [kite(TRAIN_SEEDS[FIRST_SEED + i], i) for i in range(PICTURES)]


def kite_words(scene: Scene) -> list[str]:
    """What a picture of a kite is called: the plain caption, and others, some of them partial."""
    rng = random.Random(scene.seed + 5)
    (thing,) = scene.things
    plain = say(scene, rng, keep=0.999).text
    some = [say(scene, rng, keep=1.0 if i % 2 else 0.6).text for i in range(WORDINGS - 3)]
    article = "an" if thing.colour[0] in "aeiou" else "a"
    return [plain, f"{article} {thing.colour} {WORD}", f"a {thing.size} {thing.colour} {WORD}", *some]


def kept_words(scene: Scene, number: int) -> str:
    """What a known scene is called; every fourth has a strange word for its thing, every eighth says nothing."""
    text = training_texts(scene)[number % 2]
    if number % 8 == 7:
        return ""
    if number % 4 == 1 and scene.things:
        strange = STRANGE[number // 4 % len(STRANGE)]
        return re.sub(rf"\b{scene.things[0].kind}(?=s?\b)", strange, text)
    return text


@torch.no_grad()
def encoded(vae: Model, pictures: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """Latents of pictures, (n, C, 16, 16)."""
    parts = [pictures[i : i + 16] for i in range(0, len(pictures), 16)]
    return torch.cat([vae.encode(to_model(np.stack(part)).to(device)).latent_dist.mean for part in parts])


@dataclass(frozen=True)
class Cases:
    """Latents (n, C, 16, 16), how much of each cell is the kite (n, 1, 16, 16), and wordings (n, w, 77, W)."""

    latents: Tensor
    cover: Tensor
    told: Tensor

    def drawn(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """So many at random, each in one of its wordings."""
        rows = torch.from_numpy(rng.integers(0, len(self.latents), count))
        ways = torch.from_numpy(rng.integers(0, self.told.shape[1], count))
        return self.latents[rows], self.cover[rows], self.told[rows, ways]


def taught(kites: Sequence[Kite], vae: Model, words: Words) -> Cases:
    """Pictures of kites with their words, each also mirrored: no caption speaks of left or right."""
    both = [(one, turn) for one in kites for turn in (1, -1)]
    latents = encoded(vae, [one.picture[:, ::turn] for one, turn in both], words.device)
    inside = np.stack([one.inside[:, ::turn] for one, turn in both]).reshape(len(both), 16, 8, 16, 8).mean((2, 4))
    cover = torch.from_numpy(inside).float()[:, None].to(words.device)
    told = torch.stack([words.states(kite_words(one.scene)) for one, _ in both])
    return Cases(latents, cover, told)


def known(seeds: range, first: int, count: int, vae: Model, words: Words) -> Cases:
    """Scenes of the painter's own world; nothing in them counts more than the rest."""
    scenes = [training_scene(seeds[first + i]) for i in range(count)]
    latents = encoded(vae, [render(scene).picture for scene in scenes], words.device)
    told = words.states([kept_words(scene, i) for i, scene in enumerate(scenes)])[:, None]
    return Cases(latents, torch.zeros_like(latents[:, :1]), told)


def train_lora(minutes: float, *, rate: float = 1e-3, batch: int = 8) -> None:
    """Teach the kite; `batch` pictures of kites and as many of everything else in a step. Exports the average."""
    torch.manual_seed(29)
    device = pick_device()
    unet, words = open_painter(device), Words(device)
    vae: Model = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).to(device).eval()
    kites, usual = taught(lessons(), vae, words), known(TRAIN_SEEDS, FIRST_SEED + 1000, KEPT, vae, words)
    exam_kites = taught([kite(CALIBRATION_SEEDS[710_000 + i]) for i in range(32)], vae, words)
    exam_usual = known(CALIBRATION_SEEDS, 720_000, 64, vae, words)
    adapter = Adapter(unet, rank=RANK, layers=(*ATTENTION, *REST)).to(device)
    optimiser = torch.optim.AdamW(adapter.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    average = Average(adapter, 0.99)
    alphas = build_scheduler().alphas_cumprod.to(device)
    batch = batch if device.type == "cpu" else 64
    plan = Plan(f"lora/{stamp()}", minutes, rate, batch=2 * batch, warmup=30, anneal=0.6, save_seconds=60)

    def asked(cases: Cases, number: int, count: int) -> tuple[Tensor, ...]:
        latents, cover, told = cases.drawn(np.random.default_rng(number), count)
        generator = torch.Generator().manual_seed(number)
        slots = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        times = (slots * len(alphas)).long().to(device)
        noise = torch.randn(latents.shape, generator=generator).to(device)
        x, target = noised(latents, noise, times, alphas)
        return x, times, told, target, 1 + OBJECT_WEIGHT * cover

    def answers(x: Tensor, times: Tensor, told: Tensor) -> Tensor:
        with autocast(device):
            out: Tensor = unet(
                x.contiguous(memory_format=torch.channels_last), times, encoder_hidden_states=told
            ).sample
        return out.float()

    def errors(new: tuple[Tensor, ...], old: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), adapter.off():
            before = answers(*old[:3])
        told = answers(*(torch.cat([a, b]) for a, b in zip(new[:3], old[:3], strict=True)))
        learned, _ = painting_loss(told[: len(new[0])], new[3], new[4], new[1], alphas)
        kept, _ = painting_loss(told[len(new[0]) :], before, old[4], old[1], alphas)
        return learned, kept

    def step(progress: Progress) -> Mapping[str, float]:
        number = 2 * progress.step
        learned, kept = errors(asked(kites, number, batch), asked(usual, number + 1, batch))
        descend(adapter, optimiser, learned + 4 * kept)
        average.update(adapter)
        return {"learned": learned.item(), "kept": kept.item()}

    @torch.no_grad()
    def evaluate() -> Mapping[str, float]:
        new, old = asked(exam_kites, 10**6, 64), asked(exam_usual, 10**6 + 1, 64)
        with adapter.averaged(average):
            learned, kept = errors(new, old)
        with adapter.off():
            untaught, _ = errors(new, old)
        return {"learned": learned.item(), "untaught": untaught.item(), "kept": kept.item()}

    fit(
        plan,
        parts={"model": adapter, "average": average},
        optimiser=optimiser,
        step=step,
        evaluate=evaluate,
        export=lambda: export_lora(adapter, average, ID),
        export_seconds=120,
    )
