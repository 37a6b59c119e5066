"""The search box and what stands beside it: words, a picture to search by, shelf and tag. It makes a view and asks nothing."""

from __future__ import annotations

import dataclasses

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.ui import browse, show, watch, words
from studio.ui.browse import View
from studio.ui.gallery import views

EXAMPLE = "gallery_example"


def draw(studio: Studio, view: View) -> None:
    """The row of widgets that say what is looked for."""
    st.session_state.setdefault("gallery_words", view.words)
    st.session_state.setdefault("gallery_shelf", view.shelf)
    st.text_input(
        "Search",
        key="gallery_words",
        type="search",
        icon=":material/search:",
        placeholder="red star at night -house",
        label_visibility="collapsed",
        on_change=_typed,
        max_chars=browse.WORDS_LIMIT,
        help="Words say what is in the picture, -words what is not, like:12 means similar to picture 12.",
    )
    with st.popover("By picture", icon=":material/image_search:", key="by_picture"):
        show.line("Drop a picture to find others like it. It is checked first, and not kept.")
        st.file_uploader(
            "Picture to search by", key=_drop_key(), on_change=_dropped, args=(studio,), label_visibility="collapsed"
        )
    st.segmented_control(
        "Shelf",
        browse.SHELVES,
        key="gallery_shelf",
        required=True,
        label_visibility="collapsed",
        on_change=_shelved,
    )
    tags = list(studio.gallery.tags())
    if tags or view.tag:
        if view.tag and view.tag not in tags:
            tags.append(view.tag)
        st.session_state.setdefault("gallery_tag", view.tag or None)
        st.selectbox(
            "Tag",
            tags,
            key="gallery_tag",
            index=None,
            placeholder="Any tag",
            label_visibility="collapsed",
            on_change=_tagged,
            width=170,
        )


def example(studio: Studio, view: View) -> View:
    """The picture to search by: being checked, refused, or at work; the view that it makes."""
    held = st.session_state.get(EXAMPLE)
    if held is None:
        return view
    job = studio.job(held["job"])
    if job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return view
    with st.container(horizontal=True, vertical_alignment="center", key="example_bar"):
        if job.state == "done":
            show.preview(str(job.result.get("preview", "")), "The picture you search by")
            show.line("Like this picture, and the words" if view.words.strip() else "Like this picture")
        else:
            headline, sentence = words.ending(job)
            show.notice(headline, sentence, kind="bad", symbol="shield")
        st.button("Remove", key="drop_example", icon=":material/close:", on_click=_drop_example, args=(studio,))
    return dataclasses.replace(view, example=held["spool"]) if job.state == "done" else view


def everything(studio: Studio) -> None:
    """Ask for nothing in particular again."""
    _drop_example(studio)
    st.session_state["gallery_words"] = ""
    views.look(View())


# --- what the widgets do ------------------------------------------------------------------------------------------------


def _typed() -> None:
    views.look(browse.changed(st.session_state[views.VIEW], words=st.session_state["gallery_words"]))


def _shelved() -> None:
    views.look(browse.changed(st.session_state[views.VIEW], shelf=st.session_state["gallery_shelf"]))


def _tagged() -> None:
    views.look(browse.changed(st.session_state[views.VIEW], tag=st.session_state["gallery_tag"] or ""))


def _dropped(studio: Studio) -> None:
    """A picture to search by: the gate looks at it before anybody sees it again."""
    file = st.session_state[_drop_key()]
    if file is None:
        return
    _drop_example(studio)  # the one before
    st.session_state["drop_round"] = st.session_state.get("drop_round", 0) + 1  # an empty box, ready for the next one
    try:
        job = studio.clear(file.getvalue(), file.name)
        st.session_state[EXAMPLE] = {"job": job.id, "spool": job.payload["spool"]}  # the search reads the same bytes
    except EaselError as error:
        views.complain(str(error))


def _drop_key() -> str:
    return f"gallery_drop_{st.session_state.get('drop_round', 0)}"


def _drop_example(studio: Studio) -> None:
    held = st.session_state.pop(EXAMPLE, None)
    if held:
        studio.files.unspool(held["spool"])
    if views.VIEW in st.session_state:
        views.look(browse.changed(st.session_state[views.VIEW], example=""))
