"""Wildcard files: what a seed picks, written so that no file is needed again; and the files themselves, on a real disk."""

import random

import pytest

from studio.domain.errors import BadInput
from studio.domain.prompting import chosen, pictures, plain
from studio.domain.recipe import Recipe
from studio.domain.wildcards import filled, lines_of, named

FILES = {
    "animals": lines_of("# of the house\ncat\n\nowl\nfox\nhare\n"),
    "colours/warm": ("red", "orange"),
    "scene": ("a __animals__ by __place__", "{two|three} __animals__s"),
    "place": ("the sea", "a {small|large} tree"),
    "odd": ("a|b", "{x", "y}", "back\\", "3::4::five", "(loud:1.3)", "é😀"),
    "circle": ("__circle__",),
    "crowd": ("__crowd__ __crowd__ __crowd__ x", "y __crowd__"),
    "often": ("9::cat", "owl"),
    "none": (),
}


def read(name):
    if name not in FILES:
        raise BadInput("prompt", f"There is no {name}.")
    return FILES[name]


def fill(text, seeds=(1,), field="prompt"):
    return filled(text, seeds=list(seeds), read=read, field=field)


def said(text, seed, field="prompt"):
    return chosen(fill(text, [seed], field), seed)


def test_comments_and_empty_lines_are_no_lines():
    assert FILES["animals"] == ("cat", "owl", "fox", "hare")
    assert lines_of(" a \r\n0::never\r\n#b\n3::c") == ("a", "3::c")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a __animals__ at night", ("animals",)),
        ("__a__, __colours/warm__ __a__", ("a", "colours/warm")),
        ("__my_own-list.v2__", ("my_own-list.v2",)),
        ("__a____b__ __c____a____d__", ("a", "b", "c", "d")),
        ("__a____ ____b__ __a___b__ __a_____b__ \\__a____b__", ()),
        ("一只__animals__在海边", ("animals",)),
        ("____ snake_case __ a __ \\__animals__ ___a___", ()),
        ("__init", ()),
        ("", ()),
    ],
)
def test_what_names_a_wildcard(text, names):
    assert named(text) == names


def test_a_picture_picks_the_same_alone_and_in_any_batch():
    prompt = "a {small|large} __animals__ and {a {red|green}|no} __animals__ __scene__"
    batch = Recipe(fill(prompt, range(10, 18)), seed=10, count=8)
    spoken = [one.prompt for one in pictures(batch)]
    assert "__" not in batch.prompt and len(set(spoken)) > 4
    for seed in range(10, 18):
        words = [chosen(fill(prompt, seeds), seed) for seeds in ([seed], range(seed - 2, seed + 3), range(10, 18))]
        picks = [[word for word in text.split() if word in FILES["animals"]] for text in words]
        assert picks[0] == picks[1] == picks[2]
    two = "__animals__ by __place__"
    assert [chosen(fill(two, range(10, 18)), seed) for seed in range(10, 18)] == [said(two, s) for s in range(10, 18)]


def test_choices_after_a_wildcard_fall_alike_alone_and_in_any_batch():
    prompt = "{old|young} __animals__ {red|blue|green} __colours/warm__ {a {big|small} hat|no hat}"
    for seed in range(60):
        alone = said(prompt, seed)
        for seeds in (range(seed - 1, seed + 1), range(seed, seed + 8), [seed, seed]):
            assert chosen(fill(prompt, seeds), seed) == alone
    assert len({said("__animals__ {red|blue}", seed) for seed in range(60)}) == 8
    long = "x" * 3_000  # one line is not written twice, or a prompt with it would be too long
    assert filled("a __long__", seeds=[1, 2], read=lambda _: (long,), field="prompt") == "a {" + long + "|0::}"


def test_every_line_comes_and_prompt_and_negative_pick_apart():
    assert {said("__animals__", seed) for seed in range(80)} == set(FILES["animals"])
    assert [said("__animals__", s) for s in range(20)] != [said("__animals__", s, "negative") for s in range(20)]
    two = {said("__animals__ __animals__", seed) for seed in range(200)}
    assert len(two) == 16, "each place picks for itself"


def test_wildcards_right_behind_each_other_are_all_picked():
    assert {said("a__animals____often__", seed) for seed in range(200)} == {
        f"a{one}{other}" for one in FILES["animals"] for other in ("cat", "owl")
    }
    inner = filled("__x__", seeds=[3], read=lambda name: ("__y____y__",) if name == "x" else ("z",), field="prompt")
    assert chosen(inner, 3) == "zz"


def test_lines_that_say_how_often_they_are_taken():
    made = [said("__often__", seed) for seed in range(400)]
    assert 330 < made.count("cat") < 390 and made.count("cat") + made.count("owl") == 400
    drawn = [chosen("{9::a|b}", seed) for seed in range(400)]
    assert 330 < drawn.count("a") < 390 and {chosen("{0::a|b}", seed) for seed in range(20)} == {"b"}
    assert {chosen("{0::a|0::b}", seed) for seed in range(20)} == {"a", "b"}, "nobody is left out where all are"


def test_the_picks_are_the_same_for_ever():
    assert [said("__animals__", seed) for seed in range(8)] == [
        "hare",
        "cat",
        "owl",
        "hare",
        "hare",
        "cat",
        "fox",
        "hare",
    ]


def test_signs_in_a_line_are_mere_text():
    seen = set()
    for start in range(0, 160, 4):
        text = fill("x __odd__ y", range(start, start + 4))
        for seed in range(start, start + 4):
            spoken = plain(chosen(text, seed))
            assert spoken.startswith("x ") and spoken.endswith(" y")
            seen.add(spoken[2:-2].strip())
    assert seen == {"a|b", "{x", "y}", "back\\", "4::five", "loud", "é😀"}


@pytest.mark.parametrize("name", ["circle", "crowd"])
def test_a_circle_is_a_sentence_and_ends_soon(name):
    with pytest.raises(BadInput, match="break the circle"):
        for seed in range(20):
            fill(f"__{name}__ " * 8, [seed])


def test_no_lines_is_a_sentence():
    with pytest.raises(BadInput, match="has no lines yet"):
        fill("__none__")


def test_hostile_prompts_are_filled_all_the_same():
    dice = random.Random(7)
    pieces = ["__animals__", "__odd__", "__place__", "{", "}", "|", "\\", "3::", " ", "a", "_", "(", ":1.2)", "BREAK"]
    filled_ones = 0
    for _ in range(500):
        text = "".join(dice.choice(pieces) for _ in range(dice.randrange(40)))
        seeds = range(dice.randrange(9), 9 + dice.randrange(1, 5))
        try:
            made = fill(text, seeds)
        except BadInput as error:
            assert "There is no" in str(error) and set(named(text)) - set(FILES)
            continue
        filled_ones += 1
        for seed in seeds:
            once = chosen(made, seed)
            assert chosen(once, seed + 1) == once and plain(once) is not None
    assert filled_ones > 300
    with pytest.raises(BadInput, match="too deep"):
        fill("{" * 60 + "__animals__|x" + "}" * 60, range(8))
