"""Draws the curves of Storybook's trainings, from the logs that they left in .training, into one picture; it trains nothing.

    python bench/training_curves.py [--logs .training] [--out docs/storybook-curves.svg]

A panel for each part: minutes of training across, the figure that tells most about it upwards, its first and last value beside.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
WIDE, HIGH, COLUMNS = 300, 170, 3  # of a panel, in pixels; and panels in a row
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 30  # what of a panel is not its curve
MOST = 30  # points of a curve
INK, LINE, PAPER = "#2b2b33", "#c2410c", "#ffffff"


class Told(NamedTuple):
    """Which lines of a part's log are drawn: their kind, the figure in them, and what it is called."""

    kind: str
    figure: str
    title: str


PARTS = {
    "text": Told("held-out", "dense_all_facts", "text encoder: all facts of a sentence read back"),
    "vae": Told("held-out", "psnr", "autoencoder: PSNR, dB"),
    "vae-decoder": Told("held-out", "psnr", "decoder: PSNR, dB"),
    "unet": Told("train", "loss", "painter: loss"),
    "upscaler": Told("held-out", "drawn", "upscaler: PSNR, dB"),
    "judge": Told("held-out", "kind", "judge: kinds right"),
    "clip": Told("held-out", "recall@1", "CLIP: recall@1 of 400"),
    "blip": Told("held-out", "kind_right", "captions: kinds right"),
    "pose": Told("held-out", "pck@0.05", "pose model: PCK@0.05"),
    "depth": Told("held-out", "delta1", "depth model: delta 1"),
    "clipseg": Told("held-out", "thing", "masks: IoU of a thing"),
    "answers": Told("held-out", "right", "answers right to the word"),
    "control-pose": Told("held-out", "with_map", "pose ControlNet: loss"),
    "control-depth": Told("held-out", "with_map", "depth ControlNet: loss"),
    "control-canny": Told("held-out", "with_map", "edges ControlNet: loss"),
    "sketch": Told("held-out", "sketch", "Sketch: distance to twenty steps"),
    "lora": Told("train", "learned", "kite: loss"),
}


def points(log: Path, told: Told) -> list[tuple[float, float]]:
    """Minutes and values of a log, in order, neighbours averaged where there are many."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    found = [(x["seconds"] / 60, x[told.figure]) for x in lines if x["kind"] == told.kind and told.figure in x]
    size = -(-len(found) // MOST)
    groups = [found[i : i + size] for i in range(0, len(found), size or 1)]
    return [(sum(x for x, _ in some) / len(some), sum(y for _, y in some) / len(some)) for some in groups]


def panel(title: str, curve: Sequence[tuple[float, float]]) -> str:
    """One curve with its title and the ends of both axes, as SVG, its upper left corner at 0, 0."""
    last, ys = curve[-1][0], [y for _, y in curve]
    low, high = min(ys), max(ys)
    across, up = (WIDE - LEFT - RIGHT) / last, (HIGH - TOP - BOTTOM) / max(high - low, 1e-9)
    places = " ".join(f"{LEFT + x * across:.1f},{HIGH - BOTTOM - (y - low) * up:.1f}" for x, y in curve)
    foot = HIGH - BOTTOM
    words = [
        (LEFT, 20, "start", title, 600), (LEFT - 6, TOP + 6, "end", f"{high:.3g}", 400),
        (LEFT - 6, foot, "end", f"{low:.3g}", 400),
        (LEFT, foot + 16, "start", "0", 400), (WIDE - RIGHT, foot + 16, "end", f"{last:.0f} minutes", 400),
    ]  # fmt: skip
    said = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
        for x, y, anchor, text, weight in words
    )
    axes = f'<path d="M{LEFT},{TOP}V{foot}H{WIDE - RIGHT}" fill="none" stroke="{INK}" stroke-opacity=".4"/>'
    return f'{axes}<polyline points="{places}" fill="none" stroke="{LINE}" stroke-width="1.8" stroke-linejoin="round"/>{said}'


def sheet(logs: Path) -> str:
    """All parts that left a curve, as one SVG."""
    curves = []
    for name, told in PARTS.items():
        found = sorted(logs.glob(f"{name}/log.jsonl")) or sorted(logs.glob(f"{name}/*/log.jsonl"))
        curve = points(found[-1], told) if found else []
        if len(curve) > 1:
            curves.append((told.title, curve))
    rows = -(-len(curves) // COLUMNS)
    panels = [
        f'<g transform="translate({i % COLUMNS * WIDE},{i // COLUMNS * HIGH})">{panel(*curve)}</g>'
        for i, curve in enumerate(curves)
    ]
    wide, high = COLUMNS * WIDE, rows * HIGH + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    style = f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}"'
    body = f'<rect width="{wide}" height="{high}" fill="{PAPER}"/>' + "\n".join(panels)
    return f"{head} {style}>{body}</svg>\n"


def main() -> None:
    """Parse the folders and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--logs", type=Path, default=ROOT / ".training", help="the folder of the trainers' logs")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "storybook-curves.svg", help="the picture")
    options = parser.parse_args()
    options.out.write_text(sheet(options.logs), encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
