"""The mask editor in a real browser: brush, eraser, shapes, edges, keys, and what Python takes from it."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image
from playwright.sync_api import expect

from studio.ui.components import editors
from tests.browser.editing import desk, sitting

__all__ = ["desk", "sitting"]


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
