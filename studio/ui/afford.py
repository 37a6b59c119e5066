"""Whether it fits and how long it takes: a slim bar under the button, and ways to make it fit. It stops nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.recipe import TASKS, Recipe
from studio.jobs.memory import Forecast, Way
from studio.ui import forms, show, words

ICONS = {"smaller": "photo_size_select_small", "fewer": "filter_1", "offload": "memory"}
HELPS = {
    "smaller": "Takes about {needed}. Enlarge the one you like afterwards.",
    "fewer": "Takes about {needed}.",
    "offload": "Takes about {needed}, and more time: one picture after the other, each part only while it works.",
}
Put = Callable[[Mapping[str, Any]], None]  # changes fields of the form; called before its widgets are drawn


def create(studio: Studio, fields: forms.Fields, *, key: Callable[[str], str]) -> None:
    """The bar of the Create page. `key` gives a field's widget key."""

    def put(changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            st.session_state[key(name)] = value

    asked: Any = {**fields, "prompt": fields["prompt"] if fields["prompt"].strip() else "a picture"}
    try:
        recipe = studio.worded(forms.recipe_of(asked, seed=0), fields["styles"]).recipe
    except EaselError:
        return  # what is wrong with it is said elsewhere
    bar(studio, [recipe], offload=fields["offload"], put=put, key="create")


def bar(
    studio: Studio,
    recipes: Sequence[Recipe],
    *,
    offload: bool,
    put: Put,
    key: str,
    source_size: tuple[int, int] | None = None,
) -> None:
    """What painting these takes, one after the other, and what is free; `key` tells the bars of two pages apart."""
    foresight = studio.foresight()
    told = [foresight.forecast(one, offload=offload, source_size=source_size) for one in recipes]
    known = [one for one in told if one is not None]
    if len(known) < len(recipes) or not known:
        return
    place, most = max(enumerate(known), key=lambda pair: pair[1].needed - pair[1].free)
    seconds = [one.seconds for one in known if one.seconds is not None]
    time = sum(seconds) if len(seconds) == len(known) else None
    with st.container(key=f"{key}_afford"):
        st.html(markup(most, time))
        if not most.fits:
            ways = foresight.ways(recipes[place], offload=offload, source_size=source_size)
            _short(ways, recipes[place], put=put, key=key)
        if offload:
            st.button(
                "Back to the usual way", key=f"{key}_afford_usual", icon=":material/undo:", type="tertiary",
                on_click=put, args=({"offload": False},),
            )  # fmt: skip


def markup(told: Forecast, seconds: float | None) -> str:
    """The slim bar: how much of what is free it takes, in words as well."""
    share = min(1.0, told.needed / told.free) if told.free > 0 else 1.0
    line = " · ".join(filter(None, (sentence(told), words.duration(seconds))))
    return (
        f'<div class="afford{"" if told.fits else " short"}"><span class="meter" aria-hidden="true">'
        f'<i style="width:{share:.1%}"></i></span><p>{escape(line)}</p></div>'
    )


def sentence(told: Forecast) -> str:
    """What it takes of what there is: "about 2.1 GB of 11 GB of free memory"."""
    how = ", part by part" if told.offload else ""
    return f"about {words.size(told.needed)} of {words.size(told.free)} of free memory{how}"


def label(way: Way, before: Recipe) -> str:
    """What a button does."""
    recipe, verb = way.recipe, TASKS[way.recipe.task]
    if way.kind == "offload":
        return "Use less memory"
    if way.kind == "fewer":
        return f"{verb} {recipe.count} of {before.count}"
    if recipe.hires != before.hires:
        return "Without the second pass"
    size = f"{recipe.width} × {recipe.height}"
    return f"{verb} {size}" if recipe.task == "create" else f"{verb} at {size}"


def changes(way: Way, before: Recipe) -> dict[str, Any]:
    """The fields of the form that a way changes."""
    made: dict[str, Any] = {"offload": True} if way.offload else {}
    if (way.recipe.width, way.recipe.height) != (before.width, before.height):
        made["size"] = forms.size_name(way.recipe.width, way.recipe.height)
    if way.recipe.count != before.count:
        made["count"] = way.recipe.count
    if way.recipe.hires != before.hires:
        made["hires"] = way.recipe.hires
    return made


def _short(ways: Sequence[Way], before: Recipe, *, put: Put, key: str) -> None:
    """It will not fit: a button for each way that helps."""
    other = "Close other programs, or choose a smaller pack on the Shelf page. You can try all the same."
    show.notice("This may not fit in memory", "You can try all the same, or:" if ways else other, symbol="memory")
    if not ways:
        return
    with st.container(horizontal=True, key=f"{key}_afford_ways", gap="small"):
        for way in ways:
            st.button(
                label(way, before),
                key=f"{key}_afford_{way.kind}",
                icon=f":material/{ICONS[way.kind]}:",
                help=HELPS[way.kind].format(needed=words.size(way.needed)),
                on_click=put,
                args=(changes(way, before),),
            )
