"""How a prompt is written: weights, BREAK, and wildcards that the seed decides. It knows no tokens and no model.

The weights are those that people write for other studios: `(word)` counts 1.1 times as much, `[word]` 1.1 times less,
`(word:1.3)` 1.3 times; they nest and multiply. A backslash takes the meaning from what follows. `BREAK` begins a new stretch of
75 tokens. Of `{a|b}` the seed takes one; `{3::a|b}` takes a three times as often.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from studio.domain.recipe import Recipe

STEP = 1.1  # of one pair of brackets
# A weight beyond this is no picture any more; nor is one below nothing, which would turn a negative prompt into a wish
MOST = 10.0
BACKTRACK = 20  # tokens: a stretch that is full ends at a comma this near, so that what belongs together stays together
SPECIAL = "()[]{}|\\<_"
_SAID = re.compile(r":\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)")
_BREAK = re.compile(r"\bBREAK\b")
_OFTEN = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)::")


@dataclass(frozen=True)
class Part:
    """Words of one weight; `places` says where each character stands in the prompt as it was typed."""

    text: str
    weight: float
    places: tuple[int, ...] = ()


def passages(prompt: str) -> list[list[Part]]:
    """The prompt cut at each BREAK; each passage as parts of one weight, neighbours of the same weight as one part."""
    found: list[list[Part]] = [[]]
    for part in _parts(prompt):
        start = 0
        for cut in _BREAK.finditer(part.text):
            _add(found[-1], part, start, cut.start(), trim="right")
            found.append([])
            start = cut.end()
        _add(found[-1], part, start, len(part.text), trim="left" if start else "")
    return found


def plain(prompt: str) -> str:
    """What is left of a prompt when its weights are taken away: the words that are read."""
    return " ".join("".join(part.text for part in passage) for passage in passages(prompt))


def cut(commas: Sequence[bool], room: int) -> list[tuple[int, int]]:
    """Where a passage of tokens is cut into stretches of at most `room`, (start, end) each; one, if empty, for no tokens.

    `commas` says for each token whether it is a comma. A full stretch ends at a comma near its end, if there is one.
    """
    made, start = [], 0
    while len(commas) - start > room:
        near = [at for at in range(start + room - BACKTRACK, start + room) if commas[at]]
        end = near[-1] + 1 if near else start + room
        made.append((start, end))
        start = end
    return [*made, (start, len(commas))]


def chosen(text: str, seed: int) -> str:
    """The text with one of each `{a|b}` taken; the same seed takes the same. Braces without a bar stay as they are.

    Groups nest. What was chosen, chosen again, is itself.
    """
    made, _, _ = _group(text, 0, _Dice(seed), depth=0)
    return made


def thrown(seed: int, throw: int) -> int:
    """What a picture's dice show at their throw (1, 2, ...): a hash, so that it is the same on every machine for ever."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{throw}".encode()).digest()[:8], "big")


def throws(text: str) -> int:
    """How often the dice are thrown for a text, which does not depend on the seed."""
    dice = _Dice(0)
    _group(text, 0, dice, depth=0)
    return dice.throws


def often(text: str) -> tuple[int, str]:
    """How often an option is taken, in thousandths of the usual, and what it says: "3::cat" is (3000, "cat")."""
    said = _OFTEN.match(text)
    return (round(float(said[1]) * 1000), text[said.end() :]) if said else (1000, text)


def taken(options: Sequence[str], number: int) -> str:
    """The option that a number falls on; those that say how often they are taken have that much room."""
    weighed = [often(option) for option in options]
    room = sum(weight for weight, _ in weighed)
    if (room == 1000 * len(options) and all(weight == 1000 for weight, _ in weighed)) or not room:
        return weighed[number % len(options)][1]
    at = number % room
    for weight, text in weighed:
        if at < weight:
            return text
        at -= weight
    raise AssertionError("the number is less than the room")


def pictures(recipe: Recipe) -> list[Recipe]:
    """The recipe of each picture of a batch, its wildcards chosen by the picture's own seed."""
    return [one(recipe, recipe.seed + index) for index in range(recipe.count)]


def one(recipe: Recipe, seed: int) -> Recipe:
    """The recipe of the picture with this seed."""
    alone = recipe.with_seed(seed)
    prompt, negative = chosen(alone.prompt, seed), chosen(alone.negative, seed)
    same = (prompt, negative) == (alone.prompt, alone.negative)
    return alone if same else replace(alone, prompt=prompt, negative=negative)


class _Dice:
    """A throw for each group, in the order they are met."""

    def __init__(self, seed: int) -> None:
        self._seed, self.throws = seed, 0

    def take(self, options: Sequence[str]) -> str:
        self.throws += 1
        return taken(options, thrown(self._seed, self.throws))


def _group(text: str, place: int, dice: _Dice, *, depth: int) -> tuple[str, int, bool]:
    """The text from `place` to the end of its group, what was chosen, where it ends, and whether it was closed."""
    options, current = [], ""
    while place < len(text):
        letter = text[place]
        if letter == "\\" and place + 1 < len(text):
            current += text[place : place + 2]
            place += 2
        elif letter == "{" and depth < 50:
            inner, end, closed = _group(text, place + 1, dice, depth=depth + 1)
            current += inner if closed else "{" + inner
            place = end
        elif letter == "}" and depth:
            options.append(current)
            if len(options) == 1:
                return "{" + current + "}", place + 1, True
            return dice.take(options), place + 1, True
        elif letter == "|" and depth:
            options.append(current)
            current, place = "", place + 1
        else:
            current += letter
            place += 1
    return "|".join([*options, current]), place, False


def _parts(prompt: str) -> list[Part]:
    letters: list[str] = []
    places: list[int] = []
    weights: list[float] = []
    opened: list[tuple[str, int]] = []

    def close(factor: float) -> None:
        _, start = opened.pop()
        for index in range(start, len(weights)):
            weights[index] *= factor

    place = 0
    while place < len(prompt):
        letter = prompt[place]
        inner = opened[-1][0] if opened else ""
        said = _SAID.match(prompt, place) if letter == ":" and inner == "(" else None
        width = 1
        if letter == "\\" and place + 1 < len(prompt) and prompt[place + 1] in SPECIAL:
            letters.append(prompt[place + 1])
            places.append(place)
            weights.append(1.0)
            width = 2
        elif letter in "([":
            opened.append((letter, len(weights)))
        elif said is not None:
            close(float(said.group(1)))
            width = said.end() - place
        elif letter == ")" and inner == "(":
            close(STEP)
        elif letter == "]" and inner == "[":
            close(1 / STEP)
        else:
            letters.append(letter)
            places.append(place)
            weights.append(1.0)
        place += width
    while opened:  # what was never closed reaches to the end
        close(STEP if opened[-1][0] == "(" else 1 / STEP)
    return _joined(letters, places, [_bounded(weight) for weight in weights])


def _joined(letters: list[str], places: list[int], weights: list[float]) -> list[Part]:
    made: list[Part] = []
    start = 0
    for index in range(1, len(letters) + 1):
        if index == len(letters) or weights[index] != weights[start]:
            made.append(Part("".join(letters[start:index]), weights[start], tuple(places[start:index])))
            start = index
    return made


def _bounded(weight: float) -> float:
    return round(max(0.0, min(MOST, weight)), 6) if not math.isnan(weight) else 1.0


def _add(passage: list[Part], part: Part, start: int, end: int, *, trim: str) -> None:
    """Put letters start..end of a part into a passage, without the white space beside a BREAK."""
    while trim == "right" and end > start and part.text[end - 1].isspace():
        end -= 1
    while trim == "left" and start < end and part.text[start].isspace():
        start += 1
    if end > start:
        passage.append(Part(part.text[start:end], part.weight, part.places[start:end]))
