"""What a pack with few words knows instead of a strange one: a curated list, never a guess of a model. It changes no prompt."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from studio.places import ASSETS

TABLE = ASSETS / "words" / "nearest.toml"
MOST = 4


@dataclass(frozen=True)
class Nearest:
    """A word that a pack does not know, and those that it knows: of the same sort (`what`), or spelt alike (`what` is "")."""

    word: str
    what: str
    offers: tuple[str, ...]


def nearest(word: str, known: Collection[str]) -> Nearest:
    """What to offer for a word that is not among the known ones (lower case)."""
    low = word.lower()
    forms = {low, low.removesuffix("s"), low.removesuffix("es"), low.removesuffix("'s")}
    *groups, rest = [
        (what, tuple(offer for offer in offers if set(offer.split()) <= set(known))[:MOST], asked)
        for what, offers, asked in _groups()
    ]
    for what, offers, asked in groups:
        if offers and asked & forms:
            return Nearest(word, what, offers)
    alike = get_close_matches(low, sorted(known), n=2, cutoff=0.82) if len(low) > 3 else []
    if alike:
        return Nearest(word, "", tuple(alike))
    return Nearest(word, rest[0], rest[1]) if rest[1] else Nearest(word, "", ())


def instead(text: str, word: str, offer: str) -> str:
    """The text with a word exchanged wherever it stands by itself, and the article before it made right."""
    text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", lambda _: offer, text, flags=re.IGNORECASE)
    vowel = offer[:1].lower() in "aeiou"
    return re.sub(
        rf"\b(an?)(\s+){re.escape(offer)}(?!\w)",
        lambda found: (found[1][0] + ("n" if vowel else "")) + found[2] + offer,
        text,
        flags=re.IGNORECASE,
    )


@lru_cache(maxsize=1)
def _groups() -> tuple[tuple[str, tuple[str, ...], frozenset[str]], ...]:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))["group"]
    return tuple((one["what"], tuple(one["offers"]), frozenset(one["asked"].split())) for one in table)
