"""What people type for an axis of a grid, read: lists, ranges, quoted words. It knows no recipe and no field's bounds."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from studio.domain.errors import BadInput

MOST_VALUES = 100  # of one axis; a grid holds no more cells
DIGITS = 24  # of one number; the largest seed has 19
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_ONE = re.compile(_NUMBER)
_RANGE = re.compile(rf"({_NUMBER})\s*-\s*({_NUMBER})\s*(?:\(\s*({_NUMBER})\s*\)|\[\s*(\d+)\s*\])?")
_DASHES = str.maketrans("–—−", "---")  # what a word processor makes of a hyphen
_FINEST = Decimal("0.0001")


def split(text: str, field: str) -> list[str]:
    """The values of a list, cut at commas and line ends; a quoted one may hold both, and a quotation mark written twice.

    What is not quoted loses the space around it, and counts for nothing where nothing is left. Raises BadInput.
    """
    values: list[str] = []
    place = 0
    while place < len(text):
        if text[place] in ",\n" or text[place].isspace():
            place += 1
        elif text[place] == '"':
            value, place = _quoted(text, place + 1, field)
            values.append(value)
        else:
            end = min((at for mark in ",\n" if (at := text.find(mark, place)) >= 0), default=len(text))
            values.append(text[place:end].strip())
            place = end
    return values


def _quoted(text: str, place: int, field: str) -> tuple[str, int]:
    letters = ""
    while (end := text.find('"', place)) >= 0:
        letters += text[place:end]
        if text[end + 1 : end + 2] != '"':
            rest = re.match(r"\s*(?=,|\n|$)", text[end + 1 :])
            if rest is None:
                raise BadInput(field, f'After the quoted "{letters}" comes a comma, then the next value.')
            return letters, end + 1
        letters, place = letters + '"', end + 2
    raise BadInput(field, "A quotation mark is never closed; put one at the end of that value.")


def quote(value: str) -> str:
    """A value as it is typed: in quotation marks where it would be read otherwise without them."""
    plain = value and value == value.strip() and not set(value) & set(',\n"')
    return value if plain else '"' + value.replace('"', '""') + '"'


def numbers(text: str, field: str, *, whole: bool) -> list[Decimal]:
    """The numbers of a list with ranges: `4, 8`, `4-20 (+4)` by steps of 4, `1-9 [5]` five from 1 to 9; `9-5` counts down.

    whole: whole numbers only, and a range of so many is rounded to them. Raises BadInput with what cannot be read.
    """
    found: list[Decimal] = []
    for value in split(text.translate(_DASHES), field):
        found += _range(value, field, whole=whole)
        if len(found) > MOST_VALUES:
            raise _too_many(field)
    return list(dict.fromkeys(found))


def _range(value: str, field: str, *, whole: bool) -> list[Decimal]:
    if _ONE.fullmatch(value):
        return [_number(value, field, whole=whole)]
    read = _RANGE.fullmatch(value)
    if read is None:
        raise BadInput(
            field, f"{value[:40]!r} is no number; type numbers such as 4, 8 or a range such as 4-20 (+4) or 1-9 [5]."
        )
    start, end = (_number(read.group(index), field, whole=whole) for index in (1, 2))
    if read.group(4):
        return _spread(start, end, _count(read.group(4), field), whole=whole)
    step = abs(_number(read.group(3), field, whole=whole)) if read.group(3) else Decimal(1)
    if not step:
        raise BadInput(field, f"The step of {value!r} is 0, so it never ends; type a step such as (+2).")
    count = int(abs(end - start) / step) + 1
    if count > MOST_VALUES:
        raise _too_many(field)
    sign = 1 if end >= start else -1
    return [start + sign * step * index for index in range(count)]


def _spread(start: Decimal, end: Decimal, count: int, *, whole: bool) -> list[Decimal]:
    made = [start + (end - start) * index / max(1, count - 1) for index in range(count)]
    return [one.quantize(Decimal(1) if whole else _FINEST, ROUND_HALF_UP) for one in made]


def _count(digits: str, field: str) -> int:
    if len(digits) > 3 or int(digits) > MOST_VALUES:
        raise _too_many(field)
    if int(digits) < 1:
        raise BadInput(field, "A range of no values has none; type how many, such as [5].")
    return int(digits)


def _number(text: str, field: str, *, whole: bool) -> Decimal:
    if len(text) > DIGITS:
        raise BadInput(field, f"A number of {len(text)} digits is too long; {DIGITS} is the most it can have.")
    number = Decimal(text)
    if whole and number != number.to_integral_value():
        raise BadInput(field, f"{text} is not a whole number, and the {field.replace('_', ' ')} can only be one.")
    return number


def _too_many(field: str) -> BadInput:
    return BadInput(field, f"That is more than {MOST_VALUES} values; a grid holds {MOST_VALUES} pictures at most.")
