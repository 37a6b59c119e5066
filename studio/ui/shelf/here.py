"""The packs that are on this machine: what each is and can, verify, move, remove. The work itself is done by jobs."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.job import Job
from studio.packs.manifest import KINDS, Pack
from studio.ui import desk, session, show, watch, words
from studio.ui.shelf import marks, texts
from studio.ui.shelf.arriving import trying

TENDING = ("verify", "move")


def packs_here(studio: Studio) -> None:
    """Every installed pack, by kind."""
    packs = studio.shelf.packs()
    if not packs:
        show.empty(
            "No pack is installed",
            "Without one there is nothing to paint with. `make train-starter` makes the starter pack.",
        )
    latest: dict[str, Job] = {}
    for job in studio.queue.list((), TENDING, limit=200):
        held = latest.setdefault(str(job.payload.get("pack")), job)
        if job.id > held.id:
            latest[str(job.payload.get("pack"))] = job
    for kind, title in KINDS.items():
        group = [pack for pack in packs if pack.manifest.kind == kind]
        if group and len(packs) > len(group):
            show.part(title)
        for pack in group:
            with st.container(border=True, key=f"shelfpack_{pack.id}"):
                _card(studio, pack, latest.get(pack.id), alone=len(packs) == 1)
    for name, sentence in studio.shelf.broken().items():
        show.notice(f"{name} cannot be used", sentence, kind="bad", symbol="error")


def _card(studio: Studio, pack: Pack, job: Job | None, *, alone: bool) -> None:
    try:
        sizes, missing = studio.shelf.sizes(pack), studio.shelf.missing(pack)
    except EaselError as error:
        sizes, missing = {}, [str(error)]
    size = sum(sizes.values())
    with st.container(horizontal=True, vertical_alignment="top", key=f"packhead_{pack.id}", gap="medium"):
        marks.head(pack.manifest, texts.facts(pack.manifest, size), whole=not missing)
        _actions(studio, pack, size, busy=job is not None and job.live)
    if missing:
        show.problem(f"{pack.manifest.name} is incomplete: {'; '.join(missing[:3])}")
    if job is not None:
        _told(studio, job)
    if alone:
        _about(studio, pack, sizes)
    else:
        with st.expander("About it", key=f"about_{pack.id}"):
            _about(studio, pack, sizes)


def _actions(studio: Studio, pack: Pack, size: int, *, busy: bool) -> None:
    with st.container(horizontal=True, key=f"actions_{pack.id}"):
        ready = "painter" in pack.manifest.roles and studio.shelf.state(pack.id) == "installed"
        if ready:
            _paint("Paint with it", studio, pack, key=f"paint_{pack.id}")
        st.button(
            "Verify",
            key=f"verify_{pack.id}",
            icon=":material/fact_check:",
            help="Hash every file, and compare it with the list that came with the pack.",
            disabled=busy,
            on_click=trying(lambda: studio.submit("verify", {"pack": pack.id})),
        )
        if (
            pack.manifest.source is not None
            and studio.shelf.removable(pack)
            and studio.shelf.state(pack.id) == "partial"
        ):
            st.button(
                "Install again",
                key=f"repair_{pack.id}",
                icon=":material/build:",
                on_click=trying(lambda: studio.install(pack.id)),
            )
        if studio.shelf.removable(pack):
            if pack.home is None:
                _move(studio, pack, busy=busy)
            with st.popover("Remove", icon=":material/delete:", key=f"remove_{pack.id}", disabled=busy):
                show.line(texts.before_removal(pack, studio.shelf.dependents(pack.id), size))
                st.button(
                    f"Remove {pack.manifest.name.replace('[', ' ')}",
                    key=f"removing_{pack.id}",
                    type="primary",
                    on_click=trying(lambda: studio.shelf.remove(pack.id)),
                )


def _paint(label: str, studio: Studio, pack: Pack, more: dict[str, str] | None = None, *, key: str) -> None:
    """A door to the Create page with this pack chosen; with `more`, an example, its words are put there too.

    What was written there stays; the numbers that suit another pack do not.
    """

    def choose() -> None:
        held = studio.draft(desk.DRAFT) or {}
        if held.get("pack") != pack.id:
            held = {name: held[name] for name in ("prompt", "negative", "seed") if name in held} | {"pack": pack.id}
        studio.keep_draft(desk.DRAFT, held | (more or {}))

    kind: Literal["secondary", "tertiary"] = "tertiary" if more else "secondary"
    session.door(label, "create", key=key, icon=":material/brush:", type=kind, before=choose)


def _move(studio: Studio, pack: Pack, *, busy: bool) -> None:
    key, opened = f"to_{pack.id}", f"move_{pack.id}"

    def move(**to: str) -> None:
        st.session_state[opened] = False
        studio.submit("move", {"pack": pack.id, **to})

    with st.popover("Move", icon=":material/drive_file_move:", key=opened, disabled=busy, on_change="rerun"):
        show.line("To another disk: give a folder there. Every byte is compared before the old ones go.")
        st.text_input("Folder", key=key, placeholder="/media/large/easel")
        st.button(
            "Move it there",
            key=f"moving_{pack.id}",
            type="primary",
            on_click=trying(lambda: move(to=st.session_state.get(key, ""))),
        )
        if pack.folder.parent != studio.shelf.home:
            st.button(
                "Bring it home",
                key=f"homing_{pack.id}",
                help=str(studio.shelf.home),
                on_click=trying(move),
            )


def _told(studio: Studio, job: Job) -> None:
    """How the last verification or move of a pack goes, or went."""
    if job.live:
        watch.follow(studio, job, lambda now: _bar(studio, now))
        return
    problems = [str(one) for one in job.result.get("problems", ())]
    if job.state != "done":
        if job.state != "cancelled":
            show.problem(job.error or "It was interrupted; try again.")
    elif job.kind == "move":
        show.notice("Moved", f"It lies in {job.result.get('folder', '')} now.", kind="good", symbol="task_alt")
    elif problems:
        show.notice("Not whole", " ".join(problems[:5]), kind="bad", symbol="error")
    else:
        when = words.ago(job.ended_at or job.created_at)
        show.notice("Whole", f"Every file was exactly what it should be, {when}.", kind="good", symbol="task_alt")


def _bar(studio: Studio, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"tending_{job.id}"):
        of = f"{words.size(job.done)} of {words.size(job.total)}" if job.total else "Waiting for its turn"
        st.progress(words.share(job), text=of)
        watch.cancel(studio, job)


def _about(studio: Studio, pack: Pack, sizes: dict[str, int]) -> None:
    manifest = pack.manifest
    left, right = st.columns(2, gap="large")
    with left:
        show.part("About")
        paints = [("Paints best at", words.size_label(*manifest.size))] if manifest.kind == "painter" else []
        if paints and manifest.sizes[1:]:
            paints.append(("Other sizes", ", ".join(f"{w} × {h}" for w, h in manifest.sizes[1:])))
        trigger = [("Trigger words", ", ".join(manifest.trigger_words))] if manifest.trigger_words else []
        origin = [("Came from", f"{manifest.source.repo}")] if manifest.source else []
        show.rows(
            [
                ("Size on disk", words.size(sum(sizes.values()))),
                *paints,
                *trigger,
                ("Licence", manifest.licence),
                ("", manifest.licence_note),
                *origin,
                ("Folder", str(pack.folder)),
            ]
        )
        show.part("Parts")
        show.rows(words.parts(manifest.roles, sizes))
    with right:
        if manifest.can:
            show.part("It can paint" if manifest.kind == "painter" else "It can")
            show.points(manifest.can)
        if manifest.cannot:
            show.part("It cannot paint" if manifest.kind == "painter" else "It cannot")
            show.points(manifest.cannot)
        if manifest.examples:
            show.part("Try")
            with st.container(key=f"shelf_examples_{pack.id}"):
                for number, example in enumerate(manifest.examples):
                    _paint(example, studio, pack, {"prompt": example}, key=f"shelf_{pack.id}_{number}")
    with st.expander("Files and their SHA-256", key=f"hashes_{pack.id}"):
        try:
            show.rows(list(pack.hashes().items()), mono=True)
        except EaselError as error:
            show.problem(str(error))
