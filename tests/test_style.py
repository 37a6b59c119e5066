"""Styles: how their words are put around a prompt, and the table that other studios write; never crashes, round trips."""

import contextlib
import random

import pytest

from studio.domain.errors import BadInput
from studio.domain.style import MOST_STYLES, Style, read_styles, styled, write_styles

OIL = Style("oil", "oil painting of {prompt}, thick paint", "photograph")
NIGHT = Style("night", "at night")


def test_words_stand_around_the_prompt_or_after_it():
    assert styled("a cat", "", [OIL]) == ("oil painting of a cat, thick paint", "photograph")
    assert styled("a cat, ", "text", [NIGHT, OIL]) == (
        "oil painting of a cat, at night, thick paint",
        "text, photograph",
    )
    assert styled("", "", [NIGHT]) == ("at night", "")
    assert styled(" a cat ", " x ", []) == (" a cat ", " x "), "without a style nothing is touched"
    assert styled("a cat ", "", [Style("n", negative="no {prompt}!")]) == ("a cat ", "no !")


@pytest.mark.parametrize(
    ("name", "prompt", "negative"),
    [
        ("", "x", ""),
        (" a", "x", ""),
        ("a" * 61, "x", ""),
        ("a\n", "x", ""),
        ("a", " ", ""),
        ("a", "x" * 4001, ""),
        ("a", "\ud800", ""),
    ],
)
def test_what_is_no_style(name, prompt, negative):
    with pytest.raises(BadInput):
        Style(name, prompt, negative)


def test_the_table_of_other_studios():
    text = '\ufeffname,prompt,negative_prompt\nNone,,\n"Oil, thick","oil of {prompt}\nthick","photo"\n---,,\nink,line art\n'
    assert read_styles(text) == ([Style("Oil, thick", "oil of {prompt}\nthick", "photo"), Style("ink", "line art")], [])
    assert read_styles("Name,Text,Negative_text\nink,line art,\n")[0] == [Style("ink", "line art")], "the older heads"
    made, left = read_styles(f"name,prompt\n{'x' * 99},long\nok,words\n")
    assert made == [Style("ok", "words")] and left == ["Line 2: The name of a style has at most 60 characters."]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "a,b\n1,2",
        "name\nx",
        "<html>",
        '"',
        "name,prompt\n" + "a,b\n" * (MOST_STYLES + 1),
    ],
)
def test_no_table_is_a_sentence(text):
    with pytest.raises(BadInput):
        read_styles(text)


def test_tables_come_back_and_hostile_ones_do_not_crash():
    dice = random.Random(5)
    letters = "ab,\"'\n;|{}é\U0001f600 \t#="
    for _ in range(200):
        words = ["".join(dice.choice(letters) for _ in range(dice.randrange(1, 20))) for _ in range(2)]
        made = [Style(f"s{number}", text, "n" + text) for number, text in enumerate(words)]
        if all(style.prompt.strip() for style in made):
            assert read_styles(write_styles(made)) == (made, [])
        with contextlib.suppress(BadInput):
            read_styles("name,prompt\n" + "".join(words))
