"""How much faster Sketch is than Balanced: the two modes of a pack, in turn, with everything that they put on the painter.

    python bench/modes.py [--geometry tiny] [--size 256] [--runs 3]

The modes are those of the pack of Stable Diffusion 1.5 (assets/packs/sd15.toml): steps, guidance, sampler, and for Sketch a
LoRA with as many weights as the published one. The networks have the published geometry and random weights. Before each picture
a small one of one step puts the mode's LoRA on and warms up; prompts are new. `cpu_faster` is the same in seconds of CPU, which
other programs on the machine change less. Medians; a table to stderr, JSON lines to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from studio.workshop import heavy  # noqa: E402

heavy.prepare()  # every side gets the thread settings of the worker

import torch  # noqa: E402

from bench.figures import machine  # noqa: E402
from bench.networks import config, low_steps, networks, pipeline, wait  # noqa: E402
from studio.domain.recipe import Lora, Recipe  # noqa: E402
from studio.packs.manifest import Mode, read_manifest  # noqa: E402
from studio.workshop.paint import device as devices  # noqa: E402
from studio.workshop.paint.painter import StablePainter  # noqa: E402

COMPARED = ("balanced", "sketch")


@dataclass(frozen=True)
class Row:
    """One mode. rows: how many pictures the UNet looks at in all, two for a guided step. faster: times as fast as Balanced."""

    mode: str
    geometry: str
    size: int
    steps: int
    guidance: float
    sampler: str
    rows: int
    seconds: float
    faster: float  # the median of the pairs
    cpu_faster: float
    runs: int
    load: float  # of the machine, at the end


class OneLora:
    """Finds one LoRA, whatever it is asked for."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def file(self, role: str, id: str) -> Path:
        return self.place

    def words(self, id: str) -> tuple[str, ...]:
        return ()


def compare(geometry: str, where: torch.device, *, size: int, runs: int) -> list[Row]:
    """Both modes, in turn; a row for each."""
    known = read_manifest(ROOT / "assets/packs/sd15.toml").modes
    parts = networks("sd1", geometry, where, devices.dtype(where), control=False)
    with tempfile.TemporaryDirectory() as folder:
        lora = OneLora(low_steps(parts["unet"], Path(folder) / "steps.safetensors"))
        painter = StablePainter(
            pipeline("sd1", geometry, parts), config=config("sd1", "scheduler", geometry), where=where, find_parts=lora
        )
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMPARED}
        for number in range(runs):
            for name in COMPARED if number % 2 else reversed(COMPARED):
                found[name].append(_paint(painter, known[name], f"a red star above house {number}", size))
    return [
        _row(name, known[name], geometry=geometry, size=size, told=told, balanced=found["balanced"])
        for name, told in found.items()
    ]


def _paint(painter: StablePainter, mode: Mode, prompt: str, size: int) -> tuple[float, float]:
    """Seconds of one picture, and its seconds of CPU."""
    recipe = Recipe(
        prompt=prompt, width=size, height=size, steps=mode.steps, seed=1, guidance=mode.guidance, sampler=mode.sampler,
        loras=(Lora(mode.lora),) if mode.lora else (),
    )  # fmt: skip
    list(painter.paint(replace(recipe, prompt="warm", width=64, height=64, steps=1), {}, _nobody))
    wait(painter.where)
    started, worked = time.perf_counter(), time.process_time()
    list(painter.paint(recipe, {}, _nobody))
    wait(painter.where)
    return time.perf_counter() - started, time.process_time() - worked


Told = list[tuple[float, float]]


def _row(name: str, mode: Mode, *, geometry: str, size: int, told: Told, balanced: Told) -> Row:
    faster, cpu_faster = (
        round(statistics.median(b[which] / a[which] for a, b in zip(told, balanced, strict=True)), 3)
        for which in (0, 1)
    )
    return Row(
        name, geometry, size, mode.steps, mode.guidance, mode.sampler, mode.steps * (2 if mode.guidance > 1 else 1),
        seconds=round(statistics.median(one for one, _ in told), 4), faster=faster, cpu_faster=cpu_faster,
        runs=len(told), load=round(os.getloadavg()[0], 2),
    )  # fmt: skip


def _nobody(*_: object) -> None:
    """Hear a report and do nothing."""


def show(geometry: str, where: torch.device, *, size: int, runs: int) -> None:
    """Measure and print."""
    print("\n| mode | size | steps | rows of the UNet | s a picture | times as fast |", file=sys.stderr)
    print("|---|---|---|---|---|---|", file=sys.stderr)
    for row in compare(geometry, where, size=size, runs=runs):
        print(json.dumps({**asdict(row), "machine": machine()}), flush=True)
        cells = (row.mode, row.size, row.steps, row.rows, f"{row.seconds:.2f}", f"{row.faster:.2f}")
        print(f"| {' | '.join(map(str, cells))} |", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--geometry", choices=["published", "tiny"], default="published")
    parser.add_argument("--size", type=int, default=256, help="pixels a side")
    parser.add_argument("--runs", type=int, default=3, help="pairs that count")
    options = parser.parse_args(arguments)
    show(options.geometry, devices.device(), size=options.size, runs=options.runs)


if __name__ == "__main__":
    main()
