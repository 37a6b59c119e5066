"""The contact sheet of a grid: a button that has it made by the worker, and the link to it. It composes no picture itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.job import Job
from studio.jobs.grids import Held, Square
from studio.ui import show, watch, words
from studio.ui.press import Presses

PROBLEM = "grid_stage_problem"  # where the stage looks for what went wrong


def button(studio: Studio, held: Held, squares: Sequence[Square], pressed: Presses) -> None:
    """Ask for the sheet; the link to it once it is there."""
    job = _job(studio, held)
    if job is not None and _here(studio, job):
        show.link(f"/previews/{job.result['preview']}", "Download the sheet", name=f"easel-grid-{held.id}.webp")
        return
    st.button(
        "Contact sheet",
        key=f"grid_contact_{pressed.key}",
        icon=":material/grid_on:",
        help="One labelled picture of the whole grid, to download",
        disabled=job is not None and job.live,
        on_click=pressed.note,
        args=(pressed.key, _ask(studio, held, squares)),
    )


def result(studio: Studio, held: Held) -> None:
    """How the making of the sheet goes, and why there is none where it came to nothing."""
    job = _job(studio, held)
    if job is None:
        return
    if job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
    elif job.state == "refused":
        reasons = "; ".join(words.refusal(verdict) for verdict in words.refused(job))
        show.notice(
            "The safety gate refused the sheet",
            f"{reasons or job.error} Its pictures stay as they are.",
            symbol="shield",
        )
    elif job.state in ("failed", "interrupted"):
        show.notice("There is no sheet", job.error, kind="bad")


def _ask(studio: Studio, held: Held, squares: Sequence[Square]) -> Callable[[str], None]:
    def ask(wish: str) -> None:
        try:
            st.session_state[_name(held)] = studio.submit(
                "sheet", {"sheet": held.id, "shown": shown(studio, squares)}, key=wish
            ).id
        except EaselError as error:
            st.session_state[PROBLEM] = str(error)

    return ask


def shown(studio: Studio, squares: Sequence[Square]) -> str:
    """A name for what the sheet would show now, so that one made before its last pictures is not taken for it."""
    artworks = studio.gallery.many([square.artwork for square in squares if square.artwork is not None])
    there = {
        id for id, artwork in artworks.items() if artwork.deleted_at is None
    }  # one in the bin leaves its place empty
    ids = [(one.column, one.row, one.artwork if one.artwork in there else None) for one in squares]
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]


def _job(studio: Studio, held: Held) -> Job | None:
    id = st.session_state.get(_name(held))
    try:
        job = studio.job(id) if id is not None else None
    except EaselError:
        return None
    return job if job is None or job.payload.get("shown") == shown(studio, studio.grids.squares(held)) else None


def _here(studio: Studio, job: Job) -> bool:
    """Whether its file still lies there; a worker that starts takes old ones away."""
    name = job.result.get("preview")
    return job.state == "done" and isinstance(name, str) and studio.files.preview_path(name).exists()


def _name(held: Held) -> str:
    return f"grid_contact_job_{held.id}"
