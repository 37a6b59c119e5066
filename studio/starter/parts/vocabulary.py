"""Teaches the shipped text tower words it lacks; what every sentence of the words it knows means stays as it was."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    CLIPModel,
    CLIPSegForImageSegmentation,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from studio.starter.captions import SLOTS, Saying
from studio.starter.loop import PACK, WORKDIR, Plan, Progress, export_model, fit, pick_device
from studio.starter.optimise import Average, Optimisers
from studio.starter.scenes import TEST_SEEDS, TRAIN_SEEDS
from studio.starter.text import PROJECTED, Readouts, fact_losses, read_right, same_meaning_loss, sayings

# What the tower of the first vocabulary lacks: kinds, and words that only the counted or restyled sentences use.
NEW_KINDS = ("cat", "bird", "apple", "rocket")
NEW_WORDS = ("night version",)
SCENES = 64  # of a step; each is said twice
KEEP = 8.0  # how much the former states weigh beside the facts
# Parts that hold a copy of the tower, and where
HOLDERS: dict[str, tuple[Any, str]] = {
    "clip": (CLIPModel, ""),
    "clipseg": (CLIPSegForImageSegmentation, "clip."),
}


def is_known(saying: Saying) -> bool:
    """Whether the first vocabulary had every word of a sentence, so that its states are to stay as they were."""
    stated = dict(saying.stated)
    if "count" in stated or "style" in stated or any(word in saying.text for word in NEW_WORDS):
        return False
    return not any(stated.get(slot) in NEW_KINDS for slot in ("kind1", "kind2"))


def former_tower() -> CLIPTextModelWithProjection:
    """The shipped tower with the projection of the pack's CLIP."""
    clip: Any = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32)
    tower: Any = CLIPTextModelWithProjection(clip.config.text_config)
    tower.text_model.load_state_dict(clip.text_model.state_dict())
    tower.text_projection.load_state_dict(clip.text_projection.state_dict())
    return tower


def train_vocabulary(minutes: float, rate: float = 1e-3) -> None:  # noqa: PLR0915  one recipe, read from top to bottom
    """Fit the tower to the facts of all sentences, and to its own former states where it knew every word.

    Exports the text encoder and the CLIP and CLIPSeg whose text half it is; the UNet and the ControlNets stay right.
    """
    torch.manual_seed(0)
    device = pick_device()
    tokenizer = CLIPTokenizer.from_pretrained(PACK / "tokenizer")
    before = WORKDIR / "vocabulary" / "before"
    if not before.exists():  # the states to keep are those of the tower from before the first run
        former_tower().save_pretrained(before)
    teacher: Any = CLIPTextModelWithProjection.from_pretrained(before, dtype=torch.float32)
    teacher.to(device).eval().requires_grad_(False)
    tower: Any = CLIPTextModelWithProjection.from_pretrained(before, dtype=torch.float32)
    readouts = Readouts()
    both = nn.ModuleDict({"tower": tower, "readouts": readouts}).to(device)
    optimiser = Optimisers(both, rate=rate, muon_rate=rate / 2, muon_for=".layers.")
    average = Average(both, 0.99)
    shown: Any = nn.ModuleDict({"tower": CLIPTextModelWithProjection(tower.config), "readouts": Readouts()}).to(device)
    plan = Plan("vocabulary", minutes, rate, batch=2 * SCENES, warmup=60, anneal=0.6, save_seconds=120)

    def read(model: Any, said: Sequence[Saying], *, full: bool) -> tuple[Tensor, Tensor, Tensor]:
        """States, the pooled one, and the projection."""
        padding = "max_length" if full else "longest"  # the tower is causal: what follows changes no state before it
        texts = [saying.text for saying in said]
        batch = tokenizer(texts, padding=padding, truncation=True, max_length=77, return_tensors="pt")
        ids = batch.input_ids.to(device)
        out = model(input_ids=ids)
        end = (ids == tokenizer.eos_token_id).int().argmax(1)
        states = out.last_hidden_state
        return states, states[torch.arange(len(ids), device=device), end], out.text_embeds

    def targets_of(said: Sequence[Saying]) -> Tensor:
        return torch.tensor([saying.targets() for saying in said], device=device)

    def step(progress: Progress) -> Mapping[str, float]:
        rng = random.Random(progress.step * 7 + 5)
        said = sayings([rng.randrange(len(TRAIN_SEEDS)) for _ in range(SCENES)], rng)
        full = progress.step % 8 == 0
        states, pooled, embeds = read(tower, said, full=full)
        with torch.no_grad():
            former, _, projected = read(teacher, said, full=full)
        known = torch.tensor([is_known(saying) for saying in said], device=device).float()
        gap = (states - former).square().mean((1, 2)) + (1 - F.cosine_similarity(embeds, projected, dim=-1))
        kept = (gap * known).sum() / known.sum().clamp(min=1)
        targets = targets_of(said)
        told = fact_losses(readouts(states, pooled, embeds), targets)
        together = same_meaning_loss(embeds, [saying.meaning() for saying in said], readouts.scale)
        optimiser.zero_grad()
        (1.5 * torch.stack(told).sum() + 0.05 * together + KEEP * kept).backward()
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        average.update(both)
        names = ("dense", "pooled", "projected")
        return {n: v.item() for n, v in zip(names, told, strict=True)} | {"kept": kept.item()}

    @torch.no_grad()
    def evaluate() -> Mapping[str, float]:
        shown.load_state_dict(average.weights)
        shown.eval()
        said = sayings(TEST_SEEDS[:400], random.Random(5))
        states, pooled, embeds = read(shown["tower"], said, full=True)
        former, _, _ = read(teacher, said, full=True)
        targets = targets_of(said)
        right = [read_right(reading, targets) for reading in shown["readouts"](states, pooled, embeds)]
        alike = F.cosine_similarity(states, former, dim=-1).mean(1)
        known = torch.tensor([is_known(saying) for saying in said], device=device)
        named = zip(("dense", "pooled", "projected"), right, strict=True)
        figures = {f"{name}_all_facts": each.all(1).float().mean().item() for name, each in named}
        figures |= {f"dense_{slot}": right[0][targets[:, i] > 0, i].float().mean().item()
                    for i, slot in enumerate(SLOTS) if slot in {"kind1", "kind2", "count", "style"}}  # fmt: skip
        return figures | {"known_cosine": alike[known].mean().item(), "new_cosine": alike[~known].mean().item()}

    def export() -> None:
        shown.load_state_dict(average.weights)
        final: Any = shown["tower"]
        flat: Any = CLIPTextModel(final.config)
        flat.load_state_dict(final.text_model.state_dict())
        export_model(flat, PACK / "text_encoder")
        final.save_pretrained(PROJECTED)
        for part, (kind, inside) in HOLDERS.items():
            model = kind.from_pretrained(PACK / part, dtype=torch.float16)
            model.get_submodule(inside + "text_model").load_state_dict(final.text_model.state_dict())
            model.get_submodule(inside + "text_projection").load_state_dict(final.text_projection.state_dict())
            export_model(model, PACK / part)

    fit(
        plan,
        parts={"both": both, "average": average},
        optimiser=optimiser,
        step=step,
        evaluate=evaluate,
        export=export,
        export_seconds=10_000,
    )
