"""The gate: decides what may be shown or saved, and alone makes Cleared. It changes no picture and lets no doubt pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from studio.domain.errors import Cancelled, Refused
from studio.domain.job import Report
from studio.domain.prompting import pictures, plain
from studio.domain.recipe import Recipe
from studio.domain.verdict import SEAL, Cleared, Verdict
from studio.places import ASSETS
from studio.safety import prompts
from studio.safety.intake import Intake, open_picture

KNOWN_POSITIVE = ASSETS / "safety" / "known-positive.png"
CAUTION_LIMIT = 0.2
TILE_OVERLAP = 0.5  # of a tile's side, so that nothing hides in a seam
BACKINGS = ("white", "black", "gray")  # what a page may show a see-through picture on


class Checker(Protocol):
    """Looks at pictures: for each, concept -> cosine similarity minus its threshold; above 0 means forbidden."""

    name: str

    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]: ...


class Gate:
    """Turns prompts and pictures into verdicts.

    `caution` (0 to 0.2, cosine) is added to every score, so it only makes the gate stricter. `labels` maps a concept to
    plain words. Without a checker, or with one that does not flag the known positive (a file, or what makes one), everything
    is blocked.
    """

    def __init__(
        self,
        *,
        checker: Checker | None,
        caution: float = 0.0,
        labels: Mapping[str, str] | None = None,
        known_positive: Path | Callable[[], Image.Image] = KNOWN_POSITIVE,
        rules: Path = prompts.RULES,
    ) -> None:
        if not (math.isfinite(caution) and 0 <= caution <= CAUTION_LIMIT):
            raise ValueError(f"caution must be between 0 and {CAUTION_LIMIT}")
        self._checker = checker
        self._caution = caution
        self._labels = dict(labels or {})
        self._concepts: frozenset[str] = frozenset()
        self._rules: tuple[prompts.Rule, ...] = ()
        self._known_margin: float | None = None
        self._why_not = self._self_test(known_positive, rules)

    def ready(self) -> str:
        """Empty, or the sentence that says why everything is blocked."""
        return self._why_not

    def blocked(self) -> Verdict:
        """The verdict on everything while the gate is not ready."""
        return self._blocked(self._why_not)

    def facts(self) -> dict[str, Any]:
        """What the Settings page says of the gate."""
        return {
            "checker": self._checker.name if self._checker else "none",
            "caution": self._caution,
            "concepts": {name: self._labels.get(name, name) for name in sorted(self._concepts)},
            "prompt_rules": len(self._rules),
            "self_test": self._why_not or f"passed: the known positive is flagged by {self._known_margin:.3f}",
            "ready": not self._why_not,
        }

    def prompt(self, recipe: Recipe) -> Verdict:
        """Read a recipe's words; raises Refused for what is never painted, and for everything when the gate is not ready."""
        # As typed, and as each picture's model will read it: brackets and wildcards could take a word apart
        read = [recipe.prompt, *(plain(one.prompt) for one in pictures(recipe))]
        return self._read(read, "The prompt asks for {}, which is never painted.")

    def question(self, text: str) -> Verdict:
        """Read a question about a picture by the same rules as a prompt; raises Refused."""
        return self._read([text], "The question is about {}, which is never answered.")

    def _read(self, texts: Sequence[str], sentence: str) -> Verdict:
        if self._why_not:
            raise Refused(self._blocked(self._why_not))
        broken = [
            rule for rule in self._rules if any(prompts.broken_rules(text, (rule,)) for text in dict.fromkeys(texts))
        ]
        if broken:
            reasons = tuple(sentence.format(rule.reason) for rule in broken)
            raise Refused(Verdict(allowed=False, reasons=reasons, checker="prompt rules"))
        return Verdict(allowed=True, checker="prompt rules")

    def picture(self, picture: Image.Image) -> Cleared:
        """Clear one picture; raises Refused with reasons and margin."""
        decided = self.pictures([picture])[0]
        if isinstance(decided, Verdict):
            raise Refused(decided)
        return decided

    def pictures(self, pictures: Sequence[Image.Image]) -> list[Cleared | Verdict]:
        """Clear several pictures in one look; a refused one gives its verdict."""
        decided: list[Cleared | Verdict] = []
        for picture in pictures:
            copy, verdict = self._judge(picture)
            decided.append(Cleared(copy, verdict, seal=SEAL) if copy is not None and verdict.allowed else verdict)
        return decided

    def file(self, data: bytes) -> tuple[Cleared, Intake]:
        """Open a stranger's file and clear its pixels; raises BadPicture or Refused.

        Its bytes are kept only where `Intake.keep` says that they hold nothing but those pixels.
        """
        intake = open_picture(data)
        copy, verdict = self._judge(intake.picture)
        if copy is None or not verdict.allowed:
            raise Refused(verdict)
        return Cleared(copy, verdict, seal=SEAL, original=intake.kept), intake

    def files(self, intakes: Sequence[Intake]) -> list[Cleared | Verdict]:
        """Clear several opened files in one look, as `file` does; a refused one gives its verdict.

        Whatever goes wrong with all of them together is tried one by one, so that a file costs the others nothing.
        """
        decided: list[Cleared | Verdict] = []
        for intake, (copy, verdict) in zip(intakes, self._judge_all([one.picture for one in intakes]), strict=True):
            if copy is None or not verdict.allowed:
                decided.append(verdict)
            else:
                decided.append(Cleared(copy, verdict, seal=SEAL, original=intake.kept))
        return decided

    def watch(self, report: Report) -> Callable[..., None]:
        """Wrap a report so that its drafts come through the gate: a draft gives a Cleared, or None when refused."""

        def watched(done: int, total: int, draft: Callable[[], Image.Image] | None = None) -> None:
            if draft is None:
                report(done, total)
            else:
                report(done, total, lambda: self._draft(draft))  # type: ignore[arg-type,return-value]

        return watched

    def _draft(self, draft: Callable[[], Image.Image]) -> Cleared | None:
        try:
            return self.picture(draft())
        except (Refused, ValueError, RuntimeError):  # a draft is worth no failure; what is not cleared is not shown
            return None

    def _judge(self, picture: Image.Image) -> tuple[Image.Image | None, Verdict]:
        """Decide on our own copy of the pixels: who hands the picture in may go on painting on theirs."""
        if self._why_not:
            return None, self._blocked(self._why_not)
        try:
            if picture.mode not in ("RGB", "RGBA"):
                return None, self._blocked(f"A picture of mode {picture.mode} cannot be judged; convert it to RGB.")
            copy = _own(picture)
            answers = self._ask(views(copy))
        except (Cancelled, MemoryError):
            raise
        except Exception as error:  # whatever went wrong: what could not be checked is blocked
            return None, self._blocked(
                f"The checker failed ({type(error).__name__}: {error}), so nothing is let through."
            )
        return copy, self._verdict(answers)

    def _judge_all(self, pictures: Sequence[Image.Image]) -> list[tuple[Image.Image | None, Verdict]]:
        """`_judge` of each, by one question to the checker where that can be."""
        if self._why_not or len(pictures) < 2:
            return [self._judge(picture) for picture in pictures]
        try:
            if any(picture.mode not in ("RGB", "RGBA") for picture in pictures):
                raise ValueError("one of them cannot be judged")
            copies = [_own(one) for one in pictures]
            looks = [views(copy) for copy in copies]
            answers = self._ask([view for look in looks for view in look])
        except Cancelled:
            raise
        except Exception:  # too little memory, a checker that fails at one of them: each is judged by itself
            return [self._judge(picture) for picture in pictures]
        judged: list[tuple[Image.Image | None, Verdict]] = []
        start = 0
        for copy, look in zip(copies, looks, strict=True):
            judged.append((copy, self._verdict(answers[start : start + len(look)])))
            start += len(look)
        return judged

    def _verdict(self, answers: list[dict[str, float]]) -> Verdict:
        """What the answers to all views of one picture come to: the highest score of each concept, with caution added."""
        scores = {name: max(answer[name] for answer in answers) + self._caution for name in answers[0]}
        margin = -max(scores.values())
        reasons = tuple(
            f"It looks like {self._labels.get(name, name)}: {score:.3f} over the limit."
            for name, score in sorted(scores.items(), key=lambda pair: -pair[1])
            if score >= 0
        )
        name = self._checker.name if self._checker else ""
        return Verdict(allowed=not reasons, reasons=reasons, margin=margin, scores=scores, checker=name)

    def _ask(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        if self._checker is None:
            raise RuntimeError("there is no checker")
        answers = self._checker(pictures)
        if len(answers) != len(pictures):
            raise ValueError(f"{len(answers)} answers for {len(pictures)} pictures")
        for answer in answers:
            if not answer or (self._concepts and frozenset(answer) != self._concepts):
                raise ValueError("concepts are missing from its answer")
            if not all(math.isfinite(score) for score in answer.values()):
                raise ValueError("its scores are not numbers")
        return [{name: float(score) for name, score in answer.items()} for answer in answers]

    def _self_test(self, known_positive: Path | Callable[[], Image.Image], rules: Path) -> str:
        try:
            self._rules = prompts.read_rules(rules)
        except (OSError, ValueError, KeyError, TypeError) as error:
            return f"The prompt rules cannot be read ({error}); restore assets/safety/ from the repository."
        if self._checker is None:
            return (
                "No picture checker is installed, so everything is blocked; install a pack with one on the Shelf page."
            )
        try:
            if callable(known_positive):
                sample = known_positive().convert("RGB")
            else:
                with Image.open(known_positive) as picture:
                    sample = picture.convert("RGB")
            blank = Image.new("RGB", sample.size, (128, 128, 128))
            flagged, empty = self._ask([sample, blank])
        except Exception as error:
            return f"The picture checker failed its self-test ({type(error).__name__}: {error}); everything is blocked."
        worst = max(flagged.values())
        if worst <= 0:
            return f"The picture checker did not flag the known positive ({worst:.3f} under its limit); everything is blocked."
        if flagged == empty:
            return "The picture checker gives the same answer to every picture; everything is blocked."
        self._known_margin = worst
        self._concepts = frozenset(flagged)
        return ""

    def _blocked(self, reason: str) -> Verdict:
        return Verdict(allowed=False, reasons=(reason,), checker=self._checker.name if self._checker else "")


def views(picture: Image.Image) -> list[Image.Image]:
    """Every way a picture can look on a page, as RGB: on light, dark and grey behind its transparency, and its bare colours.

    A long picture is also cut into overlapping squares, for a checker looks at the middle square only.
    """
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255):
        shown = [_on(picture, backing) for backing in BACKINGS] + [picture.convert("RGB")]
    else:
        shown = [picture.convert("RGB")]
    return [view for one in shown for view in (one, *_squares(one))]


def _own(picture: Image.Image) -> Image.Image:
    """The pixels alone, copied."""
    copy = picture.copy()
    copy.info = {}
    return copy


def _on(picture: Image.Image, backing: str) -> Image.Image:
    ground = Image.new("RGBA", picture.size, backing)
    ground.alpha_composite(picture)
    return ground.convert("RGB")


def _squares(picture: Image.Image) -> list[Image.Image]:
    width, height = picture.size
    side, length = min(width, height), max(width, height)
    if length == side:
        return []
    count = math.ceil((length - side) / (side * TILE_OVERLAP)) + 1
    starts = sorted({round(index * (length - side) / (count - 1)) for index in range(count)})
    if width >= height:
        return [picture.crop((start, 0, start + side, side)) for start in starts]
    return [picture.crop((0, start, side, start + side)) for start in starts]
