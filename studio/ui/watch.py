"""Watches a job from a page: a fragment that looks at its row and redraws only itself. It never waits for anything."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from studio.app import Studio
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.ui import components, show, words

POLL = 0.3  # seconds between two looks


def follow(studio: Studio, job: Job, draw: Callable[[Job], None]) -> None:
    """Draw a job again and again until it ends, then run the page once more."""

    @st.fragment(run_every=POLL)
    def look() -> None:
        studio.watch(job.id)
        now = studio.job(job.id)
        if not now.live:
            st.rerun()
        draw(now)

    look()


def painting(studio: Studio, job: Job, *, size: tuple[int, int] | None = None) -> None:
    """A paint job in the making: its draft, a bar, what it does and how long it will take, Cancel, what is done so far.

    `size` is the result's, in pixels, where the recipe alone does not tell it.
    """
    recipe = Recipe.from_dict(job.payload["recipe"])
    width, height = size or (recipe.width, recipe.height)
    components.easel(
        key=f"easel_{job.id}",
        src=f"/previews/{job.preview}" if job.preview else "",
        alt=f"Draft of: {recipe.prompt}",
        width=width,
        height=height,
        share=words.share(job),
        words=line(studio, job),
        waiting=job.state == "waiting",
    )
    with st.container(horizontal=True, horizontal_alignment="center", key="live_actions"):
        cancel(studio, job)
    ids = job.result.get("artworks", [])
    if ids:
        from studio.domain.artwork import Hit

        held = studio.gallery.many(ids)
        components.grid(
            show.tiles([Hit(held[id]) for id in ids if id in held]), key=f"sofar_{job.id}", chosen=_nothing, strip=True
        )


def bar(studio: Studio, job: Job) -> None:
    """Any other job: a bar, one line and Cancel."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"bar_{job.id}"):
        st.progress(words.share(job), text=line(studio, job))
        cancel(studio, job)


def line(studio: Studio, job: Job) -> str:
    """One line on how a job goes."""
    ahead = studio.queue.ahead(job.id) if job.state == "waiting" else 0
    return words.progress(job, left=studio.seconds_left(job), ahead=ahead)


def cancel(studio: Studio, job: Job) -> None:
    """The button that stops a job within one step."""
    st.button(
        "Cancel",
        key=f"cancel_{job.id}",
        icon=":material/close:",
        on_click=studio.cancel,
        args=(job.id,),
        disabled=job.cancel,
    )


def _nothing() -> None:
    """Pictures that are still arriving are only looked at."""
