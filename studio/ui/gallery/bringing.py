"""Bringing pictures in: files, a folder to copy or to watch, and how that goes. It reads no picture; a job does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from studio.app import Studio
from studio.domain.artwork import Query
from studio.domain.errors import EaselError
from studio.domain.job import LIVE, Job
from studio.gallery.coming import folders
from studio.gallery.coming.folders import Folder
from studio.gallery.coming.importing import hidden, report
from studio.ui import show, watch, words
from studio.ui.gallery import views
from studio.ui.press import new_key

IMPORT = "gallery_import"
STOPPING = "import_stopping"  # the number of the folder that somebody is about to watch no longer
FIRST = "import_first"  # the import whose first pictures were shown as they came
_PRESS = "import_press"  # the key of the files that are chosen now
KIND, FILES, FOLDER = "import_kind", "Files", "A whole folder"
COPY, WATCH = "Copy", "Watch"
LINES = 200  # of a report that the page shows; the file has all
Lines = list[tuple[str, str]]
SHORT = 5  # lines that are shown at once; more would push the pictures away


def draw(studio: Studio) -> None:
    """The button that opens the form."""
    with st.popover("Import", icon=":material/upload:", key="import"):
        _form(studio)
        _folders(studio)


def notice(studio: Studio) -> None:
    """An import that is on its way, and what came of the one that this tab began."""
    job = _job(studio)
    if job is None:
        return
    if job.live:
        st.session_state[IMPORT] = job.id  # whoever began it: its end is told here
        _follow(studio, job)
        return
    left_out = folders.all_left_out(studio.database, job.payload, job.result)
    with st.container(horizontal=True, vertical_alignment="center", key="import_notice"):
        headline, sentence = _ending(job)
        show.notice(headline, sentence, symbol="task_alt" if job.state == "done" else "error")
        ids = [id for id in job.result.get("ids", ()) if isinstance(id, int)]
        if ids:
            st.button(
                f"Select the {len(ids):,} new" if len(ids) > 1 else "Select the new one",
                key="import_select",
                icon=":material/check_box:",
                on_click=_select,
                args=(ids,),
            )
        if left_out:
            keep(left_out, f"easel-import-{job.id}", key="import_report")
        st.button("Close", key="close_import", on_click=_forget)
    if left_out:
        with st.expander(f"Skipped: {len(left_out):,}", expanded=len(left_out) <= SHORT):
            show.rows(left_out[:LINES])
            if len(left_out) > LINES:
                show.line(f"And {len(left_out) - LINES:,} more, all of them in the report.")


def keep(left_out: Lines | Callable[[], Lines], name: str, *, key: str) -> None:
    """The button that keeps a report: every file that was left out, with its reason, as a table; made when it is pressed."""

    def table() -> str:
        return report(left_out() if callable(left_out) else left_out)

    st.download_button(
        "Report",
        table,
        file_name=f"{name}.csv",
        mime="text/csv",
        key=key,
        icon=":material/download:",
        help="Every file that was left out, with its reason, as a table",
        on_click="ignore",
    )


def _follow(studio: Studio, job: Job) -> None:
    empty = st.session_state.get(FIRST) != job.id and not studio.gallery.count(Query())

    def going(now: Job) -> None:
        watch.bar(studio, now)
        if empty and now.result.get("imported"):
            st.session_state[FIRST] = job.id
            st.rerun()  # the first pictures of all are worth showing at once

    watch.follow(studio, job, going)


def _job(studio: Studio) -> Job | None:
    """The import that this tab began, or else one that runs."""
    id = st.session_state.get(IMPORT)
    try:
        if id is not None:
            return studio.job(id)
        # A scan that nobody asked for is worth a word once it finds something
        live = studio.queue.list(LIVE, ("import",), limit=10)
        return next((job for job in live if not job.payload.get("unasked") or job.result.get("imported")), None)
    except EaselError:  # somebody took it off the list
        _forget()
        return None


def _ending(job: Job) -> tuple[str, str]:
    if job.state == "done":
        return words.imported(job.result), ""
    headline = words.imported(job.result) if job.result.get("imported") else words.STATES[job.state]
    if job.state in ("cancelled", "interrupted"):
        return headline, f"{words.STATES[job.state]}. What came in stays; import it again to go on from there."
    return headline, job.error


# --- the form -------------------------------------------------------------------------------------------------------------


def _form(studio: Studio) -> None:
    show.line(
        "Pictures are checked, described and put into the gallery. What cannot be used is listed with its reason."
    )
    kind = st.segmented_control(
        "What to upload", (FILES, FOLDER), key=KIND, default=FILES, required=True, label_visibility="collapsed",
        width="stretch",
    )  # fmt: skip
    files = _chosen(kind == FOLDER)
    if files:
        st.session_state["import_files"] = files
        key = st.session_state.setdefault(_PRESS, new_key())
        st.button(
            f"Import {len(files):,} file{'s' * (len(files) != 1)}",
            type="primary",
            on_click=_bring_files,
            args=(studio, key),
            width="stretch",
        )
    st.text_input("Or a folder on this machine", key="import_folder", placeholder="/home/me/Pictures")
    if not st.session_state["import_folder"].strip():
        return
    way = st.segmented_control("How", (COPY, WATCH), key="import_way", default=COPY, required=True, width="stretch")
    if way == WATCH:
        show.line(_watching(studio.settings.rescan_minutes))
        label, symbol = "Watch the folder", ":material/visibility:"
    else:
        show.line("Its pictures are copied, so the folder may go afterwards.")
        label, symbol = "Import the folder", ":material/folder_open:"
    st.button(label, on_click=_bring_folder, args=(studio, way == WATCH), width="stretch", icon=symbol, type="primary")


def _chosen(folder: bool) -> list[UploadedFile]:
    """What is chosen or was dropped; of a folder all but what is hidden, as with a folder that is named by its path."""
    round = st.session_state.get("import_round", 0)
    if not folder:
        return st.file_uploader(
            "Pictures", key=f"import_files_{round}", accept_multiple_files=True, label_visibility="collapsed"
        )
    most = int(st.get_option("server.maxUploadSize"))
    show.line(
        f"With all folders in it. Each file may have {most} MB, and all of them are copied to this page first: a large"
        " folder on this machine comes in quicker by its path, below."
    )
    files = st.file_uploader(
        "Folder", key=f"import_directory_{round}", accept_multiple_files="directory", label_visibility="collapsed"
    )
    return [file for file in files if not hidden(file.name)]


def _folders(studio: Studio) -> None:
    watched = studio.folders()
    if not watched:
        return
    show.part("Watched folders")
    for folder in watched:
        with st.container(key=f"watched_{folder.id}", gap="small"):
            show.chosen("", _short(folder.path), _state(folder), symbol="folder")
            if st.session_state.get(STOPPING) == folder.id:
                _stop(studio, folder)
                continue
            with st.container(horizontal=True):
                st.button(
                    "Rescan",
                    key=f"rescan_{folder.id}",
                    icon=":material/sync:",
                    on_click=_rescan,
                    args=(studio, folder.id),
                )
                if folder.left_out:
                    keep(partial(studio.left_out, folder.id), f"easel-folder-{folder.id}", key=f"report_{folder.id}")
                st.button(
                    "Stop watching",
                    key=f"stop_{folder.id}",
                    icon=":material/visibility_off:",
                    type="tertiary",
                    on_click=_ask,
                    args=(folder.id,),
                )


def _stop(studio: Studio, folder: Folder) -> None:
    show.line("Its files stay as they are. Shall its pictures stay in the gallery?")
    with st.container(horizontal=True):
        for label, key, forget in (("Keep them", "keep", False), ("Put them into the bin", "bin", True)):
            st.button(label, key=f"stop_{key}_{folder.id}", on_click=_stopped, args=(studio, folder.id, forget))
        st.button("Go on watching", key=f"stop_not_{folder.id}", on_click=_ask, args=(None,), type="tertiary")


def _watching(minutes: int) -> str:
    found = "Rescan finds what is new."
    if minutes:
        often = "minute" if minutes == 1 else f"{minutes:,} minutes"
        found = f"What is new is found every {often} while Easel rests, or at once with Rescan."
    return f"Nothing is copied or changed. Files that move keep their tags. {found}"


def _state(folder: Folder) -> str:
    if folder.note:
        return folder.note
    if folder.scanned_at is None:
        return "Not looked at yet"
    parts = [f"{folder.files:,} file{'s' * (folder.files != 1)}"]
    parts += [f"{folder.left_out:,} skipped"] * bool(folder.left_out) + [f"{folder.gone:,} gone"] * bool(folder.gone)
    return " · ".join([*parts, f"looked at {words.ago(folder.scanned_at)}"])


def _short(path: str, *, most: int = 44) -> str:
    """The end of a path, which tells more than its beginning."""
    return path if len(path) <= most else f"…{path[1 - most :]}"


# --- what the buttons do --------------------------------------------------------------------------------------------------


def _bring_files(studio: Studio, key: str) -> None:
    """Queue the import; the second half of a double click has the key of the first, and is no new wish."""
    files = st.session_state["import_files"]
    if not files or key != st.session_state.get(_PRESS):
        return
    if _start(lambda: studio.import_files(((file.getvalue(), file.name) for file in files), key=key)):
        st.session_state.pop(_PRESS, None)


def _bring_folder(studio: Studio, watched: bool) -> None:
    if _start(lambda: studio.import_folder(Path(st.session_state["import_folder"].strip()), watch=watched)):
        st.session_state["import_folder"] = ""


def _rescan(studio: Studio, id: int) -> None:
    _start(lambda: studio.rescan(id))


def _ask(id: int | None) -> None:
    st.session_state[STOPPING] = id


def _stopped(studio: Studio, id: int, forget: bool) -> None:
    _ask(None)
    try:
        studio.stop_watching(id, forget=forget)
    except EaselError as error:
        views.complain(str(error))


def _start(begin: Callable[[], Job]) -> bool:
    try:
        st.session_state[IMPORT] = begin().id
    except EaselError as error:
        views.complain(str(error))
        return False
    st.session_state["import_round"] = st.session_state.get("import_round", 0) + 1
    return True


def _select(ids: list[int]) -> None:
    st.session_state[views.CHOSEN] = ids


def _forget() -> None:
    st.session_state.pop(IMPORT, None)
