"""Amounts in words: bytes and seconds as a person says them. It knows no clock and no disk."""

from __future__ import annotations


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
