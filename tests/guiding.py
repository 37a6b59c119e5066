"""What the tests of the Guide page share: its widgets by name, pictures, maps and jobs as a worker would leave them."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from streamlit.testing.v1 import AppTest
from test_pages import button, page

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.control import ControlMap
from studio.domain.job import Job
from studio.domain.pose import presets
from studio.domain.recipe import Recipe
from studio.safety.gate import Gate
from studio.ui.guide import desk, masks
from studio.ui.guide import sheet as sheets

STANDING = presets()["Standing"]
FIGURE = [list(point) if point else None for point in STANDING]


def guide(studio: Studio, **query: str) -> AppTest:
    return page("guide", **query)


def task(test: AppTest, name: str) -> AppTest:
    return test.segmented_control(key="guide_task").set_value(name).run()


def go(test: AppTest) -> AppTest:
    return button(test, "guide_go").click().run()


def sheet(test: AppTest) -> sheets.Sheet:
    return test.session_state["guide_sheet"]


def mask_of(width: int, height: int, box: tuple[int, int, int, int] | None = None) -> bytes:
    mask = Image.new("L", (width, height), 0)
    if box:
        mask.paste(255, box)
    stream = io.BytesIO()
    mask.save(stream, "PNG")
    return stream.getvalue()


def brush(test: AppTest, source: Artwork, data: bytes, *, n: int = 1) -> AppTest:
    """What the mask editor sends when a stroke ends."""
    png = f"data:image/png;base64,{masks.encoded(data)}"
    test.session_state[desk.mask_key(source.id)] = {"mask": {"png": png, "n": n}}
    return test.run()


def pose(test: AppTest, aid: int, source: int, figures: list[Any], *, n: int = 1) -> AppTest:
    """What the pose editor sends when a joint was moved."""
    key = desk.pose_key(sheets.Aid(aid, "pose"), source)
    test.session_state[key] = {"figures": {"figures": figures, "n": n}}
    return test.run()


def answer(studio: Studio, kind: str, lane: str, state: str = "done", **result: Any) -> Job:
    """Do the worker's part for the job of that kind that waits."""
    job = studio.queue.claim(lane, "test")
    assert job is not None and job.kind == kind, job
    error = result.pop("error", "")
    assert studio.queue.finish(job.id, state, result=result, error=error)
    return job


def a_map(studio: Studio, gate: Gate, source: Artwork | None = None, *, kind: str = "pose", shade: int = 9) -> Artwork:
    figures = (STANDING,) if kind == "pose" else ()
    cleared = gate.picture(Image.new("RGB", (64, 64), (shade, 0, shade)))
    parents = [source.sha256] if source else []
    return studio.gallery.add(cleared, kind="map", map=ControlMap(kind, figures=figures), parents=parents)


def a_result(
    studio: Studio, gate: Gate, recipe: Recipe, *, job: int, shade: int = 90, kind: str = "proposal"
) -> Artwork:
    cleared = gate.picture(Image.new("RGB", (64, 64), (shade, shade, 30)))
    return studio.gallery.add(cleared, recipe, kind=kind, job=job)


def recipe_of(job: Job) -> Recipe:
    return Recipe.from_dict(job.payload["recipe"])
