"""Choosing the source of the Guide page: from the gallery, from a file, or painted to begin with. It decides nothing."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork, Hit, Query
from studio.packs.manifest import Manifest
from studio.ui import components, session, show, watch, words
from studio.ui import forms as shared
from studio.ui.guide import acts, desk, maps

RECENT = 24
BEGIN = (
    "a person in a red shirt and blue trousers"  # what "Paint a person to begin" paints where a pack names no better
)


def source_row(studio: Studio, manifest: Manifest) -> None:
    """The source, small, and how to choose another."""
    id, source = desk.sheet().source, desk.source_of(studio)
    if not id:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="guide_source_row", gap="small"):
        if source is None:
            show.chosen("", "The source is gone", "It was deleted for good; choose another.")
        elif source.deleted_at is not None:
            show.chosen(f"/thumbs/{source.id}", "In the bin", "Restore it, or choose another.", alt=source.alt)
            st.button(
                "Restore", key="guide_restore_source", on_click=desk.trying(studio.gallery.restore), args=(source.id,)
            )
        else:
            show.chosen(f"/thumbs/{source.id}", "Source", words.said(source), alt=source.alt)
        with st.popover("Change", key="guide_change"):
            st.button("No source", key="guide_no_source", icon=":material/close:", on_click=acts.leave_source)
            _file(studio, manifest, "guide_other_file")
            _strip(studio, manifest, "guide_other", strip=True)


def idle(studio: Studio, manifest: Manifest) -> None:
    """What the page shows before there is a source: three ways to begin, each with something to click."""
    show.empty(
        "Take a picture further",
        "Choose one, then move its pose, brush over a thing, or make it larger. Or begin with one of these.",
    )
    with st.container(key="guide_begin"):
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Paint a person to begin",
                key="guide_begin_person",
                icon=":material/person:",
                on_click=desk.trying(_begin),
                args=(studio, manifest),
            )
            st.button(
                "A pose from nothing",
                key="guide_begin_pose",
                icon=":material/accessibility_new:",
                on_click=acts.pose_from_nothing,
            )
        _file(studio, manifest, "guide_file")
    recent = [Hit(artwork) for artwork in studio.gallery.page(Query(limit=RECENT))]
    if recent:
        with st.container(horizontal=True, vertical_alignment="center", key="guide_yours"):
            show.part("Or one of yours")
            session.door("Search the gallery", "gallery", key="guide_search", type="tertiary", icon=":material/search:")
        _strip(studio, manifest, "guide_recent", strip=False)


def arriving(studio: Studio) -> bool:
    """What is on its way to become the source, if anything is: how it goes, or why it does not come."""
    job = maps.job_of(studio, desk.sheet().arriving)
    if job is None:
        return False
    made = job.result.get("artworks") or job.result.get("ids") or []
    if job.live or (
        made and maps.artwork_of(studio, made[0]) is not None
    ):  # ended since this run began: the next takes it in
        draw = watch.painting if job.kind == "paint" else watch.bar
        watch.follow(studio, job, lambda now: draw(studio, now))
        return True
    skipped = job.result.get("skipped") or []
    headline, sentence = words.ending(job)
    if skipped:
        headline, sentence = f"{skipped[0].get('name', 'The file')} cannot be used", str(skipped[0].get("reason", ""))
    with st.container(horizontal=True, vertical_alignment="center"):
        show.notice(headline, sentence, kind="bad", symbol="error")
        st.button("Close", key="guide_close_arriving", on_click=acts.forget_arriving)
    return False


def _begin(studio: Studio, manifest: Manifest) -> None:
    prompt = next((example for example in manifest.examples if "person" in example), BEGIN)
    fields = shared.defaults(manifest)
    fields["prompt"] = prompt
    acts.begin_with(studio, shared.recipe_of(fields, seed=shared.new_seed()))


def _file(studio: Studio, manifest: Manifest, key: str) -> None:
    round = st.session_state.setdefault("guide_file_round", 0)
    name = f"{key}_{round}"
    st.file_uploader(
        "Drop, paste or choose a picture",
        key=name,
        on_change=desk.trying(_dropped),
        args=(studio, manifest, name),
        type=None,
    )


def _dropped(studio: Studio, manifest: Manifest, name: str) -> None:
    file = st.session_state.get(name)
    if file is not None:
        st.session_state["guide_file_round"] += 1
        acts.bring(studio, manifest, file.getvalue(), file.name)


def _strip(studio: Studio, manifest: Manifest, key: str, *, strip: bool) -> None:
    hits = [Hit(artwork) for artwork in _pickable(studio)]
    components.grid(
        show.tiles(hits),
        key=key,
        chosen=lambda: desk.trying(_picked)(studio, manifest, key),
        strip=strip,
        current=desk.sheet().source,
    )


def _pickable(studio: Studio) -> list[Artwork]:
    return studio.gallery.page(Query(limit=RECENT))


def _picked(studio: Studio, manifest: Manifest, key: str) -> None:
    id = components.picked(key)
    if id is not None:
        acts.take(studio, manifest, id)
