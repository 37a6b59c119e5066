"""The editors in a real browser: what a person does with mouse and keys, and what Python knows of it afterwards."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from studio.domain.pose import JOINTS, presets
from studio.places import ROOT
from studio.ui.components import editors
from studio.ui.serve import free_port
from tests.browser.conftest import NARROW, PATIENCE, WIDE, Tab, until

expect.set_options(timeout=PATIENCE)

STANDING = presets()["Standing"]
LEFT_WRIST, RIGHT_WRIST, RIGHT_ELBOW = (JOINTS.index(name) for name in ("left wrist", "right wrist", "right elbow"))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """The editors' own small house, served."""
    port = free_port(8950)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "tests/browser/editors_app.py", "--server.port", str(port)]
    log = tmp_path_factory.mktemp("editors") / "web.log"
    with log.open("wb") as stream:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, env=env)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    until(answers)
    yield SimpleNamespace(url=url)
    process.terminate()
    process.wait(timeout=30)


class Desk:
    """One editor on its page: where a point of the picture is on the screen, and what Python knows."""

    def __init__(self, tab: Tab, width: int = 512, height: int = 512) -> None:
        self.tab, self.page, self.width, self.height = tab, tab.page, width, height
        self.stage = self.page.locator(".stage")

    def open(self, part: str, **query: str | int) -> Desk:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        self.tab.go(f"/?part={part}{more}")
        if part in ("pose", "mask"):
            expect(self.page.locator("img.picture.here")).to_be_visible()
        return self

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the picture, in fractions, on the screen."""
        box = self.stage.bounding_box()
        assert box is not None
        left, top, scale = map(float, (self.stage.get_attribute("data-view") or "").split())
        return box["x"] + 1 + left + x * self.width * scale, box["y"] + 1 + top + y * self.height * scale

    def drag(self, *points: tuple[float, float], button: str = "left") -> None:
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down(button=button)  # type: ignore[arg-type]
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=5)
        self.page.mouse.up(button=button)  # type: ignore[arg-type]

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def known(self) -> dict[str, Any]:
        return json.loads(self.page.locator("code").inner_text())

    def when(self, true: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """What Python knows, once that is true of it."""
        return until(lambda: (known := self.known()) and true(known) and known)

    def figures(self, true: Callable[[list[Any]], Any] = lambda figures: True) -> list[Any]:
        return self.when(lambda known: known["figures"] is not None and true(known["figures"]))["figures"]

    def covers(self, true: Callable[[float], Any]) -> dict[str, Any]:
        return self.when(lambda known: "share" in known and true(known["share"]))


@pytest.fixture
def desk(browser, place) -> Iterator[Desk]:
    tab = Tab(browser, place)
    yield Desk(tab)
    tab.close()


def about(a: Any, b: Any, by: float = 0.012) -> bool:
    return a is not None and abs(a[0] - b[0]) < by and abs(a[1] - b[1]) < by


# --- pose ---------------------------------------------------------------------------------------------------------------


def test_a_dragged_joint_comes_back_to_python_and_can_be_undone(desk):
    desk.open("pose")
    assert desk.known()["figures"] is None  # nothing was changed yet
    desk.drag(STANDING[LEFT_WRIST], (0.8, 0.2))
    (figure,) = desk.figures()
    assert about(figure[LEFT_WRIST], (0.8, 0.2))
    assert figure[RIGHT_WRIST] is None and figure[RIGHT_ELBOW] is None  # hidden joints stay hidden
    assert all(about(figure[i], STANDING[i], 1e-4) for i in (0, 1, 2, 5, 6, 8, 13))
    expect(desk.page.locator(".status")).to_have_text("Left wrist, x 80 %, y 20 %")
    desk.keys("Control+z")
    desk.figures(lambda figures: about(figures[0][LEFT_WRIST], STANDING[LEFT_WRIST], 1e-4))
    desk.keys("Control+Shift+Z")
    desk.figures(lambda figures: about(figures[0][LEFT_WRIST], (0.8, 0.2)))


def test_the_pose_editor_by_keys_alone(desk):
    desk.open("pose")
    desk.stage.focus()
    desk.keys(*["Tab"] * (RIGHT_WRIST + 1))
    expect(desk.page.locator(".status")).to_have_text("Right wrist, hidden")
    desk.keys("h", "ArrowRight", "Shift+ArrowDown")
    guessed = STANDING[RIGHT_WRIST]  # a hidden joint waits where it would be
    (figure,) = desk.figures(
        lambda figures: figures[0][RIGHT_WRIST] and figures[0][RIGHT_WRIST][1] > guessed[1] + 0.015
    )
    assert about(figure[RIGHT_WRIST], (guessed[0] + 1 / 512, guessed[1] + 10 / 512), 0.001)
    desk.keys("Shift+Tab", "Shift+Tab", "Shift+H")  # right shoulder: the limb from here on
    desk.figures(lambda figures: figures[0][2:5] == [None] * 3)
    desk.keys("Delete", "Escape", "m")  # nothing to hide twice; the whole figure; its mirror image
    (figure,) = desk.figures(lambda figures: figures[0][2] is not None)
    assert figure[5:8] == [None] * 3  # the left arm now
    desk.keys("d")
    assert len(desk.figures(lambda figures: len(figures) == 2)) == 2
    desk.keys("Delete", "Delete")
    assert desk.figures(lambda figures: figures == []) == []
    desk.keys("a", "ArrowRight", "Enter")
    (figure,) = desk.figures(lambda figures: len(figures) == 1)
    assert all(about(point, there, 1e-4) for point, there in zip(figure, presets()["Walking"], strict=True))
    for _ in range(8):  # the end of the figure's joints is not the end of the page
        desk.keys("Tab")
    desk.keys("Escape", "Escape", "Tab")
    assert desk.page.evaluate("document.activeElement.shadowRoot?.activeElement?.className") != "stage mouse"
    assert desk.page.get_by_role("dialog").count() == 0


def test_a_figure_is_moved_scaled_and_turned_by_its_box(desk):
    desk.open("pose", empty=1, picture="wide")
    desk.width, desk.height = 960, 640
    desk.page.get_by_role("button", name="Add a standing figure").click()
    (figure,) = desk.figures()
    neck = figure[1]
    assert about(neck, (0.5, 0.37), 1e-4)
    assert about(figure[5], (0.5 + 0.072 * 640 / 960, 0.382), 1e-4)  # it keeps its proportions in a wide picture
    middle = (0.5, (0.37 + 0.57) / 2)
    desk.drag((0.5 - 0.01, middle[1]), (0.6 - 0.01, middle[1]))
    (figure,) = desk.figures(lambda figures: figures[0][1][0] > 0.55)
    assert about(figure[1], (0.6, 0.37), 0.003)
    tall = figure[13][1] - figure[0][1]
    right, bottom = max(point[0] for point in figure), max(point[1] for point in figure)
    x, y = desk.at(right, bottom)
    desk.page.mouse.move(x + 18, y + 18)
    desk.page.mouse.down()
    desk.page.mouse.move(*desk.at(right + 0.02, 1.0), steps=4)
    desk.page.mouse.up()
    (figure,) = desk.figures(lambda figures: figures[0][13][1] - figures[0][0][1] > tall * 1.1)
    left = min(point[0] for point in figure)
    right, top = max(point[0] for point in figure), min(point[1] for point in figure)
    x, y = desk.at((left + right) / 2, top)
    desk.page.mouse.move(x, y - 40)
    desk.page.mouse.down()
    desk.page.keyboard.down("Shift")
    centre = desk.at((left + right) / 2, (top + max(point[1] for point in figure)) / 2)
    desk.page.mouse.move(centre[0] + 200, centre[1] + 10, steps=4)
    desk.page.mouse.up()
    desk.page.keyboard.up("Shift")
    (lying,) = desk.figures(lambda figures: abs(figures[0][13][1] - figures[0][0][1]) < 0.1)
    assert lying[0][0] > lying[13][0] + 0.2  # a quarter turn in steps: the head lies to the right of the feet
    assert abs((lying[13][0] - lying[10][0]) * 960) < 1


def test_more_than_fifty_steps_a_rerun_and_a_revision(desk):
    desk.open("pose")
    desk.page.mouse.click(*desk.at(*STANDING[LEFT_WRIST]))
    steps = 55
    for step in range(steps):
        desk.keys("m" if step % 2 else "]")
    desk.figures(lambda figures: True)
    desk.page.get_by_role("button", name="Run again").click()
    desk.when(lambda known: known["runs"] > 2)
    desk.stage.focus()
    desk.page.get_by_role("button", name="Replace").click()
    desk.when(lambda known: known["runs"] > 3)
    desk.stage.focus()
    desk.page.locator(".status").get_by_text("1 figure").wait_for()
    desk.keys("Control+z")  # the replacement
    desk.figures(lambda figures: not about(figures[0][LEFT_WRIST], presets()["Arms wide"][LEFT_WRIST], 0.05))
    for _ in range(steps):
        desk.keys("Control+z")
    (figure,) = desk.figures(lambda figures: about(figures[0][LEFT_WRIST], STANDING[LEFT_WRIST], 1e-4))
    assert figure[RIGHT_WRIST] is None
    expect(desk.page.get_by_role("button", name="Undo")).to_have_attribute("aria-disabled", "true")


def test_the_wheel_zooms_where_somebody_works_and_the_view_is_moved_with_space(desk):
    desk.open("pose")
    before = desk.stage.get_attribute("data-view")
    desk.page.mouse.move(*desk.at(0.2, 0.9))
    desk.page.mouse.wheel(0, -300)
    assert desk.stage.get_attribute("data-view") == before  # a page that is scrolled past scrolls on
    desk.page.mouse.click(*desk.at(0.2, 0.9))
    spot = desk.at(0.2, 0.9)
    desk.page.mouse.wheel(0, -300)
    until(lambda: desk.stage.get_attribute("data-view") != before)
    assert all(abs(a - b) < 1 for a, b in zip(desk.at(0.2, 0.9), spot, strict=True))  # the point under the mouse stays
    desk.page.keyboard.down(" ")
    desk.page.mouse.down()
    desk.page.mouse.move(spot[0] + 80, spot[1] - 30, steps=3)
    desk.page.mouse.up()
    desk.page.keyboard.up(" ")
    assert all(abs(a - b) < 1 for a, b in zip(desk.at(0.2, 0.9), (spot[0] + 80, spot[1] - 30), strict=True))
    desk.keys("0")
    assert desk.stage.get_attribute("data-view") == before


# --- mask ---------------------------------------------------------------------------------------------------------------


def spot(known: dict[str, Any], x: int, y: int) -> int:
    return known["spots"][f"{x},{y}"]


def test_brush_eraser_rectangle_lasso_and_fill(desk):
    desk.open("mask")
    assert "share" not in desk.known()
    desk.drag((96 / 512, 96 / 512), (300 / 512, 96 / 512))
    known = desk.covers(lambda share: share > 0.02)
    assert known["mode"] == "L" and known["size"] == [512, 512]
    assert (spot(known, 96, 96), spot(known, 224, 96), spot(known, 416, 96), spot(known, 96, 160)) == (255, 255, 0, 0)
    stroke = known["share"]
    desk.keys("e")
    desk.drag((224 / 512, 60 / 512), (224 / 512, 140 / 512))
    known = desk.covers(lambda share: share < stroke)
    assert spot(known, 224, 96) == 0 and spot(known, 96, 96) == 255
    desk.keys("Delete")
    desk.covers(lambda share: share == 0)
    desk.keys("x")
    desk.drag((0.25, 0.25), (0.75, 0.5))
    known = desk.covers(lambda share: share > 0)
    assert abs(known["share"] - 0.125) < 0.002
    desk.keys("Delete", "l")
    desk.drag((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
    known = desk.covers(lambda share: share > 0.2)
    assert abs(known["share"] - 0.32) < 0.01 and spot(known, 416, 96) == 255 and spot(known, 96, 416) == 0
    desk.keys("i")
    desk.covers(lambda share: abs(share - 0.68) < 0.01)
    desk.keys("Delete", "b", "[", "[", "[")
    desk.drag((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3))
    ring = desk.covers(lambda share: 0 < share < 0.3)["share"]
    desk.keys("g")
    desk.page.mouse.click(*desk.at(0.5, 0.5))
    known = desk.covers(lambda share: share > ring)
    assert spot(known, 224, 224) == 255 and spot(known, 32, 32) == 0 and 0.16 < known["share"] < 0.25


def test_the_edge_grows_shrinks_and_softens(desk):
    desk.open("mask")
    desk.keys("Tab")
    desk.stage.focus()
    desk.keys("x")
    desk.drag((0.25, 0.25), (0.75, 0.75))
    desk.covers(lambda share: abs(share - 0.25) < 0.003)
    desk.keys(".")
    grown = desk.covers(lambda share: share > 0.255)["share"]
    assert abs(grown - (264 / 512) ** 2) < 0.004  # 4 px on every side, but for the corners
    desk.keys(",")
    desk.covers(lambda share: abs(share - 0.25) < 0.003)
    desk.keys("s")
    desk.when(lambda known: 0 < min(known["edge"]) < max(known["edge"]) < 255)


def test_the_mask_is_painted_by_keys_alone(desk):
    desk.open("mask")
    desk.stage.focus()
    desk.keys("ArrowLeft", "ArrowLeft")  # the first arrow brings the cursor
    desk.page.keyboard.down(" ")
    for _ in range(5):
        desk.keys("Shift+ArrowLeft")
    desk.page.keyboard.up(" ")
    known = desk.covers(lambda share: share > 0)
    assert abs(known["box"][2] - known["box"][0] - (100 + 43)) < 6  # five times twenty pixels, and the brush
    desk.keys("Delete", "x", " ", "Shift+ArrowDown", "Shift+ArrowRight", " ")
    known = desk.covers(lambda share: 0 < share < 0.005)
    assert abs(known["share"] - 400 / 512**2) < 0.0003


def test_the_mask_survives_a_rerun_fifty_steps_back_and_a_replacement(desk):
    desk.open("mask")
    desk.keys("Tab")
    strokes, inversions = 6, 46
    for step in range(strokes):
        desk.page.mouse.click(*desk.at((step + 0.5) / 8, 0.5))
    desk.keys(*["i"] * inversions)
    desk.covers(lambda share: abs(share - 0.033) < 0.002)
    desk.page.get_by_role("button", name="Run again").click()
    runs = desk.known()["runs"]
    desk.page.get_by_role("button", name="Replace").click()
    desk.when(lambda known: known["runs"] > runs)
    expect(desk.page.locator(".status")).to_have_text("25 % of the picture")
    desk.stage.focus()
    desk.keys("Control+z")
    expect(desk.page.locator(".status")).to_have_text("3.3 % of the picture")
    desk.keys(*["Control+z"] * (strokes + inversions))
    desk.covers(lambda share: share == 0)
    expect(desk.page.get_by_role("button", name="Undo")).to_have_attribute("aria-disabled", "true")
    desk.keys(*["Control+Shift+Z"] * (strokes + inversions + 1))
    known = desk.covers(lambda share: abs(share - 0.25) < 1e-3)
    assert spot(known, 32, 32) == 255 and spot(known, 288, 32) == 0


def test_what_a_browser_sends_is_checked():
    def url(picture: Image.Image, kind: str = "PNG") -> str:
        stream = io.BytesIO()
        picture.save(stream, kind)
        return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()

    good = editors.read_mask(url(Image.new("RGB", (8, 4), (200, 200, 200))))
    assert good is not None
    with Image.open(io.BytesIO(good)) as mask:
        assert (mask.mode, mask.size, mask.getpixel((0, 0))) == ("L", (8, 4), 200)
    whole = url(Image.effect_noise((64, 64), 90))
    for bad in (
        "",
        "data:image/png;base64,",
        "data:image/png;base64,!!!",
        "data:text/html;base64,PGI+",
        url(Image.new("L", (8, 8)), "JPEG"),
        url(Image.new("L", (2049, 8))),
        whole[: len(whole) // 2 // 4 * 4],
    ):
        assert editors.read_mask(bad) is None, bad[:60]


# --- comparing, and where a picture comes from --------------------------------------------------------------------------


def test_two_pictures_are_compared(desk):
    desk.open("compare")
    page = desk.page
    grip = page.get_by_role("slider", name="Where “Picture 1” ends")
    expect(grip).to_have_attribute("aria-valuenow", "50")
    grip.focus()
    desk.keys("ArrowLeft", "Shift+ArrowLeft")
    expect(grip).to_have_attribute("aria-valuenow", "38")
    desk.keys("End")
    expect(grip).to_have_attribute("aria-valuenow", "100")
    view = page.locator(".view").bounding_box()
    page.mouse.click(view["x"] + view["width"] / 2, view["y"] + 80)
    expect(grip).to_have_attribute("aria-valuenow", "50")
    expect(page.get_by_text("Picture <b>2</b>")).to_be_visible()
    page.get_by_text("difference", exact=True).click()
    expect(page.get_by_text("2.0 % of the pixels differ")).to_be_visible()
    desk.open("compare", other=1)
    page.get_by_text("side", exact=True).click()
    expect(page.locator("figure img.here")).to_have_count(2)
    page.get_by_text("difference", exact=True).click()
    expect(page.get_by_text("The pictures are identical.")).to_be_visible()


def test_the_tree_is_walked_by_keys_and_a_press_opens_a_picture(desk):
    desk.open("tree")
    here = desk.page.locator("button.node[aria-current=true]")
    expect(here).to_have_attribute("data-id", "4")
    here.focus()
    desk.keys("ArrowRight", "ArrowRight", "ArrowRight", "Enter")
    assert desk.when(lambda known: known["current"] == 7)["current"] == 7
    expect(here).to_have_attribute("data-id", "7")
    gone = desk.page.get_by_role("button", name="Lost")
    runs = desk.known()["runs"]
    gone.click(force=True)  # it is in nobody's gallery any more
    desk.page.get_by_role("button", name="Picture 1,").click()
    assert desk.when(lambda known: known["current"] != 7)["current"] == 1
    assert desk.known()["runs"] == runs + 1
    assert desk.page.locator(".node b").count() == 0


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_every_editor_is_whole(browser, place, size, scheme):
    tab = Tab(browser, place, size=size, scheme=scheme)
    desk = Desk(tab)
    for part in ("pose", "mask", "compare", "tree"):
        desk.open(part)
        page: Page = desk.page
        wide = "[...document.querySelectorAll('[data-testid=stMain]')].map((e) => e.scrollWidth - e.clientWidth)"
        assert max(page.evaluate(wide)) <= 0, part
        unnamed = page.locator("button.tool:not([aria-label]), .stage:not([aria-label]), .stage img:not([alt])")
        assert unnamed.count() == 0
        tab.look(f"editor-{part}-{size[0]}-{scheme}")
    tab.close()
