"""The Create page's fields in this tab: laid out from the kept draft, kept again at every change. It draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.recipe import Recipe
from studio.packs.manifest import Manifest
from studio.ui import components, forms, session
from studio.ui.forms import Fields
from studio.ui.press import presses

DRAFT = "create"
PROMPT = "create_prompt"
TYPING = "create_typing"
_KEPT = "desk_kept"
_STALE = "desk_stale"
_JOB = "desk_job"
_GRID = "desk_grid"
_PROBLEM = "desk_problem"


def key(name: str) -> str:
    """The widget key of a field."""
    return f"create_{name}"


def lay_out(studio: Studio, manifest: Manifest) -> None:
    """Give every field without a value in this tab the one of the kept draft."""
    names = list(Fields.__annotations__)
    if all(key(name) in st.session_state for name in names):
        return
    kept = studio.draft(DRAFT)
    for name, value in forms.restore(kept, manifest).items():
        if key(name) not in st.session_state:
            st.session_state[key(name)] = value


def fields() -> Fields:
    """The fields as they stand, with what is being typed at this moment."""
    held: Any = {name: st.session_state[key(name)] for name in Fields.__annotations__}
    heard = components.typed(TYPING)
    if heard is not None and heard[1] > st.session_state.get(_STALE, 0):
        held["prompt"] = heard[0]
    return held


def put(new: Fields) -> None:
    """Fill the form; to be called from a callback, before its widgets are drawn."""
    for name, value in new.items():
        st.session_state[key(name)] = value
    committed()
    st.session_state.pop(_PROBLEM, None)


def put_prompt(text: str) -> None:
    """Fill in the prompt alone."""
    st.session_state[PROMPT] = text
    committed()


def edit(change: Callable[[str], str]) -> None:
    """Change the prompt as it stands at this moment; for callbacks."""
    put_prompt(change(fields()["prompt"]))


def committed() -> None:
    """The prompt's own widget now holds the truth; what was heard while it was typed is old."""
    heard = components.typed(TYPING)
    if heard is not None:
        st.session_state[_STALE] = max(heard[1], st.session_state.get(_STALE, 0))


def keep(studio: Studio) -> None:
    """Keep the draft on the server if it changed."""
    if not all(key(name) in st.session_state for name in Fields.__annotations__):
        return  # the form was never laid out in this tab
    now = dict(fields())
    if st.session_state.get(_KEPT) != now:
        studio.keep_draft(DRAFT, now)
        st.session_state[_KEPT] = now


def paint(studio: Studio, wish: str) -> None:
    """The button: one job for what the form asks, whose key is `wish`; raises a sentence where it cannot be."""
    asked = fields()
    recipe = forms.recipe_of(asked, seed=forms.seed_for(asked))
    job = studio.paint(recipe, key=wish, styles=asked["styles"], offload=asked["offload"])
    st.session_state[key("seed")] = str(job.payload["recipe"]["seed"])  # of the job: it may have been queued before
    show_job(job.id)


def paint_recipe(studio: Studio, recipe: Recipe, wish: str) -> None:
    """Paint a recipe as it is, in the job whose key is `wish`, and look at it."""
    show_job(studio.paint(recipe, key=wish, offload=fields()["offload"]).id)


def run_again(studio: Studio, id: int, wish: str) -> None:
    """The same work once more, in the job whose key is `wish`, and look at it."""
    show_job(studio.again(id, key=wish).id)


def serve(studio: Studio) -> None:
    """Do what was pressed before this run; what goes wrong is kept to be shown beside the button."""
    pressed = presses(DRAFT)
    if not pressed.waiting:
        return
    st.session_state.pop(_PROBLEM, None)
    try:
        pressed.serve()
    except EaselError as error:
        say(str(error))


def show_job(id: int) -> None:
    """Put a job on the easel of this tab, and its number into the address."""
    remember_job(id)
    st.query_params.pop("grid", None)
    st.query_params["job"] = str(id)


def show_grid(id: int) -> None:
    """Put a grid on the easel of this tab, and its number into the address."""
    st.session_state[_GRID] = id
    st.query_params.pop("job", None)
    st.query_params["grid"] = str(id)


def grid_shown() -> int | None:
    """The grid on the easel: the one in the address, else the one that this tab looked at last; None while it is a job."""
    named = session.number("grid")
    if named is None and "job" in st.query_params:
        return None
    id: int | None = st.session_state.get(_GRID) if named is None else named
    if id is not None:
        show_grid(id)  # the way back from another page loses the address, a new tab begins with nothing else
    return id


def remember_job(id: int) -> None:
    """The job that this tab's easel will show when the Create page is opened."""
    st.session_state[_JOB] = id
    st.session_state.pop(_GRID, None)


def clear_easel() -> None:
    """Take the job or grid off the easel; it goes on in the queue."""
    st.session_state[_JOB] = None
    st.session_state.pop(_GRID, None)
    for name in ("job", "grid"):
        st.query_params.pop(name, None)


def job_shown() -> int | None:
    """The job that this tab looked at last, if any."""
    shown: int | None = st.session_state.get(_JOB)
    return shown


def job_chosen() -> bool:
    """Whether this tab ever put a job on its easel, or took one off."""
    return _JOB in st.session_state


def say(sentence: str) -> None:
    """Keep a sentence to be shown beside the button."""
    st.session_state[_PROBLEM] = sentence


def problem() -> str:
    """The sentence to be shown beside the button."""
    return str(st.session_state.get(_PROBLEM, ""))
