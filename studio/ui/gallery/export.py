"""The export of chosen pictures: as what, with which words, where to; what will leave; how it goes. A job does it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from studio.app import Studio
from studio.domain.errors import BadInput, EaselError
from studio.domain.export import FIELDS, FORMATS, METADATA, SHAPES, Export
from studio.domain.job import Job
from studio.gallery.leaving import exporting, naming
from studio.ui import show, watch, words
from studio.ui.press import new_key

DRAFT = "export"  # the choice of the last time
JOB = "export_job"  # the job that this tab began last
_PROBLEM, _KEY, _TO = "export_problem", "export_key", "export_to"
_SHAPE, _FORMAT, _QUALITY, _METADATA, _GPS, _NAMES = (
    "export_shape", "export_format", "export_quality", "export_metadata", "export_gps", "export_names",
)  # fmt: skip
WORDS = {
    "files": ":material/photo_library: Files",
    "zip": ":material/folder_zip: Zip",
    "sheet": ":material/grid_on: Sheet",
    "pdf": ":material/picture_as_pdf: PDF",
}
_RAW = 65_536  # ids of a job's payload that are compared with what is selected


def draw(studio: Studio, ids: Sequence[int]) -> None:
    """The form for these pictures, or how their export goes and what came of it."""
    ids = list(ids)
    with st.container(key="export"):
        job = _job(studio, ids)
        if job is not None and job.live:
            watch.follow(studio, job, lambda now: watch.bar(studio, now))
            return
        if job is not None:
            _result(studio, job)
        else:
            _form(studio, ids)


# --- the form -----------------------------------------------------------------------------------------------------------


def _form(studio: Studio, ids: list[int]) -> None:
    _remember(studio)
    problem = st.session_state.pop(_PROBLEM, None)
    if problem:
        show.problem(problem)
    st.segmented_control("Export as", list(SHAPES), key=_SHAPE, format_func=lambda one: WORDS[one], required=True)
    try:
        choice = _choice()
    except BadInput as error:  # the pattern of names; everything else is chosen from a list
        choice, wrong = dataclasses.replace(_choice(names=False)), str(error)
    else:
        wrong = ""
    if not choice.is_sheet:
        left, right = st.columns([1.25, 1])
        with left:
            st.selectbox("Format", list(FORMATS), key=_FORMAT, format_func=lambda one: FORMATS[one])
        with right:
            if choice.format in ("jpeg", "webp"):
                st.slider(
                    "Quality", 40, 100, key=_QUALITY, help="90 is hard to tell from the original, and much smaller"
                )
    st.segmented_control(
        "Under the pictures" if choice.is_sheet else "In the files",
        ["recipe", "none"] if choice.is_sheet else ["recipe", "all", "none"],
        key=_METADATA,
        format_func=lambda one: "Captions or prompts" if choice.is_sheet and one == "recipe" else METADATA[one],
        required=True,
    )
    counted = exporting.tally(studio.database, ids, choice)
    show.leaving(_lines(studio, ids, choice, counted))
    if not choice.is_sheet and counted.outside:
        st.toggle(
            "Also where photographs were taken", key=_GPS,
            help="Only files in watched folders still say it; from what Easel keeps it was taken out.",
        )  # fmt: skip
    _more(studio, ids, choice, wrong)
    _where(studio, ids, choice, counted, wrong)


def _more(studio: Studio, ids: list[int], choice: Export, wrong: str) -> None:
    """The names of the files."""
    if choice.is_sheet:
        return
    with st.expander("Name of the file" if len(ids) == 1 else "Names of the files"):
        st.text_input("Pattern", key=_NAMES, help=f"Fields: {', '.join(f'{{{field}}}' for field in FIELDS)}")
        found = studio.gallery.many(ids[:1])
        if wrong:
            show.problem(wrong)
        elif found:
            show.line(
                f"{'' if len(ids) == 1 else 'Such as '}{naming.stem(next(iter(found.values())), choice.names, number=1)}"
            )


def _lines(studio: Studio, ids: list[int], choice: Export, counted: exporting.Tally) -> list[tuple[str, bool, str]]:
    """What leaves and what stays: of one picture its very values, of several how many have each."""
    fields = exporting.fields(counted, choice)
    if len(ids) != 1 or choice.is_sheet or not counted.pictures:
        return [(one.name, one.leaves, one.remark) for one in fields]
    artwork = studio.gallery.get(ids[0])
    try:
        data = studio.files.unchanged(artwork.file, binned=artwork.deleted_at is not None, place=artwork.place)
        said = exporting.what_leaves(artwork, data, choice)
    except EaselError as error:
        return [(str(error), False, "")]
    stays = [(one.name, False, one.remark) for one in fields if not one.leaves]
    return [(what, True, value) for what, value in said] + stays


def _where(studio: Studio, ids: list[int], choice: Export, counted: exporting.Tally, wrong: str) -> None:
    st.text_input("Folder on this machine", key=_TO, placeholder=str(Path.home() / "Pictures"))
    what = _what(choice, counted.pictures)
    key = st.session_state.setdefault(_KEY, new_key())
    off = bool(wrong) or not counted.pictures
    with st.container(horizontal=True, key="export_go", vertical_alignment="center"):
        st.button(
            f"Export {what}", key="export_folder", type="primary", icon=":material/drive_file_move:", disabled=off,
            on_click=_go, args=(studio, ids, choice, key, True),
        )  # fmt: skip
        large = counted.bytes > exporting.DOWNLOAD_LIMIT
        st.button(
            "Download", key="export_download", icon=":material/download:", disabled=off or large,
            help="That is a lot for a browser; choose a folder" if large else "Through the browser, as one file",
            on_click=_go, args=(studio, ids, choice, key, False),
        )  # fmt: skip
        show.line(f"about {words.size(counted.bytes)}")


def _what(choice: Export, count: int) -> str:
    if choice.shape == "files":
        return "1 file" if count == 1 else f"{count:,} files"
    return {"zip": "a zip", "sheet": "a sheet", "pdf": "a PDF"}[choice.shape]


def _choice(*, names: bool = True) -> Export:
    state = st.session_state
    sheet = state[_SHAPE] in ("sheet", "pdf")
    metadata = state.get(_METADATA) or "recipe"
    return Export(
        shape=state[_SHAPE],
        format="same" if sheet else state.get(_FORMAT, "same"),
        quality=int(state.get(_QUALITY, 90)),
        metadata="recipe" if sheet and metadata == "all" else metadata,
        gps=bool(state.get(_GPS)) and not sheet,
        **({"names": state[_NAMES]} if names else {}),
    )


def _remember(studio: Studio) -> None:
    """Begin with the choice of the last time. The place of photographs is asked for anew each time."""
    if _SHAPE in st.session_state and _TO in st.session_state:
        for key in (_SHAPE, _FORMAT, _QUALITY, _METADATA, _NAMES, _TO):  # kept while their widgets are not drawn
            if key in st.session_state:
                st.session_state[key] = st.session_state[key]
        if st.session_state[_SHAPE] in ("sheet", "pdf") and st.session_state.get(_METADATA) == "all":
            st.session_state[_METADATA] = "recipe"
        return
    body = studio.draft(DRAFT) or {}
    try:
        choice = Export.from_dict(body.get("choice"))
    except (BadInput, TypeError):
        choice = Export()
    kept = {
        _SHAPE: choice.shape,
        _FORMAT: choice.format,
        _QUALITY: choice.quality,
        _METADATA: choice.metadata,
        _NAMES: choice.names,
    }
    for key, value in kept.items():
        st.session_state[key] = value
    st.session_state[_TO] = str(body.get("to") or Path.home() / "Pictures" / "Easel")


def _go(studio: Studio, ids: list[int], choice: Export, key: str, to_folder: bool) -> None:
    """Queue the export; what goes wrong is said in the form."""
    try:
        if not to_folder and choice.shape == "files" and len(ids) > 1:
            choice = dataclasses.replace(choice, shape="zip")
        to = None
        if to_folder:
            needed = exporting.tally(studio.database, ids, choice).bytes
            watched = exporting.watched_folders(studio.database)
            to = exporting.place_for(st.session_state[_TO], home=studio.home, watched=watched, needed=needed)
        job = studio.submit("export", exporting.payload(ids, choice, to=to), key=f"export-{key}")
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[JOB] = job.id
    st.session_state.pop(_KEY, None)
    studio.keep_draft(
        DRAFT,
        {"choice": {**choice.to_dict(), "gps": False, "shape": st.session_state[_SHAPE]}, "to": st.session_state[_TO]},
    )


# --- how it goes --------------------------------------------------------------------------------------------------------


def _job(studio: Studio, ids: list[int]) -> Job | None:
    """The export that this tab began of these very pictures."""
    id = st.session_state.get(JOB)
    try:
        job = studio.job(id) if id is not None else None
    except EaselError:
        return None
    return job if job is not None and job.payload.get("ids", [])[:_RAW] == ids[:_RAW] else None


def _result(studio: Studio, job: Job) -> None:
    result = job.result
    paths = [Path(path) for path in result.get("paths", ()) if isinstance(path, str)]
    if job.state == "done":
        show.notice(exporting.resulting(result), _summary(result, paths), kind="good", symbol="task_alt")
        if result.get("download"):
            _save(paths)
        elif paths:
            st.code(str(paths[0] if len(paths) == 1 else paths[0].parent), language=None, wrap_lines=True)
    else:
        some = exporting.resulting(result) if result.get("files") else ""
        headline, sentence = words.ending(job)
        if job.state == "cancelled":
            sentence = "There is no half file."
        show.notice(
            headline, " ".join(filter(None, (sentence, f"Done before that: {some}." if some else ""))), kind="bad"
        )
    left = result.get("left_out", ())
    if left:
        with st.expander(f"Stayed here: {int(result.get('left_out_count', len(left))):,}"):
            show.rows([(str(one.get("id")), str(one.get("reason"))) for one in left])
    with st.container(horizontal=True, key="export_after"):
        st.button("Export again", key="export_again", icon=":material/refresh:", on_click=_again, args=(studio, job.id))
        st.button("Change", key="export_change", icon=":material/tune:", on_click=_forget, type="tertiary")


def _summary(result: dict[str, object], paths: list[Path]) -> str:
    if result.get("download"):
        return "It is ready; it stays here until tomorrow."
    if not paths:
        return ""
    return "They lie here:" if len(paths) > 1 else "It lies here:"


def _save(paths: list[Path]) -> None:
    if not paths or not paths[0].is_file():
        show.line("The file was cleared away; export again.")
        return
    path = paths[0]
    st.download_button(
        f"Save {show.plain(path.name)}",
        path.read_bytes,  # read only when somebody presses it
        file_name=path.name,
        key="export_save",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )


def _again(studio: Studio, id: int) -> None:
    try:
        st.session_state[JOB] = studio.again(id).id
    except EaselError as error:
        st.session_state[_PROBLEM] = str(error)
        st.session_state.pop(JOB, None)


def _forget() -> None:
    st.session_state.pop(JOB, None)
