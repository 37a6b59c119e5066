"""What can be done to all selected pictures at once, and the line that undoes what was done last. It draws no picture."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from studio.app import Studio
from studio.domain.errors import BadInput, EaselError
from studio.gallery.keeping import changes, chosen, collections
from studio.gallery.keeping.changes import Change
from studio.ui import show
from studio.ui.components import editors
from studio.ui.gallery import bin, export, views

DONE = "gallery_done"  # the number of the change that this tab made last
UNDONE = "gallery_undone"  # what its undo came to, in words
_SAID = 400  # characters of what an undo came to
_STARS, _TAGS, _OFF, _INTO, _OUT = "bulk_stars", "bulk_tags", "bulk_off", "bulk_into", "bulk_out"


def draw(studio: Studio, ids: Sequence[int]) -> None:
    """The bar of what can be done to these pictures, and under it what was done; nothing where there is nothing to say."""
    with st.container(key="dock"):
        if ids:
            with st.container(horizontal=True, key="bulk_bar", vertical_alignment="center"):
                _bar(studio, list(ids))
        undo_line(studio)


def undo_line(studio: Studio) -> None:
    """What was done last in this tab, and its undo."""
    undone = st.session_state.get(UNDONE)
    done = st.session_state.get(DONE)
    if not undone and done is None:
        return
    words = str(undone or "")
    if done is not None:
        try:
            change = changes.get(studio.gallery, done)
        except EaselError:
            return
        if change.undone_at is not None:  # by a key, or in another tab
            return
        words = f"{change.words}."
    with st.container(horizontal=True, vertical_alignment="center", key="undo_bar"):
        show.line(words, style="done")
        if done is not None:
            st.button(
                "Undo", key="undo", icon=":material/undo:", on_click=take_back, args=(studio, done), type="primary"
            )
        st.button("Close", key="close_undo", icon=":material/close:", on_click=_forget, type="tertiary")


def act(studio: Studio, ids: Sequence[int], change: Change | Sequence[Change]) -> bool:
    """Make a change in a callback and remember it for this tab's undo; what goes wrong is said when the page is drawn.

    Where all was so already, an undo that is on offer stays: a press can be heard twice.
    """
    st.session_state.pop(UNDONE, None)
    try:
        made = changes.apply(studio.gallery, ids, change)
    except EaselError as error:
        views.complain(str(error))
        return False
    if made:
        st.session_state[DONE] = made
    elif not done():
        st.session_state[UNDONE] = "It is so already; nothing was changed."
    return True


def done() -> int:
    """The number of the change that this tab made last, 0 where it offers none to be undone."""
    return int(st.session_state.get(DONE) or 0)


def made(did: object) -> None:
    """A key made a change, or undid one: {"change", "undone"}, its number or what the undo came to. What comes next says it."""
    if not isinstance(did, dict):
        return
    change, undone = did.get("change"), did.get("undone")
    if isinstance(undone, str) and undone:
        _forget()
        st.session_state[UNDONE] = undone[:_SAID]
        _reread()
    elif isinstance(change, int | float) and change > 0:
        _forget()
        st.session_state[DONE] = int(change)


def take_back(studio: Studio, change: int) -> None:
    """Undo a change in a callback; a press that is heard twice undoes it once."""
    if change != done():
        return
    st.session_state.pop(DONE, None)
    try:
        st.session_state[UNDONE] = changes.undo(studio.gallery, change).words
        _reread()
    except EaselError as error:
        views.complain(str(error))


def _bar(studio: Studio, ids: list[int]) -> None:
    there, favourites, binned = chosen.standing(studio.database, ids)
    st.html(f'<span class="selected">{there:,} selected</span>', width="content")
    if binned and binned == there:
        st.button(
            "Restore", key="bulk_restore", icon=":material/restore_from_trash:", type="primary", on_click=_do,
            args=(studio, ids, Change("restore")),
        )  # fmt: skip
        with st.popover("Delete for good", icon=":material/delete_forever:", key="bulk_forever"):
            bin.sure(studio, ids)
    else:
        with st.popover("Tag", icon=":material/sell:", key="bulk_tag"):
            _tagging(studio, ids, there)
        with st.popover("Rate", icon=":material/star:", key="bulk_rate"):
            _rating(studio, ids)
        all_are = favourites == there
        st.button(
            "No favourite" if all_are else "Favourite", key="bulk_favourite",
            icon=":material/heart_minus:" if all_are else ":material/favorite:", on_click=_do,
            args=(studio, ids, Change("favourite", not all_are)),
        )  # fmt: skip
        with st.popover("Collection", icon=":material/folder_special:", key="bulk_collection"):
            _collecting(studio, ids)
        if len(ids) == 2:
            st.button("Compare", key="bulk_compare", icon=":material/compare:", on_click=_compare, args=(ids,))
        with st.popover("Export", icon=":material/ios_share:", key="bulk_export"):
            export.draw(studio, ids)
        st.button(
            "Delete", key="bulk_delete", icon=":material/delete:", on_click=_do, args=(studio, ids, Change("bin"), True)
        )
    st.button("Clear", key="bulk_clear", icon=":material/close:", on_click=_clear, type="tertiary")


def _tagging(studio: Studio, ids: list[int], there: int) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.multiselect(
            "Add tags",
            list(studio.gallery.tags()),
            key=_TAGS,
            accept_new_options=True,
            placeholder="Type a tag, then Enter",
        )
        st.button(  # beside the field: its open list lies over whatever stands below
            "Add", key="bulk_add_tags", type="primary", on_click=_tag, args=(studio, ids, _TAGS, "tag"),
            disabled=not st.session_state.get(_TAGS),
        )  # fmt: skip
    worn = chosen.tags(studio.database, ids)
    if worn:
        st.pills(
            "Take off", list(worn), key=_OFF, selection_mode="multi",
            format_func=lambda tag: show.plain(tag if worn[tag] == there else f"{tag} ({worn[tag]:,})"),
        )  # fmt: skip
        if st.session_state.get(_OFF):
            st.button(
                "Take off", key="bulk_take_off", on_click=_tag, args=(studio, ids, _OFF, "untag"), width="stretch"
            )


def _rating(studio: Studio, ids: list[int]) -> None:
    st.feedback("stars", key=_STARS, on_change=_stars, args=(studio, ids))
    with st.container(horizontal=True, key="bulk_ratings"):
        for word, key, symbol, value in (
            ("Dislike", "bulk_dislike", "thumb_down", -1),
            ("No rating", "bulk_unrate", "star_rate_half", 0),
        ):
            st.button(
                word, key=key, icon=f":material/{symbol}:", on_click=_do, args=(studio, ids, Change("rate", value))
            )


def _collecting(studio: Studio, ids: list[int]) -> None:
    by_hand = {one.name: one.id for one in collections.all_of(studio.gallery.database) if not one.smart}
    st.selectbox(
        "Put into", list(by_hand), key=_INTO, index=None, accept_new_options=True, placeholder="Choose one, or name a new one",
        on_change=_collect, args=(studio, ids),
    )  # fmt: skip
    holding = chosen.collections(studio.database, ids)
    names = [name for name, id in by_hand.items() if id in holding]
    if names:
        st.pills(
            "Take out of", names, key=_OUT, format_func=show.plain, on_change=_uncollect, args=(studio, ids, by_hand)
        )


# --- what the buttons do ------------------------------------------------------------------------------------------------


def _do(studio: Studio, ids: list[int], change: Change, clear: bool = False) -> None:
    if act(studio, ids, change) and clear:
        st.session_state[views.CHOSEN] = []


def _tag(studio: Studio, ids: list[int], key: str, what: str) -> None:
    try:
        parts = [Change(what, tag) for tag in st.session_state.get(key) or ()]
    except BadInput as error:
        views.complain(str(error))
        return
    if parts and act(studio, ids, parts):
        st.session_state[key] = []


def _stars(studio: Studio, ids: list[int]) -> None:
    stars = st.session_state.get(_STARS)
    if stars is not None:
        act(studio, ids, Change("rate", int(stars) + 1))
    st.session_state[_STARS] = None


def _collect(studio: Studio, ids: list[int]) -> None:
    name = st.session_state.get(_INTO)
    st.session_state[_INTO] = None
    if not name:
        return
    database = studio.gallery.database
    try:
        one = collections.named(database, name) or collections.create(database, name)
    except EaselError as error:
        views.complain(str(error))
        return
    act(studio, ids, Change("collect", one.id))


def _uncollect(studio: Studio, ids: list[int], by_hand: dict[str, int]) -> None:
    name = st.session_state.get(_OUT)
    st.session_state[_OUT] = None
    if name in by_hand:
        act(studio, ids, Change("uncollect", by_hand[name]))


@st.dialog("Compare", width="large")
def _compare_dialog(studio: Studio, ids: list[int]) -> None:
    held = list(studio.gallery.many(ids).values())
    if len(held) == 2:
        one, two = ({"src": f"/shown/{art.id}", "alt": art.alt, "label": f"No. {art.id}"} for art in held)
        editors.compare(key=f"bulk_compared_{ids[0]}_{ids[1]}", one=one, two=two)


def _compare(ids: list[int]) -> None:
    st.session_state["bulk_comparing"] = ids


def comparing(studio: Studio) -> None:
    """The comparison that was asked for, over the page."""
    ids = st.session_state.pop("bulk_comparing", None)
    if ids:
        _compare_dialog(studio, ids)


def _clear() -> None:
    st.session_state[views.CHOSEN] = []


def _reread() -> None:
    """What the fields of a picture hold is no longer so: they begin anew with what the gallery says."""
    for key in [str(key) for key in st.session_state]:
        if key.startswith(("caption_", "tags_", "remark_")):
            del st.session_state[key]


def _forget() -> None:
    st.session_state.pop(DONE, None)
    st.session_state.pop(UNDONE, None)
