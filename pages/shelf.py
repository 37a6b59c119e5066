"""Shelf: the packs on this machine, those that may be installed, your own models, and who was contacted for them."""

import shutil

import streamlit as st

from studio.domain.amounts import counted
from studio.domain.errors import EaselError
from studio.ui import session, show, words
from studio.ui.shelf.arriving import PROBLEM, arriving
from studio.ui.shelf.connections import connections
from studio.ui.shelf.here import packs_here
from studio.ui.shelf.offers import offers
from studio.ui.shelf.own import own

HERE, INSTALL, OWN, CONNECTIONS = "On this machine", "Install", "Bring your own", "Connections"
ICONS = {HERE: "shelves", INSTALL: "download", OWN: "folder_open", CONNECTIONS: "lan"}

studio = session.studio()
packs = studio.shelf.packs()
free = shutil.disk_usage(studio.home).free


def used() -> int:
    total = 0
    for pack in packs:
        try:
            total += sum(studio.shelf.sizes(pack).values())
        except EaselError:
            continue  # its card says what is wrong
    return total


count = f"{counted(len(packs), 'pack')} on this machine"
show.title("Shelf", more=f"{count}, {words.size(used())} · {words.size(free)} free")
view = st.segmented_control(
    "Show",
    list(ICONS),
    default=HERE,
    key="shelf_view",
    format_func=lambda one: f":material/{ICONS[one]}: {one}",
    required=True,
    label_visibility="collapsed",
)
if st.session_state.get(PROBLEM):
    show.problem(st.session_state.pop(PROBLEM))
arriving(studio)
if view == INSTALL:
    offers(studio, free=free)
elif view == OWN:
    own(studio)
elif view == CONNECTIONS:
    connections(studio)
else:
    packs_here(studio)
