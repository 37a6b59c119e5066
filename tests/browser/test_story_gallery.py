"""A gallery from nothing: a folder is dropped, searched by words, by picture, without words and by filters; pictures are tagged
and deleted, both undone; saved searches, copies and the map; what another tab gets of it."""

from __future__ import annotations

import base64
import io
import random
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, Route, expect

from studio.domain.artwork import Query
from studio.gallery.finding.language import parse
from studio.gallery.keeping import collections
from studio.starter import captions
from studio.starter.scenes import render, sample_scene
from tests.browser.conftest import PATIENCE, House, Tab, until

expect.set_options(timeout=PATIENCE)

SEEDS = range(100, 116)
MODEL = "shorebird"  # so that other tests' pictures in the same house are told apart
OURS = f"model:{MODEL}"


@dataclass(frozen=True)
class Folder:
    """Files as a browser hands them over, and what each shows, by its name."""

    files: list[dict]
    shown: dict[str, str]

    def with_word(self, word: str) -> set[str]:
        return {name for name, says in self.shown.items() if word in says.split()}


@pytest.fixture(scope="module")
def folder() -> Folder:
    files, shown = [], {}
    for seed in SEEDS:
        scene = sample_scene(seed)
        info = PngInfo()
        info.add_text("parameters", f"a page of a book\nSteps: 20, Sampler: Euler a, Seed: {seed}, Model: {MODEL}")
        files.append(_file(f"page {seed}.png", Image.fromarray(render(scene, 192).picture), pnginfo=info))
        shown[f"page {seed}.png"] = captions.plain(scene)
    again = Image.open(io.BytesIO(files[0]["buffer"])).resize((320, 320), Image.Resampling.LANCZOS)
    files.append(_file("a copy.jpg", again, format="JPEG", quality=90))
    files.append({"name": "<b>broken.png", "mimeType": "image/png", "buffer": files[1]["buffer"][:400]})
    files.append({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    random.Random(1).shuffle(files)
    return Folder(files, shown)


def _file(name: str, picture: Image.Image, *, format: str = "PNG", **how) -> dict:
    data = io.BytesIO()
    picture.save(data, format, **how)
    return {"name": name, "mimeType": f"image/{format.lower()}", "buffer": data.getvalue()}


def test_a_gallery_from_a_dropped_folder_to_its_map(tab: Tab, house: House, folder: Folder, tmp_path: Path):
    page = tab.go("/gallery")
    _bring(tab, house, folder, tmp_path / "The book")
    ours = {
        name: art.id
        for art in house.studio.gallery.page(Query(limit=200))
        if (name := PurePosixPath(art.source_name).name) in folder.shown
    }
    assert len(ours) == len(SEEDS)

    _words(tab, ours, folder)
    _by_picture(tab, house, ours, folder)
    _filters(tab, ours)
    _saved(page)
    _tag_and_delete(tab, house, ours)
    _copies_and_map(tab, house)
    kept = collections.named(house.studio.database, "The <b>book")
    assert kept is not None and kept.query == OURS


def _bring(tab: Tab, house: House, folder: Folder, place: Path) -> None:
    """The whole folder, with one inside it."""
    for number, file in enumerate(folder.files):
        path = place / ("older" if number % 3 == 0 else "") / file["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file["buffer"])
    page = tab.page
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("A whole folder", exact=True).click()
    page.locator("[class*=st-key-import_directory] input[type=file]").set_input_files(place)
    page.get_by_role("button", name=f"Import {len(folder.files)} files").click()
    (job,) = until(lambda: house.studio.queue.list((), ("import",), 1))
    done = until(lambda: (now := house.studio.job(job.id)) and not now.live and now)
    assert done.state == "done", done.error
    expect(page.get_by_text("<b>broken.png")).to_be_visible()
    expect(page.get_by_text("notes.txt")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".st-key-close_import button").click()
    expect(page.get_by_text("<b>broken.png")).to_have_count(0)


def _words(tab: Tab, ours: dict[str, int], folder: Folder) -> None:
    """Words, one of them turned round by its chip."""
    page = tab.page
    _ask(page, f"{OURS} night")
    nights = {ours[name] for name in folder.with_word("night")}
    expect(page.locator(".chip")).to_have_count(2)
    first = until(lambda: (found := _found(page)) and found[0] in nights and found)
    why = page.locator(f".tile[data-id='{first[0]}']").get_attribute("aria-label")
    assert why and ("likeness" in why.lower())
    tab.look("30-words")
    page.get_by_role("button", name="night; turn it round: without it").click()
    expect(page.locator(".chip.not")).to_contain_text("night")
    until(lambda: (found := _found(page)) and not set(found[:3]) & nights)
    assert parse(_asked(page)) == parse(f"{OURS} -night")


def _by_picture(tab: Tab, house: House, ours: dict[str, int], folder: Folder) -> None:
    """A picture that is in the gallery, dropped onto the box: its number stands in the link, which opens elsewhere."""
    page = tab.page
    page.get_by_role("button", name="Clear all").click()
    expect(page.locator(".chip")).to_have_count(0)
    known = next(file for file in folder.files if file["name"] == "page 105.png")
    _drop(page, known)
    expect(page.locator(".chip.seen img")).to_be_visible()
    assert _asked(page) == f"like:{ours['page 105.png']}"
    until(lambda: _found(page)[:1] == [ours["page 105.png"]])
    other = Tab(tab.context.browser, house)
    other.go(page.evaluate("location.pathname + location.search"))
    expect(other.page.get_by_role("combobox", name="Search")).to_have_value(f"like:{ours['page 105.png']}")
    until(lambda: _found(other.page)[:1] == [ours["page 105.png"]])
    other.close()


def _filters(tab: Tab, ours: dict[str, int]) -> None:
    """Filters, completed as one types, with keys alone; one that makes no sense."""
    page = tab.page
    page.get_by_role("button", name="Remove like").click()
    page.locator("h1").click()
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Search")
    expect(box).to_be_focused()
    page.keyboard.type("mod")
    expect(page.get_by_role("option").first).to_contain_text("model:")
    page.keyboard.press("Tab")
    page.keyboard.type("shore")
    expect(page.get_by_role("option").filter(has_text=OURS)).to_contain_text(str(len(SEEDS)))
    tab.look("31-suggestions")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "next-0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_hidden()
    until(lambda: _asked(page) == OURS)
    until(lambda: sorted(_found(page)) == sorted(ours.values()))
    _ask(page, "rating:great")
    expect(page.get_by_role("alert")).to_contain_text("such as rating:>=3")
    expect(box).to_have_value("rating:great")


def _saved(page: Page) -> None:
    """The search is saved, and stands in the list."""
    _ask(page, OURS)
    page.get_by_role("button", name="Save this search").click()
    page.get_by_label("Name of the search").fill("The <b>book")
    page.keyboard.press("Enter")
    saved = page.get_by_role("navigation", name="Shelves and collections").get_by_role(
        "button", name="The <b>book", exact=True
    )
    expect(saved).to_have_attribute("aria-current", "true")


def _tag_and_delete(tab: Tab, house: House, ours: dict[str, int]) -> None:
    """All that was found is tagged, and the tag undone; one picture is deleted and taken out of the bin."""
    page, gallery = tab.page, house.studio.gallery
    page.get_by_role("listbox", name="Pictures").focus()
    page.keyboard.press("Control+a")
    expect(page.locator("span.selected").first).to_have_text(f"{len(ours)} selected")
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("combobox", name="Add tags").fill("seaside")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add", exact=True).click()
    until(lambda: gallery.tags().get("seaside") == len(ours))
    page.keyboard.press("Escape")
    tab.look("32-tagged")
    page.get_by_role("button", name="Undo").click()
    until(lambda: "seaside" not in gallery.tags())
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("span.selected")).to_have_count(0)

    gone = ours["page 107.png"]
    page.locator(f".tile[data-id='{gone}'] .check").click()
    expect(page.locator("span.selected").first).to_have_text("1 selected")
    page.get_by_role("button", name="Delete", exact=True).click()
    until(lambda: gallery.get(gone).deleted_at is not None)
    until(lambda: gone not in _found(page))
    page.get_by_role("button", name="Bin", exact=True).click()
    until(lambda: gone in _found(page))
    page.locator(f".tile[data-id='{gone}'] .check").click()
    page.get_by_role("button", name="Restore", exact=True).click()
    until(lambda: gallery.get(gone).deleted_at is None)
    assert gallery.get(gone).source_name.endswith("page 107.png")


def _copies_and_map(tab: Tab, house: House) -> None:
    page = tab.page
    tab.go("/gallery?look=duplicates")
    page.get_by_role("button", name=re.compile("Look for copies|Search again")).click()
    group = page.locator("section.group").first
    expect(group).to_be_visible()
    tab.look("33-copies")
    tab.go("/gallery?look=map")
    expect(page.get_by_label(re.compile("^Map of the gallery"))).to_be_visible()
    tab.look("34-map")


# --- what a person does and sees ----------------------------------------------------------------------------------------


def _ask(page: Page, words: str) -> None:
    box = page.get_by_role("combobox", name="Search")
    box.fill(words)
    box.press("Enter")
    until(lambda: _asked(page) == words)


def _asked(page: Page) -> str:
    """What the address says is searched for."""
    # the page is asked: what Playwright keeps of its address is only renewed while Playwright itself waits for something
    return parse_qs(urlsplit(page.evaluate("location.href")).query).get("q", [""])[0]


def _found(page: Page) -> list[int]:
    """The numbers of the pictures on the wall, in their order."""
    return page.evaluate(
        """() => { const all = []
          const walk = (root) => root.querySelectorAll('*').forEach((one) => {
            if (one.matches('.tile[data-id]')) all.push([Number(one.dataset.at), Number(one.dataset.id)])
            if (one.shadowRoot) walk(one.shadowRoot) })
          walk(document)
          return all.sort((a, b) => a[0] - b[0]).map((one) => one[1]) }"""
    )


def _drop(page: Page, file: dict) -> None:
    """Let go of a file over the search box."""
    transfer = page.evaluate_handle(
        """([name, type, data]) => { const bag = new DataTransfer()
          const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0))
          bag.items.add(new File([bytes], name, { type }))
          return bag }""",
        [file["name"], file["mimeType"], base64.b64encode(file["buffer"]).decode()],
    )
    page.locator(".search .box").dispatch_event("drop", {"dataTransfer": transfer})


def test_a_late_answer_takes_no_choice_away(tab: Tab):
    page = tab.go("/gallery")
    late: list[Route] = []
    page.route(re.compile(r"/suggest\?q=is%3Afa$"), lambda route: late.append(route))  # noqa: PLW0108 (a builtin cannot be hung there)
    box = page.get_by_role("combobox", name="Search")
    offered = page.get_by_role("listbox", name="Suggestions").get_by_role(
        "option"
    )  # the wall's pictures are options too
    box.click()
    page.keyboard.type("is:f")
    expect(offered).to_have_count(1)
    page.keyboard.type("a")
    until(lambda: page.evaluate("1") and late)
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "next-0")
    with page.expect_response(re.compile(r"/suggest\?q=is%3Afa$")):
        late[0].continue_()
    page.evaluate("new Promise((done) => setTimeout(done))")  # the answer has been read
    expect(offered).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    until(lambda: _asked(page) == "is:favourite")
