"""Gallery: every picture, found by words, by example or by looking."""

from pathlib import Path

import streamlit as st

from studio.domain.artwork import Hit, Query
from studio.domain.errors import BadInput, EaselError
from studio.domain.job import Job
from studio.ui import browse, components, detail, session, show, watch, words
from studio.ui.browse import View

VIEW, FIND, IMPORT, SHOWN, EXAMPLE = (
    "gallery_view",
    "gallery_find",
    "gallery_import",
    "gallery_shown",
    "gallery_example",
)
PROBLEM = "gallery_problem"

studio = session.studio()


# --- what the widgets do ------------------------------------------------------------------------------------------------


def look(view: View) -> None:
    st.session_state[VIEW] = view
    st.query_params.from_dict(browse.address(view))


def typed() -> None:
    look(browse.changed(st.session_state[VIEW], words=st.session_state["gallery_words"]))


def shelved() -> None:
    look(browse.changed(st.session_state[VIEW], shelf=st.session_state["gallery_shelf"]))


def tagged() -> None:
    look(browse.changed(st.session_state[VIEW], tag=st.session_state["gallery_tag"] or ""))


def turn(place: int) -> None:
    view = st.session_state[VIEW]
    look(View(view.words, view.example, view.shelf, view.tag, max(0, place)))


def everything() -> None:
    drop_example()
    st.session_state["gallery_words"] = ""
    look(View())


def opened() -> None:
    id = components.picked("gallery_grid")
    if id is not None:
        st.query_params["id"] = str(id)


def dropped() -> None:
    """A picture to search by: the gate looks at it before anybody sees it again."""
    file = st.session_state[drop_key()]
    if file is None:
        return
    drop_example()  # the one before
    st.session_state["drop_round"] = st.session_state.get("drop_round", 0) + 1  # an empty box, ready for the next one
    try:
        job = studio.clear(file.getvalue(), file.name)
        st.session_state[EXAMPLE] = {"job": job.id, "spool": job.payload["spool"]}  # the search reads the same bytes
    except EaselError as error:
        st.session_state[PROBLEM] = str(error)


def drop_key() -> str:
    return f"gallery_drop_{st.session_state.get('drop_round', 0)}"


def drop_example() -> None:
    example = st.session_state.pop(EXAMPLE, None)
    if example:
        studio.files.unspool(example["spool"])
    if VIEW in st.session_state:
        look(browse.changed(st.session_state[VIEW], example=""))


def bring_files() -> None:
    files = st.session_state["import_files"]
    if files:
        start_import(lambda: studio.import_files([(file.getvalue(), file.name) for file in files]))


def bring_folder() -> None:
    start_import(lambda: studio.import_folder(Path(st.session_state["import_folder"].strip())))


def start_import(begin) -> None:  # type: ignore[no-untyped-def]
    try:
        st.session_state[IMPORT] = begin().id
        st.session_state["import_round"] = st.session_state.get("import_round", 0) + 1
    except EaselError as error:
        st.session_state[PROBLEM] = str(error)


def undo(id: int) -> None:
    studio.gallery.restore(id)
    st.session_state.pop(detail.DELETED, None)


def forget(name: str) -> None:
    st.session_state.pop(name, None)


# --- parts of the page --------------------------------------------------------------------------------------------------


def tools(view: View) -> None:
    st.session_state.setdefault("gallery_words", view.words)
    st.session_state.setdefault("gallery_shelf", view.shelf)
    with st.container(horizontal=True, key="gallery_tools", vertical_alignment="center"):
        st.text_input(
            "Search",
            key="gallery_words",
            type="search",
            icon=":material/search:",
            placeholder="red star at night -house",
            label_visibility="collapsed",
            on_change=typed,
            max_chars=browse.WORDS_LIMIT,
            help="Words say what is in the picture, -words what is not, like:12 means similar to picture 12.",
        )
        with st.popover("By picture", icon=":material/image_search:", key="by_picture"):
            show.line("Drop a picture to find others like it. It is checked first, and not kept.")
            st.file_uploader("Picture to search by", key=drop_key(), on_change=dropped, label_visibility="collapsed")
        st.segmented_control(
            "Shelf",
            browse.SHELVES,
            key="gallery_shelf",
            required=True,
            label_visibility="collapsed",
            on_change=shelved,
        )
        tags = list(studio.gallery.tags())
        if tags or view.tag:
            if view.tag and view.tag not in tags:
                tags.append(view.tag)
            st.session_state.setdefault("gallery_tag", view.tag or None)
            st.selectbox(
                "Tag",
                tags,
                key="gallery_tag",
                index=None,
                placeholder="Any tag",
                label_visibility="collapsed",
                on_change=tagged,
                width=170,
            )
        with st.popover("Import", icon=":material/upload:", key="import"):
            import_form()


def import_form() -> None:
    round = st.session_state.get("import_round", 0)
    show.line(
        "Pictures are checked, described and put into the gallery. What cannot be used is listed with its reason."
    )
    files = st.file_uploader(
        "Pictures", key=f"import_files_{round}", accept_multiple_files=True, label_visibility="collapsed"
    )
    if files:
        st.session_state["import_files"] = files
        st.button(
            f"Import {len(files)} file{'s' * (len(files) != 1)}", type="primary", on_click=bring_files, width="stretch"
        )
    st.text_input("Or a folder on this machine", key="import_folder", placeholder="/home/me/Pictures")
    if st.session_state["import_folder"].strip():
        st.button("Import the folder", on_click=bring_folder, width="stretch", icon=":material/folder_open:")


def import_notice() -> None:
    id = st.session_state.get(IMPORT)
    if id is None:
        return
    job = studio.job(id)
    if job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return
    skipped = job.result.get("skipped", [])
    headline = words.imported(job.result) if job.result else words.STATES[job.state]
    with st.container(horizontal=True, vertical_alignment="center", key="import_notice"):
        show.notice(headline, job.error, symbol="task_alt" if job.state == "done" else "error")
        st.button("Close", key="close_import", on_click=forget, args=(IMPORT,))
    if skipped:
        with st.expander(f"Skipped: {len(skipped)}", expanded=True):
            show.rows([(str(skip["name"]), str(skip["reason"])) for skip in skipped[:500]])


def undo_bar() -> None:
    id = st.session_state.get(detail.DELETED)
    if id is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="undo_bar"):
            show.notice(f"Picture {id} is in the bin.", symbol="delete")
            st.button("Undo", key="undo", icon=":material/undo:", on_click=undo, args=(id,), type="primary")
            st.button("Close", key="close_undo", on_click=forget, args=(detail.DELETED,))


def example_bar(view: View) -> View:
    """The picture to search by: being checked, refused, or at work."""
    example = st.session_state.get(EXAMPLE)
    if example is None:
        return view
    job = studio.job(example["job"])
    if job.live:
        watch.follow(studio, job, lambda now: watch.bar(studio, now))
        return view
    with st.container(horizontal=True, vertical_alignment="center", key="example_bar"):
        if job.state == "done":
            show.preview(str(job.result.get("preview", "")), "The picture you search by")
            show.line("Like this picture, and the words" if view.words.strip() else "Like this picture")
        else:
            headline, sentence = words.ending(job)
            show.notice(headline, sentence, kind="bad", symbol="shield")
        st.button("Remove", key="drop_example", icon=":material/close:", on_click=drop_example)
    return View(view.words, example["spool"], view.shelf, view.tag, view.place) if job.state == "done" else view


def wall(view: View) -> None:
    try:
        query, notes = browse.asked(view)
    except BadInput as error:  # a filter that makes no sense says so, and the box keeps what was typed
        show.problem(str(error))
        return
    for note in notes:
        show.line(note)
    if not query.by_meaning:
        total = studio.gallery.count(query)
        hang(view, [Hit(artwork) for artwork in studio.gallery.page(query)], total)
        return
    job = search(query)
    if job.live:
        watch.follow(studio, job, searching)
    elif job.state != "done":
        show.problem(job.error or f"The search was {job.state}.")
    else:
        hang(view, studio.hits(job), job.result.get("total"))


def search(query: Query) -> Job:
    """The job that answers this query: the one that this tab has begun, or a new one."""
    held = st.session_state.get(FIND)
    if held is None or held[0] != query:
        held = (query, studio.find(query).id)
        st.session_state[FIND] = held
    return studio.job(held[1])


def searching(job: Job) -> None:
    show.line(watch.line(studio, job))
    show.skeletons(12)


def hang(view: View, hits: list[Hit], total: int | None) -> None:
    st.session_state[SHOWN] = [hit.artwork.id for hit in hits]
    if not hits:
        with st.container(key="nothing_here"):
            nothing_here(view)
        return
    components.grid(show.tiles(hits), key="gallery_grid", chosen=opened)
    more = total is not None and view.place + len(hits) < total
    if view.place or more:
        with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="turning"):
            back, on = view.place - browse.PAGE, view.place + browse.PAGE
            st.button("Back", icon=":material/arrow_back:", on_click=turn, args=(back,), disabled=not view.place)
            show.line(browse.counted(view, len(hits), total))
            st.button("Next", icon=":material/arrow_forward:", on_click=turn, args=(on,), disabled=not more)


def nothing_here(view: View) -> None:
    if view.shelf == "Bin":
        show.empty("The bin is empty", f"What you delete stays here for {studio.settings.bin_days} days.")
    elif view.shelf == "Maps" and not (view.words or view.tag):
        show.empty("No maps yet", "The poses, depths and edges that you guide pictures with are kept here.")
        if st.button("Guide a picture", type="primary", icon=":material/draw:"):
            session.go("guide")
    elif view.plain:
        show.empty("No pictures yet", "Paint the first one, or import some that you have.")
        if st.button("Paint the first one", type="primary", icon=":material/brush:"):
            session.go("create")
    else:
        show.empty("Nothing found", "Try fewer words, or look at everything.")
        st.button("Show everything", on_click=everything)


# --- the page -----------------------------------------------------------------------------------------------------------

if VIEW not in st.session_state or (st.query_params and "id" not in st.query_params):
    st.session_state[VIEW] = browse.read(st.query_params)
view: View = st.session_state[VIEW]
id = session.number("id")

if id is not None:
    detail.show_artwork(studio, id, shown=st.session_state.get(SHOWN, []), back=lambda: look(st.session_state[VIEW]))
else:
    show.title("Gallery", more=f"{studio.gallery.count(Query()):,} pictures")
    tools(view)
    if st.session_state.get(PROBLEM):
        show.problem(st.session_state.pop(PROBLEM))
    undo_bar()
    import_notice()
    wall(example_bar(view))
