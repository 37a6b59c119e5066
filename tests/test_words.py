"""The page's counter reads prompts as the painter does: weights are no words, long prompts go in stretches."""

import json

import pytest

from studio.packs.manifest import Manifest, Pack
from studio.packs.words import read_prompt
from studio.places import ASSETS


def pack(folder, family, roles=None):
    return Pack(Manifest("p", "P", "", family, "", "", roles or {"tokenizer": "tokenizer"}), folder)


@pytest.fixture
def long():
    return pack(ASSETS / "storybook", "sd1")


@pytest.fixture
def short():
    return pack(ASSETS / "storybook", "storybook")


def test_weights_count_nothing(long, short):
    for one in (long, short):
        plain = read_prompt(one, "a large red star at night")
        weighed = read_prompt(one, "a (large:1.3) [red] star ((at night))")
        assert (plain.tokens, plain.limit) == (weighed.tokens, weighed.limit) and plain.limit == 77
        assert weighed.unknown == () and weighed.unseen == ""


@pytest.mark.parametrize(
    "text", ["a red star " * 40, "a red star, " * 40, "a star BREAK a house", "", "BREAK BREAK", "{red|green} star"]
)
def test_as_many_stretches_as_the_painter_makes(heavy, long, text):
    import tiny

    from studio.domain.prompting import chosen
    from studio.workshop.paint.prompts import stretches

    made = stretches(chosen(text, 0), tiny.tokenizer())
    reading = read_prompt(long, text)
    assert reading.limit == 77 * len(made) and reading.tokens == sum(len(one.ids) + 2 for one in made)
    assert reading.seen == text and reading.unseen == ""


def test_the_starter_pack_sees_one_stretch_and_the_cut_is_shown_as_typed(short):
    text = r"(a red star:1.2) and \(a\) blue house " * 30
    reading = read_prompt(short, text)
    assert reading.limit == 77 < reading.tokens and reading.seen + reading.unseen == text and reading.unseen
    assert read_prompt(short, reading.seen).tokens <= 77
    broken = read_prompt(short, "a star BREAK a house")
    assert broken.unseen == "a house"


def test_a_tokenizer_of_two_files_counts_the_same(long, tmp_path):
    whole = json.loads((ASSETS / "storybook" / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(whole["vocab"]), encoding="utf-8")
    merges = [one if isinstance(one, str) else " ".join(one) for one in whole["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")
    old = pack(tmp_path, "sd1")
    for text in ("A large RED star, at night!", "caf\u00e9 \U0001f600 don't 1234", "a red star " * 40):
        read, again = read_prompt(old, text), read_prompt(long, text)
        assert (read.tokens, read.limit, read.seen) == (again.tokens, again.limit, again.seen)


def test_without_a_tokenizer_words_are_estimated(tmp_path):
    reading = read_prompt(pack(tmp_path, "sd1", {"painter": "model.safetensors"}), "a large red star, at night " * 20)
    assert 100 < reading.tokens < 200 and reading.unseen == ""
