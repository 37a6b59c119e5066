"""Guided editing in a real browser, with the real worker: an arm is pulled up, a house becomes a sun, and one walks back."""

from __future__ import annotations

import io
import re
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page, expect

from studio.domain.artwork import Artwork, Query
from studio.domain.job import LIVE, Job
from studio.domain.pose import JOINTS
from studio.domain.recipe import Recipe
from studio.places import ROOT
from studio.ui.guide import masks
from tests.browser.conftest import NARROW, PATIENCE, WIDE, House, Tab, until
from tests.browser.test_story import TOO_WIDE, calm

STEPS = 8  # enough to see what is painted, and quick
PERSON = "a person in a red shirt and blue trousers on a meadow"
WRIST, ELBOW, SHOULDER = (JOINTS.index(f"right {name}") for name in ("wrist", "elbow", "shoulder"))

expect.set_options(timeout=PATIENCE)


def fresh(house: House, **fields: object) -> None:
    """The page as a newcomer finds it, but with few steps."""
    calm(house)
    house.studio.keep_draft("guide", {"fields": {"pack": "storybook", "steps": STEPS, **fields}})


def sheet(house: House) -> dict:  # type: ignore[type-arg]
    return (house.studio.draft("guide") or {}).get("sheet", {})


def ended(house: House, job: Job) -> Job:
    """The job, once it has ended well."""
    done = until(lambda: (now := house.studio.job(job.id)) and not now.live and now)
    assert done.state == "done", (done.state, done.error)
    return done


def meadow(house: House) -> Artwork:
    """A picture to begin with."""
    data = (ROOT / "tests/browser/meadow.png").read_bytes()
    ended(house, house.studio.import_files([(data, "meadow.png")]))
    id = house.studio.gallery.has_source(sha256(data).hexdigest())
    assert id is not None
    return house.studio.gallery.get(id)


def press(page: Page, key: str) -> None:
    """A button by its key; one with a tooltip is there twice for a moment."""
    page.locator(f".st-key-{key} button").first.click()


def go(page: Page) -> None:
    press(page, "guide_go")


def newest(house: House, kind: str, *, than: int) -> Job:
    """The job of that kind that was begun after another one."""

    def found() -> Job | None:
        jobs = [job for job in house.studio.queue.list(kinds=(kind,)) if job.id > than]
        return jobs[0] if len(jobs) == 1 else None

    return until(found)


def last(house: House) -> int:
    return max((job.id for job in house.studio.queue.list(limit=1000)), default=0)


class Board:
    """The editor on the stage: where a point of the picture, in fractions, is on the screen."""

    def __init__(self, page: Page, width: int, height: int) -> None:
        self.page, self.width, self.height = page, width, height
        self.stage = page.locator(".stage")
        expect(page.locator("img.picture.here")).to_be_visible()

    def at(self, x: float, y: float) -> tuple[float, float]:
        box = self.stage.bounding_box()
        assert box is not None
        left, top, scale = map(float, (self.stage.get_attribute("data-view") or "").split())
        return box["x"] + 1 + left + x * self.width * scale, box["y"] + 1 + top + y * self.height * scale

    def drag(self, *points: tuple[float, float]) -> None:
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=4)
        self.page.mouse.up()


def changed_outside(house: House, before: Artwork, after: Artwork) -> int:
    """Pixels that differ where the mask is black, counted here and not by the studio."""
    assert after.recipe is not None and after.recipe.mask is not None
    mask_art = house.studio.gallery.by_sha(after.recipe.mask)
    assert mask_art is not None
    one, two, mask = (
        Image.open(io.BytesIO(house.studio.gallery.path(a).read_bytes())) for a in (before, after, mask_art)
    )
    differs = ImageChops.difference(one.convert("RGB"), two.convert("RGB")).convert("L").point(lambda v: 255 * (v > 0))
    outside = mask.convert("L").resize(one.size, Image.Resampling.NEAREST).point(lambda v: 255 * (v == 0))
    return ImageChops.multiply(differs, outside).histogram()[255]


def yellow(picture: Image.Image, mask: Image.Image) -> float:
    """The share of the mask's pixels that are yellow, 0..1."""
    hue, grey, bright = (np.asarray(band, float) for band in picture.convert("HSV").split())
    inside = np.asarray(mask.convert("L").resize(picture.size, Image.Resampling.NEAREST)) > 0
    return float(((hue > 25) & (hue < 50) & (grey > 120) & (bright > 150))[inside].mean())


def test_the_house_becomes_a_sun_and_only_that_changes(tab, house):
    """Brushed over, said what should be there, kept, compared, and walked back from; a refresh in between."""
    fresh(house, steps=20)
    studio = house.studio
    start = studio.paint(Recipe(prompt="a large red house in a meadow", steps=20, seed=1))
    source = studio.gallery.get(ended(house, start).result["artworks"][0])
    page = tab.go(f"/guide?source={source.id}&task=inpaint")
    board = Board(page, source.width, source.height)
    rows = [0.2 + 0.06 * row for row in range(11)]
    board.drag(*[point for row in rows for point in ((0.1, row), (0.78, row), (0.78, row + 0.03), (0.1, row + 0.03))])
    until(lambda: masks.share(sheet(house).get("mask", "")) > 0.3)
    tab.look("guide-1-mask")

    page.reload()  # an unsaved mask comes back
    tab.settle()
    Board(page, source.width, source.height)
    expect(page.get_by_text(re.compile(r"\d+% of the picture will be painted anew"))).to_be_visible()

    box = page.get_by_label("What should be there")
    box.fill("a large yellow sun")
    until(lambda: (studio.draft("guide") or {})["fields"]["fill"] == "a large yellow sun")
    before = last(house)
    go(page)
    job = ended(house, newest(house, "paint", than=before))
    expect(page.get_by_text("0 pixels changed outside the mask")).to_be_visible()
    tab.look("guide-2-filled")
    result = studio.gallery.get(job.result["artworks"][0])
    assert result.kind == "proposal" and changed_outside(house, source, result) == 0
    mask = studio.gallery.by_sha(result.recipe.mask)
    seen = [yellow(*(Image.open(studio.gallery.path(one)) for one in (picture, mask))) for picture in (source, result)]
    assert seen[0] < 0.05 and seen[1] > 0.2, f"yellow before and after: {seen}"
    press(page, "guide_keep")
    until(lambda: studio.gallery.get(result.id).kind == "painted")
    expect(page.get_by_text("In the gallery")).to_be_visible()

    tab.settle()
    press(page, "guide_open")
    expect(page.locator(".picture img")).to_have_attribute("src", f"/pictures/{result.id}")
    press(page, "detail_compare")
    expect(page.locator("table.differing").get_by_text("a large yellow sun")).to_be_visible()
    tab.look("guide-3-compared")
    press(page, "detail_compare")
    page.locator(f"button.node[data-id='{source.id}']").click()  # and back to where it came from
    expect(page.locator(".picture img")).to_have_attribute("src", f"/pictures/{source.id}")
    assert f"id={source.id}" in page.url
    tab.look("guide-4-walked-back")


def test_an_arm_is_pulled_up_and_the_figure_follows(tab, house):
    """The person is painted with the arms down; what the pose model finds in the new picture has the wrist up."""
    fresh(house)
    studio = house.studio
    start = studio.paint(Recipe(prompt=PERSON, steps=20, seed=11))
    person = studio.gallery.get(ended(house, start).result["artworks"][0])
    page = tab.go(f"/guide?source={person.id}")
    press(page, "guide_add_pose")
    found = ended(house, newest(house, "annotate", than=start.id))
    figures = found.result["figures"]
    assert len(figures) == 1, found.result
    board = Board(page, person.width, person.height)
    elbow, wrist = (figures[0][joint] for joint in (ELBOW, WRIST))
    assert elbow and wrist
    shoulder = figures[0][SHOULDER]
    tab.look("guide-5-pose")
    up = (shoulder[0] - 0.12, shoulder[1] - 0.02), (shoulder[0] - 0.16, shoulder[1] - 0.16)
    board.drag(tuple(elbow), up[0])  # the elbow takes the lower arm along
    until(lambda: (sheet(house)["aids"][0]["figures"] or [[]])[0])
    now = sheet(house)["aids"][0]["figures"][0][WRIST]
    board.drag(tuple(now), up[1])
    until(lambda: sheet(house)["aids"][0]["figures"][0][WRIST][1] < shoulder[1])
    tab.look("guide-6-arm-up")
    before = last(house)
    go(page)
    job = ended(house, newest(house, "paint", than=before))
    result = studio.gallery.get(job.result["artworks"][0])
    (control,) = result.recipe.controls
    kept = studio.gallery.by_sha(control.source)
    assert kept.kind == "map" and kept.map.figures[0][WRIST][1] < shoulder[1]
    expect(page.locator(".st-key-guide_discard button").first).to_be_visible()
    tab.look("guide-7-figure-follows")
    seen = ended(house, studio.annotate(f"id:{result.id}", "pose")).result["figures"]
    assert seen, "no figure was found in what was painted"
    asked = kept.map.figures[0]
    wrists = [figure[WRIST] for figure in seen if figure[WRIST]]
    assert any(abs(x - asked[WRIST][0]) < 0.12 and abs(y - asked[WRIST][1]) < 0.12 for x, y in wrists), (
        wrists,
        asked[WRIST],
    )


def test_vary_is_a_proposal_that_can_be_discarded_and_brought_back(tab, house):
    fresh(house)
    source = meadow(house)
    page = tab.go(f"/guide?source={source.id}&task=vary")
    expect(page.locator(".picture img").first).to_be_visible()
    before = last(house)
    go(page)
    job = ended(house, newest(house, "paint", than=before))
    id = job.result["artworks"][0]
    assert house.studio.gallery.page(Query(kind="proposal", limit=1))[0].id == id
    press(page, "guide_discard")
    until(lambda: house.studio.gallery.get(id).deleted_at is not None)
    press(page, "guide_undo_discard")
    until(lambda: house.studio.gallery.get(id).deleted_at is None)
    press(page, "guide_go_on")
    until(lambda: sheet(house)["source"] == id)
    assert house.studio.gallery.get(id).kind == "painted"
    assert house.studio.queue.count(LIVE, ("paint",)) == 0


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_page_is_whole_in_every_task(browser, house, size, scheme):
    fresh(house)
    source = meadow(house)
    tab = Tab(browser, house, size=size, scheme=scheme)
    page = tab.go("/guide")
    for name in ("begin", "create", "vary", "inpaint", "outpaint", "enlarge"):
        if name == "create":
            page = tab.go(f"/guide?source={source.id}")
        elif name != "begin":
            label = {"vary": "Vary", "inpaint": "Fill", "outpaint": "Extend", "enlarge": "Enlarge"}[name]
            page.locator(".st-key-guide_task").get_by_text(label, exact=True).click()
            expect(page.locator(".st-key-guide_go button").first).to_contain_text(label)
        tab.settle()
        tab.look(f"guide-{name}-{size[0]}-{scheme}")
        overflow = page.evaluate(TOO_WIDE)
        assert overflow <= 0, f"{name} is {overflow} pixels too wide"
        assert page.locator("img:not([alt])").count() == 0
    tab.close()
