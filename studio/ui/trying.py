"""What a callback of a page tried and what went wrong, said when the page is drawn again. It catches only our own sentences."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from studio.domain.errors import EaselError
from studio.ui import show


def tried(room: str, act: Callable[[], object]) -> bool:
    """Do it; what goes wrong is kept for this part of the page (`room`), to be `said` there."""
    forget(room)
    try:
        act()
    except EaselError as error:
        say(room, str(error))
        return False
    return True


def say(room: str, sentence: str) -> None:
    """Keep a sentence on what went wrong, until something is tried or forgotten."""
    st.session_state[f"{room}_said"] = sentence


def sentence(room: str) -> str:
    """What went wrong last; empty where nothing did."""
    return str(st.session_state.get(f"{room}_said", ""))


def forget(room: str) -> None:
    """What was said is not so any more, as when something else is opened."""
    st.session_state.pop(f"{room}_said", None)


def said(room: str) -> None:
    """Draw what went wrong last."""
    if sentence(room):
        show.problem(sentence(room))
