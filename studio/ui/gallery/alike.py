"""More like this and its ways, colours to search for, a surprise, and what somebody may like. It ranks nothing itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from itertools import groupby

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork, Hit
from studio.domain.errors import BadInput
from studio.domain.query import USUAL, Filter, Query
from studio.gallery.finding import language
from studio.ui import browse, components, show, watch, words
from studio.ui.browse import View
from studio.ui.components import likeness
from studio.ui.gallery import views

PALETTE, WAYS, PANEL, HANDFUL = "gallery_palette", "gallery_ways", "gallery_panel", "gallery_handful"
MEMORY = "surprises"  # the draft that remembers what was shown as a surprise
KEPT, COUNT = 600, 12
FOR_YOU, ROWS, STRIP = 48, 4, 5
# pill -> the ways of Query.by that it stands for, what it says, its symbol
PILLS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "meaning": (("picture",), "What is in it", "visibility"),
    "words": (("caption", "words"), "Its words", "notes"),
    "look": (("look",), "Colours and forms", "palette"),
    "recipe": (("recipe",), "How it was made", "receipt_long"),
}


def draw(studio: Studio, view: View) -> None:
    """The row under the search box: colours, surprise, for you; the ways of a search by example; and the panel that is open."""
    query = _read(view)
    with st.container(horizontal=True, vertical_alignment="center", key="alike_row"):
        if query is not None and (query.like or view.examples):
            _ways(query)
        st.space("stretch")
        with st.popover("Colours", icon=":material/palette:", key="alike_colours"):
            show.line("Pictures that have these colours, those with most of them first.")
            likeness.palette(key=PALETTE, chosen=query.colours if query else (), pressed=_coloured)
        st.button("Surprise me", key="alike_surprise", icon=":material/casino:", on_click=_surprise, args=(studio,))
        st.button("For you", key="alike_taste", icon=":material/recommend:", on_click=_open, args=("taste",))
    if query is not None and (query.colours or "look" in query.like_by):
        _unread(studio)
    panel = st.session_state.get(PANEL)
    if panel == "surprise":
        _surprised(studio)
    elif panel == "taste":
        _for_you(studio)


def buttons(artwork: Artwork) -> None:
    """On a picture's own page: more like it, in each of the ways that it has something for."""
    has = {
        "meaning": True,
        "words": bool(artwork.caption or artwork.prompt),
        "look": True,
        "recipe": bool(artwork.recipe or artwork.prompt or artwork.model),
    }
    with st.popover("More like this", icon=":material/image_search:", key="alike_more", width="stretch"):
        show.line("Search for pictures alike in")
        for name, (by, label, symbol) in PILLS.items():
            st.button(
                label, key=f"alike_{name}", icon=f":material/{symbol}:", width="stretch", disabled=not has[name],
                on_click=_more, args=(artwork.id, by),
            )  # fmt: skip


def _more(id: int, by: tuple[str, ...]) -> None:
    views.look(View(words=language.write(Query(like=((f"id:{id}", 1.0),), by=by))))


# --- the ways -----------------------------------------------------------------------------------------------------------


def _read(view: View) -> Query | None:
    """What the box says; None where it makes no sense, which is said elsewhere."""
    try:
        return language.parse(view.words) if view.shelf != "Bin" else None
    except BadInput:
        return None


def _ways(query: Query) -> None:
    by = query.like_by
    st.session_state[WAYS] = [name for name, (ways, _, _) in PILLS.items() if set(ways) & set(by)]
    st.pills(
        "Alike in", list(PILLS), key=WAYS, selection_mode="multi", on_change=_chosen, label_visibility="collapsed",
        format_func=lambda name: f":material/{PILLS[name][2]}: {PILLS[name][1]}",
    )  # fmt: skip


def _chosen() -> None:
    chosen = st.session_state[WAYS] or ["meaning"]
    by = tuple(way for name in chosen for way in PILLS[name][0])
    usual = USUAL if by == ("picture",) else by  # what is seen in it is what is usual for an example
    view = views.current()
    query = _read(view)
    if query is not None and usual != query.by:  # pills that have just left the page can be heard once more
        views.look(browse.changed(view, words=language.write(dataclasses.replace(query, by=usual))))


def _coloured() -> None:
    """A colour was pressed: it is wanted now, or no longer."""
    value = likeness.pressed_colour(PALETTE)
    view = views.current()
    query = _read(dataclasses.replace(view, shelf="All"))
    if value is None or query is None:
        return
    one = Filter("colour", value)
    kept = tuple(other for other in query.filters if other != one)
    filters = kept if len(kept) < len(query.filters) else (*kept, one)
    shelf = "All" if view.shelf == "Bin" else view.shelf
    views.look(browse.changed(view, shelf=shelf, words=language.write(dataclasses.replace(query, filters=filters))))


def _unread(studio: Studio) -> None:
    """Pictures that came in before colours were kept are read now; those that are read are found meanwhile.

    What was cancelled or failed goes on when somebody asks for it.
    """
    job = studio.read_looks()
    if job is None:
        return
    if job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return
    why = job.error if job.state == "failed" else f"{words.STATES[job.state]}."
    with st.container(horizontal=True, vertical_alignment="center", key="alike_unread"):
        show.notice("The colours of some pictures are not read yet", why, symbol="palette")
        st.button("Read them", key="alike_read", icon=":material/refresh:", on_click=_read_on, args=(studio,))


def _read_on(studio: Studio) -> None:
    studio.read_looks(again=True)


# --- surprise, and for you ----------------------------------------------------------------------------------------------


def _open(panel: str) -> None:
    st.session_state[PANEL] = None if st.session_state.get(PANEL) == panel else panel


def _close() -> None:
    st.session_state.pop(PANEL, None)


def _surprise(studio: Studio) -> None:
    """Another handful, far from what was shown here and from the handfuls before."""
    from studio.gallery.finding import taste  # here: numpy, which a page need not wait for

    told = studio.draft(MEMORY) or {}
    before = [int(id) for id in told.get("shown", ()) if isinstance(id, int)]
    seen = [*before[-KEPT:], *views.shown()[: browse.PAGE]]
    found = taste.surprise(studio.gallery, seen=seen, count=COUNT)
    if len(found) < COUNT:  # everything was shown: it begins anew
        before = []
        found = taste.surprise(studio.gallery, seen=views.shown()[: browse.PAGE], count=COUNT) or taste.surprise(
            studio.gallery, count=COUNT
        )
    studio.keep_draft(MEMORY, {"shown": [*before, *found][-KEPT:]})
    st.session_state[HANDFUL] = found
    st.session_state[PANEL] = "surprise"


def _surprised(studio: Studio) -> None:
    held = studio.gallery.many(st.session_state.get(HANDFUL, []))
    with st.container(key="alike_panel", border=True):
        with st.container(horizontal=True, vertical_alignment="center", key="alike_panel_head"):
            show.part("Far from what you saw lately")
            st.space("stretch")
            st.button(
                "Another handful", key="alike_another", icon=":material/casino:", on_click=_surprise, args=(studio,)
            )
            st.button("Close", key="alike_close", icon=":material/close:", on_click=_close, type="tertiary")
        if held:
            _strip("alike_handful", held.values())
        else:
            show.line("There is nothing to surprise you with yet. Paint or import a few pictures.")


def _for_you(studio: Studio) -> None:
    """Rows of pictures, each under the liked one that speaks most for it."""
    from studio.gallery.finding import taste  # here: numpy, which a page need not wait for

    found = taste.recommend(studio.gallery, count=FOR_YOU, seed=studio.gallery.count(Query()))
    by_liked = {
        liked: [one.id for one in group]
        for liked, group in groupby(
            sorted(found, key=lambda one: (one.because, -one.score)), key=lambda one: one.because
        )
    }
    order = list(dict.fromkeys(one.because for one in found))[:ROWS]
    held = studio.gallery.many([*order, *(one.id for one in found)])
    with st.container(key="alike_panel", border=True):
        with st.container(horizontal=True, vertical_alignment="center", key="alike_panel_head"):
            show.part("For you")
            st.space("stretch")
            st.button("Close", key="alike_close", icon=":material/close:", on_click=_close, type="tertiary")
        for liked in order:
            if liked in held:
                show.line(f"Because you liked “{_short(held[liked].alt)}”")
                others = [held[id] for id in by_liked[liked][:STRIP] if id in held]
                _strip(f"alike_taste_{liked}", [held[liked], *others], first="Liked")
        if not order:
            show.line("Mark favourites with f, or rate pictures with 1 to 5: what you may like is found by them.")


def _strip(key: str, artworks: Iterable[Artwork], *, first: str = "") -> None:
    """Pictures in a row; `first` is a word on the first of them."""
    tiles = show.tiles([Hit(artwork) for artwork in artworks])
    if first and tiles:
        tiles[0]["label"] = first
    components.grid(tiles, key=key, chosen=lambda: _opened(key))


def _opened(key: str) -> None:
    id = components.picked(key)
    if id is not None:
        st.query_params["id"] = str(id)


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:69]}…"
