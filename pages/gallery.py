"""Gallery: every picture, found by words, by example or by looking."""

import streamlit as st

from studio.domain.artwork import Query
from studio.ui import detail, session
from studio.ui.gallery import (
    alike,
    answers,
    box,
    bringing,
    collections,
    duplicates,
    embedding,
    map,
    timeline,
    views,
)

ROOMS = {"pictures": answers, "map": map, "timeline": timeline, "duplicates": duplicates}

studio = session.studio()
view = views.current()
id = session.number("id")

if id is not None:
    detail.show_artwork(studio, id, shown=views.shown(), back=lambda: views.look(views.current()))
else:
    view = box.unfolded(studio, view)
    pictures = studio.gallery.count(Query())
    with st.container(horizontal=True, key="gallery_head", vertical_alignment="bottom"):
        views.heading(studio)
        st.space("stretch")
        views.switch(view)
        bringing.draw(studio)
    asked = box.draw(studio, view)
    views.complaint()
    bringing.notice(studio)
    embedding.draw(studio)
    rail, room = st.columns([1, 6], gap="medium")
    with rail, st.container(key="gallery_rail_room"):
        collections.draw(studio, view)
    with room, st.container(key="gallery_room"):
        if pictures and view.look == "pictures" and view.shelf != "Bin":
            alike.draw(studio, asked)
        ROOMS[view.look].draw(studio, asked)
