"""How fast the painter is beside the bare diffusers pipeline, and beside the arithmetic's own floor.

    python bench/gpu.py [--family sd1 sdxl] [--size 512] [--steps 30] [--batch 1 8] [--runs 5] [--no-control] [--no-modes]
                        [--geometry tiny]

Networks of exactly the published geometry (assets/configs) with random weights, made in memory in the device's precision: speed
does not depend on their values. Both sides paint in turn, in one process, with the same precision, sampler, steps, size and
guidance, and a prompt that neither has seen; ours by the studio's painter, theirs by the plain pipeline with default settings.
Neither runs a safety checker. Each side's first picture (warming up, compiling) is painted before and not counted. All figures
are medians. The floor is the floating-point work of the networks at the rate of this device's own large matrix product, both
counted and measured in the run. On a CPU it is Stable Diffusion 1.5 at 256x256 with 4 steps, one picture, and says so.
A second table compares the studio's modes, see bench/modes.py. Tables go to stderr, JSON lines to stdout.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from studio.workshop import heavy  # noqa: E402

heavy.prepare()  # every side gets the thread settings of the worker

import torch  # noqa: E402
from PIL import Image  # noqa: E402

from bench import modes  # noqa: E402
from bench.figures import machine  # noqa: E402
from bench.networks import SAMPLER, bytes_of, config, networks, pipeline, wait, work  # noqa: E402
from studio.domain.control import Control  # noqa: E402
from studio.domain.recipe import Recipe  # noqa: E402
from studio.workshop.paint import device as devices  # noqa: E402
from studio.workshop.paint.painter import StablePainter  # noqa: E402

MAP = "0" * 64  # the control map's name among the inputs
GUIDANCE = {"sd1": 7.5, "sdxl": 5.0}  # the two pipelines' defaults
SIZE = {"sd1": 512, "sdxl": 1024}


@dataclass(frozen=True)
class Row:
    """One line of the table. rate: guided steps of a whole batch per second. seconds: a picture. peak: GiB, 0 on a CPU."""

    family: str
    geometry: str
    size: int
    steps: int
    batch: int
    control: bool
    side: str
    rate: float
    seconds: float
    peak: float
    ratio: float  # its seconds over those of the bare pipeline, the median of the pairs
    cpu_ratio: float  # the same in seconds of CPU, which other programs on the machine change less
    floor: float  # the floor's share of its seconds, 0..1
    runs: int
    precision: str
    load: float  # of the machine, at the end of the row


@dataclass(frozen=True)
class Side:
    """One of the two: how it paints a number of pictures of one prompt, and the UNet that it does it with."""

    name: str
    paint: Callable[[str, int, int], list[Image.Image]]
    unet: Any
    weights: int  # bytes that only this side holds


def sides(family: str, geometry: str, where: torch.device, *, size: int, control: bool) -> tuple[Side, Side]:
    """The bare pipeline and the painter. Each has weights of its own, except on a CPU, where memory is dear."""
    kind, shared = devices.dtype(where), where.type == "cpu"
    theirs = networks(family, geometry, where, kind, control=control)
    ours = theirs if shared else copy.deepcopy(theirs)
    bare = pipeline(family, geometry, theirs)
    sampler = SAMPLER[type(bare.scheduler).__name__]
    shown = Image.linear_gradient("L").resize((size, size)).convert("RGB")

    def paint_bare(prompt: str, batch: int, steps: int) -> list[Image.Image]:
        more = {"image": shown} if control else {}
        made: list[Image.Image] = bare(
            prompt, width=size, height=size, num_inference_steps=steps, num_images_per_prompt=batch,
            guidance_scale=GUIDANCE[family], generator=torch.Generator("cpu").manual_seed(1), **more,
        ).images  # fmt: skip
        return made

    # As studio/workshop/paint/load.py readies what it has read from a folder
    net = ours.get("controlnet")
    if net is not None:
        net.to(memory_format=devices.order(where, weights=devices.bytes_of(net)))
    pipe = pipeline(family, geometry, {name: part for name, part in ours.items() if name != "controlnet"})
    pipe.vae.to(dtype=devices.vae_dtype(kind, overflows=family == "sdxl" and bool(pipe.vae.config.force_upcast)))
    painter = StablePainter(
        pipe,
        config=config(family, "scheduler", geometry),
        where=where,
        find_controls=lambda kinds, waiting=None: dict.fromkeys(kinds, net),
    )

    def paint_ours(prompt: str, batch: int, steps: int) -> list[Image.Image]:
        recipe = Recipe(
            prompt=prompt, width=size, height=size, steps=steps, count=batch, seed=1, guidance=GUIDANCE[family],
            sampler=sampler, controls=(Control("canny", MAP),) if control else (),
        )  # fmt: skip
        return [one.picture for one in painter.paint(recipe, {MAP: shown}, lambda *_: None)]

    held = [0, 0] if shared else [bytes_of(theirs), bytes_of(ours)]
    return Side("bare", paint_bare, theirs["unet"], held[0]), Side("easel", paint_ours, ours["unet"], held[1])


@contextmanager
def marked(unet: Any, where: torch.device) -> Iterator[list[Any]]:
    """The moments at which the UNet is called: events on a CUDA device, so that nothing waits for them; else seconds."""
    moments: list[Any] = []

    def mark(*_: Any) -> None:
        if where.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            moments.append(event)
        else:
            moments.append(time.perf_counter())

    hook = unet.register_forward_pre_hook(mark)
    try:
        yield moments
    finally:
        hook.remove()


def once(
    side: Side, other: Side, where: torch.device, prompt: str, *, batch: int, steps: int
) -> tuple[float, float, float, float]:
    """Paint once: seconds for all, for a step (of a whole batch), peak GiB without the other side's weights, seconds of CPU."""
    wait(where)
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)
    with marked(side.unet, where) as moments:
        started, worked = time.perf_counter(), time.process_time()
        made = side.paint(prompt, batch, steps)
        wait(where)
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
    if len(made) != batch or len(moments) % steps:  # a retry in fp32, say, is not what is to be measured
        raise SystemExit(
            f"{side.name} made {len(made)} pictures with {len(moments)} calls of the UNet; {steps} steps were asked."
        )
    pairs = pairwise(moments)
    gaps = [(a.elapsed_time(b) / 1000 if where.type == "cuda" else b - a) for a, b in pairs]
    # Where a batch is painted in parts, a step of all pictures is that of each part together
    step = statistics.median(gaps) * (len(moments) // steps) if gaps else seconds
    peak = (torch.cuda.max_memory_allocated(where) - other.weights) / 2**30 if where.type == "cuda" else 0.0
    return seconds, step, peak, worked


def peak_rate(where: torch.device, kind: torch.dtype) -> float:
    """Operations per second of this device's own product of two large matrices, the best of five."""
    n = 8192 if where.type == "cuda" else 2048
    a, b = (torch.randn(n, n, device=where, dtype=kind) for _ in range(2))
    best = 0.0
    for _ in range(6):
        wait(where)
        started = time.perf_counter()
        a @ b
        wait(where)
        best = max(best, 2 * n**3 / (time.perf_counter() - started))
    return best


def compare(
    family: str,
    geometry: str,
    where: torch.device,
    rate: float,
    *,
    size: int,
    steps: int,
    batches: list[int],
    runs: int,
    control: bool,
) -> Iterator[Row]:
    """Both sides, in turn, for each batch size; a row for each."""
    bare, easel = sides(family, geometry, where, size=size, control=control)
    floor = work(family, geometry, size, steps, control=control) / rate
    for batch in batches:
        found: dict[str, list[tuple[float, float, float, float]]] = {"bare": [], "easel": []}
        for number in range(runs + 1):
            for side, other in ((bare, easel), (easel, bare)) if number % 2 else ((easel, bare), (bare, easel)):
                told = once(side, other, where, f"a red star above house {number}", batch=batch, steps=steps)
                if number:  # the first of each warms up
                    found[side.name].append(told)
        for name, told_all in found.items():
            seconds = statistics.median(one[0] for one in told_all) / batch
            pairs = [*zip(told_all, found["bare"], strict=True)]
            yield Row(
                family, geometry, size, steps, batch, control, name,
                rate=round(1 / statistics.median(one[1] for one in told_all), 4), seconds=round(seconds, 4),
                peak=round(max(one[2] for one in told_all), 3),
                ratio=round(statistics.median(a[0] / b[0] for a, b in pairs), 4),
                cpu_ratio=round(statistics.median(a[3] / b[3] for a, b in pairs), 4), floor=round(floor / seconds, 4),
                runs=runs, precision=str(devices.dtype(where)).removeprefix("torch."), load=round(os.getloadavg()[0], 2),
            )  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", choices=list(SIZE), help="by default both; on a CPU sd1")
    parser.add_argument("--geometry", choices=["published", "tiny"], default="published")
    parser.add_argument(
        "--size", type=int, help="pixels a side; by default 512 for sd1 and 1024 for sdxl; on a CPU 256"
    )
    parser.add_argument("--steps", type=int, help="by default 30; on a CPU 4")
    parser.add_argument("--batch", type=int, nargs="+", help="pictures at once; by default 1 and 8; on a CPU 1")
    parser.add_argument("--runs", type=int, help="pairs that count; by default 5; on a CPU 2")
    parser.add_argument("--no-control", action="store_true", help="without the rows with a ControlNet")
    parser.add_argument("--no-modes", action="store_true", help="without the table of Sketch and Balanced")
    options = parser.parse_args(arguments)
    where = devices.device()
    small = where.type == "cpu"
    families = options.family or (["sd1"] if small else list(SIZE))
    if small and "sdxl" in families and options.geometry == "published":
        raise SystemExit(
            "Stable Diffusion XL in fp32 needs about 14 GB and hours on a CPU; leave --family out, or use --geometry tiny."
        )
    rate, named = peak_rate(where, devices.dtype(where)), machine()
    if small:
        print("There is no GPU here: a small size and few steps, which say little of a GPU.", file=sys.stderr)
    print(f"Painter against the bare pipeline. {named}, matrix product {rate / 1e12:.2f} TFLOP/s\n", file=sys.stderr)
    print(
        "| family | size | steps | batch | ControlNet | side | it/s | s a picture | over bare | floor's share | peak GiB |",
        file=sys.stderr,
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|", file=sys.stderr)
    for family in families:
        for control in (False,) if options.no_control else (False, True):
            rows = compare(
                family, options.geometry, where, rate,
                size=options.size or (64 if options.geometry == "tiny" else 256 if small else SIZE[family]),
                steps=options.steps or (4 if small else 30),
                batches=options.batch or ([1] if small else [1, 8]),
                runs=options.runs or (2 if small else 5),
                control=control,
            )  # fmt: skip
            for row in rows:
                print(json.dumps({**asdict(row), "machine": named, "matmul_tflops": round(rate / 1e12, 3)}), flush=True)
                cells = (
                    f"{row.family} {row.geometry}", row.size, row.steps, row.batch, "yes" if row.control else "no", row.side,
                    f"{row.rate:.3f}", f"{row.seconds:.3f}", f"{row.ratio:.3f}", f"{row.floor:.3f}",
                    f"{row.peak:.2f}" if row.peak else "",
                )  # fmt: skip
                print(f"| {' | '.join(map(str, cells))} |", file=sys.stderr, flush=True)
            devices.give_back(where)
    if "sd1" in families and not options.no_modes:
        modes.show(
            options.geometry, where, size=options.size or (64 if options.geometry == "tiny" else 256 if small else 512),
            runs=options.runs or (2 if small else 5),
        )  # fmt: skip


if __name__ == "__main__":
    main()
