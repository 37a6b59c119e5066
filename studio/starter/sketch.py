"""Teaches Storybook's painter to sketch: a LoRA with which four steps and no guidance go where its guided twenty went.

The teacher is the painter itself, walked as the pack's mode Balanced walks, from noise that a seed gives; each walk is made
once and kept. The student learns four strides: from the walk's state at one of its four times to the state at the next, as a
step of DDIM takes it (progressive distillation, Salimans and Ho 2022, in one round). From the first third of the time on it
starts where its own last stride ended, so that it learns to mend what it does wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.packs.manifest import read_manifest
from studio.places import ASSETS
from studio.starter.adapters import ATTENTION, REST, Adapter, Model, export_lora, open_painter, stamp
from studio.starter.loop import WORKDIR, Plan, Progress, autocast, fit, pick_device, save_atomically
from studio.starter.optimise import Average, descend
from studio.starter.scenes import CALIBRATION_SEEDS, TRAIN_SEEDS
from studio.starter.shards import Words, training_scene, training_texts
from studio.starter.unet import build_scheduler
from studio.workshop.paint import samplers

ID = "storybook-sketch"
STEPS = 4
RANK = 32
THINGS = 4.0  # a cell that stands out from its row counts 1 + 4 times as much as one of the background
AT_ONCE = 64  # walks in a file
WALKS = 1024
EXAM = 64  # held-out walks
FORCED = 0.33  # the share of the time in which every stride starts from the teacher's own states
FIRST_SEED = 6_000_000  # of the training seeds: scenes that are in no shard


@dataclass(frozen=True)
class Walks:
    """n guided walks: latents at the student's times and at the end (n, 5, C, H, W), what they were told (n, 77, W)."""

    states: Tensor
    told: Tensor


def student_times() -> list[int]:
    """The times of the four steps, as the sampler DDIM walks them with the pack's own scheduler."""
    ddim, times = samplers.ready("ddim", build_scheduler().config, steps=STEPS, strength=1.0)
    assert ddim.config.timestep_spacing == "trailing"
    return [int(time) for time in times]


@torch.no_grad()
def walk(unet: Model, told: Tensor, nothing: Tensor, noise: Tensor, mode: tuple[int, float, str]) -> Tensor:
    """Walk from noise with guidance; the latents at the student's times and at the end, (n, 5, C, H, W)."""
    steps, guidance, sampler = mode
    scheduler, times = samplers.ready(sampler, build_scheduler().config, steps=steps, strength=1.0, device=noise.device)
    wanted = student_times()
    x, kept = noise * scheduler.init_noise_sigma, []
    both = torch.cat([nothing.expand(len(told), -1, -1), told])
    for time in times:
        if int(time) in wanted:
            kept.append(x)
        seen = torch.cat([x, x]).contiguous(memory_format=torch.channels_last)
        with autocast(noise.device):
            without, with_words = unet(seen, time, encoder_hidden_states=both).sample.float().chunk(2)
        x = scheduler.step(without + guidance * (with_words - without), time, x).prev_sample
    if len(kept) != STEPS:
        raise ValueError(f"a walk of {steps} steps does not pass the times {wanted}")
    return torch.stack([*kept, x], 1)


def scene_words(seeds: range, first: int, count: int) -> list[str]:
    """What the scenes of so many seeds are called, full and partial wordings in turn."""
    scenes = [training_scene(seeds[first + i]) for i in range(count)]
    return [training_texts(scene)[i % 2] for i, scene in enumerate(scenes)]


def make_walks(folder: Path, unet: Model, words: Words, count: int, *, exam: bool = False) -> None:
    """Make those files of walks that are missing; about 0.3 s a walk on one core. The exam's scenes are held out."""
    manifest = read_manifest(ASSETS / "packs" / "storybook.toml")
    mode = (manifest.steps, manifest.guidance, manifest.sampler)
    nothing = words.states([""])
    seeds, first = (CALIBRATION_SEEDS, 700_000) if exam else (TRAIN_SEEDS, FIRST_SEED)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-count // AT_ONCE)):
        file = folder / f"{'exam' if exam else 'walks'}-{number:04d}.pt"
        if file.exists():
            continue
        start = first + number * AT_ONCE
        told = words.states(scene_words(seeds, start, AT_ONCE))
        noise = torch.randn((AT_ONCE, 8, 16, 16), generator=torch.Generator().manual_seed(start)).to(words.device)
        states = walk(unet, told, nothing, noise, mode)
        save_atomically({"states": states.half().cpu(), "told": told.half().cpu()}, file)
        print(f"{file.name}, {(number + 1) * AT_ONCE} walks of {count}", flush=True)


def load_walks(folder: Path, *, exam: bool = False) -> Walks:
    """All walks of a folder."""
    files = sorted(folder.glob(f"{'exam' if exam else 'walks'}-*.pt"))
    read = [torch.load(file, weights_only=True) for file in files]
    return Walks(torch.cat([one["states"] for one in read]), torch.cat([one["told"] for one in read]))


class Strides:
    """The arithmetic of DDIM between the student's times, on v."""

    def __init__(self, device: torch.device) -> None:
        self.times = torch.tensor(student_times(), device=device)
        alphas = build_scheduler().alphas_cumprod.to(device)
        ahead = torch.cat([alphas[self.times], torch.ones(1, device=device)])
        self.a, self.s = ahead.sqrt(), (1 - ahead).sqrt()

    def land(self, x: Tensor, v: Tensor, k: int) -> Tensor:
        """Where step k ends when the painter answers v at x."""
        clean, noise = self.a[k] * x - self.s[k] * v, self.s[k] * x + self.a[k] * v
        return self.a[k + 1] * clean + self.s[k + 1] * noise

    def guess(self, x: Tensor, landing: Tensor, k: int) -> Tensor:
        """The clean latents that a painter at x must guess so that step k ends at `landing`."""
        carried = self.s[k + 1] / self.s[k]
        return (landing - carried * x) / (self.a[k + 1] - carried * self.a[k])

    def aim(self, x: Tensor, guess: Tensor, k: int) -> Tensor:
        """The v that guesses these clean latents at x."""
        return (self.a[k] * x - guess) / self.s[k]


def standing_out(latents: Tensor) -> Tensor:
    """How far each cell differs from the middle of its row, (n, 1, H, W) in 0..1: backgrounds lie in rows, things do not.

    Walks have no truth to say where things are: the words leave the place open.
    """
    distance = (latents - latents.median(3, keepdim=True).values).square().mean(1, keepdim=True).sqrt()
    return distance / distance.amax((2, 3), keepdim=True).clamp(min=1e-6)


@torch.no_grad()
def sketch(answer: Callable[[Tensor, Tensor], Tensor], noise: Tensor, strides: Strides) -> Tensor:
    """Walk the four steps; `answer(x, time)` is the painter's v."""
    x = noise
    for k, time in enumerate(strides.times):
        x = strides.land(x, answer(x, time), k)
    return x


def distances(unet: Model, adapter: Adapter, exam: Walks, nothing: Tensor) -> dict[str, float]:
    """Root mean square distances of four-step endpoints to the teacher's, where one is the spread of the latents.

    `plain`: the painter without the LoRA, guided as the pack says; `sketch`: with it, no guidance; `others`: of two walks.
    """
    device = nothing.device
    strides, guidance = Strides(device), read_manifest(ASSETS / "packs" / "storybook.toml").guidance
    states, told = exam.states.float().to(device), exam.told.float().to(device)
    both = torch.cat([nothing.expand(len(told), -1, -1), told])

    def guided(x: Tensor, time: Tensor) -> Tensor:
        without, with_words = unet(torch.cat([x, x]), time, encoder_hidden_states=both).sample.float().chunk(2)
        return without + guidance * (with_words - without)

    def alone(x: Tensor, time: Tensor) -> Tensor:
        return unet(x, time, encoder_hidden_states=told).sample.float()

    def rms(ends: Tensor) -> float:
        return float((ends - states[:, -1]).square().mean().sqrt())

    with adapter.off():
        plain = rms(sketch(guided, states[:, 0], strides))
    return {
        "plain": plain,
        "sketch": rms(sketch(alone, states[:, 0], strides)),
        "others": rms(states[:, -1].roll(1, 0)),
    }


def train_sketch(minutes: float, *, rate: float = 1e-3, count: int = WALKS, batch: int = 8) -> None:
    """Make the walks that are missing, then teach the LoRA; `minutes` counts the teaching alone. Exports the average."""
    torch.manual_seed(23)
    device = pick_device()
    unet, words = open_painter(device), Words(device)
    name = f"sketch/{stamp()}"  # walks and student are of one painter
    folder = WORKDIR / name
    make_walks(folder, unet, words, EXAM, exam=True)
    make_walks(folder, unet, words, count)
    walks, exam, nothing = load_walks(folder), load_walks(folder, exam=True), words.states([""])
    adapter = Adapter(unet, rank=RANK, layers=(*ATTENTION, *REST))
    adapter.to(device)
    optimiser = torch.optim.AdamW(adapter.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    average = Average(adapter, 0.995)
    strides = Strides(device)
    batch = batch if device.type == "cpu" else 128
    plan = Plan(name, minutes, rate, batch=batch * STEPS, warmup=30, anneal=0.6, save_seconds=120)

    def drawn(number: int) -> tuple[Tensor, Tensor]:
        rows = torch.from_numpy(np.random.default_rng(number).integers(0, len(walks.states), batch))
        return walks.states[rows].float().to(device), walks.told[rows].float().to(device)

    def step(progress: Progress) -> Mapping[str, float]:
        states, told = drawn(progress.step)
        own = progress.seconds > FORCED * minutes * 60
        weight = 1 + THINGS * standing_out(states[:, -1])
        weight = weight / weight.mean((1, 2, 3), keepdim=True)
        x, total = states[:, 0], torch.zeros((), device=device)
        losses: list[float] = []
        for k in range(STEPS):
            x = x if own else states[:, k]
            # The teacher's guess, not its landing: to be sent back to a path that it left, the student would have to know
            # how it left it, and what cannot be known is learned as blur. A guess mends what matters, gently at first.
            target = strides.aim(x, strides.guess(states[:, k], states[:, k + 1], k), k)
            seen = x.contiguous(memory_format=torch.channels_last)
            with autocast(device):
                out = unet(seen, strides.times[k], encoder_hidden_states=told).sample.float()
            loss = ((out - target).square() * weight).mean()
            total = total + loss
            losses.append(loss.item())
            x = strides.land(x, out.detach(), k)
        descend(adapter, optimiser, total / STEPS)
        average.update(adapter)
        return {f"step{k}": loss for k, loss in enumerate(losses)} | {"own": float(own)}

    @torch.no_grad()
    def evaluate() -> Mapping[str, float]:
        with adapter.averaged(average):
            return distances(unet, adapter, exam, nothing)

    fit(
        plan,
        parts={"model": adapter, "average": average},
        optimiser=optimiser,
        step=step,
        evaluate=evaluate,
        export=lambda: export_lora(adapter, average, ID),
        export_seconds=300,
    )
