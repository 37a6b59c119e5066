"""Queue: every job, what it waits for, how it goes and how it ended."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from studio.domain.errors import EaselError
from studio.domain.job import ENDED, LANES, LIVE, Job
from studio.gallery.coming import folders
from studio.ui import desk, press, session, show, watch
from studio.ui.gallery import bringing
from studio.ui.grid import rows

KINDS = {
    "Everything": (),
    "Paintings": ("paint",),
    "Imports": ("import",),
    "Looks": tuple(kind for kind, lane in LANES.items() if lane == "look"),
}
PAGE = 40
POLL = 0.7  # seconds
PROBLEM, AMOUNT = "queue_problem", "queue_amount"

studio = session.studio()
pressed = press.presses("queue")
try:
    pressed.serve()
except EaselError as error:
    st.session_state[PROBLEM] = str(error)


def again(job: Job) -> Callable[[str], None]:
    return lambda wish: desk.remember_job(studio.again(job.id, key=wish).id)


def more() -> None:
    st.session_state[AMOUNT] = st.session_state.get(AMOUNT, PAGE) + PAGE


def group(title: str, jobs: list[Job]) -> None:
    if jobs:
        show.part(f"{title} · {len(jobs)}")
    for job in jobs:
        row(job)


def row(job: Job) -> None:
    if "grid" in job.payload and rows.row(studio, job):
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"job_{job.id}", gap="small"):
        show.job(job, watch.line(studio, job) if job.live else "", pictures(job))
        if job.live:
            if job.state == "waiting":
                st.button(
                    "To the front",
                    key=f"front_{job.id}",
                    icon=":material/vertical_align_top:",
                    on_click=studio.to_front,
                    args=(job.id,),
                )
            watch.cancel(studio, job)
        elif job.kind in ("paint", "import"):
            st.button(
                "Run again",
                key=f"again_{job.id}_{pressed.key}",
                icon=":material/replay:",
                help="The same recipe with the same seed" if job.kind == "paint" else None,
                on_click=pressed.note,
                args=(pressed.key, again(job)),
            )
        if job.kind == "import" and not job.live and job.result.get("left_out"):
            left_out = partial(folders.all_left_out, studio.database, job.payload, job.result)
            bringing.keep(left_out, f"easel-import-{job.id}", key=f"report_{job.id}")
        if job.kind == "paint":
            session.door(
                "Show", "create", key=f"show_{job.id}", icon=":material/visibility:",
                before=partial(desk.remember_job, job.id), job=job.id,
            )  # fmt: skip


def pictures(job: Job) -> list[int]:
    return [id for id in job.result.get("artworks", ()) if isinstance(id, int)][:4] if job.kind == "paint" else []


kinds = KINDS[st.session_state.get("queue_kinds") or "Everything"]
waiting = studio.queue.count(LIVE, kinds)
show.title("Queue", more=f"{waiting} to do" if waiting else "Nothing runs and nothing waits")
st.segmented_control(
    "Show", list(KINDS), default="Everything", key="queue_kinds", required=True, label_visibility="collapsed"
)
paused = studio.queue.paused()
if paused:
    show.notice("The queue is paused", paused, kind="bad", symbol="pause")
if st.session_state.get(PROBLEM):
    show.problem(st.session_state.pop(PROBLEM))


@st.fragment(run_every=POLL)
def live() -> None:
    if studio.queue.count(LIVE, kinds) != waiting:
        st.rerun()  # one ended or came: the rest of the page has to know
    jobs = studio.grids.gathered(LIVE, kinds)
    group("Running", [job for job in jobs if job.state == "running"])
    group("Waiting", [job for job in jobs if job.state == "waiting"])
    session.follow()


live()
amount = st.session_state.get(AMOUNT, PAGE)
ended = studio.grids.gathered(ENDED, kinds, limit=amount + 1)
group("Ended", ended[:amount])
if not ended and not waiting:
    show.empty("Nothing to do", "What you paint, import and search for is listed here, with how it went and why.")
if len(ended) > amount:
    st.button("Show more", on_click=more, icon=":material/expand_more:")
