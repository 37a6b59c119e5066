"""Correcting a map with a brush: what was brushed over becomes light or dark in it. It draws the editor and never the map."""

from __future__ import annotations

import streamlit as st

from studio.ui import show
from studio.ui.components import editors
from studio.ui.guide import acts, desk, masks
from studio.ui.guide.sheet import Aid

# Kind -> what a light and a dark stroke mean on its map
STROKES = {"depth": ("Near", "Far"), "normal": ("Light", "Dark"), "tile": ("Light", "Dark")}
LINES = ("Draw", "Erase")
_ON = "guide_correcting"


def correcting(aid: Aid) -> bool:
    """Whether this map is being corrected."""
    return st.session_state.get(_ON) == aid.id


def tools(aid: Aid) -> None:
    """Begin to correct a map, use what was brushed, take all corrections back, or be done."""
    light, dark = STROKES.get(aid.kind, LINES)
    with st.container(horizontal=True, gap="small", key="guide_correct_row"):
        if not correcting(aid):
            st.button(
                "Correct with a brush", key="guide_correct", icon=":material/brush:", on_click=_begin, args=(aid.id,)
            )
        else:
            for word, value in ((light, True), (dark, False)):
                st.button(
                    word, key=f"guide_correct_{'light' if value else 'dark'}", on_click=desk.trying(_use),
                    args=(aid.id, value), help="What is brushed over becomes so",
                )  # fmt: skip
            st.button("Done", key="guide_correct_done", icon=":material/check:", on_click=_begin, args=(0,))
        if aid.overlay:
            st.button(
                "Take the corrections back", key="guide_correct_clear", icon=":material/undo:", on_click=acts.set_aid,
                args=(aid.id, {"overlay": ""}),
            )  # fmt: skip


def editor(aid: Aid, src: str, width: int, height: int) -> None:
    """Brush over the map."""
    light, dark = STROKES.get(aid.kind, LINES)
    editors.mask(
        key=_key(aid), src=src, alt="The map", width=width, height=height, mask="", revision=aid.revision, changed=_nothing
    )  # fmt: skip
    show.line(f"Brush over a part of the map, then say {light} or {dark}.", style="hint")


def _key(aid: Aid) -> str:
    return f"guide_correct_{aid.id}_{aid.revision}"


def _begin(id: int) -> None:
    st.session_state[_ON] = id


def _use(id: int, light: bool) -> None:
    aid = desk.sheet().aid(id)
    brushed = editors.masked(_key(aid)) if aid is not None else None
    if aid is not None and brushed is not None:
        overlay = masks.overlay(aid.overlay, brushed[0], light=light)
        acts.set_aid(id, {"overlay": overlay, "revision": aid.revision + 1})


def _nothing() -> None:
    """What is brushed is read when one of the buttons is pressed."""
