"""How much work a job is: steps that are walked, pictures, tiles, a second pass, ControlNets."""

import pytest

from studio.domain.control import Control
from studio.domain.recipe import Recipe
from studio.jobs.forecast import model_steps, painting, subject_and_work

HASH = "0" * 64


def work(source_size=None, **fields):
    return model_steps(Recipe("a ball", **{"steps": 20, **fields}).to_dict(), source_size)


def test_work_is_the_steps_that_are_walked_times_the_pictures():
    assert work(count=3) == 60
    assert work(task="vary", source=HASH, strength=0.5) == 10
    assert work(task="inpaint", source=HASH, mask=HASH, strength=0.75, count=2) == 30
    assert work(task="vary", source=HASH, strength=0.01) == 1
    assert work(task="vary", source=HASH, strength=0.0) == 0


def test_larger_is_more_by_the_area():
    assert work(hires=2.0, hires_strength=0.5) == 20 + 4 * 10
    assert work((128, 128), task="enlarge", source=HASH, factor=4, strength=0.5) == 16 * 10
    assert work((256, 128), task="enlarge", source=HASH, factor=2, strength=0.5) == 8 * 10
    assert work((256, 128), task="enlarge", source=HASH, factor=2, method="lanczos") == 0
    small, large = (work((side, side), task="outpaint", source=HASH, extend=(64, 0, 0, 0)) for side in (128, 512))
    assert small == 30 and large > small


def test_an_upscaler_is_measured_by_the_area_of_the_source():
    recipe = Recipe("", task="enlarge", source=HASH, factor=4, method="model", upscaler="some").to_dict()
    assert subject_and_work("paint", {"recipe": recipe, "source_size": (256, 128)}) == ("enlarge:some:4", 2.0)
    assert subject_and_work("paint", {"recipe": recipe})[1] == 1.0


def test_controls_cost_and_those_without_weight_do_not():
    used = tuple(Control("pose", HASH, weight=weight) for weight in (1.0, 0.5, 0.0))
    assert work(controls=used) == 2 * work()


@pytest.mark.parametrize(
    ("fields", "subject"),
    [({}, "paint:storybook:128x128:euler"), ({"task": "vary", "source": HASH}, "paint:storybook:128x128:euler:vary")],
)
def test_each_task_has_a_history_of_its_own(fields, subject):
    recipe = Recipe("a ball", sampler="euler", steps=4, **fields)
    assert subject_and_work("paint", {"recipe": recipe.to_dict()}) == (subject, 4.0)


def test_the_way_that_needs_less_memory_has_a_history_of_its_own():
    payload = {"recipe": Recipe("a ball", sampler="euler").to_dict()}
    subjects = {subject_and_work("paint", payload | more)[0] for more in ({}, {"offload": False}, {"offload": True})}
    assert subjects == {"paint:storybook:128x128:euler", "paint:storybook:128x128:euler:offload"}


def test_keeping_what_was_repeated_is_no_painting():
    payload = painting(Recipe("a ball", sampler="euler", steps=4))
    assert subject_and_work("repeat", payload) == ("paint:storybook:128x128:euler", 4.0)
    assert subject_and_work("repeat", payload | {"keep": "spool"}) == ("keep", 1.0)


def test_other_jobs_are_one_unit_and_imports_their_files():
    assert subject_and_work("find", {}) == ("find", 1.0)
    assert subject_and_work("import", {"files": [1, 2, 3]}) == ("import", 3.0)
    assert subject_and_work("paint", {}) == ("paint::0x0:", 1.0)
