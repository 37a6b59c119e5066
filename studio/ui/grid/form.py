"""The grid's form on the Create page: two fields, their values, and what the button will do. It queues nothing itself."""

from __future__ import annotations

from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.grid import Grid, field_of
from studio.packs.manifest import Manifest, Pack
from studio.ui import desk, forms, show, words
from studio.ui.grid import wishes
from studio.ui.grid.wishes import Wish
from studio.ui.press import Presses

DRAFT = "grid"
OPEN = "create_grid"
_WISH = "grid_wish"
_PROBLEM = "grid_problem"
_CLOSE = "grid_close_panel"
EARLIER = 8
LABELS = {"x": "Columns", "y": "Rows"}


def draw(studio: Studio, manifest: Manifest, pressed: Presses) -> None:
    """A panel that makes a grid of what the form asks for; it costs nothing while it is closed."""
    if st.session_state.pop(_CLOSE, False):
        st.session_state[OPEN] = False
    with st.popover("Grid", key=OPEN, icon=":material/grid_view:", on_change="rerun", width="stretch") as panel:
        if panel.open:
            with st.container(key="grid_form"):
                _form(studio, manifest, pressed)


def _form(studio: Studio, manifest: Manifest, pressed: Presses) -> None:
    packs = studio.shelf.packs()
    wish, fields = _held(studio), desk.fields()
    titles = wishes.offered(packs, manifest, fields)
    _axis("x", wish, titles, packs, manifest)
    _axis("y", wish, titles, packs, manifest)
    wish = _held(studio)  # a callback of a field that is no longer offered may have changed it
    grid, problem = _read(wish, fields)
    if grid is not None:
        show.line(wishes.counted(grid, studio.grids.foretold(grid, offload=fields["offload"])), style="reading")
    elif wishes.began(wish):
        show.problem(problem)
    else:
        show.line("One picture for each pair of values, with the same seed.", style="reading")
    st.button(
        f"Paint {wishes.pictures(len(grid.cells))}" if grid else "Paint the grid",
        key=f"grid_paint_{pressed.key}",
        icon=":material/grid_view:",
        on_click=pressed.note,
        args=(pressed.key, lambda key: _start(studio, key)),
        width="stretch",
    )
    kept = st.session_state.get(_PROBLEM)
    if kept and (grid is not None or not wishes.began(wish)):
        show.problem(kept)
    _earlier(studio)


def _axis(which: str, wish: Wish, titles: dict[str, str], packs: list[Pack], manifest: Manifest) -> None:
    label = LABELS[which]
    name = wish.x if which == "x" else wish.y
    if name and name not in titles:  # of a pack that is not chosen now
        titles = titles | {name: field_of(name).title}
    options = list(titles) if which == "x" else ["", *titles]
    box = f"grid_{which}"
    st.session_state[box] = name
    st.selectbox(
        label,
        options,
        key=box,
        format_func=lambda one: titles.get(one, "Nothing"),
        on_change=lambda: _change(**{which: st.session_state[box]}),
    )
    if not name:
        return
    slot = wishes.slot(which, name)
    key, typed = f"grid_{which}_{slot}", wish.typed.get(slot, "")
    choices = wishes.choices(name, packs, manifest)
    if choices:
        chosen = wishes.chosen_of(typed)
        st.session_state[key] = chosen
        st.multiselect(
            f"{label}: values",
            [*choices, *(one for one in chosen if one not in choices)],
            key=key,
            format_func=lambda one: choices.get(one, one),
            placeholder="Choose some",
            accept_new_options=name == "size",
            label_visibility="collapsed",
            on_change=lambda: _type(slot, wishes.typed_of(st.session_state[key])),
        )
        return
    st.session_state[key] = typed
    st.text_input(
        f"{label}: values",
        key=key,
        placeholder=wishes.hint(name, desk.fields()),
        label_visibility="collapsed",
        help=wishes.HELP.get(field_of(name).reads),
        on_change=lambda: _type(slot, st.session_state[key]),
    )


def _held(studio: Studio) -> Wish:
    """The form in this tab; in a new one, as it was left."""
    if _WISH not in st.session_state:
        st.session_state[_WISH] = wishes.restore(studio.draft(DRAFT))
        st.session_state[f"{_WISH}_kept"] = st.session_state[_WISH]
    wish: Wish = st.session_state[_WISH]
    if st.session_state[f"{_WISH}_kept"] != wish:
        studio.keep_draft(DRAFT, wish.to_dict())
        st.session_state[f"{_WISH}_kept"] = wish
    return wish


def _change(*, x: str | None = None, y: str | None = None) -> None:
    old: Wish = st.session_state[_WISH]
    st.session_state[_WISH] = Wish(old.x if x is None else x, old.y if y is None else y, old.typed)
    st.session_state.pop(_PROBLEM, None)


def _type(slot: str, text: str) -> None:
    old: Wish = st.session_state[_WISH]
    st.session_state[_WISH] = Wish(old.x, old.y, {**old.typed, slot: text})
    st.session_state.pop(_PROBLEM, None)


def _read(wish: Wish, fields: Any) -> tuple[Grid | None, str]:
    """The grid that would be painted, or the sentence that says why none would."""
    try:
        return wishes.grid_of(wish, wishes.base_of(fields, seed=0, counting=True)), ""
    except EaselError as error:
        return None, str(error)


def _start(studio: Studio, key: str) -> None:
    """The button: one grid, whose key is the press's; a sentence beside it where it cannot be."""
    st.session_state.pop(_PROBLEM, None)
    fields = desk.fields()
    try:
        grid = wishes.grid_of(_held(studio), wishes.base_of(fields, seed=forms.seed_for(fields)))
        held = studio.grids.start(grid, key=key, styles=fields["styles"], offload=fields["offload"])
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    if "seed" not in {axis.field for axis in held.grid.axes}:
        st.session_state[desk.key("seed")] = str(held.grid.base.seed)  # as it is painted, as after Paint
    _show(held.id)


def _show(id: int) -> None:
    desk.show_grid(id)
    st.session_state[_CLOSE] = True  # what is on the stage is not to be hidden by the panel


def _earlier(studio: Studio) -> None:
    """The latest grids, to look at again."""
    latest = studio.grids.latest(limit=EARLIER)
    if not latest:
        return
    show.part("Earlier grids")
    with st.container(key="grid_earlier", gap=None):
        for one in latest:
            done = f"{one.done} of {one.all}" if one.done < one.all else wishes.pictures(one.all)
            st.button(
                f"{one.title} · {done} · {words.ago(one.made_at)}",
                key=f"grid_open_{one.id}",
                type="tertiary",
                help=None,
                on_click=_show,
                args=(one.id,),
            )
