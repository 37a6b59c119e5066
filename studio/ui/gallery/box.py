"""The search box: what is typed, pictures that are dropped into it, and chips of what was understood. It searches nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.errors import BadInput, EaselError
from studio.domain.job import Job
from studio.domain.query import Query
from studio.gallery.finding import language
from studio.gallery.keeping import collections
from studio.safety.intake import sha256
from studio.ui import browse, show, watch, words
from studio.ui.browse import View
from studio.ui.components import finding
from studio.ui.gallery import chips, views

BOX = "gallery_search"
EXAMPLES = "gallery_examples"  # dropped pictures that are not in the gallery: {"job", "spool", "weight"} each
DOOR = "st-key-gallery_drop"
MOST = 8  # pictures at once


def draw(studio: Studio, view: View) -> View:
    """The box and its chips; the view with those dropped pictures that are checked, or as it is."""
    held = [(one, studio.job(one["job"])) for one in st.session_state.get(EXAMPLES, [])]
    finding.search(
        key=BOX,
        text=view.words,
        chips=_chips(studio, view, held),
        placeholder="Words, filters, or a picture dropped here",
        door=DOOR,
        asked=lambda: _asked(studio),
        weighed=lambda: _weighed(studio),
        cleared=lambda: everything(studio),
    )
    with st.container(key="gallery_door"):  # unseen; what is pasted and dropped goes through it, and so to the gate
        st.file_uploader(
            "Pictures to search by",
            key=_drop_key(),
            on_change=_dropped,
            args=(studio,),
            accept_multiple_files=True,
            label_visibility="collapsed",
        )
    _say(studio, held)
    ready = tuple((one["spool"], one["weight"]) for one, job in held if job.state == "done")
    return dataclasses.replace(view, examples=ready) if ready else view


def everything(studio: Studio) -> None:
    """Ask for nothing in particular again."""
    for one in st.session_state.pop(EXAMPLES, []):
        studio.files.unspool(one["spool"])
    views.look(View(look=views.current().look))


def _chips(studio: Studio, view: View, held: list[tuple[dict[str, Any], Job]]) -> list[chips.Chip]:
    try:
        query = language.parse(view.words) if view.shelf != "Bin" else Query()
    except BadInput:  # said below the box; there is nothing to take apart
        query = Query()
    made = chips.of(query)
    seen = [int(name.partition(":")[2]) for name, _ in query.like if name.startswith("id:")]
    made = chips.titled(made, studio.gallery.many(seen)) if seen else made
    for one, job in held:
        where = "this picture" if job.state == "done" else "being checked" if job.live else "refused"
        preview = str(job.result.get("preview", "")) if job.state == "done" else ""
        made.append(chips.dropped(one["spool"], one["weight"], preview=preview, where=where))
    return made


def _say(studio: Studio, held: list[tuple[dict[str, Any], Job]]) -> None:
    """What is to be said of dropped pictures: how the check goes, why one was refused, and that a link cannot carry them."""
    for one, job in held:
        if not job.live and job.state != "done":
            headline, sentence = words.ending(job)
            with st.container(horizontal=True, vertical_alignment="center", key=f"example_bar_{one['job']}"):
                show.notice(headline, sentence, kind="bad", symbol="shield")
                st.button("Remove", key=f"drop_example_{one['job']}", on_click=_drop, args=(studio, one["spool"]))
    live = [job for _, job in held if job.live]
    if live:
        watch.follow(studio, live[0], lambda now: show.line(watch.line(studio, now)))
    elif any(job.state == "done" for _, job in held):
        show.line(
            "A picture that is not in the gallery is checked first and not kept; the link to this search leaves it out."
        )


# --- what is done -------------------------------------------------------------------------------------------------------


def _asked(studio: Studio) -> None:
    text = finding.question(BOX)
    if text is not None:
        _look_for(_unfolded(studio, text))


def unfolded(studio: Studio, view: View) -> View:
    """The view with saved searches in place of their names, also where an address names one."""
    text = _unfolded(studio, view.words) if "collection:" in view.words.lower() else view.words
    if text != view.words:
        view = dataclasses.replace(view, words=text[: language.TEXT_LIMIT])
        views.look(view)
    return view


def _unfolded(studio: Studio, text: str) -> str:
    """The text with what a saved search asks for in place of its name, so that one sees it and can change it."""
    try:
        query = language.parse(text)
        whole = collections.unfolded(studio.database, query)
    except BadInput as error:
        if error.field == "collection":
            views.complain(str(error))
        return text
    return text if whole == query else language.write(whole)


def _look_for(text: str) -> None:
    view = views.current()
    view = dataclasses.replace(view, shelf="All" if view.shelf == "Bin" else view.shelf)  # the bin is not searched
    views.look(browse.changed(view, words=text[: language.TEXT_LIMIT]))


def _weighed(studio: Studio) -> None:
    told = finding.weight(BOX)
    if told is None:
        return
    spool, weight = told
    if not weight:
        _drop(studio, spool)
        return
    limit = language.WEIGHT_LIMIT
    for one in st.session_state.get(EXAMPLES, []):
        if one["spool"] == spool:
            one["weight"] = min(limit, max(-limit, weight))
    views.turn(0)


def _dropped(studio: Studio) -> None:
    """Pictures to search by. One that is in the gallery is searched for by its number; the gate looks at the others first."""
    files = st.session_state[_drop_key()] or []
    if not files:
        return
    st.session_state["drop_round"] = st.session_state.get("drop_round", 0) + 1  # an empty door, ready for the next one
    held = st.session_state.setdefault(EXAMPLES, [])
    known = []
    try:
        for file in files[:MOST]:
            data = file.getvalue()
            id = studio.gallery.has_source(sha256(data))
            if id is not None:
                known.append(f"like:{id}")
            elif len(held) < MOST:
                job = studio.clear(data, file.name)  # the search reads the same bytes
                held.append({"job": job.id, "spool": job.payload["spool"], "weight": 1.0})
    except EaselError as error:
        views.complain(str(error))
    text = " ".join(part for part in (views.current().words.strip(), *known) if part)
    _look_for(text)


def _drop_key() -> str:
    return f"gallery_drop_{st.session_state.get('drop_round', 0)}"


def _drop(studio: Studio, spool: str) -> None:
    held = st.session_state.get(EXAMPLES, [])
    st.session_state[EXAMPLES] = [one for one in held if one["spool"] != spool]
    if any(one["spool"] == spool for one in held):
        studio.files.unspool(spool)
    views.turn(0)
