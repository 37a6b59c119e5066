"""What may come next in the search box: completions of the last word, from what is in the gallery. It reads no table itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.domain.query import FIELDS
from studio.gallery.finding.language import spelled

MOST = 8
_LAST = re.compile(r'(?:^|(?<=\s))(-?)((?:[^\s":]+:"[^"]*|[^\s"]+))$')


@dataclass(frozen=True)
class Vocabulary:
    """What the gallery holds, by filter: value -> how many artworks have it. `tag` is also offered for a bare word."""

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Suggestion:
    """One completion: the whole text of the box with it, what it adds, what it means, and how many artworks have it."""

    text: str
    piece: str
    meaning: str = ""
    count: int | None = None


def suggest(text: str, vocabulary: Vocabulary, *, most: int = MOST) -> list[Suggestion]:
    """Completions of the last word of what was typed, best first; none after a blank or inside quotation marks.

    A name before its colon brings filters, a value behind it those that are in use, a bare word the tags that begin with it.
    """
    found = _LAST.search(text)
    if not found:
        return []
    dash, word = found[1], found[2]
    before = text[: found.start()]
    name, colon, value = word.partition(":")
    if colon:
        pieces = _values(name.lower(), value.strip('"'), vocabulary)
    else:
        pieces = _names(word.lower()) + _values("tag", word, vocabulary)
    return [Suggestion(before + dash + piece, dash + piece, meaning, count) for piece, meaning, count in pieces[:most]]


def _names(start: str) -> list[tuple[str, str, int | None]]:
    return [(f"{name}:", one.takes, None) for name, one in FIELDS.items() if name.startswith(start)]


def _values(name: str, start: str, vocabulary: Vocabulary) -> list[tuple[str, str, int | None]]:
    if name not in FIELDS:
        return []
    start = " ".join(start.lower().split())
    counts = vocabulary.counts.get(name, {})
    known = dict.fromkeys(FIELDS[name].values, 0) | dict(counts)
    fitting = [value for value in known if value.lower().startswith(start)]
    # Within a name only where nothing begins with it: sd-dreamshaper is found by dream
    fitting = fitting or [value for value in known if start in value.lower()]
    fitting.sort(key=lambda value: (-known[value], list(known).index(value) if not known[value] else 0, value))
    whole = [value for value in fitting if value.lower() != start]
    return [(f"{name}:{spelled(value)}", "", known[value] if value in counts else None) for value in whole]
