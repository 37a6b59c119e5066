"""A grid on the Create page's stage: its labelled sheet of pictures, how far it is, and what can be done. It paints nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import EaselError
from studio.domain.grid import Grid
from studio.jobs.grids import Held, Progress, Square
from studio.ui import components, desk, forms, show, words
from studio.ui.grid import contact, wishes
from studio.ui.press import Presses

POLL = 0.5  # seconds between two looks
ROOM = 286  # pixels of the window's height that are not the sheet
OPENED = "create_open"  # where the Create page looks for the artwork to open


def draw(studio: Studio, pressed: Presses) -> bool:
    """Show the grid that the address or this tab names; False where there is none to show."""
    id = desk.grid_shown()
    if id is None:
        return False
    try:
        held = studio.grids.get(id)
    except EaselError as error:
        show.problem(str(error))
        st.button("Take it off the easel", key="grid_off", icon=":material/close:", on_click=desk.clear_easel)
        return True
    _head(held)
    squares = studio.grids.squares(held)
    if any(square.live for square in squares):
        _live(studio, held)
    else:
        _still(studio, held, squares, pressed)
    return True


def _head(held: Held) -> None:
    with st.container(horizontal=True, key="grid_head", vertical_alignment="bottom"):
        show.title(held.grid.title, more=f"Grid {held.id}, made {words.ago(held.made_at)}")
        st.space("stretch")
        st.button(
            "Close",
            key="grid_close",
            icon=":material/close:",
            type="tertiary",
            help="Back to single pictures; the grid stays, under Grid on the left",
            on_click=desk.clear_easel,
        )
    show.line(held.grid.base.prompt)


def _live(studio: Studio, held: Held) -> None:
    """Look again and again until the last cell has ended, then run the page once more."""

    @st.fragment(run_every=POLL)
    def look() -> None:
        squares = studio.grids.squares(held)
        progress = studio.grids.progress(squares)
        if not progress.live or OPENED in st.session_state:
            st.rerun()
        for square in squares:
            if square.job is not None and square.job.state == "running":
                studio.watch(square.job.id)  # so that drafts of it are made
        with st.container(horizontal=True, key="grid_bar", vertical_alignment="center"):
            st.progress(progress.done / progress.all, text=said(progress))
            st.button(
                "Cancel the rest",
                key=f"grid_cancel_{held.id}",
                icon=":material/close:",
                help="Pictures that are done stay",
                on_click=studio.grids.cancel,
                args=(held.id,),
            )
        _sheet(studio, held, squares)

    look()


def _still(studio: Studio, held: Held, squares: Sequence[Square], pressed: Presses) -> None:
    progress = studio.grids.progress(squares)
    with st.container(horizontal=True, key="grid_bar", vertical_alignment="center"):
        show.line(said(progress))
        if progress.missing:
            st.button(
                f"Paint what is missing ({progress.missing})",
                key=f"grid_missing_{pressed.key}",
                icon=":material/replay:",
                help="The cells that were cancelled, interrupted or went wrong, with the same seeds",
                on_click=pressed.note,
                args=(pressed.key, _missing(studio, held.id)),
            )
        st.button(
            "Use settings",
            key="grid_use",
            icon=":material/tune:",
            help="Put the recipe that this grid varies into the form",
            on_click=desk.put,
            args=(forms.fields_of(held.grid.base),),
        )
        if progress.done:
            contact.button(studio, held, squares, pressed)
    if st.session_state.get(contact.PROBLEM):
        show.problem(st.session_state.pop(contact.PROBLEM))
    contact.result(studio, held)
    _sheet(studio, held, squares)


def _missing(studio: Studio, id: int) -> Callable[[str], None]:
    def paint(wish: str) -> None:
        try:
            studio.grids.paint_missing(id, key=wish)
        except EaselError as error:
            st.session_state[contact.PROBLEM] = str(error)

    return paint


def said(progress: Progress) -> str:
    """One line on how far a grid is."""
    if not progress.live:
        ended = (
            f"All {progress.all} are painted" if progress.done == progress.all else f"{progress.done} of {progress.all}"
        )
        return f"{ended}." if progress.done == progress.all else f"{ended} are painted."
    left = words.duration(progress.seconds_left)
    return " · ".join(filter(None, (f"{progress.done} of {progress.all}", f"{left} left" if left else "")))


def _sheet(studio: Studio, held: Held, squares: Sequence[Square]) -> None:
    grid, key = held.grid, f"sheet_{held.id}"
    artworks = studio.gallery.many([square.artwork for square in squares if square.artwork is not None])
    x, y = axes(studio, grid)

    def opened() -> None:
        st.session_state[OPENED] = components.picked(key)

    components.sheet(
        key=key,
        title=f"{grid.title} of {grid.base.prompt}",
        x=x,
        y=y,
        cells=cells(squares, artworks, x[1], y[1] if y else ()),
        ratio=max(square.recipe.width / square.recipe.height for square in squares),
        room=ROOM,
        chosen=opened,
    )


def axes(studio: Studio, grid: Grid) -> tuple[tuple[str, list[str]], tuple[str, list[str]] | None]:
    """The name and the headings of both axes, packs by the names that people know."""
    names = {pack.id: pack.manifest.name for pack in studio.shelf.packs()}
    made = []
    for axis in grid.axes:
        part, _, which = axis.field.partition(":")
        title = f"Weight of {names.get(which, which)}" if part == "lora" else axis.title
        heads = list(axis.labels)
        if part in ("pack", "vae"):
            heads = [names.get(one, one) for one in heads]
        made.append((title, heads))
    return made[0], made[1] if len(made) > 1 else None


def cells(
    squares: Sequence[Square], artworks: dict[int, Artwork], columns: Sequence[str], rows: Sequence[str]
) -> list[dict[str, Any]]:
    """What the sheet shows, in reading order: a picture, what is being painted, or why there is none."""
    made = []
    for square in sorted(squares, key=lambda one: (one.row, one.column)):
        where = ", ".join([columns[square.column], *([rows[square.row]] if rows else [])])
        one: dict[str, Any] = {"where": where, "id": 0, "src": "", "alt": "", "words": ""}
        one["ratio"] = round(square.recipe.width / square.recipe.height, 4)
        artwork = artworks.get(square.artwork or 0)
        if artwork is not None and artwork.deleted_at is None:
            one |= {"state": "done", "id": artwork.id, "src": f"/thumbs/{artwork.id}", "alt": artwork.alt}
        elif square.artwork is not None:
            one |= {"state": "gone", "words": "In the bin" if artwork else "Deleted"}
        elif square.job is None:
            one |= {"state": "gone", "words": "Never painted"}
        else:
            job = square.job
            src = f"/previews/{job.preview}" if job.state == "running" and job.preview else ""
            one |= {"state": job.state, "src": src, "words": why(square)}
        made.append(one)
    return made


def why(square: Square) -> str:
    """Why a cell has no picture, in its place."""
    job = square.job
    if job is None or job.live:
        return "Waiting" if job is None or job.state == "waiting" else "Painting"
    if job.state == "cancelled":
        return "Cancelled"
    headline, sentence = words.ending(job)
    verdicts = "; ".join(words.refusal(verdict) for verdict in words.refused(job))
    return f"{headline}. {verdicts or sentence}" if job.state == "refused" else sentence or headline


def pictures(progress: Progress) -> str:
    """So many of so many pictures, for a line that names a grid."""
    return f"{progress.done} of {wishes.pictures(progress.all)}"
