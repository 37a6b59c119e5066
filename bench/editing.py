"""Does filling a part of a picture do what was asked, and nothing else? One JSON line a figure; it trains nothing.

    python bench/editing.py [--n 64] [--only fill,outside,time] [--ways] [--sheet FILE.png]

Held-out scenes of one thing: a mask is brushed over it, generously, and another thing of another colour is asked for. The
judge (bench/judge.safetensors), which was trained apart on rendered scenes, says whether it is there, inside of the mask,
with kind and colour as asked. `--ways` compares other ways of filling as well. `--sheet` draws the first scenes: source,
mask, result. Shares carry a 95 % Wilson interval; times are ratios to diffusers' own image-to-image, taken in turn.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from studio.workshop import heavy  # noqa: E402

heavy.prepare()

import torch  # noqa: E402
from diffusers import StableDiffusionImg2ImgPipeline  # noqa: E402
from PIL import Image, ImageDraw, ImageFilter  # noqa: E402

from bench.figures import Figure, machine, share  # noqa: E402
from studio.domain.recipe import Recipe  # noqa: E402
from studio.places import ASSETS  # noqa: E402
from studio.starter.captions import PLACES  # noqa: E402
from studio.starter.parts.judge import Reading, load_judge, read  # noqa: E402
from studio.starter.scenes import COLOURS, KINDS, SPLITS, Scene, render, sample_scene  # noqa: E402
from studio.workshop.paint.load import load_painter  # noqa: E402
from studio.workshop.paint.painter import StablePainter  # noqa: E402
from studio.workshop.paint.work import Work  # noqa: E402

WHERE = machine()
FIRST = SPLITS["test"].start + 600_000  # seeds that no other question uses
BRUSH = 13  # pixels across: how far beside the thing a hand brushes, 6 on each side
STEPS = 20
# name -> how it is asked for and filled: with the place in the prompt, feather, rings left free, share of steps held
WAYS: dict[str, dict[str, Any]] = {
    "as typed": {},
    "with the place": {"place": True},
    "feather 0": {"feather": 0},
    "one ring more": {"grow": 1},
    "held for 80 % of the steps": {"hold": 0.8},
    "strength 0.8": {"strength": 0.8},
}


def say(figure: Figure | dict[str, Any]) -> None:
    """Print one figure."""
    fields = figure if isinstance(figure, dict) else asdict(figure)
    print(json.dumps({**fields, "machine": WHERE}), flush=True)


class Case:
    """A scene with one thing, the mask over it, and what is asked for instead."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        drawn = render(scene)
        self.source = Image.fromarray(drawn.picture)
        self.mask = Image.fromarray((drawn.labels > 0).astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(BRUSH))
        rng = random.Random(scene.seed)
        thing = scene.things[0]
        self.kind = rng.choice([kind for kind in KINDS if kind != thing.kind])
        self.colour = rng.choice([colour for colour in COLOURS if colour != thing.colour])
        self.words = f"a {thing.size} {self.colour} {self.kind}"

    def recipe(self, *, place: bool = False, feather: int = 4, strength: float = 1.0) -> tuple[Recipe, dict[str, Any]]:
        """What is asked of the painter."""
        inputs = {hashlib.sha256(one.tobytes()).hexdigest(): one for one in (self.source, self.mask)}
        source, mask = inputs
        words = f"{self.words} {PLACES[self.scene.background][0]}" if place else self.words
        recipe = Recipe(
            words, task="inpaint", source=source, mask=mask, steps=STEPS, seed=self.scene.seed % 1000,
            feather=feather, strength=strength,
        )  # fmt: skip
        return recipe, inputs

    def shown(self, reading: Reading) -> tuple[bool, bool, bool]:
        """Whether the judge sees the thing, its colour, and both at once, where the mask is."""
        left, top, right, bottom = (side / 128 for side in self.mask.getbbox() or (0, 0, 0, 0))
        inside = [found for found in reading.things if left <= found.x <= right and top <= found.y <= bottom]
        kind = any(found.kind == self.kind for found in inside)
        colour = any(found.colour == self.colour for found in inside)
        return kind, colour, any((found.kind, found.colour) == (self.kind, self.colour) for found in inside)


def cases(n: int) -> list[Case]:
    """The first n held-out scenes with one thing and nobody."""

    def alone() -> Iterator[Scene]:
        seed = FIRST
        while True:
            scene = sample_scene(seed)
            seed += 1
            if len(scene.things) == 1 and scene.person is None:
                yield scene

    return [Case(scene) for scene, _ in zip(alone(), range(n), strict=False)]


def painted(painter: StablePainter, case: Case, *, grow: int = 0, hold: float = 1.0, **asked: Any) -> Image.Image:
    """The case's picture, filled."""
    recipe, inputs = case.recipe(**asked)
    Work.grow, Work.hold = grow, hold
    return next(iter(painter.paint(recipe, inputs, lambda *_: None))).picture


def fill(painter: StablePainter, asked: list[Case], ways: dict[str, dict[str, Any]], sheet: Path | None) -> None:
    """The share of masks that hold what was asked, for each way of filling."""
    judge = load_judge()
    for name, way in ways.items():
        made = [painted(painter, case, **way) for case in asked]
        seen = [
            case.shown(one)
            for case, one in zip(asked, read(judge, np.stack([np.asarray(p) for p in made])), strict=True)
        ]
        for index, what in enumerate(("kind", "colour", "kind and colour")):
            say(share("fill", f"{what} as asked, {name}", [one[index] for one in seen]))
        if sheet:
            draw(asked, made, sheet.with_stem(f"{sheet.stem}-{name.replace(' ', '-').replace('%', '')}"))


def outside(painter: StablePainter, asked: list[Case]) -> None:
    """Pixels that changed although no mask lay over them."""
    changed = 0
    for case in asked:
        kept = np.asarray(case.mask) == 0
        changed += int((np.asarray(painted(painter, case)) != np.asarray(case.source)).any(axis=-1)[kept].sum())
    say({"part": "fill", "what": "pixels changed outside of the mask", "value": changed, "n": len(asked)})


def times(painter: StablePainter, asked: list[Case]) -> None:
    """How much longer filling takes than diffusers' image-to-image of the same size, steps and strength."""
    pipe = StableDiffusionImg2ImgPipeline(**painter.pipe.components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    ratios = []
    for case in asked:
        began = time.perf_counter()
        pipe(
            case.words, image=case.source, strength=1.0, num_inference_steps=STEPS, guidance_scale=4.0,
            generator=torch.Generator().manual_seed(1),
        )  # fmt: skip
        bare = time.perf_counter() - began
        began = time.perf_counter()
        painted(painter, case)
        ratios.append((time.perf_counter() - began) / bare)
    ratios.sort()
    say(
        {
            "part": "fill", "what": "time, as a ratio to diffusers' image-to-image", "value": statistics.median(ratios),
            "low": ratios[len(ratios) // 4], "high": ratios[3 * len(ratios) // 4], "n": len(ratios),
        }
    )  # fmt: skip


def draw(asked: list[Case], made: list[Image.Image], path: Path, *, most: int = 24) -> None:
    """One picture of the first cases: source, the source with its mask, result."""
    rows = []
    for case, picture in list(zip(asked, made, strict=True))[:most]:
        masked = case.source.copy()
        masked.paste((255, 0, 255), mask=case.mask.point(lambda value: value // 2))
        row = Image.new("RGB", (3 * 130, 142), "white")
        for index, one in enumerate((case.source, masked, picture)):
            row.paste(one, (index * 130, 12))
        ImageDraw.Draw(row).text((2, 0), case.words, fill="black")
        rows.append(row)
    columns = 3
    whole = Image.new("RGB", (columns * 400, -(-len(rows) // columns) * 144), "grey")
    for index, row in enumerate(rows):
        whole.paste(row, (index % columns * 400, index // columns * 144))
    whole.save(path)


QUESTIONS = ("fill", "outside", "time")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--only", default=",".join(QUESTIONS))
    parser.add_argument("--ways", action="store_true", help="compare other ways of filling as well")
    parser.add_argument("--sheet", type=Path, help="draw the first scenes")
    args = parser.parse_args()
    painter, asked = load_painter(ASSETS / "storybook"), cases(args.n)
    wanted = args.only.split(",")
    if "fill" in wanted:
        fill(painter, asked, WAYS if args.ways else {"as typed": WAYS["as typed"]}, args.sheet)
    if "outside" in wanted:
        outside(painter, asked[:32])
    if "time" in wanted:
        times(painter, asked[:9])


if __name__ == "__main__":
    main()
