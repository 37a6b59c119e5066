"""What threads of a CPU cost and gain Storybook: seconds of a step and of a picture, with one thread and with all.

    python bench/threads.py [--repeats 9] [--out FILE]

A step is one of the UNet's with guidance, two rows a picture, at 128 and 256 pixels. A picture is painted by the studio's own
painter, once as it decides and once with all threads whatever the size. Medians, with the least and the most; the two sides
of a pair take turns. Run it while nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from studio.workshop import heavy  # noqa: E402

heavy.prepare()

import torch  # noqa: E402

from bench.figures import machine, nobody  # noqa: E402
from bench.storybook_modes import mode_of, painter, recipe  # noqa: E402
from studio.workshop.paint import painter as painting  # noqa: E402
from studio.workshop.paint.threads import one_thread  # noqa: E402

STEPS = ((1, 128), (2, 128), (4, 128), (1, 256), (4, 256))  # pictures at once, and their side in pixels


def timed(sides: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each side, sorted; each runs once before."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: sorted(each) for name, each in seconds.items()}


@torch.inference_mode()
def step(count: int, side: int, *, alone: bool) -> None:
    """One step of the UNet, with guidance."""
    unet = painter().pipe.unet  # type: ignore[attr-defined]  # it is a StablePainter
    x = torch.zeros(2 * count, 8, side // 8, side // 8).contiguous(memory_format=torch.channels_last)
    words = torch.zeros(2 * count, 77, unet.config.cross_attention_dim)
    with one_thread(alone):
        unet(x, 500, encoder_hidden_states=words)


def picture(mode: str, *, decides: bool) -> None:
    """One picture of a mode."""
    rule = painting.alone
    painting.alone = rule if decides else lambda *_, **__: False
    try:
        list(painter().paint(recipe(mode_of(mode), "a red star at night", 1), {}, nobody))
    finally:
        painting.alone = rule


def main() -> None:
    """Measure and print; one JSON line for each pair into --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    print(machine())
    pairs: dict[str, dict[str, Callable[[], Any]]] = {}
    for count, side in STEPS:
        pairs[f"a step, {count} x {side} pixels"] = {
            "one": lambda c=count, s=side: step(c, s, alone=True),  # type: ignore[misc]
            "all": lambda c=count, s=side: step(c, s, alone=False),  # type: ignore[misc]
        }
    for mode in ("sketch", "balanced"):
        pairs[f"a picture, {mode}"] = {
            "one": lambda m=mode: picture(m, decides=True),  # type: ignore[misc]
            "all": lambda m=mode: picture(m, decides=False),  # type: ignore[misc]
        }
    for name, sides in pairs.items():
        seconds = timed(sides, args.repeats)
        middle = {side: statistics.median(each) for side, each in seconds.items()}
        told = ", ".join(f"{s}: {middle[s]:.3f} s ({each[0]:.3f} to {each[-1]:.3f})" for s, each in seconds.items())
        print(f"{name}: {told}; all threads take {middle['all'] / middle['one']:.2f} of the time", flush=True)
        if args.out:
            with args.out.open("a") as file:
                file.write(json.dumps({"what": name, "machine": machine(), "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
