"""What this tab looks at: the view, kept in session and address, the switch between its looks, and the page's heading."""

from __future__ import annotations

import dataclasses
import time

import streamlit as st

from studio.app import Studio
from studio.domain.amounts import counted
from studio.domain.query import Query
from studio.ui import browse, show
from studio.ui.browse import View

VIEW = "gallery_view"
SHOWN = "gallery_shown"  # the ids that the wall showed last, in its order
CHOSEN = "gallery_chosen"  # the ids that are selected, from whatever room
SWITCH = "gallery_look"
LEFT = "gallery_left"  # the address before the last change, and when that was
STALE = 5.0  # seconds
POLL = 3.0  # seconds between two looks at what changed beside the page's own runs
LABELS = {
    "pictures": ":material/grid_view: Pictures",
    "map": ":material/scatter_plot: Map",
    "timeline": ":material/timeline: Timeline",
    "duplicates": ":material/content_copy: Duplicates",
}
PROBLEM = "gallery_problem"  # a sentence from a callback, which cannot draw


def current() -> View:
    """The view of this tab; the address is read when it is new, or says something."""
    told = st.query_params.to_dict()
    if VIEW not in st.session_state or (told and "id" not in told and not _stale(told)):
        st.session_state[VIEW] = browse.read(st.query_params)
    view: View = st.session_state[VIEW]
    return view


def _stale(told: dict[str, str]) -> bool:
    """Whether this is the address that was left a moment ago: a run that a browser asked for before it heard of the new one."""
    before, at = st.session_state.get(LEFT, ({}, 0.0))
    now = browse.address(st.session_state[VIEW])
    if told != before or told == now or time.monotonic() - at > STALE:
        return False
    st.query_params.from_dict(now)
    return True


def look(view: View) -> None:
    """Look at something else, here and in the address."""
    st.session_state[LEFT] = (st.query_params.to_dict(), time.monotonic())
    st.session_state[VIEW] = view
    st.query_params.from_dict(browse.address(view))


@st.fragment(run_every=POLL)
def heading(studio: Studio) -> None:
    """The page's name and how many pictures there are, by now: keys and other tabs change that without a run of the page."""
    show.title("Gallery", more=counted(studio.gallery.count(Query())))


def turn(place: int) -> None:
    """Another page of the same view."""
    look(dataclasses.replace(st.session_state[VIEW], place=max(0, place)))


def switch(view: View) -> None:
    """Pictures, map, timeline or duplicates of the same view."""
    st.session_state[SWITCH] = view.look
    st.segmented_control(
        "Look at it as",
        browse.LOOKS,
        key=SWITCH,
        format_func=lambda look: LABELS[look],
        required=True,
        label_visibility="collapsed",
        on_change=_switched,
    )


def _switched() -> None:
    view, wanted = st.session_state[VIEW], st.session_state[SWITCH]
    if wanted != view.look:  # a switch that has just left the page can be heard once more
        look(browse.changed(view, look=wanted))


def shown() -> list[int]:
    """The artworks that the wall showed last, in its order."""
    ids: list[int] = st.session_state.get(SHOWN, [])
    return ids


def complain(sentence: str) -> None:
    """Say a sentence when the page is next drawn."""
    st.session_state[PROBLEM] = sentence


def complaint() -> None:
    """The sentence that a callback left, once."""
    sentence = st.session_state.pop(PROBLEM, None)
    if sentence:
        show.problem(sentence)
