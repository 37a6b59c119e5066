"""The Shelf in a real browser: a pack comes from a hub, all is killed half way, it goes on, and is there to paint with."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny
import weights
from beside import first_port
from hub import loopback_hub
from playwright.sync_api import Page, expect
from test_installed_pack import REPO, TOML, UNET

from studio.app import open_studio
from studio.packs.journal import place_of
from studio.places import ASSETS, ROOT
from studio.ui.serve import free_port
from tests.browser.conftest import NARROW, PATIENCE, WIDE, House, Tab, until
from tests.browser.test_story import TOO_WIDE

NAME = "Tiny SD 1"
PANEL = """() => {
  const style = getComputedStyle(document.querySelector('[data-testid=stPopoverBody]'))
  return [style.colorScheme, style.getPropertyValue('--accent') !== '']
}"""
VIEWS = ("On this machine", "Install", "Bring your own", "Connections")

expect.set_options(timeout=PATIENCE)


@contextmanager
def served(home: Path, log: Path, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`make run` in all but name, which a test may kill."""
    command = [sys.executable, "-m", "studio", "run", "--no-browser", "--port", str(port)]
    with log.open("ab") as stream:
        env = {**os.environ, "EASEL_HOME": str(home)}
        web = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stream, env=env, start_new_session=True
        )
        assert web.stdout is not None
        line = web.stdout.readline().decode()
        assert "Easel is open at" in line, f"the studio did not start: {line!r}"
        try:
            yield line.split()[-1], web
        finally:
            web.terminate()  # says nothing to one that was killed
            web.wait(timeout=60)
            web.stdout.close()


def view(tab: Tab, name: str) -> None:
    """One of the four views of the Shelf."""
    tab.page.locator(".st-key-shelf_view button").filter(has_text=name).click()
    tab.settle()


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").first.click()


@pytest.mark.slow
def test_a_pack_survives_a_kill_of_everything(browser, tmp_path, monkeypatch, heavy):  # noqa: PLR0915 (one story)
    """Installed from a hub, killed half way, gone on with from the byte, verified, chosen; wrong files; offline."""
    painter, story = tiny.folder("sd1", tmp_path / "made"), ASSETS / "storybook"
    files = {path.relative_to(painter).as_posix(): path.read_bytes() for path in painter.rglob("*") if path.is_file()}
    for part in ("safety_checker", "feature_extractor"):
        files |= {f"{part}/{path.name}": path.read_bytes() for path in (story / part).iterdir()}
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    shutil.copy(ASSETS / "packs" / "storybook.toml", catalogue)
    listed = ", ".join(f'{{ path = "{path}", bytes = {len(data)} }}' for path, data in sorted(files.items()))
    (catalogue / "tiny-sd1.toml").write_text(TOML.format(repo=REPO, files=f"[{listed}]"))
    monkeypatch.setenv("EASEL_CATALOGUE", str(catalogue))
    home, log, port = tmp_path / "home", tmp_path / "web.log", free_port(first_port(8750))
    with loopback_hub({REPO: files}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        studio = open_studio(home)
        try:
            half = len(files[UNET]) // 2
            held = hub.fail(f"GET .*/{UNET}", cut=half, hold=threading.Event())
            with served(home, log, port) as (url, web):
                tab = Tab(browser, house := House(url, studio))
                page = tab.go("/shelf")
                view(tab, "Install")
                offer = page.locator(".offer").filter(has_text=NAME)
                expect(offer).to_contain_text("CC0")  # the licence and the size, before anything is fetched
                expect(offer).to_contain_text(re.compile(r"\d+(\.\d+)? [kM]B"))
                assert hub.asked == []
                press(page, "install_tiny-sd1")
                coming = page.locator(".coming").filter(has_text=NAME)
                expect(coming).to_contain_text(re.compile(r"\d.* of \d.*B"))
                part = place_of(home, "tiny-sd1") / f"{UNET}.part"
                until(lambda: part.exists() and part.stat().st_size == half)
                tab.look("shelf-1-coming")
                worker = house.worker_pid()
                os.killpg(web.pid, signal.SIGKILL)  # the web server and whoever started it
                os.kill(worker, signal.SIGKILL)
                web.wait(timeout=60)
                tab.context.close()
            held.hold.set()
            with served(home, log, port) as (url, _):
                tab = Tab(browser, House(url, studio))
                page = tab.go("/shelf")
                coming = page.locator(".coming").filter(has_text=NAME)
                expect(coming).to_contain_text("Interrupted")
                tab.look("shelf-2-interrupted")
                press(page, "resume_tiny-sd1")
                expect(page.locator(".st-key-shelfpack_tiny-sd1")).to_contain_text("Ready")
                assert hub.bodies(UNET) == ["", f"bytes={half}-"]
                press(page, "verify_tiny-sd1")
                until(lambda: [job.state for job in studio.queue.list((), ("verify",))] == ["done"])
                assert studio.shelf.verify(studio.shelf.whole("tiny-sd1")) == []
                wrong_files(tab, tmp_path / "wrong")
                view(tab, "Connections")
                ledger = page.locator(".contacts")
                expect(ledger).to_contain_text("127.0.0.1")
                expect(ledger).to_contain_text(f"to install {NAME}")
                page.locator(".st-key-shelf_offline label").first.click()
                until(lambda: studio.settings.offline)
                view(tab, "Install")
                expect(page.get_by_text("Easel is offline by your own choice")).to_be_visible()
                views(browser, tab)
                painted_with(tab)
                tended(tab, tmp_path / "another disk")
                tab.close()
        finally:
            studio.supervisor.stop()
            studio.close()


def painted_with(tab: Tab) -> None:
    """From the pack's card to a picture that the gate looked at; random weights may paint what it refuses."""
    studio, page = tab.house.studio, tab.page
    view(tab, "On this machine")
    press(page, "paint_tiny-sd1")
    expect(page.get_by_role("combobox", name="Pack")).to_have_value(NAME)
    box = page.get_by_label("Prompt")
    box.click()
    box.fill("a star")
    box.press("Control+Enter")
    expect(page.locator(".picture img").or_(page.get_by_text("Blocked", exact=False)).first).to_be_visible()
    tab.look("shelf-3-painted")
    (job,) = studio.queue.list((), ("paint",))
    assert job.payload["recipe"]["pack"] == "tiny-sd1" and job.state in ("done", "refused"), job.error
    assert len(job.result["artworks"]) + len(job.result["refused"]) == 1


def tended(tab: Tab, disk: Path) -> None:
    """Moved to another disk, and said where; removed there, with what that means said before."""
    studio, page = tab.house.studio, tab.go("/shelf")
    disk.mkdir()
    card = page.locator(".st-key-shelfpack_tiny-sd1")
    press(page, "move_tiny-sd1")
    page.get_by_label("Folder", exact=True).fill(str(disk))
    page.get_by_role("button", name="Move it there").click()
    expect(page.get_by_label("Folder", exact=True)).to_be_hidden()
    expect(card).to_contain_text(f"It lies in {disk / 'tiny-sd1'} now.")
    assert studio.shelf.verify(studio.shelf.get("tiny-sd1")) == [] and (disk / "tiny-sd1").is_dir()
    tab.settle()
    press(page, "remove_tiny-sd1")
    expect(page.get_by_text(re.compile(r"MB are deleted\. It can be installed again\."))).to_be_visible()
    assert page.evaluate(PANEL) == ["light dark", True], "panels hang beside the app, and have its colours all the same"
    tab.look("shelf-6-before-removal")
    page.get_by_role("button", name=f"Remove {NAME}").click()
    expect(card).to_be_hidden()
    assert studio.shelf.state("tiny-sd1") == "absent" and not (studio.shelf.home / "tiny-sd1").exists()
    assert not (disk / "tiny-sd1").exists()


def wrong_files(tab: Tab, folder: Path) -> None:
    """Each wrong file gets its sentence, and none can be used; what is for another base says so before it is brought."""
    folder.mkdir()
    (folder / "login.safetensors").write_text("<!DOCTYPE html><html><body>Log in</body></html>")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 4265146304\n"
    (folder / "pointer.safetensors").write_text(pointer)
    (folder / "pickle.safetensors").write_bytes(b"\x80\x02}q\x00." + b"\0" * 2048)
    (folder / "old.ckpt").write_bytes(b"\x80\x02}q\x00." + b"\0" * 2048)
    whole = weights.write(folder / "cut.safetensors", weights.lora("sd1"))
    whole.write_bytes(whole.read_bytes()[:-100])
    weights.write(folder / "flux.safetensors", {"lora_unet_double_blocks_0_img_attn.lora_down.weight": (2, 64)})
    weights.write(folder / "large-lora.safetensors", weights.lora("sdxl"))
    weights.write(folder / "large-depth.safetensors", weights.control("sdxl"))
    weights.write(folder / "fitting.safetensors", weights.lora("sd1"))
    view(tab, "Bring your own")
    page = tab.page
    page.get_by_label("File or folder").fill(str(folder))
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("3 can be used")).to_be_visible()
    for name, sentence in (
        ("login.safetensors", "web page"),
        ("pointer.safetensors", "Git LFS pointer"),
        ("pickle.safetensors", "is a pickle"),
        ("old.ckpt", "pickle"),
        ("cut.safetensors", "cut"),
        ("flux.safetensors", "Flux"),
    ):
        offer = page.locator(".offer").filter(has_text=f"/{name}")
        expect(offer.locator(".why")).to_contain_text(sentence)
    for name, sentence in (
        ("large-lora", "For painters of Stable Diffusion XL: none is installed yet."),
        ("large-depth", "For painters of Stable Diffusion XL: none is installed yet."),
        ("fitting", f"Fits {NAME}."),
    ):
        expect(page.locator(".offer").filter(has_text=f"/{name}.safetensors")).to_contain_text(sentence)
    tab.look("shelf-4-wrong-files")
    page.mouse.wheel(0, 4000)
    tab.look("shelf-5-wrong-files-below")


def views(browser, tab: Tab) -> None:  # type: ignore[no-untyped-def]
    """Every view, wide and narrow, dark and light: nothing is wider than the window."""
    for scheme in ("dark", "light"):
        for size in (WIDE, NARROW):
            other = Tab(browser, tab.house, size=size, scheme=scheme)
            other.go("/shelf")
            for name in VIEWS:
                view(other, name)
                other.look(f"shelf-{name.split()[0].lower()}-{size[0]}-{scheme}")
                assert other.page.evaluate(TOO_WIDE) <= 0, (name, size)
            other.close()
