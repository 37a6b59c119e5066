"""No press is lost, however soon another run of the page is asked for, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import until
from tests.browser.editing import desk, sitting

__all__ = ["desk", "sitting"]


def _fetched(page: Page, path: str) -> str:
    return page.evaluate("(path) => fetch(path).then((answer) => answer.text())", path)


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _interrupted(page: Page, holding: str, *meanwhile: str) -> None:
    """Press the button whose run is held, and then others while it is; then it is let go."""
    _press(page, holding)
    until(lambda: _fetched(page, "/held") == "held")
    for name in meanwhile:
        _press(page, name)
    _fetched(page, "/let-go")


def test_a_press_in_a_part_of_the_page_outlives_a_run_of_the_whole_page(desk):
    desk.open("presses")
    _interrupted(desk.page, "Hold", "Inside", "Run again")  # what is inside waits for the run that is held
    desk.tab.settle()
    assert desk.when(lambda known: known["inside"])["inside"] == 1


def test_a_press_that_a_run_has_taken_outlives_the_next_request(desk):
    desk.open("presses")
    _press(desk.page, "Hold before")
    desk.when(lambda known: known["runs"] == 2)
    _interrupted(desk.page, "One", "Run again")
    desk.tab.settle()
    assert desk.when(lambda known: known["one"])["one"] == 1


def test_what_a_press_does_is_done_to_its_end(desk):
    desk.open("presses")
    _interrupted(desk.page, "Slow", "Run again")
    desk.tab.settle()
    assert desk.when(lambda known: known["slow"])["slow"] == 1


def test_a_run_of_the_whole_page_right_after_one_of_a_part_draws_at_the_top(desk):
    desk.open("presses")
    page = desk.page
    _interrupted(page, "Hold at the end", "Run again")
    assert desk.when(lambda known: known["runs"] == 2)["runs"] == 2
    desk.tab.settle()
    expect(page.locator(".st-key-part button")).to_have_count(2)
    expect(page.locator(".st-key-part .wordmark")).to_have_count(0)


def test_presses_of_one_moment_are_all_heard_once(desk):
    desk.open("presses")
    page = desk.page
    both = """() => {
      const press = (word) => [...document.querySelectorAll("button")].find((one) => one.innerText === word).click()
      press("One"); press("Inside"); press("Two")
    }"""
    for number in range(1, 9):
        page.evaluate(both)
        known = desk.when(lambda known, number=number: known["two"] == number)
        assert (known["one"], known["inside"]) == (number, number)
