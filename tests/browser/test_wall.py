"""The wall in a real browser: it scrolls on by itself; keys and clicks select, rate, delete and undo without a run."""

from __future__ import annotations

import re

import hostile
import numpy as np
import pytest
from galleries import changed
from PIL import Image
from playwright.sync_api import expect

from studio.domain.query import Query
from studio.domain.recipe import Recipe
from studio.gallery.keeping import changes
from studio.safety.gate import Gate
from tests.browser.conftest import PATIENCE, House, Tab, until

COUNT = 150
MARK = "wall-test"
LOOK = f"/gallery?q=tag:{MARK}"  # other tests' pictures hang in the same house
expect.set_options(timeout=PATIENCE)

PLACE = "document.querySelector('[data-testid=stMain]').scrollTop"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def ids(house: House, gate: Gate) -> list[int]:
    """Pictures of this test alone, newest first; put in directly, since how they come in is not what is tested."""
    return [_hung(house, gate, number, MARK) for number in range(COUNT)][::-1]


def _hung(house: House, gate: Gate, number: int, tag: str) -> int:
    gallery = house.studio.gallery
    block = np.random.default_rng(number).integers(0, 160, (3, 4, 3), dtype=np.uint8)
    picture = Image.fromarray(block).resize((64, 48), Image.Resampling.NEAREST)
    id = gallery.add(gate.picture(picture), Recipe(prompt=f"picture {number}", seed=number)).id
    changed(gallery, id, "tag", tag)
    return id


def opened(tab: Tab):  # type: ignore[no-untyped-def]
    page = tab.go(LOOK)
    expect(page.locator(".tile[data-id]").first).to_be_visible()
    return page


def runs(tab: Tab) -> int:
    """How often the wall asked for more."""
    return sum("/wall?" in url for url in tab.asked)


def test_it_scrolls_on_without_a_run_of_the_page_and_keeps_its_place(tab, house, ids):
    page = opened(tab)
    expect(page.locator("p.count")).to_have_text(f"{COUNT} pictures")
    page.evaluate("window.here = document.querySelector('[data-testid=stMain]')")
    assert page.locator(".tile").count() < 100  # only what is in sight stands in the page
    page.keyboard.press("End")
    expect(page.locator(f'.tile[data-id="{ids[-1]}"]')).to_be_visible()
    assert runs(tab) > 0 and page.evaluate("window.here.isConnected")
    assert page.locator(".tile").count() < 100
    place = page.evaluate(PLACE)
    originals = [url for url in tab.asked if "/pictures/" in url]
    assert place > 300 and originals == []  # thumbnails only
    page.keyboard.press("Enter")
    expect(page.locator(".picture img")).to_have_attribute("src", f"/pictures/{ids[-1]}")
    expect(page.locator(".plate")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".picture img")).to_have_attribute("src", f"/pictures/{ids[-2]}")
    page.keyboard.press("Escape")
    expect(page.locator(f'.tile[data-id="{ids[-1]}"]')).to_be_visible()
    until(lambda: abs(page.evaluate(PLACE) - place) < 4, seconds=15)


# What a browser does when a picture is opened: the wall is gone, and a moment later its script hears of it
GONE = """() => {
  const find = (root) => root.querySelector('.wallroot')
    || [...root.querySelectorAll('*')].reduce((found, one) => found || (one.shadowRoot && find(one.shadowRoot)), null)
  const key = { key: 'ArrowRight', bubbles: true, cancelable: true }
  const press = () => document.body.dispatchEvent(new KeyboardEvent('keydown', key))
  const heard = !press()
  find(document).remove()
  return [heard, !press()]
}"""


def test_a_wall_that_is_gone_hears_no_more_keys(tab, house, ids):
    assert opened(tab).evaluate(GONE) == [True, False]


def test_keys_rate_mark_delete_and_undo_at_once(tab, house, ids):
    gallery = house.studio.gallery
    page = opened(tab)
    tile = page.locator(f'.tile[data-id="{ids[1]}"]')
    page.keyboard.press("ArrowRight")
    page.keyboard.press("4")
    page.keyboard.press("f")
    expect(tile).to_have_attribute("aria-label", re.compile("rated 4, favourite"))
    until(lambda: (gallery.get(ids[1]).rating, gallery.get(ids[1]).favourite) == (4, True))
    expect(page.locator(".live")).to_have_text("favourite, undo with Ctrl+Z")
    page.keyboard.press("Delete")
    expect(tile).to_have_count(0)
    until(lambda: gallery.get(ids[1]).deleted_at is not None)
    expect(page.locator("p.count")).to_have_text(f"{COUNT - 1} pictures")
    expect(page.locator("h1")).to_contain_text(f"{gallery.count(Query()):,} pictures")
    expect(page.get_by_text("1 picture put in the bin.")).to_be_visible()
    tab.look("wall-deleted")
    page.keyboard.press("Control+z")
    expect(tile).to_be_visible()
    until(lambda: gallery.get(ids[1]).deleted_at is None)
    expect(page.locator("p.count")).to_have_text(f"{COUNT} pictures")
    expect(page.locator(".st-key-undo_bar")).to_contain_text("Undone: 1 picture as before.")
    page.reload()
    tab.settle()
    expect(tile).to_have_attribute("aria-label", re.compile("rated 4, favourite"))


def test_an_undo_by_key_takes_back_nothing_that_somebody_else_did(tab, house, ids):
    page = opened(tab)
    changes.apply(house.studio.gallery, ids[7:8], changes.Change("rate", 2))
    page.keyboard.press("Control+z")
    expect(page.locator(".live")).to_contain_text("There is nothing to undo")
    assert house.studio.gallery.get(ids[7]).rating == 2


def test_what_is_selected_right_after_clear_is_selected_alone(tab, house, ids):
    page = opened(tab)
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".st-key-bulk_bar")).to_contain_text("2 selected")
    expect(page.locator(".st-key-bulk_clear button")).to_be_visible()
    page.evaluate(
        """() => {
          document.querySelector(".st-key-bulk_clear button").click()
          const host = [...document.querySelectorAll("*")].find((one) => one.shadowRoot?.querySelector(".wall"))
          const wall = (host ? host.shadowRoot : document).querySelector(".wall")
          wall.querySelector('.tile[data-at="4"] .check').click()
        }"""
    )
    expect(page.locator(".st-key-bulk_bar")).to_contain_text("1 selected")
    expect(page.locator('.tile[aria-selected="true"]')).to_have_count(1)


def test_a_range_is_selected_and_tagged_and_the_line_takes_it_back(tab, house, ids):
    gallery = house.studio.gallery
    page = opened(tab)
    first, last = (page.locator(f'.tile[data-id="{id}"]') for id in (ids[2], ids[6]))
    first.hover()
    first.locator(".check").click()
    last.click(modifiers=["Shift"])
    expect(page.get_by_text("5 selected", exact=True)).to_be_visible()
    expect(page.locator('.tile[aria-selected="true"]')).to_have_count(5)
    page.locator(".st-key-bulk_tag button").click()
    page.get_by_placeholder("Type a tag, then Enter").click()
    page.keyboard.type("regatta")
    page.keyboard.press("Enter")
    page.locator(".st-key-bulk_add_tags button").click()  # the list of tags is open and covers it not
    until(lambda: all("regatta" in gallery.get(id).tags for id in ids[2:7]))
    expect(page.locator(".st-key-bulk_add_tags button")).to_be_disabled()
    tab.look("wall-tagging")
    page.keyboard.press("Escape")
    page.locator(".st-key-bulk_favourite button").click()
    until(lambda: all(gallery.get(id).favourite for id in ids[2:7]))
    expect(page.locator(f'.tile[data-id="{ids[4]}"]')).to_have_class(re.compile("favourite"))
    tab.look("wall-selected")
    page.locator(".st-key-undo button").click()
    until(lambda: not any(gallery.get(id).favourite for id in ids[2:7]))
    expect(page.locator(f'.tile[data-id="{ids[4]}"]')).not_to_have_class(re.compile("favourite"))
    page.locator(".wall").focus()
    page.keyboard.press("Control+a")
    expect(page.get_by_text(f"{COUNT} selected", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-bulk_bar")).to_have_count(0)
    assert gallery.count(Query(tag=MARK)) == COUNT


def test_a_quick_look_and_a_slideshow_need_no_run_of_the_page(tab, ids):
    tab.page.emulate_media(reduced_motion="reduce")
    page = opened(tab)
    page.keyboard.press("Space")
    shown = page.locator(".viewer .stage img")
    expect(shown).to_have_attribute("src", f"/shown/{ids[0]}")
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_attribute("src", f"/shown/{ids[1]}")
    page.keyboard.press("Space")
    expect(page.locator(".viewer")).to_be_hidden()
    page.keyboard.press("p")
    expect(page.locator(".viewer.playing")).to_be_visible()
    page.locator(".pace").select_option("2")
    expect(shown).to_have_attribute("src", f"/shown/{ids[2]}")  # by itself
    page.keyboard.press("p")
    expect(page.locator(".viewer.playing")).to_have_count(0)
    tab.look("wall-slideshow")
    page.keyboard.press("Escape")
    expect(page.locator(".viewer")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_what_comes_in_while_one_looks_is_told_and_shown_when_asked_for(tab, house, gate):
    tag = "arriving"
    first = _hung(house, gate, COUNT, tag)
    page = tab.go(f"/gallery?q=tag:{tag}")
    expect(page.locator(f'.tile[data-id="{first}"]')).to_be_visible()
    _hung(house, gate, COUNT + 1, "elsewhere")
    second = _hung(house, gate, COUNT + 2, tag)
    show = page.get_by_role("button", name="Show 1 new picture")
    expect(show).to_be_visible()
    expect(page.locator(".tile[data-id]")).to_have_count(1)  # nothing moves unasked
    tab.look("wall-arrived")
    show.click()
    expect(page.locator(f'.tile[data-id="{second}"]')).to_be_visible()
    expect(show).to_have_count(0)
