"""Bringing pictures in: the form, and how an import goes. It reads no file; a job does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.job import Job
from studio.ui import show, watch, words
from studio.ui.gallery import views

IMPORT = "gallery_import"


def draw(studio: Studio) -> None:
    """The button that opens the form."""
    with st.popover("Import", icon=":material/upload:", key="import"):
        _form(studio)


def notice(studio: Studio) -> None:
    """The import that this tab began: how it goes, or what came of it."""
    id = st.session_state.get(IMPORT)
    if id is None:
        return
    job = studio.job(id)
    if job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return
    skipped = job.result.get("skipped", [])
    headline = words.imported(job.result) if job.result else words.STATES[job.state]
    with st.container(horizontal=True, vertical_alignment="center", key="import_notice"):
        show.notice(headline, job.error, symbol="task_alt" if job.state == "done" else "error")
        st.button("Close", key="close_import", on_click=_forget)
    if skipped:
        with st.expander(f"Skipped: {len(skipped)}", expanded=True):
            show.rows([(str(skip["name"]), str(skip["reason"])) for skip in skipped[:500]])


def _form(studio: Studio) -> None:
    round = st.session_state.get("import_round", 0)
    show.line(
        "Pictures are checked, described and put into the gallery. What cannot be used is listed with its reason."
    )
    files = st.file_uploader(
        "Pictures", key=f"import_files_{round}", accept_multiple_files=True, label_visibility="collapsed"
    )
    if files:
        st.session_state["import_files"] = files
        st.button(
            f"Import {len(files)} file{'s' * (len(files) != 1)}",
            type="primary",
            on_click=_bring_files,
            args=(studio,),
            width="stretch",
        )
    st.text_input("Or a folder on this machine", key="import_folder", placeholder="/home/me/Pictures")
    if st.session_state["import_folder"].strip():
        st.button(
            "Import the folder",
            on_click=_bring_folder,
            args=(studio,),
            width="stretch",
            icon=":material/folder_open:",
        )


def _bring_files(studio: Studio) -> None:
    files = st.session_state["import_files"]
    if files:
        _start(lambda: studio.import_files([(file.getvalue(), file.name) for file in files]))


def _bring_folder(studio: Studio) -> None:
    _start(lambda: studio.import_folder(Path(st.session_state["import_folder"].strip())))


def _start(begin: Callable[[], Job]) -> None:
    try:
        st.session_state[IMPORT] = begin().id
        st.session_state["import_round"] = st.session_state.get("import_round", 0) + 1
    except EaselError as error:
        views.complain(str(error))


def _forget() -> None:
    st.session_state.pop(IMPORT, None)
