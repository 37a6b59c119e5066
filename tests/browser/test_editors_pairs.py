"""Two pictures compared and the tree of where a picture comes from, in a real browser; and every editor whole at each size."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, WIDE, Tab, until
from tests.browser.editing import Desk, desk, sitting

__all__ = ["desk", "sitting"]


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
def test_every_editor_is_whole(browser, place, scheme):
    tab = Tab(browser, place, scheme=scheme)
    desk = Desk(tab)
    wide = "[...document.querySelectorAll('[data-testid=stMain]')].map((e) => e.scrollWidth - e.clientWidth)"
    for part in ("pose", "mask", "compare", "tree"):
        desk.open(part)
        page: Page = desk.page
        for width, height in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": height})
            until(lambda page=page: max(page.evaluate(wide)) <= 0, seconds=20)
            unnamed = page.locator("button.tool:not([aria-label]), .stage:not([aria-label]), .stage img:not([alt])")
            assert unnamed.count() == 0
            tab.look(f"editor-{part}-{width}-{scheme}")
    tab.close()
