"""A grid where other things are listed: one row of the queue, one line of an artwork's facts. It decides nothing."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import EaselError
from studio.domain.grid_axis import label
from studio.domain.job import Job
from studio.ui import desk, session, show, words
from studio.ui.grid import stage

SHOWN = 4  # pictures of a row


def row(studio: Studio, job: Job) -> bool:
    """Draw the grid that a job is a cell of, as one row for all its cells; False where that cannot be read."""
    try:
        held = studio.grids.get(int(job.payload["grid"]))
    except EaselError:
        return False
    squares = studio.grids.squares(held)
    progress = studio.grids.progress(squares)
    ids = [square.artwork for square in squares if square.artwork is not None]
    facts = [f"no. {held.id}", held.grid.title, stage.said(progress).rstrip(".")]
    if not progress.live:
        facts.append(words.ago(job.ended_at or job.created_at))
    with st.container(horizontal=True, vertical_alignment="center", key=f"job_grid_{held.id}", gap="small"):
        share = progress.done / progress.all if progress.live else None
        show.grid("Grid", held.grid.base.prompt, " · ".join(facts), ids[:SHOWN], share=share)
        if progress.live:
            st.button(
                "Cancel the rest",
                key=f"cancel_grid_{held.id}",
                icon=":material/close:",
                on_click=studio.grids.cancel,
                args=(held.id,),
            )
        session.door("Show", "create", key=f"show_grid_{held.id}", icon=":material/visibility:", grid=held.id)
    return True


def line(studio: Studio, artwork: Artwork) -> None:
    """Of an artwork that is a cell of a grid: which, with its values, and the way there."""
    place = studio.grids.of_artwork(artwork.id)
    if place is None:
        return
    id, column, at = place
    try:
        grid = studio.grids.get(id).grid
    except EaselError:
        return
    values = [
        (axis.title, label(axis.field, axis.values[index]))
        for axis, index in zip(grid.axes, (column, at), strict=False)
    ]
    show.part("Grid")
    show.rows(values)
    session.door(
        f"Show grid {id}", "create", key="detail_grid", icon=":material/grid_view:", help="All its pictures side by side",
        before=desk.clear_easel, grid=id,
    )  # fmt: skip
