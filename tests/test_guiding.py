"""What the trainers of the guiding parts are told is true: maps, bumps, windows, masks, and what is shipped."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.workshop import heavy

heavy.prepare()

from PIL import Image  # noqa: E402

from studio.starter import control  # noqa: E402
from studio.starter.parts import pose, segment  # noqa: E402
from studio.starter.parts.rough import Sight  # noqa: E402
from studio.starter.scenes import LABEL_PERSON, TEST_SEEDS, Scene, render, sample_scene  # noqa: E402
from studio.starter.seal import ship  # noqa: E402
from studio.starter.shapes import PALETTE  # noqa: E402

START = TEST_SEEDS.start + 960_000


def sight(seed: int) -> Sight:
    scene = sample_scene(seed)
    made = render(scene)
    return Sight(scene, made.picture, made)


def people(count: int) -> list[Sight]:
    found = (sample_scene(seed) for seed in range(START, START + 400))
    return [sight(scene.seed) for scene in [s for s in found if s.person][:count]]


def test_bumps_stand_where_the_processor_will_look_for_them() -> None:
    """The shipped processor reads the trainer's own targets back to the pixel, for whole pictures and for windows."""
    prepare = pose.processor()
    rng = np.random.default_rng(0)
    for one in people(3):
        figure = pose.joints_of(one.scene)
        x, y, side = pose.window_about(figure, rng)
        for window, box in (
            ((64.0, 64.0, pose.WHOLE), [0.0, 0.0, 128.0, 128.0]),
            ((x, y, side), [x - side / 2.5, y - side / 2.5, side / 1.25, side / 1.25]),
        ):
            target = pose.bumps([pose.Lesson(one.picture, (figure,), window)])
            told = type("Told", (), {"heatmaps": target})
            ((read,),) = prepare.post_process_pose_estimation(told, boxes=[[box]])
            gap = np.abs(read["keypoints"].numpy() - np.array(figure) * 128).max(1)
            assert np.median(gap) < 0.5 and gap.max() < window[2] / 24, gap


def test_windows_are_cut_as_the_processor_cuts_them() -> None:
    prepare = pose.processor()
    one = people(1)[0]
    pictures = torch.from_numpy(one.picture).permute(2, 0, 1)[None].float() / 255
    ours = pose.normalise(pose.cut(pictures, [(64.0, 64.0, pose.WHOLE)]))
    theirs = prepare(
        [Image.fromarray(one.picture)], boxes=[[[0.0, 0.0, 128.0, 128.0]]], return_tensors="pt"
    ).pixel_values
    inside = (slice(None), slice(None), slice(12, 84), slice(12, 84))  # their border pixel is half black
    assert (ours[inside] - theirs[inside]).abs().max() < 0.05


def test_a_second_figure_stands_beside_the_first_and_is_labelled() -> None:
    rng = np.random.default_rng(1)
    first, second = people(2)
    made = None
    while made is None:
        made = pose.beside(first, second, rng)
    both, newcomer = made
    assert abs(newcomer[1][0] - pose.joints_of(first.scene)[1][0]) > 0.28
    assert (both.truth.labels == LABEL_PERSON).sum() > 1.5 * (first.truth.labels == LABEL_PERSON).sum()
    assert second.scene.person is not None
    x, y = (
        int(value * 128) for value in np.mean([newcomer[8], newcomer[11], newcomer[1]], axis=0)
    )  # the middle of the shirt
    gap = np.abs(both.picture[y, x].astype(int) - PALETTE[second.scene.person.shirt])
    assert gap.max() < 12


def test_an_empty_scene_asks_for_silence() -> None:
    nobody = next(sample_scene(s) for s in range(START, START + 20) if sample_scene(s).person is None)
    each = pose.lesson(sight(nobody.seed), [], np.random.default_rng(2))
    assert each.figures == () and float(pose.bumps([each]).max()) == 0


def test_a_figure_is_one_when_half_of_its_joints_are_sure() -> None:
    sure, faint = (5.0, 6.0, 0.9), (5.0, 6.0, 0.1)
    assert pose.is_figure([sure] * 9 + [faint] * 9) and not pose.is_figure([sure] * 8 + [faint] * 10)
    assert pose.sure_points([sure, faint]) == [(5.0, 6.0), None]


@pytest.mark.parametrize("part", list(control.KINDS))
def test_maps_are_pictures_that_differ_from_scene_to_scene(part: str) -> None:
    kind = control.KINDS[part]
    scenes = [one.scene for one in people(3)]
    drawn = [kind.draw(scene, np.random.default_rng(3)) for scene in scenes]
    assert all(each.shape == (128, 128, 3) and each.dtype == np.uint8 and each.max() > 150 for each in drawn)
    assert not np.array_equal(drawn[0], drawn[1])
    again = kind.draw(scenes[0], np.random.default_rng(3))
    assert np.array_equal(again, drawn[0])


def test_the_weight_of_a_pose_lies_on_its_limbs() -> None:
    scene = people(1)[0].scene
    drawn = control.KINDS["control-pose"].draw(scene, np.random.default_rng(0))
    maps = torch.from_numpy(drawn).permute(2, 0, 1)[None].float() / 255
    weight = control.focus(maps, torch.zeros(1, 1, 16, 16), persons=True)[0, 0]
    x, y = pose.joints_of(scene)[1]
    assert weight[int(y * 16), int(x * 16)] == 1 + control.FOCUS
    assert 1 <= weight.min() < 1.01 and weight.mean() < 4
    cover = torch.zeros(1, 1, 16, 16)
    cover[..., 3] = 1
    assert control.focus(maps, cover, persons=False)[0, 0, 5].tolist()[2:5] == [1, 1 + control.FOCUS, 1]


def test_times_cover_the_schedule_and_lean_to_the_noisy_end() -> None:
    times = control.noisy_times(400, 1000, torch.Generator().manual_seed(0))
    assert times.min() < 60 and times.max() <= 999 and times.dtype == torch.long
    assert 640 < float(times.float().mean()) < 690  # two thirds: the density grows with the time


def test_words_name_what_their_mask_covers() -> None:
    rng = random.Random(4)
    for one in [sight(seed) for seed in range(START, START + 40)]:
        for question in segment.questions(one, rng):
            assert question.mask.dtype == bool and question.words.strip() == question.words
            named = [thing for thing in one.scene.things if thing.kind in question.words.split()]
            if question.mask.any() and named:
                x, y = (int(value * 128) for value in (named[0].x, named[0].y))
                assert question.mask[max(0, y - 16) : y + 16, max(0, x - 16) : x + 16].any() or len(named) > 1


def test_clothes_are_where_their_colour_shows() -> None:
    one = people(1)[0]
    person = one.scene.person
    assert person is not None
    scene: Scene = dataclasses.replace(one.scene, person=dataclasses.replace(person, shirt="red", trousers="blue"))
    worn = segment.where_worn(scene, "shirt")
    colours = render(scene).picture[worn]
    assert worn.sum() > 150 and (np.abs(colours.astype(int) - PALETTE["red"]).max(1) < 40).mean() > 0.8
    assert not (worn & segment.where_worn(scene, "trousers")).any()


def test_a_small_thing_counts_as_much_as_a_large_one() -> None:
    mask = torch.zeros(2, 48, 48)
    mask[0, :4, :4], mask[1, :30, :30] = 1, 1
    right = segment.mask_loss((mask * 2 - 1) * 12, mask)
    missed = [segment.mask_loss(torch.full((1, 48, 48), -12.0), mask[i : i + 1]) for i in (0, 1)]
    assert right < 0.01 and missed[0] > 0.7 and missed[1] > missed[0]


def test_parts_are_shipped_whole_and_sealed(tmp_path: Path) -> None:
    exports, pack = tmp_path / "export", tmp_path / "pack"
    (exports / "pose").mkdir(parents=True)
    (exports / "half").mkdir()
    (exports / "half" / "model.safetensors").write_bytes(b"no config yet")
    pack.mkdir()
    (exports / "pose" / "config.json").write_text("{}")
    (exports / "pose" / "model.safetensors").write_bytes(b"weights")
    assert ship(exports, pack, scenes=5) == ["pose"]
    assert (pack / "pose" / "model.safetensors").read_bytes() == b"weights"
    assert (exports / "pose" / "model.safetensors").exists() and not (pack / "half").exists()
    sums = dict(line.split("  ")[::-1] for line in (pack / "SHA256SUMS").read_text().splitlines())
    assert sums["pose/model.safetensors"] == hashlib.sha256(b"weights").hexdigest()
    assert set(sums) == {"pose/config.json", "pose/model.safetensors", "words.txt"}
    assert not list(tmp_path.glob(".*"))
