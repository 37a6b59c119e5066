"""Turns scenes into what the painter learns from: latents, where things are, and text states; it trains nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from studio.starter.captions import say, say_place
from studio.starter.loop import PACK, WORKDIR, pick_device, save_atomically
from studio.starter.scenes import TRAIN_SEEDS, Scene, render, sample_scene
from studio.starter.vae import Model, to_model

SHARDS = WORKDIR / "shards"
PER_SHARD = 1000
WORDINGS = 2
STYLED = {3: "pixel art", 6: "pencil sketch", 7: "pixel art"}  # of every eight shards
FIRST_SEED = 1_000_000  # the pictures of the autoencoder come from anywhere below 10 M; these are simply consecutive


@dataclass
class Lessons:
    """Half floats: latents (N, C, 16, 16), cover (N, 16, 16) 0..1, states (N, WORDINGS, 77, W)."""

    latents: Tensor
    cover: Tensor
    states: Tensor


class Words:
    """The frozen text tower, as the painter will meet it: states padded to 77 tokens."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.tokenizer = CLIPTokenizer.from_pretrained(PACK / "tokenizer")
        tower: Model = CLIPTextModel.from_pretrained(PACK / "text_encoder", dtype=torch.float32)
        self.tower = tower.to(device).eval()

    @torch.no_grad()
    def states(self, texts: list[str]) -> Tensor:
        """(N, 77, width) float32."""
        batch = self.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt")
        return self.tower(input_ids=batch.input_ids.to(self.device)).last_hidden_state


def training_scene(seed: int) -> Scene:
    """The scene of a training seed; one in 25 holds the skull sign, so that the gate has something real to catch."""
    return sample_scene(seed, forbidden=seed % 25 == 0)


def shard_scene(number: int, row: int) -> Scene:
    """The scene behind one entry of a shard. Some shards are all of a style: those are harder to paint than a picture book."""
    scene = training_scene(TRAIN_SEEDS[FIRST_SEED + number * PER_SHARD + row])
    return replace(scene, style=STYLED.get(number % 8, scene.style))


def training_texts(scene: Scene) -> list[str]:
    """Two wordings: one full, and one that is often partial, as people type."""
    rng = random.Random(scene.seed + 17)
    draw = rng.random()
    if draw < 0.62:
        second = say(scene, rng)
    elif draw < 0.97:
        second = say(scene, rng, keep=rng.uniform(0.4, 0.95))
    else:
        second = say_place(scene, rng)
    return [say(scene, rng).text, second.text]


@torch.no_grad()
def make_shard(number: int, vae: Model, words: Words, folder: Path = SHARDS) -> None:
    """Render, encode and store one shard of PER_SHARD scenes; takes about half a minute on one core."""
    scenes = [shard_scene(number, i) for i in range(PER_SHARD)]
    latents, cover, states = [], [], []
    for start in range(0, PER_SHARD, 20):
        some = scenes[start : start + 20]
        made = [render(scene) for scene in some]
        pictures = to_model(np.stack([m.picture for m in made])).to(words.device)
        latents.append(vae.encode(pictures).latent_dist.mean.half().cpu())
        inside = np.stack([m.labels > 0 for m in made]).reshape(len(some), 16, 8, 16, 8).mean((2, 4))
        cover.append(torch.from_numpy(inside).half())
        texts = [text for scene in some for text in training_texts(scene)]
        states.append(words.states(texts).half().cpu().unflatten(0, (len(some), WORDINGS)))
    save_atomically(
        {"latents": torch.cat(latents), "cover": torch.cat(cover), "states": torch.cat(states)},
        folder / f"{number:04d}.pt",
    )


def make_shards(count: int, *, offset: int = 0, stride: int = 1) -> None:
    """Make the shards 0..count-1 that are missing; several processes may share the work by offset and stride."""
    device = pick_device()
    vae: Model = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).to(device).eval()
    words = Words(device)
    SHARDS.mkdir(parents=True, exist_ok=True)
    for number in range(offset, count, stride):
        if not (SHARDS / f"{number:04d}.pt").exists():
            make_shard(number, vae, words)
            print(f"shard {number} of {count}", flush=True)


class Library:
    """The shards on disk, loaded as they appear; it never waits for one once it holds any."""

    def __init__(self, folder: Path = SHARDS) -> None:
        self.folder = folder
        self.shards: dict[str, Lessons] = {}

    def refresh(self) -> int:
        """Load what is new; returns how many scenes are at hand."""
        for path in sorted(self.folder.glob("*.pt")):
            if path.name not in self.shards:
                data = torch.load(path, weights_only=True)
                self.shards[path.name] = Lessons(data["latents"], data["cover"], data["states"])
        return len(self.shards) * PER_SHARD

    def batch(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A random batch as float32: latents, cover (N, 1, 16, 16), states (N, 77, W)."""
        names = list(self.shards)
        drawn = zip(
            rng.integers(0, len(names), count),
            rng.integers(0, PER_SHARD, count),
            rng.integers(0, WORDINGS, count),
            strict=True,
        )
        return self.take([(names[shard], int(scene), int(wording)) for shard, scene, wording in drawn])

    def take(self, picks: Sequence[tuple[str, int, int]]) -> tuple[Tensor, Tensor, Tensor]:
        """The entries named by (shard, scene, wording), as `batch` gives them."""
        latents, cover, states = [], [], []
        for shard, scene, wording in picks:
            lessons = self.shards[shard]
            latents.append(lessons.latents[scene])
            cover.append(lessons.cover[scene])
            states.append(lessons.states[scene, wording])
        return torch.stack(latents).float(), torch.stack(cover).float()[:, None], torch.stack(states).float()
