"""Does the LoRA of twenty pictures teach Storybook a kite, and does it leave the rest alone?

    python bench/storybook_lora.py [--n 96] [--only judge kites others] [--out FILE]

Kites are found by a small network that is trained here, apart from everything else, on rendered kites and rendered scenes of
the painter's own world (two minutes, kept in .training/kite-judge.pt). How far it can be believed stands in the table first: on
rendered kites and on rendered other things that it never saw, as drawn and through the painter's decoder. Then prompts of
kites, with and without the LoRA and with the same seeds, and held-out scenes without a kite, told by the pack's own judge.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from studio.workshop import heavy  # noqa: E402

heavy.prepare()

from bench.figures import Figure, Question, parts_of, run, share  # noqa: E402
from bench.storybook_modes import mode_of, paint, told  # noqa: E402
from studio.starter.captions import PLACES  # noqa: E402
from studio.starter.loop import PACK, WORKDIR, save_atomically  # noqa: E402
from studio.starter.lora import ID, WORD, kite  # noqa: E402
from studio.starter.parts.judge import load_judge, read  # noqa: E402
from studio.starter.parts.rough import through_decoder, to_unit  # noqa: E402
from studio.starter.parts.truth import weather  # noqa: E402
from studio.starter.scenes import BACKGROUNDS, COLOURS, TEST_SEEDS, TRAIN_SEEDS, render, sample_scene  # noqa: E402

KEPT = WORKDIR / "kite-judge.pt"
FIRST_TAUGHT, FIRST_TESTED = 8_500_000, 650_000  # of the training and of the held-out seeds: nothing else looks at them
TAUGHT = 1_200  # pictures of each sort
ROUNDS = 6


class KiteJudge(nn.Module):
    """Pictures (n, 3, 128, 128) in 0..1 to logits (n, 1 + colours): whether a kite is there, and of which colour."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 64, 64)
        layers: list[nn.Module] = [nn.AvgPool2d(2)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, 2 if after > before else 1, 1), nn.GroupNorm(8, after), nn.SiLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(128, 1 + len(COLOURS))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        seen = self.trunk((pictures - 0.5) * 4)
        logits: torch.Tensor = self.head(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1))
        return logits


def drawn(seeds: Sequence[int], *, kites: bool) -> tuple[np.ndarray, list[str]]:
    """Rendered kites with their colours, or rendered scenes without any."""
    if not kites:
        return np.stack([render(sample_scene(seed)).picture for seed in seeds]), ["" for _ in seeds]
    made = [kite(seed) for seed in seeds]
    return np.stack([one.picture for one in made]), [one.scene.things[0].colour for one in made]


def train_judge(count: int = TAUGHT, rounds: int = ROUNDS) -> KiteJudge:
    """A judge of kites, from pictures as drawn and roughened."""
    torch.manual_seed(31)
    rng = random.Random(31)
    generator = torch.Generator().manual_seed(31)
    seeds = TRAIN_SEEDS[FIRST_TAUGHT : FIRST_TAUGHT + 2 * count]
    with_kites, colours = drawn(seeds[:count], kites=True)
    pictures = np.concatenate([with_kites, drawn(seeds[count:], kites=False)[0]])
    hues = torch.tensor([COLOURS.index(colour) for colour in colours] + [-1] * count)
    judge = KiteJudge()
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, rounds * -(-2 * count // 32))
    for _ in range(rounds):
        for rows in torch.randperm(2 * count, generator=generator).split(32):
            some = to_unit(pictures[rows.numpy()])
            logits = judge(weather(some, generator) if rng.random() < 0.7 else some)
            loss = F.binary_cross_entropy_with_logits(logits[:, 0], (hues[rows] >= 0).float())
            loss = loss + F.cross_entropy(logits[:, 1:], hues[rows], ignore_index=-1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return judge.eval()


@cache
def judge_of_kites() -> KiteJudge:
    """The judge, trained once."""
    judge = KiteJudge()
    if KEPT.exists():
        judge.load_state_dict(torch.load(KEPT, weights_only=True))
        return judge.eval()
    judge = train_judge()
    save_atomically(judge.state_dict(), KEPT)
    return judge


def seen(pictures: torch.Tensor) -> list[str]:
    """The colour of the kite in each picture, "" where none is."""
    judge = judge_of_kites()  # it learns at the first call, with gradients
    with torch.no_grad():
        logits = torch.cat([judge(part) for part in pictures.split(50)])
    hues = logits[:, 1:].argmax(1).tolist()
    return [COLOURS[hue] if there > 0 else "" for there, hue in zip(logits[:, 0].tolist(), hues, strict=True)]


def judge_figures(n: int) -> list[Figure]:
    """How often the judge of kites is right about rendered pictures."""
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).eval()
    seeds = TEST_SEEDS[FIRST_TESTED : FIRST_TESTED + n]
    kites, colours = drawn(seeds, kites=True)
    others, _ = drawn(seeds, kites=False)
    figures = []
    for how in ("as drawn", "through the decoder"):
        views = [to_unit(kites), to_unit(others)]
        if how != "as drawn":
            generator = torch.Generator().manual_seed(1)
            views = [torch.cat([through_decoder(vae, part, generator) for part in parts_of(one, 20)]) for one in views]
        found, false = seen(views[0]), seen(views[1])
        named = [a == b for a, b in zip(found, colours, strict=True) if a]
        figures += [
            share("judge of kites", f"kites found, {how}", [bool(one) for one in found]),
            share("judge of kites", f"their colour right, {how}", named),
            share("judge of kites", f"kites seen in other scenes, {how}", [bool(one) for one in false]),
        ]
    return figures


def kite_prompts(n: int) -> list[tuple[str, str, str, int]]:
    """(prompt, colour, place, seed): every colour with every place in turn."""
    made = []
    for i in range(n):
        colour, place = COLOURS[i % len(COLOURS)], BACKGROUNDS[i // len(COLOURS) % len(BACKGROUNDS)]
        article = "an" if colour[0] in "aeiou" else "a"
        made.append((f"{article} {colour} {WORD} {PLACES[place][0]}", colour, place, TEST_SEEDS[FIRST_TESTED] + i))
    return made


def kite_figures(n: int) -> list[Figure]:
    """Prompts of kites with and without the LoRA."""
    asked = kite_prompts(n)
    figures = []
    for name, loras in (("without the LoRA", ()), ("with the LoRA", (ID,))):
        pictures = paint(mode_of("balanced"), [(prompt, seed) for prompt, _, _, seed in asked], loras=loras)
        found, readings = seen(to_unit(pictures)), read(load_judge(), pictures)
        figures += [
            share(name, "a kite is there", [bool(one) for one in found]),
            share(name, "in the asked colour", [one == row[1] for one, row in zip(found, asked, strict=True)]),
            share(name, "in the asked place", [r.background == row[2] for r, row in zip(readings, asked, strict=True)]),
        ]
    return figures


def other_figures(n: int) -> list[Figure]:
    """Held-out scenes without a kite, with and without the LoRA: what the prompt says, and kites that nobody asked for."""
    scenes = [sample_scene(TEST_SEEDS[FIRST_TESTED + 10_000 + i]) for i in range(n)]
    figures = []
    for name, loras in (("other prompts without the LoRA", ()), ("other prompts with the LoRA", (ID,))):
        pictures = paint(mode_of("balanced"), scenes, loras=loras)
        figures += told(name, scenes, pictures)
        figures.append(share(name, "a kite is there", [bool(one) for one in seen(to_unit(pictures))]))
    return figures


QUESTIONS: dict[str, Question] = {
    "judge": (judge_figures, 500),
    "kites": (kite_figures, 72),
    "others": (other_figures, 96),
}


if __name__ == "__main__":
    run(__doc__ or "", "A kite for Storybook.", QUESTIONS)
