"""The renderer's truth must match its pixels, and its splits must never meet."""

import math
import random
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest

from studio.starter.scenes import (
    BACKGROUNDS,
    CALIBRATION_SEEDS,
    COLOURS,
    KINDS,
    LABEL_FIRST,
    LABEL_PERSON,
    LABEL_SIGN,
    RADIUS,
    SIZES,
    SPLITS,
    STYLES,
    TEST_SEEDS,
    TRAIN_SEEDS,
    Scene,
    Thing,
    render,
    sample_scene,
)
from studio.starter.shapes import PALETTE

SEEDS = TEST_SEEDS[:300]


def alone(kind: str, colour: str, size: str = "large", background: str = "day") -> Scene:
    """One thing in the middle."""
    return Scene(7, background, (Thing(kind, colour, size, 0.5, 0.5, RADIUS[size]),), None, None, False)


def test_a_seed_always_gives_the_same_scene_and_the_same_pixels() -> None:
    for seed in SEEDS[:10]:
        assert sample_scene(seed) == sample_scene(seed)
        first, second = render(sample_scene(seed)), render(sample_scene(seed))
        assert np.array_equal(first.picture, second.picture)
        assert np.array_equal(first.labels, second.labels)
        assert np.array_equal(first.depth, second.depth)
    assert len({sample_scene(seed) for seed in SEEDS}) == len(SEEDS)


def test_the_splits_share_no_seed() -> None:
    assert set(SPLITS) == {"train", "calibration", "test"}
    ends = sorted((split.start, split.stop) for split in SPLITS.values())
    assert all(stop <= start for (_, stop), (start, _) in pairwise(ends))
    assert TRAIN_SEEDS[-1] not in CALIBRATION_SEEDS
    assert CALIBRATION_SEEDS[-1] not in TEST_SEEDS


def test_the_domain_is_as_wide_as_promised() -> None:
    assert len(KINDS) >= 12
    assert len(COLOURS) == 9
    assert len(BACKGROUNDS) == 8
    scenes = [sample_scene(seed) for seed in TRAIN_SEEDS[:2000]]
    assert {s.background for s in scenes} == set(BACKGROUNDS)
    assert {t.kind for s in scenes for t in s.things} == set(KINDS)
    assert {t.colour for s in scenes for t in s.things} == set(COLOURS)
    people = sum(s.person is not None for s in scenes) / len(scenes)
    assert 0.27 < people < 0.38
    assert sum(len(s.things) == 2 for s in scenes) > 400
    assert {t.count for s in scenes for t in s.things} == {1, 2, 3}
    assert sum(t.count > 1 for s in scenes for t in s.things) > 200
    shares = {style: sum(s.style == style for s in scenes) / len(scenes) for style in STYLES}
    assert min(shares.values()) > 0.07
    assert shares["picture book"] > 0.7


def test_a_rendering_has_the_promised_shapes_and_ranges() -> None:
    made = render(sample_scene(SEEDS[0]), size=96)
    assert made.picture.shape == (96, 96, 3)
    assert made.picture.dtype == np.uint8
    assert made.labels.shape == made.depth.shape == (96, 96)
    assert made.labels.dtype == np.uint8
    assert made.depth.dtype == np.float32
    assert 0 <= made.depth.min() < made.depth.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colour", COLOURS)
def test_the_pixels_under_a_label_have_the_colour_that_the_truth_names(kind: str, colour: str) -> None:
    made = render(alone(kind, colour))
    inside = made.picture[made.labels == LABEL_FIRST].astype(int)
    near = np.abs(inside - np.array(PALETTE[colour])).max(1) < 12
    assert near.mean() > 0.2, f"{near.mean():.2f} of the {kind} is {colour}"
    outside = made.picture[made.labels == 0].astype(int)
    assert (np.abs(outside - np.array(PALETTE["purple"])).max(1) < 12).mean() < 0.01


def test_every_kind_has_a_silhouette_of_its_own() -> None:
    masks = {kind: render(alone(kind, "red")).labels > 0 for kind in KINDS}
    for i, one in enumerate(KINDS):
        for other in KINDS[i + 1 :]:
            union = (masks[one] | masks[other]).sum()
            assert (masks[one] & masks[other]).sum() / union < 0.93, f"{one} looks like {other}"


def test_large_is_clearly_larger_than_small() -> None:
    for kind in KINDS:
        areas = [int((render(alone(kind, "blue", size)).labels > 0).sum()) for size in SIZES]
        assert areas[1] > 1.8 * areas[0]


def test_the_relation_holds_between_the_centres() -> None:
    pairs = [s for seed in SEEDS if len((s := sample_scene(seed)).things) == 2]
    assert {s.relation for s in pairs} == {"left of", "right of", "above", "below"}
    for scene in pairs:
        first, second = scene.things
        gap = {
            "left of": second.x - first.x,
            "right of": first.x - second.x,
            "above": second.y - first.y,
            "below": first.y - second.y,
        }[str(scene.relation)]
        assert gap > 0.35


def test_equal_things_stand_clear_of_each_other_and_are_all_labelled() -> None:
    several = [s for s in map(sample_scene, SEEDS) if any(t.count > 1 for t in s.things)]
    assert len(several) > 10
    for scene in several:
        thing = scene.things[0]
        spots = [(thing.x, thing.y), *thing.also]
        assert all(math.dist(a, b) > 2.2 * thing.radius for a, b in combinations(spots, 2))
        labels = render(scene).labels
        near = [labels[int(128 * y) - 6 : int(128 * y) + 6, int(128 * x) - 6 : int(128 * x) + 6] for x, y in spots]
        assert all((part == LABEL_FIRST).any() for part in near)


def test_a_style_changes_the_whole_picture_and_none_of_the_truth() -> None:
    plain = replace(sample_scene(SEEDS[0]), style="picture book")
    book, pencil, pixels = (render(replace(plain, style=style)) for style in STYLES)
    for other in (pencil, pixels):
        assert np.array_equal(other.labels, book.labels)
        assert np.array_equal(other.depth, book.depth)
        assert (other.picture != book.picture).any(2).mean() > 0.9
    block = pixels.picture.reshape(32, 4, 32, 4, 3)
    assert (block == block[:, :1, :, :1]).all(), "pixel art is made of blocks of one colour"


def test_things_and_keypoints_stay_inside_the_picture() -> None:
    for seed in SEEDS:
        scene = sample_scene(seed)
        for thing in scene.things:
            assert thing.radius <= thing.x <= 1 - thing.radius
            assert thing.radius <= thing.y <= 1 - thing.radius
        if scene.person is not None:
            assert len(scene.person.keypoints) == 18
            assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y, _ in scene.person.keypoints)


def test_the_person_is_drawn_where_the_keypoints_are() -> None:
    people = [s for seed in SEEDS if (s := sample_scene(seed)).person is not None][:30]
    assert people
    for scene in people:
        labels = render(scene).labels
        assert scene.person is not None
        hits = [labels[int(y * 128), int(x * 128)] == LABEL_PERSON for x, y, _ in scene.person.keypoints]
        assert sum(hits) >= 16


def test_only_a_forbidden_scene_has_the_skull_sign() -> None:
    for seed in SEEDS[:60]:
        fine, bad = sample_scene(seed), sample_scene(seed, forbidden=True)
        assert not fine.forbidden
        assert bad.forbidden
        assert not (render(fine).labels == LABEL_SIGN).any()
        assert (render(bad).labels == LABEL_SIGN).mean() > 0.02


def test_near_things_have_more_depth_than_the_sky() -> None:
    scene = alone("ball", "red")
    made = render(scene)
    assert made.depth[made.labels == LABEL_FIRST].min() > 0.5
    assert made.depth[0, 127] == 0


def test_sampling_takes_no_state_from_outside() -> None:
    random.seed(1)
    first = sample_scene(5)
    random.seed(2)
    assert sample_scene(5) == first
