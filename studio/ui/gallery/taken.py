"""Where a photograph was taken: read from its file when somebody asks, shown once, stored and looked up nowhere."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import EaselError
from studio.gallery.leaving.exporting import degrees
from studio.safety.intake import place_of
from studio.ui import show

ASKED = "taken_asked"  # the number of the picture that was asked about; another picture forgets it


def draw(studio: Studio, artwork: Artwork) -> None:
    """The button that asks, and the answer; nothing for what no camera took."""
    if artwork.kind != "imported" or not (artwork.camera or artwork.place or artwork.made_with == "camera"):
        return
    if st.session_state.get(ASKED) != artwork.id:
        st.session_state.pop(ASKED, None)
        st.button(
            "Where was it taken?", key="taken", icon=":material/location_on:", type="tertiary", on_click=_ask,
            args=(artwork.id,), help="Read from its file now, and kept nowhere",
        )  # fmt: skip
        return
    show.part("Taken at")
    place, why = answer(studio, artwork)
    if place is None:
        show.line(why)
    else:
        st.code(degrees(place), language=None)
        show.line("Only its file says so. It leaves with an export only if you ask for it.")
    st.button("Hide", key="taken_hide", icon=":material/visibility_off:", type="tertiary", on_click=_hide)


def answer(studio: Studio, artwork: Artwork) -> tuple[tuple[float, float] | None, str]:
    """Degrees north and east, or None and why nobody knows."""
    try:
        data = studio.files.unchanged(artwork.file, binned=artwork.deleted_at is not None, place=artwork.place)
    except EaselError as error:
        return None, str(error)
    place = place_of(data)
    if place is not None:
        return place, ""
    if artwork.place is None:
        return None, "Easel's copy does not say: where a photograph was taken is left out when it comes in."
    return None, "Its file does not say."


def _ask(id: int) -> None:
    st.session_state[ASKED] = id


def _hide() -> None:
    st.session_state.pop(ASKED, None)
