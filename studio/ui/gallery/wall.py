"""The wall: the pictures that were asked for, and what stands there when there are none. It searches nothing."""

from __future__ import annotations

import json
import secrets
from dataclasses import astuple, replace
from urllib.parse import urlencode

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Hit
from studio.domain.job import Job
from studio.gallery.finding import leafing
from studio.ui import browse, components, session, show
from studio.ui.browse import View
from studio.ui.gallery import box, bulk, tiles, views

KEY = "gallery_wall"
ASKED = "gallery_asked"  # the address of the answer that hangs here, for whoever stands beside a picture of it


def draw(studio: Studio, view: View, hits: list[Hit], total: int | None, job: Job | None = None) -> None:
    """An answer, best or newest first, from `hits` on as far as one scrolls; `job` is the search that made it, if any did."""
    st.session_state[views.SHOWN] = [hit.artwork.id for hit in hits]
    if not hits:
        with st.container(key="nothing_here"):
            _nothing_here(studio, view)
        bulk.draw(studio, [])
        return
    asked = tiles.address(view, upto=leafing.newest(studio.gallery), job=job.id if job else None)
    st.session_state[ASKED] = asked
    count = total if job is None and total is not None else leafing.total(studio.gallery, tiles.answer(studio, asked))
    first, run = tiles.tiles(hits, kept=studio.settings.bin_days), secrets.token_hex(4)
    answer = json.dumps(astuple(replace(view, place=0, look="pictures")))

    @st.fragment
    def hang() -> None:
        """What is selected and what a key did is drawn without the rest of the page."""
        if session.number("id") is not None:  # a picture was opened: that is another page
            st.rerun()
        chosen = st.session_state.get(views.CHOSEN, [])
        components.wall(
            key=KEY,
            answer=answer,
            route=urlencode(asked),
            tiles=first,
            start=view.place,
            total=max(count, view.place + len(first)),
            among=_among(job),
            run=run,
            stamp=tiles.stamp(studio),
            chosen=chosen,
            binned=view.shelf == "Bin",
            done=bulk.done(),
            opened=_opened,
            selected=_selected,
            changed=_changed,
        )
        bulk.draw(studio, chosen)
        bulk.comparing(studio)

    hang()


def _among(job: Job | None) -> int:
    """How many pictures a search took its nearest from; 0 where all that it asked for were ranked."""
    ranked = len(job.result.get("hits", ())) if job else 0
    return int(job.result.get("total") or 0) if job and ranked >= browse.FOUND else 0


def _nothing_here(studio: Studio, view: View) -> None:
    if view.shelf == "Bin":
        show.empty("The bin is empty", f"What you delete stays here for {studio.settings.bin_days} days.")
    elif view.shelf == "Maps" and not (view.words or view.tag):
        show.empty("No maps yet", "The poses, depths and edges that you guide pictures with are kept here.")
        if st.button("Guide a picture", type="primary", icon=":material/draw:"):
            session.go("guide")
    elif view.plain:
        show.empty("No pictures yet", "Paint the first one, or import some that you have.")
        if st.button("Paint the first one", type="primary", icon=":material/brush:"):
            session.go("create")
    else:
        show.empty("Nothing found", "Try fewer words, or look at everything.")
        st.button("Show everything", on_click=box.everything, args=(studio,))


def _opened() -> None:
    id = components.picked(KEY)
    if id is not None:
        st.query_params["id"] = str(id)


def _selected() -> None:
    st.session_state[views.CHOSEN] = components.sent_numbers(KEY, "chosen", most=tiles.MOST_CHOSEN)


def _changed() -> None:
    """A key changed pictures: its undo is offered as if a button had."""
    bulk.made(components.sent(KEY, "changed"))
