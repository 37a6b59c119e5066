"""The language of the search box: text to a Query and back, exactly. It asks no table and loads no model.

Plain words make one phrase; -word is what should not be there; (some words:1.5) is a phrase with a weight of its own;
"some words" must stand in the texts, -"some words" must not; like:12 is similar to artwork 12; seed:7 and its like are
filters, each turned round by a dash before it; by:look says by what pictures are compared. A backslash takes the meaning
from a \\ " ( ) - or : behind it.
docs/searching.md says more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from studio.domain.errors import BadInput
from studio.domain.query import BY, FIELDS, USUAL, Filter, Query

MINUS = -0.6  # weight of a word that should not be there: at -1 a short "without" outweighs a long wish
TEXT_LIMIT = 4_000  # characters, with all filters
WEIGHT_LIMIT = 10.0
_DIGITS = 4  # of a weight, behind the point
_ESCAPED = '\\"()-:'
_LIKE = re.compile(r"(?:id:)?0*(\d{1,18})", re.ASCII | re.IGNORECASE)
_PICTURE = re.compile(r"like:(?:id:)?0*(\d{1,18})", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z]{2,16}")
_WEIGHT = re.compile(r"-?\d{1,3}(?:\.\d{1,9})?", re.ASCII)
WAYS = {"meaning" if one == "picture" else one: one for one in BY}  # behind by: -> of BY
_WAY_OF = {"picture": "picture", "style": "look", **WAYS}
_NAMES = {"color": "colour"}  # of filters, spelled otherwise

Sign = tuple[str, bool]  # a character, and whether a backslash before it made it only a character


@dataclass(frozen=True)
class Reading:
    """What was understood: the query, and a sentence for whatever was taken otherwise than it may have been meant."""

    query: Query
    notes: tuple[str, ...] = ()


@dataclass
class _Parts:
    plain: list[str]
    words: list[tuple[str, float]]
    like: list[tuple[str, float]]
    exact: list[tuple[str, bool]]
    filters: list[Filter]
    by: list[str]
    notes: list[str]


def parse(text: str) -> Query:
    """Read what was typed into the search box; raises BadInput, naming the field, for a bad value or too much."""
    return read(text).query


def read(text: str) -> Reading:
    """Read what was typed, with notes; raises BadInput as `parse` does. A name that no filter has is taken as words."""
    if len(text) > TEXT_LIMIT:
        raise BadInput("words", f"The search has more than {TEXT_LIMIT:,} characters; a few words find more.")
    signs = _signs(text.encode("utf-8", "replace").decode().replace("\0", " "))
    parts = _Parts([], [], [], [], [], [], [])
    place = 0
    while place < len(signs):
        place = signs_end if (signs_end := _blank(signs, place)) > place else _token(signs, place, parts)
    if parts.plain:
        parts.words.insert(0, (" ".join(parts.plain), 1.0))
    query = Query(
        words=tuple(parts.words),
        like=tuple(parts.like),
        exact=tuple(dict.fromkeys(parts.exact)),
        filters=tuple(dict.fromkeys(parts.filters)),
        by=tuple(parts.by) or USUAL,
    )
    return Reading(query, tuple(dict.fromkeys(parts.notes)))


def write(query: Query) -> str:
    """The text that reads as this query, in its one spelling; `limit` and `offset` are no part of it.

    Pictures by SHA-256 name an upload, which a text cannot carry: they are left out.
    """
    pieces: list[str] = []
    for place, (phrase, weight) in enumerate(query.words):
        pieces.append(_phrase(" ".join(phrase.split()), weight, first=place == 0))
    for name, weight in query.like:
        kind, _, id = name.partition(":")
        if kind == "id":
            pieces.append(_picture(id, weight))
    for text, wanted in query.exact:
        pieces.append(f'{_dash(wanted)}"{_quoted(" ".join(text.split()))}"')
    old = [("tag", query.tag), ("is", "favourite" if query.favourites else ""), ("is", query.kind)]
    old += [("is", "binned" if query.binned else "")]
    filters = [Filter(name, value) for name, value in old if value and value != "mask"] + list(query.filters)
    pieces += [f"{_dash(one.wanted)}{one.name}:{spelled(one.value)}" for one in filters]
    if query.by != USUAL:
        pieces += [f"by:{way}" for way, one in WAYS.items() if one in query.by]
    return " ".join(piece for piece in pieces if piece)


def spelled(value: str) -> str:
    """A filter's value as it is typed: in quotation marks where it has to be."""
    bare = value and not any(sign.isspace() or sign in '"\\' for sign in value)
    return value if bare else f'"{_quoted(value)}"'


# --- reading --------------------------------------------------------------------------------------------------------------


def _signs(text: str) -> list[Sign]:
    signs: list[Sign] = []
    place = 0
    while place < len(text):
        escaped = text[place] == "\\" and text[place + 1 : place + 2] in tuple(_ESCAPED)
        place += escaped
        signs.append((text[place], escaped))
        place += 1
    return signs


def _blank(signs: Sequence[Sign], place: int) -> int:
    while place < len(signs) and signs[place][0].isspace():
        place += 1
    return place


def _token(signs: list[Sign], place: int, parts: _Parts) -> int:
    """Read the token that begins at `place`; returns where it ends."""
    wanted = signs[place] != ("-", False)
    start = place + (not wanted)
    opening = signs[start] if start < len(signs) else (" ", True)
    if opening == ('"', False):
        end = _find(signs, start + 1, '"')
        if end is not None:
            text = _joined(signs[start + 1 : end])
            if text:
                parts.exact.append((text, wanted))
            return end + 1
    if opening == ("(", False):
        end = _find(signs, start + 1, ")")
        if end is not None and (end + 1 == len(signs) or signs[end + 1][0].isspace()):
            _group(signs[start + 1 : end], parts, wanted=wanted)
            return end + 1
    end = _word_end(signs, start)
    name, value = _named(signs[start:end])
    if name == "like" and (found := _LIKE.fullmatch(value)):
        parts.like.append((f"id:{int(found[1])}", 1.0 if wanted else MINUS))
    elif name == "by" and wanted and value.lower() in _WAY_OF:
        parts.by.append(_WAY_OF[value.lower()])
    elif name in FIELDS:
        parts.filters.append(Filter(name, value, wanted))
    else:
        _word(signs[start:end], parts, wanted=wanted, name=name if value else "")
    return end


def _word(signs: Sequence[Sign], parts: _Parts, *, wanted: bool, name: str) -> None:
    signs = list(signs)
    while signs and signs[0] == ('"', False):
        signs.pop(0)
    while signs and signs[-1] == ('"', False):
        signs.pop()
    word = "".join(sign for sign, _ in signs)
    if not word.strip('-"'):
        return
    if name == "like":
        parts.notes.append(f"like: takes the number of an artwork; {word[:40]!r} was taken as a word.")
    elif name == "by":
        parts.notes.append(f"by: takes one of {', '.join(WAYS)}; {word[:40]!r} was taken as a word.")
    elif name:
        parts.notes.append(f"There is no filter named {name!r}; {word[:40]!r} was taken as a word.")
    if wanted:
        parts.plain.append(word)
    else:
        parts.words.append((word, MINUS))


def _group(signs: Sequence[Sign], parts: _Parts, *, wanted: bool) -> None:
    """(some words:1.5): a phrase of its own, or like:12 with a weight."""
    weight = 1.0 if wanted else None
    colons = [place for place, sign in enumerate(signs) if sign == (":", False)]
    text = signs
    if colons:
        last = "".join(sign for sign, _ in signs[colons[-1] + 1 :]).strip()
        head = signs[: colons[-1]]
        # of like:12 the number is the picture; of like:12:1.5 the last one is the weight
        if _WEIGHT.fullmatch(last) and _joined(head).lower() != "like":
            given = round(float(last), _DIGITS)
            if abs(given) > WEIGHT_LIMIT:
                raise BadInput(
                    "weight", f"A weight is a number from -{WEIGHT_LIMIT:g} to {WEIGHT_LIMIT:g}; {last} is not."
                )
            weight, text = (given if wanted else -given), head
    phrase = _joined(text)
    if not phrase.strip('-"') or weight == 0:
        return
    weight = MINUS if weight is None else weight
    found = _PICTURE.fullmatch(phrase)
    if found and all(not escaped for sign, escaped in text if sign == ":"):
        parts.like.append((f"id:{int(found[1])}", weight))
    else:
        parts.words.append((phrase, weight))


def _find(signs: Sequence[Sign], place: int, sign: str) -> int | None:
    return next((at for at in range(place, len(signs)) if signs[at] == (sign, False)), None)


def _word_end(signs: Sequence[Sign], start: int) -> int:
    """Where a word ends: at a blank, but a value in quotation marks may hold some."""
    place = start
    while place < len(signs) and not signs[place][0].isspace():
        if signs[place] == ('"', False) and _opens_value(signs[start:place]):
            end = _find(signs, place + 1, '"')
            if end is not None:
                place = end
        place += 1
    return place


def _opens_value(signs: Sequence[Sign]) -> bool:
    """Whether this is a filter's name and its colon."""
    name = "".join(sign for sign, _ in signs[:-1]).lower()
    return bool(signs) and signs[-1] == (":", False) and _NAMES.get(name, name) in FIELDS


def _named(signs: Sequence[Sign]) -> tuple[str, str]:
    """(name, value) of name:value, else two empty texts."""
    colon = _find(signs, 0, ":")
    name = "".join(sign for sign, _ in signs[: colon or 0])
    if colon is None or not _NAME.fullmatch(name):
        return "", ""
    value = list(signs[colon + 1 :])
    if len(value) >= 2 and value[0] == value[-1] == ('"', False):
        value = value[1:-1]
    return _NAMES.get(name.lower(), name.lower()), _joined(value)


def _joined(signs: Sequence[Sign]) -> str:
    return " ".join("".join(sign for sign, _ in signs).split())


# --- writing --------------------------------------------------------------------------------------------------------------


def _dash(wanted: bool) -> str:
    return "" if wanted else "-"


def _phrase(phrase: str, weight: float, *, first: bool) -> str:
    """A phrase as plain words where that reads back as the same, else in brackets."""
    if not phrase.strip('-"') or not round(weight, _DIGITS):
        return ""
    if (weight == 1 and first) or weight == MINUS:
        words = [_escaped(word) for word in phrase.split(" ")]
        text = " ".join(words)
        if weight == MINUS:
            text = f"-{text}"
        if _reads_as(text, phrase, weight):
            return text
    inner = "".join(f"\\{sign}" if sign in '\\"():' else sign for sign in phrase)
    if weight in (1, MINUS):
        return f"{_dash(weight == 1)}({inner})"
    return f"{_dash(weight > 0)}({inner}:{_number(abs(weight))})"


def _escaped(word: str) -> str:
    """A word of which nothing is read as a sign of the language."""
    text = word.replace("\\", "\\\\").replace('"', '\\"')
    if text[0] in "-(":
        text = f"\\{text}"
    name, colon, _ = word.partition(":")
    return text.replace(":", "\\:") if colon and name.lower() in (*FIELDS, *_NAMES, "like", "by") else text


def _reads_as(text: str, phrase: str, weight: float) -> bool:
    try:
        return read(text).query == Query(words=((phrase, weight),))
    except BadInput:
        return False


def _picture(id: str, weight: float) -> str:
    if weight in (1, MINUS):
        return f"{_dash(weight == 1)}like:{id}"
    return f"{_dash(weight > 0)}(like:{id}:{_number(abs(weight))})" if round(weight, _DIGITS) else ""


def _number(weight: float) -> str:
    return f"{weight:.{_DIGITS}f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
