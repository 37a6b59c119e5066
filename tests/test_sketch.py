"""Sketch mode: the four strides are DDIM's own, a LoRA of ours goes the studio's ordinary way, and a mode puts it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.domain.recipe import Lora, Recipe
from studio.packs.shelf import Shelf
from studio.places import ASSETS
from studio.workshop import heavy

heavy.prepare()

from studio.starter import sketch  # noqa: E402
from studio.starter.adapters import ATTENTION, FILE, REST, Adapter, export_lora, open_painter  # noqa: E402
from studio.starter.optimise import Average, descend  # noqa: E402
from studio.starter.seal import ship_packs  # noqa: E402
from studio.starter.unet import build_scheduler  # noqa: E402
from studio.workshop.models import Models  # noqa: E402
from studio.workshop.paint import samplers  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assets folder with the starter pack and a sketching LoRA that has learned something, if nothing useful."""
    root = tmp_path_factory.mktemp("assets")
    adapter = Adapter(open_painter(CPU), rank=2, layers=(*ATTENTION, *REST))
    generator = torch.Generator().manual_seed(1)
    for weight in adapter.weights:
        torch.nn.init.normal_(weight, std=0.1, generator=generator)
    export_lora(adapter, Average(adapter), sketch.ID, root / "export")
    (root / "storybook").symlink_to(ASSETS / "storybook")
    assert ship_packs(root / "export" / "packs", root) == [sketch.ID]
    return root


def test_the_four_strides_are_those_of_the_sampler() -> None:
    assert sketch.student_times() == [999, 749, 499, 249]
    strides = sketch.Strides(CPU)
    scheduler, times = samplers.ready("ddim", build_scheduler().config, steps=4, strength=1.0)
    x, v = torch.randn(2, 1, 8, 4, 4, generator=torch.Generator().manual_seed(3))
    for k, time in enumerate(times):
        landed = strides.land(x, v, k)
        assert torch.allclose(landed, scheduler.step(v, time, x).prev_sample, atol=1e-5)
        assert torch.allclose(strides.aim(x, strides.guess(x, landed, k), k), v, atol=1e-4)
        x = landed


def test_a_walk_passes_the_students_times_and_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Still:
        """A painter that always answers nothing."""

        def __call__(self, x: torch.Tensor, time: Any, encoder_hidden_states: torch.Tensor) -> Any:
            asked.append(int(time))
            return type("Said", (), {"sample": torch.zeros_like(x)})()

    class Deaf:
        device = CPU

        def states(self, texts: list[str]) -> torch.Tensor:
            return torch.zeros(len(texts), 77, 128)

    monkeypatch.setattr(sketch, "AT_ONCE", 2)
    sketch.make_walks(tmp_path, Still(), Deaf(), 4)  # type: ignore[arg-type]
    assert len(asked) == 40
    sketch.make_walks(tmp_path, Still(), Deaf(), 4)  # type: ignore[arg-type]
    assert len(asked) == 40, "what was made is kept"
    walks = sketch.load_walks(tmp_path)
    assert walks.states.shape == (4, 5, 8, 16, 16) and walks.told.shape == (4, 77, 128)
    with pytest.raises(ValueError, match="does not pass"):
        sketch.walk(
            Still(), walks.told.float(), walks.told[:1].float(), walks.states[:, 0].float(), (7, 4.0, "dpm++ 2m")
        )


def test_things_stand_out_from_their_rows() -> None:
    latents = torch.arange(16.0).reshape(1, 1, 16, 1).expand(1, 8, 16, 16).clone()
    latents[:, :, 5:8, 5:8] += 3
    weight = sketch.standing_out(latents)
    assert weight.shape == (1, 1, 16, 16)
    assert weight[0, 0, 5:8, 5:8].min() == 1 and weight.sum() == 9


def test_a_fresh_adapter_changes_nothing_and_a_taught_one_can_be_taken_off() -> None:
    unet = open_painter(CPU)
    x, told = torch.randn(1, 8, 16, 16), torch.randn(1, 77, 128)

    def answer() -> torch.Tensor:
        with torch.no_grad():
            out: torch.Tensor = unet(x, 500, encoder_hidden_states=told).sample
        return out

    before = answer()
    adapter = Adapter(unet, rank=2)
    assert torch.allclose(answer(), before, atol=1e-5) and not any("base" in name for name in adapter.names)
    average = Average(adapter)
    optimiser = torch.optim.AdamW(adapter.parameters(), lr=0.05)
    for _ in range(2):
        descend(adapter, optimiser, unet(x, 500, encoder_hidden_states=told).sample.square().mean())
    taught = answer()
    assert not torch.allclose(taught, before, atol=1e-3)
    with adapter.off():
        assert torch.allclose(answer(), before, atol=1e-5)
    with adapter.averaged(average):
        assert torch.allclose(answer(), before, atol=1e-5), "the average has not moved"
    assert torch.equal(answer(), taught)


def test_sketch_paints_with_the_lora_and_the_recipe_says_so(lora: Path) -> None:
    shelf = Shelf(catalogue=ASSETS / "packs", places=(lora,))
    pack = shelf.whole(sketch.ID)
    assert shelf.verify(pack) == [] and set(pack.hashes()) == {FILE}
    mode = shelf.get("storybook").manifest.modes["sketch"]
    assert mode[:4] == (4, 1.0, "ddim", sketch.ID)
    painter = Models(shelf).painter("storybook")
    recipe = Recipe(
        prompt="a red star at night", width=128, height=128, steps=mode.steps, guidance=mode.guidance,
        sampler=mode.sampler, seed=5, pack="storybook", loras=(Lora(mode.lora),),
    )  # fmt: skip
    assert Recipe.from_dict(recipe.to_dict()) == recipe

    def paint(one: Recipe) -> np.ndarray:
        return np.asarray(next(iter(painter.paint(one, {}, lambda *_: None))).picture)

    with_lora = paint(recipe)
    without = paint(Recipe.from_dict({**recipe.to_dict(), "loras": []}))
    assert with_lora.shape == (128, 128, 3) and np.abs(with_lora.astype(int) - without).mean() > 1
    assert np.array_equal(paint(recipe), with_lora), "put on again, it is the same picture"
