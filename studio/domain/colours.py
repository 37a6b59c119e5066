"""Colours as a person names them: words and #rrggbb, each in one spelling. It knows no picture and computes nothing."""

from __future__ import annotations

import re

# Berlin and Kay's eleven basic colour terms and turquoise, which no other of them is near to. The values are what a
# person would point at, not what a style sheet calls by that name.
COLOURS: dict[str, str] = {
    "red": "#d22b2b", "orange": "#f28522", "yellow": "#f5d327", "green": "#3a9d3f", "turquoise": "#2bb5ad",
    "blue": "#2f62c9", "purple": "#7d3fb0", "pink": "#f08bb4", "brown": "#7a4a26", "white": "#fafafa",
    "grey": "#8a8a8a", "black": "#0c0c0c",
}  # fmt: skip
_SAME = {
    "gray": "grey", "violet": "purple", "lilac": "purple", "magenta": "pink", "rose": "pink", "cyan": "turquoise",
    "teal": "turquoise", "aqua": "turquoise", "gold": "yellow", "golden": "yellow", "crimson": "red", "scarlet": "red",
    "navy": "blue", "beige": "brown", "silver": "grey",
}  # fmt: skip
_HEX = re.compile(r"#?([0-9a-f]{6})|#([0-9a-f]{3})", re.ASCII)


def colour(text: str) -> str | None:
    """A colour in its one spelling, one of COLOURS or "#rrggbb" in small letters; None for anything else."""
    value = text.strip().lower()
    found = _HEX.fullmatch(value)
    if found:
        return "#" + (found[1] or "".join(sign * 2 for sign in found[2]))
    value = _SAME.get(value, value)
    return value if value in COLOURS else None


def hexadecimal(value: str) -> str:
    """The "#rrggbb" of a colour in its one spelling."""
    return COLOURS.get(value, value)
