"""Will it come out the same here? The press, the picture painted again, and how near it came. It compares nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.amounts import counted
from studio.domain.artwork import Artwork
from studio.domain.errors import EaselError
from studio.domain.job import LIVE, Job
from studio.domain.record import Record
from studio.ui import press, session, show, watch, words
from studio.ui.components import editors

WAYS = {"slider": "Slider", "side": "Side by side"}
ADDRESS = "again"  # ?again=12 is the job that is looked at, so that a refresh finds it
NOTICE = 170  # pixels of the height that the notice and its buttons take
_PROBLEM, _WAY = "again_problem", "again_way"


def button(studio: Studio, artwork: Artwork) -> None:
    """The button that paints an artwork again and compares; nothing for one without a recipe."""
    if artwork.recipe is None:
        return
    pressed = press.presses(ADDRESS)
    st.button(
        "Repeat",
        key=f"repeat_{pressed.key}",
        icon=":material/difference:",
        help="Will it come out the same here? Paints it again with its own seed and compares every pixel; nothing is saved.",
        on_click=pressed.note,
        args=(pressed.key, lambda wish: _begin(studio, artwork.id, wish)),
    )


def serve() -> None:
    """Do what was pressed before this run; what goes wrong is kept to be shown beside the picture."""
    pressed = press.presses(ADDRESS)
    if not pressed.waiting:
        return
    st.session_state.pop(_PROBLEM, None)
    try:
        pressed.serve()
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)


def problem() -> None:
    """The sentence on what kept the last press from being queued, if anything did."""
    if st.session_state.get(_PROBLEM):
        show.problem(st.session_state.pop(_PROBLEM))


def job_of(studio: Studio, artwork: Artwork) -> Job | None:
    """The repetition of this artwork that is looked at, or one that runs for a tab now closed."""
    id = session.number(ADDRESS)
    try:
        job = studio.job(id) if id is not None else None
    except EaselError:
        job = None
    if job is not None and _is_of(job, artwork):
        return job
    return next((one for one in studio.queue.list(LIVE, ("repeat",)) if _is_of(one, artwork)), None)


def body(studio: Studio, artwork: Artwork, job: Job, *, room: int) -> None:
    """What stands in the picture's place: the painting in progress, or what became of it. `room` as for a picture."""
    with st.container(key="again", gap="small"):
        if job.live:
            show.part("Will it come out the same here?")
            _unlike(job)
            watch.follow(studio, job, lambda now: watch.painting(studio, now, size=(artwork.width, artwork.height)))
        elif job.state == "done":
            _result(studio, artwork, job, room)
        else:
            headline, sentence = words.ending(job)
            if job.state == "refused":
                headline, sentence = "Refused by the safety gate", job.error or "What came out is not shown."
            elif job.state == "cancelled":
                sentence = "Nothing was compared."
            show.notice(headline, sentence, kind="plain" if job.state == "cancelled" else "bad", symbol="info")
            _unlike(job)
            show.picture(artwork, room=room)
            with st.container(horizontal=True, gap="small", key="again_actions"):
                _close()


def made_with(record: Record | None) -> list[tuple[str, str]]:
    """With what a picture was painted, as rows for whoever wants to know."""
    if record is None or not record.parts:
        return []
    first, *others = record.parts
    named = [f"{one.name or one.pack} ({one.role})" for one in others]
    rows = [("Painted with", ", ".join([first.name or first.pack, *named]))]
    weights = next((digest for path, digest in first.hashes.items() if path.startswith("unet/")), "")
    weights = weights or next(iter(first.hashes.values()), "")
    if weights:
        rows.append(("Its weights", f"SHA-256 {weights[:12]}…"))
    threads = counted(record.threads, "thread") if record.threads else ""
    ways = ("memory-saving" if record.saving else "", "compiled" if record.compiled else "")
    on = [one for one in (record.device, record.dtype, threads, *ways) if one]
    if on:
        rows.append(("On", " · ".join(on)))
    if record.versions:
        rows.append(("Libraries", " · ".join(f"{name} {number}" for name, number in record.versions.items())))
    return rows


def measured_rows(measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was measured, as rows; nothing where not even the sizes agree."""
    if "largest" not in measured:
        return []
    return [
        ("Largest difference", f"{measured['largest']} of 255"),
        ("Mean difference", f"{float(measured['mean']):.2f} of 255"),
        ("Visibly different", f"{float(measured['visible']):.1%} of the pixels"),
        ("PSNR", f"{float(measured['psnr']):.1f} dB"),
    ]


def headline(sentence: str) -> tuple[str, str]:
    """A sentence such as "Different: a, because b." as a headline and what follows."""
    head, colon, rest = sentence.partition(": ")
    return (head, rest[:1].upper() + rest[1:]) if colon else (sentence.removesuffix("."), "")


# --- parts --------------------------------------------------------------------------------------------------------------


def _begin(studio: Studio, id: int, wish: str) -> None:
    st.query_params[ADDRESS] = str(studio.repeat(id, key=wish).id)


def _is_of(job: Job, artwork: Artwork) -> bool:
    return job.kind == "repeat" and job.payload.get("artwork") == artwork.id and not job.payload.get("keep")


def _result(studio: Studio, artwork: Artwork, job: Job, room: int) -> None:
    result = job.result
    same, near = result.get("same") is True, int(result.get("measured", {}).get("largest", 256)) <= 2
    head, rest = headline(str(result.get("sentence", "")))
    how = f"Painted here once more in {words.took(job.seconds)} and compared with the saved file."
    show.notice(
        head,
        f"{rest} {how}".strip(),
        kind="good" if same or near else "plain",
        symbol="task_alt" if same or near else "difference",
    )
    preview = str(result.get("preview", ""))
    beside = bool(preview) and not near and _there(studio, preview)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="again_actions"):
        if beside:
            st.session_state.setdefault(_WAY, "slider")
            st.segmented_control(
                "How", list(WAYS), key=_WAY, required=True, format_func=WAYS.__getitem__, label_visibility="collapsed"
            )
        if result.get("spool"):
            _keeping(studio, job)
        _close()
    if beside:
        editors.compare(
            key=f"again_{job.id}",
            one={"src": f"/shown/{artwork.id}", "alt": artwork.alt, "label": "As saved"},
            two={"src": f"/previews/{preview}", "alt": f"{artwork.alt}, painted again", "label": "Painted here"},
            mode=st.session_state[_WAY],
        )
    else:
        show.picture(artwork, room=room + NOTICE)
    _unlike(job)
    if not same:
        show.rows(measured_rows(result.get("measured", {})))


def _keeping(studio: Studio, job: Job) -> None:
    """Keep what was painted: the button, how the saving goes, and where it is then."""
    name = f"again_kept_{job.id}"
    held = st.session_state.get(name)
    kept = studio.job(held) if held is not None else None
    lost = kept is not None and kept.state in ("failed", "cancelled", "interrupted")
    if kept is not None and lost:
        show.problem(kept.error or "It was not kept.")
    if kept is None or lost:
        st.button(
            "Keep this one",
            key="again_keep",
            icon=":material/check:",
            help="Put what was painted here into the gallery, beside the saved one",
            on_click=_keep,
            args=(studio, job.id, name),
        )
        return
    if kept.live:
        watch.follow(studio, kept, lambda now: watch.bar(studio, now))
        return
    ids = kept.result.get("artworks") or []
    if kept.state == "done" and ids:
        show.kept()
        st.button(f"Open no. {ids[0]}", key="again_open", on_click=_open, args=(int(ids[0]),))
    else:
        show.problem(kept.error or "It could not be kept; repeat it, and keep it then.")


def _keep(studio: Studio, id: int, name: str) -> None:
    try:
        st.session_state[name] = studio.keep_repeat(id).id  # a key of its own: twice is once
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)


def _open(id: int) -> None:
    _leave()
    st.query_params["id"] = str(id)


def _close() -> None:
    st.button("Close", key="again_close", icon=":material/close:", on_click=_leave, type="tertiary")


def _leave() -> None:
    st.query_params.pop(ADDRESS, None)


def _unlike(job: Job) -> None:
    """What is not here as it was where the picture was painted."""
    told = [one for one in job.result.get("differences") or () if isinstance(one, dict)]
    if told:
        lines = [(str(one.get("label")), str(one.get("then")), str(one.get("here"))) for one in told]
        show.table(("There and then", "Here and now"), lines)
    elif job.live and job.done:
        show.line("Everything that its record tells of is the same here.")


def _there(studio: Studio, preview: str) -> bool:
    """Whether the preview still lies there: the worker's next start takes it away."""
    try:
        return studio.files.preview_path(preview).exists()
    except EaselError:
        return False
