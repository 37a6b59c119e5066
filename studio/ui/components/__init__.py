"""Our own widgets: thumbnails, a labelled sheet of them, the picture in the making, and an ear for what is being typed.

Text from people reaches them only as data and enters the page as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent


@lru_cache(maxsize=64)
def _component(name: str, *shared: str) -> Any:
    """Register a component once for each process, when it is first used; `shared` files come before its own in one script."""
    parts = (*shared, name)
    styles = [path.read_text(encoding="utf-8") for part in parts if (path := HERE / f"{part}.css").exists()]
    scripts = [(HERE / f"{part}.js").read_text(encoding="utf-8") for part in parts]
    return st.components.v2.component(f"easel_{name}", css="\n".join(styles) or None, js="\n".join(scripts))


def sent(key: str, name: str) -> Any:
    """What the component of that key last sent under a name, whatever it is; None for nothing. Whoever asks checks it."""
    state = st.session_state.get(key)
    return state.get(name) if state else None


def sent_number(key: str, name: str) -> int | None:
    """A whole number that the component of that key sent under a name; None for anything else."""
    value = sent(key, name)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def grid(
    tiles: Sequence[dict[str, Any]], *, key: str, chosen: Callable[[], None], strip: bool = False, current: int = 0
) -> None:
    """Thumbnails to choose from with mouse or keyboard.

    A tile is {"id", "src", "alt", "label", "favourite"}; `label` is a short mark such as a score. `strip` makes one row.
    `chosen` is called when a tile was pressed; `picked(key)` tells which. `current` is the id of the tile that is open.
    """
    data = {"tiles": list(tiles), "strip": strip, "current": current}
    _component("grid")(key=key, data=data, on_open_change=chosen)


def wall(
    *,
    key: str,
    answer: str,
    route: str,
    tiles: Sequence[dict[str, Any]],
    start: int,
    total: int,
    among: int,
    run: str,
    stamp: str,
    chosen: Sequence[int],
    binned: bool,
    done: int,
    opened: Callable[[], None],
    selected: Callable[[], None],
    changed: Callable[[], None],
) -> None:
    """An answer of any length to scroll, select and rate in; it asks `studio/ui/gallery/tiles.py` for what comes into sight.

    `answer` tells this one from others, `route` is the query string that names it; `tiles` are those from `start` on, so that
    the first look needs no request; `among`, if it is more than `total`, is how many these are the nearest of. `run` is
    another one whenever the page asked anew, `stamp` whenever pictures were changed; `done` is the change that this tab made
    last, which Ctrl+Z undoes, 0 for none. `opened`, `selected` and `changed` are called when a picture was opened
    (`picked(key)`), others are selected (`sent_numbers(key, "chosen")`), or a key changed some (`sent(key, "changed")`:
    {"change", "undone"}, its number or what its undo came to).
    """
    data = {
        "key": answer,
        "route": route,
        "tiles": list(tiles),
        "start": start,
        "total": total,
        "among": among,
        "run": run,
        "stamp": stamp,
        "chosen": list(chosen),
        "n": _heard(key),
        "binned": binned,
        "done": done,
    }
    _component("wall", "make", "leaves", "viewer", "walltiles", "wallhands")(
        key=key, data=data, on_open_change=opened, on_chosen_change=selected, on_changed_change=changed
    )


def plate(
    *, key: str, id: int, rating: int, favourite: bool, binned: bool, done: int, pressed: Callable[[], None]
) -> None:
    """Stars, a thumb turned down and a heart for one picture, with their keys and those that walk on; it changes the picture.

    `pressed` is called with `sent(key, "did")` being {"do", "change", "undone"}: before, after or back; changed, binned or
    undone, with the number of the change or what its undo came to. `done` is the change that this tab made last, 0 for none.
    """
    data = {"id": id, "rating": rating, "favourite": favourite, "binned": binned, "done": done}
    _component("plate", "make", "leaves")(key=key, data=data, on_did_change=pressed)


def sent_numbers(key: str, name: str, *, most: int) -> list[int]:
    """The whole numbers that the component of that key holds under a name, at most so many; none for anything else."""
    value = sent(key, name)
    ids = value.get("ids") if isinstance(value, dict) else None
    if not isinstance(ids, list):
        return []
    return [int(one) for one in ids[:most] if isinstance(one, int | float) and not isinstance(one, bool)]


def _heard(key: str) -> int:
    """Which of its selections the component of that key has been heard of last; it counts them."""
    value = sent(key, "chosen")
    n = value.get("n") if isinstance(value, dict) else 0
    return n if isinstance(n, int) and not isinstance(n, bool) else 0


def sheet(
    *,
    key: str,
    title: str,
    x: tuple[str, Sequence[str]],
    y: tuple[str, Sequence[str]] | None,
    cells: Sequence[dict[str, Any]],
    ratio: float,
    room: int,
    chosen: Callable[[], None],
) -> None:
    """Pictures in labelled columns and rows; `picked(key)` tells which was pressed when `chosen` is called.

    `x` and `y` are an axis's name and its headings. A cell, in reading order, is {"state", "id", "src", "alt", "words",
    "where", "ratio"}: a picture with an id is opened, one without says in `words` why. `ratio` is the cells' width over
    height, `room` the pixels of the window's height that the rest of the page needs.
    """
    data = {
        "title": title,
        "x": x[0],
        "columns": list(x[1]),
        "y": y[0] if y else "",
        "rows": list(y[1]) if y else [],
        "cells": list(cells),
        "ratio": round(ratio, 4),
        "room": room,
    }
    _component("sheet")(key=key, data=data, on_open_change=chosen)


def picked(key: str) -> int | None:
    """The id of the tile that was just pressed in the grid of that key."""
    return sent_number(key, "open")


def easel(
    *, key: str, width: int, height: int, words: str, share: float, src: str = "", alt: str = "", waiting: bool = False
) -> None:
    """The picture in the making: its latest draft (`src`, a path of ours), a bar (`share`, 0 to 1) and a line of words."""
    data = {
        "src": src,
        "alt": alt,
        "width": width,
        "height": height,
        "words": words,
        "share": round(share, 4),
        "waiting": waiting,
    }
    _component("easel")(key=key, data=data)


def typing(*, key: str, target: str) -> None:
    """Listens to the text area inside the element of class `target` while somebody types; `typed(key)` tells what it heard."""
    _component("typing")(key=key, data={"target": target}, on_typed_change=_nothing, height="content")


def typed(key: str) -> tuple[str, int] | None:
    """What stands in the text area at this moment, with a number that grows with every change; None if nothing was typed."""
    value = sent(key, "typed")
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return None
    return value["text"], int(value.get("n") or 0)


def _nothing() -> None:
    """A component's state needs a callback, even where the page reads it anyway."""
