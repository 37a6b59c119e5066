"""Control maps are drawn where they are asked for, in OpenPose's colours, at the size of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studio.domain.pose import COLOURS, LIMBS, presets
from studio.workshop.annotate.drawing import canny, draw_pose, grey


def rgb(word: str) -> np.ndarray:
    return np.array([int(word[i : i + 2], 16) for i in (1, 3, 5)])


def test_joints_and_limbs_lie_where_they_were_asked_for() -> None:
    figure = next(iter(presets().values()))
    drawn = draw_pose([figure], 512, 512)
    assert drawn.shape == (512, 512, 3) and drawn.dtype == np.uint8
    for index in (4, 7, 10, 13):  # wrists and ankles: nothing is drawn over them
        point = figure[index]
        assert point is not None
        assert np.array_equal(drawn[int(point[1] * 512), int(point[0] * 512)], rgb(COLOURS[index]))
    for (a, b), colour in zip(LIMBS, COLOURS, strict=False):
        if (a, b) in {(3, 4), (9, 10), (12, 13)}:
            start, end = figure[a], figure[b]
            assert start and end
            middle = drawn[int((start[1] + end[1]) * 256), int((start[0] + end[0]) * 256)]
            assert np.abs(middle - 0.6 * rgb(colour)).max() <= 1
    assert (drawn == 0).all(2).mean() > 0.9


def test_small_maps_keep_thin_limbs_and_hidden_joints_are_left_out() -> None:
    figure = next(iter(presets().values()))
    whole = draw_pose([figure], 128, 192)
    assert whole.shape == (192, 128, 3)
    assert 0.01 < (whole.max(2) > 20).mean() < 0.08
    without = draw_pose([(*figure[:9], None, None, *figure[11:])], 128, 192)
    knee = figure[9]
    assert knee is not None
    spot = (int(knee[1] * 192), int(knee[0] * 128))
    assert whole[spot].max() > 60 and without[spot].max() == 0
    assert draw_pose([], 40, 30).max() == 0
    assert np.abs(draw_pose([figure] * 2, 128, 192).astype(int) - whole).max() <= 60  # twice the same figure is one


def test_a_figure_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="18 joints"):
        draw_pose([((0.5, 0.5),) * 17], 64, 64)


def test_edges_follow_the_picture_at_its_own_size() -> None:
    square = np.zeros((50, 70, 3), np.uint8)
    square[10:40, 20:50] = (220, 60, 60)
    edges = canny(Image.fromarray(square))
    assert edges.shape == (50, 70, 3) and set(np.unique(edges)) == {0, 255}
    assert edges[25, 18:22].max() == 255 and edges[25, 30:40].max() == 0
    assert canny(Image.new("RGB", (16, 16), (9, 200, 30))).max() == 0


def test_near_is_white() -> None:
    drawn = grey(np.array([[0.0, 0.5, 1.0, 2.0]], np.float32))
    assert drawn.shape == (1, 4, 3) and drawn[0, :, 0].tolist() == [0, 128, 255, 255]
