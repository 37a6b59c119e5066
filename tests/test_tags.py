"""LoRAs written into a prompt: found, taken out with their commas, refused where a batch cannot wear them."""

import contextlib
import random

import pytest

from studio.domain.errors import BadInput
from studio.domain.tags import tags, without, worn


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a cat <lora:ink:0.8>", {"ink": 0.8}),
        ("<lora:ink> a cat", {"ink": 1.0}),
        ("<LoRA:Ink v2.1:-1.5> <lora:b:.5:0.3>", {"Ink v2.1": -1.5, "b": 0.5}),
        ("<lora:ink:0.2> a cat <lora:ink:0.9>", {"ink": 0.9}),
        (r"\<lora:ink:1> <lora> <lora:> <lora:a:b", {}),
        ("<hypernet:x:1> a < b > c", {}),
    ],
)
def test_what_is_a_tag(text, found):
    assert worn(text, [1]) == found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a cat, <lora:ink:1>, at night", "a cat, at night"),
        ("a cat <lora:ink:1>", "a cat"),
        ("<lora:ink:1>, a cat", "a cat"),
        ("a cat, <lora:ink:1>", "a cat"),
        ("a cat <lora:ink:1> at night", "a cat at night"),
        ("a cat<lora:ink:1>at night", "a catat night"),
        ("a cat\n<lora:ink:1>\nnight", "a cat\n\nnight"),
        ("<lora:a:1><lora:b:1>", ""),
        ("{a <lora:x:1>|b}", "{a|b}"),
        ("a cat", "a cat"),
        ("  a cat  ,", "  a cat  ,"),
    ],
)
def test_a_tag_leaves_with_its_comma(text, left):
    assert without(text) == left


def test_a_weight_must_be_a_number():
    with pytest.raises(BadInput, match=r"<lora:ink:0\.8>"):
        worn("<lora:ink:loud>", [1])


def test_a_batch_wears_the_same():
    text = "a {<lora:ink:1>|<lora:oil:1>} cat"
    assert {tuple(worn(text, [seed])) for seed in range(20)} == {("ink",), ("oil",)}, "one picture may choose"
    with pytest.raises(BadInput, match="one at a time"):
        worn(text, range(8))
    assert worn("{a|b} <lora:ink:1>", range(8)) == {"ink": 1.0}


def test_hostile_text_never_raises_anything_else():
    dice = random.Random(3)
    pieces = ["<lora:", "a", ":", "1", ">", "<", ",", " ", "\n", "\\", "{", "|", "}", "nan", "é"]
    for _ in range(600):
        text = "".join(dice.choice(pieces) for _ in range(dice.randrange(40)))
        left = without(text)
        assert len(left) <= len(text) and (left == text) == (list(tags(text)) == [])
        with contextlib.suppress(BadInput):
            worn(text, [1, 2])
