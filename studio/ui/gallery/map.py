"""The room with the gallery's map: one wanders, draws around pictures, opens them. It lays nothing out itself."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import streamlit as st

from studio.app import Studio
from studio.domain.amounts import counted
from studio.domain.artwork import Query
from studio.domain.errors import BadInput
from studio.domain.job import LIVE, Job
from studio.gallery.space import atlas
from studio.gallery.space.atlas import Standing
from studio.ui import browse, components, session, show, watch, words
from studio.ui.browse import View
from studio.ui.components import charts
from studio.ui.gallery import answers, bulk, views

Answer = TypeVar("Answer")
KEY = "gallery_map"
LOOKING, DRAWING = "gallery_map_looking", "gallery_map_drawing"  # jobs that this tab began
LABELS_BY_LEVEL = (60, 140, 400)  # groups that are sent, of each level


def draw(studio: Studio, view: View) -> None:
    """The map with what is searched for lit, or what it still needs; an older map is shown while a new one is drawn."""
    now = _kept(studio, "standing", lambda: atlas.standing(studio.database), old=True)
    model = atlas.shown_model(studio.database)
    if not model and now.seen < atlas.FEWEST:
        _too_few(studio, now)
        return
    job = _drawing(studio, now)
    if job is not None:
        _progress(studio, job, shown=bool(model))
    if not model:
        return
    if now.unseen:
        _unseen(studio, now)
    lit, searching = _lit(studio, view)
    version, ids = _kept(
        studio, "points", lambda: (atlas.version(studio.database, model), atlas.ids(studio.database, model))
    )
    chosen = st.session_state.get(views.CHOSEN, [])
    st.session_state[views.SHOWN] = (
        [id for id in ids if id in lit] if 0 < len(lit) <= browse.FOUND else ids[: browse.FOUND]
    )
    charts.map(
        key=KEY,
        version=version,
        places=_kept(studio, "places", lambda: _places(studio, model)),
        searching=searching,
        lit=_mask(ids, lit) if searching else "",
        found=len(lit.intersection(ids)) if searching else 0,
        chosen=_mask(ids, chosen) if chosen else "",
        opened=_opened,
        lassoed=_lassoed,
    )
    _say(studio, now, chosen, drawing=job is not None and job.live)


def _kept(studio: Studio, what: str, find: Callable[[], Answer], *, old: bool = False) -> Answer:
    """An answer about the map, kept until pictures, vectors or the map change."""
    return studio.gallery.kept.get(("map", what, *atlas.stamp(studio.database)), find, old=old)


def _places(studio: Studio, model: str) -> list[dict[str, object]]:
    """The groups as the component wants them, the largest of each level."""
    room = dict(enumerate(LABELS_BY_LEVEL))
    made = []
    for place in atlas.places(studio.database, model):
        named = bool(place.name) and room.get(place.level, 0) > 0 and (place.level == 0 or place.pictures > 2)
        room[place.level] = room.get(place.level, 0) - named
        made.append(
            {
                "number": place.number,
                "level": place.level,
                "parent": place.parent,
                "name": place.name if named else "",
                "x": round(place.x, 4),
                "y": round(place.y, 4),
                "box": [round(side, 4) for side in place.box] if named else [],
                "pictures": place.pictures,
            }
        )
    return made


def _mask(ids: Sequence[int], wanted: Collection[int]) -> str:
    """A bit for each of `ids`, whether it is wanted, as base64."""
    wanted = set(wanted)
    bits = bytearray((len(ids) + 7) // 8)
    for row, id in enumerate(ids):
        if id in wanted:
            bits[row >> 3] |= 1 << (row & 7)
    return base64.b64encode(bits).decode()


# --- what is searched for -----------------------------------------------------------------------------------------------


def _lit(studio: Studio, view: View) -> tuple[set[int], bool]:
    """The pictures that the view asks for, and whether it asks for any in particular.

    Words rank the whole gallery, so that of what they find only the best light up.
    """
    try:
        query, notes = browse.asked(view)
    except BadInput as error:
        show.problem(str(error))
        return set(), False
    for note in notes:
        show.line(note)
    if query.binned:
        show.line("What lies in the bin is not on the map.")
        return set(), False
    if not query.ranked:
        everything = dataclasses.replace(query, limit=Query().limit, offset=0) == Query(limit=Query().limit)
        return (set(), False) if everything else (studio.gallery.ids(query), True)
    job = answers.search(studio, dataclasses.replace(query, limit=browse.FOUND, offset=0))
    if job.live:
        watch.follow(studio, job, lambda now: show.line(watch.line(studio, now)))
        return set(), False
    if job.state != "done":
        show.problem(job.error or f"The search was {job.state}.")
        return set(), False
    hits = [int(pair[0]) for pair in job.result.get("hits", ())]
    return set(hits[: _best(int(job.result.get("total") or len(hits)))]), True


def _best(total: int) -> int:
    """How many of so many ranked pictures are the best."""
    return max(12, min(300, total // 20))


# --- what the map needs -------------------------------------------------------------------------------------------------


def _drawing(studio: Studio, now: Standing) -> Job | None:
    """The job that draws or completes the map, begun where anything is new; None when nothing is to be done.

    Its key says what it is for, so that what failed once is not begun again and again by itself.
    """
    live = studio.queue.list(LIVE, ("map",), 1)
    if live:
        return live[0]
    if now.seen < atlas.FEWEST or not (now.new or now.stale):
        return None
    held = st.session_state.get(DRAWING)
    if held is not None and held[0] == (now.model, now.seen):
        return studio.job(held[1])
    job = studio.submit("map", {}, key=f"map-{now.model}-{now.seen}-{now.placed}-{now.drawn_at:.0f}")
    return job


def _draw_again(studio: Studio) -> None:
    now = atlas.standing(studio.database)
    live = studio.queue.list(LIVE, ("map",), 1)  # a second press, or another tab's, asks for nothing more
    job = live[0] if live else studio.submit("map", {"anew": True})
    st.session_state[DRAWING] = ((now.model, now.seen), job.id)


def _progress(studio: Studio, job: Job, *, shown: bool) -> None:
    if job.live:
        if not shown:
            show.title("Drawing the map", more="What is alike will lie together.")
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return
    if job.state == "done":
        return
    headline, sentence = words.ending(job)
    with st.container(horizontal=True, vertical_alignment="center", key="map_ended"):
        show.notice(headline, "The map is not up to date." if job.state == "cancelled" else sentence, symbol="map")
        st.button("Draw the map", key="map_again", icon=":material/refresh:", on_click=_draw_again, args=(studio,))


def _too_few(studio: Studio, now: Standing) -> None:
    """Nothing to draw yet: too few pictures, or nobody has looked at them."""
    with st.container(key="nothing_here"):
        if now.seen + now.unseen >= atlas.FEWEST:
            show.empty(
                "A map of what is alike",
                f"{now.unseen:,} pictures have not been looked at yet. That is done once, on this machine.",
            )
            _look_at_them(studio, primary=True)
        else:
            show.empty(
                "A map of what is alike",
                f"It begins with {atlas.FEWEST} pictures; there are {now.seen + now.unseen}."
                " Paint some more, or import a folder with the button above.",
            )
            if st.button("Paint one", type="primary", icon=":material/brush:"):
                session.go("create")


def _unseen(studio: Studio, now: Standing) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="map_unseen"):
        count = counted(now.unseen)
        show.line(f"{count} {'are' if now.unseen != 1 else 'is'} not on the map: nobody has looked at them yet.")
        _look_at_them(studio, primary=False)


def _look_at_them(studio: Studio, *, primary: bool) -> None:
    """The button that has vectors made, or how far that is."""
    id = st.session_state.get(LOOKING)
    job = studio.job(id) if id is not None else None
    if job is not None and job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return
    if job is not None and job.state == "failed":
        show.problem(job.error)
    st.button(
        "Look at them",
        key="map_look",
        icon=":material/visibility:",
        type="primary" if primary else "secondary",
        on_click=_look,
        args=(studio,),
    )


def _look(studio: Studio) -> None:
    st.session_state[LOOKING] = studio.reindex().id


# --- what one does ------------------------------------------------------------------------------------------------------


def _say(studio: Studio, now: Standing, chosen: Sequence[int], *, drawing: bool) -> None:
    """How the map is used; with pictures chosen, the way to them and the bar of what can be done."""
    with st.container(horizontal=True, vertical_alignment="center", key="map_said"):
        if chosen:  # what can be done with them stands in the bar
            st.space("stretch")
            st.button("Show them on the wall", key="map_wall", icon=":material/grid_view:", on_click=_to_wall)
        else:
            show.line("Wheel to go nearer, drag to wander, Shift and drag around pictures to choose them.")
            st.space("stretch")
            st.button(
                "Draw anew",
                key="map_anew",
                icon=":material/refresh:",
                on_click=_draw_again,
                args=(studio,),
                type="tertiary",
                disabled=drawing,
                help=f"Drawn from {now.drawn:,} pictures {words.ago(now.drawn_at)}." if now.drawn else None,
            )
    bulk.draw(studio, list(chosen))


def _opened() -> None:
    id = components.picked(KEY)
    if id is not None:
        st.query_params["id"] = str(id)


def _lassoed() -> None:
    ids = charts.lasso(KEY)
    if ids is not None:
        _choose(ids)


def _choose(ids: list[int]) -> None:
    st.session_state[views.CHOSEN] = ids


def _to_wall() -> None:
    views.look(browse.changed(views.current(), look="pictures"))
