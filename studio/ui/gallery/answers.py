"""From a view to its pictures: the table's answer, or the job that searches. It hangs nothing itself."""

from __future__ import annotations

import dataclasses

import streamlit as st

from studio.app import Studio
from studio.domain.amounts import counted
from studio.domain.artwork import Hit, Query
from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.gallery.finding import leafing, near
from studio.gallery.keeping import collections
from studio.ui import browse, show, watch
from studio.ui.browse import View
from studio.ui.gallery import bin, box, embedding, views, wall
from studio.ui.gallery import collections as rail

FIND = "gallery_find"
NEAR = "gallery_near"


def draw(studio: Studio, view: View) -> None:
    """What the view asks for, on the wall; or a sentence, or that it is being looked for."""
    try:
        query, notes = browse.asked(view)
        for note in notes:
            show.line(note)
        _hang(studio, view, query)
    except BadInput as error:  # a filter that makes no sense says so, and the box keeps what was typed
        show.problem(str(error))
        with st.container(horizontal=True):
            st.button("Show everything", on_click=box.everything, args=(studio,))


def _hang(studio: Studio, view: View, query: Query) -> None:
    if view.shelf == "Bin":
        bin.draw(studio, view)
    arranged = collections.arranged(studio.database, query)
    if arranged is not None:
        answer = leafing.Answer(query, found=tuple(arranged))
        ids = leafing.ids(studio.gallery, answer, start=view.place, count=browse.PAGE)
        rail.order(studio, query.filters[0].value)
        wall.draw(
            studio, view, [Hit(one) for one in studio.gallery.many(ids).values()], leafing.total(studio.gallery, answer)
        )
        return
    if not query.ranked:
        newest, total = leafing.newest(studio.gallery), studio.gallery.count(query)
        wall.draw(studio, view, [Hit(artwork) for artwork in studio.gallery.page(query)], total)
        _arriving(studio, query, newest)
        return
    if not query.by_meaning:
        hits = _near(studio, dataclasses.replace(query, limit=browse.FOUND, offset=0))
        wall.draw(studio, view, hits[view.place : view.place + browse.PAGE], len(hits))
        return
    # All that is ranked at once: who scrolls or steps back does not ask the worker again
    job = search(studio, dataclasses.replace(query, limit=browse.FOUND, offset=0))
    if job.live:
        watch.follow(studio, job, lambda now: _searching(studio, now))
    elif job.state != "done":
        show.problem(job.error or f"The search was {job.state}.")
    else:
        embedding.told(studio, job)
        best = {int(id): score for id, score in job.result.get("hits", [])}
        answer = leafing.Answer(
            query, found=tuple(best)
        )  # counted as further tiles are: without what was deleted since
        ids = leafing.ids(studio.gallery, answer, start=view.place, count=browse.PAGE)
        page = {**job.result, "hits": [[id, best[id]] for id in ids]}
        total = leafing.total(studio.gallery, answer)
        wall.draw(studio, view, studio.hits(dataclasses.replace(job, result=page)), total, job)


def _arriving(studio: Studio, query: Query, newest: int) -> None:
    """A word on pictures that come in while one looks, from wherever; they are shown when one asks, so that nothing moves."""

    @st.fragment(run_every=views.POLL)
    def look() -> None:
        more = leafing.since(studio.gallery, query, newest)
        if more and st.button(f"Show {counted(more, 'new picture')}", key="arrived", icon=":material/arrow_upward:"):
            views.turn(0)
            st.rerun()

    look()


def _near(studio: Studio, query: Query) -> list[Hit]:
    """All that a query without need of a model finds, kept until a picture is changed or something else is asked."""
    now = (query, studio.gallery.kept.changes())
    held = st.session_state.get(NEAR)
    if held is None or held[0] != now:
        held = (now, near.hits(studio.gallery, query))
        st.session_state[NEAR] = held
    found: list[Hit] = held[1]
    return found


def search(studio: Studio, query: Query) -> Job:
    """The job that answers this query: the one that this tab has begun, or a new one."""
    held = st.session_state.get(FIND)
    if held is None or held[0] != query or embedding.outrun(studio, studio.job(held[1])):
        held = (query, studio.find(query).id)
        st.session_state[FIND] = held
    return studio.job(held[1])


def _searching(studio: Studio, job: Job) -> None:
    show.line(watch.line(studio, job))
    show.skeletons(12)
