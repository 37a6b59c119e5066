"""The pose editor in a real browser: what a person does with mouse and keys, and what Python knows of it afterwards."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from studio.domain.pose import JOINTS, presets
from tests.browser.conftest import until
from tests.browser.editing import desk, sitting

__all__ = ["desk", "sitting"]
STANDING = presets()["Standing"]
LEFT_WRIST, RIGHT_WRIST, RIGHT_ELBOW = (JOINTS.index(name) for name in ("left wrist", "right wrist", "right elbow"))


def about(a: Any, b: Any, by: float = 0.012) -> bool:
    return a is not None and abs(a[0] - b[0]) < by and abs(a[1] - b[1]) < by


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
