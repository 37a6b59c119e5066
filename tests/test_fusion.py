"""Several rankings into one."""

import pytest

from studio.gallery.finding.fusion import DEPTH, K, depth, fuse


def test_places_count_by_their_reciprocal():
    assert fuse([[1, 2], [2, 3]]) == [(2, 1 / (K + 2) + 1 / (K + 1)), (1, 1 / (K + 1)), (3, 1 / (K + 2))]


def test_one_ranking_stays_as_it_is_and_none_is_nothing():
    assert [id for id, _ in fuse([[5, 3, 9]])] == [5, 3, 9] == [id for id, _ in fuse([[5, 3, 9], []])]
    assert fuse([]) == fuse([[], []]) == []


def test_ties_are_settled_by_the_first_ranking_and_never_by_chance():
    assert [id for id, _ in fuse([[1, 2], [2, 1]])] == [1, 2]
    assert [id for id, _ in fuse([[7], [8]])] == [7, 8]


def test_nobody_counts_twice_in_a_ranking():
    assert fuse([[1, 1, 1, 2]]) == [(1, 1 / (K + 1)), (2, 1 / (K + 2))]


def test_weights_and_who_is_in_both_beats_who_is_first_in_one():
    assert fuse([[1, 2], [3, 2]])[0][0] == 2
    assert [id for id, _ in fuse([[1], [2]], weights=(1.0, 2.0))] == [2, 1]


@pytest.mark.parametrize(("until", "places"), [(1, DEPTH), (DEPTH, DEPTH), (DEPTH + 1, 2 * DEPTH)])
def test_pages_that_anybody_turns_to_are_cut_from_the_same_ranking(until, places):
    assert depth(until) == places
