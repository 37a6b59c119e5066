"""The cards of the Guide page's controls: which kinds there are, and each one's map, settings and use. They decide nothing."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Hit, Query
from studio.domain.control import BALANCES, CONTROLS, KINDS, Parameter
from studio.packs.manifest import Manifest
from studio.places import ASSETS
from studio.ui import components, show, watch
from studio.ui.guide import acts, desk, forms, maps
from studio.ui.guide import sheet as sheets
from studio.ui.guide.forms import GuideFields
from studio.ui.guide.sheet import Aid

SAMPLES = ASSETS / "samples" / "controls"
TYPES = {".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}
SYMBOLS = {
    "pose": "accessibility_new",
    "depth": "landscape",
    "canny": "polyline",
    "lineart": "draw",
    "scribble": "gesture",
}
READY = 24  # maps of the gallery to choose from

Roles = dict[str, tuple[str, ...]]


def cards(studio: Studio, manifest: Manifest, roles: Roles) -> None:
    """All controls in use, and the way to add another."""
    sheet, fields = desk.sheet(), desk.fields()
    on_stage = sheets.shown(sheet, fields["task"])
    for aid in sheet.aids:
        _card(studio, manifest, roles, aid, fields, open=aid.view == on_stage)
    if sheet.removed is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="guide_removed"):
            show.line(f"{CONTROLS[sheet.removed.kind].label} was removed.")
            st.button("Undo", key="guide_put_back", icon=":material/undo:", on_click=acts.put_back, type="tertiary")
    field, sentence = desk.problem()
    if field == "controls":
        show.problem(sentence)
    if not sheet.aids and fields["task"] == "create":
        show.part("What should guide it?")
        _kinds(manifest, roles, forms.FIRST_KINDS)
        with st.popover("More kinds", icon=":material/add:", key="guide_kinds", width="stretch"):
            _kinds(manifest, roles, tuple(kind for kind in KINDS if kind not in forms.FIRST_KINDS))
    else:
        with st.popover("Add a control", icon=":material/add:", key="guide_kinds", width="stretch"):
            _kinds(manifest, roles, (*forms.FIRST_KINDS, *(kind for kind in KINDS if kind not in forms.FIRST_KINDS)))


def _kinds(manifest: Manifest, roles: Roles, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        lack = forms.lacks(kind, roles, manifest.name)
        with st.container(horizontal=True, vertical_alignment="center", key=f"guide_kind_{kind}", gap="small"):
            show.chosen(
                sample(kind),
                CONTROLS[kind].label,
                lack or CONTROLS[kind].explanation,
                symbol=SYMBOLS.get(kind, "texture"),
            )
            st.button(
                "Add",
                key=f"guide_add_{kind}",
                on_click=desk.trying(acts.add),
                args=(kind,),
                disabled=bool(lack),
            )


@lru_cache(maxsize=32)
def sample(kind: str) -> str:
    """The example picture of a kind as a data URL; empty when there is none."""
    for ending, type in TYPES.items():
        path = SAMPLES / f"{kind}{ending}"
        if path.is_file():
            return f"data:{type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    return ""


# --- one control --------------------------------------------------------------------------------------------------------


def picture_of(studio: Studio, aid: Aid, fields: GuideFields) -> str:
    """Where the picture of this aid's map is, as far as there is one: a path of ours."""
    kept = maps.kept(studio, aid, desk.sheet(), fields)
    if kept is not None:
        return f"/thumbs/{kept.id}"
    if aid.ready:
        corrected = maps.preview(studio, aid, desk.sheet(), fields) if aid.overlay else None
        name = corrected.result.get("preview") if corrected is not None else ""
        return f"/previews/{name}" if name else f"/thumbs/{aid.ready}"
    job = maps.job_of(studio, aid.job)
    last = st.session_state.setdefault("guide_last_maps", {})
    place = (desk.sheet().source, aid.id)
    if job is not None and job.result.get("preview"):
        last[place] = f"/previews/{job.result['preview']}"
    elif job is None or not job.live:
        last.pop(place, None)
    return str(last.get(place, ""))  # while another one is drawn the last one stays, so that nothing flickers


def _card(studio: Studio, manifest: Manifest, roles: Roles, aid: Aid, fields: GuideFields, *, open: bool) -> None:
    kind = CONTROLS[aid.kind]
    with st.container(key=f"guide_aid_{aid.id}", border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"guide_aid_head_{aid.id}"):
            src = picture_of(studio, aid, fields) or sample(aid.kind)
            show.chosen(src, kind.label, _state(studio, aid, fields), symbol=SYMBOLS.get(aid.kind, "texture"))
            if not open:
                st.button("Adjust", key=f"guide_open_{aid.id}", on_click=acts.look_at, args=(aid.view,))
            st.button(
                "Remove",
                key=f"guide_remove_{aid.id}",
                icon=":material/close:",
                help=f"Remove {kind.label.lower()}",
                on_click=acts.remove,
                args=(aid.id,),
            )
        lack = forms.lacks(aid.kind, roles, manifest.name)
        if lack:
            show.line(lack, style="reading")
        if open:
            _drawn_by(studio, roles, aid)
            _used(aid)


def _state(studio: Studio, aid: Aid, fields: GuideFields) -> str:
    """One line on where the map comes from, or why there is none."""
    if aid.bringing:
        return "The map is being checked"
    if aid.ready:
        return "A ready map"
    figures = maps.figure_count(studio, aid, desk.sheet(), fields)
    job = maps.preview(studio, aid, desk.sheet(), fields)
    if aid.kind == "pose" and figures is not None:
        where = "placed by you" if aid.figures is not None else "found in the picture"
        return f"{figures} figure{'s' * (figures != 1)} {where}" if figures else "No figure yet; place one."
    if job is None:
        return CONTROLS[aid.kind].explanation
    if job.live:
        return "Being drawn"
    return str(job.result.get("note") or "") or (
        "Drawn from the source" if job.state == "done" else job.error or "It could not be drawn."
    )


def _drawn_by(studio: Studio, roles: Roles, aid: Aid) -> None:
    """How the map is made: the annotator's settings, or a ready map."""
    if not aid.ready:
        blind = forms.blind(aid.kind, roles)
        if blind:
            show.line(blind, style="reading")
        for parameter in CONTROLS[aid.kind].parameters:
            _parameter(aid, parameter)
    with st.container(horizontal=True, gap="small", key=f"guide_ready_row_{aid.id}"):
        job = maps.job_of(studio, aid.job)
        if not aid.ready and job is not None and job.state in ("failed", "refused", "interrupted"):
            st.button(
                "Try again",
                key=f"guide_redraw_{aid.id}",
                icon=":material/replay:",
                on_click=acts.redraw,
                args=(aid.id,),
            )
        with st.popover("Use a ready map", key=f"guide_ready_{aid.id}"):
            _ready(studio, aid)
        if aid.ready:
            st.button(
                "Draw it from the source",
                key=f"guide_unready_{aid.id}",
                on_click=acts.set_aid,
                args=(aid.id, {"ready": 0, "overlay": ""}),
                disabled=not desk.sheet().source,
            )
    bringing = maps.job_of(studio, aid.bringing)
    if bringing is not None:  # one that has ended since this run began is taken in by the next
        watch.follow(studio, bringing, lambda now: watch.bar(studio, now))


def _parameter(aid: Aid, parameter: Parameter) -> None:
    key = f"guide_aid_{aid.id}_{parameter.name}"
    value = aid.parameters.get(parameter.name, parameter.default)
    given = (aid.id, parameter.name, key)
    help = parameter.help or None
    if parameter.switch:
        st.session_state[key] = bool(value)
        st.toggle(parameter.label, key=key, help=help, on_change=_set_parameter, args=given)
        return
    whole = all(float(number).is_integer() for number in (parameter.low, parameter.high, parameter.step))
    number: Any = int if whole else float
    st.session_state[key] = number(value)
    st.slider(
        parameter.label,
        number(parameter.low),
        number(parameter.high),
        step=number(parameter.step),
        key=key,
        help=help,
        on_change=_set_parameter,
        args=given,
    )


def _set_parameter(id: int, name: str, key: str) -> None:
    aid = desk.sheet().aid(id)
    if aid is not None:
        acts.set_aid(id, {"parameters": {**aid.parameters, name: float(st.session_state[key])}})


def _ready(studio: Studio, aid: Aid) -> None:
    show.line("A map that you have: it is used as it is.")
    key = f"guide_ready_file_{aid.id}_{aid.revision}"
    st.file_uploader("A map from a file", key=key, on_change=desk.trying(_bring_map), args=(studio, aid.id, key))
    ready = [one for one in studio.gallery.page(Query(kind="map", limit=200)) if one.map and one.map.kind == aid.kind]
    if ready:
        grid = f"guide_ready_grid_{aid.id}"
        components.grid(
            show.tiles([Hit(one) for one in ready[:READY]]),
            key=grid,
            chosen=lambda: _pick_map(aid.id, grid),
            current=aid.ready,
            strip=True,
        )


def _bring_map(studio: Studio, id: int, key: str) -> None:
    file = st.session_state.get(key)
    if file is not None:
        acts.bring_map(studio, id, file.getvalue())


def _pick_map(id: int, key: str) -> None:
    picked = components.picked(key)
    if picked is not None:
        acts.set_aid(id, {"ready": picked, "figures": None, "overlay": ""})


def _used(aid: Aid) -> None:
    """How the map is used: weight, when, and what wins."""
    weight, span, balance = (f"guide_aid_{aid.id}_{name}" for name in ("use_weight", "use_span", "use_balance"))
    st.session_state[weight] = float(aid.weight)
    st.slider(
        "Weight", 0.0, 2.0, step=0.05, key=weight, on_change=_set_use, args=(aid.id, weight, span, balance),
        help="How strongly the map guides the picture.",
    )  # fmt: skip
    st.session_state[span] = (round(aid.start * 100), round(aid.end * 100))
    st.slider(
        "From and to", 0, 100, step=5, format="%d%%", key=span, on_change=_set_use,
        args=(aid.id, weight, span, balance), help="The part of the steps that listens to it.",
    )  # fmt: skip
    st.session_state[balance] = aid.balance
    st.selectbox(
        "Where they disagree", list(BALANCES), key=balance, format_func=BALANCES.__getitem__, on_change=_set_use,
        args=(aid.id, weight, span, balance),
    )  # fmt: skip


def _set_use(id: int, weight: str, span: str, balance: str) -> None:
    state = st.session_state
    start, end = state[span]
    if end - start < 5:  # a control must start before it ends
        start, end = (start, start + 5) if start <= 95 else (95, 100)
    acts.set_aid(
        id, {"weight": float(state[weight]), "start": start / 100, "end": end / 100, "balance": state[balance]}
    )
