"""Disks that do not answer: whoever asks goes on, nobody is sent after somebody who hangs, and a scan says what happened."""

import threading

import pytest

from studio.domain.errors import Cancelled
from studio.workshop import disks
from studio.workshop.disks import READ_SECONDS, SIGN_SECONDS, Disk, Unanswered


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(disks, "LOOK_SECONDS", 0.005)


@pytest.fixture
def hung():
    """Something that a question hangs in, until the test is over."""
    answers = threading.Event()
    yield answers
    answers.set()


class Clock:
    """A clock that goes on by so many seconds whenever it is asked."""

    def __init__(self, step):
        self.at, self.step = 0.0, step

    def __call__(self):
        self.at += self.step
        return self.at


def left(path):
    return [thread for thread in threading.enumerate() if thread.name == f"no answer from {path}"]


def test_an_answer_and_a_trouble_come_back_to_whoever_asked():
    disk = Disk("/a")
    assert disk.ask(lambda alive: 7) == 7 and disk.read(lambda: b"x") == b"x"
    with pytest.raises(KeyError, match="odd"):
        disk.read(lambda: {}["odd"])
    assert disk.ask(lambda alive: 8) == 8


@pytest.mark.parametrize(("how", "seconds"), [("ask", SIGN_SECONDS), ("read", READ_SECONDS)])
def test_who_hangs_is_left_behind_and_nobody_is_sent_after_him(hung, how, seconds):
    disk = Disk("/slow", clock=Clock(seconds / 4))
    question = (lambda alive: hung.wait()) if how == "ask" else hung.wait
    with pytest.raises(Unanswered, match="The disk of /slow does not answer"):
        getattr(disk, how)(question)
    (thread,) = left("/slow")
    for other in (disk, Disk("/slow")):
        with pytest.raises(Unanswered):
            other.ask(lambda alive: pytest.fail("asked once more"))
    assert Disk("/other").ask(lambda alive: 1) == 1
    hung.set()
    thread.join(10)
    assert Disk("/slow").ask(lambda alive: 1) == 1  # the network is back


def test_who_goes_from_file_to_file_may_take_as_long_as_it_takes(hung):
    clock = Clock(0.0)

    def walk(alive):
        for _ in range(20):
            clock.at += SIGN_SECONDS / 2
            alive()
        return "all of it"

    assert Disk("/large", clock=clock).ask(walk) == "all of it"


def test_a_job_that_is_cancelled_meanwhile_ends_and_so_does_the_walk(hung):
    def cancelled():
        raise Cancelled("Cancelled.")

    ended = threading.Event()

    def walk(alive):
        hung.wait()
        try:
            alive()
        finally:
            ended.set()

    with pytest.raises(Cancelled):
        Disk("/walked", waiting=cancelled).ask(walk)
    assert left("/walked") == []
    hung.set()
    assert ended.wait(10)
