"""One artwork, large, with everything that is known of it and everything one may do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import SHOWN, Artwork
from studio.domain.control import CONTROLS
from studio.domain.errors import EaselError
from studio.domain.pose import to_openpose
from studio.gallery.keeping.changes import Change
from studio.gallery.keeping.records import record_in, typed_in
from studio.ui import again, asking, browse, desk, family, forms, kin, session, show, words
from studio.ui.gallery import about, alike, bin, bulk, export, taken, views
from studio.ui.grid import rows

_GO = "detail_go"
_PROBLEM = "detail_problem"
ROOM = 150  # pixels of the window's height that are not the picture
TREE = 60  # pixels more, so that one sees that there is a tree below it


def show_artwork(studio: Studio, id: int, *, shown: Sequence[int], back: Callable[[], None]) -> None:
    """The detail view. `shown` are the pictures last seen in the grid, to step through; `back` leads there."""
    try:
        artwork = studio.gallery.get(id)
    except EaselError as error:
        show.problem(str(error))
        st.button("All pictures", icon=":material/arrow_back:", on_click=back)
        return
    again.serve()
    views.complaint()
    _bar(artwork, about.beside(studio, id, shown), back)
    left, right = st.columns([2.4, 1], gap="large")
    with left, st.container(key="detail_picture"):
        room = ROOM + TREE if family.has_any(studio, artwork) else ROOM
        repetition = again.job_of(studio, artwork)
        if repetition is not None:
            again.body(studio, artwork, repetition, room=room)
        elif family.comparing(artwork):
            family.compared(studio, artwork)
        else:
            show.picture(artwork, room=room)
        family.tree(studio, artwork, open=_open)
    with right, st.container(key="detail_side"):
        _side(studio, artwork, back)
    bulk.draw(studio, [])
    _go_on(studio)


def _bar(artwork: Artwork, beside: tuple[int | None, int | None], back: Callable[[], None]) -> None:
    before, after = beside
    with st.container(horizontal=True, key="detail_bar", vertical_alignment="center"):
        st.button("All pictures", key="detail_back", icon=":material/arrow_back:", on_click=back, type="tertiary")
        st.space("stretch")
        family.compare_button(artwork)
        for word, symbol, id in (("Previous", "chevron_left", before), ("Next", "chevron_right", after)):
            st.button(
                word,
                key=f"detail_{word}",
                icon=f":material/{symbol}:",
                on_click=_open,
                args=(id,),
                disabled=id is None,
                type="tertiary",
            )


def _side(studio: Studio, artwork: Artwork, back: Callable[[], None]) -> None:
    if st.session_state.get(_PROBLEM):
        show.problem(st.session_state.pop(_PROBLEM))
    again.problem()
    about.lies(artwork)
    about.plate(studio, artwork, open=_open, back=back)
    key = f"caption_{artwork.id}"
    st.session_state.setdefault(key, artwork.caption)
    st.text_area(
        "Caption",
        key=key,
        height=84,
        placeholder="What does it show?",
        on_change=_caption,
        args=(studio, artwork, key),
    )
    by = (
        "Written by you"
        if artwork.caption_by == "you"
        else f"Written by {artwork.caption_by}"
        if artwork.caption
        else ""
    )
    show.verdict(artwork, more=by)
    _actions(studio, artwork, back)
    _tags(studio, artwork)
    about.note(studio, artwork)
    asking.box(studio, artwork)
    recipe = artwork.recipe
    if artwork.prompt or recipe:
        show.part("Prompt")
        show.quote(recipe.prompt if recipe else artwork.prompt)
        _typed(studio, artwork)
    if recipe and recipe.negative:
        show.part("Without")
        show.quote(recipe.negative)
    if recipe:
        show.part("Recipe")
        show.rows([pair for pair in kin.fields(recipe).items() if pair[0] not in ("Prompt", "Without")])
    rows.line(studio, artwork)
    _map(artwork)
    about.origin(artwork)
    taken.draw(studio, artwork)
    show.part("File")
    show.rows(_file_rows(artwork) + again.made_with(record_in(studio.gallery, artwork)))


def _typed(studio: Studio, artwork: Artwork) -> None:
    """What was typed before styles, wildcards and LoRA tags made the prompt of it."""
    typed = typed_in(studio.gallery, artwork)
    if typed is not None:
        prompt, styles = typed
        rows = [("Typed", prompt)] if artwork.recipe and prompt != artwork.recipe.prompt else []
        show.rows(rows + ([("Styles", ", ".join(styles))] if styles else []))


def _actions(studio: Studio, artwork: Artwork, back: Callable[[], None]) -> None:
    if artwork.deleted_at is not None:
        bin.plate(studio, artwork, restore=lambda: _restore(studio, artwork.id))
        return
    with st.container(horizontal=True, key="detail_actions", gap="small"):
        if artwork.kind == "proposal":
            st.button(
                "Keep", key="detail_keep", icon=":material/check:", on_click=_keep, args=(studio, artwork.id),
                help="Put it into the gallery", type="primary",
            )  # fmt: skip
        if artwork.kind == "map":
            st.button(
                "Use as control", key="use_map", icon=":material/draw:", type="primary", on_click=_guide,
                args=(artwork.id,), help="Guide the next picture with it",
            )  # fmt: skip
        elif artwork.kind != "mask":
            st.button(
                "Guide", key="guide_this", icon=":material/draw:", on_click=_guide, args=(artwork.id,),
                type="secondary" if artwork.kind == "proposal" else "primary",
                help="Paint another one with its pose, depth or edges, or vary it",
            )  # fmt: skip
            st.button(
                "Edit", key="edit_this", icon=":material/ink_eraser:", on_click=_guide, args=(artwork.id, "inpaint"),
                help="Brush over a part of it and paint that anew",
            )  # fmt: skip
        if artwork.recipe and artwork.recipe.task == "create":
            st.button("Use this recipe", key="use", icon=":material/tune:", on_click=_use, args=(artwork,))
        if artwork.recipe:
            st.button(
                "Paint again",
                key="paint_again",
                icon=":material/casino:",
                help="The same recipe with a new seed",
                on_click=_paint_again,
                args=(studio, artwork),
            )
        again.button(studio, artwork)
        alike.buttons(artwork)
        show.download(artwork)
        if artwork.kind in SHOWN:
            with st.popover("Export", icon=":material/ios_share:", key="detail_export"):
                export.draw(studio, [artwork.id])
        st.button("Delete", key="delete", icon=":material/delete:", on_click=_delete, args=(studio, artwork.id, back))


def _tags(studio: Studio, artwork: Artwork) -> None:
    key = f"tags_{artwork.id}"
    st.session_state.setdefault(key, list(artwork.tags))
    st.multiselect(
        "Tags",
        list(dict.fromkeys([*studio.gallery.tags(), *artwork.tags])),
        key=key,
        accept_new_options=True,
        placeholder="Add a tag",
        on_change=_retag,
        args=(studio, artwork, key),
    )


def _file_rows(artwork: Artwork) -> list[tuple[str, str]]:
    rows = [
        ("Name", artwork.file[:12] + "…" + artwork.file[64:]),
        ("Pixels", f"{artwork.width} × {artwork.height}"),
        ("Size", words.size(artwork.bytes)),
        (
            "Imported" if artwork.kind == "imported" else "Made",
            f"{datetime.fromtimestamp(artwork.created_at):%-d %B %Y, %H:%M}",
        ),
    ]
    if artwork.source_name:
        rows.append(("Came as", artwork.source_name))
    if artwork.note:
        rows.append(("Note", artwork.note))
    return rows


def _map(artwork: Artwork) -> None:
    """What a control map is: its kind, how it was drawn, its figures."""
    if artwork.map is None:
        return
    kind = CONTROLS[artwork.map.kind]
    show.part("Control map")
    rows = [("Kind", kind.label)]
    labels = {parameter.name: parameter.label for parameter in kind.parameters}
    rows += [(labels.get(name, name), f"{value:g}") for name, value in artwork.map.parameters.items()]
    if artwork.map.figures:
        rows.append(("Figures", str(len(artwork.map.figures))))
    if artwork.map.as_is:
        rows.append(("Made", "Brought along ready made"))
    show.rows(rows)
    if artwork.map.figures:
        st.download_button(
            "Save as JSON",
            to_openpose(artwork.map.figures, artwork.width, artwork.height),
            file_name=f"pose-{artwork.id}.json",
            mime="application/json",
            icon=":material/download:",
            key="detail_json",
            help="OpenPose's format, for other tools",
        )


# --- what the buttons do ------------------------------------------------------------------------------------------------


def _open(id: int) -> None:
    st.query_params["id"] = str(id)


def _caption(studio: Studio, artwork: Artwork, key: str) -> None:
    if st.session_state[key] == artwork.caption:  # a field that has just left the page can be heard once more
        return
    try:
        bulk.act(studio, [artwork.id], Change("caption", st.session_state[key]))
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)


def _retag(studio: Studio, artwork: Artwork, key: str) -> None:
    on, off = browse.tag_changes(artwork.tags, st.session_state[key])
    if not on and not off:  # heard once more, as above
        return
    try:
        bulk.act(studio, [artwork.id], [*(Change("untag", tag) for tag in off), *(Change("tag", tag) for tag in on)])
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)
    st.session_state[key] = list(studio.gallery.get(artwork.id).tags)  # as they are kept: trimmed, in small letters


def _delete(studio: Studio, id: int, back: Callable[[], None]) -> None:
    if bulk.act(studio, [id], Change("bin")):
        back()


def _restore(studio: Studio, id: int) -> None:
    bulk.act(studio, [id], Change("restore"))


def _keep(studio: Studio, id: int) -> None:
    try:
        studio.keep(id)
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)


def _use(artwork: Artwork) -> None:
    if artwork.recipe:
        desk.put(forms.fields_of(artwork.recipe))
        desk.clear_easel()
        st.session_state[_GO] = ("create", {})


def _paint_again(studio: Studio, artwork: Artwork) -> None:
    if artwork.recipe:
        try:
            job = studio.paint(artwork.recipe.with_seed(forms.new_seed()))
        except EaselError as error:
            st.session_state[_PROBLEM] = str(error)
        else:
            if artwork.recipe.task == "create":
                desk.remember_job(job.id)
            st.session_state[_GO] = ("create" if artwork.recipe.task == "create" else "guide", {"job": job.id})


def _guide(id: int, task: str = "") -> None:
    st.session_state[_GO] = ("guide", {"source": id, **({"task": task} if task else {})})


def _go_on(studio: Studio) -> None:
    """Leave for another page, once a callback asked for it (a callback cannot)."""
    going = st.session_state.pop(_GO, None)
    if going is not None:
        desk.keep(studio)
        session.go(going[0], **going[1])
