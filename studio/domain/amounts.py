"""Amounts in words: bytes, seconds, counts and long lists as a person says them. It knows no clock and no disk."""

from __future__ import annotations

from collections.abc import Sequence

LISTED = 12  # names that a sentence can bear


def amount(count: float) -> str:
    """Bytes in the unit that fits: "41 kB", "3.7 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1_000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1_000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """A time that is not known to the second: "5 s", "4 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"


def counted(count: int, what: str = "picture") -> str:
    """So many of a thing: "1 picture", "12,000 pictures"."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def listed(names: Sequence[str]) -> str:
    """A dozen names of a list and how many more there are: "cat, owl and 70 more"."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
