"""Who was ever contacted and why, and the switch that ends it. It contacts nobody."""

from __future__ import annotations

import dataclasses

import streamlit as st

from studio.app import Studio
from studio.domain.amounts import counted
from studio.ui import show, words
from studio.ui.shelf import marks
from studio.ui.shelf.arriving import trying

OFFLINE = "shelf_offline"


def connections(studio: Studio) -> None:
    """The switch and the ledger."""
    st.session_state.setdefault(OFFLINE, studio.settings.offline)
    st.toggle(
        "Offline: contact nobody",
        key=OFFLINE,
        help="Then no pack is fetched. All else works as before: Easel needs the network for nothing else.",
        on_change=trying(lambda: _switch(studio)),
    )
    show.line(
        "Easel contacts a host only to install a pack that you asked for. Each is written down before it is contacted."
    )
    contacts = studio.installs.contacts()
    if not contacts:
        show.empty(
            "Nobody was ever contacted", "Every host that Easel asks for a pack will be listed here, with the reason."
        )
        return
    show.part(f"Contacted · {len({one.host for one in contacts})}")
    marks.contacts(
        [
            (
                one.host,
                one.why,
                f"{counted(one.times, 'time')}, {words.ago(one.last)}",
                words.size(one.bytes) if one.bytes else "nothing",
            )
            for one in contacts
        ]
    )


def _switch(studio: Studio) -> None:
    studio.save_settings(dataclasses.replace(studio.settings, offline=bool(st.session_state[OFFLINE])))
