"""Wildcard files in a prompt, `__animals__`: what each picture picks, written so that no file is needed again. It reads none.

A recipe must say everything by itself. So each `__name__` becomes a choice `{cat|owl}` of the lines that the pictures' seeds
pick, arranged so that the throw of each seed falls on its own; of one line alone `{cat|0::}`, which is a throw all the same,
so that the choices behind it fall as they do in any other batch.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from studio.domain.errors import BadInput
from studio.domain.prompting import chosen, often, taken, thrown, throws

DEEPEST = 10  # wildcards within wildcards
MOST_PICKS = 400  # in one prompt and for one picture: a hundred names in each line, ten deep, would never end
DEEPEST_BRACES = 40  # the reader of prompts goes to 50
# Written as other studios write it, one right behind the other too; four underscores, or two within a word's own, are none
_NAME = r"(?=[^\s_])(?:(?!__)[\w./\\~: -]){1,100}(?<=[^\s_])"
_NAMED = re.compile(f"__({_NAME})__")
_ROW = re.compile(rf"(?<![\\_])(?:__{_NAME}__)+(?!_)")
_LITERAL = re.compile(r"\\.|[{}|\\]", re.DOTALL)

Read = Callable[[str], Sequence[str]]  # the lines of a wildcard file by its name, weights and all; raises BadInput


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a wildcard file that can be picked: no empty ones, no comments, none that is taken 0 times."""
    stripped = (line.strip() for line in text.splitlines())
    return tuple(line for line in stripped if line and not line.startswith("#") and all(often(line)))


def named(text: str) -> tuple[str, ...]:
    """The wildcards that a prompt names, in order, once each."""
    return tuple(dict.fromkeys(found[1] for found in _each(text)))


def _each(text: str) -> Iterator[re.Match[str]]:
    """Every wildcard of a text; its group 1 is the name."""
    for row in _ROW.finditer(text):
        yield from _NAMED.finditer(text, row.start(), row.end())


def filled(text: str, *, seeds: Sequence[int], read: Read, field: str) -> str:
    """The text without names of wildcards: `chosen(filled, seed)` has what each of the seeds picks.

    What a seed picks depends on it, the name, the lines, and how often the name stood before; not on the other seeds. `field`
    ("prompt", "negative") keeps two texts from picking alike. Raises BadInput, and whatever `read` raises.
    """
    met: Counter[str] = Counter()
    pickers = {seed: _Picker(read, field) for seed in seeds}
    made, place = "", 0
    for found in _each(text):
        name = found[1]
        made += text[place : found.start()]
        met[name] += 1
        picks = [picker.pick(name, f"{field}/{seed}/{name}/{met[name]}") for seed, picker in pickers.items()]
        if made.count("{") - made.count("}") >= DEEPEST_BRACES:
            raise BadInput(field, "The choices of this prompt lie too deep in one another; take a few braces out.")
        made += _choice(picks, seeds, throw=throws(made) + 1)
        place = found.end()
    return made + text[place:]


class _Picker:
    """Picks for one picture, and not without an end."""

    def __init__(self, read: Read, field: str) -> None:
        self._read, self._field, self._picks = read, field, 0

    def pick(self, name: str, salt: str, trail: tuple[str, ...] = ()) -> str:
        """A line, its own choices and wildcards taken, and what is left of their signs made mere text."""
        self._picks += 1
        trail = (*trail, name)
        if len(trail) > DEEPEST or self._picks > MOST_PICKS:
            way = " > ".join(trail[:4])
            raise BadInput(self._field, f"The wildcards {way} lead into one another without an end; break the circle.")
        lines = self._read(name)
        if not lines:
            raise BadInput(self._field, f"The wildcard file {name} has no lines yet; write some on the Settings page.")
        number = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "big")
        line = chosen(taken(lines, number), number)
        made, place = "", 0
        for index, found in enumerate(_each(line)):
            made += _literal(line[place : found.start()]) + self.pick(found[1], f"{salt}/{index}", trail)
            place = found.end()
        return made + _literal(line[place:])


def _literal(text: str) -> str:
    """The text with braces and bars that stand for themselves; what is escaped already stays."""
    return _LITERAL.sub(lambda found: found[0] if len(found[0]) == 2 else "\\" + found[0], text)


def _choice(picks: Sequence[str], seeds: Sequence[int], *, throw: int) -> str:
    """A choice in which each seed's dice fall on its own pick at their throw; always one throw, however many differ."""
    # A space in front, where what was picked would be read as saying how often it is taken
    picks = [pick if often(pick)[1] == pick else f" {pick}" for pick in picks]
    if len(set(picks)) == 1:
        return f"{{{picks[0]}|0::}}"  # not the line twice: it may be long, and so is a prompt at most
    numbers = [thrown(seed, throw) for seed in seeds]
    sides = 2
    while not _parts(numbers, picks, sides):  # a few more options than pictures: numbers of 64 bits differ soon
        sides += 1
    options = {number % sides: pick for number, pick in zip(numbers, picks, strict=True)}
    spare = min(picks, key=len)
    return "{" + "|".join(options.get(side, spare) for side in range(sides)) + "}"


def _parts(numbers: Sequence[int], picks: Sequence[str], sides: int) -> bool:
    """Whether so many options tell the picks apart."""
    options: dict[int, str] = {}
    return all(options.setdefault(number % sides, pick) == pick for number, pick in zip(numbers, picks, strict=True))
