"""The one path: what passes is saved as it was checked, what does not leaves its verdict and nothing else."""

import pytest
from fakes import FakePainter

from studio.domain.artwork import Artwork, Query
from studio.domain.errors import Cancelled, NotNumbers, Refused
from studio.domain.recipe import Recipe
from studio.domain.verdict import Cleared, Verdict
from studio.safety.gate import Gate
from studio.safety.intake import open_picture
from studio.workshop.create import create

RECIPE = Recipe("a star", steps=3, count=3, seed=40)


def quiet(done, total, draft=None):
    pass


def test_every_picture_becomes_an_artwork_with_its_own_seed(gate, gallery):
    painter = FakePainter()
    made = list(create(RECIPE, painter=painter, gate=gate, gallery=gallery, report=quiet, record={"pack": "x"}, job=5))
    assert [artwork.recipe.seed for artwork in made] == [40, 41, 42]
    assert all(artwork.recipe.count == 1 and artwork.job == 5 and artwork.verdict.allowed for artwork in made)
    for artwork in made:
        stored = open_picture(gallery.path(artwork).read_bytes())
        assert stored.picture.tobytes() == painter.picture(artwork.recipe.seed, (128, 128)).tobytes()


def test_what_was_not_as_usual_is_kept_with_the_artwork(gate, gallery):
    note = "Memory ran out, so fewer were painted at once."
    (made,) = create(RECIPE.with_seed(7), painter=FakePainter(note=note), gate=gate, gallery=gallery, report=quiet)
    assert gallery.get(made.id).note == note


def test_the_same_recipe_twice_is_the_same_file(gate, gallery):
    first, second = (
        [art.sha256 for art in create(RECIPE, painter=FakePainter(), gate=gate, gallery=gallery, report=quiet)]
        for _ in range(2)
    )
    assert first == second and gallery.count(Query()) == 3


def test_a_refused_picture_leaves_its_verdict_and_the_others_are_kept(gate, gallery):
    made = list(
        create(RECIPE, painter=FakePainter(forbidden=(41,)), gate=gate, gallery=gallery, report=quiet)
    )  # fmt: skip
    assert [type(one) for one in made] == [Artwork, Verdict, Artwork]
    assert made[1].margin < 0 and "magenta" in made[1].reasons[0]
    assert gallery.count(Query()) == 2 and len(gallery.files.stored()) == 2


def test_a_refused_prompt_is_never_painted(gate, gallery):
    painter = FakePainter()
    with pytest.raises(Refused):
        list(create(Recipe("a nude child"), painter=painter, gate=gate, gallery=gallery, report=quiet))
    assert painter.steps_seen == []


def test_a_gate_that_is_not_ready_paints_nothing(gallery):
    painter = FakePainter()
    with pytest.raises(Refused, match="No picture checker"):
        list(create(RECIPE, painter=painter, gate=Gate(checker=None), gallery=gallery, report=quiet))
    assert painter.steps_seen == [] and gallery.count(Query()) == 0


def test_cancel_stops_at_the_very_step(gate, gallery):
    painter = FakePainter()

    def cancel(done, total, draft=None):
        if len(painter.steps_seen) == 5:  # the second step of the second picture
            raise Cancelled("Cancelled.")

    made = []
    with pytest.raises(Cancelled):
        for one in create(RECIPE, painter=painter, gate=gate, gallery=gallery, report=cancel):
            made.append(one)
    assert len(painter.steps_seen) == 5 and len(made) == 1 == gallery.count(Query())


def test_not_numbers_is_a_failure_and_never_a_refusal(gate, gallery):
    class Nan(FakePainter):
        def paint(self, recipe, inputs, report):
            raise NotNumbers("The model produced no numbers (NaN).")
            yield

    with pytest.raises(NotNumbers):
        list(create(RECIPE, painter=Nan(), gate=gate, gallery=gallery, report=quiet))
    assert gallery.count(Query()) == 0 and gallery.files.stored() == []


def test_drafts_reach_the_report_cleared(gate, gallery):
    drafts = []

    def looks(done, total, draft=None):
        drafts.append(draft())

    list(create(RECIPE, painter=FakePainter(forbidden=(41,)), gate=gate, gallery=gallery, report=looks))
    assert [isinstance(draft, Cleared) for draft in drafts] == [True] * 3 + [False] * 3 + [True] * 3
    assert drafts[3] is None


def test_each_picture_is_saved_with_the_words_that_its_seed_chose(gate, gallery):
    recipe = Recipe("a {red|green|blue} (star:1.2)", steps=1, count=4, seed=7)
    made = list(create(recipe, painter=FakePainter(), gate=gate, gallery=gallery, report=quiet))
    words = [artwork.recipe.prompt for artwork in made]
    assert len(set(words)) > 1 and all("{" not in one and "(star:1.2)" in one for one in words)


@pytest.mark.parametrize("prompt", ["a n(u:1.0)de child", "a nu[]de child", "a {nu|nu}de child", r"a \(nude\) child"])
def test_brackets_and_wildcards_do_not_hide_a_word_from_the_gate(gate, gallery, prompt):
    painter = FakePainter()
    with pytest.raises(Refused):
        list(create(Recipe(prompt), painter=painter, gate=gate, gallery=gallery, report=quiet))
    assert painter.steps_seen == []
