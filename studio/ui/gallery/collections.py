"""The rail beside the wall: shelves, collections, saved searches and what is done to them. It searches nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.errors import BadInput, EaselError
from studio.domain.query import Query
from studio.gallery.finding import language, tallies
from studio.gallery.keeping import collections
from studio.gallery.keeping.changes import Change
from studio.gallery.keeping.collections import Collection
from studio.ui import browse, show
from studio.ui.browse import View
from studio.ui.components import finding
from studio.ui.gallery import bulk, views

RAIL = "gallery_rail"
DELETED = "gallery_collection_deleted"
SHELVES = ({"name": "All", "symbol": "photo_library"}, {"name": "Favourites", "symbol": "favorite"},
           {"name": "Maps", "symbol": "accessibility_new"}, {"name": "Bin", "symbol": "delete"})  # fmt: skip


def draw(studio: Studio, view: View) -> None:
    """The rail, and where a collection was just deleted its Undo."""
    database = studio.gallery.database
    counts = studio.gallery.kept.get("collections", lambda: collections.counted(database), old=True)
    held = collections.all_of(database, counts)
    found = tallies.counted(studio.gallery, held)
    current = opened(held, view)
    finding.rail(
        key=RAIL,
        shelves=SHELVES,
        shelf=view.shelf if not view.words or view.shelf != "All" else "",
        collections=[
            {"id": one.id, "name": one.name, "smart": one.smart, "count": found.get(one.id, one.count)} for one in held
        ],
        current=current.id if current else 0,
        saving=savable(held, view),
        acted=lambda: _acted(studio),
    )
    if st.session_state.get(DELETED):
        gone = st.session_state[DELETED][-1]
        with st.container(key="rail_undo"):
            show.line(
                f"“{gone.name}” was deleted. Its pictures stay." if not gone.smart else f"“{gone.name}” was deleted."
            )
            with st.container(horizontal=True, gap="small"):
                st.button("Undo", key="undo_collection", icon=":material/undo:", on_click=_undo, args=(studio,))
                st.button("Close", key="close_collection", type="tertiary", on_click=_forget)


def order(studio: Studio, name: str) -> None:
    """What is done to the order of the collection that hangs on the wall."""
    one = collections.named(studio.database, name)
    if one is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="collection_order", gap="small"):
        show.line("In your order. Select pictures to move them.")
        for label, symbol, first in (("To the front", "first_page", True), ("To the end", "last_page", False)):
            st.button(
                label, key=f"order_{first}", icon=f":material/{symbol}:", type="tertiary", on_click=_move,
                args=(studio, one.id, first),
            )  # fmt: skip


def opened(held: list[Collection], view: View) -> Collection | None:
    """The collection that the view shows, if it shows one and nothing else."""
    if not view.words or view.shelf != "All":
        return None
    texts = {text_of(one).casefold(): one for one in held}
    return texts.get(" ".join(view.words.split()).casefold())


def text_of(one: Collection) -> str:
    """What is typed to see a collection."""
    return one.query if one.query is not None else f"collection:{language.spelled(one.name)}"


def savable(held: list[Collection], view: View) -> str | None:
    """A name for the search at hand, where it can be saved and is not; None otherwise."""
    text = to_save(view)
    if not text or any(" ".join(text.split()) == text_of(one) for one in held):
        return None
    return " ".join(text.split())[: collections.NAME_LIMIT]


def to_save(view: View) -> str:
    """The text that finds what this view finds; "" for a view that asks for nothing, makes no sense or is the bin."""
    try:
        query = browse.query(view)
    except BadInput:
        return ""
    if view.shelf == "Bin" or query == Query(limit=query.limit, offset=query.offset):
        return ""
    more = {"Favourites": "is:favourite", "Maps": "is:map"}.get(view.shelf, "")
    return " ".join(
        part for part in (view.words.strip(), more, f"tag:{language.spelled(view.tag)}" if view.tag else "") if part
    )


# --- what is done -------------------------------------------------------------------------------------------------------


def _acted(studio: Studio) -> None:
    deed = finding.deed(RAIL)
    if deed is None:
        return
    try:
        _DEEDS[deed["do"]](studio, deed)
    except EaselError as error:
        views.complain(str(error))


def _shelf(studio: Studio, deed: dict[str, Any]) -> None:
    if deed["name"] in browse.SHELVES:
        views.look(browse.changed(views.current(), shelf=deed["name"], words="", tag=""))


def _open(studio: Studio, deed: dict[str, Any]) -> None:
    one = collections.get(studio.gallery.database, deed["id"])
    views.look(browse.changed(views.current(), words=text_of(one), shelf="All", tag=""))


def _create(studio: Studio, deed: dict[str, Any]) -> None:
    made = collections.create(studio.gallery.database, deed["name"])
    chosen = [int(id) for id in st.session_state.get(views.CHOSEN, [])]
    if chosen:  # what is selected is what one wanted to put together
        bulk.act(studio, chosen, Change("collect", made.id))


def _save(studio: Studio, deed: dict[str, Any]) -> None:
    collections.create(studio.gallery.database, deed["name"], query=to_save(views.current()))


def _rename(studio: Studio, deed: dict[str, Any]) -> None:
    before = collections.get(studio.gallery.database, deed["id"])
    after = collections.rename(studio.gallery.database, deed["id"], deed["name"])
    if opened([before], views.current()):
        views.look(browse.changed(views.current(), words=text_of(after)))


def _delete(studio: Studio, deed: dict[str, Any]) -> None:
    before = collections.delete(studio.gallery.database, deed["id"])
    st.session_state[DELETED] = [*st.session_state.get(DELETED, []), before]  # the last one first, then those before it
    if opened([before], views.current()):
        views.look(browse.changed(views.current(), words=""))


def _collect(studio: Studio, deed: dict[str, Any]) -> None:
    bulk.act(studio, deed["ids"], Change("collect", deed["id"]))


_DEEDS: dict[str, Callable[[Studio, dict[str, Any]], None]] = {
    "shelf": _shelf, "open": _open, "create": _create, "save": _save, "rename": _rename, "delete": _delete, "collect": _collect,
}  # fmt: skip


def _move(studio: Studio, id: int, first: bool) -> None:
    held = collections.order(studio.database, id)
    there = set(held)
    moved = [int(one) for one in st.session_state.get(views.CHOSEN, []) if int(one) in there]
    rest = [one for one in held if one not in set(moved)]
    if not moved:
        views.complain("Select pictures of this collection first: press the circle in their corner.")
    elif rest:
        collections.place(studio.database, id, moved, before=rest[0] if first else None)


def _undo(studio: Studio) -> None:
    *before, gone = st.session_state.pop(DELETED, None) or [None]
    st.session_state[DELETED] = before
    try:
        if gone is not None:
            collections.restore(studio.gallery.database, gone.id)
    except EaselError as error:
        views.complain(str(error))


def _forget() -> None:
    st.session_state.pop(DELETED, None)
