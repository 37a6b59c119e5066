"""The Guide page's column of controls: source, task, words, what each task needs, and the button. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.recipe import COUNT_RANGE, EXTEND_LIMIT, FACTORS, FEATHER_RANGE, SIZE_STEP, TASKS
from studio.packs import parts
from studio.packs.manifest import Manifest
from studio.ui import components, knobs, reading, reference, show, words
from studio.ui import forms as shared
from studio.ui.guide import acts, affording, aids, choose, desk, forms, masks
from studio.ui.guide import sheet as sheets
from studio.ui.guide.desk import key
from studio.ui.guide.forms import GuideFields

Roles = dict[str, tuple[str, ...]]


def column(studio: Studio, manifest: Manifest, names: dict[str, str], roles: Roles) -> None:
    """The whole column. `names` is pack id -> name, `roles` pack name -> the roles it has."""
    choose.source_row(studio, manifest)
    st.segmented_control(
        "What to do",
        list(forms.MODES),
        key=key("task"),
        required=True,
        format_func=forms.MODES.__getitem__,
        label_visibility="collapsed",
        width="stretch",
        on_change=_task,
    )
    fields, source = desk.fields(), desk.source_of(studio)
    task = fields["task"]
    if task == "create":
        aids.cards(studio, manifest, roles)
        reference.choose(studio, manifest, key=key)
        _words(studio, manifest, fields)
    elif task == "vary":
        _words(studio, manifest, fields)
        _vary(fields)
    elif task == "inpaint":
        _mask(studio, source)
        _words(studio, manifest, fields)
    elif task == "outpaint":
        _extend(source, fields)
        _words(studio, manifest, fields)
    else:
        fields = _enlarge(studio, manifest, source, fields)
        if forms.paints(task, fields["method"]):
            _words(studio, manifest, fields)
    if task in ("vary", "inpaint"):
        with st.expander(
            "Guide it as well", key="guide_as_well", expanded=bool(desk.sheet().aids or fields["reference"])
        ):
            aids.cards(studio, manifest, roles)
            reference.choose(studio, manifest, key=key)
    elif task != "create" and forms.paints(task, fields["method"]):
        reference.choose(studio, manifest, key=key)
    _go(studio, manifest, fields, roles)
    _more(studio, manifest, names, fields)


def _task() -> None:
    """Another task shows its own editor, not the last result."""
    desk.change(view=sheets.MASK if desk.fields()["task"] == "inpaint" else sheets.SOURCE)


def _said(*fields: str) -> None:
    """The sentence of what went wrong last, where it belongs to one of these fields."""
    field, sentence = desk.problem()
    if sentence and field in fields:
        show.problem(sentence)


# --- words --------------------------------------------------------------------------------------------------------------


# Task -> the label of its words, and what stands in the empty field
WORDS = {
    "create": ("Prompt", "Say what you would like to see"),
    "vary": ("Prompt", "Say what it should become"),
    "inpaint": ("What should be there", "a large yellow sun"),
    "outpaint": ("Prompt", "Say what the whole picture shows"),
    "enlarge": ("Prompt", "Say what the picture shows, or nothing"),
}


def _words(studio: Studio, manifest: Manifest, fields: GuideFields) -> None:
    name, (label, hint) = "fill" if fields["task"] == "inpaint" else "prompt", WORDS[fields["task"]]
    st.text_area(label, key=key(name), height=92, placeholder=hint, on_change=desk.committed, args=(name,))
    components.typing(key=desk.typing(name), target=f"st-key-{key(name)}")
    text = fields["fill"] if name == "fill" else fields["prompt"]

    def edit(change: Callable[[str], str]) -> None:
        held: Mapping[str, object] = desk.fields()
        desk.put({name: change(str(held[name]))})

    reading.under(
        studio,
        text,
        manifest,
        hint=f"Ctrl+Enter: {TASKS[fields['task']].lower()}.",
        loras=fields["loras"],
        edit=edit,
        key="guide",
    )
    _said(name, "prompt")


# --- what each task needs -----------------------------------------------------------------------------------------------


def _vary(fields: GuideFields) -> None:
    st.session_state["guide_strength_word"] = forms.strength_word(fields["strength"])
    st.segmented_control(
        "How much changes",
        list(forms.STRENGTHS),
        key="guide_strength_word",
        on_change=_strength_by_word,
        width="stretch",
    )
    several = fields["several"]
    st.slider(
        "From strength" if several else "Strength", 0.0, 1.0, step=0.05, key=key("strength"),
        help="0 leaves the picture as it is, 1 paints it anew.",
    )  # fmt: skip
    st.toggle("Try several strengths", key=key("several"), help="One picture for each, side by side.")
    if several:
        st.slider("To strength", 0.0, 1.0, step=0.05, key=key("strength_to"))
        st.slider("How many", *forms.SERIES, key=key("series"))
    _said("strength")


def _strength_by_word() -> None:
    word = st.session_state["guide_strength_word"]
    if word is not None:
        desk.put({"strength": forms.STRENGTHS[word]})


def _mask(studio: Studio, source: Artwork | None) -> None:
    sheet = desk.sheet()
    if source is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="guide_select_row"):
        st.text_input("Select by words", key=key("select"), placeholder="the red star", width="stretch")
        st.button(
            "Select", key="guide_select_go", on_click=desk.trying(acts.select), args=(studio, False),
            disabled=bool(sheet.selecting),
        )  # fmt: skip
        if masks.share(sheet.mask):
            st.button(
                "Add", key="guide_select_add", on_click=desk.trying(acts.select), args=(studio, True),
                help="Add it to the mask",
                disabled=bool(sheet.selecting),
            )  # fmt: skip
    _said("select")
    show.line(forms.mask_words(masks.share(sheet.mask)), style="reading")
    _said("mask")


def _extend(source: Artwork | None, fields: GuideFields) -> None:
    icons = {"Left": "arrow_back", "Up": "arrow_upward", "Right": "arrow_forward", "Down": "arrow_downward"}
    st.pills(
        "Which sides",
        list(forms.SIDES),
        key=key("sides"),
        selection_mode="multi",
        format_func=lambda side: f":material/{icons[side]}: {side}",
    )
    st.slider("By how many pixels", SIZE_STEP, min(512, EXTEND_LIMIT), step=SIZE_STEP, key=key("extend_by"))
    if source is not None and fields["sides"]:
        left, top, right, bottom = forms.extension(fields)
        show.line(
            f"{source.width} × {source.height} becomes {source.width + left + right:,} ×"
            f" {source.height + top + bottom:,} pixels.",
            style="reading",
        )
    _said("extend")


def _enlarge(studio: Studio, manifest: Manifest, source: Artwork | None, fields: GuideFields) -> GuideFields:
    upscalers = {pack.id: pack.manifest.name for pack in parts.upscalers(studio.shelf.packs(), manifest)}
    desk.put(forms.with_upscaler(fields, upscalers))
    fields, methods = desk.fields(), forms.methods(upscalers)
    st.segmented_control(
        "How large", FACTORS, key=key("factor"), required=True, format_func=lambda factor: f"{factor}×", width="stretch"
    )
    st.segmented_control(
        "How", list(methods), key=key("method"), required=True, format_func=methods.__getitem__, width="stretch"
    )
    if fields["method"] == "model" and len(upscalers) > 1:
        st.selectbox("Upscaler", list(upscalers), key=key("upscaler"), format_func=upscalers.__getitem__)
    if forms.paints("enlarge", fields["method"]):
        st.slider(
            "Strength", 0.0, 1.0, step=0.05, key=key("enlarge_strength"), help="How much detail may be made up anew."
        )
    if source is not None:
        show.line(forms.enlarged_words(source, fields["factor"]), style="reading")
    _said("factor", "upscaler")
    return fields


# --- the button and the rest --------------------------------------------------------------------------------------------


def _go(studio: Studio, manifest: Manifest, fields: GuideFields, roles: Roles) -> None:
    with st.container(key="guide_go_bar"):
        field, sentence = desk.problem()
        if sentence and field not in PLACED.get(fields["task"], ()):
            show.problem(sentence)
        pressed = desk.presses()
        with st.container(key="guide_go"):  # as on Create: after a press the button is another one
            st.button(
                forms.button_label(fields),
                key=f"guide_go_{pressed.key}",
                type="primary",
                icon=":material/brush:",
                shortcut="Ctrl+Enter",
                on_click=pressed.note,
                args=(pressed.key, partial(acts.paint, studio, manifest, roles)),
                width="stretch",
            )
        affording.bar(studio, fields)


# Task -> the fields whose sentences stand beside them; any other stands at the button
PLACED: dict[str, tuple[str, ...]] = {
    "create": ("prompt", "controls"),
    "vary": ("prompt", "strength", "controls"),
    "inpaint": ("prompt", "fill", "select", "mask", "controls"),
    "outpaint": ("prompt", "extend"),
    "enlarge": ("factor", "upscaler"),
}


def _more(studio: Studio, manifest: Manifest, names: dict[str, str], fields: GuideFields) -> None:
    with st.expander("More", key="guide_more"):
        if fields["task"] in ("create", "vary"):
            st.segmented_control(
                "Size",
                shared.sizes_offered(manifest, fields["size"]),
                key=key("size"),
                required=True,
                format_func=lambda name: words.size_icon(*shared.size_of(name)),
                width="stretch",
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox("Pack", list(names), key=key("pack"), format_func=names.__getitem__)
            if fields["task"] != "enlarge":
                st.number_input("Pictures", *COUNT_RANGE, key=key("count"), width=118)
        if fields["task"] == "inpaint":
            st.slider(
                "Feather", *FEATHER_RANGE, key=key("feather"), help="Pixels inside the mask's edge that blend in."
            )
            st.slider(
                "Strength", 0.0, 1.0, step=0.05, key=key("fill_strength"),
                help="1 paints something new there; less keeps more of what is there.",
            )  # fmt: skip
        knobs.modes(studio, manifest, fields, key=key)
        knobs.parts(studio, manifest, fields, key=key)
        knobs.finer(key=key, roll=_roll)


def _roll() -> None:
    desk.put({"seed": str(shared.new_seed())})
