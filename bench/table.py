"""One figure of a benchmark, how it is timed, and how it is printed; it measures nothing itself."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

PAUSE = 0.3  # seconds
HEADING = "| artworks | what | value | over | p95 | p95 over | CPU | CPU over | n | load |\n" + "|---" * 10 + "|"


@dataclass(frozen=True)
class Row:
    """One figure. over: the ratio to what stands beside it in the same run; cpu: seconds of processor, and their ratio."""

    size: int
    what: str
    value: float
    unit: str
    over: float | None = None
    p95: float | None = None
    p95_over: float | None = None
    cpu: float | None = None
    cpu_over: float | None = None
    n: int = 1
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))

    def line(self) -> str:
        """As a line of the table."""
        told = [f"{self.size:,}", self.what, f"{short(self.value)} {self.unit}".strip()]
        told += ["" if self.over is None else f"{self.over:,.2f}"]
        told += ["" if self.p95 is None else f"{short(self.p95)} {self.unit}"]
        told += ["" if self.p95_over is None else f"{self.p95_over:.2f}"]
        told += ["" if self.cpu is None else f"{short(self.cpu * 1e3)} ms"]
        told += ["" if self.cpu_over is None else f"{self.cpu_over:.2f}"]
        return f"| {' | '.join([*told, str(self.n), str(self.load)])} |"


def short(value: float) -> str:
    """Three figures, and no power of ten."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processor time, of all its threads."""
    began, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - spent


def repeated(size: int, what: str, work: Callable[[], object], *, rounds: int) -> Row:
    """The median and the 95th of a hundred of so many runs, after one that is not counted."""
    work()
    runs = [timed(work) for _ in range(rounds)]
    wall = [one[0] for one in runs]
    cpu = statistics.median(one[1] for one in runs)
    return Row(size, what, statistics.median(wall) * 1e3, "ms", p95=late(wall) * 1e3, cpu=cpu, n=rounds)


def beside(size: int, what: str, ours: Callable[[], object], bare: Callable[[], object], *, rounds: int) -> Row:
    """Ours and something plain, in turn, each once the threads of the other rest."""
    for one in (bare, ours):
        one()
    pairs = [(rested(bare), rested(ours)) for _ in range(rounds)]
    plain, own = [pair[0][0] for pair in pairs], [pair[1][0] for pair in pairs]
    cpu = statistics.median(pair[1][1] for pair in pairs)
    cpu_over = cpu / statistics.median(pair[0][1] for pair in pairs)
    middle = statistics.median(own)
    return Row(
        size, what, middle * 1e3, "ms", over=middle / statistics.median(plain), p95=late(own) * 1e3,
        p95_over=late(own) / late(plain), cpu=cpu, cpu_over=cpu_over, n=rounds,
    )  # fmt: skip


def rested(work: Callable[[], object]) -> tuple[float, float]:
    """As `timed`, after a pause: threads of numpy's products turn on for a while, on the cores that the next would use.

    After 0.05 s a search counted 38 ms of processor time, of which 20 were theirs; after 0.3 s none was.
    """
    time.sleep(PAUSE)
    return timed(work)


def late(times: Iterable[float]) -> float:
    """The 95th of a hundred."""
    ordered = sorted(times)
    return ordered[int(0.95 * (len(ordered) - 1))]


def machine() -> str:
    """This machine in a line."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = f"{len(os.sched_getaffinity(0))} of {len(names)} x {names[0]}"
    return f"{cores}, Python {platform.python_version()}, numpy {np.__version__}"


def only(cores: int) -> None:
    """Use this many of the processors."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))


def show(title: str, rows: Iterable[Row], *, out: Path | None) -> None:
    """Print each figure when it is there: JSON lines on stdout (and after what is in `out`), a table on stderr."""
    where = machine()
    print(f"{title} {where}\n\n{HEADING}", file=sys.stderr)
    for row in rows:
        line = json.dumps({**asdict(row), "machine": where})
        print(line, flush=True)
        if out:
            with out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        print(row.line(), file=sys.stderr, flush=True)
