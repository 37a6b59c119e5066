"""A real worker process whose painter needs no weights and does what the prompt says: be slow, hang, die, fail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fakes import FakeChecker, FakePainter
from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.errors import NotNumbers, StorageFull
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.safety.gate import Gate
from studio.workshop.create import create
from studio.workshop.ports import Painted
from studio.workshop.reporting import JobReport
from studio.workshop.tasks import Outcome
from studio.workshop.tools import Tools
from studio.workshop.worker import main

STEP_SECONDS = 0.02


class OddPainter(FakePainter):
    """Takes its time, and obeys the first word of the prompt at its third step."""

    def paint(self, recipe: Recipe, inputs: Mapping[str, Any], report: Any) -> Iterator[Painted]:
        def slowly(done: int, total: int, draft: Any = None) -> None:
            if done == 3:
                odd(recipe.prompt.split()[0])
            time.sleep(STEP_SECONDS)
            report(done, total, draft)

        yield from super().paint(recipe, inputs, slowly)


def odd(word: str) -> None:
    """Do what the word says."""
    match word:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            while True:
                time.sleep(0.05)
        case "nan":
            raise NotNumbers("The model produced no numbers (NaN); try another seed.")
        case "full":
            raise StorageFull("The disk that holds the home is full; free some space and try again.")
        case "odd":
            raise ValueError("something odd")


class OddChecker(FakeChecker):
    """Looks at its known positive as it should, and then does what its word says."""

    word = ""

    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        odd(self.word)
        return super().__call__(pictures)


def paint(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """The one path, with the odd painter, the real gate over an odd checker, and the real gallery and files."""
    checker = OddChecker()
    gate = Gate(checker=checker, known_positive=Path(os.environ["KNOWN_POSITIVE"]))
    recipe = Recipe.from_dict(job.payload["recipe"])
    checker.word = "hang" if recipe.prompt.startswith("unseen") else ""
    ids = []
    report.stage("painting")
    for made in create(recipe, painter=OddPainter(), gate=gate, gallery=tools.gallery, report=report, job=job.id):
        assert isinstance(made, Artwork)
        ids.append(made.id)
        report.partial({"artworks": ids})
    return Outcome({"artworks": ids})


def look(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """Answer at once."""
    return Outcome({"hits": []})


if __name__ == "__main__":
    raise SystemExit(main(Path(os.environ["EASEL_HOME"]), tasks={"paint": paint, "find": look}, warm_up=False))
