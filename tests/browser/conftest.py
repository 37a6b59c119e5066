"""A real Chromium, the real studio with its real worker on a free port, and where the screenshots go."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from beside import first_port
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from studio.app import Studio, open_studio
from studio.jobs import lock
from studio.places import ROOT
from studio.ui.serve import free_port

OUTPUT = ROOT / "ci-output"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# ms; a shared machine may be busy, and a fast one never waits
PATIENCE = int(os.environ.get("EASEL_PATIENCE", "240000"))
SKIPPED = "BROWSER TESTS SKIPPED: no Chromium here; install the package 'chromium' to run them."
WIDE, NARROW = (1440, 900), (800, 900)
READY = """() => {
  const app = document.querySelector('[data-testid=stApp]')
  return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('.wordmark')
    && !document.querySelector('[data-testid=stSkeleton]')
}"""


def chromium() -> str | None:
    """Where Chromium is, if it is."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests; without a Chromium skip them, unless CI asked for them."""
    here = [item for item in items if Path(item.path).is_relative_to(Path(__file__).parent)]
    for item in here:
        item.add_marker(pytest.mark.browser)
        if chromium() is None and not os.environ.get("EASEL_REQUIRE_BROWSER"):
            item.add_marker(pytest.mark.skip(reason=SKIPPED))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a tab showed when a test failed in it: the address beside the failure, the picture among the others."""
    report = yield
    tab = getattr(item, "funcargs", {}).get("tab") or getattr(getattr(item, "funcargs", {}).get("desk"), "tab", None)
    if report.when == "call" and report.failed and tab is not None:
        with suppress(Exception):  # the page may be what broke; the failure itself must be told
            report.sections.append(("the tab", f"{tab.page.url}\n{tab.page.locator('body').inner_text()}"))
            tab.look(f"failed-{item.name}")
    return report


def pytest_terminal_summary(terminalreporter) -> None:  # type: ignore[no-untyped-def]
    """One line that nobody overlooks."""
    if any(SKIPPED in str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(SKIPPED, yellow=True, bold=True)


@dataclass
class House:
    """The studio, served: its address, and its home seen from this side."""

    url: str
    studio: Studio

    def worker_pid(self) -> int:
        """The process that paints."""
        held = lock.holder(self.studio.home)
        assert held is not None and held.pid, "no worker lives"
        return held.pid


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """`make run` in all but name: the web process and the worker it starts."""
    home = tmp_path_factory.mktemp("browser") / "hôme of Ada"
    port = free_port(first_port(8700))
    command = [sys.executable, "-m", "studio", "run", "--no-browser", "--port", str(port)]
    log = (tmp_path_factory.getbasetemp() / "web.log").open("wb")
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, env={**os.environ, "EASEL_HOME": str(home)}
    )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert "Easel is open at" in line, f"the studio did not start: {line!r}"
    studio = open_studio(home)
    yield House(line.split()[-1], studio)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    process.stdout.close()
    log.close()
    studio.supervisor.stop()
    studio.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = chromium()
    assert path, "CI asked for the browser tests, and there is no Chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """The editors' own small house, served."""
    port = free_port(first_port(8950))
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


class Tab:
    """One browser tab of one person, who has the studio open."""

    def __init__(self, browser: Browser, house: House, *, size: tuple[int, int] = WIDE, scheme: str = "dark") -> None:
        self.house = house
        self.asked: list[str] = []
        self.broken: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.on("dialog", lambda dialog: self.broken.append(f"dialog: {dialog.message}"))
        # a pattern, which the browser's driver matches; a function would bring every request of ours through this process
        self.context.route(re.compile(f"^(?!{re.escape(house.url)})"), _refuse)

    def go(self, path: str) -> Page:
        """Open a page and wait until it stands still."""
        self.page.goto(self.house.url + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the page's script has run."""
        self.page.wait_for_function(READY)

    def look(self, name: str) -> None:
        """Keep a screenshot."""
        OUTPUT.mkdir(exist_ok=True)
        self.page.screenshot(path=OUTPUT / f"{name}.png", animations="disabled")  # as it is when all fades have ended

    def close(self) -> None:
        """Close the tab and everything the person's browser knew; complain of what went wrong in it."""
        self.context.close()
        outward = [url for url in self.asked if not url.startswith((self.house.url, "data:", "blob:"))]
        assert outward == [], "the page asked somebody else"
        assert self.broken == []


def _refuse(route: Route) -> None:
    route.abort()


@pytest.fixture
def tab(browser: Browser, house: House) -> Iterator[Tab]:
    """A fresh browser with the studio's address."""
    opened = Tab(browser, house)
    yield opened
    opened.close()


def until(what, *, seconds: float = PATIENCE / 1000):  # type: ignore[no-untyped-def]
    """Ask again and again until the answer is true; the answer."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.2)
    return answer
