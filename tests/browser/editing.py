"""The editors' own small house, and one person at it: where a point is on the screen, and what Python knows. No tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PATIENCE, Tab, until

expect.set_options(timeout=PATIENCE)


class Desk:
    """One editor on its page: where a point of the picture is on the screen, and what Python knows."""

    def __init__(self, tab: Tab, width: int = 512, height: int = 512) -> None:
        self.tab, self.page, self.width, self.height = tab, tab.page, width, height
        self.stage = self.page.locator(".stage")

    def open(self, part: str, **query: str | int) -> Desk:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        self.tab.go(f"/?part={part}{more}")
        if part in ("pose", "mask"):
            expect(self.page.locator("img.picture.here")).to_be_visible()
        return self

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the picture, in fractions, on the screen."""
        box = self.stage.bounding_box()
        assert box is not None
        left, top, scale = map(float, (self.stage.get_attribute("data-view") or "").split())
        return box["x"] + 1 + left + x * self.width * scale, box["y"] + 1 + top + y * self.height * scale

    def drag(self, *points: tuple[float, float], button: str = "left") -> None:
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down(button=button)  # type: ignore[arg-type]
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=5)
        self.page.mouse.up(button=button)  # type: ignore[arg-type]

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def known(self) -> dict[str, Any]:
        return json.loads(self.page.locator("code").inner_text())

    def when(self, true: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """What Python knows, once that is true of it."""
        return until(lambda: (known := self.known()) and true(known) and known)

    def figures(self, true: Callable[[list[Any]], Any] = lambda figures: True) -> list[Any]:
        return self.when(lambda known: known["figures"] is not None and true(known["figures"]))["figures"]

    def covers(self, true: Callable[[float], Any]) -> dict[str, Any]:
        return self.when(lambda known: "share" in known and true(known["share"]))


@pytest.fixture(scope="module")
def sitting(browser: Browser, place: SimpleNamespace) -> Iterator[Tab]:
    """One tab for all tests of a file: the browser reads the page's scripts once; every opening is a session of its own."""
    tab = Tab(browser, place)  # type: ignore[arg-type]
    yield tab
    tab.close()


@pytest.fixture
def desk(sitting: Tab) -> Desk:
    """A desk of square pictures in that tab."""
    return Desk(sitting)
