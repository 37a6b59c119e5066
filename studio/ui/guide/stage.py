"""The Guide page's large half: the picture, or the editor of its mask, its pose or a map. It decides nothing."""

from __future__ import annotations

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.control import CONTROLS
from studio.domain.pose import from_openpose, to_openpose
from studio.packs.manifest import Manifest
from studio.ui import forms as shared
from studio.ui import show, watch
from studio.ui.components import editors
from studio.ui.guide import acts, aids, choose, correct, desk, forms, maps, masks, results
from studio.ui.guide import sheet as sheets
from studio.ui.guide.forms import GuideFields
from studio.ui.guide.sheet import Aid

ROOM = 210  # pixels of the window's height that are not the picture


def stage(studio: Studio, manifest: Manifest) -> None:
    """Whatever is looked at now, and above it what else there is to look at."""
    on_its_way = choose.arriving(studio)
    sheet, fields = desk.sheet(), desk.fields()
    source = desk.source_of(studio)
    offered, now = sheets.views(sheet, fields["task"]), sheets.shown(sheet, fields["task"])
    bar = st.container(horizontal=True, horizontal_alignment="distribute", key="guide_bar")
    if len(offered) > 1:
        st.session_state["guide_view"] = now
        bar.segmented_control(
            "Look at", list(offered), key="guide_view", required=True, format_func=offered.__getitem__,
            label_visibility="collapsed", on_change=_look,
        )  # fmt: skip
    aid = next((one for one in sheet.aids if one.view == now), None)
    if now == sheets.RESULT:
        results.results(studio, manifest, bar)
    elif aid is not None:
        _aid(studio, aid, source, fields)
    elif source is not None and now == sheets.MASK:
        _mask(studio, source)
    elif source is not None:
        _source(source, fields)
    elif not on_its_way:
        choose.idle(studio, manifest)
    results.undecided(studio)


def _look() -> None:
    acts.look_at(st.session_state["guide_view"])


# --- the picture and its mask -------------------------------------------------------------------------------------------


def _source(source: Artwork, fields: GuideFields) -> None:
    if fields["task"] == "outpaint" and fields["sides"]:
        show.stretched(source, forms.extension(fields), room=ROOM)
    else:
        show.picture(source, room=ROOM)
    hint = {
        "create": "Add a pose, depth or edges on the right: the next picture will follow them.",
        "vary": "The next picture begins from this one.",
        "outpaint": "The hatched part will be painted; nothing of the picture itself changes.",
        "enlarge": "The whole picture, larger.",
    }
    show.line(hint.get(fields["task"], ""), style="hint")


def _mask(studio: Studio, source: Artwork) -> None:
    sheet = desk.sheet()
    selecting = maps.job_of(studio, sheet.selecting)
    if selecting is not None:  # one that has ended since this run began is taken in by the next
        watch.follow(studio, selecting, lambda now: watch.bar(studio, now))
    editors.mask(
        key=desk.mask_key(source.id),
        src=f"/shown/{source.id}",
        alt=source.alt,
        width=source.width,
        height=source.height,
        mask=masks.url(sheet.mask),
        revision=sheet.mask_revision,
        changed=desk.hear,
    )


# --- the map of a control -----------------------------------------------------------------------------------------------


def _aid(studio: Studio, aid: Aid, source: Artwork | None, fields: GuideFields) -> None:
    if aid.kind == "pose":
        _pose(studio, aid, source, fields)
        return
    job = maps.preview(studio, aid, desk.sheet(), fields)
    if job is not None and job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
    src = aids.picture_of(studio, aid, fields)
    if aid.ready and not aid.overlay:
        src = f"/pictures/{aid.ready}"
    size = _size(aid, source, fields, studio)
    label = CONTROLS[aid.kind].label
    if src and correct.correcting(aid):
        correct.editor(aid, src, *size)
    elif src:
        show.drawing(src, f"{label} of the source", *size, room=ROOM)
        show.line(f"{label}. {CONTROLS[aid.kind].explanation}", style="hint")
    elif source is not None:
        show.picture(source, room=ROOM)
    else:
        show.empty(label, "It needs a picture to be drawn from, or a ready map.")
    if src:
        correct.tools(aid)
    if job is not None and job.state in ("failed", "refused"):
        show.problem(job.error or "The map could not be drawn.")


def _size(aid: Aid, source: Artwork | None, fields: GuideFields, studio: Studio) -> tuple[int, int]:
    ready = maps.artwork_of(studio, aid.ready)
    if ready is not None:
        return ready.width, ready.height
    return (source.width, source.height) if source is not None else shared.size_of(fields["size"])


def _pose(studio: Studio, aid: Aid, source: Artwork | None, fields: GuideFields) -> None:
    sheet = desk.sheet()
    job = maps.preview(studio, aid, sheet, fields)
    if aid.figures is None and job is not None and job.live:
        show.line("Looking for figures")
        if source is not None:
            show.picture(source, room=ROOM)
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return
    figures = maps.figures_shown(studio, aid, sheet, fields) or ()
    width, height = _size(aid, source, fields, studio)
    ready = maps.artwork_of(studio, aid.ready)
    if ready is not None and not figures:
        show.picture(ready, room=ROOM)
        show.line("This map came as a picture, so its figures cannot be moved.", style="hint")
        return
    if aid.figures is None and not figures:
        show.notice(
            "No figure was found", "Add one in the editor and drag its joints where they belong.", symbol="person"
        )
    editors.pose(
        key=desk.pose_key(aid, sheet.source),
        src=f"/shown/{source.id}" if source is not None else "",
        alt=source.alt if source is not None else "An empty picture",
        width=width,
        height=height,
        figures=figures,
        revision=2 * (aid.revision + aid.job) + (job is not None),
        changed=desk.hear,
    )
    with st.container(horizontal=True, gap="small", key="guide_pose_row"):
        if source is not None:
            st.button(
                "Find again", key=f"guide_find_{aid.id}", icon=":material/person_search:", on_click=acts.redraw,
                args=(aid.id,), help="Take the figures from the picture once more",
            )  # fmt: skip
        st.download_button(
            "Save as JSON", to_openpose(figures, width, height), file_name="pose.json", mime="application/json",
            key=f"guide_json_{aid.id}", icon=":material/download:", help="OpenPose's format",
        )  # fmt: skip
        with st.popover("Open JSON", icon=":material/upload:", key=f"guide_json_open_{aid.id}"):
            key = f"guide_json_file_{aid.id}_{aid.revision}"
            st.file_uploader(
                "An OpenPose JSON", key=key, on_change=desk.trying(_read), args=(aid.id, key, width, height)
            )


def _read(id: int, key: str, width: int, height: int) -> None:
    file = st.session_state.get(key)
    if file is not None:
        text = file.getvalue().decode("utf-8", errors="replace")
        acts.place(id, from_openpose(text, width=width, height=height))
