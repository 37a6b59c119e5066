"""Gallery: every picture, found by words, by example or by looking."""

import streamlit as st

from studio.domain.artwork import Query
from studio.ui import detail, session, show
from studio.ui.gallery import answers, box, bringing, views, wall

studio = session.studio()
view = views.current()
id = session.number("id")

if id is not None:
    detail.show_artwork(studio, id, shown=views.shown(), back=lambda: views.look(views.current()))
else:
    show.title("Gallery", more=f"{studio.gallery.count(Query()):,} pictures")
    with st.container(horizontal=True, key="gallery_tools", vertical_alignment="center"):
        box.draw(studio, view)
        bringing.draw(studio)
    views.complaint()
    wall.undo_bar(studio)
    bringing.notice(studio)
    answers.draw(studio, box.example(studio, view))
