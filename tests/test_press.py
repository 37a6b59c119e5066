"""One press is one wish: noted under the key that the button was drawn with, served until it is done, and never twice."""

import pytest

from studio.domain.errors import BadInput
from studio.ui.press import Presses


class Stopped(BaseException):
    """As Streamlit stops a run."""


def test_a_press_is_served_once_and_deals_a_new_key():
    presses, heard = Presses(), []
    first = presses.key
    presses.note(first, heard.append)
    assert presses.waiting
    presses.serve()
    presses.serve()
    assert heard == [first] and presses.key != first and not presses.waiting


def test_a_second_press_on_a_page_that_was_not_redrawn_is_no_new_wish():
    presses, heard = Presses(), []
    first = presses.key
    presses.note(first, heard.append)
    presses.note(first, heard.append)  # both halves of a double click before the next run
    presses.serve()
    presses.note(first, heard.append)  # and one that comes late, from a page that the browser has not redrawn
    presses.serve()
    assert heard == [first]
    presses.note(presses.key, heard.append)
    presses.serve()
    assert len(set(heard)) == 2


def test_a_run_that_is_stopped_halfway_is_served_again_with_the_same_key():
    presses, heard = Presses(), []

    def stopped_once(key):
        heard.append(key)
        if len(heard) == 1:
            raise Stopped

    presses.note(presses.key, stopped_once)
    with pytest.raises(Stopped):
        presses.serve()
    presses.note(presses.key, stopped_once)  # the double click's other half comes in between
    presses.serve()
    presses.serve()
    assert len(heard) == 2 and heard[0] == heard[1] and not presses.waiting


def test_what_cannot_be_done_is_said_and_the_press_is_over():
    presses = Presses()

    def wrong(key):
        raise BadInput("prompt", "The prompt is empty.")

    presses.note(presses.key, wrong)
    with pytest.raises(BadInput):
        presses.serve()
    presses.serve()
    assert not presses.waiting


def test_two_tabs_have_two_keys():
    assert Presses().key != Presses().key
