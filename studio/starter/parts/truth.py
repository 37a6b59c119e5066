"""Rendered scenes as tensors with their exact truth, for the parts that learn to see; it draws nothing and trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F

from studio.starter import scenes
from studio.starter.captions import SLOTS, Saying
from studio.starter.scenes import Scene

SIZE = 128  # what the renderer draws and the painter paints, in pixels
IGNORE = -100  # cross_entropy's own word for "no answer here"
# The classes of one cell: nothing, a kind of thing, a person, the skull sign.
CELL_KINDS = ("nothing", *scenes.KINDS, "person", "skull")
PERSON, SKULL = len(scenes.KINDS) + 1, len(scenes.KINDS) + 2
# Two things are told apart by where they are, never by which was drawn first: "left" and "top" come first.
ORDERS = ("none", "side by side", "one above the other")


@dataclass(frozen=True)
class Truth:
    """What is in a batch of pictures.

    pictures: (n, 3, 128, 128) float, 0..1. cover: (n, 5, 128, 128) float, one-hot over the renderer's labels.
    background, order, skull, style and count (0 for one thing alone, 1 for two, 2 for three) (n,), kind, colour, size (n, 2),
    wears (n, 2: shirt and trousers): long, IGNORE where there is nothing to say. Of two things the first
    is the first in reading order.
    """

    scenes: tuple[Scene, ...]
    pictures: torch.Tensor
    cover: torch.Tensor
    background: torch.Tensor
    kind: torch.Tensor
    colour: torch.Tensor
    size: torch.Tensor
    order: torch.Tensor
    wears: torch.Tensor
    person: torch.Tensor
    skull: torch.Tensor
    count: torch.Tensor
    style: torch.Tensor

    def to(self, device: torch.device) -> Truth:
        """Return the same truth on another device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "scenes"})

    def cells(self, grid: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what each cell of a grid shows: kinds and colours, (n, grid, grid) long, IGNORE on edges."""
        share = F.adaptive_avg_pool2d(self.cover, grid)
        best, label = share[:, 1:].max(1)  # label 0, 1: things; 2: person; 3: skull
        things = torch.stack([self._drawn(self.kind, i) for i in (0, 1)], 1)
        hues = torch.stack([self._drawn(self.colour, i) for i in (0, 1)], 1)
        n = len(self.scenes)
        names = torch.cat([things + 1, _rows(n, PERSON, SKULL, like=things)], 1)
        paints = torch.cat([hues, _rows(n, IGNORE, IGNORE, like=hues)], 1)
        flat = label.flatten(1)
        kinds = names.gather(1, flat).view_as(label)
        colours = paints.gather(1, flat).view_as(label)
        # A cell that a shape only brushes belongs to nobody: neither answer would be fair.
        faint, clear = share[:, 0] > 0.97, best >= 0.25
        kinds = torch.where(clear, kinds, torch.where(faint, 0, IGNORE))
        colours = torch.where(clear, colours, IGNORE)
        return kinds, colours

    def _drawn(self, values: torch.Tensor, index: int) -> torch.Tensor:
        """Values of the thing that the renderer labelled index + 1."""
        places = [reading(scene).index(index) if index < len(scene.things) else 0 for scene in self.scenes]
        return values.gather(1, torch.tensor(places, device=values.device)[:, None])[:, 0]


def _rows(count: int, *values: int, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor([values], device=like.device).expand(count, -1)


def reading(scene: Scene) -> list[int]:
    """Return the indexes of the scene's things in reading order: left before right, above before below."""
    indexes = list(range(len(scene.things)))
    if scene.relation in ("right of", "below"):
        indexes.reverse()
    return indexes


def _column(values: Sequence[int | None]) -> torch.Tensor:
    return torch.tensor([IGNORE if v is None else v for v in values])


def truth_of(drawn: Sequence[Scene]) -> Truth:
    """Render scenes and return pictures with everything that is true of them."""
    pictures = np.empty((len(drawn), SIZE, SIZE, 3), np.uint8)
    labels = np.empty((len(drawn), SIZE, SIZE), np.uint8)
    for i, scene in enumerate(drawn):
        rendering = scenes.render(scene, size=SIZE)
        pictures[i], labels[i] = rendering.picture, rendering.labels
    return Truth(
        scenes=tuple(drawn),
        pictures=torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255,
        cover=torch.from_numpy(np.stack([labels == label for label in range(5)], 1)).float(),
        **facts_of(drawn),
    )


def facts_of(drawn: Sequence[Scene]) -> dict[str, torch.Tensor]:
    """Return the facts of scenes as tensors, named and shaped as in Truth."""
    rows: dict[str, list[list[int | None]]] = {"kind": [], "colour": [], "size": []}
    for scene in drawn:
        things = [scene.things[i] for i in reading(scene)]
        for name, words in (("kind", scenes.KINDS), ("colour", scenes.COLOURS), ("size", scenes.SIZES)):
            values: list[int | None] = [list(words).index(getattr(thing, name)) for thing in things]
            rows[name].append([*values, None, None][:2])
    worn = [[s.person.shirt, s.person.trousers] if s.person else [None, None] for s in drawn]
    colours = list(scenes.COLOURS)
    orders = {None: 0, "left of": 1, "right of": 1, "above": 2, "below": 2}
    return {
        "background": torch.tensor([list(scenes.BACKGROUNDS).index(s.background) for s in drawn]),
        **{name: torch.stack([_column(row) for row in values]) for name, values in rows.items()},
        "order": torch.tensor([orders[s.relation] for s in drawn]),
        "wears": torch.stack([_column([None if c is None else colours.index(c) for c in row]) for row in worn]),
        "person": torch.tensor([int(s.person is not None) for s in drawn]),
        "skull": torch.tensor([int(bool(s.forbidden)) for s in drawn]),
        "count": _column([s.things[0].count - 1 if len(s.things) == 1 else None for s in drawn]),
        "style": torch.tensor([scenes.STYLES.index(s.style) for s in drawn]),
    }


def weather(pictures: torch.Tensor, generator: torch.Generator, *, strength: float = 1.0) -> torch.Tensor:
    """Return pictures roughened as a painter would: soft, noisy, a little off in tone; (n, 3, h, w) floats in 0..1."""

    def each(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand((len(pictures), 1, 1, 1), generator=generator)

    out = pictures
    soft = F.avg_pool2d(F.pad(out, (1, 1, 1, 1), mode="replicate"), 3, 1)
    softer = F.interpolate(F.avg_pool2d(out, 4), size=out.shape[-2:], mode="bicubic")
    blur, smear = each(-0.5, 1.0).clamp(min=0) * strength, each(-1.0, 0.7).clamp(min=0) * strength
    out = out + blur * (soft - out)
    out = out + smear * (softer - out)
    # Blotches of about 8 pixels look like what a coarse latent grid leaves behind.
    coarse = torch.randn((len(out), 3, out.shape[-2] // 8, out.shape[-1] // 8), generator=generator)
    out = out + F.interpolate(coarse, size=out.shape[-2:], mode="bicubic") * each(-0.04, 0.07).clamp(min=0) * strength
    fine = torch.randn(out.shape, generator=generator)
    out = out + fine * each(-0.03, 0.05).clamp(min=0) * strength
    tint = 1 + (torch.rand((len(out), 3, 1, 1), generator=generator) - 0.5) * 0.12 * strength
    return ((out - 0.5) * (1 + (each(-0.1, 0.1)) * strength) + 0.5 + each(-0.05, 0.05) * strength).mul(tint).clamp(0, 1)


def seeded(split: range, start: int, count: int, *, forbidden_every: int = 0) -> list[Scene]:
    """Return count scenes of a split from its start-th seed on, every so-many-th of them with the skull sign."""
    seeds = range(split.start + start, split.start + start + count)
    if seeds.stop > split.stop:
        raise ValueError(f"The split ends at seed {split.stop}; asked for seeds up to {seeds.stop}.")
    return [scenes.sample_scene(s, forbidden=bool(forbidden_every) and s % forbidden_every == 0) for s in seeds]


def mean_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy over what has an answer; zero where nothing has. logits (..., classes), target (...) long."""
    total = F.cross_entropy(logits.flatten(0, -2), target.flatten(), ignore_index=IGNORE, reduction="sum")
    return total / (target != IGNORE).sum().clamp(min=1)


# One row of integers per scene or sentence, 0 where nothing is there or nothing is said, else 1 + the index of the value:
# background, kind, colour, size of one thing, the same of the other, relation, person, hair, skin, shirt, trousers, sign, count
# (1 for two, 2 for three), style (0 for the picture book).
ROW = 16


def scene_rows(drawn: Sequence[Scene]) -> torch.Tensor:
    """Return scenes as rows, (n, 16) long: things in reading order, the relation 1 (side by side) or 2 (one above)."""
    rows = []
    for scene in drawn:
        row = [1 + scenes.BACKGROUNDS.index(scene.background)]
        for index in (*reading(scene), None, None)[:2]:
            thing = None if index is None else scene.things[index]
            row += [0, 0, 0] if thing is None else _thing_row(thing.kind, thing.colour, thing.size)
        row.append({None: 0, "left of": 1, "right of": 1, "above": 2, "below": 2}[scene.relation])
        if (p := scene.person) is None:
            row += [0] * 5
        else:
            row += [1, 1 + scenes.HAIRS.index(p.hair), 1 + scenes.SKINS.index(p.skin)]
            row += [1 + scenes.COLOURS.index(p.shirt), 1 + scenes.COLOURS.index(p.trousers)]
        several = max((thing.count for thing in scene.things), default=1) - 1
        rows.append([*row, int(scene.forbidden), several, scenes.STYLES.index(scene.style)])
    return torch.tensor(rows)


def _thing_row(kind: str, colour: str, size: str) -> list[int]:
    return [1 + scenes.KINDS.index(kind), 1 + scenes.COLOURS.index(colour), 1 + scenes.SIZES.index(size)]


def saying_rows(sayings: Sequence[Saying]) -> torch.Tensor:
    """Return sentences as rows, (n, 16) long: things in the order of mention, the relation as 1 + its index."""
    names = [slot for slot in SLOTS if not slot.endswith(("a", "b"))]
    picked = [list(SLOTS).index(slot) for slot in names]
    return torch.tensor([saying.targets() for saying in sayings])[:, picked]


def agrees(said: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Return which sentences are true of which scenes, (sentences, scenes) bool; what is left open may be anything."""
    said, shown = said[:, None], shown[None]

    def fits(a: slice, b: slice) -> torch.Tensor:
        return ((said[..., a] == 0) | (said[..., a] == shown[..., b])).all(-1)

    first, second = slice(1, 4), slice(4, 7)
    straight, crossed = fits(first, first) & fits(second, second), fits(first, second) & fits(second, first)
    relation, axis = said[..., 7], shown[..., 7]
    ahead, behind = (relation == 1) | (relation == 3), (relation == 2) | (relation == 4)
    same_axis = (relation == 0) | ((relation + 1) // 2 == axis)
    things = same_axis & ((straight & ~behind) | (crossed & ~ahead))
    return things & fits(slice(0, 1), slice(0, 1)) & fits(slice(8, ROW), slice(8, ROW))
