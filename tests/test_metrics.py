"""Each measure gives what was worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from studio.measure.metrics import depth_errors, edge_f1, figure_height, grown, iou, near_joints, spearman


def test_joints_count_within_a_share_of_the_figures_height() -> None:
    asked = [(10.0, 10.0), (10.0, 110.0), None, (50.0, 60.0)]  # 100 high: a tenth is 10
    found = [(16.0, 18.0), (10.0, 121.0), (0.0, 0.0), None]  # off by 10, off by 11, not asked for, not found
    assert figure_height(asked) == 100
    assert near_joints(found, asked, 0.1) == [True, False, False]
    assert near_joints(found, asked, 0.12) == [True, True, False]
    assert figure_height([None, (3.0, 4.0)]) == 0


def test_two_lists_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        near_joints([None], [None, None])


def test_rank_correlation_minds_the_order_alone_and_shares_ties() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert spearman(a, a**3) == pytest.approx(1)
    assert spearman(a, -a) == pytest.approx(-1)
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: squared differences 1 1 1 1 0, so 1 - 6 * 4 / (5 * 24) = .8
    assert spearman(np.array([1, 2, 3, 4, 5]), np.array([20, 10, 40, 30, 50])) == pytest.approx(0.8)
    # Ranks 1.5 1.5 3 against 1 2 3: products -.5 * -1 + -.5 * 0 + 1 * 1 = 1.5, spreads sqrt(1.5 * 2)
    assert spearman(np.array([7, 7, 9]), np.array([1, 2, 3])) == pytest.approx(1.5 / math.sqrt(3))
    assert math.isnan(spearman(np.ones(4), np.arange(4)))
    with pytest.raises(ValueError, match="shapes"):
        spearman(np.ones(4), np.ones(5))


def test_edges_match_within_their_tolerance() -> None:
    asked = np.zeros((20, 20), bool)
    asked[:, 5] = True
    found = np.zeros((20, 20), bool)
    found[:, 7] = True  # two pixels off: all within
    assert edge_f1(found, asked, 2) == 1
    assert edge_f1(found, asked, 1) == 0
    found[:, 15] = True  # half of what was found is wrong: precision .5, recall 1
    assert edge_f1(found, asked, 2) == pytest.approx(2 / 3)
    nothing = np.zeros_like(asked)
    assert edge_f1(nothing, nothing) == 1 and edge_f1(nothing, asked) == 0 and edge_f1(asked, nothing) == 0


def test_a_mask_grows_to_a_disc_and_stays_inside() -> None:
    dot = np.zeros((7, 7), bool)
    dot[3, 3] = True
    assert grown(dot, 2).sum() == 13  # all whole steps of a length up to 2
    corner = np.zeros((2, 3), bool)
    corner[0, 0] = True
    assert grown(corner, 5).all()
    assert not grown(np.zeros((4, 4), bool), 2).any()


def test_overlap_is_shared_over_all() -> None:
    a, b = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    a[0], b[:, 0] = True, True  # four and two cells, one of them shared
    assert iou(a, b) == pytest.approx(1 / 5)
    assert iou(~a, a) == 0 and iou(a, a) == 1 and iou(np.zeros(3, bool), np.zeros(3, bool)) == 1


def test_depth_errors_leave_the_far_sky_out_of_the_ratio() -> None:
    asked = np.array([[0.0, 0.5], [0.8, 0.4]])
    found = np.array([[0.2, 0.6], [0.8, 0.2]])  # ratios 1.2, 1, 2
    error, near = depth_errors(found, asked)
    assert error == pytest.approx((0.2 + 0.1 + 0 + 0.2) / 4) and near == pytest.approx(2 / 3)
    assert math.isnan(depth_errors(found, np.zeros((2, 2)))[1])
