"""Reads prompts against a short list of what is never painted; it changes no prompt and knows no picture."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from studio.places import ASSETS

LONGEST = 16  # letters in a word of the rules
RULES = ASSETS / "safety" / "prompts.toml"

# Letters of other scripts, and digits and signs, that people use to pass for Latin ones.
_LOOKALIKES = str.maketrans(
    "авеікмнорстухѕјԁһӏԛԝ" + "αβεικνορτυχ" + "ıłøđ",
    "abeikmhopctyxsjdhlqw" + "abeikvoptux" + "ilod",
)
_LEET = str.maketrans("0134578@$!|", "oieastbasil")
_TOKEN = re.compile(r"[a-z0-9@$!|]+")
_REPEATS = re.compile(r"(.)\1{2,}")


@dataclass(frozen=True)
class Rule:
    """One thing that is never painted: a prompt that holds a word of every group is refused with the reason."""

    name: str
    reason: str
    groups: tuple[frozenset[str], ...]


def read_rules(path: Path = RULES) -> tuple[Rule, ...]:
    """Read the rules file; raises ValueError or OSError when it cannot be read or holds no rule (the gate then blocks)."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    rules = tuple(
        Rule(rule["name"], rule["reason"], tuple(frozenset(group) for group in rule["all"]))
        for rule in data.get("rule", [])
    )
    if not rules or not all(rule.groups and all(rule.groups) for rule in rules):
        raise ValueError(f"{path} holds no complete rule")
    return rules


def broken_rules(text: str, rules: tuple[Rule, ...]) -> list[Rule]:
    """The rules that a prompt breaks."""
    words = fold(text)
    return [rule for rule in rules if all(not group.isdisjoint(words) for group in rule.groups)]


def fold(text: str) -> frozenset[str]:
    """Every word a prompt can be read as: case, accents, look-alikes, invisible characters and s p a c i n g folded.

    Whole words only: "Essex" is not a word inside another one.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(
        character
        for character in decomposed
        if character.isspace() or unicodedata.category(character) not in ("Cf", "Cc", "Mn")
    ).translate(_LOOKALIKES)
    words: set[str] = set()
    for chunk in plain.split():  # what stands between spaces, with its punctuation: "n.u.d.e" is one word too
        parts = _TOKEN.findall(chunk)
        words.update(parts)
        if len(parts) > 1:
            words.add("".join(parts))
    words.update(_spelled_out(_TOKEN.findall(plain)))
    for word in list(words):
        words.add(word.translate(_LEET))
    for word in list(words):
        words.add(_REPEATS.sub(r"\1", word))
        words.add(_REPEATS.sub(r"\1\1", word))
    for word in list(words):
        if word.endswith("s") and len(word) > 3:
            words.add(word[:-1])
    return frozenset(words)


def _spelled_out(tokens: list[str]) -> set[str]:
    """Every word in runs of single letters: "a n u d e" -> "nude" (and "anu", "ude" ..., which are in no rule)."""
    found: set[str] = set()
    run = ""
    for token in [*tokens, ""]:
        if len(token) == 1:
            run += token
        else:
            found.update(run[i:j] for i in range(len(run)) for j in range(i + 3, min(len(run), i + LONGEST) + 1))
            run = ""
    return found
