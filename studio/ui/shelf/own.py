"""Bring your own: a file, a folder, or all that another tool has. Jobs look at the files and bring them; this lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.control import CONTROLS
from studio.domain.errors import EaselError
from studio.domain.job import LIVE, Job
from studio.packs.bring import usual_places
from studio.packs.manifest import FAMILIES
from studio.ui import show, watch, words
from studio.ui.shelf import marks, texts
from studio.ui.shelf.arriving import PROBLEM, trying

PATH, SCAN = "shelf_path", "shelf_scan"
SHOWN = 60  # models on the page at once; more make it slow, and a narrower folder shows them
CONTROL_KINDS = {
    **{name: kind.label for name, kind in CONTROLS.items()},
    "inpaint": "Inpaint",
    "union": "Many (a union)",
}


def own(studio: Studio) -> None:
    """Where to look, what was found there, and what is being brought."""
    show.line(
        "Point at a .safetensors file, at a model's folder, or at the models of A1111, ComfyUI or InvokeAI. Each file's header"
        " says what it is before anything is loaded. Pickles (.ckpt, .pt, .bin) are never opened."
    )
    with (
        st.form("shelf_look", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", key="shelf_look_row"),
    ):
        st.text_input("File or folder", key=PATH, placeholder="/home/you/stable-diffusion-webui/models")
        if st.form_submit_button("Look", icon=":material/search:", type="primary"):
            _look(studio)
    _being_brought(studio)
    job = _scan(studio)
    if job is None:
        _usual(studio)
        return
    if job.live:
        watch.follow(studio, job, lambda now: _looking(studio, now))
    elif job.state != "done":
        show.problem(job.error or "Looking was interrupted; look again.")
    else:
        _found(studio, job.result)


def _usual(studio: Studio) -> None:
    """What to click while nothing was looked at: the models of other tools, where there are any."""
    places = usual_places(Path.home())
    if not places:
        show.empty(
            "Nothing was looked at yet",
            "Other tools keep theirs in a folder named models; a file that you downloaded is mostly in Downloads.",
        )
        return
    show.part("Found on this machine")
    with st.container(key="shelf_usual"):
        for number, place in enumerate(places):
            st.button(
                _plain(str(place)),
                key=f"usual_{number}",
                icon=":material/folder_open:",
                type="tertiary",
                on_click=trying(lambda place=place: _look_at(studio, str(place))),  # type: ignore[misc]
            )


def _look_at(studio: Studio, path: str) -> None:
    st.session_state[PATH] = path
    st.session_state[SCAN] = studio.submit("scan", {"path": path}).id


def _look(studio: Studio) -> None:
    path = str(st.session_state.get(PATH, "")).strip()
    if not path:
        st.session_state[PROBLEM] = "Say where the file or folder is: its whole path."
        st.rerun()
    try:
        st.session_state[SCAN] = studio.submit("scan", {"path": path}).id
    except EaselError as error:
        st.session_state[PROBLEM] = str(error)
    st.rerun()


def _scan(studio: Studio) -> Job | None:
    try:
        return studio.job(st.session_state[SCAN]) if SCAN in st.session_state else None
    except EaselError:
        return None


def _looking(studio: Studio, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"looking_{job.id}"):
        of = f"{job.done:,} of {job.total:,} files read" if job.total else "Looking"
        st.progress(words.share(job), text=of)
        watch.cancel(studio, job)


def _being_brought(studio: Studio) -> None:
    for job in studio.queue.list(LIVE, ("bring",)):
        watch.follow(studio, job, lambda now: _bringing(studio, now))


def _bringing(studio: Studio, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"bringing_{job.id}"):
        name = str(job.payload.get("name") or job.payload.get("path", ""))
        of = f"{words.size(job.done)} of {words.size(job.total)}" if job.total else "waiting for its turn"
        st.progress(words.share(job), text=f"{_plain(name)}: {of}")
        watch.cancel(studio, job)


def _found(studio: Studio, result: dict[str, Any]) -> None:
    found = [one for one in result.get("found", ()) if isinstance(one, dict)]
    usable = [one for one in found if not one.get("why_not")]
    wrong = [one for one in found if one.get("why_not")]
    show.part(f"{len(usable):,} can be used")
    last = {str(job.payload.get("path")): job for job in reversed(studio.queue.list((), ("bring",), limit=200))}
    with st.container(key="shelf_offers"):
        for number, one in enumerate(usable[:SHOWN]):
            _model(studio, number, one, last.get(str(one["path"])))
    if len(usable) > SHOWN:
        show.line(f"And {len(usable) - SHOWN:,} more: point at a folder inside to see them.")
    if wrong:
        show.part(f"{len(wrong):,} cannot")
        for one in wrong[:SHOWN]:
            marks.found(str(one["name"]), "", str(one["path"]), why_not=str(one["why_not"]))


def _model(studio: Studio, number: int, one: dict[str, Any], last: Job | None) -> None:
    path, asks = str(one["path"]), [str(ask) for ask in one.get("asks", ())]
    done = last is not None and last.state == "done" and _still(studio, last)
    with st.container(horizontal=True, vertical_alignment="center", key=f"offer_own_{number}", gap="medium"):
        guess = "" if one.get("sure", True) or not one.get("family") else " · the family is a guess"
        facts = f"{one['label'][:1].upper()}{one['label'][1:]} · {words.size(int(one['bytes']))}{guess}"
        kind, family, packs = str(one["kind"]), str(one["family"]), studio.shelf.packs()
        painter = kind == "painter"
        remark = texts.vocabulary(kind, family, path, packs) if painter else texts.fit_of_family(family, packs)
        marks.found(str(one["name"]), facts, path, remark=remark)
        if "control" in asks:
            st.selectbox(
                "Follows", list(CONTROL_KINDS), key=f"own_control_{number}", width=150, index=None,
                placeholder="Follows what?", format_func=lambda kind: CONTROL_KINDS[kind], label_visibility="collapsed",
            )  # fmt: skip
        if "family" in asks or not one.get("sure", True):
            families = ["sd1", "sd2", "sdxl"]
            st.selectbox(
                "Family", families, key=f"own_family_{number}", width=190, placeholder="Which family?",
                index=families.index(one["family"]) if one.get("family") in families else None,
                format_func=lambda family: FAMILIES[family], label_visibility="collapsed",
            )  # fmt: skip
        if done:
            st.button("On the shelf", key=f"own_done_{number}", icon=":material/task_alt:", disabled=True)
            return
        busy = last is not None and last.live
        for copy, label, symbol, help in (
            (False, "Use it there", "link", "Nothing is copied; the other tool keeps using it too."),
            (True, "Copy", "content_copy", "Copied into Easel's own folder, so that it stays when the other one goes."),
        ):
            st.button(
                label,
                key=f"own_{'copy' if copy else 'use'}_{number}",
                icon=f":material/{symbol}:",
                help=help,
                disabled=busy,
                on_click=trying(lambda copy=copy: _bring(studio, number, one, copy=copy)),  # type: ignore[misc]
            )
    if last is not None and last.state == "failed":
        show.problem(last.error)


def _still(studio: Studio, job: Job) -> bool:
    return studio.shelf.state(str(job.result.get("pack", ""))) != "absent"


def _bring(studio: Studio, number: int, one: dict[str, Any], *, copy: bool) -> None:
    payload = {
        "path": one["path"],
        "name": one["name"],
        "copy": copy,
        "family": st.session_state.get(f"own_family_{number}") or "",
        "control": st.session_state.get(f"own_control_{number}") or "",
    }
    studio.submit("bring", payload)


def _plain(text: str) -> str:
    """Text for a widget that reads Markdown: shown as typed."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-.!|~>:$<" else sign for sign in text)
