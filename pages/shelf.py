"""Shelf: the packs on this machine, what they are made of and whether they are whole."""

import streamlit as st

from studio.domain.errors import EaselError
from studio.packs.manifest import Pack
from studio.ui import desk, session, show, words

VERIFIED = "shelf_verified"

studio = session.studio()


def card(pack: Pack) -> None:
    manifest = pack.manifest
    try:
        sizes, missing = studio.shelf.sizes(pack), studio.shelf.missing(pack)
    except EaselError as error:
        sizes, missing = {}, [str(error)]
    show.pack(manifest.name, manifest.description, whole=not missing)
    if missing:
        show.problem(f"{manifest.name} is incomplete: {'; '.join(missing[:3])}")
    left, right = st.columns(2, gap="large")
    with left:
        show.part("About")
        show.rows(
            [
                ("Size on disk", words.size(sum(sizes.values()))),
                ("Paints best at", words.size_label(*manifest.size)),
                ("Other sizes", ", ".join(f"{w} × {h}" for w, h in manifest.sizes[1:]) or "none"),
                ("Licence", manifest.licence),
                ("", manifest.licence_note),
                ("Folder", str(pack.folder)),
            ]
        )
        show.part("Parts")
        show.rows(words.parts(manifest.roles, sizes))
    with right:
        if manifest.can:
            show.part("It can paint")
            show.points(manifest.can)
        if manifest.cannot:
            show.part("It cannot paint")
            show.points(manifest.cannot)
        if manifest.examples:
            show.part("Try")
            with st.container(key=f"shelf_examples_{pack.id}"):
                for number, example in enumerate(manifest.examples):
                    if st.button(example, key=f"shelf_{pack.id}_{number}", icon=":material/brush:", type="tertiary"):
                        studio.keep_draft(desk.DRAFT, {**(studio.draft(desk.DRAFT) or {}), "prompt": example})
                        session.go("create")
    verify(pack)


def verify(pack: Pack) -> None:
    show.part("Are the files what they should be?")
    show.line("Every file is hashed and compared with the list that came with the pack.")
    if st.button("Verify", key=f"verify_{pack.id}", icon=":material/fact_check:"):
        bar = st.progress(0.0, text="Hashing")
        try:
            problems = studio.shelf.verify(
                pack,
                lambda done, total: bar.progress(
                    done / max(1, total), text=f"{words.size(done)} of {words.size(total)}"
                ),
            )
        except EaselError as error:
            problems = [str(error)]
        bar.empty()
        st.session_state[VERIFIED] = {**st.session_state.get(VERIFIED, {}), pack.id: problems}
    with st.expander("Files and their SHA-256", key=f"hashes_{pack.id}"):
        try:
            show.rows(list(pack.hashes().items()), mono=True)
        except EaselError as error:
            show.problem(str(error))
    problems = st.session_state.get(VERIFIED, {}).get(pack.id)
    if problems:
        show.notice("Not whole", " ".join(problems), kind="bad", symbol="error")
    elif problems is not None:
        show.notice("Whole", "Every file is exactly what it should be.", kind="good", symbol="task_alt")


packs = studio.shelf.packs()
show.title("Shelf", more=f"{len(packs)} pack{'s' * (len(packs) != 1)} on this machine")
if not packs:
    show.empty(
        "No pack is installed",
        "Without one there is nothing to paint with. `make train-starter` makes the starter pack.",
    )
for pack in packs:
    with st.container(border=True, key=f"shelfpack_{pack.id}"):
        card(pack)
