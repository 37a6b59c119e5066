"""Groups of copies to choose from, and colours to search for. What comes back from a browser is checked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from studio.domain.colours import COLOURS, colour
from studio.ui.components import _component, sent

DEEDS = ("keep", "apart", "open")
MOST_IDS = 1_000


def copies(*, key: str, groups: Sequence[dict[str, Any]], done: Callable[[], None]) -> None:
    """Groups of copies, of each of which one is kept; `done` is called when `deed(key)` has news.

    A group is {"key", "title", "why", "keep", "pictures"}, a picture {"id", "src", "alt", "size", "about", "marks"}, a mark
    (symbol, words).
    """
    _component("copies", "make")(key=key, data={"groups": list(groups)}, on_deed_change=done)


def deed(key: str) -> tuple[str, list[int], int] | None:
    """What was just pressed: (one of DEEDS, the group's pictures, the one to keep or 0); None for nothing."""
    value = sent(key, "deed")
    if not isinstance(value, dict) or value.get("act") not in DEEDS or not isinstance(value.get("ids"), list):
        return None
    ids = [int(id) for id in value["ids"][:MOST_IDS] if _number(id)]
    keep = int(value["keep"]) if _number(value.get("keep")) else 0
    return (str(value["act"]), ids, keep) if ids else None


def palette(*, key: str, chosen: Sequence[str], pressed: Callable[[], None]) -> None:
    """Colours to search for; `chosen` are wanted now. `pressed` is called when `pressed_colour(key)` has news."""
    data = {"colours": list(COLOURS.items()), "chosen": list(chosen)}
    _component("palette", "make")(key=key, data=data, on_colour_change=pressed)


def pressed_colour(key: str) -> str | None:
    """The colour that was just pressed, in its one spelling; None for nothing."""
    value = sent(key, "colour")
    return colour(value) if isinstance(value, str) else None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
