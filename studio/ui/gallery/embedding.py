"""Lines on the Gallery page while pictures are read for the search, or were not read yet. It starts nothing unasked."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.job import LIVE, Job
from studio.ui import show, watch


def draw(studio: Studio) -> None:
    """A bar while the search model reads pictures; nothing otherwise. A page of any size costs one look at the queue."""
    job = next(iter(studio.queue.list(LIVE, ("embed",), limit=1)), None)
    if job is not None:
        with st.container(key="embedding"):
            watch.follow(studio, job, lambda now: _line(studio, now))


def told(studio: Studio, search: Job) -> None:
    """What a search says of pictures that the search model has not read, and the way to have them read."""
    sentence = search.result.get("said")
    if not sentence:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="search_said"):
        show.line(str(sentence))
        if not studio.queue.count(LIVE, ("embed",)):
            st.button("Read them", key="search_read", icon=":material/visibility:", on_click=_read, args=(studio,))


def _read(studio: Studio) -> None:
    studio.reindex()


def outrun(studio: Studio, search: Job) -> bool:
    """Whether pictures were read since a search said that not all of them were."""
    last = studio.queue.list(("done",), ("embed",), limit=1) if search.result.get("said") else []
    return bool(last) and (last[0].ended_at or 0.0) > (search.ended_at or 0.0)


def _line(studio: Studio, job: Job) -> None:
    st.caption("The search model reads your pictures; until it is done, searches find what was read so far or before.")
    watch.bar(studio, job)
