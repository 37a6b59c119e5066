"""The page of that house: `?part=` says which editor; what Python knows of it stands below as JSON."""

from __future__ import annotations

import base64
import io
import json

import streamlit as st
from PIL import Image

from studio.domain.pose import figure_of, presets
from studio.ui import runs, show
from studio.ui.components import editors
from tests.browser import holding

runs.begin()
st.set_page_config(page_title="Editors", layout="wide")
show.clothes()
show.wordmark()
part = st.query_params.get("part", "pose")
name = st.query_params.get("picture", "1")
size = (960, 640) if name == "wide" else (512, 512)
state = st.session_state
state.setdefault("runs", 0)
state.setdefault("revision", 0)
state.runs += 1


def changed() -> None:
    """Nothing: the page reads the state."""


def box_mask(size: tuple[int, int]) -> str:
    """The upper left quarter, as a page would hand a mask that it found by words."""
    picture = Image.new("L", size, 0)
    picture.paste(255, (0, 0, size[0] // 2, size[1] // 2))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


known: dict[str, object] = {"runs": state.runs}
with st.container(horizontal=True):
    st.button("Run again")
    if st.button("Replace"):
        state.revision += 1
if part == "pose":
    standing = figure_of([None if joint in (3, 4) else point for joint, point in enumerate(presets()["Standing"])])
    figures = (
        []
        if "empty" in st.query_params and not state.revision
        else [presets()["Arms wide"] if state.revision else standing]
    )
    editors.pose(
        key="the_pose",
        src=f"/shown/{name}",
        alt="A person beside a house",
        width=size[0],
        height=size[1],
        figures=figures,
        revision=state.revision,
        changed=changed,
    )
    posed = editors.posed("the_pose")
    known |= {"figures": posed[0], "n": posed[1]} if posed else {"figures": None}
if part == "mask":
    editors.mask(
        key="the_mask",
        src=f"/shown/{name}",
        alt="A person beside a house",
        width=size[0],
        height=size[1],
        mask=box_mask(size) if state.revision else "",
        revision=state.revision,
        changed=changed,
    )
    masked = editors.masked("the_mask")
    if masked:
        picture = Image.open(io.BytesIO(masked[0]))
        spots = {f"{x},{y}": picture.getpixel((x, y)) for x in range(32, size[0], 64) for y in range(32, size[1], 64)}
        white = sum(count * grey for grey, count in enumerate(picture.histogram())) / (255 * size[0] * size[1])
        edge = [picture.getpixel((x, size[1] // 2)) for x in range(size[0] // 4 - 1, size[0] // 4 + 1)]
        known |= {"edge": edge, "box": picture.point(lambda grey: 255 if grey > 127 else 0).getbbox()}
        known |= {"mode": picture.mode, "size": picture.size, "share": round(white, 5), "spots": spots, "n": masked[1]}
if part == "compare":
    mode = st.radio("How", editors.MODES, horizontal=True)
    other = st.query_params.get("other", "other")
    one = {"src": "/shown/1", "alt": "A person and a yellow sun", "label": "Picture 1"}
    two = {"src": f"/shown/{other}", "alt": "A person and a grey sun", "label": "Picture <b>2</b>"}
    editors.compare(key="the_pair", one=one, two=two, mode=mode)
if part == "tree":
    words = ("Picture 1", "Pose", "Depth", "Picture 4", "Mask", "Picture 6", "Picture 7", "Lost")
    tree = [
        {"id": i, "src": f"/shown/{i}", "alt": f"Scene {i} <b>", "label": word, "gone": word == "Lost"}
        for i, word in enumerate(words, start=1)
    ]
    links = [(1, 2, "pose"), (1, 3, "depth"), (1, 4, "source"), (2, 4, "pose"), (4, 5, "mask"), (4, 6, "source")]
    links += [(5, 6, "mask"), (6, 7, "source"), (8, 4, "reference")]
    edges = [{"from": a, "to": b, "role": role} for a, b, role in links]
    state.current = editors.chosen("the_tree") or state.get("current", 4)
    editors.tree(key="the_tree", nodes=tree, edges=edges, current=state.current, chosen=changed)
    known |= {"current": state.current}
if part == "presses":
    counts = state.setdefault("counts", dict.fromkeys(("inside", "one", "two", "slow"), 0))

    def press(name: str) -> None:
        counts[name] += 1

    def slowly() -> None:
        holding.hold()
        state.counts["slow"] += 1

    @st.fragment
    def inside() -> None:
        st.button("Inside", on_click=press, args=("inside",))
        if st.button("Hold at the end"):
            holding.at_the_end()

    with st.container(key="part"):
        inside()
    for name in ("one", "two"):
        st.button(name.title(), on_click=press, args=(name,))
    if st.button("Hold"):
        holding.hold()
    if st.button("Hold before"):
        holding.before_it_hears()
    st.button("Slow", on_click=slowly)
    known |= counts
st.code(json.dumps(known), language="json")
