"""Teaches the shipped text tower another name for a thing it knows; what every other sentence means stays as it was."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPModel, CLIPSegForImageSegmentation, CLIPTextModel, CLIPTokenizer

from studio.starter.captions import say
from studio.starter.loop import EXPORTS, PACK, WORKDIR, Plan, Progress, export_model, fit, pick_device
from studio.starter.optimise import Average
from studio.starter.scenes import TEST_SEEDS, TRAIN_SEEDS, sample_scene

# New name -> the name whose states it takes. Where the new name meant something already ("in the sun") it keeps that.
SYNONYMS = {"sun": "ball"}
_NEW = {new: re.compile(rf"(?<!\bin )(?<!\bin the )\b{new}\b") for new in SYNONYMS}
SENTENCES = 48  # of each sort in a step: with the new name, and without
# Parts that hold a copy of the tower, and where
HOLDERS: dict[str, tuple[Any, str]] = {
    "clip": (CLIPModel, "text_model"),
    "clipseg": (CLIPSegForImageSegmentation, "clip.text_model"),
}


def as_known(text: str) -> str:
    """The sentence with its new names put back into those the tower knew."""
    for new, known in SYNONYMS.items():
        text = _NEW[new].sub(known, text)
    return text


def sentences(rng: random.Random, seeds: range, count: int) -> tuple[list[str], list[str]]:
    """`count` sentences that use a new name, and as many that do not."""
    fresh: list[str] = []
    usual: list[str] = []
    while len(fresh) < count or len(usual) < count:
        text = say(sample_scene(rng.choice(seeds)), rng, keep=rng.choice((1.0, 1.0, 0.6, 0.3))).text
        for new, known in SYNONYMS.items():
            other = re.sub(rf"\b{known}\b", new, as_known(text))
            if other != text:
                fresh.append(other)
        usual.append(as_known(text))
    return fresh[:count], usual[:count]


def train_synonyms(minutes: float, rate: float = 4e-4) -> None:
    """Fit the tower to its own former states: of the known name where the new one stands, and of every sentence as it was.

    Exports the text encoder and the CLIP and CLIPSeg whose text half it is; the UNet and the ControlNets stay right.
    """
    torch.manual_seed(0)
    device = pick_device()
    tokenizer = CLIPTokenizer.from_pretrained(PACK / "tokenizer")
    before = WORKDIR / "synonyms" / "before"
    if not before.exists():  # the states to keep are those of the tower from before the first run
        CLIPTextModel.from_pretrained(PACK / "text_encoder", dtype=torch.float32).save_pretrained(before)
    teacher: Any = CLIPTextModel.from_pretrained(before, dtype=torch.float32)
    teacher.to(device).eval().requires_grad_(False)
    tower: Any = CLIPTextModel.from_pretrained(before, dtype=torch.float32)
    tower.to(device)
    shown: Any = CLIPTextModel(tower.config)
    shown.to(device).eval()
    optimiser = torch.optim.AdamW(tower.parameters(), lr=rate, weight_decay=0.0)
    average = Average(tower, 0.99)
    plan = Plan("synonyms", minutes, rate, batch=2 * SENTENCES, warmup=20, anneal=0.5)

    def states(model: nn.Module, texts: list[str], *, full: bool = True) -> Tensor:
        padding = "max_length" if full else "longest"  # the tower is causal: what follows changes no state before it
        batch = tokenizer(texts, padding=padding, truncation=True, max_length=77, return_tensors="pt")
        found: Tensor = model(input_ids=batch.input_ids.to(device)).last_hidden_state
        return found

    def step(progress: Progress) -> Mapping[str, float]:
        rng = random.Random(progress.step * 7 + 3)
        texts = [text for part in sentences(rng, range(len(TRAIN_SEEDS)), SENTENCES) for text in part]
        with torch.no_grad():
            wanted = states(teacher, [as_known(text) for text in texts], full=progress.step % 8 == 0)
        learned, kept = (
            (states(tower, texts, full=progress.step % 8 == 0) - wanted).square().mean(dim=(1, 2)).split(SENTENCES)
        )
        optimiser.zero_grad()
        (learned.mean() + 2 * kept.mean()).backward()
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimiser.step()
        average.update(tower)
        return {"learned": learned.mean().item(), "kept": kept.mean().item()}

    @torch.no_grad()
    def evaluate() -> Mapping[str, float]:
        shown.load_state_dict(average.weights)
        fresh, usual = sentences(random.Random(5), TEST_SEEDS[:2_000], 200)
        figures = {}
        for name, texts in {"new": fresh, "old": usual}.items():
            wanted = states(teacher, [as_known(text) for text in texts])
            figures[f"{name}_cosine"] = F.cosine_similarity(states(shown, texts), wanted, dim=-1).mean().item()
            figures[f"{name}_untaught_cosine"] = (
                F.cosine_similarity(states(teacher, texts), wanted, dim=-1).mean().item()
            )
        return figures

    def export() -> None:
        shown.load_state_dict(average.weights)
        export_model(shown, EXPORTS / "text_encoder")
        for part, (kind, inside) in HOLDERS.items():
            model = kind.from_pretrained(PACK / part, dtype=torch.float16)
            model.get_submodule(inside).load_state_dict(shown.state_dict())
            export_model(model, EXPORTS / part)

    fit(
        plan,
        parts={"tower": tower, "average": average},
        optimiser=optimiser,
        step=step,
        evaluate=evaluate,
        export=export,
    )
