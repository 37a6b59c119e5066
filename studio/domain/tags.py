"""LoRAs as other studios write them into a prompt, `<lora:name:0.8>`: found and taken out. It knows no shelf."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from studio.domain.errors import BadInput
from studio.domain.prompting import chosen

# A backslash before it takes its meaning; a second number, of another part of the model, is not told apart here
_TAG = re.compile(r"(?<!\\)<lora:([^<>:\n]{1,120})(?::([^<>\n]{0,60}))?>", re.IGNORECASE)


@dataclass(frozen=True)
class Tag:
    """One LoRA in a prompt: its name, its weight as typed, and where it stands."""

    name: str
    weight: str
    start: int
    end: int

    @property
    def number(self) -> float:
        """The weight; raises BadInput for one that is no number."""
        try:
            return float(self.weight.partition(":")[0] or 1.0)
        except ValueError as error:
            raise BadInput(
                "loras",
                f"The weight of <lora:{self.name}:{self.weight}> is no number; write it like <lora:{self.name}:0.8>.",
            ) from error


def tags(text: str) -> Iterator[Tag]:
    """The LoRAs that a text names, in order."""
    for found in _TAG.finditer(text):
        yield Tag(found[1].strip(), (found[2] or "").strip(), found.start(), found.end())


def without(text: str, gone: Callable[[Tag], bool] = lambda tag: True) -> str:
    """The text without its tags (those that are `gone`), and without the commas and spaces that stood for them."""
    for tag in reversed([tag for tag in tags(text) if gone(tag)]):
        text = _joined(text[: tag.start], text[tag.end :])
    return text


def worn(text: str, seeds: Sequence[int]) -> dict[str, float]:
    """The LoRAs that every picture of a batch wears, name -> weight, the last of a name; raises BadInput where they differ."""
    sets = [{tag.name: tag.number for tag in tags(chosen(text, seed))} for seed in seeds]
    if any(one != sets[0] for one in sets):
        raise BadInput(
            "loras",
            "All pictures of a batch wear the same LoRAs; take <lora:...> out of the choice, or paint one at a time.",
        )
    return sets[0] if sets else {}


def _joined(left: str, right: str) -> str:
    spaced = left[-1:].isspace() or right[:1].isspace()
    if "\n" in left[len(left.rstrip()) :] or "\n" in right[: len(right) - len(right.lstrip())]:
        return left + right  # a line of its own may have been meant
    left, right = left.rstrip(), right.lstrip()
    if right.startswith(",") and left[-1:] in ("", ",", "{", "|"):
        right = right[1:].lstrip()
    elif left.endswith(",") and right[:1] in ("", "}", "|"):
        left = left[:-1].rstrip()
    return left + (" " if spaced and left and right and right[0] not in ",}|" else "") + right
