"""Wildcard files on the Settings page: seen, written, dropped in, deleted and brought back. It writes no file itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.wildcards import lines_of
from studio.phrases.wildcards import mark
from studio.ui import show, trying

NEW = ""  # stands for a file that is still to be written
HEIGHT = 214  # pixels of the text
DRAFT = "wildcard"  # what was typed for a new file and is in none yet
_CHOSEN = "wildcards_chosen"
_ROOM = "wildcards"  # where what went wrong is said
_UNDO = "wildcards_undo"
_SAVED = "wildcards_saved"
_FILES = "wildcards_files"


def manage(studio: Studio) -> None:
    """Every wildcard file, its text, and a place to drop one."""
    show.part("Wildcards")
    names = studio.wildcards.names()
    if st.session_state.get(_CHOSEN) not in names:
        st.session_state[_CHOSEN] = NEW
    st.selectbox(
        "Wildcard file",
        [NEW, *names],
        key=_CHOSEN,
        format_func=lambda name: f"__{name}__" if name else "A new wildcard file",
        label_visibility="collapsed",
        on_change=partial(trying.forget, _ROOM),  # it was said of the one before
    )
    name = st.session_state[_CHOSEN]
    saved = st.session_state.pop(_SAVED, "")
    if saved:
        st.toast(show.plain(saved))
    act = _change(studio, name) if name else _write(studio)
    with st.container(horizontal=True, key="wildcards_acts", gap="small"):
        act()
        _drop(studio)
    _undo(studio)


def _write(studio: Studio) -> Callable[[], object]:
    """The fields of a new file; returns what draws its button."""
    kept: Any = studio.draft(DRAFT) or {}
    for field in ("name", "text"):
        st.session_state.setdefault(f"wildcards_new_{field}", str(kept.get(field, "")))

    def typed() -> dict[str, str]:
        return {field: str(st.session_state[f"wildcards_new_{field}"]) for field in ("name", "text")}

    def add() -> None:
        made: list[str] = []
        if trying.tried(_ROOM, lambda: made.append(studio.wildcards.save(typed()["name"], typed()["text"]))):
            st.session_state[_SAVED] = f"Use it in a prompt as __{made[0]}__."
            st.session_state[_CHOSEN] = made[0]
            st.session_state["wildcards_new_name"] = st.session_state["wildcards_new_text"] = ""
            studio.keep_draft(DRAFT, {})

    def keep() -> None:
        studio.keep_draft(DRAFT, typed())

    st.text_input(
        "Name", key="wildcards_new_name", on_change=keep, placeholder="such as: animals, or colours/warm", max_chars=100
    )
    st.text_area(
        "Lines",
        key="wildcards_new_text",
        height=HEIGHT,
        on_change=keep,
        placeholder="cat\nowl\n3::fox\n# a comment",
        help="One entry a line. 3::fox is picked three times as often, # begins a comment; {a|b} and __other__ work in it.",
    )
    trying.said(_ROOM)
    return lambda: st.button("Add the file", key="wildcards_add", icon=":material/add:", on_click=add)


def _change(studio: Studio, name: str) -> Callable[[], object]:
    """The text of a file, kept as soon as it is left; returns what draws its buttons."""
    key, seen = f"wildcards_text_{name}", f"wildcards_seen_{name}"

    def keep() -> None:
        if trying.tried(
            _ROOM, lambda: studio.wildcards.save(name, str(st.session_state[key]), seen=st.session_state[seen])
        ):
            st.session_state[_SAVED] = "Saved."
            st.session_state[seen] = mark(studio.wildcards.text(name))

    def delete() -> None:
        if trying.tried(_ROOM, lambda: studio.wildcards.remove(name)):
            st.session_state[_UNDO] = name
            st.session_state[_CHOSEN] = NEW
            st.session_state.pop(key, None)

    def open_again() -> None:
        trying.forget(_ROOM)
        st.session_state.pop(key, None)

    def acts() -> None:
        st.button("Delete this file", key="wildcards_delete", icon=":material/delete:", on_click=delete)
        if trying.sentence(_ROOM):
            st.button("Open it again", key="wildcards_again", icon=":material/refresh:", on_click=open_again)

    try:
        text = studio.wildcards.text(name)
    except EaselError as error:
        show.problem(str(error))
        return acts
    if key not in st.session_state or (st.session_state.get(seen) != mark(text) and not trying.sentence(_ROOM)):
        st.session_state[key], st.session_state[seen] = text, mark(text)
    help = "One entry a line. Saved when you leave the box."
    st.text_area("Lines", key=key, height=HEIGHT, on_change=keep, help=help)
    count = len(lines_of(str(st.session_state[key])))
    show.line(f"{count:,} {'entry' if count == 1 else 'entries'}; write __{name}__ in a prompt to pick one of them.")
    trying.said(_ROOM)
    return acts


def _undo(studio: Studio) -> None:
    name = st.session_state.get(_UNDO)
    if not name:
        return

    def restore() -> None:
        if trying.tried(_ROOM, lambda: studio.wildcards.restore(name)):
            st.session_state[_CHOSEN] = name
        st.session_state.pop(_UNDO, None)

    with st.container(horizontal=True, vertical_alignment="center", key="wildcards_undo_row"):
        show.line(f"__{name}__ is deleted.")
        st.button("Undo", key="wildcards_undo_now", icon=":material/undo:", on_click=restore)


def _drop(studio: Studio) -> None:
    turn = int(st.session_state.setdefault(_FILES, 0))
    key = f"wildcards_drop_{turn}"  # a new one after each drop, or the next run would take the same files again

    def bring() -> None:
        brought: list[str] = []
        wrong: list[str] = []
        for file in st.session_state[key]:
            if not trying.tried(_ROOM, partial(_bring, studio, brought, file)):
                wrong.append(f"{file.name}: {trying.sentence(_ROOM)}")
        if brought:
            st.session_state[_SAVED] = f"{', '.join(f'__{name}__' for name in brought[:5])} can be used now."
            st.session_state[_CHOSEN] = brought[0]
        if wrong:
            trying.say(_ROOM, " ".join(wrong))
        st.session_state[_FILES] = turn + 1

    with st.popover("Drop .txt files", icon=":material/upload_file:", key="wildcards_drop"):
        show.line(f"Or put them into {studio.wildcards.folder}, in folders if you like; they count at once.")
        st.file_uploader(
            "Wildcard files",
            type=["txt"],
            accept_multiple_files=True,
            key=key,
            on_change=bring,
            label_visibility="collapsed",
        )


def _bring(studio: Studio, brought: list[str], file: Any) -> None:
    brought.append(studio.wildcards.bring(file.name, file.getvalue()))
