"""What Storybook's modes cost and keep: seconds a picture, and what the judge finds of the prompts in its pictures.

    python bench/storybook_modes.py [--n 128] [--only sketch balanced sketch-without] [--out FILE]

Through the studio's own painter, as a recipe of that mode is painted: steps, guidance, sampler, and the LoRA where the mode
names one that is here. "sketch-without" is the mode Sketch as it is where the LoRA is not. Seconds are of one picture at a
time, after one that warms up: the median of nine with its least and its most. The scenes are held out, the same for each mode.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from studio.workshop import heavy  # noqa: E402

heavy.prepare()

from bench.figures import Figure, Question, nobody, run, share  # noqa: E402
from studio.domain.recipe import Lora, Recipe  # noqa: E402
from studio.packs.manifest import Mode, read_manifest  # noqa: E402
from studio.packs.shelf import Shelf  # noqa: E402
from studio.starter.captions import plain  # noqa: E402
from studio.starter.parts.judge import adherence, load_judge, read  # noqa: E402
from studio.starter.scenes import TEST_SEEDS, Scene, sample_scene  # noqa: E402
from studio.workshop.models import Models  # noqa: E402
from studio.workshop.ports import Painter  # noqa: E402

ASSETS = ROOT / "assets"
START = 600_000  # of the held-out seeds: no other question looks at them
TIMED = 9
MODES = ("sketch", "balanced", "sketch-without")


@cache
def painter() -> Painter:
    """The studio's painter of what ships."""
    return Models(shelf()).painter("storybook")


def shelf() -> Shelf:
    """What ships and nothing else."""
    return Shelf(catalogue=ASSETS / "packs", places=(ASSETS,))


def mode_of(name: str) -> Mode:
    """The mode as it is chosen here; "sketch-without" as it would be without its LoRA."""
    if name == "sketch-without":
        return read_manifest(ASSETS / "packs" / "storybook.toml").among(()).modes["sketch"]
    return shelf().get("storybook").manifest.modes[name]


def recipe(mode: Mode, prompt: str, seed: int, loras: Sequence[str] = ()) -> Recipe:
    """What the studio queues when the mode is chosen, and LoRAs beside it."""
    worn = tuple(Lora(id) for id in (*loras, *filter(None, [mode.lora])))
    return Recipe(
        prompt=prompt, width=128, height=128, steps=mode.steps, guidance=mode.guidance, sampler=mode.sampler, seed=seed,
        loras=worn, pack="storybook",
    )  # fmt: skip


def paint(mode: Mode, asked: Sequence[Scene | tuple[str, int]], *, loras: Sequence[str] = ()) -> np.ndarray:
    """A picture of each scene's plain caption, or of each prompt with its seed; (n, 128, 128, 3)."""
    made = []
    for one in asked:
        prompt, seed = (plain(one), one.seed) if isinstance(one, Scene) else one
        (painted,) = painter().paint(recipe(mode, prompt, seed, loras), {}, nobody)
        made.append(np.asarray(painted.picture))
    return np.stack(made)


def told(name: str, scenes: Sequence[Scene], pictures: np.ndarray) -> list[Figure]:
    """What the judge finds of the scenes' facts, a share for each."""
    seen = read(load_judge(), pictures)
    rows = [asdict(adherence(scene, reading)) for scene, reading in zip(scenes, seen, strict=True)]
    asked = {fact: [row[fact] for row in rows if row[fact] is not None] for fact in rows[0]}
    return [share(name, f"{fact} as asked", marks) for fact, marks in asked.items() if marks]


def measured(name: str, n: int) -> list[Figure]:
    """Seconds a picture, and adherence."""
    mode = mode_of(name)
    scenes = [sample_scene(TEST_SEEDS[START + i]) for i in range(n)]
    paint(mode, scenes[:1])
    times = []
    for scene in scenes[:TIMED]:
        began = time.perf_counter()
        paint(mode, [scene])
        times.append(time.perf_counter() - began)
    lora = f", {mode.lora}" if mode.lora else ""
    title = f"{name} ({mode.steps} steps, guidance {mode.guidance:g}, {mode.sampler}{lora})"
    seconds = Figure(title, "seconds a picture", statistics.median(times), min(times), max(times), len(times))
    return [seconds, *told(title, scenes, paint(mode, scenes))]


QUESTIONS: dict[str, Question] = {name: (partial(measured, name), 128) for name in MODES}


if __name__ == "__main__":
    run(__doc__ or "", "Storybook's modes.", QUESTIONS)
