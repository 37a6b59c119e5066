"""The real painter with the starter pack: repeatable, alone or in a batch, every sampler, Cancel at the step, NaN."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
from painting import PROMPT, Steps, one, pixels, storybook

from studio.domain.errors import Cancelled, NotNumbers
from studio.domain.recipe import SAMPLERS, Recipe


@pytest.fixture(scope="module")
def painter():
    return storybook()


@pytest.fixture(scope="module")
def small(heavy, tmp_path_factory):
    """Random weights where only the way of painting is asked about: a step costs a hundredth of the starter pack's."""
    from studio.workshop.paint.load import load_painter

    return load_painter(tiny.folder("sd1", tmp_path_factory.mktemp("tiny")))


SMALL = Recipe(PROMPT, width=tiny.SIZE, height=tiny.SIZE)


def test_same_seed_same_pixels_and_another_seed_others(painter):
    recipe = Recipe(PROMPT, steps=2, seed=5)
    first, again = (next(iter(painter.paint(recipe, {}, Steps()))) for _ in range(2))
    other = next(iter(painter.paint(recipe.with_seed(6), {}, Steps())))
    assert first.picture.size == (128, 128) and first.picture.mode == "RGB"
    assert np.array_equal(pixels(first), pixels(again))
    assert not np.array_equal(pixels(first), pixels(other))


@pytest.mark.parametrize("sampler", ["dpm++ 2m", "euler a"])
def test_each_picture_of_a_batch_can_be_made_alone(painter, sampler):
    batch = list(painter.paint(Recipe(PROMPT, steps=3, seed=20, count=4, sampler=sampler), {}, Steps()))
    assert [painted.seed for painted in batch] == [20, 21, 22, 23]
    for painted in batch:
        alone = next(iter(painter.paint(Recipe(PROMPT, steps=3, seed=painted.seed, sampler=sampler), {}, Steps())))
        assert np.abs(pixels(alone) - pixels(painted)).max() <= 3  # a batch sums in another order


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_paints_and_counts_its_steps(small, sampler):
    steps = Steps()
    (painted,) = small.paint(replace(SMALL, steps=4, sampler=sampler), {}, steps)
    totals = {total for _, total in steps.seen}
    assert len(totals) == 1 and steps.seen[-1][0] == totals.pop()
    assert [done for done, _ in steps.seen] == sorted(done for done, _ in steps.seen)
    assert pixels(painted).std() > 1


def test_the_table_names_every_sampler(heavy):
    from studio.workshop.paint import samplers

    assert set(samplers.TABLE) == set(SAMPLERS)


def test_batches_that_do_not_fit_follow_each_other_and_steps_add_up(painter, monkeypatch):
    monkeypatch.setattr("studio.workshop.paint.device.batch_size", lambda where, *, pixels, count: min(2, count))
    steps = Steps()
    painted = list(painter.paint(Recipe(PROMPT, steps=2, seed=9, count=3), {}, steps))
    assert [one.seed for one in painted] == [9, 10, 11]
    assert {total for _, total in steps.seen} == {4}
    assert steps.seen[0] == (0, 4) and steps.seen[-1] == (4, 4)


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 5])
def test_cancel_is_heard_within_one_step_also_while_decoding(small, stop_at):
    steps = Steps(stop_at=stop_at)
    with pytest.raises(Cancelled):
        list(small.paint(replace(SMALL, steps=2, seed=1, count=2), {}, steps))
    assert len(steps.seen) == stop_at
    assert len(list(small.paint(replace(SMALL, steps=1), {}, Steps()))) == 1  # and the painter still works


def test_drafts_are_small_pictures_of_what_comes(painter):
    steps = Steps(draft=True)
    (painted,) = painter.paint(Recipe(PROMPT, steps=4, width=320, height=192), {}, steps)
    assert painted.picture.size == (320, 192)
    assert all(max(draft.size) <= 256 and draft.mode == "RGB" for draft in steps.drafts) and len(steps.drafts) == 4


def test_nan_is_its_own_failure_and_the_next_picture_is_right(painter):
    bias = painter.pipe.unet.conv_out.bias
    kept = bias.detach().clone()
    try:
        bias.data.fill_(float("nan"))
        with pytest.raises(NotNumbers, match="NaN"):
            list(painter.paint(Recipe(PROMPT, steps=2), {}, Steps()))
    finally:
        bias.data.copy_(kept)
    assert len(list(painter.paint(Recipe(PROMPT, steps=1), {}, Steps()))) == 1


def test_half_precision_overflow_is_tried_again_in_full(painter, monkeypatch):
    import torch

    real, seen = painter._batch, []

    def overflowing(pieces, how, progress, show):
        seen.append(painter.pipe.unet.dtype)
        if seen[-1] != torch.float32:
            raise NotNumbers("NaN")
        return real(pieces, how, progress, show)

    usual = one(painter, Recipe(PROMPT, steps=1))
    monkeypatch.setattr(painter, "_batch", overflowing)
    painter.pipe.to(dtype=torch.float16)
    try:
        retried = one(painter, Recipe(PROMPT, steps=1))
        assert seen == [torch.float16, torch.float32] and painter.pipe.unet.dtype == torch.float16
        assert np.abs(retried - usual).max() <= 3  # its weights went through half precision
    finally:
        painter.pipe.to(dtype=torch.float32)


@pytest.mark.parametrize("sampler", ["dpm++ 2m", "euler a", "heun"])
def test_it_walks_as_diffusers_own_pipeline_does(painter, sampler):
    import torch

    from studio.workshop.paint import samplers

    recipe = Recipe(PROMPT, negative="a ball", steps=4, seed=3, sampler=sampler)
    pipe = painter.pipe
    usual = pipe.scheduler
    pipe.scheduler = samplers.scheduler(sampler, painter.config)
    try:
        theirs = pipe(
            PROMPT, negative_prompt="a ball", num_inference_steps=4, guidance_scale=4.0, width=128, height=128,
            generator=torch.Generator().manual_seed(3),
        ).images[0]  # fmt: skip
    finally:
        pipe.scheduler = usual
    assert np.abs(one(painter, recipe) - np.asarray(theirs).astype(int)).max() <= 1


def test_lcm_takes_more_steps_than_it_was_distilled_from(painter):
    from studio.workshop.paint import samplers

    _, times = samplers.ready("lcm", painter.config, steps=60, strength=1.0)
    assert len(times) == 60 and len(set(times.tolist())) == 60


def test_a_prompt_beyond_77_tokens_is_cut_not_refused(painter):
    (painted,) = painter.paint(Recipe("a red star and " * 200, steps=1), {}, Steps())
    assert painted.picture.size == (128, 128)
