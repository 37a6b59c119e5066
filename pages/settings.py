"""Settings: where things are, how the machine is, what the gate does, and the few things one may choose."""

import dataclasses
from typing import Any

import streamlit as st

from studio.domain.amounts import counted
from studio.domain.artwork import Query
from studio.domain.errors import EaselError
from studio.ui import session, show, styles, wildcards, words

SAID = "settings_said"

studio = session.studio()
settings = studio.settings
facts = studio.facts()


def chose(name: str) -> None:
    value: Any = st.session_state[f"settings_{name}"]
    try:
        studio.save_settings(dataclasses.replace(studio.settings, **{name: value}))
        st.session_state[SAID] = "Saved."
    except EaselError as error:
        st.session_state[SAID] = str(error)


def empty_bin() -> None:
    gone = studio.gallery.empty_bin()
    st.session_state[SAID] = f"{counted(gone)} deleted for good."


def back_up() -> None:
    try:
        st.session_state[SAID] = f"Today's backup is {studio.database.backup().name}."
    except EaselError as error:
        st.session_state[SAID] = str(error)


def choices() -> None:
    show.part("Painting")
    for name, value in (
        ("previews", settings.previews),
        ("caution", settings.caution),
        ("bin_days", settings.bin_days),
        ("rescan_minutes", settings.rescan_minutes),
    ):
        st.session_state.setdefault(f"settings_{name}", value)
    st.toggle(
        "Show drafts while a picture is painted",
        key="settings_previews",
        on_change=chose,
        args=("previews",),
        help="Each draft is checked like a finished picture before it is shown.",
    )
    show.part("Safety gate")
    show.line(
        "It is always on: every draft, picture, import and upload passes it, and it can be made stricter, never looser."
    )
    st.slider(
        "Caution",
        0.0,
        0.2,
        step=0.01,
        key="settings_caution",
        on_change=chose,
        args=("caution",),
        help="Added to every score before the threshold: at 0.05 a picture within 0.05 of being refused is refused.",
    )
    show.rows(safety())
    show.part("Watched folders")
    st.number_input(
        "Minutes between two looks",
        0,
        1_440,
        key="settings_rescan_minutes",
        on_change=chose,
        args=("rescan_minutes",),
        width=240,
        help="They are looked at while nothing else is to be done; 0: only when you press Rescan on the Gallery page.",
    )
    show.part("Bin")
    binned = studio.gallery.count(Query(binned=True))
    st.number_input(
        "Days that deleted pictures stay",
        1,
        3_650,
        key="settings_bin_days",
        on_change=chose,
        args=("bin_days",),
        width=240,
    )
    with st.popover(
        f"Empty the bin ({binned:,})", icon=":material/delete_forever:", disabled=not binned, key="empty_bin"
    ):
        show.line("These pictures are deleted for good, files and all.")
        st.button(f"Delete {binned:,} for good", on_click=empty_bin, type="primary")


def safety() -> list[tuple[str, str]]:
    try:
        holder = studio.shelf.holder("checker", settings.pack)
    except EaselError as error:
        return [("Checker", str(error))]
    state = (
        f"{holder.manifest.name}: every picture, draft and upload" if holder else "missing, so everything is blocked"
    )
    concepts = holder.manifest.concepts.values() if holder else ()
    return [
        ("Checker", state),
        ("Refuses", "; ".join(concepts) or "what its checker was trained to find"),
        ("Without a checker", "nothing is painted, shown or saved"),
        ("Refused pictures", "leave reasons and margins, never pixels"),
    ]


def machine() -> None:
    show.part("Home folder")
    show.rows(
        [
            ("Folder", facts["home"]),
            ("Free space", words.size(facts["free_bytes"])),
            ("Pictures", f"{facts['artworks']:,}, and {facts['binned']:,} in the bin"),
            ("Database", words.size(facts["database_bytes"])),
            ("Backups", backups(facts["backups"])),
        ]
    )
    st.button("Back up now", icon=":material/backup:", on_click=back_up)
    show.part("Worker")
    worker()
    show.part("This machine")
    show.rows([("Machine", facts["machine"]), ("Python", facts["python"]), *facts["versions"].items()])
    show.part("Looks")
    show.line("Easel is dark or light as your system is. Nothing on these pages is fetched from anywhere else.")


def backups(paths: list[str]) -> str:
    if not paths:
        return "none yet; one is made each day that Easel is used"
    last = paths[-1].rpartition("easel-")[2].removesuffix(".db")
    return f"{len(paths)}, the last of {last}"


@st.fragment(run_every=2)
def worker() -> None:
    state = studio.supervisor.state()
    show.rows(
        [
            ("State", show.WORKER.get(state.state, state.state)),
            ("Device", state.device or "not known before it has started"),
            ("Process", str(state.pid) if state.pid else "none"),
            ("Note", state.note or "all is well"),
        ]
    )


show.title("Settings")
said = st.session_state.pop(SAID, "")
if said:
    st.toast(said.replace("[", "\\["))
left, right = st.columns(2, gap="large")
with left, st.container(key="choices"):
    choices()
with right, st.container(key="machine"):
    machine()
show.title("Words", more="what you keep to write prompts with")
left, right = st.columns(2, gap="large")
with left, st.container(key="styles"):
    styles.manage(studio)
with right, st.container(key="wildcards"):
    wildcards.manage(studio)
