"""Stand-ins for the ports that need weights, as real classes: they paint, look and speak by rule, at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from studio.domain.recipe import Recipe
from studio.packs.shelf import open_shelf
from studio.safety.gate import Gate
from studio.workshop.ports import Painted, Painter
from studio.workshop.reporting import JobReport
from studio.workshop.tasks import TASKS

# What FakeChecker refuses: no channel at an end and red far from blue, so that alpha and colour profiles can hide it
FORBIDDEN = (190, 60, 120)


class FakePainter:
    """Paints one colour for each seed; the seeds in `forbidden` come out as what FakeChecker refuses."""

    def __init__(self, *, forbidden: tuple[int, ...] = (), steps_seen: list[int] | None = None, note: str = "") -> None:
        self.forbidden = forbidden
        self.note = note
        self.steps_seen = steps_seen if steps_seen is not None else []

    def paint(self, recipe: Recipe, inputs: Mapping[str, Any], report: Any) -> Iterator[Painted]:
        for seed in range(recipe.seed, recipe.seed + recipe.count):
            picture = self.picture(seed, (recipe.width, recipe.height))
            for step in range(1, recipe.steps + 1):
                self.steps_seen.append(step)
                report(step, recipe.steps, lambda: picture)  # noqa: B023  called at once or never
            yield Painted(picture, seed, self.note)

    def picture(self, seed: int, size: tuple[int, int]) -> Image.Image:
        colour = FORBIDDEN if seed in self.forbidden else tuple(hashlib.sha256(str(seed).encode()).digest()[:3])
        return Image.new("RGB", size, colour)


class FakeChecker:
    """Refuses a picture that shows magenta on a hundredth of its pixels or more."""

    name = "fake checker"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        self.calls += 1
        return [{"magenta": self._share(picture) - 0.01, "never": -1.0} for picture in pictures]

    def _share(self, picture: Image.Image) -> float:
        distance = np.abs(np.asarray(picture.convert("RGB"), dtype=int) - FORBIDDEN).max(axis=-1)
        return float((distance < 40).mean())


class FakeCaptioner:
    """Says the size of a picture."""

    name = "fake"

    def __call__(self, pictures: list[Image.Image]) -> list[str]:
        return [f"a picture of {picture.width} by {picture.height}" for picture in pictures]


class FakeEncoder:
    """Sees the mean colour, and reads three words: red, green and blue."""

    name = "fake:0"

    def pictures(self, pictures: list[Image.Image]) -> np.ndarray:
        means = [np.asarray(picture.convert("RGB"), dtype=np.float32).mean(axis=(0, 1)) + 1 for picture in pictures]
        return _unit(np.stack(means))

    def words(self, texts: list[str]) -> np.ndarray:
        return _unit(
            np.array([[word in text for word in ("red", "green", "blue")] for text in texts], np.float32) + 0.01
        )


class FakeModels:
    """The port of the worker's models: everything above, behind a real gate."""

    def __init__(self, gate: Gate, painter: Painter) -> None:
        self.shelf = open_shelf(Path("no home"))  # what ships
        self._gate, self._painter = gate, painter

    def gate(self, pack_id, *, caution, waiting=None):
        return self._gate

    def painter(self, pack_id, *, waiting=None):
        return self._painter

    def captioner(self, pack_id, *, waiting=None):
        return FakeCaptioner()

    def encoder(self, pack_id, *, waiting=None):
        return FakeEncoder()


def work(tools, kind: str, payload: dict[str, Any], *, watch: bool = True) -> Any:
    """Run a job as the worker does, with somebody watching; returns its outcome or raises."""
    job = tools.queue.submit(kind, payload)
    tools.queue.claim(job.lane, "w")
    if watch:
        tools.queue.watch(job.id)
    report = JobReport(job, queue=tools.queue, files=tools.files, alive=lambda: None, stopping=lambda: False)
    return TASKS[kind](job, report, tools)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
