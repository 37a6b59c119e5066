"""The map's numbers: likeness becomes nearness, groups come apart and are named, new pictures go among their kind."""

from __future__ import annotations

import numpy as np
import pytest

from studio.domain.errors import Cancelled
from studio.gallery.space import mapping
from studio.gallery.space.mapping import groups, named, nearest, placed, scaled, turned
from studio.workshop.layout import laid_out

WIDE = 48


def kinds(count: int, *, of: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of `of` kinds, and which kind each is."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(of, WIDE))
    which = np.arange(count) % of
    made = middles[which] + 0.35 * rng.normal(size=(count, WIDE))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32), which


@pytest.fixture(scope="module")
def laid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    vectors, which = kinds(160, of=2)
    return vectors, which, scaled(laid_out(vectors, seed=5))


def test_two_kinds_come_out_apart(laid):
    _, which, points = laid
    one, other = points[which == 0], points[which == 1]
    within = max(np.linalg.norm(side - side.mean(axis=0), axis=1).mean() for side in (one, other))
    assert np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) > 3 * within


def test_neighbours_stay_neighbours():
    vectors, which = kinds(240, of=6)
    points = laid_out(vectors, seed=5)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + np.eye(240) * 1e9
    assert (which[distances.argmin(axis=1)] == which).mean() > 0.97


def test_the_same_pictures_make_the_same_map(laid):
    vectors, _, points = laid
    assert np.array_equal(points, scaled(laid_out(vectors, seed=5)))


def test_progress_rises_to_the_end_and_may_stop_it():
    vectors, _ = kinds(40, of=2)
    seen: list[float] = []
    laid_out(vectors, seed=1, progress=lambda done, total: seen.append(done / total))
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] > 0.95

    def stop(done: int, total: int) -> None:
        if 2 * done > total:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        laid_out(vectors, seed=1, progress=stop)


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_few_pictures_have_places_too(count):
    vectors, _ = kinds(count, of=1)
    points = scaled(laid_out(vectors, seed=1))
    assert points.shape == (count, 2) and np.isfinite(points).all() and points.min() >= 0 and points.max() <= 1


def test_pictures_that_are_all_the_same_have_places():
    points = scaled(laid_out(np.tile(kinds(1, of=1)[0], (30, 1)), seed=1))
    assert np.isfinite(points).all() and points.min() >= 0 and points.max() <= 1


def test_groups_are_the_kinds_and_lie_in_one_another(laid):
    _, which, points = laid
    labels, found = groups(points)
    by_number = {one.number: one for one in found}
    far = [one for one in found if one.level == 0]
    assert len(far) >= 2 and sum(one.pictures for one in far) == len(points)
    outermost = []
    for label in labels:
        one = by_number[label]
        while one.parent >= 0:
            assert by_number[one.parent].level == one.level - 1
            one = by_number[one.parent]
        outermost.append(one.number)
    for number in {one.number for one in far}:
        assert len(set(which[np.array(outermost) == number])) == 1
    for one in found:
        left, top, right, bottom = one.box
        assert left <= one.x <= right and top <= one.y <= bottom
        assert sum(other.pictures for other in found if other.parent == one.number) in (0, one.pictures)


def test_nearest_answers_as_one_product_does_and_reads_halves():
    vectors, _ = kinds(300, of=3)
    rows, scores = nearest(vectors[:7], vectors.astype(np.float16), count=4)
    whole = vectors[:7] @ vectors.T
    assert rows[:, 0].tolist() == list(range(7))
    assert np.allclose(scores, -np.sort(-whole, axis=1)[:, :4], atol=2e-3)
    assert nearest(vectors[:2], vectors[:3], count=9)[0].shape == (2, 3)


def test_new_pictures_go_among_their_kind_and_not_between(laid):
    vectors, which, points = laid
    known = np.arange(len(vectors)) >= 20
    rows, scores = nearest(vectors[~known], vectors[known], count=5)
    at = placed(rows, scores, points[known])
    for kind in (0, 1):
        own, other = (points[known][which[known] == one].mean(axis=0) for one in (kind, 1 - kind))
        mine = at[which[~known] == kind]
        assert (np.linalg.norm(mine - own, axis=1) < 0.5 * np.linalg.norm(mine - other, axis=1)).all()


def test_the_same_picture_twice_does_not_lie_on_itself():
    points = np.array([[0.2, 0.2], [0.8, 0.8]], dtype=np.float32)
    at = placed(np.array([[0, 1], [0, 1]]), np.array([[1.0, 0.9], [1.0, 0.9]], dtype=np.float32), points)
    assert 0 < np.linalg.norm(at[0] - at[1]) < 0.01 and np.abs(at - 0.2).max() < 0.01


def test_crowded_points_get_room_and_nobody_changes_sides():
    crowd = np.concatenate([np.full((90, 2), 0.1), [[1.0, 1.0]]]) + np.arange(91)[:, None] * [1e-4, 2e-4]
    points = mapping.evened(crowd.astype(np.float32))
    assert np.ptp(points[:90, 0]) > 0.2 and (np.diff(points[:, 0]) > 0).all() and (np.diff(points[:, 1]) > 0).all()


def test_a_new_map_is_turned_as_the_old_one_lay():
    rng = np.random.default_rng(0)
    old = rng.uniform(size=(30, 2)).astype(np.float32)
    mirrored = old[:, ::-1] * [1, -1]
    assert np.allclose(turned(mirrored, old, np.arange(30)), old - old.mean(axis=0), atol=1e-5)


# --- names ----------------------------------------------------------------------------------------------------------


def test_names_are_what_sets_a_group_apart():
    boats = [f"a red boat on the sea at {when}" for when in ("night", "dawn", "noon", "dusk")]
    houses = [f"a small house under a tree at {when}" for when in ("night", "dawn", "noon", "dusk")]
    first, second = named([boats, houses])
    assert "boat" in first.lower() and "sea" in first.lower()
    assert "house" in second.lower() and "boat" not in second.lower()
    assert first[0].isupper()


def test_incantations_and_loras_are_no_names():
    (name,) = named([["masterpiece, best quality, <lora:ink:1>, teapot"] * 5])
    assert name == "Teapot"


def test_groups_that_say_nothing_have_no_name_and_no_two_have_the_same():
    texts = [
        ["a cat asleep"] * 4 + ["a cat awake"] * 2,
        ["a cat asleep"] * 4 + ["a cat jumping"] * 3,
        ["", "a the"],
        [],
    ]
    names = named(texts)
    assert names[2:] == ["", ""] and len(set(names[:2])) == 2


def test_names_are_quick_and_the_order_of_captions_does_not_matter():
    texts = [["red boat, night", "blue boat", "boat"], ["green hill", "hill with snow"]]
    assert named(texts) == named([list(reversed(one)) for one in texts])
    assert mapping.TERMS == 3
