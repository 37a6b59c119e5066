"""What was understood of a search, piece by piece: each can be taken out, turned round and weighed. It draws nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from studio.domain.artwork import Artwork
from studio.domain.query import USUAL, Query
from studio.gallery.finding.language import MINUS, WAYS, write

WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
SYMBOLS = {
    "tag": "sell", "model": "deployed_code", "pack": "inventory_2", "lora": "texture", "sampler": "blur_on", "seed": "tag",
    "date": "calendar_month", "collection": "collections_bookmark", "size": "straighten", "ratio": "aspect_ratio",
    "colour": "palette", "rating": "star", "is": "flag", "has": "check_circle", "from": "construction",
}  # fmt: skip

Chip = dict[str, Any]


def of(query: Query) -> list[Chip]:
    """A chip for each phrase, picture of the gallery, quoted text and filter of a query, as the search box wants them.

    `off`, `flip`, `less` and `more` are the whole texts that the search would then be; the last two are empty where there is
    nothing less or more. What is `fixed` has no opposite.
    """
    chips = []
    for place, (phrase, weight) in enumerate(query.words):
        chips.append(_weighed(query, "words", place, weight) | _named("", phrase, weight > 0, symbol=""))
    for place, (name, weight) in enumerate(query.like):
        kind, _, id = name.partition(":")
        if kind == "id":
            seen = {"src": f"/thumbs/{int(id)}", "alt": f"Picture {id}"}
            chips.append(_weighed(query, "like", place, weight) | _named("like", id, weight > 0, symbol="image") | seen)
    for place, (text, wanted) in enumerate(query.exact):
        turned = _swapped(query, "exact", place, (text, not wanted))
        chips.append(_either(query, "exact", place, turned) | _named("", f"“{text}”", wanted, symbol="format_quote"))
    for place, one in enumerate(query.filters):
        turned = _swapped(query, "filters", place, dataclasses.replace(one, wanted=not one.wanted))
        chips.append(
            _either(query, "filters", place, turned)
            | _named(one.name, one.value, one.wanted, symbol=SYMBOLS.get(one.name, "filter_alt"))
        )
    if query.by != USUAL:
        ways = ", ".join(way for way, one in WAYS.items() if one in query.by)
        usual = write(dataclasses.replace(query, by=USUAL))
        chips.append({"off": usual, "fixed": True} | _named("by", ways, True, symbol="join"))
    return chips


def dropped(spool: str, weight: float, *, preview: str, where: str) -> Chip:
    """The chip of a picture that is not in the gallery: `spool` is its name, `where` a word for how it is with it."""
    less, more = _steps(weight)
    return {
        **_named("like", where, weight > 0, symbol="hourglass_top" if not preview else "image"),
        "spool": spool,
        "weight": _shown(weight),
        "src": f"/previews/{preview}" if preview else "",
        "alt": "The picture you search by" if preview else "",
        "off": 0,
        "flip": turned(weight),
        "less": less,
        "more": more,
    }


def titled(chips: list[Chip], artworks: dict[int, Artwork]) -> list[Chip]:
    """The same chips; those of pictures have the picture's own words for a reader who does not see it."""
    return [
        {**chip, "alt": artworks[int(chip["value"])].alt} if chip["name"] == "like" and _has(artworks, chip) else chip
        for chip in chips
    ]


def turned(weight: float) -> float:
    """The weight of the opposite: what counts for once counts against, as much as a dash does."""
    return {1.0: MINUS, MINUS: 1.0}.get(weight, -weight)


def _has(artworks: dict[int, Artwork], chip: Chip) -> bool:
    return chip["value"].isdecimal() and int(chip["value"]) in artworks


def _named(name: str, value: str, wanted: bool, *, symbol: str) -> Chip:
    said = " ".join(part for part in ("" if wanted else "not", name, value) if part)
    return {"name": name, "value": value, "wanted": wanted, "said": said, "symbol": symbol}


def _weighed(query: Query, field: str, place: int, weight: float) -> Chip:
    parts = getattr(query, field)
    less, more = _steps(weight)
    texts = {
        way: _swapped(query, field, place, (parts[place][0], to)) if to is not None else ""
        for way, to in (("flip", turned(weight)), ("less", less), ("more", more))
    }
    return {**texts, "off": _swapped(query, field, place, None), "weight": _shown(weight)}


def _either(query: Query, field: str, place: int, turned_text: str) -> Chip:
    return {"flip": turned_text, "off": _swapped(query, field, place, None), "less": "", "more": "", "weight": ""}


def _swapped(query: Query, field: str, place: int, part: Any) -> str:
    parts = list(getattr(query, field))
    parts[place : place + 1] = [] if part is None else [part]
    swapped: dict[str, Any] = {field: tuple(parts)}
    return write(dataclasses.replace(query, **swapped))


def _steps(weight: float) -> tuple[float | None, float | None]:
    """The next smaller and larger weight of the same sign."""
    sign, size = (1 if weight > 0 else -1), abs(weight)
    less = max((one for one in WEIGHTS if one < size - 1e-6), default=None)
    more = min((one for one in WEIGHTS if one > size + 1e-6), default=None)
    return (sign * less if less else None), (sign * more if more else None)


def _shown(weight: float) -> str:
    return f"×{round(abs(weight), 2):g}"
