"""The main job in a real browser: from words to a checked, captioned, findable picture, and what happens when things break."""

from __future__ import annotations

import io
import os
import re
import signal

import pytest
from PIL import Image
from playwright.sync_api import expect

from studio.domain.artwork import Query
from studio.domain.job import LIVE
from studio.places import ROOT
from tests.browser.conftest import NARROW, PATIENCE, WIDE, House, Tab, until

PROMPT = "a large red star above a small blue house at night"
HOSTILE = "a red star <img src=x onerror=alert(1)> **bold** :material/home:"

TOO_WIDE = """() => Math.max(...[...document.querySelectorAll('.stApp, [data-testid=stMain]')]
  .map((element) => element.scrollWidth - element.clientWidth))"""

expect.set_options(timeout=PATIENCE)


def write(tab: Tab, words: str) -> None:
    box = tab.page.get_by_label("Prompt")
    box.click()
    box.fill(words)


def calm(house: House) -> None:
    """End whatever a test before left running."""
    for job in house.studio.queue.list(LIVE):
        house.studio.cancel(job.id)
    until(lambda: not house.studio.queue.list(LIVE))


def test_from_words_to_a_picture_that_is_found_again(browser, house):
    tab = Tab(browser, house)
    page = tab.go("/")
    expect(page.get_by_text("What would you like to see?")).to_be_visible()
    tab.look("1-first-visit")
    write(tab, PROMPT)
    expect(page.get_by_text(re.compile(r"\d+ of 77 tokens"))).to_be_visible()  # counted before it was sent
    page.get_by_label("Prompt").press("Control+Enter")
    expect(page.get_by_role("progressbar").first).to_be_attached()
    expect(page.locator(".canvas img").first).to_be_attached()
    tab.look("2-being-painted")
    picture = page.locator(".picture img")
    expect(picture).to_be_visible()
    until(lambda: picture.evaluate("image => image.complete && image.naturalWidth") == 128)
    expect(page.get_by_text(re.compile(r"Checked · margin \d\.\d\d"))).to_be_visible()
    (artwork,) = house.studio.gallery.page(Query())
    assert artwork.caption and artwork.verdict.allowed and artwork.recipe.prompt == PROMPT
    expect(page.locator(".caption").get_by_text(artwork.caption)).to_be_visible()
    assert picture.get_attribute("alt") == artwork.alt
    assert f"job={artwork.job}" in page.url
    tab.look("3-painted")
    tab.close()

    tab = Tab(browser, house)  # another day, another browser
    page = tab.go("/gallery")
    search = page.get_by_role("combobox", name="Search")
    search.fill("star")
    search.press("Enter")
    tile = page.locator(".tile[data-id]").first
    expect(tile.locator(".label")).to_have_text(re.compile(r"-?\d\.\d\d"))
    tab.look("4-found")
    tile.click()
    expect(page.locator(".picture img")).to_have_attribute("src", f"/pictures/{artwork.id}")
    expect(page.locator(".quote").get_by_text(PROMPT)).to_be_visible()
    tab.look("5-detail")
    tab.close()


def test_a_refresh_keeps_every_field_even_while_typing(tab, house):
    page = tab.go("/")
    page.get_by_test_id("stNumberInputStepUp").first.click()
    expect(page.get_by_role("button", name=re.compile("Paint 2"))).to_be_visible()
    box = page.get_by_label("Prompt")
    box.fill("")
    box.press_sequentially("a yellow fish in the sea")  # no blur, no Enter: only typed
    until(lambda: (house.studio.draft("create") or {}).get("prompt") == "a yellow fish in the sea")
    page.reload()
    tab.settle()
    expect(page.get_by_label("Prompt")).to_have_value("a yellow fish in the sea")
    expect(page.get_by_role("button", name=re.compile("Paint 2"))).to_be_visible()
    page.get_by_test_id("stNumberInputStepDown").first.click()
    expect(page.get_by_role("button", name=re.compile(r"Paint(?! 2)"))).to_be_visible()


# A person quicker than any: writes and presses Ctrl+Enter in the first frame that shows the box
QUICK = """(() => {
  const wait = () => {
    const box = document.querySelector('.st-key-create_prompt textarea')
    if (!box || !box.checkVisibility({ visibilityProperty: true })) return requestAnimationFrame(wait)
    box.focus()
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, WORDS)
    box.dispatchEvent(new Event('input', { bubbles: true }))
    const key = { key: 'Enter', code: 'Enter', keyCode: 13, ctrlKey: true, bubbles: true, cancelable: true }
    for (const way of ['keydown', 'keyup']) box.dispatchEvent(new KeyboardEvent(way, key))
    window.pressed = true
  }
  wait()
})()"""


def test_the_very_first_ctrl_enter_is_heard(browser, house):
    calm(house)
    for attempt in range(3):  # the parts of a page arrive in any order
        words = f"a green tree, asked for at once, {attempt}"
        tab = Tab(browser, house)
        tab.page.add_init_script(QUICK.replace("WORDS", repr(words)))
        tab.page.goto(house.url)
        tab.page.wait_for_function("window.pressed")
        job = until(lambda: next(iter(house.studio.queue.list(LIVE, ("paint",))), None), seconds=60)
        assert job.payload["recipe"]["prompt"] == words
        calm(house)
        tab.close()


def test_a_double_click_makes_one_job(tab, house):
    calm(house)
    tab.go("/")
    write(tab, PROMPT)
    before = house.studio.queue.count(kinds=("paint",))
    tab.page.get_by_role("button", name=re.compile("Paint")).dblclick()
    until(lambda: house.studio.queue.count(kinds=("paint",)) > before)
    calm(house)
    assert house.studio.queue.count(kinds=("paint",)) == before + 1


def test_a_killed_worker_leaves_the_page_and_offers_the_same_again(tab, house):
    calm(house)
    house.studio.keep_draft("create", {**(house.studio.draft("create") or {}), "steps": 150, "count": 8, "lock": False})
    page = tab.go("/")
    write(tab, PROMPT)
    page.get_by_label("Prompt").press("Control+Enter")
    job = until(lambda: next(iter(house.studio.queue.list(("running",), ("paint",))), None))
    until(lambda: house.studio.job(job.id).done > 0)
    os.kill(house.worker_pid(), signal.SIGKILL)
    again = page.get_by_role("button", name="Run again, same seed")
    expect(again).to_be_visible()
    expect(page.get_by_text("Interrupted", exact=True)).to_be_visible()
    expect(page.get_by_label("Prompt")).to_have_value(PROMPT)
    assert house.studio.job(job.id).state == "interrupted"
    tab.look("6-interrupted")
    again.click()
    new = until(lambda: next(iter(house.studio.queue.list(LIVE, ("paint",))), None))
    assert new.id != job.id and new.payload == job.payload
    cancel = page.get_by_role("button", name="Cancel")
    cancel.click()
    until(lambda: house.studio.job(new.id).state == "cancelled")
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    house.studio.keep_draft("create", {**house.studio.draft("create"), "steps": 20, "count": 1})


def test_hostile_words_are_shown_as_words(tab, house):
    calm(house)
    page = tab.go("/")
    write(tab, HOSTILE)
    page.get_by_label("Prompt").press("Control+Enter")
    until(lambda: any(job.payload["recipe"]["prompt"] == HOSTILE for job in house.studio.queue.list(kinds=("paint",))))
    page.get_by_text("Queue", exact=True).click()
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    calm(house)


def test_delete_and_undo(tab, house):
    artwork = house.studio.gallery.page(Query())[0]
    page = tab.go(f"/gallery?id={artwork.id}")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("1 picture put in the bin.")).to_be_visible()
    assert house.studio.gallery.get(artwork.id).deleted_at is not None
    tab.look("7-deleted")
    page.locator(".st-key-undo button").click()
    expect(page.get_by_text("1 picture put in the bin.")).to_be_hidden()
    until(lambda: house.studio.gallery.get(artwork.id).deleted_at is None)


def test_files_are_imported_by_drop_and_the_rest_is_named(tab, house):
    page = tab.go("/gallery")
    page.get_by_role("button", name="Import").click()
    page.locator("input[type=file]").last.set_input_files(
        [
            {"name": "a star.png", "mimeType": "image/png", "buffer": (ROOT / "tests/browser/meadow.png").read_bytes()},
            {"name": "<b>page.png", "mimeType": "image/png", "buffer": b"<html>no picture</html>"},
        ]
    )
    page.get_by_role("button", name="Import 2 files").click()
    expect(page.get_by_text("1 imported, 1 skipped.")).to_be_visible()
    expect(page.get_by_text("<b>page.png")).to_be_visible()
    tab.look("8-imported")


def test_search_by_a_dropped_picture_and_by_words_as_well(tab, house):
    def searches():
        return [job.payload for job in reversed(house.studio.queue.list(("done",), ("find",)))]

    page = tab.go("/gallery")
    flipped = io.BytesIO()  # not the very file that was imported: that one would be searched for by its number
    Image.open(ROOT / "tests/browser/meadow.png").save(flipped, "PNG", compress_level=1)
    file = {"name": "meadow.png", "mimeType": "image/png", "buffer": flipped.getvalue()}
    page.locator("[class*=st-key-gallery_drop] input[type=file]").set_input_files(file)
    chip = page.locator(".chip.seen")
    expect(chip).to_contain_text("this picture")
    expect(chip.locator("img")).to_have_attribute("alt", "The picture you search by")
    until(lambda: chip.locator("img").evaluate("image => image.complete && image.naturalWidth") > 1)
    best = page.locator(".tile[data-id]").first
    expect(best.locator(".label")).to_have_text("1.00")  # the very picture that was imported stands first
    alone = searches()[-1]
    assert alone["words"] == [] and [name[:4] for name, _ in alone["like"]] == ["sha:"]
    tab.look("9-found-by-picture")

    search = page.get_by_role("combobox", name="Search")
    search.fill("star")
    search.press("Enter")
    until(lambda: searches()[-1]["words"])
    expect(best.locator(".label")).to_have_text(re.compile(r"0\.\d\d"))  # no longer that picture alone
    both = searches()[-1]
    assert both["words"] == [["star", 1.0]] and both["like"] == alone["like"]
    tab.look("10-found-by-picture-and-words")

    page.get_by_role("button", name="Remove like this picture").click()
    expect(chip).to_have_count(0)
    until(lambda: searches()[-1]["like"] == [] and searches()[-1]["words"] == [["star", 1.0]])
    expect(best.locator(".label")).to_have_text(re.compile(r"-?\d\.\d\d"))
    spool = both["like"][0][0].removeprefix("sha:")
    assert not (house.studio.home / "incoming" / spool).exists()  # "not kept"


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_every_page_is_whole(browser, house, size, scheme):
    """Nothing wider than the window, nothing of the stock look, every picture with its words."""
    tab = Tab(browser, house, size=size, scheme=scheme)
    newest = house.studio.gallery.page(Query())[0]
    painted = house.studio.queue.list(("done",), ("paint",))
    paths = {
        "create": "/",
        "result": f"/?job={painted[-1].id}",
        "gallery": "/gallery",
        "detail": f"/gallery?id={newest.id}",
        "queue": "/queue",
        "shelf": "/shelf",
        "settings": "/settings",
    }
    for name, path in paths.items():
        page = tab.go(path)
        tab.look(f"{name}-{size[0]}-{scheme}")
        overflow = page.evaluate(TOO_WIDE)
        assert overflow <= 0, f"{name} is {overflow} pixels too wide"
        assert page.locator("img:not([alt])").count() == 0
        for stock in ("stAppDeployButton", "stStatusWidget", "stHeader", "stMainMenu"):
            assert page.get_by_test_id(stock).locator("visible=true").count() == 0, f"{name} shows {stock}"
    tab.close()


# Words of the focused element, and whether anything about it or the boxes around it looks otherwise than without the focus.
FOCUSED = """async () => {
  let element = document.activeElement
  if (!element || element === document.body) return null
  while (element.shadowRoot && element.shadowRoot.activeElement) element = element.shadowRoot.activeElement
  const boxes = []
  for (let box = element; box && boxes.length < 9; box = box.parentElement) boxes.push(box)
  const looks = () => {
    document.getAnimations().forEach((animation) => { try { animation.finish() } catch { animation.cancel() } })
    return JSON.stringify(boxes.map((box) => {
      const style = getComputedStyle(box)
      return [style.outline, style.boxShadow, style.borderColor, style.backgroundColor]
    }))
  }
  const focused = looks()
  element.blur()
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
  const plain = looks()
  element.focus({ focusVisible: true })
  return [element.innerText || element.ariaLabel || element.outerHTML.slice(0, 200), focused !== plain]
}"""


def test_the_keyboard_reaches_everything_and_shows_where_it_is(tab):
    page = tab.go("/")
    page.get_by_label("Prompt").focus()
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        if here is None:  # past the end of the page
            break
        seen.append(here)
    assert any("Paint" in words for words, _ in seen)
    assert [words for words, visible in seen if not visible] == []
