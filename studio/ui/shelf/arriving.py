"""Packs on their way, drawn again and again: bytes, speed and time left, pause, go on, throw away. It fetches nothing."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.ui import show
from studio.ui.shelf import marks, texts

POLL = 0.7  # seconds between two looks
PROBLEM, DISMISSED = "shelf_problem", "shelf_dismissed"


def trying(act: Callable[[], object]) -> Callable[[], None]:
    """A callback that says in a sentence on the next run what went wrong."""

    def tried() -> None:
        try:
            act()
        except EaselError as error:
            st.session_state[PROBLEM] = str(error)

    return tried


def arriving(studio: Studio) -> None:
    """The packs on their way, where there are any."""
    dismissed: set[int] = st.session_state.setdefault(DISMISSED, set())
    ids = [(one.manifest.id, one.live) for one in texts.coming(studio, dismissed=dismissed)]
    if not ids:
        return
    show.part(f"On their way · {len(ids)}")

    @st.fragment(run_every=POLL if any(live for _, live in ids) else None)
    def look() -> None:
        coming = texts.coming(studio, dismissed=dismissed)
        if [(one.manifest.id, one.live) for one in coming] != ids:
            st.rerun()  # one is here, or stopped: the rest of the page has to know
        for one in coming:
            _row(studio, one)

    look()


def _row(studio: Studio, one: texts.Coming) -> None:
    id = one.manifest.id
    with st.container(horizontal=True, vertical_alignment="center", key=f"coming_{id}", gap="small"):
        marks.on_its_way(one)
        if one.live:
            st.button(
                "Pause",
                key=f"pause_{id}",
                icon=":material/pause:",
                disabled=one.job is not None and one.job.cancel,
                help="What has come stays. It goes on from there, even after a restart.",
                on_click=trying(lambda: studio.installs.pause(id)),
            )
        else:
            st.button(
                "Try again" if one.failed else "Go on",
                key=f"resume_{id}",
                icon=":material/replay:" if one.failed else ":material/play_arrow:",
                type="primary",
                on_click=trying(lambda: studio.install(id)),
            )
        st.button(
            "Throw away",
            key=f"throw_{id}",
            icon=":material/delete:",
            type="tertiary",
            help="Stop, and delete what has come.",
            on_click=trying(lambda: throw_away(studio, one)),
        )


def throw_away(studio: Studio, one: texts.Coming) -> None:
    """Stop an installation, delete what came, and forget how it failed."""
    studio.installs.throw_away(one.manifest.id)
    if one.job is not None:
        st.session_state.setdefault(DISMISSED, set()).add(one.job.id)
