"""The room with the timeline: bars over the years, months or days, and the wall below. It makes a date filter, no pictures."""

from __future__ import annotations

import dataclasses
import json
from datetime import date

import streamlit as st

from studio.app import Studio
from studio.domain.errors import BadInput
from studio.gallery.finding import language, moments
from studio.ui import browse, components, session, show
from studio.ui.browse import View
from studio.ui.components import charts
from studio.ui.gallery import answers, views

KEY = "gallery_timeline"


def draw(studio: Studio, view: View) -> None:
    """Bars to drag a span on, which becomes `date:` in the search, and under them what the search finds."""
    try:
        query, _ = browse.asked(view)
    except BadInput:  # the wall says it
        answers.draw(studio, view)
        return
    asked = ("days", json.dumps(query.narrowing()), date.today())  # some filters mean another day tomorrow
    days = studio.gallery.kept.get(asked, lambda: moments.by_day(studio.database, query), old=True)
    if not days:
        _nothing(studio, view)
        return
    span = moments.span_of(query)
    charts.timeline(
        key=KEY,
        days=days,
        searched=span is not None,
        first=span[0] if span else None,
        last=span[1] if span else None,
        chosen=_chosen,
        opened=_opened,
    )
    answers.draw(studio, view)


def _nothing(studio: Studio, view: View) -> None:
    if not view.plain:
        answers.draw(studio, view)
        return
    with st.container(key="nothing_here"):
        show.empty("Your pictures, day by day", "The line begins with the first picture that is painted or imported.")
        if st.button("Paint the first one", type="primary", icon=":material/brush:"):
            session.go("create")


def _opened() -> None:
    id = components.picked(KEY)
    if id is not None:
        st.query_params["id"] = str(id)


def _chosen() -> None:
    """The span in the place of the dates that were searched for; the rest of the search stays as it was typed."""
    span = charts.span(KEY)
    view = views.current()
    if span is None or view.shelf == "Bin":
        return
    asked = language.parse(view.words)
    undated = dataclasses.replace(asked, filters=moments.undated(asked))
    query = moments.within(asked, *span) if span else undated
    views.look(browse.changed(view, words=language.write(query)))
