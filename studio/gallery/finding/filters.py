"""Filters to SQL: each a condition over one row of the table of artworks, its values always bound. It runs no statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from studio.domain.query import KINDS, Filter, days, sides, span
from studio.domain.recipe import SAMPLERS
from studio.gallery.finding import words
from studio.gallery.likeness import palette

Condition = tuple[str, list[Any]]
SQUARE = 1.02  # how far from 1 the sides' ratio may lie and still be called square
NEAR = 0.02  # how far from a ratio that was asked for, as a share of it; 1344x768 is meant by 16:9
PEOPLE = (
    "people", "person", "persons", "man", "men", "woman", "women", "child", "children", "boy", "boys", "girl", "girls",
    "baby", "crowd", "human", "humans", "portrait", "selfie", "face", "faces", "lady", "couple", "family", "figure", "figures",
)  # fmt: skip
LORAS = "instr(recipe, '\"loras\":[{') > 0"  # in the very words of the index of those that have any
_LABELS = {label.lower(): name for name, label in SAMPLERS.items()}


def conditions(filters: Sequence[Filter], *, today: date | None = None) -> list[Condition]:
    """The conditions that must all hold. Filters of one name are alternatives; flags of `is` and `has` all count.

    A kind that is wanted is left to `where`, which names the kinds of every query; `is:binned` likewise.
    """
    wanted: dict[tuple[str, str], list[Condition]] = {}
    found: list[Condition] = []
    for one in filters:
        if one.name == "is" and one.wanted and one.value in (*KINDS, "binned"):
            continue
        part, values = _SQL[one.name](one.value, today)
        if not one.wanted:
            found.append((f"NOT coalesce({part}, 0)", values))  # what is unknown is not what was asked for
        else:
            # a picture can be both a favourite and gone, and hold both a recipe and a note
            key = (one.name, one.value if one.name in ("is", "has") else "")
            wanted.setdefault(key, []).append((part, values))
    for group in wanted.values():
        found.append((f"({' OR '.join(part for part, _ in group)})", [value for _, bound in group for value in bound]))
    return found


def _model(value: str, _today: date | None) -> Condition:
    return "model LIKE ? ESCAPE '\\'", [f"%{_literal(value)}%"]


def _pack(value: str, _today: date | None) -> Condition:
    return "pack = ?", [value]


def _lora(value: str, _today: date | None) -> Condition:
    # the recipe's own, then what stands in a prompt from elsewhere; indexes know which recipes and prompts have any
    asked, values = words.any_of(("lora",), columns=("prompt",))
    return (
        f"(id IN (SELECT id FROM artworks WHERE {LORAS} AND EXISTS (SELECT 1"
        " FROM json_each(iif(json_valid(recipe), recipe, '{}'), '$.loras') AS one"
        " WHERE one.type = 'object' AND lower(json_extract(one.value, '$.name')) = ?))"
        f" OR ({asked} AND prompt LIKE ? ESCAPE '\\'))",
        [value, *values, f"%<lora:{_literal(value)}:%"],
    )


def _sampler(value: str, _today: date | None) -> Condition:
    return "sampler COLLATE NOCASE IN (?, ?)", [value, _LABELS.get(value, value)]


def _seed(value: str, _today: date | None) -> Condition:
    return _between("seed", value)


def _rating(value: str, _today: date | None) -> Condition:
    return _between("rating", value)


def _date(value: str, today: date | None) -> Condition:
    first, last = days(value, today=today) or (None, None)
    parts, values = [], []
    if first is not None:
        parts.append("coalesce(taken_at, created_at) >= ?")
        values.append(_midnight(first))
    if last is not None:
        parts.append("coalesce(taken_at, created_at) < ?")
        values.append(_midnight(last + timedelta(days=1)))
    return f"({' AND '.join(parts) or '0'})", values


def _colour(value: str, _today: date | None) -> Condition:
    return "(colours & ?) <> 0", [palette.mask(value)]


def _tag(value: str, _today: date | None) -> Condition:
    return "id IN (SELECT artwork FROM tags WHERE tag = ?)", [value]


def _collection(value: str, _today: date | None) -> Condition:
    return (
        "id IN (SELECT collection_items.artwork FROM collection_items JOIN collections"
        " ON collections.id = collection_items.collection WHERE collections.name = ?)",
        [value],
    )


def _size(value: str, _today: date | None) -> Condition:
    both = sides(value)
    if both is not None:
        sign, width, height = both
        return f"(width {sign} ? AND height {sign} ?)", [width, height]
    return _between("max(width, height)", value)


def _ratio(value: str, _today: date | None) -> Condition:
    shape = "(width * 1.0 / height)"
    named: dict[str, Condition] = {
        "wide": (f"{shape} > ?", [SQUARE]),
        "tall": (f"{shape} < ?", [1 / SQUARE]),
        "square": (f"{shape} BETWEEN ? AND ?", [1 / SQUARE, SQUARE]),
    }
    if value in named:
        return named[value]
    width, height = (int(side) for side in value.split(":"))
    return f"{shape} BETWEEN ? AND ?", [width / height * (1 - NEAR), width / height * (1 + NEAR)]


def _is(value: str, _today: date | None) -> Condition:
    flags = {"favourite": "favourite = 1", "gone": "gone_at IS NOT NULL", "binned": "deleted_at IS NOT NULL"}
    return (flags[value], []) if value in flags else ("kind = ?", [value])


def _has(value: str, _today: date | None) -> Condition:
    if value == "people":  # nobody counts them: what captions and tags say
        return words.any_of(PEOPLE, columns=("caption", "tags"))
    return {"recipe": "recipe IS NOT NULL", "caption": "caption <> ''", "note": "remark <> ''"}[value], []


def _from(value: str, _today: date | None) -> Condition:
    return "made_with = ?", ["" if value == "none" else value]


_SQL: dict[str, Callable[[str, date | None], Condition]] = {
    "model": _model, "pack": _pack, "lora": _lora, "sampler": _sampler, "seed": _seed, "rating": _rating, "date": _date,
    "tag": _tag, "collection": _collection, "size": _size, "ratio": _ratio, "is": _is, "has": _has, "from": _from,
    "colour": _colour,
}  # fmt: skip


def _between(column: str, value: str) -> Condition:
    found = span(value)
    if found and found.low is not None and found.low == found.high:
        return f"{column} = ?", [found.low]  # an index answers this at once, where there is one
    ends: Iterable[tuple[str, int | None]] = ((">=", found.low), ("<=", found.high)) if found else ()
    parts = [(f"{column} {sign} ?", end) for sign, end in ends if end is not None]
    return f"({' AND '.join(part for part, _ in parts) or '0'})", [end for _, end in parts]


def _literal(text: str) -> str:
    """Text of which LIKE reads nothing as a sign."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _midnight(day: date) -> float:
    """Unix seconds at which a day begins here; a person's days are those of their own clock."""
    return datetime(day.year, day.month, day.day).timestamp()
