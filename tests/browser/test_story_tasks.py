"""The other ways of the Guide page, each in a real browser with the real worker: words, sides, sizes, sliders, strengths."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from studio.domain.artwork import Artwork
from studio.domain.job import Job
from studio.ui.guide import masks
from tests.browser.conftest import House, until
from tests.browser.test_story_guided import STEPS, ended, fresh, go, last, meadow, newest, press, sheet


def pixels(house: House, artwork: Artwork) -> np.ndarray:
    """The saved file's pixels, (H, W, 3)."""
    return np.asarray(Image.open(house.studio.gallery.path(artwork)).convert("RGB"))


def painted(house: House, page: Page) -> list[Artwork]:
    """What the page's button brings; the page shows it."""
    before = last(house)
    go(page)
    job = ended(house, newest(house, "paint", than=before))
    expect(page.locator(".st-key-guide_discard button").first).to_be_visible()
    return [house.studio.gallery.get(id) for id in job.result["artworks"]]


def slider(page: Page, name: str) -> Locator:
    """The handle of the slider of that key; the arrow keys move it."""
    return page.locator(f"[class*=st-key-{name}]").get_by_role("slider").first


def drawn(house: House, kind: str, *, than: int) -> Job:
    """The last map of that kind that was begun after a job."""

    def found() -> Job | None:
        jobs = [job for job in house.studio.queue.list(kinds=("annotate",)) if job.id > than and not job.live]
        return max((job for job in jobs if job.payload["kind"] == kind), key=lambda job: job.id, default=None)

    done = until(found)
    assert done.state == "done", (done.state, done.error)
    return done


def test_words_select_what_they_name(tab, house):
    fresh(house)
    source = meadow(house)
    page = tab.go(f"/guide?source={source.id}&task=inpaint")
    page.get_by_label("Select by words").fill("the red mushroom")
    press(page, "guide_select_go")
    until(lambda: masks.share(sheet(house).get("mask", "")) > 0)
    tab.settle()
    expect(page.locator("canvas").first).to_be_visible()
    tab.look("guide-8-selected-by-words")
    mask = np.asarray(Image.open(io.BytesIO(masks.decoded(sheet(house)["mask"])))) > 0
    cap = pixels(house, source)
    red = (cap[..., 0] > 150) & (cap[..., 1] < 90)
    assert 0.02 < mask.mean() < 0.35, "a part of the picture, not all of it"
    assert mask[red].mean() > 0.8, "the red cap is in it"


def test_a_picture_is_extended_to_the_right(tab, house):
    fresh(house, task="outpaint", sides=[], extend_by=64, prompt="a large red mushroom in a meadow")
    source = meadow(house)
    page = tab.go(f"/guide?source={source.id}&task=outpaint")
    page.locator(".st-key-guide_sides button", has_text="Right").click()
    expect(page.get_by_text(f"becomes {source.width + 64:,} × {source.height:,} pixels")).to_be_visible()
    (result,) = painted(house, page)
    tab.look("guide-9-extended")
    assert (result.width, result.height) == (source.width + 64, source.height)
    before, after = pixels(house, source), pixels(house, result)
    assert np.array_equal(after[:, : source.width], before), "what was there is there, byte for byte"
    assert after[:, source.width :].std() > 3, "and what is new is no flat strip"


def test_a_picture_is_enlarged(tab, house):
    fresh(house, task="enlarge", steps=4)
    source = meadow(house)
    page = tab.go(f"/guide?source={source.id}&task=enlarge")
    (result,) = painted(house, page)
    tab.look("guide-10-enlarged")
    assert result.recipe.method == "repaint" and (result.width, result.height) == (2 * source.width, 2 * source.height)
    small = Image.fromarray(pixels(house, result)).resize((source.width, source.height), Image.Resampling.BOX)
    assert np.abs(np.asarray(small, float) - pixels(house, source)).mean() < 16, "the same picture, only larger"


def test_depth_and_edges_follow_their_sliders_and_guide_together(tab, house):
    fresh(house, prompt="a large red mushroom in a meadow")
    source = meadow(house)
    page = tab.go(f"/guide?source={source.id}")
    began = last(house)
    press(page, "guide_add_depth")
    first = drawn(house, "depth", than=began)
    expect(page.locator(f"img[src='/previews/{first.result['preview']}']").first).to_be_visible()
    slider(page, f"guide_aid_{sheet(house)['aids'][0]['id']}_contrast").press("ArrowRight")
    again = drawn(house, "depth", than=first.id)  # nobody pressed a button: the preview follows the slider
    assert again.payload["parameters"]["contrast"] > first.payload["parameters"]["contrast"]
    expect(page.locator(f"img[src='/previews/{again.result['preview']}']").first).to_be_visible()
    tab.look("guide-11-depth")

    page.get_by_role("button", name="Add a control").click()
    press(page, "guide_add_canny")
    edges = drawn(house, "canny", than=again.id)
    expect(page.locator(f"img[src='/previews/{edges.result['preview']}']").first).to_be_visible()
    tab.look("guide-12-edges")
    (result,) = painted(house, page)
    assert sorted(control.kind for control in result.recipe.controls) == ["canny", "depth"]
    maps = [house.studio.gallery.by_sha(control.source) for control in result.recipe.controls]
    assert all(one is not None and one.kind == "map" for one in maps)


def test_several_strengths_side_by_side(tab, house):
    fresh(house, task="vary", series=2, strength=0.3, strength_to=0.8, prompt="a large red mushroom in a meadow")
    source = meadow(house)
    page = tab.go(f"/guide?source={source.id}&task=vary")
    page.get_by_text("Try several strengths").click()
    expect(slider(page, "guide_strength_to")).to_be_visible()
    began = last(house)
    go(page)
    jobs = until(
        lambda: (
            len(found := [job for job in house.studio.queue.list(kinds=("paint",)) if job.id > began]) == 2
            and not any(job.live for job in found)
            and found
        )
    )
    results = [house.studio.gallery.get(job.result["artworks"][0]) for job in jobs]
    assert sorted(round(one.recipe.strength, 2) for one in results) == [0.3, 0.8]
    change = {one.recipe.strength: np.abs(pixels(house, one) * 1.0 - pixels(house, source)).mean() for one in results}
    assert change[0.8] > change[0.3], "more strength, more change"
    expect(page.locator(".st-key-guide_keep button").first).to_be_visible()
    tab.look("guide-14-strengths")
    assert results[0].recipe.steps == STEPS


def test_a_ready_map_is_used_as_it_is(tab, house):
    fresh(house, prompt="a large red mushroom in a meadow")
    source = meadow(house)
    data = io.BytesIO()
    Image.fromarray(cv2.Canny(pixels(house, source), 100, 200)).convert("RGB").save(data, "PNG")
    page = tab.go("/guide")  # no source: the map alone
    press(page, "guide_add_canny")
    page.get_by_role("button", name="Use a ready map").first.click()
    expect(page.get_by_text("it is used as it is")).to_be_visible()
    page.locator("[class*=st-key-guide_ready_file] input[type=file]").set_input_files(
        {"name": "edges.png", "mimeType": "image/png", "buffer": data.getvalue()}
    )
    # Playwright lets the upload through while it waits
    expect(page.get_by_text("A ready map", exact=True)).to_be_visible()
    assert sheet(house)["aids"][0]["ready"]
    (result,) = painted(house, page)
    (control,) = result.recipe.controls
    kept = house.studio.gallery.by_sha(control.source)
    assert np.array_equal(pixels(house, kept), np.asarray(Image.open(data).convert("RGB")))
    tab.look("guide-13-ready-map")
