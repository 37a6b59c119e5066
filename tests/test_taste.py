"""What is recommended and what surprises: near what was liked, far from what was seen, never what was judged."""

import numpy as np
import pytest
from galleries import changed

from studio.gallery.finding import taste
from studio.gallery.likeness import duplicates
from studio.gallery.space import embeddings

KINDS, EACH = 5, 12


@pytest.fixture
def kinds(database):
    """Five kinds of twelve pictures, each kind's vectors about an axis of its own; the numbers of each kind."""
    dice = np.random.default_rng(4)
    made = []
    for kind in range(KINDS):
        ids = []
        for _ in range(EACH):
            vector = np.eye(8)[kind] + 0.2 * dice.normal(size=8)
            sql = (
                "INSERT INTO artworks (sha256, file, kind, width, height, bytes, verdict, created_at)"
                " VALUES (?, '', 'imported', 1, 1, 1, '{}', 0)"
            )
            ids.append(database.write(sql, f"{len(made)}-{len(ids)}").lastrowid)
            embeddings.store(database, "m", [ids[-1]], [vector])
        made.append(ids)
    return made


def test_nothing_is_recommended_before_anything_was_liked(gallery, kinds):
    assert taste.recommend(gallery) == []


def test_what_is_liked_brings_its_kind_and_says_which(gallery, kinds):
    changed(gallery, kinds[0][0], "favourite", True)
    gallery.database.write("UPDATE artworks SET rating = 5 WHERE id = ?", kinds[3][0])
    found = taste.recommend(gallery, count=16)
    assert {one.id for one in found} <= {*kinds[0][1:], *kinds[3][1:]}
    assert {one.because for one in found} == {kinds[0][0], kinds[3][0]}  # both, and nothing between the two
    for one in found:
        assert one.because == (kinds[0][0] if one.id in kinds[0] else kinds[3][0])
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_what_is_disliked_is_kept_away_and_what_is_judged_not_offered(gallery, kinds):
    changed(gallery, kinds[0][0], "favourite", True)
    gallery.database.write("UPDATE artworks SET rating = -1 WHERE id = ?", kinds[1][0])
    gallery.database.write("UPDATE artworks SET rating = 3 WHERE id = ?", kinds[0][1])
    gallery.database.write("UPDATE artworks SET deleted_at = 1 WHERE id = ?", kinds[0][2])
    order = [one.id for one in taste.recommend(gallery, count=60)]
    assert not {kinds[0][0], kinds[0][1], kinds[0][2], kinds[1][0]} & set(order)
    assert set(order[:9]) == set(kinds[0][3:])
    places = [np.mean([order.index(id) for id in ids if id in order]) for ids in kinds[1:]]
    assert places[0] == max(places)  # the kind of what was disliked comes last


def test_copies_are_not_recommended_side_by_side(gallery, kinds, database):
    changed(gallery, kinds[2][0], "favourite", True)
    for id in kinds[2][1:6]:
        database.write("DELETE FROM embeddings WHERE artwork = ?", id)
        embeddings.store(database, "m", [id], [np.eye(8)[2]])
    assert len({one.id for one in taste.recommend(gallery, count=10)} & set(kinds[2][1:6])) == 1


def test_a_copy_of_what_was_liked_is_not_offered(gallery, kinds, database):
    changed(gallery, kinds[2][0], "favourite", True)
    assert kinds[2][1] in {one.id for one in taste.recommend(gallery, count=60)}
    duplicates.remember(database, [duplicates.Found(kinds[2][0], kinds[2][1], "near", 0.9)])
    assert kinds[2][1] not in {one.id for one in taste.recommend(gallery, count=60)}


def test_a_surprise_is_of_other_kinds_than_what_was_seen(gallery, kinds):
    seen = [*kinds[0], *kinds[1]]
    found = taste.surprise(gallery, seen=seen, count=3, seed=1)
    assert {next(kind for kind, ids in enumerate(kinds) if id in ids) for id in found} == {2, 3, 4}
    assert taste.surprise(gallery, seen=seen, count=3, seed=1) == found
    more = taste.surprise(gallery, seen=[*seen, *found], count=60, seed=1)
    assert len(more) == len(set(more)) == 3 * EACH - 3 and not set(more) & set(seen)
    assert taste.surprise(gallery, seen=[id for ids in kinds for id in ids]) == []


def test_without_an_encoder_it_goes_by_looks(gallery, gate):
    from alike import flat

    red = [gallery.add(gate.picture(flat(one))).id for one in ("#d02020", "#c81818", "#e03030")]
    blue = [gallery.add(gate.picture(flat(one))).id for one in ("#2040d0", "#1838c8")]
    changed(gallery, red[0], "favourite", True)
    found = [one.id for one in taste.recommend(gallery, count=10)]
    assert found[0] in red and set(found) <= {*red, *blue} - {red[0]}
    assert taste.surprise(gallery, seen=red, count=1, seed=0)[0] in blue


def test_an_empty_gallery_has_neither(gallery):
    assert taste.recommend(gallery) == [] and taste.surprise(gallery) == []
