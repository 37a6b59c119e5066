"""What may be installed, by kind: size, licence, limits, what it fits, and one button. It fetches nothing itself."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.job import LIVE
from studio.durable import ROOM
from studio.packs.manifest import FAMILIES, KINDS, Manifest
from studio.ui import show, words
from studio.ui.shelf import marks, texts
from studio.ui.shelf.arriving import trying

KIND, FAMILY = "shelf_kind", "shelf_family"
EVERY = "Every family"


def offers(studio: Studio, *, free: int) -> None:
    """The catalogue, one kind at a time."""
    catalogue = studio.shelf.catalogue()
    kinds = [kind for kind in KINDS if texts.offered(catalogue, kind, "")]
    with st.container(horizontal=True, vertical_alignment="center", key="shelf_choice"):
        kind = st.pills(
            "Kind", kinds, default=kinds[0], key=KIND, format_func=lambda one: KINDS[one], required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        known = [family for family in FAMILIES if any(one.family == family for one in catalogue if one.source)]
        known = [EVERY, *(FAMILIES[family] for family in known if family != "any")]
        chosen = st.selectbox("Family", known, key=FAMILY, label_visibility="collapsed", width=220)
    family = next((name for name, label in FAMILIES.items() if label == chosen), "")
    show.line(texts.WHAT[kind or kinds[0]])
    if studio.settings.offline:
        show.notice(
            "Easel is offline by your own choice",
            "Nothing is fetched while the switch under Connections is on. Packs can still be brought from this machine.",
            symbol="cloud_off",
        )
    found = texts.offered(catalogue, kind or kinds[0], family)
    if not found:
        show.line("There is none for this family; choose another one, or every family.")
    live = {str(job.payload.get("pack")) for job in studio.queue.list(LIVE, (texts.INSTALL,), limit=200)}
    with st.container(key="shelf_offers"):
        for manifest in found:
            _offer(studio, manifest, free=free, on_its_way=manifest.id in live)


def _offer(studio: Studio, manifest: Manifest, *, free: int, on_its_way: bool) -> None:
    state = studio.shelf.state(manifest.id)
    lacking = studio.shelf.lacks(manifest) if state != "installed" else []
    needed = texts.whole_size(manifest, lacking)
    size = manifest.source.bytes if manifest.source else 0
    fits = needed + ROOM <= free
    remarks = [texts.also(lacking), texts.fit(manifest, studio.shelf.packs()), texts.no_use(manifest)]
    if not fits and state == "absent":
        remarks.append(f"Not enough room: it needs {words.size(needed)} and {words.size(free)} are free.")
    with st.container(horizontal=True, vertical_alignment="center", key=f"offer_{manifest.id}", gap="medium"):
        marks.offer(manifest, texts.facts(manifest, size), remarks)
        label, symbol = {
            "installed": ("Installed", "task_alt"),
            "partial": ("Go on", "play_arrow"),
        }.get(state, ("Install", "download"))
        if on_its_way:
            label, symbol = "On its way", "downloading"
        st.button(
            label,
            key=f"install_{manifest.id}",
            icon=f":material/{symbol}:",
            type="primary" if label == "Install" else "secondary",
            disabled=on_its_way or state == "installed" or studio.settings.offline or (not fits and state == "absent"),
            on_click=trying(lambda: studio.install(manifest.id)),
        )
