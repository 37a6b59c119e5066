"""Styles on the pages: chosen beside the prompt, kept from it, written and deleted on Settings. It stores nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.style import PLACE, Style
from studio.ui import session, show, trying

NEW = ""  # stands for a style that is still to be written
DRAFT = "style"  # what was typed for a new style and is in none yet
FIELDS = ("name", "prompt", "negative")
_CHOSEN = "styles_chosen"
_OPEN = "styles_open"  # the name of the style whose fields are drawn
_TURN = "styles_turn"  # goes into their keys; not the name, which changes under whoever types
_SEEN = "styles_seen"  # the style that they began with
_ROOM = "styles"  # where what went wrong is said
_UNDO = "styles_undo"
_SAVED = "styles_saved"


def choose(studio: Studio, *, key: Callable[[str], str], prompt: str, negative: str) -> None:
    """The styles of the next pictures, and beside them a way to keep these words as one."""
    used: Sequence[str] = st.session_state[key("styles")]
    names = [style.name for style in studio.styles.all()]
    gone = [name for name in used if name not in names]
    with st.container(horizontal=True, key="styles_row", vertical_alignment="bottom", gap="small"):
        st.multiselect(
            "Styles",
            names + gone,
            key=key("styles"),
            format_func=lambda name: f"{name} (deleted)" if name in gone else name,
            placeholder="None",
            help="Words that are put around your prompt when it is painted; the Settings page shows and changes them.",
        )
        with st.popover("Keep", icon=":material/bookmark_add:", key="styles_keep", help="Keep these words as a style"):
            _keep(studio, prompt, negative)


def _keep(studio: Studio, prompt: str, negative: str) -> None:
    show.part("Keep these words as a style")
    _said()
    if not (prompt.strip() or negative.strip()):
        show.line("Write a prompt first; then it can be kept here under a name.")
    else:
        show.quote(prompt.strip() or f"Without: {negative.strip()}")
        show.line(f"Chosen later, it follows what is typed then; {PLACE} in it stands for that.")
        st.text_input("Name", key="styles_keep_name", placeholder="such as: oil painting", max_chars=60)

        def keep() -> None:
            name = " ".join(str(st.session_state["styles_keep_name"]).split())
            if trying.tried(_ROOM, lambda: studio.styles.save(Style(name, prompt.strip(), negative.strip()))):
                st.session_state[_SAVED] = f"Kept as the style {name}."
                st.session_state["styles_keep_name"] = ""

        st.button("Keep as a style", key="styles_keep_now", icon=":material/bookmark_add:", on_click=keep)
    session.door(
        "Edit styles and wildcards", "settings", key="styles_edit", type="tertiary", icon=":material/edit_note:"
    )


def manage(studio: Studio) -> None:
    """Every style: read, written, deleted and brought back; the table of other studios comes in and goes out."""
    show.part("Styles")
    styles = {style.name: style for style in studio.styles.all()}
    if st.session_state.get(_CHOSEN) not in styles:
        st.session_state[_CHOSEN] = NEW
    st.selectbox(
        "Style",
        [NEW, *styles],
        key=_CHOSEN,
        format_func=lambda name: name or "A new style",
        label_visibility="collapsed",
        on_change=partial(trying.forget, _ROOM),  # it was said of the one before
    )
    chosen = styles.get(st.session_state[_CHOSEN])
    _said()
    if chosen is None:
        st.session_state.pop(_OPEN, None)
    act = _write(studio) if chosen is None else _change(studio, chosen)
    with st.container(horizontal=True, key="styles_acts", gap="small"):
        act()
        _tables(studio)
    _undo(studio)


def _write(studio: Studio) -> Callable[[], object]:
    """The fields of a new style, kept as a draft; returns what draws its button."""
    keys = {field: f"styles_new_{field}" for field in FIELDS}
    kept: Any = studio.draft(DRAFT) or {}
    for field, key in keys.items():
        st.session_state.setdefault(key, str(kept.get(field, "")))

    def keep() -> None:
        studio.keep_draft(DRAFT, {field: str(st.session_state[key]) for field, key in keys.items()})

    def add() -> None:
        made: list[Style] = []
        if trying.tried(_ROOM, lambda: made.append(_typed(keys))) and trying.tried(
            _ROOM, lambda: studio.styles.save(made[0])
        ):
            st.session_state[_SAVED] = f"The style {made[0].name} is kept."
            st.session_state[_CHOSEN] = made[0].name
            for key in keys.values():
                st.session_state[key] = ""
            studio.keep_draft(DRAFT, {})

    st.text_input("Name", key=keys["name"], on_change=keep, placeholder="such as: oil painting", max_chars=60)
    _words(keys["prompt"], keys["negative"], keep)
    return lambda: st.button("Add the style", key="styles_add", icon=":material/add:", on_click=add)


def _change(studio: Studio, style: Style) -> Callable[[], object]:
    """The fields of a style, kept as they are left; returns what draws its button."""
    opened = st.session_state.get(_OPEN) != style.name
    if opened:
        st.session_state[_OPEN] = style.name
        st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    keys = {field: f"styles_{field}_{st.session_state[_TURN]}" for field in FIELDS}
    changed = st.session_state.get(_SEEN) != style and not trying.sentence(_ROOM)  # another tab wrote it
    if opened or changed:
        st.session_state[_SEEN] = style
    for field, key in keys.items():
        if opened or changed or key not in st.session_state:
            st.session_state[key] = getattr(style, field)

    def keep() -> None:
        made: list[Style] = []
        seen = st.session_state[_SEEN]
        if not trying.tried(_ROOM, lambda: made.append(_typed(keys))) or made[0] == seen:
            return  # two fields that were left at once are kept once
        if trying.tried(_ROOM, lambda: studio.styles.save(made[0], seen=seen)):
            # The fields stay as they are: somebody may be typing in the next one while the name of this style changes
            st.session_state[_SAVED] = "Saved."
            st.session_state[_CHOSEN] = st.session_state[_OPEN] = made[0].name
            st.session_state[_SEEN] = made[0]

    def delete() -> None:
        if trying.tried(_ROOM, lambda: studio.styles.remove(style.name)):
            st.session_state[_UNDO] = style.name
            st.session_state[_CHOSEN] = NEW

    st.text_input("Name", key=keys["name"], on_change=keep, max_chars=60)
    _words(keys["prompt"], keys["negative"], keep)
    return lambda: st.button("Delete this style", key="styles_delete", icon=":material/delete:", on_click=delete)


def _typed(keys: Mapping[str, str]) -> Style:
    """The style that stands in these fields; raises BadInput."""
    name, prompt, negative = (str(st.session_state[keys[field]]) for field in FIELDS)
    return Style(" ".join(name.split()), prompt.strip(), negative.strip())


def _words(prompt: str, negative: str, changed: Callable[[], None] | None = None) -> None:
    st.text_area(
        "Words",
        key=prompt,
        height=92,
        on_change=changed,
        placeholder=f"oil painting of {PLACE}, thick paint",
        help=f"{PLACE} stands for what is typed; without it these words follow the prompt.",
    )
    st.text_area("Without", key=negative, height=68, on_change=changed, placeholder="What should not be there")


def _undo(studio: Studio) -> None:
    trying.undo(_ROOM, slot=_UNDO, shown="{}", restore=studio.styles.restore, chosen=_CHOSEN)


def _tables(studio: Studio) -> None:
    def bring() -> None:
        file = st.session_state["styles_file"]
        if file is None:
            return
        brought: list[tuple[list[str], list[str]]] = []
        if trying.tried(_ROOM, lambda: brought.append(studio.styles.bring(file.getvalue()))):
            added, left = brought[0]
            st.session_state[_SAVED] = f"{len(added)} new style{'s' * (len(added) != 1)}."
            if left:
                trying.say(_ROOM, " ".join(left[:3]) + (f" And {len(left) - 3} more." if len(left) > 3 else ""))

    with st.popover("styles.csv", icon=":material/swap_vert:", key="styles_table"):
        show.line("The table of styles that AUTOMATIC1111 and others use: name, prompt, negative_prompt.")
        st.file_uploader("Bring a styles.csv", type=["csv"], key="styles_file", on_change=bring)
        st.download_button(
            "Save all as styles.csv",
            studio.styles.table(),
            "styles.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _said() -> None:
    saved = st.session_state.pop(_SAVED, "")
    if saved:
        st.toast(show.plain(saved))
    trying.said(_ROOM)
