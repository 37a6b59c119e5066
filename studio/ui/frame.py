"""The frame around every page: its clothes, the way from page to page, and how the worker is. Nothing but decoration."""

from __future__ import annotations

import streamlit as st

from studio.domain.errors import EaselError
from studio.domain.job import LIVE
from studio.places import ASSETS, ROOT
from studio.ui import runs, session, show

runs.begin()
st.set_page_config(page_title="Easel", page_icon=str(ASSETS / "mark.svg"), layout="wide")
show.clothes()

pages = [
    st.Page(ROOT / "pages/create.py", title="Create", icon=":material/brush:", default=True),
    st.Page(ROOT / "pages/guide.py", title="Guide", icon=":material/draw:"),
    st.Page(ROOT / "pages/gallery.py", title="Gallery", icon=":material/photo_library:"),
    st.Page(ROOT / "pages/queue.py", title="Queue", icon=":material/format_list_numbered:"),
    st.Page(ROOT / "pages/shelf.py", title="Shelf", icon=":material/inventory_2:"),
    st.Page(ROOT / "pages/settings.py", title="Settings", icon=":material/tune:"),
]
page = st.navigation(pages, position="hidden")


@st.fragment(run_every=2)
def worker() -> None:
    """A dot and a word: whether somebody is there to paint, and how many jobs there are."""
    try:
        studio = session.studio()
        state = studio.supervisor.state()
        show.worker(state.alive, state.state, state.device, jobs=studio.queue.count(LIVE, ("paint", "import")))
    except EaselError:
        show.worker(False, "broken", "", jobs=0)


with st.container(horizontal=True, key="frame", vertical_alignment="center"):
    show.wordmark()
    for one in pages:
        st.page_link(one)
    worker()

try:
    page.run()
    session.follow()
except EaselError as error:
    session.oops(error)
