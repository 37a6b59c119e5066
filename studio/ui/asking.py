"""Ask about a picture: a question, and the answers below it, for this tab. It reads jobs; it keeps no answer itself."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import EaselError
from studio.domain.job import Job
from studio.orders import QUESTION_LIMIT
from studio.ui import press, session, show, watch

KEPT = 4  # questions that stay below the box
_JOBS, _PROBLEM, _TURN = "asking_jobs", "asking_problem", "asking_turn"
_PAGE = "asking"


def box(studio: Studio, artwork: Artwork) -> None:
    """A box for a question about this picture, and what was answered; a way to the Shelf where nobody can answer."""
    show.part("Ask about this picture")
    if not studio.answers():
        with st.container(horizontal=True, vertical_alignment="center", key="asking_none"):
            show.line("No pack here answers questions yet.")
            session.door("Open the Shelf", "shelf", key="asking_shelf", type="tertiary", icon=":material/inventory_2:")
        return
    pressed = press.presses(_PAGE)
    if pressed.waiting:
        _serve(pressed)
    field = f"asking_{artwork.id}_{st.session_state.get(_TURN, 0)}"

    def ask(key: str) -> None:
        question = str(st.session_state.get(field, ""))
        job = studio.ask(question, artwork=artwork.id, key=key)
        _jobs().setdefault(artwork.id, []).append(job.id)
        st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1  # the next box is an empty one

    with (
        st.form("asking", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", key="asking_row", gap="small"),
    ):
        st.text_input(
            "Question", key=field, placeholder="What colour is the star?", max_chars=QUESTION_LIMIT,
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        st.form_submit_button(
            "Ask", key=f"asking_go_{pressed.key}", icon=":material/question_answer:", on_click=pressed.note,
            args=(pressed.key, ask),
        )  # fmt: skip
    if st.session_state.get(_PROBLEM):
        show.problem(st.session_state[_PROBLEM])
    for job in _asked(studio, artwork.id):
        if job.live:
            watch.follow(studio, job, _answer)
        else:
            _answer(job)


def _serve(pressed: press.Presses) -> None:
    st.session_state.pop(_PROBLEM, None)
    try:
        pressed.serve()
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)


def _asked(studio: Studio, id: int) -> list[Job]:
    """The last questions about a picture in this tab, the newest first."""
    found = []
    for job in reversed(_jobs().get(id, [])[-KEPT:]):
        try:
            found.append(studio.job(job))
        except EaselError:
            continue
    return found


def _answer(job: Job) -> None:
    note = str(job.result.get("note", "")) if job.state == "done" else ""
    show.asked(str(job.payload.get("question", "")), *said(job), note=note)


def said(job: Job) -> tuple[str, str]:
    """What stands below a question, and how it is meant: "answer", "quiet" while nothing is known, or "bad"."""
    if job.live:
        return ("Looking …" if job.state == "running" else "Waiting for its turn …"), "quiet"
    if job.state == "done":
        answer = str(job.result.get("answer", "")).strip()
        return (answer, "answer") if answer else ("It has no answer to that; ask in other words.", "quiet")
    return job.error.strip() or f"The question was {job.state}; ask again.", "bad"


def _jobs() -> dict[int, list[int]]:
    held: dict[int, list[int]] = st.session_state.setdefault(_JOBS, {})
    return held
