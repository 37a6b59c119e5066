"""The room with copies of one picture, in groups: which one is kept, and what becomes of the others. It compares nothing."""

from __future__ import annotations

from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork, Query
from studio.domain.errors import BadInput, EaselError
from studio.domain.job import LIVE, Job
from studio.gallery.keeping.changes import Change
from studio.gallery.likeness import duplicates
from studio.gallery.likeness.duplicates import EXACT, Group
from studio.gallery.rows import where
from studio.ui import browse, show, watch, words
from studio.ui.browse import View
from studio.ui.components import likeness
from studio.ui.gallery import bulk, views
from studio.ui.press import new_key

KEY = "gallery_copies"
JOB, NEAR, PLACE, APART = "duplicates_job", "duplicates_near", "duplicates_place", "duplicates_apart"
PAGE = 12  # groups
MOST = 24  # pictures of a group that are shown
WAYS = {True: "All copies", False: "The very same pixels"}


def draw(studio: Studio, view: View) -> None:
    """Groups of copies among what the view asks for, or how the search for them goes."""
    near = bool(st.session_state.setdefault(NEAR, True))
    job = _job(studio)
    if job is not None and job.live:
        _searching(studio, job)
        bulk.draw(studio, [])
        return
    if job is not None and job.state != "done":
        headline, sentence = words.ending(job)
        show.notice(headline, sentence or "What was compared is kept; search again to go on.", symbol="info")
    try:
        groups = duplicates.groups(studio.gallery, near=near, among=_among(studio, view))
    except BadInput as error:
        show.problem(str(error))
        return
    _head(studio, groups, searched=job is not None or bool(groups))
    if not groups:
        _nothing(studio, job)
    else:
        _groups(studio, groups)
    _apart_line(studio)
    bulk.draw(studio, [])


def _job(studio: Studio) -> Job | None:
    """The search that is on its way, or the last one of this tab."""
    live = studio.queue.list(LIVE, ("duplicates",), 1)
    if live:
        st.session_state[JOB] = live[0].id
        return live[0]
    id = st.session_state.get(JOB)
    if id is not None:
        return studio.job(id)
    return next(iter(studio.queue.list(("done",), ("duplicates",), 1)), None)


def _among(studio: Studio, view: View) -> set[int] | None:
    """The pictures that the view's filters let through; None for all. Words rank and leave nothing out."""
    query, _ = browse.asked(view)
    if query.binned:
        return set()
    if not (query.filters or query.exact or query.tag or query.favourites or query.kind):
        return None
    clause, values = where(query)
    found: set[int] = studio.gallery.kept.get(("copies among", clause, *values), lambda: studio.gallery.ids(query))
    return found


def _searching(studio: Studio, job: Job) -> None:
    show.title("Looking for copies", more="Nothing is deleted; you decide what stays.")
    watch.follow(studio, job, lambda now: watch.bar(studio, now))
    show.skeletons(6)


def _head(studio: Studio, groups: list[Group], *, searched: bool) -> None:
    rest = sum(len(group.rest) for group in groups)
    with st.container(horizontal=True, vertical_alignment="center", key="copies_head"):
        if groups:
            many = f"{len(groups):,} group{'s' * (len(groups) != 1)}"
            show.notice(
                many, f"{rest:,} picture{'s' * (rest != 1)} could go. One of each group stays.", symbol="filter_none"
            )
        st.space("stretch")
        if searched:
            st.segmented_control(
                "Which copies", list(WAYS), key=NEAR, format_func=lambda near: WAYS[near], required=True,
                label_visibility="collapsed", on_change=_turn, args=(0,),
            )  # fmt: skip
            st.button(
                "Search again", key="copies_again", icon=":material/refresh:", on_click=_search, args=(studio,),
                help="Looks at what came in since; what was compared is not compared again.",
            )  # fmt: skip
        if len(groups) > 1:
            st.button(
                f"Keep the suggested, bin {rest:,}", key="copies_all", icon=":material/delete_sweep:", type="primary",
                on_click=_keep_all, args=(studio, groups),
            )  # fmt: skip


def _nothing(studio: Studio, job: Job | None) -> None:
    with st.container(key="nothing_here"):
        if job is None or job.state != "done":
            show.empty(
                "Pictures that are the same",
                "Copies with other metadata, another size or format, or a border cut off. They are compared on this machine,"
                " without a model, and nothing is deleted before you say so.",
            )
            st.button(
                "Look for copies", key="copies_look", type="primary", icon=":material/filter_none:", on_click=_search,
                args=(studio,),
            )  # fmt: skip
        elif studio.gallery.count(Query()) < 2:
            show.empty("Nothing to compare yet", "Paint or import a few pictures first.")
        else:
            show.empty("No copies here", "Every picture that was asked for is there once.")


def _groups(studio: Studio, groups: list[Group]) -> None:
    last = (len(groups) - 1) // PAGE * PAGE
    place = min(int(st.session_state.get(PLACE, 0)), last)
    page = groups[place : place + PAGE]
    held = studio.gallery.many([id for group in page for id in (*group.ids[:MOST], group.keeper)])
    st.session_state[views.SHOWN] = [id for group in page for id in group.ids]
    likeness.copies(key=KEY, groups=[_told(group, held) for group in page], done=lambda: _done(studio))
    if last:
        with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="turning"):
            back, on = place - PAGE, place + PAGE
            st.button("Back", icon=":material/arrow_back:", on_click=_turn, args=(back,), disabled=not place)
            show.line(f"{place + 1:,} to {place + len(page):,} of {len(groups):,} groups")
            st.button("Next", icon=":material/arrow_forward:", on_click=_turn, args=(on,), disabled=place == last)


def _told(group: Group, held: dict[int, Artwork]) -> dict[str, Any]:
    """A group as the component wants it, the keeper first."""
    ids = [group.keeper, *(id for id in group.ids if id != group.keeper)]
    count = f"{len(ids)} pictures"
    return {
        "key": "-".join(map(str, sorted(ids)[:8])) + f"-{len(ids)}",
        "title": f"{count}, the same pixels" if group.kind == EXACT else f"{count}, copies of one",
        "why": f"Suggested: {group.why[0].lower()}{group.why[1:]}",
        "keep": group.keeper,
        "pictures": [_picture(held[id]) for id in ids[:MOST] if id in held],
    }


def _picture(artwork: Artwork) -> dict[str, Any]:
    form = artwork.file.rpartition(".")[2].upper()
    marks = [
        ("favorite", "Favourite", artwork.favourite),
        ("star", f"Rated {artwork.rating}", artwork.rating > 0),
        ("receipt_long", "Has its recipe", artwork.recipe is not None),
        ("sell", "Tagged", bool(artwork.tags)),
        ("sticky_note_2", "Has a note", bool(artwork.remark)),
    ]
    return {
        "id": artwork.id,
        "src": f"/thumbs/{artwork.id}",
        "alt": artwork.alt[:120],
        "size": f"{artwork.width} × {artwork.height}",
        "about": " · ".join(part for part in (form, words.size(artwork.bytes), artwork.source_name[:60]) if part),
        "marks": [(symbol, told) for symbol, told, has in marks if has],
    }


# --- what is done -------------------------------------------------------------------------------------------------------


def _search(studio: Studio) -> None:
    try:
        st.session_state[JOB] = studio.find_duplicates(near=True, key=new_key()).id
    except EaselError as error:
        views.complain(str(error))


def _turn(place: int) -> None:
    st.session_state[PLACE] = max(0, place)


def _done(studio: Studio) -> None:
    told = likeness.deed(KEY)
    if told is None:
        return
    act, ids, keep = told
    st.session_state.pop(APART, None)
    if act == "open":
        st.query_params["id"] = str(ids[0])
    elif act == "keep" and keep in ids:
        bulk.act(studio, [id for id in ids if id != keep], Change("bin"))
    elif act == "apart":
        try:
            duplicates.apart(studio.gallery, ids)
            st.session_state[APART] = ids
        except EaselError as error:
            views.complain(str(error))


def _keep_all(studio: Studio, groups: list[Group]) -> None:
    _turn(0)
    bulk.act(studio, [id for group in groups for id in group.rest], Change("bin"))


def _apart_line(studio: Studio) -> None:
    """What was just said to be different, and the way back."""
    ids = st.session_state.get(APART)
    if ids:
        with st.container(horizontal=True, vertical_alignment="center", key="apart_line"):
            show.line(f"{len(ids)} pictures are remembered as different. They are not put together again.")
            st.button("Undo", key="apart_undo", icon=":material/undo:", on_click=_together, args=(studio, ids))


def _together(studio: Studio, ids: list[int]) -> None:
    duplicates.together(studio.gallery, ids)
    st.session_state.pop(APART, None)
