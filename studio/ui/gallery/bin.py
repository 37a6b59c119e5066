"""The bin: what lies in it and for how long, taking it out again, and deleting it for good. It draws no picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import streamlit as st

from studio.app import Studio
from studio.domain.amounts import counted
from studio.domain.artwork import Artwork
from studio.domain.errors import EaselError
from studio.domain.job import Job
from studio.gallery.keeping import disposal
from studio.gallery.keeping.disposal import Contents
from studio.ui import show, watch, words
from studio.ui.browse import View
from studio.ui.gallery import views
from studio.ui.press import new_key

JOB = "bin_job"  # the emptying that this tab began
ASKED = "bin_asked"  # what is asked about: ids (None: everything), when it was asked, the wish's key
_DONE = "bin_done"  # a sentence about what was done at once
_KEY = "bin_key"  # of the next wish of `sure`
AT_ONCE = 60  # pictures that are deleted before the page is drawn again; more are a job's work


def draw(studio: Studio, view: View | None = None) -> None:
    """The head of the bin, above its pictures: what lies there, when the first goes, restore all, empty it."""
    if st.session_state.get(_DONE):
        show.notice(st.session_state.pop(_DONE), kind="good", symbol="task_alt")
    job = _job(studio)
    if job is not None and job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return
    if job is not None:
        _ended(job)
    found = disposal.contents(studio.database)
    if not found.pictures:
        return
    if asks(studio, None):
        return
    with st.container(horizontal=True, key="bin_head", vertical_alignment="center"):
        show.notice(lies(found), fate(found, kept=studio.settings.bin_days), symbol="delete")
        st.button(
            "Restore all",
            key="bin_restore",
            icon=":material/restore_from_trash:",
            on_click=_restore_all,
            args=(studio,),
        )
        st.button("Empty the bin", key="bin_empty", icon=":material/delete_forever:", on_click=ask, args=(None,))


def forever(studio: Studio, ids: Sequence[int]) -> None:
    """The button that deletes these pictures of the bin for good, after it said what goes and asked once."""
    ids = list(ids)
    if not asks(studio, ids):
        st.button(
            "Delete for good", key="bin_forever", icon=":material/delete_forever:", on_click=ask, args=(ids,),
            help="It cannot be undone",
        )  # fmt: skip


def sure(studio: Studio, ids: Sequence[int]) -> None:
    """In a popover of selected pictures: exactly what goes for good, and the one button that does it."""
    ids, seen = list(ids), time.time()
    found = disposal.contents(studio.database, ids, before=seen)
    if not found.pictures:
        return
    _question(found)
    key = st.session_state.setdefault(_KEY, new_key())
    st.button(
        _yes(found), key="bin_sure", type="primary", icon=":material/delete_forever:", on_click=_delete_chosen,
        args=(studio, ids, seen, key),
    )  # fmt: skip


def plate(studio: Studio, artwork: Artwork, *, restore: Callable[[], None]) -> None:
    """On a picture's own page: that it lies in the bin, for how long, the way out and the way to delete it for good."""
    if artwork.deleted_at is None:
        return
    left = disposal.days_left(artwork.deleted_at, kept=studio.settings.bin_days)
    show.notice("It lies in the bin", f"{remaining(left)}, unless you restore it.", symbol="delete")
    if asks(studio, [artwork.id]):
        return
    with st.container(horizontal=True, key="bin_plate"):
        st.button("Restore", key="bin_back", icon=":material/restore_from_trash:", type="primary", on_click=restore)
        forever(studio, [artwork.id])


# --- words --------------------------------------------------------------------------------------------------------------


def lies(found: Contents) -> str:
    """What lies in the bin, in a line."""
    return f"{counted(found.pictures)}, {words.size(found.bytes)}"


def fate(found: Contents, *, kept: int, now: float | None = None) -> str:
    """How long things stay, and when the first of them goes."""
    if found.oldest is None:
        return ""
    left = disposal.days_left(found.oldest, kept=kept, now=now)
    first = "It" if found.pictures == 1 else "The oldest"
    return f"What is deleted stays for {kept} days. {first} goes {when(left)}."


def when(left: int) -> str:
    """When something goes, by its days left."""
    return "today" if left == 0 else "within a day" if left == 1 else f"in {left} days"


def remaining(left: int) -> str:
    """How long something stays, by its days left."""
    return "It goes today" if left == 0 else "It goes within a day" if left == 1 else f"It stays for {left} more days"


# --- asking once --------------------------------------------------------------------------------------------------------


def ask(ids: list[int] | None) -> None:
    """Ask before these go for good; None asks about everything in the bin."""
    st.session_state[ASKED] = (ids, time.time(), new_key())


def asks(studio: Studio, ids: list[int] | None) -> bool:
    """Draw the question about these, if it was asked: exactly what goes, and two buttons."""
    held = st.session_state.get(ASKED)
    if held is None or held[0] != ids:
        return False
    _, seen, key = held
    found = disposal.contents(studio.database, ids, before=seen)
    if not found.pictures:
        st.session_state.pop(ASKED)
        return False
    with st.container(key="bin_question"):
        _question(found)
        with st.container(horizontal=True, key="bin_answers"):
            st.button(
                _yes(found), key="bin_yes", type="primary",
                icon=":material/delete_forever:", on_click=_delete, args=(studio, ids, seen, key),
            )  # fmt: skip
            st.button("Keep it" if found.pictures == 1 else "Keep them", key="bin_no", on_click=_never_mind)
    return True


def _question(found: Contents) -> None:
    """Exactly what goes."""
    one = found.pictures == 1
    since = words.ago(found.oldest) if found.oldest is not None else ""
    facts = [f"{words.size(found.bytes)}. {'It was' if one else 'The oldest was'} deleted {since}."]
    show.notice(
        "Delete it for good?" if one else f"Delete {found.pictures:,} pictures for good?",
        " ".join([*facts, *disposal.going(found), "This cannot be undone."]),
        kind="bad",
        symbol="delete_forever",
    )


def _yes(found: Contents) -> str:
    return "Delete for good" if found.pictures == 1 else f"Delete {found.pictures:,} for good"


def _never_mind() -> None:
    st.session_state.pop(ASKED, None)


def _delete(studio: Studio, ids: list[int] | None, seen: float, key: str) -> None:
    """At once when they are few, else by a job."""
    st.session_state.pop(ASKED, None)
    going = disposal.every(studio.database) if ids is None else ids
    try:
        disposal.check(studio.database, going)
        if len(going) > AT_ONCE:
            st.session_state[JOB] = studio.submit("empty", {"ids": going, "before": seen}, key=f"empty-{key}").id
            return
        went, freed = disposal.delete(studio.database, studio.files, going, before=seen)
        st.session_state[_DONE] = _went(went, freed)
    except EaselError as error:
        st.session_state[_DONE] = str(error)


def _delete_chosen(studio: Studio, ids: list[int], seen: float, key: str) -> None:
    _delete(studio, ids, seen, key)
    st.session_state.pop(_KEY, None)
    st.session_state[views.CHOSEN] = []


def _restore_all(studio: Studio) -> None:
    from studio.gallery.keeping.changes import Change
    from studio.ui.gallery import bulk

    bulk.act(studio, disposal.every(studio.database), Change("restore"))


def _job(studio: Studio) -> Job | None:
    id = st.session_state.get(JOB)
    try:
        return studio.job(id) if id is not None else None
    except EaselError:
        return None


def _ended(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="bin_ended"):
        if job.state == "done":
            show.notice(
                _went(int(job.result.get("pictures", 0)), int(job.result.get("bytes", 0))),
                kind="good",
                symbol="task_alt",
            )
        else:
            headline, sentence = words.ending(job)
            show.notice(headline, f"{sentence} What is left stays in the bin.", kind="bad")
        st.button("Close", key="bin_close", on_click=_forget, type="tertiary")


def _went(pictures: int, freed: int) -> str:
    return f"{pictures:,} picture{'s are' if pictures != 1 else ' is'} gone, and {words.size(freed)} are free again."


def _forget() -> None:
    st.session_state.pop(JOB, None)
