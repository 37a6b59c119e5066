"""A picture as part of the prompt: chosen from the gallery or brought along, weighed, taken out. It reads no picture itself."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork, Hit, Query
from studio.domain.errors import EaselError
from studio.packs import parts
from studio.packs.manifest import Manifest
from studio.safety.intake import sha256
from studio.ui import components, outfit, session, show, watch, words

USE, CHANGE = "Use a reference picture", "Change"
RECENT = 24  # pictures of the gallery to choose from
FIELDS = ("reference", "reference_weight", "adapter")
Key = Callable[[str], str]


def choose(studio: Studio, manifest: Manifest, *, key: Key) -> None:
    """The reference of the next picture, where something here can read one or a recipe brought one along.

    `key` gives a field's widget key, as for every field that the pages share.
    """
    found = outfit.fitting(studio.shelf.packs(), manifest, "adapter")
    with st.container(key=key("reference_part"), gap="small"):
        coming = _arriving(studio, found, key=key)
        name = str(st.session_state[key("reference")])
        if name:
            _chosen(studio, found, name, key=key)
            _read_by(studio, manifest, found, key=key)
        elif found:
            _choosing(studio, found, USE, None, key=key)
            if not coming:
                show.line(
                    "A picture that the next one takes after: its style, its colours, its things.", style="reading"
                )
        _removed(key=key)


# --- what is chosen -----------------------------------------------------------------------------------------------------


def _chosen(studio: Studio, found: dict[str, str], name: str, *, key: Key) -> None:
    artwork = studio.gallery.by_sha(name)
    binned = artwork is not None and artwork.deleted_at is not None
    if artwork is None:
        show.chosen("", "The reference is gone", "It was deleted for good; choose another.", symbol="hide_image")
    elif binned:
        show.chosen(f"/thumbs/{artwork.id}", "In the bin", "Restore it, or choose another.", alt=artwork.alt)
    else:
        show.chosen(f"/thumbs/{artwork.id}", "Reference", words.said(artwork), alt=artwork.alt)
    with st.container(horizontal=True, gap="small", key=key("reference_row")):
        if artwork is not None and binned:
            st.button(
                "Restore",
                key=key("reference_restore"),
                on_click=_trying,
                args=(key, studio.gallery.restore, artwork.id),
            )
        if found:
            _choosing(studio, found, CHANGE, artwork, key=key)
        st.button(
            "Remove", key=key("reference_remove"), icon=":material/close:", help="Remove the reference",
            on_click=_remove, args=(key,),
        )  # fmt: skip
    if found:
        st.slider(
            "Weight of the reference", 0.0, 2.0, step=0.05, key=key("reference_weight"),
            help="0 does not listen to it, 1 follows it closely; beyond that the words are lost.",
        )  # fmt: skip


def _read_by(studio: Studio, manifest: Manifest, found: dict[str, str], *, key: Key) -> None:
    """Which IP-Adapter reads it, where there is a choice, and what is wrong with the one that is chosen."""
    adapter = str(st.session_state[key("adapter")])
    if found and (len(found) > 1 or adapter not in found):
        offered = outfit.offered(found, [adapter])
        st.session_state[key("adapter")] = adapter if adapter in offered else next(iter(found))
        st.selectbox("Read by", list(offered), key=key("adapter"), format_func=offered.__getitem__)
        adapter = str(st.session_state[key("adapter")])
    sentence = _wrong(studio, manifest, found, adapter)
    if sentence:
        show.problem(sentence)
        session.door("Open the Shelf", "shelf", key=key("reference_shelf"), icon=":material/shelves:")


def _wrong(studio: Studio, manifest: Manifest, found: dict[str, str], adapter: str) -> str:
    """Why the reference cannot be read as things stand; empty where it can."""
    if adapter not in {pack.id for pack in studio.shelf.packs()}:
        other = ", choose another one" if found else ""
        what = f"{adapter}, which is not installed" if adapter else "an IP-Adapter, and none was named"
        return f"The reference is read by {what}. Install it on the Shelf page{other}, or take the reference out."
    try:
        parts.reader(studio.shelf, parts.part(studio.shelf, manifest.id, "adapter", adapter))
    except EaselError as error:
        return str(error)
    return ""


def _removed(*, key: Key) -> None:
    """The way back for what was taken out last."""
    if key("reference_removed") not in st.session_state or st.session_state[key("reference")]:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=key("reference_undo_row")):
        show.line("The reference was taken out.")
        st.button(
            "Undo", key=key("reference_undo"), icon=":material/undo:", on_click=_undo, args=(key,), type="tertiary"
        )


# --- choosing -----------------------------------------------------------------------------------------------------------


def _choosing(studio: Studio, found: dict[str, str], label: str, current: Artwork | None, *, key: Key) -> None:
    """A popover with the newest pictures and a place to drop one; it closes once one is chosen."""
    round = st.session_state.setdefault(key("reference_round"), 0)
    icon = ":material/add_photo_alternate:" if label == USE else None
    with st.popover(
        label, key=key(f"reference_choose_{round}"), icon=icon, width="stretch" if label == USE else "content"
    ):
        file = key(f"reference_file_{round}")
        st.file_uploader(
            "Drop, paste or choose a picture",
            key=file,
            on_change=_trying,
            args=(key, _dropped, studio, found, key, file),
        )
        hits = [Hit(one) for one in studio.gallery.page(Query(limit=RECENT))]
        if hits:
            show.line("Or one of the gallery's")
            grid = key(f"reference_grid_{round}")
            components.grid(
                show.tiles(hits),
                key=grid,
                chosen=lambda: _trying(key, _picked, studio, found, key, grid),
                strip=True,
                current=current.id if current else 0,
            )


def _picked(studio: Studio, found: dict[str, str], key: Key, grid: str) -> None:
    id = components.picked(grid)
    if id is not None:
        _take(studio.gallery.get(id), found, key)


def _dropped(studio: Studio, found: dict[str, str], key: Key, name: str) -> None:
    """A file from this person's disk: checked and put into the gallery first, as every upload; known ones are there already."""
    file = st.session_state.get(name)
    if file is None:
        return
    data = file.getvalue()
    known = studio.gallery.has_source(sha256(data))
    if known is not None:
        _take(studio.gallery.get(known), found, key)
        return
    st.session_state[key("reference_coming")] = studio.import_files([(data, file.name)]).id
    st.session_state[key("reference_round")] += 1


def _take(artwork: Artwork, found: dict[str, str], key: Key) -> None:
    st.session_state[key("reference")] = artwork.sha256
    if st.session_state[key("adapter")] not in found and found:
        st.session_state[key("adapter")] = next(iter(found))
    st.session_state[key("reference_round")] = st.session_state.get(key("reference_round"), 0) + 1
    st.session_state.pop(key("reference_removed"), None)


def _arriving(studio: Studio, found: dict[str, str], *, key: Key) -> bool:
    """What was dropped and is being checked: how it goes, or why it does not come. Whether anything is said of it."""
    problem = st.session_state.pop(key("reference_problem"), "")
    if problem:
        show.problem(problem)
    id = st.session_state.get(key("reference_coming"))
    if id is None:
        return bool(problem)
    job = studio.job(id)
    if job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return True
    del st.session_state[key("reference_coming")]
    ids = [*studio.gallery.many(job.result.get("ids") or [])]
    if ids:
        _take(studio.gallery.get(ids[0]), found, key)
        return False
    if job.state != "cancelled":
        skipped = job.result.get("skipped") or [{}]
        reason = str(skipped[0].get("reason", "")) or job.error or "It could not be brought in."
        show.problem(f"This picture cannot be the reference. {reason}")
    return True


# --- what the buttons do ------------------------------------------------------------------------------------------------


def _remove(key: Key) -> None:
    st.session_state[key("reference_removed")] = {name: st.session_state[key(name)] for name in FIELDS}
    st.session_state[key("reference")] = ""


def _undo(key: Key) -> None:
    for name, value in st.session_state.pop(key("reference_removed")).items():
        st.session_state[key(name)] = value


def _trying(key: Key, act: Callable[..., None], *given: object) -> None:
    """What goes wrong becomes a sentence."""
    try:
        act(*given)
    except EaselError as error:
        st.session_state[key("reference_problem")] = str(error)
