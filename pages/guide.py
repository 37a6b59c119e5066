"""Guide: a picture taken further, by its pose, depth and edges, by brush, or larger."""

import streamlit as st

from studio.domain.errors import EaselError
from studio.ui import outfit, session, show
from studio.ui.guide import acts, arrivals, desk, side, stage

studio = session.studio()
here = studio.shelf.packs()
packs = outfit.painters(here)
if not packs:
    show.problem("No pack is installed, so there is nothing to paint with; the Shelf page says what is missing.")
    st.stop()
wanted = st.session_state.get(desk.key("pack")) or desk.pack_kept(studio) or studio.settings.pack
manifest = packs.get(wanted) or next(iter(packs.values()))
roles = {one.manifest.name: tuple(one.manifest.roles) for one in here}
roles[manifest.name] += acts.lent(studio, manifest)

desk.lay_out(studio, manifest)
desk.hear()
desk.serve()
try:
    acts.follow_address(studio, manifest)
except EaselError as error:
    desk.say(str(error))
arrivals.arrive(studio, manifest)

left, right = st.columns([2.4, 1], gap="large")
with left, st.container(key="stage"):
    stage.stage(studio, manifest)
with right, st.container(key="guide_side"):
    side.column(studio, manifest, {id: one.name for id, one in packs.items()}, roles)
desk.keep(studio)
