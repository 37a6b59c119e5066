"""Rankings without a model: by recipe, by words, several at once, and what they say of themselves."""

import pytest
from alike import scene

from studio.domain.artwork import Why
from studio.domain.errors import BadInput
from studio.domain.query import Filter, Query
from studio.domain.recipe import Recipe
from studio.gallery.finding import near, recipes


@pytest.fixture
def painted(gallery, gate):
    """Adds a picture painted by a recipe; returns its number."""
    drawn = iter(range(100, 200))

    def paint(prompt, **fields):
        return gallery.add(gate.picture(scene(next(drawn), 64)), Recipe(prompt, **fields)).id

    return paint


def test_near_recipes_come_by_how_much_is_the_same(gallery, painted):
    own = painted("a red boat at night", seed=7, steps=20)
    seed = painted("a red boat at night", seed=8, steps=20)
    word = painted("a red boat at noon", seed=9, steps=30)
    far = painted("two mountains and a forest", seed=7, pack="other", negative="text", width=64)
    none = painted("a lamp", seed=1, pack="third", negative="blur")
    found = recipes.near(gallery.database, own, limit=10)
    assert [id for id, _, _ in found] == [own, seed, word, far] and none not in dict.fromkeys(id for id, _, _ in found)
    assert found[0][1] == pytest.approx(1) and "seed" in found[0][2]
    assert "prompt" in found[1][2] and "seed" not in found[1][2] and "prompt" not in found[2][2]
    assert found[3][2] == ("seed", "LoRAs", "sampler") or "seed" in found[3][2]
    assert [id for id, _, _ in recipes.near(gallery.database, own, allowed={word, far}, limit=1)] == [word]


def test_a_picture_of_which_nothing_is_known_has_no_near_recipe(gallery, gate):
    id = gallery.add(gate.picture(scene(1)), kind="imported").id
    assert recipes.near(gallery.database, id, limit=5) == [] and recipes.near(gallery.database, 99, limit=5) == []


def test_rankings_are_fused_and_each_says_why(gallery, painted):
    own = painted("a red boat at night", seed=7)
    other = painted("a red boat at night", seed=8)
    painted("a blue house", seed=9)
    query = Query(like=((f"id:{own}", 1.0),), by=("look", "recipe", "words"))
    hits = near.hits(gallery, query)
    assert [hit.artwork.id for hit in hits][:2] == [own, other] and len(hits) == 3
    why = hits[1].why
    assert "prompt" in why.recipe and 0 < why.look < 1 and dict(why.words)["prompt"] and hits[1].score == why.look
    assert Why.from_dict(why.to_dict()) == why
    assert near.ids(gallery, query) == [hit.artwork.id for hit in hits]
    second = Query(like=query.like, by=query.by, limit=1, offset=1)
    assert [hit.artwork.id for hit in near.hits(gallery, second)] == [other]


def test_what_was_ranked_is_kept_until_something_changes(gallery, painted, monkeypatch):
    own, other = painted("a red boat", seed=1), painted("a red boat", seed=2)
    query = Query(like=((f"id:{own}", 1.0),), by=("recipe", "words"))
    ranked = []
    rankings = near.rankings
    monkeypatch.setattr(near, "rankings", lambda *given, **named: ranked.append(1) or rankings(*given, **named))
    assert near.ids(gallery, query) == [own, other] == near.ids(gallery, query)
    page = Query(like=query.like, by=query.by, limit=1, offset=1)  # the next leaf of the same answer
    assert [hit.artwork.id for hit in near.hits(gallery, page)] == [other] and len(ranked) == 1
    third = painted("a red boat", seed=3)
    assert set(near.ids(gallery, query)) == {own, other, third} and len(ranked) == 2
    gallery.delete(other)
    assert set(near.ids(gallery, query)) == {own, third} and len(ranked) == 3
    assert near.ids(gallery, Query(like=query.like, by=("words",))) and len(ranked) == 4


def test_words_alone_need_no_model(gallery, painted):
    boat, _house = painted("a red boat"), painted("a blue house")
    query = Query(words=(("boat", 1.0),), by=("words",))
    assert [art.id for art in gallery.page(query)] == [boat] and gallery.count(query) == 1
    assert near.hits(gallery, query)[0].why.words == (("prompt", ("boat",)),)


def test_filters_hold_for_every_ranking(gallery, painted):
    own, other = painted("a red boat", seed=1), painted("a red boat", seed=2)
    query = Query(like=((f"id:{own}", 1.0),), by=("look", "recipe", "words"), filters=(Filter("seed", "2"),))
    assert near.ids(gallery, query) == [other]


def test_what_cannot_be_compared_is_said(gallery, painted):
    own = painted("a red boat")
    with pytest.raises(BadInput, match="none of that number"):
        near.ids(gallery, Query(like=(("id:77", 1.0),), by=("recipe",)))
    gallery.database.write("UPDATE artworks SET look = NULL, looked = NULL")
    with pytest.raises(BadInput, match="was not read yet"):
        near.ids(gallery, Query(like=((f"id:{own}", 1.0),), by=("look",)))
