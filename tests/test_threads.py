"""How many threads a walk computes with on a CPU: one where the step is small, and nobody else's number is touched."""

from dataclasses import replace

import pytest
from painting import PROMPT, Steps, elsewhere, storybook

from studio.domain.recipe import Recipe

SMALL = Recipe(PROMPT, pack="storybook", width=128, height=128, steps=1, seed=3)


@pytest.fixture
def two(heavy):
    """Two threads for this one, as on a machine of two cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield torch
    torch.set_num_threads(before)


def test_one_thread_is_this_threads_own(two):
    from studio.workshop.paint.threads import one_thread

    with one_thread():
        assert two.get_num_threads() == 1
        assert elsewhere(two.get_num_threads) == 2, "or a search begun meanwhile would be slow for good"
    with one_thread(False):
        assert two.get_num_threads() == 2
    assert two.get_num_threads() == 2

    def within():
        with one_thread():
            return two.get_num_threads()

    assert elsewhere(within) == 1, "in a thread that computes for the first time too"


def test_only_small_steps_of_a_cpu_are_for_one_thread(heavy):
    import torch

    from studio.workshop.paint.threads import alone

    starter, sd1 = 22_000_000, 3_440_000_000
    assert alone(torch.device("cpu"), weights=starter, cells=256)
    assert not alone(torch.device("cpu"), weights=starter, cells=4 * 1024)
    assert not alone(torch.device("cpu"), weights=sd1, cells=4096)
    assert not alone(torch.device("cuda"), weights=starter, cells=256)


def test_a_picture_says_with_how_many_it_was_painted(two):
    painter = storybook()
    if painter.where.type != "cpu":
        pytest.skip("threads are a CPU's")
    during = []

    def report(done, total, draft=None):
        during.append(two.get_num_threads())

    (small,) = painter.paint(SMALL, {}, report)
    assert small.threads == 1 and set(during) == {1}
    several = [*painter.paint(replace(SMALL, count=4), {}, Steps())]
    assert [one.threads for one in several] == [2] * 4
    assert two.get_num_threads() == 2
