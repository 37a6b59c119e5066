"""One resumable, logged, seeded training loop for every part of Storybook; it knows nothing of pictures or words."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from studio.starter.optimise import Optimisers

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "assets" / "storybook"
WORKDIR = ROOT / ".training"  # checkpoints and caches: outside git, safe to delete
EXPORTS = WORKDIR / "export"  # where the guiding parts wait to be shipped


# On a machine that others use too, a part's minutes are fairer counted in CPU time (with one thread: OMP_NUM_THREADS=1).
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.monotonic, "cpu": time.process_time}


def clock() -> Callable[[], float]:
    """What a training's minutes are counted by: EASEL_TRAINING_CLOCK, "wall" (the default) or "cpu"."""
    return CLOCKS[os.environ.get("EASEL_TRAINING_CLOCK", "wall")]


class Stateful(Protocol):
    """Whatever can be put into a checkpoint: models, optimisers, averages."""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state: Any) -> Any: ...


@dataclass(frozen=True)
class Plan:
    """How long and how fast: `minutes` counts all runs of this part together, so that resuming ends at the same point."""

    name: str
    minutes: float
    rate: float
    batch: int
    warmup: int = 100
    anneal: float = 0.25  # the last part of the time in which the rate falls to `floor` of itself
    floor: float = 0.02
    save_seconds: float = 180.0
    log_seconds: float = 30.0


@dataclass
class Progress:
    """Where a run stands; it travels in the checkpoint."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0


def pick_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class _InFull(TorchFunctionMode):
    """Attention and group norms in float32 under a CPU's autocast: in bfloat16 they take up to five times as long there."""

    SLOW = (F.scaled_dot_product_attention, F.group_norm)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in self.SLOW:
            return func(*args, **(kwargs or {}))
        with torch.autocast("cpu", enabled=False):
            full = [a.float() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in args]
            return func(*full, **(kwargs or {}))


@contextmanager
def autocast(device: torch.device) -> Iterator[None]:
    """bfloat16 where the device multiplies it: on CUDA, and on a CPU with AVX512-BF16; plain float32 on any other."""
    if device.type == "cuda":
        with torch.autocast("cuda", dtype=torch.bfloat16):
            yield
    elif torch.cpu._is_avx512_bf16_supported():
        with torch.autocast("cpu", dtype=torch.bfloat16), _InFull():
            yield
    else:
        yield


def save_atomically(value: Any, path: Path) -> None:
    """torch.save to a temporary name in the same folder, then rename: a kill leaves the old file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    torch.save(value, temporary)
    temporary.replace(path)


def export_model(model: Any, folder: Path) -> None:
    """Write fp16 safetensors and config beside the old ones, then rename file by file, so that readers never see half."""
    import copy
    import shutil

    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    copy.deepcopy(model).to("cpu", torch.float16).save_pretrained(temporary, safe_serialization=True)
    config = temporary / "config.json"  # where the model was loaded from is nobody's business
    config.write_text(re.sub(r'\n\s*"_name_or_path": "[^"]*",', "", config.read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(temporary.iterdir()):
        file.chmod(0o644)
        file.replace(folder / file.name)
    shutil.rmtree(temporary)


def rate_factor(plan: Plan, progress: Progress) -> float:
    """What the peak learning rate is multiplied by: a short warm-up, a plateau, a cosine down to the floor."""
    share = progress.seconds / (plan.minutes * 60)
    tail = min(1.0, max(0.0, 1 - share) / plan.anneal)
    cosine = plan.floor + (1 - plan.floor) * (0.5 - 0.5 * math.cos(math.pi * tail))
    return min(1.0, (progress.step + 1) / plan.warmup) * cosine


class Diary:
    """Means of the figures between two lines of the log, and the lines themselves: stdout and .training/NAME/log.jsonl."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan, self.progress = plan, progress
        self.file = WORKDIR / plan.name / "log.jsonl"
        self.sums: dict[str, float] = {}
        self.count, self.samples, self.since = 0, progress.samples, time.monotonic()

    def add(self, figures: Mapping[str, float]) -> None:
        """Count in one step's figures; every plan.log_seconds a line is written."""
        for key, value in figures.items():
            self.sums[key] = self.sums.get(key, 0.0) + float(value)
        self.count += 1
        passed = time.monotonic() - self.since
        if passed > self.plan.log_seconds:
            rate = (self.progress.samples - self.samples) / passed
            lr = self.plan.rate * rate_factor(self.plan, self.progress)
            self.write("train", {k: v / self.count for k, v in self.sums.items()} | {"per_second": rate, "lr": lr})
            self.sums, self.count, self.samples, self.since = {}, 0, self.progress.samples, time.monotonic()

    def write(self, kind: str, figures: Mapping[str, float]) -> None:
        """Write one JSON line."""
        line = {
            "part": self.plan.name,
            "kind": kind,
            "at": time.strftime("%H:%M:%S"),
            "step": self.progress.step,
            "samples": self.progress.samples,
            "seconds": round(self.progress.seconds),
            **{k: round(float(v), 5) for k, v in figures.items()},
        }
        print(json.dumps(line), flush=True)
        with self.file.open("a") as file:
            file.write(json.dumps(line) + "\n")


def fit(
    plan: Plan,
    *,
    parts: Mapping[str, Stateful],
    optimiser: torch.optim.Optimizer | Optimisers,
    step: Callable[[Progress], Mapping[str, float]],
    evaluate: Callable[[], Mapping[str, float]] | None = None,
    export: Callable[[], None] | None = None,
    export_seconds: float = 900.0,
) -> Progress:
    """Call `step` until the plan's minutes are used up; checkpoint, log, evaluate and export on the way.

    parts: everything that makes up the state, the optimiser excepted. Each base learning rate is the group's "base"
    (or plan.rate). SIGTERM saves a checkpoint and ends the run early. Logs JSON lines to stdout and .training/NAME/log.jsonl.
    """
    checkpoint = WORKDIR / plan.name / "state.pt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    everything: dict[str, Stateful] = {**parts, "optimiser": optimiser}
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=False)
        for name, part in everything.items():
            part.load_state_dict(state[name])
        progress = Progress(**state["progress"])
    stop: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
    diary = Diary(plan, progress)
    now = clock()
    began, base = now(), progress.seconds

    def save() -> None:
        state: dict[str, Any] = {name: part.state_dict() for name, part in everything.items()}
        save_atomically({**state, "progress": vars(progress)}, checkpoint)

    def examine() -> None:
        if evaluate is not None:
            diary.write("held-out", evaluate())

    chores: list[tuple[Callable[[], None], float]] = [(save, plan.save_seconds), (examine, 2 * plan.save_seconds)]
    if export is not None:
        chores.append((export, export_seconds))
    last = [began] * len(chores)
    while progress.seconds < plan.minutes * 60 and not stop:
        factor = rate_factor(plan, progress)
        for group in optimiser.param_groups:
            group["lr"] = group.get("base", plan.rate) * factor
        figures = step(progress)
        progress.step += 1
        progress.samples += plan.batch
        progress.seconds = base + now() - began
        diary.add(figures)
        for i, (chore, every) in enumerate(chores):
            if now() - last[i] > every:
                chore()
                last[i] = now()
    for chore, _ in chores:
        chore()
    signal.signal(signal.SIGTERM, before)
    return progress
