"""One line on the Gallery page while pictures are read for the search. It starts nothing."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.job import LIVE, Job
from studio.ui import watch


def draw(studio: Studio) -> None:
    """A bar while the search model reads pictures; nothing otherwise. A page of any size costs one look at the queue."""
    job = next(iter(studio.queue.list(LIVE, ("embed",), limit=1)), None)
    if job is not None:
        with st.container(key="embedding"):
            watch.follow(studio, job, lambda now: _line(studio, now))


def _line(studio: Studio, job: Job) -> None:
    st.caption("The search model reads your pictures; until it is done, searches find what was read so far or before.")
    watch.bar(studio, job)
