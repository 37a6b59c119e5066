"""Where an artwork comes from and what came of it: a tree to walk in, and a comparison with another one. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork, Hit, Query
from studio.domain.errors import EaselError
from studio.ui import components, kin, show
from studio.ui.components import editors

WAYS = {"slider": "Slider", "side": "Side by side", "difference": "Difference"}
OTHERS = 24
_WITH, _WAY, _CHOSEN = "detail_with", "detail_way", "detail_compared"


def has_any(studio: Studio, artwork: Artwork) -> bool:
    """Whether an artwork has a parent or a child."""
    return bool(studio.gallery.parents(artwork.id) or studio.gallery.children(artwork.id))


def tree(studio: Studio, artwork: Artwork, *, open: Callable[[int], None]) -> None:
    """The tree around an artwork; nothing when it stands alone."""
    lineage = studio.lineage(artwork.id)
    if len(lineage.nodes) < 2:
        return
    show.part("Where it comes from, and what came of it")
    nodes, edges = kin.tree(lineage)
    key = f"tree_{artwork.id}"
    editors.tree(key=key, nodes=nodes, edges=edges, current=artwork.id, chosen=lambda: _walk(key, open))
    if lineage.more:
        show.line("There is more of it; walk to an end of the tree to see the rest.")


def _walk(key: str, open: Callable[[int], None]) -> None:
    id = editors.chosen(key)
    if id is not None and id > 0:
        open(id)


def comparing(artwork: Artwork) -> bool:
    """Whether the picture is being compared."""
    return st.session_state.get(_CHOSEN) == artwork.id


def compare_button(artwork: Artwork) -> None:
    """Begin to compare, or end it."""
    on = comparing(artwork)
    st.button(
        "Picture alone" if on else "Compare",
        key="detail_compare",
        icon=":material/image:" if on else ":material/compare:",
        type="tertiary",
        on_click=_compare,
        args=(0 if on else artwork.id,),
    )


def _compare(id: int) -> None:
    st.session_state[_CHOSEN] = id


def compared(studio: Studio, artwork: Artwork) -> None:
    """The picture beside another one, and where their recipes differ."""
    offered = kin.comparable(studio.gallery.parents(artwork.id), studio.gallery.children(artwork.id))
    labels = {one.id: f"{word}: {kin.made(one)} no. {one.id}" for word, one in offered}
    picked = st.session_state.get(f"{_WITH}_{artwork.id}")
    if picked is not None and picked not in labels:
        labels[picked] = f"Chosen: no. {picked}"
    other = _other(studio, picked if picked is not None else next(iter(labels), None))
    with st.container(horizontal=True, vertical_alignment="bottom", key="detail_compare_bar"):
        if labels:
            key = f"detail_with_pick_{artwork.id}"
            st.session_state[key] = other.id if other is not None and other.id in labels else next(iter(labels))
            st.selectbox(
                "Compare with", list(labels), key=key, format_func=labels.__getitem__, on_change=_pick,
                args=(artwork.id, key),
            )  # fmt: skip
        with st.popover("Another picture", key="detail_other", icon=":material/photo_library:"):
            grid = f"detail_other_grid_{artwork.id}"
            hits = [Hit(one) for one in studio.gallery.page(Query(limit=OTHERS)) if one.id != artwork.id]
            components.grid(show.tiles(hits), key=grid, chosen=lambda: _pick_tile(artwork.id, grid), strip=True)
        st.session_state.setdefault(_WAY, "slider")
        st.segmented_control(
            "How", list(WAYS), key=_WAY, required=True, format_func=WAYS.__getitem__, label_visibility="collapsed"
        )
    if other is None:
        show.picture(artwork, room=210)
        show.line("Choose the picture to compare this one with.", style="hint")
        return
    editors.compare(
        key=f"compare_{other.id}_{artwork.id}",
        one={"src": f"/shown/{other.id}", "alt": other.alt, "label": f"No. {other.id}"},
        two={"src": f"/shown/{artwork.id}", "alt": artwork.alt, "label": f"No. {artwork.id}"},
        mode=st.session_state[_WAY],
    )
    if other.recipe is None and artwork.recipe is None:
        show.line("Neither of them has a recipe.", style="hint")
        return
    differing = kin.differences(other.recipe, artwork.recipe)
    if differing:
        show.table((f"No. {other.id}", f"No. {artwork.id}"), differing)
    else:
        show.line("Their recipes say the same.", style="hint")


def _other(studio: Studio, id: int | None) -> Artwork | None:
    try:
        return studio.gallery.get(id) if id is not None else None
    except EaselError:
        return None


def _pick(id: int, key: str) -> None:
    st.session_state[f"{_WITH}_{id}"] = st.session_state[key]


def _pick_tile(id: int, key: str) -> None:
    picked = components.picked(key)
    if picked is not None:
        st.session_state[f"{_WITH}_{id}"] = picked
