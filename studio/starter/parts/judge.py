"""The judge: a small convolutional reader of scenes that only measures the pack; it is trained apart and never ships in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from studio.starter import scenes
from studio.starter.loop import Plan, Progress, fit, pick_device
from studio.starter.optimise import descend
from studio.starter.parts.truth import CELL_KINDS, IGNORE, PERSON, SKULL, Truth, mean_loss, seeded, truth_of, weather
from studio.starter.scenes import CALIBRATION_SEEDS, TRAIN_SEEDS

GRID = 16
WEIGHTS = Path(__file__).resolve().parents[3] / "bench" / "judge.safetensors"


@dataclass(frozen=True)
class Found:
    """One thing that the judge sees: kind, colour, centre (x, y in 0..1), and how many cells of the 16x16 map it covers."""

    kind: str
    colour: str
    x: float
    y: float
    cells: int


@dataclass(frozen=True)
class Reading:
    """Everything that the judge sees in one picture."""

    background: str
    things: tuple[Found, ...]
    person: bool
    shirt: str | None
    trousers: str | None
    skull: bool
    style: str


class Block(nn.Module):
    """Two 3x3 convolutions around a residual line."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.middle = nn.GroupNorm(8, width)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(F.silu(self.middle(self.first(F.silu(self.norm(x))))))


class Judge(nn.Module):
    """Pictures (n, 3, 128, 128) in 0..1 to logits: background, cell kinds and colours (n, c, 16, 16), what a person wears."""

    def __init__(self) -> None:
        super().__init__()
        wide = 96
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 24, 4, 2, 1), nn.SiLU(), nn.Conv2d(24, 48, 4, 2, 1), Block(48), nn.Conv2d(48, wide, 4, 2, 1),
            Block(wide), Block(wide, 2), nn.GroupNorm(8, wide), nn.SiLU(),
        )  # fmt: skip
        hues = len(scenes.COLOURS)
        self.background = nn.Linear(2 * wide, len(scenes.BACKGROUNDS))
        self.style = nn.Linear(2 * wide, len(scenes.STYLES))
        self.kind = nn.Conv2d(wide, len(CELL_KINDS), 1)
        self.colour = nn.Conv2d(wide, hues, 1)
        self.wears = nn.Conv2d(wide, 2 * (hues + 1), 1)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        seen = self.trunk((pictures - 0.5) * 4)
        kind = self.kind(seen)
        pooled = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1)
        # A person's clothes: every cell votes for a colour with its own weight, counted where a person stands.
        votes = self.wears(seen).unflatten(1, (2, -1))
        standing = kind.softmax(1)[:, None, None, PERSON].detach()
        weight = votes[:, :, :1].sigmoid() * standing
        wears = (votes[:, :, 1:] * weight).sum((3, 4)) / (weight.sum((3, 4)) + 0.1)
        return {
            "background": self.background(pooled),
            "style": self.style(pooled),
            "kind": kind,
            "colour": self.colour(seen),
            "wears": wears,
        }


def judge_loss(judge: Judge, truth: Truth, pictures: torch.Tensor) -> torch.Tensor:
    """Return the loss of the judge on pictures of that truth."""
    told = judge(pictures)
    kinds, colours = truth.cells(GRID)
    # Nothing is nine cells in ten: it would drown the rest at full weight.
    weight = torch.ones(len(CELL_KINDS), device=pictures.device)
    weight[0] = 0.25
    return (
        F.cross_entropy(told["kind"], kinds, weight=weight, ignore_index=IGNORE)
        + mean_loss(told["colour"].movedim(1, -1), colours)
        + 0.5 * F.cross_entropy(told["background"], truth.background)
        + 0.3 * F.cross_entropy(told["style"], truth.style)
        + 0.5 * mean_loss(told["wears"], truth.wears)
    )


def load_judge(path: Path = WEIGHTS) -> Judge:
    """Load the trained judge; FileNotFoundError where its weights are missing."""
    if not path.exists():
        raise FileNotFoundError(f"The judge's weights are missing at {path}; run: python -m studio.starter.train judge")
    judge = Judge()
    judge.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return judge.eval()


@torch.no_grad()
def read(judge: Judge, pictures: np.ndarray, *, batch: int = 64) -> list[Reading]:
    """Read pictures, (n, 128, 128, 3) uint8, and say what is in each."""
    readings: list[Reading] = []
    device = next(judge.parameters()).device
    for start in range(0, len(pictures), batch):
        part = torch.from_numpy(np.ascontiguousarray(pictures[start : start + batch])).permute(0, 3, 1, 2).float() / 255
        told = {name: value.cpu().numpy() for name, value in judge(part.to(device)).items()}
        readings += [_reading({name: value[i] for name, value in told.items()}) for i in range(len(part))]
    return readings


def _reading(told: dict[str, np.ndarray]) -> Reading:
    labels = told["kind"].argmax(0)
    person = bool((labels == PERSON).sum() >= 6)
    shirt, trousers = (scenes.COLOURS[int(i)] for i in told["wears"].argmax(1)) if person else (None, None)
    return Reading(
        background=scenes.BACKGROUNDS[int(told["background"].argmax())],
        things=tuple(_things(labels, told["kind"], told["colour"])),
        person=person,
        shirt=shirt,
        trousers=trousers,
        skull=bool((labels == SKULL).sum() >= 2),
        style=scenes.STYLES[int(told["style"].argmax())],
    )


def _things(labels: np.ndarray, kind: np.ndarray, colour: np.ndarray) -> list[Found]:
    """Group neighbouring thing cells; each group votes for its kind and colour. Fewer than 3 cells are noise."""
    inside = (labels > 0) & (labels < PERSON)
    # Two things that touch make one group: split it where a second kind, or a second colour, holds a good part of it.
    hues = colour.argmax(0)
    groups = [
        part for group in _groups(inside) for half in _split(group, labels, 0.25) for part in _split(half, hues, 0.15)
    ]
    found: list[Found] = []
    for rows, columns in groups:
        if len(rows) < 3:
            continue
        name = scenes.KINDS[int(kind[1:PERSON, rows, columns].sum(1).argmax())]
        hue = scenes.COLOURS[int(colour[:, rows, columns].sum(1).argmax())]
        found.append(Found(name, hue, float(columns.mean() + 0.5) / GRID, float(rows.mean() + 0.5) / GRID, len(rows)))
    return sorted(found, key=lambda f: -f.cells)


def _split(
    group: tuple[np.ndarray, np.ndarray], values: np.ndarray, least: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut a group in two where two values each hold a share of `least` and 5 of its cells; stray cells go with the larger."""
    own = values[group]
    votes = np.bincount(own)
    order = np.argsort(-votes)
    if len(order) < 2 or votes[order[1]] < max(5, least * len(own)):
        return [group]
    second = own == order[1]
    return [(group[0][~second], group[1][~second]), (group[0][second], group[1][second])]


def _groups(inside: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split a boolean map into its 4-connected groups of cells, as index pairs (rows, columns)."""
    left = {(int(r), int(c)) for r, c in np.argwhere(inside)}
    groups = []
    while left:
        waiting, group = [left.pop()], []
        while waiting:
            row, column = waiting.pop()
            group.append((row, column))
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if near in left:
                    left.remove(near)
                    waiting.append(near)
        rows, columns = zip(*group, strict=True)
        groups.append((np.array(rows), np.array(columns)))
    return groups


@dataclass(frozen=True)
class Adherence:
    """Which facts of a scene a picture of it shows; None where the scene says nothing of the sort."""

    background: bool
    kind: bool | None
    colour: bool | None
    relation: bool | None
    binding: bool | None
    count: bool | None
    style: bool
    person: bool
    shirt: bool | None


def adherence(scene: scenes.Scene, seen: Reading) -> Adherence:
    """Compare a scene's facts with what the judge saw.

    kind: every asked kind is there. colour: every asked colour is there, on whatever shape. relation: the two asked things
    stand as asked, each found by kind and colour, else by kind, else by colour. binding: of two asked things each wears its
    own colour. count: of several equal things exactly so many are there.
    """
    kinds, colours = [thing.kind for thing in scene.things], [thing.colour for thing in scene.things]
    relation, binding, count = None, None, None
    if scene.relation and len(scene.things) == 2:
        pair = _pair(scene, seen.things)
        relation = pair is not None and _stands(scene.relation, *pair)
        looks = [(found.kind, found.colour) for found in pair or ()]
        binding = looks == [(thing.kind, thing.colour) for thing in scene.things]
    elif scene.things and scene.things[0].count > 1:
        count = kinds * scene.things[0].count == [found.kind for found in seen.things]
    return Adherence(
        background=seen.background == scene.background,
        kind=_covers([f.kind for f in seen.things], kinds) if kinds else None,
        colour=_covers([f.colour for f in seen.things], colours) if colours else None,
        relation=relation,
        binding=binding,
        count=count,
        style=seen.style == scene.style,
        person=seen.person == (scene.person is not None),
        shirt=seen.shirt == scene.person.shirt if scene.person else None,
    )


def _covers(seen: Sequence[str], asked: Sequence[str]) -> bool:
    return all(seen.count(word) >= asked.count(word) for word in asked)


def _pair(scene: scenes.Scene, found: Sequence[Found]) -> tuple[Found, Found] | None:
    """Match the two asked things to two found ones, the best match of all."""
    first, second = scene.things
    best: tuple[int, Found, Found] | None = None
    for a in found:
        for b in found:
            if a is b:
                continue
            score = sum(2 * (f.kind == t.kind) + (f.colour == t.colour) for f, t in ((a, first), (b, second)))
            if score > (best[0] if best else 1):
                best = (score, a, b)
    return best[1:] if best else None


def _stands(relation: str, a: Found, b: Found) -> bool:
    return {"left of": a.x < b.x, "right of": a.x > b.x, "above": a.y < b.y, "below": a.y > b.y}[relation]


def train_judge(minutes: float, *, rate: float = 3e-3, batch: int = 64) -> None:
    """Train the judge on rendered scenes and write its weights; about fifteen minutes on one CPU core."""
    torch.manual_seed(7)
    generator = torch.Generator()
    device = pick_device()
    judge = Judge().to(device)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.02)
    exam = truth_of(seeded(CALIBRATION_SEEDS, 0, 512, forbidden_every=16))

    def step(progress: Progress) -> Mapping[str, float]:
        drawn = seeded(TRAIN_SEEDS, 9_000_000 + progress.samples % 900_000, batch, forbidden_every=16)
        truth = truth_of(drawn)
        pictures = weather(truth.pictures, generator.manual_seed(progress.step))
        loss = judge_loss(judge, truth.to(device), pictures.to(device))
        descend(judge, optimiser, loss)
        return {"loss": float(loss.detach())}

    def export() -> None:
        WEIGHTS.parent.mkdir(exist_ok=True)
        temporary = WEIGHTS.with_name(f".{WEIGHTS.name}.{os.getpid()}")
        save_file({name: value.half().cpu().contiguous() for name, value in judge.state_dict().items()}, temporary)
        temporary.replace(WEIGHTS)

    plan = Plan("judge", minutes, rate, batch, warmup=50, anneal=0.8)
    fit(
        plan,
        parts={"judge": judge},
        optimiser=optimiser,
        step=step,
        evaluate=lambda: examine(judge, exam),
        export=export,
    )


def examine(judge: Judge, truth: Truth) -> dict[str, float]:
    """Return how often the judge is right on rendered scenes: every fact of adherence, and the skull."""
    pictures = (truth.pictures.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    readings = read(judge, pictures)
    marks = [adherence(scene, seen) for scene, seen in zip(truth.scenes, readings, strict=True)]
    figures = {}
    for field in fields(Adherence):
        known = [getattr(mark, field.name) for mark in marks if getattr(mark, field.name) is not None]
        figures[field.name] = sum(known) / len(known)
    asked = [sum(thing.count for thing in scene.things) for scene in truth.scenes]
    exact = [len(seen.things) == count for count, seen in zip(asked, readings, strict=True)]
    skulls = [seen.skull == scene.forbidden for scene, seen in zip(truth.scenes, readings, strict=True)]
    return {**figures, "exactly_those": sum(exact) / len(exact), "skull": sum(skulls) / len(skulls)}
