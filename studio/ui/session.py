"""One browser tab: its studio, its way from page to page, and the sentence for what goes wrong. It decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NoReturn

import streamlit as st

from studio.app import Studio, open_studio
from studio.domain.errors import EaselError
from studio.places import ROOT, default_home
from studio.ui import show

PAGES = ROOT / "pages"


@st.cache_resource(show_spinner=False)
def _opened(home: str) -> Studio:
    return open_studio()


def studio() -> Studio:
    """The studio of this process, for one home folder; when it cannot be opened, a sentence instead of the page."""
    try:
        opened = _opened(str(default_home()))
        if not opened.home.is_dir():  # it vanished under us: open it anew, which says what is wrong
            _opened.clear()
            opened = _opened(str(default_home()))
        return opened
    except EaselError as error:
        show.problem(str(error))
        st.stop()


def go(page: str, **query: str | int) -> NoReturn:
    """Open another page by its file's name, with its query string."""
    st.switch_page(PAGES / f"{page}.py", query_params={name: str(value) for name, value in query.items()})


@dataclass
class _Way:
    """The page that was asked for and not reached yet. Any run may be stopped halfway; the next one goes on from here."""

    page: str = ""
    query: dict[str, str | int] = field(default_factory=dict)
    before: Callable[[], object] | None = None

    def note(self, page: str, query: dict[str, str | int], before: Callable[[], object] | None) -> None:
        """For `on_click`: touches no session state, where a run can be stopped."""
        self.page, self.query, self.before = page, query, before


def door(
    label: str,
    page: str,
    *,
    key: str,
    icon: str | None = None,
    help: str | None = None,
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
    before: Callable[[], object] | None = None,
    **query: str | int,
) -> None:
    """A button that leads to another page; `before` is called on the way. A press is not lost when its run is stopped."""
    st.button(label, key=key, icon=icon, help=help, type=type, on_click=_way().note, args=(page, query, before))


def follow() -> None:
    """Go where a door leads that was pressed: at the end of a run, when the page has kept what was typed into it."""
    way = _way()
    page = way.page
    if not page:
        return
    try:
        if way.before is not None:
            way.before()
    except Exception:  # Streamlit's own way to stop a run is not an Exception, so that the next run goes on from here
        way.page = ""
        raise
    way.page = ""
    go(page, **way.query)


def _way() -> _Way:
    held: _Way = st.session_state.setdefault("way", _Way())
    return held


def number(name: str) -> int | None:
    """A number in the address, such as ?job=12; None for anything else."""
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def oops(error: Exception) -> bool:
    """Say in a sentence what went wrong on a page; the details go to the log. Always True: no traceback page."""
    if isinstance(error, EaselError):
        show.problem(str(error))
    else:
        logging.getLogger("easel.pages").error("A page failed", exc_info=error)
        show.problem(
            "Something went wrong on this page, and it is not your doing. Nothing that was saved is lost; reload the page,"
            " and if it stays, the terminal that runs Easel shows the details."
        )
    return True
