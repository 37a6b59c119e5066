"""What the benches share: a figure with its interval, and how a table of them is printed; it measures nothing."""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


@dataclass(frozen=True)
class Figure:
    """One row of the table: a share (0..1) or a mean in its unit, with its interval and the number of cases."""

    part: str
    what: str
    value: float
    low: float
    high: float
    n: int
    floor: str = ""


# What a question is: how it is measured for a number of cases, and how many it needs by default
Question = tuple[Callable[[int], list[Figure]], int]


def share(part: str, what: str, hits: Iterable[bool], floor: str = "") -> Figure:
    """A proportion with its Wilson interval (Wilson 1927)."""
    marks = [bool(hit) for hit in hits]
    n, z = len(marks), 1.96
    p = sum(marks) / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Figure(part, what, p, max(0.0, centre - half), min(1.0, centre + half), n, floor)


def mean(part: str, what: str, values: Sequence[float], floor: str = "") -> Figure:
    """A mean with its normal interval."""
    n = len(values)
    half = 1.96 * float(np.std(values, ddof=1)) / math.sqrt(n)
    middle = float(np.mean(values))
    return Figure(part, what, middle, middle - half, middle + half, n, floor)


def parts_of(items: Sequence[Item], size: int = 50) -> Iterable[Sequence[Item]]:
    """Cut into batches."""
    return (items[i : i + size] for i in range(0, len(items), size))


def nobody(*_: object) -> None:
    """Hear a painter's reports and do nothing."""


def machine() -> str:
    """This machine in a line."""
    import torch

    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = f"{len(names)} x {names[0]}" if names else model
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{model}{gpu}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def run(about: str, title: str, questions: Mapping[str, Question]) -> None:
    """The command line of a bench: measure, print the table on stderr and JSON lines on stdout."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, help="cases for each question; without it what each needs")
    parser.add_argument("--only", nargs="+", choices=list(questions), default=list(questions))
    parser.add_argument("--out", type=Path, help="append the JSON lines to this file as well")
    args = parser.parse_args()
    where = machine()
    print(f"{title} {where}\n", file=sys.stderr)
    print("| part | what | value | 95 % interval | n | floor |\n|---|---|---|---|---|---|", file=sys.stderr)
    for name in args.only:
        measure, usual = questions[name]
        for figure in measure(args.n or usual):
            line = json.dumps({**asdict(figure), "machine": where})
            print(line, flush=True)
            if args.out:
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            row = (figure.part, figure.what, f"{figure.value:.3f}", f"{figure.low:.3f} to {figure.high:.3f}")
            print(f"| {' | '.join(row)} | {figure.n} | {figure.floor} |", file=sys.stderr, flush=True)
