"""One resumable, logged, seeded training loop for every part of Storybook; it knows nothing of pictures or words."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "assets" / "storybook"
WORKDIR = ROOT / ".training"  # checkpoints and caches: outside git, safe to delete


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


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on CUDA; plain fp32 on a CPU, where bf16 never was quicker for models this small."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


class Average:
    """An exponential moving average of a model's weights, with a short memory at the start."""

    def __init__(self, model: torch.nn.Module, decay: float = 0.999) -> None:
        self.decay, self.count = decay, 0
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        """Move a little towards the model."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 - keep)
            else:
                self.weights[key].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]
        for key, value in state["weights"].items():
            self.weights[key].copy_(value)


class Optimisers:
    """Muon for the matrices and AdamW for the rest, stepped as one (Jordan 2024; learning rates matched to AdamW's)."""

    def __init__(
        self, model: torch.nn.Module, *, rate: float, muon_rate: float, muon_for: str, decay: float = 0.01
    ) -> None:
        """muon_for: a part of the name that a two-dimensional weight must have to be given to Muon."""
        live = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        matrices = [p for name, p in live if p.ndim == 2 and muon_for in name]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in live if id(p) not in chosen]
        self.each: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=decay)
        ]
        if matrices:
            self.each.append(
                torch.optim.Muon(matrices, lr=muon_rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
            )
        for optimiser, base in zip(self.each, (rate, muon_rate), strict=False):
            for group in optimiser.param_groups:
                group["base"] = base

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for optimiser in self.each for group in optimiser.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for optimiser in self.each:
            optimiser.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        for optimiser in self.each:
            optimiser.step()

    def state_dict(self) -> list[Any]:
        return [optimiser.state_dict() for optimiser in self.each]

    def load_state_dict(self, state: list[Any]) -> None:
        for optimiser, saved in zip(self.each, state, strict=True):
            optimiser.load_state_dict(saved)


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
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(temporary.iterdir()):
        file.chmod(0o644)
        file.replace(folder / file.name)
    shutil.rmtree(temporary)


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
    folder = WORKDIR / plan.name
    checkpoint = folder / "state.pt"
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    everything: dict[str, Stateful] = {**parts, "optimiser": optimiser}
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=False)
        for name, part in everything.items():
            part.load_state_dict(state[name])
        progress = Progress(**state["progress"])
    stop: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
    began, base = time.monotonic(), progress.seconds
    saved = logged = evaluated = exported = began
    sums: dict[str, float] = {}
    count, first_samples = 0, progress.samples

    def log(kind: str, figures: Mapping[str, float]) -> None:
        line = {
            "part": plan.name, "kind": kind, "at": time.strftime("%H:%M:%S"), "step": progress.step,
            "samples": progress.samples, "seconds": round(progress.seconds),
            **{k: round(float(v), 5) for k, v in figures.items()},
        }  # fmt: skip
        text = json.dumps(line)
        print(text, flush=True)
        with (folder / "log.jsonl").open("a") as file:
            file.write(text + "\n")

    def save() -> None:
        state: dict[str, Any] = {name: part.state_dict() for name, part in everything.items()}
        save_atomically({**state, "progress": vars(progress)}, checkpoint)

    while progress.seconds < plan.minutes * 60 and not stop:
        share = progress.seconds / (plan.minutes * 60)
        tail = min(1.0, (1 - share) / plan.anneal)
        factor = min(1.0, (progress.step + 1) / plan.warmup) * (
            plan.floor + (1 - plan.floor) * (0.5 - 0.5 * math.cos(math.pi * tail))
        )
        for group in optimiser.param_groups:
            group["lr"] = group.get("base", plan.rate) * factor
        figures = step(progress)
        progress.step += 1
        progress.samples += plan.batch
        now = time.monotonic()
        progress.seconds = base + now - began
        for key, value in figures.items():
            sums[key] = sums.get(key, 0.0) + float(value)
        count += 1
        if now - logged > plan.log_seconds:
            rate = (progress.samples - first_samples) / (now - logged)
            log("train", {k: v / count for k, v in sums.items()} | {"per_second": rate, "lr": plan.rate * factor})
            sums, count, logged, first_samples = {}, 0, now, progress.samples
        if now - saved > plan.save_seconds:
            save()
            saved = time.monotonic()
        if evaluate is not None and now - evaluated > 2 * plan.save_seconds:
            log("held-out", evaluate())
            evaluated = time.monotonic()
        if export is not None and now - exported > export_seconds:
            export()
            exported = time.monotonic()
    save()
    if evaluate is not None:
        log("held-out", evaluate())
    if export is not None:
        export()
    signal.signal(signal.SIGTERM, before)
    return progress
