"""Query and Filter: what one asks the gallery, and what each filter may be asked. Nothing here reads a disk or writes SQL."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from studio.domain.colours import COLOURS, colour
from studio.domain.errors import BadInput

TOOLS = ("easel", "a1111", "comfy", "invoke", "swarm", "fooocus", "novelai", "camera")  # what a picture was made with
KINDS = ("painted", "imported", "map", "proposal")  # of `is:`; of these a picture is one
STATES = ("favourite", "binned", "gone")  # of `is:`; of these it may be several
HOLDINGS = ("recipe", "caption", "people", "note")
RATIOS = ("wide", "tall", "square")
DAYS = ("today", "yesterday")
# What is compared: what is seen, what caption or prompt mean, colours and forms, the words themselves, how it was made
BY = ("picture", "caption", "look", "words", "recipe")
USUAL = ("picture", "words")
_MODEL = ("picture", "caption")  # of BY; these need an encoder, and so the worker
MOST_FILTERS = 64
VALUE_LIMIT = 200  # characters
WORDS_LIMIT = 1_000
RATING_RANGE = (-1, 5)
SEED_LIMIT = 2**63
SIZE_LIMIT = 10**6  # pixels
YEARS = (1900, 9_998)
_SAME = {
    "favorite": "favourite", "fav": "favourite", "import": "imported", "bin": "binned", "deleted": "binned",
    "missing": "gone", "forge": "a1111", "comfyui": "comfy", "invokeai": "invoke", "swarmui": "swarm", "unknown": "none",
}  # fmt: skip
_BOUND = re.compile(r"(>=|<=|>|<|=)?\s*(.+)", re.DOTALL)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_SIZE = re.compile(r"(\d{1,6})\s*[x×]\s*(\d{1,6})", re.ASCII | re.IGNORECASE)
_RATIO = re.compile(r"(\d{1,5})\s*:\s*(\d{1,5})", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)


@dataclass(frozen=True)
class Field:
    """A filter there is: its name, what it takes in words, an example, and what brings a value into its one spelling."""

    name: str
    takes: str
    example: str
    read: Callable[[str], str | None]
    values: tuple[str, ...] = ()  # those that one chooses from, where they are few


@dataclass(frozen=True)
class Filter:
    """One filter, wanted or not: `name` of FIELDS, `value` in its one spelling. Raises BadInput, naming the field."""

    name: str
    value: str
    wanted: bool = True

    def __post_init__(self) -> None:
        if self.name not in FIELDS:
            raise BadInput("filter", f"There is no filter named {self.name!r}; there are {', '.join(FIELDS)}.")
        field = FIELDS[self.name]
        given = " ".join(str(self.value).split())
        value = field.read(given) if given and len(given) <= VALUE_LIMIT else None
        if value is None or len(value) > VALUE_LIMIT:  # small letters may be longer than capitals
            shown = f"{given[:40]!r} is none" if given else "it says nothing"
            raise BadInput(self.name, f"The filter {self.name} takes {field.takes}, such as {field.example}; {shown}.")
        object.__setattr__(self, "value", value)


@dataclass(frozen=True)
class Query:
    """Weighted words and pictures, plus and minus, and filters.

    `words` and `like` are (text or artwork id or SHA-256, weight) pairs; a negative weight means "without". `exact` are (text,
    wanted) pairs: what prompt, caption, note, tags or name hold, or do not. Filters of one name are alternatives, of different
    names all count (docs/searching.md has the two exceptions). `by`, some of BY, says by what words and pictures rank; each
    makes a ranking of its own. An empty query asks for everything, newest first.
    """

    words: tuple[tuple[str, float], ...] = ()
    like: tuple[tuple[str, float], ...] = ()
    tag: str = ""
    favourites: bool = False
    kind: str = ""
    binned: bool = False
    limit: int = 60
    offset: int = 0
    exact: tuple[tuple[str, bool], ...] = ()
    filters: tuple[Filter, ...] = ()
    by: tuple[str, ...] = USUAL

    def __post_init__(self) -> None:
        if not self.by or not set(self.by) <= set(BY):
            raise BadInput("by", f"Pictures are compared by some of {', '.join(BY)}; {' '.join(self.by)!r} is none.")
        object.__setattr__(self, "by", tuple(one for one in BY if one in self.by))
        if not 1 <= self.limit <= 1_000:
            raise BadInput("limit", "The limit must be between 1 and 1,000.")
        if self.offset < 0:
            raise BadInput("offset", "The offset must not be negative.")
        if sum(len(words) for words, _ in (*self.words, *self.exact)) > WORDS_LIMIT:
            raise BadInput("words", "The search has more than 1,000 characters; a few words find more.")
        if len(self.filters) + len(self.exact) > MOST_FILTERS:
            raise BadInput("filter", f"The search has more than {MOST_FILTERS} filters; take some away.")

    @property
    def in_bin(self) -> bool:
        """Whether it asks for what lies in the bin; anything else never finds that."""
        return self.binned or any(one.name == "is" and one.value == "binned" and one.wanted for one in self.filters)

    @property
    def words_by(self) -> tuple[str, ...]:
        """By what its words rank; where `by` names nothing that words have (look, recipe), as usual."""
        return tuple(one for one in self.by if one in (*_MODEL, "words")) or USUAL

    @property
    def like_by(self) -> tuple[str, ...]:
        """By what its pictures rank: by what is seen in them, unless something else was asked for."""
        return ("picture",) if self.by == USUAL else self.by

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours that are wanted; whoever has more of them ranks before whoever has less."""
        return tuple(one.value for one in self.filters if one.name == "colour" and one.wanted)

    @property
    def by_meaning(self) -> bool:
        """Whether it needs embeddings, or the gate's look at an upload, and so the worker; otherwise the tables answer."""
        return bool(
            (self.words and set(self.words_by) & set(_MODEL))
            or (self.like and set(self.like_by) & set(_MODEL))
            or any(name.startswith("sha:") for name, _ in self.like)
        )

    @property
    def ranked(self) -> bool:
        """Whether anything ranks what the filters let through; otherwise the newest comes first."""
        return bool(self.words or self.like or self.colours)

    def narrowing(self) -> dict[str, Any]:
        """What it lets through and by what it ranks, without words and pictures, as a JSON-ready dict."""
        return {
            "by": list(self.by),
            "tag": self.tag,
            "favourites": self.favourites,
            "kind": self.kind,
            "binned": self.binned,
            "exact": [list(one) for one in self.exact],
            "asked": [[one.name, one.value, one.wanted] for one in self.filters],
        }

    @classmethod
    def narrowed(cls, data: dict[str, Any], *, limit: int = 60, offset: int = 0) -> Query:
        """Read `narrowing` back; raises BadInput."""
        return cls(
            tag=str(data.get("tag", "")),
            favourites=bool(data.get("favourites")),
            kind=str(data.get("kind", "")),
            binned=bool(data.get("binned")),
            limit=limit,
            offset=offset,
            exact=tuple((str(text), bool(wanted)) for text, wanted in data.get("exact", ())),
            filters=tuple(Filter(str(name), str(value), bool(wanted)) for name, value, wanted in data.get("asked", ())),
            by=tuple(map(str, data.get("by", ()))) or USUAL,
        )


@dataclass(frozen=True)
class Span:
    """From `low` to `high`, both included; None is open."""

    low: int | None
    high: int | None


def span(value: str) -> Span | None:
    """The whole numbers that "3", ">=3", "<3", "3..5", "3.." or "..5" mean; None for anything else."""
    if ".." in value:
        low, _, high = (part.strip() for part in value.partition(".."))
        if not (low or high) or not all(_WHOLE.fullmatch(part) for part in (low, high) if part):
            return None
        return Span(int(low) if low else None, int(high) if high else None)
    sign, number = _bound(value)
    if not _WHOLE.fullmatch(number):
        return None
    at = int(number)
    return {
        ">=": Span(at, None), ">": Span(at + 1, None), "<=": Span(None, at), "<": Span(None, at - 1), "=": Span(at, at),
    }[sign]  # fmt: skip


def sides(value: str) -> tuple[str, int, int] | None:
    """(">=", width, height) of "512x768" with or without a sign before it; None for anything else."""
    sign, pair = _bound(value)
    found = _SIZE.fullmatch(pair)
    return (sign, int(found[1]), int(found[2])) if found and int(found[1]) and int(found[2]) else None


def days(value: str, *, today: date | None = None) -> tuple[date | None, date | None] | None:
    """The first and last day of "2026", "2026-10", "2026-10-03", "2026-10..", "today"; None for anything else."""
    if ".." in value:
        low, _, high = (part.strip() for part in value.partition(".."))
        first, last = _period(low, today), _period(high, today)
        if not (low or high) or (low and first is None) or (high and last is None):
            return None
        return (first[0] if first else None), (last[1] if last else None)
    sign, when = _bound(value)
    period = _period(when, today)
    if period is None:
        return None
    first_day, last_day = period
    before, after = date.fromordinal(first_day.toordinal() - 1), date.fromordinal(last_day.toordinal() + 1)
    return {
        ">=": (first_day, None), ">": (after, None), "<=": (None, last_day), "<": (None, before), "=": period,
    }[sign]  # fmt: skip


def _bound(value: str) -> tuple[str, str]:
    found = _BOUND.fullmatch(value)
    return (found[1] or "=", found[2].strip()) if found else ("=", "")


def _period(text: str, today: date | None) -> tuple[date, date] | None:
    """The days of a year, a month or a day."""
    if text in DAYS:
        named = date.fromordinal((today or date.today()).toordinal() - DAYS.index(text))
        return named, named
    found = _DATE.fullmatch(text)
    if not found or not YEARS[0] <= int(found[1]) <= YEARS[1]:
        return None
    year, month, day = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    try:
        if not found[2]:
            return date(year, 1, 1), date(year, 12, 31)
        if not found[3]:
            return date(year, month, 1), date(year, month, monthrange(year, month)[1])
        return date(year, month, day), date(year, month, day)
    except ValueError:  # no such month or day
        return None


def _text(value: str) -> str:
    return value


def _lower(value: str) -> str:
    return value.lower()


def _tag(value: str) -> str | None:
    return value.lower() if len(value.lower()) <= 64 else None


def _one_of(values: tuple[str, ...]) -> Callable[[str], str | None]:
    def read(value: str) -> str | None:
        name = value.lower()
        name = name if name in values else _SAME.get(name, "")
        return name if name in values else None

    return read


def _numbers(low: int, high: int) -> Callable[[str], str | None]:
    def read(value: str) -> str | None:
        found = span(value)
        if found is None or any(end is not None and not low - 1 <= end <= high + 1 for end in (found.low, found.high)):
            return None
        return _tight(value)

    return read


def _tight(value: str) -> str:
    """A bound or a range without spaces and needless signs."""
    tight = "".join(value.split())
    return tight.removeprefix("=").lower()


def _size(value: str) -> str | None:
    if sides(value) is not None:
        return _tight(value).replace("×", "x")
    return _numbers(1, SIZE_LIMIT)(value)


def _ratio(value: str) -> str | None:
    found = _RATIO.fullmatch(value)
    if found and int(found[1]) and int(found[2]):
        return f"{int(found[1])}:{int(found[2])}"
    return _one_of(RATIOS)(value)


def _when(value: str) -> str | None:
    value = value.lower()
    return _tight(value) if days(value) is not None else None


_FIELDS = (
    Field("model", "a part of a model's name", "model:dreamshaper", _text),
    Field("pack", "a pack of the Shelf", "pack:storybook", _lower),
    Field("lora", "the name of a LoRA", "lora:watercolour", _lower),
    Field("sampler", "the name of a sampler", 'sampler:"euler a"', _lower),
    Field("seed", "a whole number or a range of them", "seed:1234", _numbers(-SEED_LIMIT + 1, SEED_LIMIT - 2)),
    Field("date", "a day, a month, a year or a range of them", "date:2026-10..2026-12", _when, DAYS),
    Field("tag", "a tag", "tag:night", _tag),
    Field("collection", "the name of a collection", "collection:boats", _text),
    Field("size", "pixels of the longer side, or both sides", "size:>=512", _size),
    Field("ratio", "wide, tall, square or two numbers", "ratio:16:9", _ratio, RATIOS),
    Field("colour", "a colour's name or #rrggbb", "colour:red", colour, tuple(COLOURS)),
    Field("rating", "a number from 1 to 5, or -1 for disliked", "rating:>=3", _numbers(*RATING_RANGE)),
    Field("is", f"one of {', '.join((*STATES, *KINDS))}", "is:favourite", _one_of((*STATES, *KINDS)), (*STATES, *KINDS)),
    Field("has", f"one of {', '.join(HOLDINGS)}", "has:recipe", _one_of(HOLDINGS), HOLDINGS),
    Field("from", f"one of {', '.join(TOOLS)} or none", "from:comfy", _one_of((*TOOLS, "none")), (*TOOLS, "none")),
)  # fmt: skip
FIELDS: dict[str, Field] = {field.name: field for field in _FIELDS}
