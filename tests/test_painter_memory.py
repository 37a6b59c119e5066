"""When memory runs out: fewer at once, then a thriftier way, then a sentence; nothing stays held, and the next is well."""

import weakref

import numpy as np
import pytest
import tiny
from painting import Steps, one, pixels

from studio.domain.errors import Failed
from studio.domain.recipe import Recipe

RECIPE = Recipe(
    "a large red star", width=tiny.SIZE, height=tiny.SIZE, steps=3, seed=3, count=3, sampler="euler a", guidance=3.0
)


@pytest.fixture(scope="module")
def painter(heavy, tmp_path_factory):
    from studio.workshop.paint.load import load_painter

    return load_painter(tiny.folder("sd1", tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def usual(painter):
    return [pixels(painted) for painted in painter.paint(RECIPE, {}, Steps())]


class Narrow:
    """Stands before a painter's batch and runs out of memory, midway, whenever more than `most` are painted at once."""

    def __init__(self, painter, monkeypatch, most, *, saved=99, words="CUDA out of memory. Tried to allocate 2 GiB"):
        self._real, self._painter, self._most, self._saved, self._words = painter._batch, painter, most, saved, words
        self.sizes, self.left = [], []
        monkeypatch.setattr(painter, "_batch", self)

    def __call__(self, pieces, how, progress, show):
        import torch

        assert all(ref() is None for ref in self.left), "what the failed try computed is still held"
        self.sizes.append(len(pieces))
        if len(pieces) > (self._saved if self._painter._saving else self._most):
            held = torch.zeros(1000)
            self.left.append(weakref.ref(held))
            torch.randn(5, generator=pieces[0].generator)
            progress.step()
            raise RuntimeError(self._words)
        return self._real(pieces, how, progress, show)


def test_fewer_are_painted_at_once_and_they_are_the_same_pictures(painter, usual, monkeypatch):
    narrow, steps = Narrow(painter, monkeypatch, 1), Steps()
    made = list(painter.paint(RECIPE, {}, steps))
    assert narrow.sizes == [3, 1, 1, 1]
    for painted, expected in zip(made, usual, strict=True):
        assert np.abs(pixels(painted) - expected).max() <= 1 and "fewer at once" in painted.note
    assert steps.seen[-1] == (9, 9)


def test_one_that_does_not_fit_is_painted_in_a_thriftier_way(painter, usual, monkeypatch):
    narrow = Narrow(
        painter, monkeypatch, 0, words="[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"
    )
    (painted,) = painter.paint(RECIPE.with_seed(3), {}, Steps())
    assert narrow.sizes == [1, 1] and "needs less" in painted.note
    assert np.abs(pixels(painted) - usual[0]).max() <= 1
    assert painter._saving is False
    monkeypatch.undo()
    (painted,) = painter.paint(RECIPE.with_seed(3), {}, Steps())
    assert painted.note == "" and painter.pipe.vae.use_tiling is False


def test_one_who_asks_for_less_gets_one_at_a_time_from_the_start_and_the_next_as_usual(painter, usual, monkeypatch):
    narrow = Narrow(painter, monkeypatch, 99)
    steps, tiled = Steps(), []
    for painted, expected in zip(painter.paint(RECIPE, {}, steps, offload=True), usual, strict=True):
        tiled.append(painter.pipe.vae.use_tiling)
        assert np.abs(pixels(painted) - expected).max() <= 1
        assert painted.saving and painted.note == "Painted in a slower way that needs less memory, as asked."
    assert narrow.sizes == [1, 1, 1] and tiled == [True] * 3 and steps.seen[-1] == (9, 9)
    assert painter._saving is False
    made = list(painter.paint(RECIPE, {}, Steps()))
    assert narrow.sizes == [1, 1, 1, 3] and not any(one.note or one.saving for one in made)


def test_what_never_fits_is_said_and_the_next_picture_is_well(painter, usual, monkeypatch):
    narrow = Narrow(painter, monkeypatch, 0, saved=0)
    with pytest.raises(Failed, match="too little memory for this picture: choose a smaller size"):
        list(painter.paint(RECIPE, {}, Steps()))
    assert narrow.sizes == [3, 1, 1]
    monkeypatch.undo()
    assert np.abs(one(painter, RECIPE) - usual[0]).max() <= 1 and painter._saving is False


def test_twenty_failures_leave_nothing_behind(painter, usual, monkeypatch):
    import gc

    import torch

    def held():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    Narrow(painter, monkeypatch, 0, saved=0)
    counts = []
    gc.collect()
    gc.freeze()  # what the libraries brought is not looked through again in every round
    try:
        for _ in range(20):
            with pytest.raises(Failed):
                list(painter.paint(RECIPE, {}, Steps()))
            counts.append(held())
    finally:
        gc.unfreeze()
    assert counts[-1] <= counts[1]


def test_another_failure_is_not_taken_for_it(painter, monkeypatch):
    narrow = Narrow(painter, monkeypatch, 0, words="mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="shapes"):
        list(painter.paint(RECIPE, {}, Steps()))
    assert narrow.sizes == [3]


def test_only_very_large_pictures_are_decoded_in_tiles(heavy):
    import diffusers
    import torch

    from studio.places import ASSETS
    from studio.workshop.paint.device import tiled

    with torch.device("meta"):
        folder = ASSETS / "configs" / "sd1" / "vae"
        full = diffusers.AutoencoderKL.from_config(diffusers.AutoencoderKL.load_config(folder))
    assert not tiled(full, pixels=1024 * 1024) and tiled(full, pixels=2048 * 2048)
    assert not tiled(full.half(), pixels=1536 * 1536)
    assert not tiled(tiny.vae(), pixels=2048 * 2048)
