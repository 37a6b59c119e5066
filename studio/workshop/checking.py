"""Checkers as the gate needs them: one or several, loaded, broken, or no longer what its files are. It decides no picture."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from studio.domain.errors import PackMissing
from studio.packs.manifest import Pack
from studio.workshop import stamps
from studio.workshop.ports import Checker
from studio.workshop.stamps import Stamp

AGAIN_SECONDS = 60.0  # until a checker that did not load is tried again, though none of its files changed
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A checker, what its files were when it was loaded, and when that was (monotonic seconds)."""

    checker: Checker
    stamp: Stamp
    since: float = field(default_factory=time.monotonic)

    def stale(self, now: Stamp) -> bool:
        """Whether it has to be loaded anew: its files are others now, or it did not load, and that was a while ago."""
        broken = isinstance(self.checker, BrokenChecker)
        return self.stamp != now or (broken and time.monotonic() - self.since > AGAIN_SECONDS)


def stamp(pack: Pack) -> Stamp:
    """What the files of a pack's checker are now, without reading them."""
    try:
        return stamps.stamp((pack.role("checker"), pack.preparation("checker")))
    except PackMissing:
        return ()


def load(pack: Pack) -> Loaded:
    """The checker of a pack; one that does not load stands for what is wrong with it."""
    now = stamp(pack)  # before it is read: a file that changes meanwhile makes it stale
    try:
        from studio.workshop.vision.checker import load_checker
        from studio.workshop.vision.classifier import load_classifier
        from studio.workshop.vision.loading import model_type

        folder = pack.role("checker")
        name, preparation = f"{pack.id} checker", pack.preparation("checker")
        if model_type(folder) == "vit":
            return Loaded(load_classifier(folder, name=name, preparation=preparation), now)
        concepts = tuple(pack.manifest.concepts)
        return Loaded(load_checker(folder, name=name, preparation=preparation, concepts=concepts), now)
    except Exception as error:  # whatever is wrong with it: the gate says so and stays shut
        logger.exception("the checker of %s does not load", pack.id)
        return Loaded(BrokenChecker(pack.id, str(error)), now)


class Checkers:
    """Several checkers as one: a picture that any of them forbids is forbidden, and each has to prove that it can."""

    def __init__(self, checkers: Sequence[Checker]) -> None:
        self.name = " and ".join(checker.name for checker in checkers)
        self._checkers = tuple(checkers)

    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        """For each picture the scores of all; of two concepts with one name the higher."""
        made: list[dict[str, float]] = [{} for _ in pictures]
        for checker in self._checkers:
            for held, scores in zip(made, checker(pictures), strict=True):
                for concept, score in scores.items():
                    # `max` would drop a NaN, which has to block
                    if concept not in held or math.isnan(score) or score > held[concept]:
                        held[concept] = score
        return made

    def provoked(self) -> Image.Image:
        """A picture that the first forbids; raises where any of them forbids not even what it finds itself."""
        found = []
        for checker in self._checkers:
            if not hasattr(checker, "provoked"):
                checker([Image.new("RGB", (64, 64))])  # a broken one says here what is wrong with it
                raise ValueError(f"{checker.name} cannot prove that it works")
            picture = checker.provoked()
            if not max(checker([picture])[0].values()) > 0:
                raise ValueError(f"{checker.name} does not forbid what it should")
            found.append(picture)
        return found[0]


class BrokenChecker:
    """Stands where a checker could not be loaded, and says why, so that the gate's self-test fails with the reason."""

    def __init__(self, pack_id: str, reason: str) -> None:
        self.name = f"{pack_id} checker (broken)"
        self._reason = reason

    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        """Raise."""
        raise RuntimeError(f"it could not be loaded: {self._reason}")
