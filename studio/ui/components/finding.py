"""The search box, and the rail of collections beside the wall. What comes back from a browser is checked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from studio.ui.components import _component, sent

DEEDS = ("shelf", "open", "create", "save", "rename", "delete", "collect")
MOST_IDS = 1_000


def search(
    *,
    key: str,
    text: str,
    chips: Sequence[dict[str, Any]],
    placeholder: str,
    door: str,
    asked: Callable[[], None],
    weighed: Callable[[], None],
    cleared: Callable[[], None],
) -> None:
    """The search box with its chips (`studio/ui/gallery/chips.py` makes them).

    `text` is what is searched for; what is typed and not sent yet stays until another text comes. `door` begins the class of
    the container that holds a file uploader: pictures that are pasted or dropped go through it. `asked`, `weighed` and
    `cleared` are called when `question(key)`, `weight(key)` have news, or nothing is to be searched for any more.
    """
    data = {"text": text, "chips": list(chips), "placeholder": placeholder, "door": door}
    _component("search", "make")(
        key=key, data=data, on_ask_change=asked, on_weigh_change=weighed, on_clear_change=cleared
    )


def question(key: str) -> str | None:
    """What was just asked in the box of that key; None for nothing."""
    value = sent(key, "ask")
    text = value.get("text") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def weight(key: str) -> tuple[str, float] | None:
    """Which dropped picture shall now count how much: (spool name, weight), 0 for not at all; None for nothing."""
    value = sent(key, "weigh")
    if not isinstance(value, dict) or not isinstance(value.get("spool"), str):
        return None
    to = value.get("to")
    return (value["spool"], float(to)) if isinstance(to, int | float) and not isinstance(to, bool) else None


def rail(
    *,
    key: str,
    shelves: Sequence[dict[str, str]],
    shelf: str,
    collections: Sequence[dict[str, Any]],
    current: int,
    saving: str | None,
    acted: Callable[[], None],
) -> None:
    """Shelves and collections to look at, with what one may do to them; `deed(key)` tells what was done.

    A shelf is {"name", "symbol"}, a collection {"id", "name", "smart", "count"}; `shelf` and `current` are those that are open.
    `saving` is a name for the search at hand where it can be saved, None where there is nothing to save.
    """
    data = {
        "shelves": list(shelves),
        "shelf": shelf,
        "collections": list(collections),
        "current": current,
        "saving": saving,
    }
    _component("rail", "make")(key=key, data=data, on_act_change=acted)


def deed(key: str) -> dict[str, Any] | None:
    """What was just done in the rail: {"do", "id", "name", "ids"}, `do` one of DEEDS; None for nothing or nonsense."""
    value = sent(key, "act")
    if not isinstance(value, dict) or value.get("do") not in DEEDS:
        return None
    id, name, ids = value.get("id"), value.get("name"), value.get("ids")
    return {
        "do": value["do"],
        "id": int(id) if isinstance(id, int | float) and not isinstance(id, bool) else 0,
        "name": name if isinstance(name, str) else "",
        "ids": [int(one) for one in ids[:MOST_IDS] if isinstance(one, int | float)] if isinstance(ids, list) else [],
    }
