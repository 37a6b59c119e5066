"""The gate fails closed, says why and by what margin, and reads prompts however they are dressed up."""

import math

import pytest
from fakes import FORBIDDEN, FakeChecker
from PIL import Image

from studio.domain.errors import BadPicture, Cancelled, Refused
from studio.domain.recipe import Recipe
from studio.domain.verdict import Cleared
from studio.safety.gate import Gate, views
from studio.safety.prompts import broken_rules, read_rules

BLUE = Image.new("RGB", (32, 32), (20, 60, 200))
BAD = Image.new("RGB", (32, 32), FORBIDDEN)


class Answers:
    """A checker that gives one answer to the self-test and another later."""

    name = "answers"

    def __init__(self, later, first=({"a": 0.2}, {"a": -0.2})):
        self.first, self.later, self.calls = first, later, 0

    def __call__(self, pictures):
        self.calls += 1
        if self.calls == 1:
            return [dict(answer) for answer in self.first]
        if isinstance(self.later, Exception):
            raise self.later
        return self.later


def why(gate, picture=BLUE):
    with pytest.raises(Refused) as refused:
        gate.picture(picture)
    assert refused.value.verdict.allowed is False
    return "; ".join(refused.value.verdict.reasons)


def test_clears_with_a_margin_and_its_own_pixels(gate):
    cleared = gate.picture(BLUE)
    assert isinstance(cleared, Cleared) and cleared.picture.tobytes() == BLUE.tobytes()
    assert cleared.verdict.margin == pytest.approx(0.01) and cleared.verdict.scores["magenta"] < 0
    assert cleared.verdict.checker == "fake checker"


def test_refuses_with_plain_words_and_numbers(gate):
    with pytest.raises(Refused) as refused:
        gate.picture(BAD)
    verdict = refused.value.verdict
    assert verdict.margin == pytest.approx(-0.99)
    assert verdict.reasons == ("It looks like magenta: 0.990 over the limit.",)


def test_several_pictures_in_one_look(gate):
    first, second = gate.pictures([BLUE, BAD])
    assert isinstance(first, Cleared) and second.allowed is False


def test_without_a_checker_everything_is_blocked():
    gate = Gate(checker=None)
    assert "No picture checker" in gate.ready() and "No picture checker" in why(gate)
    with pytest.raises(Refused):
        gate.prompt(Recipe("a star"))


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        ([{"a": -0.1}, {"a": -0.2}], "did not flag"),
        ([{"a": 0.0}, {"a": -0.2}], "did not flag"),
        ([{"a": 0.5}, {"a": 0.5}], "same answer"),
        ([{"a": math.nan}, {"a": -0.2}], "not numbers"),
        ([{"a": math.inf}, {"a": -0.2}], "not numbers"),
        ([{}, {}], "missing"),
        ([{"a": 0.5}], "1 answers for 2"),
    ],
)
def test_a_checker_that_fails_its_self_test_blocks_everything(first, sentence):
    gate = Gate(checker=Answers([{"a": -1.0}], first=first))
    assert sentence in gate.ready() and sentence in why(gate)


def test_a_checker_that_raises_blocks_from_the_start():
    class Broken:
        name = "broken"

        def __call__(self, pictures):
            raise OSError("weights are truncated")

    assert "weights are truncated" in Gate(checker=Broken()).ready()


@pytest.mark.parametrize(
    "later",
    [[{"a": math.nan}], [{}], [{"b": -1.0}], [], [{"a": -1.0}, {"a": -1.0}], ValueError("shape"), [{"a": None}], None],
)
def test_a_checker_that_goes_wrong_later_blocks(later):
    gate = Gate(checker=Answers(later))
    assert gate.ready() == "" and "failed" in why(gate)


def test_a_missing_known_positive_or_rules_file_blocks(tmp_path, known_positive):
    assert "self-test" in Gate(checker=FakeChecker(), known_positive=tmp_path / "none.png").ready()
    empty = tmp_path / "rules.toml"
    for text in ("", "not toml [", '[[rule]]\nname = "x"\nreason = "y"\nall = []'):
        empty.write_text(text)
        assert "rules" in Gate(checker=FakeChecker(), known_positive=known_positive, rules=empty).ready()


def test_caution_only_makes_it_stricter(known_positive):
    loose, strict = (Gate(checker=FakeChecker(), known_positive=known_positive, caution=c) for c in (0.0, 0.02))
    assert loose.picture(BLUE).verdict.allowed
    assert "over the limit" in why(strict)
    for caution in (-0.1, 0.3, math.nan):
        with pytest.raises(ValueError):
            Gate(checker=FakeChecker(), known_positive=known_positive, caution=caution)


def test_a_mode_that_hides_pixels_is_refused(gate):
    for mode in ("P", "L", "LA", "I", "F", "CMYK"):
        assert "mode" in why(gate, Image.new(mode, (8, 8)))


def test_drafts_come_cleared_or_not_at_all(gate):
    drafts = []
    report = gate.watch(lambda done, total, draft=None: drafts.append(draft and draft()))
    report(1, 2)
    report(1, 2, lambda: BLUE)
    report(2, 2, lambda: BAD)
    assert drafts[0] is None and isinstance(drafts[1], Cleared) and drafts[2] is None


def test_cancel_goes_through_a_watched_report(gate):
    def cancel(done, total, draft=None):
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        gate.watch(cancel)(1, 2, lambda: BLUE)


def test_views_cover_a_long_picture_without_gaps():
    long = Image.new("RGB", (640, 32))
    squares = views(long)[1:]
    assert all(square.size == (32, 32) for square in squares) and len(squares) >= 39
    marked = 0
    for x in range(640):
        column = Image.new("RGB", (640, 32))
        column.paste((255, 255, 255), (x, 0, x + 1, 32))
        marked += any(view.getextrema()[0][1] == 255 for view in views(column)[1:])
        if x > 40:
            break
    assert marked == 42
    assert len(views(BLUE)) == 1


def test_facts_for_the_settings_page(gate):
    facts = gate.facts()
    assert facts["ready"] and facts["checker"] == "fake checker" and facts["prompt_rules"] >= 2
    assert "passed" in facts["self_test"]
    assert "blocked" in Gate(checker=None).facts()["self_test"]


FORBIDDEN_PROMPTS = [
    "a nude child",
    "A NUDE CHILD",
    "a nudе сhild",  # Cyrillic letters
    "a núdé chïld",
    "a n u d e  c h i l d",
    "a n.u.d.e c-h-i-l-d",
    "a nu\u200bde chi\u00adld",
    "a nud3 ch1ld",
    "a nuuude chiiild",
    "ｎｕｄｅ ｃｈｉｌｄ",
    "naked kids",
    "csam",
    "l o l i c o n",
]
ALLOWED_PROMPTS = [
    "a large red star above a small blue house at night",
    "a child with a kite",
    "a skull sign on a beach",
    "a nude statue of an old man",
    "Essex and Middlesex children",
    "rapeseed fields with a person",
    "a minor key, a grape, a babysitter's class",
    "日本の家 و السماء 🌟",
    "<b>**x**</b>",
    "x" * 4000,
    "a b c d e f g " * 200,
]


@pytest.mark.parametrize("prompt", FORBIDDEN_PROMPTS)
def test_prompts_that_are_never_painted(gate, prompt):
    with pytest.raises(Refused, match="never painted"):
        gate.prompt(Recipe(prompt))


@pytest.mark.parametrize("prompt", ALLOWED_PROMPTS)
def test_prompts_that_are_nobodys_business(gate, prompt):
    assert gate.prompt(Recipe(prompt)).allowed


def test_the_negative_prompt_may_name_what_it_avoids(gate):
    assert gate.prompt(Recipe("a child with a kite", negative="nude")).allowed


def test_rules_are_read_whole():
    assert broken_rules("a nude", read_rules()) == []


def test_files_come_in_with_their_own_pixels_checked(gate):
    with pytest.raises(BadPicture):
        gate.file(b"<html>")
