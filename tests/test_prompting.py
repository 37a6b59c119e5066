"""How prompts are written: weights, escapes, BREAK, wildcards; hostile input never raises and never takes long."""

import random

import pytest

from studio.domain.prompting import MOST, chosen, cut, passages, pictures, plain
from studio.domain.recipe import Recipe


def read(prompt):
    return [[(part.text, part.weight) for part in passage] for passage in passages(prompt)]


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a red star", [("a red star", 1.0)]),
        ("a (red) star", [("a ", 1.0), ("red", 1.1), (" star", 1.0)]),
        ("a ((red)) star", [("a ", 1.0), ("red", 1.21), (" star", 1.0)]),
        ("[red] star", [("red", 0.909091), (" star", 1.0)]),
        ("(red:1.3) star", [("red", 1.3), (" star", 1.0)]),
        ("(red : .5 )", [("red ", 0.5)]),
        ("(red:-1)", [("red", 0.0)]),
        ("(a (red:2) star:0.5)", [("a ", 0.5), ("red", 1.0), (" star", 0.5)]),
        ("([red])", [("red", 1.0)]),
        (r"star \(red\)", [("star (red)", 1.0)]),
        (r"\[a\] \{b\} \| \\", [(r"[a] {b} | \ ".rstrip(), 1.0)]),
        (r"a \n b", [(r"a \n b", 1.0)]),
        ("(red", [("red", 1.1)]),
        ("[red (star", [("red ", 0.909091), ("star", 1.0)]),
        ("red) star]", [("red) star]", 1.0)]),
        ("(red:star)", [("red:star", 1.1)]),
        ("[red:1.5]", [("red:1.5", 0.909091)]),
        ("(red:1.0) star", [("red star", 1.0)]),
        ("", []),
        ("()", []),
        ("(:1.3)", []),
        ("(red:1e9)", [("red:1e9", 1.1)]),
        ("(red:99999)", [("red", MOST)]),
    ],
)
def test_weights(prompt, parts):
    assert read(prompt) == [parts]


def test_break_begins_a_passage_and_takes_its_white_space():
    assert read("a star BREAK a (moon BREAK sun)") == [
        [("a star", 1.0)],
        [("a ", 1.0), ("moon", 1.1)],
        [("sun", 1.1)],
    ]
    assert read("BREAKFAST break") == [[("BREAKFAST break", 1.0)]]
    assert plain("(a:1.2) star BREAK [sun]") == "a star sun"


def test_places_lead_back_to_what_was_typed():
    prompt = r"a (red:1.3) \(star\) BREAK [sun"
    for passage in passages(prompt):
        for part in passage:
            for letter, place in zip(part.text, part.places, strict=True):
                assert prompt[place] == letter or (prompt[place] == "\\" and prompt[place + 1] == letter)


def test_hostile_prompts_are_read_all_the_same():
    dice = random.Random(4)
    for _ in range(300):
        prompt = "".join(dice.choice("()[]{}|:\\1.9 aB\n\u00e9\U0001f600BREAK") for _ in range(dice.randrange(120)))
        for passage in passages(prompt):
            assert all(0 <= part.weight <= MOST and part.text for part in passage)
        once = chosen(prompt, 7)
        assert chosen(once, 8) == once
    for prompt in ("(" * 4000, "(a" * 1300 + ")" * 1300, "[" * 2000 + "a", "{" * 4000, "{a|" * 1300, "\\" * 3999):
        assert all(0 <= part.weight <= MOST for passage in passages(prompt) for part in passage)
        assert len(chosen(prompt, 1)) <= len(prompt)


@pytest.mark.parametrize(
    ("tokens", "ends"),
    [("", [0]), ("." * 75, [75]), ("." * 160, [75, 150, 160]), ("." * 60 + "," + "." * 40, [61, 101]),
     ("." * 50 + "," + "." * 40, [75, 91]), ("," * 76, [75, 76])],
)  # fmt: skip
def test_long_passages_are_cut_at_a_comma_near_the_end(tokens, ends):
    made = cut([letter == "," for letter in tokens], 75)
    assert [end for _, end in made] == ends
    assert [start for start, _ in made] == [0, *ends[:-1]]


def test_wildcards_are_chosen_by_the_seed():
    made = {chosen("a {red|green|blue} {star|moon}", seed) for seed in range(200)}
    assert len(made) == 6 and "a red moon" in made
    assert chosen("a {red|green|blue} star", 5) == chosen("a {red|green|blue} star", 5)
    assert {chosen("{{a|b} star|moon}", seed) for seed in range(99)} == {"a star", "b star", "moon"}
    assert {chosen("{|very }small", seed) for seed in range(20)} == {"small", "very small"}


@pytest.mark.parametrize("text", ["{a}", r"\{a|b\}", "a|b", "{a", "a}", r"{a\|b}", "plain"])
def test_what_is_no_wildcard_stays(text):
    assert chosen(text, 3) == text


def test_the_throws_are_the_same_for_ever():
    assert [chosen("{a|b|c|d}", seed) for seed in range(8)] == list("cdacaddc")


def test_each_picture_of_a_batch_has_its_own_words():
    recipe = Recipe("a {red|green} star", negative="{x|y}", seed=10, count=8)
    made = pictures(recipe)
    assert [one.seed for one in made] == list(range(10, 18)) and {one.count for one in made} == {1}
    assert {one.prompt for one in made} == {"a red star", "a green star"}
    assert all(pictures(one) == [one] for one in made)
    assert pictures(Recipe("a star", seed=4, count=2)) == [Recipe("a star", seed=4), Recipe("a star", seed=5)]
