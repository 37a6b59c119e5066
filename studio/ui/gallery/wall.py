"""The wall: the pictures that were asked for, and what stands there when there are none. It searches nothing."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Hit
from studio.ui import browse, components, detail, session, show
from studio.ui.browse import View
from studio.ui.gallery import box, views


def draw(studio: Studio, view: View, hits: list[Hit], total: int | None) -> None:
    """One page of pictures, best or newest first; `total` is how many there are, where it is known."""
    st.session_state[views.SHOWN] = [hit.artwork.id for hit in hits]
    if not hits:
        with st.container(key="nothing_here"):
            _nothing_here(studio, view)
        return
    components.grid(show.tiles(hits), key="gallery_grid", chosen=_opened)
    more = total is not None and view.place + len(hits) < total
    if view.place or more:
        with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="turning"):
            back, on = view.place - browse.PAGE, view.place + browse.PAGE
            st.button("Back", icon=":material/arrow_back:", on_click=views.turn, args=(back,), disabled=not view.place)
            show.line(browse.counted(view, len(hits), total))
            st.button("Next", icon=":material/arrow_forward:", on_click=views.turn, args=(on,), disabled=not more)


def undo_bar(studio: Studio) -> None:
    """What was just put into the bin, with Undo."""
    id = st.session_state.get(detail.DELETED)
    if id is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="undo_bar"):
            show.notice(f"Picture {id} is in the bin.", symbol="delete")
            st.button("Undo", key="undo", icon=":material/undo:", on_click=_undo, args=(studio, id), type="primary")
            st.button("Close", key="close_undo", on_click=_forget)


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
    id = components.picked("gallery_grid")
    if id is not None:
        st.query_params["id"] = str(id)


def _undo(studio: Studio, id: int) -> None:
    studio.gallery.restore(id)
    _forget()


def _forget() -> None:
    st.session_state.pop(detail.DELETED, None)
