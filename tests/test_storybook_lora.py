"""The kite that a LoRA is taught: how it is drawn and called, what is kept as it was, and that its benches' sums are right."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from studio.workshop import heavy

heavy.prepare()

from bench import contact_sheet, storybook_lora, storybook_modes  # noqa: E402
from studio.places import ASSETS  # noqa: E402
from studio.starter import lora  # noqa: E402
from studio.starter.scenes import BACKGROUNDS, COLOURS, KINDS, TEST_SEEDS  # noqa: E402
from studio.starter.shards import training_scene  # noqa: E402


def test_twenty_kites_show_every_colour_and_place_and_are_no_kind_of_the_pack() -> None:
    kites = lora.lessons()
    assert len(kites) == 20 and lora.WORD not in KINDS and not set(lora.STRANGE) & {*KINDS, lora.WORD}
    assert {one.scene.things[0].colour for one in kites} == set(COLOURS)
    assert {one.scene.background for one in kites} == set(BACKGROUNDS)
    assert Counter(one.scene.things[0].size for one in kites).keys() == {"small", "large"}
    for one in kites:
        assert one.picture.shape == (128, 128, 3) and 0.01 < one.inside.mean() < 0.2
        assert not one.inside[:2].any() and not one.inside[:, [0, -1]].any(), "all of it is in the picture"
        for text in lora.kite_words(one.scene):
            assert lora.WORD in text.split() or f"{lora.WORD}," in text.split(), text
    assert np.array_equal(lora.kite(5).picture, lora.kite(5).picture)


def test_known_scenes_keep_their_words_some_with_a_strange_one_and_some_with_none() -> None:
    scenes = [training_scene(seed) for seed in range(160)]
    texts = [lora.kept_words(scene, i) for i, scene in enumerate(scenes)]
    assert texts.count("") == 20 and not any(lora.WORD in text for text in texts)
    strange = [text for text in texts if any(word in text for word in lora.STRANGE)]
    assert 15 <= len(strange) <= 40


def test_cases_are_drawn_with_their_own_words() -> None:
    cases = lora.Cases(
        torch.arange(4.0).reshape(4, 1, 1, 1), torch.zeros(4, 1, 1, 1), torch.arange(8.0).reshape(4, 2, 1, 1)
    )
    latents, _, told = cases.drawn(np.random.default_rng(1), 50)
    assert ((told.flatten() // 2) == latents.flatten()).all() and told.unique().numel() == 8


def test_the_judge_of_kites_learns_what_a_kite_is(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    judge = storybook_lora.train_judge(count=64, rounds=8)
    monkeypatch.setattr(storybook_lora, "judge_of_kites", lambda: judge)
    seeds = TEST_SEEDS[900_000:900_040]
    kites, others = (storybook_lora.drawn(seeds, kites=which)[0] for which in (True, False))
    found, false = (storybook_lora.seen(storybook_lora.to_unit(some)) for some in (kites, others))
    assert len(found) == 40 and sum(map(bool, found)) > sum(map(bool, false)) + 10


def test_prompts_of_kites_name_every_colour_in_every_place_once() -> None:
    asked = storybook_lora.kite_prompts(72)
    assert len({(colour, place) for _, colour, place, _ in asked}) == 72 == len({seed for *_, seed in asked})
    assert asked[1][0] == "an orange kite on a sunny day"


@pytest.mark.slow
def test_the_bench_of_modes_paints_and_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storybook_modes, "TIMED", 1)
    first, *others = storybook_modes.measured("sketch-without", 2)
    assert first.part == "sketch-without (8 steps, guidance 3, dpm++ 2m)" and 0 < first.low <= first.value <= first.high
    assert {one.what for one in others} >= {"background as asked", "person as asked"}


def test_a_recipe_of_a_mode_wears_its_lora_and_those_beside_it() -> None:
    quick = storybook_modes.read_manifest(ASSETS / "packs" / "storybook.toml").modes["sketch"]
    made = storybook_modes.recipe(quick, "a kite", 3, loras=("storybook-kite",))
    assert [one.name for one in made.loras] == ["storybook-kite", "storybook-sketch"]
    assert (made.steps, made.guidance, made.sampler, made.seed) == (4, 1.0, "ddim", 3)


def test_the_sheet_asks_for_everything_that_the_pack_knows() -> None:
    prompts = contact_sheet.PROMPTS
    assert len(set(prompts)) == 64
    said = " ".join(prompts).lower()
    assert [
        word for word in (*KINDS, *COLOURS, "two", "three", "pencil sketch", "pixel art", "person") if word not in said
    ] == []


def test_what_the_gate_refuses_is_an_empty_place_and_the_sheet_is_small() -> None:
    from types import SimpleNamespace

    from PIL import Image

    shown = [SimpleNamespace(picture=Image.fromarray(lora.kite(i).picture)) for i in range(63)]
    sheet = contact_sheet.composed(contact_sheet.PROMPTS, [None, *shown], "Storybook", "facts")  # type: ignore[list-item]
    assert sheet.getpixel((contact_sheet.MARGIN + 20, contact_sheet.MARGIN + contact_sheet.HEAD + 20)) == (
        230,
        220,
        203,
    )
    data = contact_sheet.encoded(sheet)
    assert len(data) < contact_sheet.MOST and data[8:12] == b"WEBP"
    with pytest.raises(SystemExit, match="does not fit"):
        contact_sheet.encoded(sheet, most=10)


@pytest.mark.slow
def test_the_sheet_is_painted_and_every_picture_looked_at(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    out = f"{tmp_path}/sheet.webp"
    contact_sheet.main(["--first", "2", "--out", out])
    assert "0 refused" in capsys.readouterr().out
    with Image.open(out) as sheet:
        assert (
            sheet.width == 2 * contact_sheet.MARGIN + 8 * (contact_sheet.SIDE + contact_sheet.GAP) - contact_sheet.GAP
        )
