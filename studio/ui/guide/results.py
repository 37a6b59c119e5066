"""What the Guide page's jobs came to: watched while they run, then shown beside what they began with. It decides nothing."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from studio.app import Studio
from studio.domain.artwork import Artwork, Hit, Query
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.packs.manifest import Manifest
from studio.ui import components, session, show, watch, words
from studio.ui.components import editors
from studio.ui.guide import acts, desk, forms, maps

ROOM = 300
WAYS = {"slider": "Slider", "side": "Side by side", "difference": "Difference", "alone": "Alone"}
GROWN = ("alone", "side")  # an extended picture has another shape: laid over its source, the two would not meet
UNDECIDED = 18
_CURRENT, _WAY = "guide_result", "guide_way"


def results(studio: Studio, manifest: Manifest, bar: DeltaGenerator) -> None:
    """The jobs on the stage: the one that runs, or what all of them made. `bar` is the row above, for how to compare."""
    pending = desk.sheet().pending
    if pending is not None:
        waiting = [job for id in pending.maps.values() if (job := maps.job_of(studio, id)) is not None]
        if waiting:  # if all of them have ended since this run began, the next one goes on
            first = next((job for job in waiting if job.live), waiting[0])
            show.line("Drawing the maps first")
            watch.follow(studio, first, lambda now: watch.bar(studio, now))
        return
    jobs = [job for id in desk.sheet().jobs if (job := maps.job_of(studio, id)) is not None]
    live = next((job for job in jobs if job.live), None)
    if live is not None:
        size = _size(studio, Recipe.from_dict(live.payload["recipe"]))
        watch.follow(studio, live, lambda now: watch.painting(studio, now, size=size))
        if len(jobs) > 1:
            done = sum(not job.live for job in jobs)
            show.line(f"Picture {done + 1} of {len(jobs)}")
        return
    made = _made(studio, jobs)
    if made:
        _proposals(studio, manifest, jobs, made, bar)
    for job in jobs:
        if not job.result.get("artworks"):
            _without(job)
    if not made and jobs:
        pressed = desk.presses()
        st.button(
            "Try again", key=f"guide_retry_{pressed.key}", icon=":material/replay:", on_click=pressed.note,
            args=(pressed.key, partial(acts.again, studio, jobs)),
        )  # fmt: skip


def _size(studio: Studio, recipe: Recipe) -> tuple[int, int]:
    """How large the result will be, in pixels."""
    source = studio.gallery.by_sha(recipe.source) if recipe.source else None
    if source is None or recipe.task in ("create", "vary"):
        return recipe.width, recipe.height
    left, top, right, bottom = recipe.extend
    return source.width * recipe.factor + left + right, source.height * recipe.factor + top + bottom


def _made(studio: Studio, jobs: list[Job]) -> list[tuple[Artwork, Job]]:
    ids = [(id, job) for job in jobs for id in job.result.get("artworks", [])]
    held = studio.gallery.many([id for id, _ in ids])
    return [(held[id], job) for id, job in ids if id in held]


# --- proposals ----------------------------------------------------------------------------------------------------------


def _proposals(
    studio: Studio, manifest: Manifest, jobs: list[Job], made: list[tuple[Artwork, Job]], bar: DeltaGenerator
) -> None:
    by_id = {artwork.id: (artwork, job) for artwork, job in made}
    current: int = st.session_state.get(_CURRENT) or 0
    artwork, job = by_id.get(current, made[0])
    if artwork.deleted_at is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="guide_discarded"):
            show.notice("Discarded", "It is in the bin.", symbol="delete")
            st.button(
                "Undo", key="guide_undo_discard", icon=":material/undo:", on_click=desk.trying(acts.bring_back),
                args=(studio, artwork.id),
            )  # fmt: skip
    else:
        before = _before(studio, artwork)
        _compared(before, artwork, bar)
        with st.container(key="guide_under", gap="small"):
            _facts(artwork, job)
            _actions(studio, manifest, artwork, jobs)
    if len(made) > 1:
        tiles = show.tiles([Hit(one) for one, _ in made])
        for tile, (one, _) in zip(tiles, made, strict=True):
            tile["label"] = _label(one, made)
        components.grid(tiles, key="guide_made", chosen=_pick, strip=True, current=artwork.id)


def _label(artwork: Artwork, made: list[tuple[Artwork, Job]]) -> str:
    """What tells this result from the others: its strength, in a series."""
    strengths = {one.recipe.strength for one, _ in made if one.recipe is not None}
    return f"{artwork.recipe.strength:g}" if len(strengths) > 1 and artwork.recipe is not None else ""


def _before(studio: Studio, artwork: Artwork) -> Artwork | None:
    """What the result began with: its source, else the picture that its first map was drawn from."""
    relatives = studio.gallery.parents(artwork.id)
    source = next((one.artwork for one in relatives if one.role == "source"), None)
    if source is not None or (artwork.recipe is not None and artwork.recipe.task != "create"):
        return source
    for relative in relatives:
        if relative.artwork is not None and relative.artwork.kind == "map":
            parents = studio.gallery.parents(relative.artwork.id)
            found = next((one.artwork for one in parents if one.artwork is not None), None)
            if found is not None:
                return found
    return None


def _compared(before: Artwork | None, artwork: Artwork, bar: DeltaGenerator) -> None:
    if before is None:
        show.picture(artwork, room=ROOM)
        return
    grown = artwork.recipe is not None and artwork.recipe.task == "outpaint"
    ways, key = (GROWN, f"{_WAY}_grown") if grown else (tuple(WAYS), _WAY)
    st.session_state.setdefault(key, ways[0])
    way = st.session_state[key]
    bar.segmented_control(
        "Compare", ways, key=key, required=True, format_func=WAYS.__getitem__, label_visibility="collapsed"
    )
    if way == "alone":
        show.picture(artwork, room=ROOM)
        return
    editors.compare(
        key=f"guide_compare_{artwork.id}",
        one={"src": f"/shown/{before.id}", "alt": before.alt, "label": "Before"},
        two={"src": f"/shown/{artwork.id}", "alt": artwork.alt, "label": "After"},
        mode=way,
    )


def _facts(artwork: Artwork, job: Job) -> None:
    outside = job.result.get("outside", {})
    changed = outside.get(str(artwork.id)) if isinstance(outside, dict) else None
    show.caption(artwork, measured=forms.outside_words(changed, artwork.recipe.task if artwork.recipe else ""))


def _actions(studio: Studio, manifest: Manifest, artwork: Artwork, jobs: list[Job]) -> None:
    pressed = desk.presses()
    with st.container(horizontal=True, key="guide_actions", gap="small"):
        if artwork.kind == "proposal":
            st.button(
                "Keep", key="guide_keep", icon=":material/check:", on_click=desk.trying(acts.keep_result),
                args=(studio, artwork.id), help="Put it into the gallery, with its source, mask and settings",
            )  # fmt: skip
        else:
            show.kept()
        st.button(
            "Discard", key="guide_discard", icon=":material/delete:", on_click=desk.trying(acts.discard),
            args=(studio, artwork.id), help="Into the bin; it can be undone",
        )  # fmt: skip
        st.button(
            "Again", key=f"guide_again_{pressed.key}", icon=":material/casino:", on_click=pressed.note,
            args=(pressed.key, partial(acts.again, studio, jobs)), help="The same with another seed",
        )  # fmt: skip
        st.button(
            "Go on from this", key="guide_go_on", icon=":material/arrow_forward:",
            on_click=desk.trying(acts.go_on_from), args=(studio, manifest, artwork.id),
            help="Keep it and make it the source",
        )  # fmt: skip
        session.door(
            "Open",
            "gallery",
            key="guide_open",
            icon=":material/open_in_full:",
            help="Open in the gallery",
            id=artwork.id,
        )


def _pick() -> None:
    st.session_state[_CURRENT] = components.picked("guide_made")


# --- what gave no picture, and what is not decided ------------------------------------------------------------------------


def _without(job: Job) -> None:
    headline, sentence = words.ending(job)
    kind = "bad" if job.state in ("failed", "refused") else "plain"
    show.notice(headline, sentence, kind=kind, symbol="shield" if job.state == "refused" else "info")
    for verdict in words.refused(job):
        show.line(words.refusal(verdict))


def undecided(studio: Studio) -> None:
    """Results that were neither kept nor discarded: they wait here until somebody decides."""
    shown = set(desk.sheet().jobs)
    waiting = [one for one in studio.gallery.page(Query(kind="proposal", limit=UNDECIDED)) if one.job not in shown]
    if waiting:
        show.part("Not decided yet")
        components.grid(
            show.tiles([Hit(one) for one in waiting]),
            key="guide_undecided",
            chosen=lambda: _look_at(studio),
            strip=True,
        )


def _look_at(studio: Studio) -> None:
    id = components.picked("guide_undecided")
    artwork = maps.artwork_of(studio, id) if id is not None else None
    if artwork is not None and artwork.job is not None:
        st.session_state[_CURRENT] = artwork.id
        acts.show_jobs([artwork.job])
