"""What a pack with few words knows instead of a strange one, and how a word is exchanged."""

import tomllib

import pytest

from studio.phrases.nearest import TABLE, instead, nearest
from studio.places import ASSETS

KNOWN = frozenset((ASSETS / "storybook" / "words.txt").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    ("word", "what", "offer"),
    [
        ("dragon", "animals", "fish"),
        ("Castle", "buildings", "house"),
        ("castles", "buildings", "house"),
        ("buses", "things that move", "car"),
        ("golden", "colours", "yellow"),
        ("knight", "people", "person"),
        ("morning", "hours and weather", "sunset"),
        ("behind", "words for where", "next to"),
        ("guitar", "things", "star"),
        ("umbrela", "", "umbrella"),
        ("flwoer", "", "flower"),
    ],
)
def test_what_storybook_knows_instead(word, what, offer):
    found = nearest(word, KNOWN)
    assert found.what == what and offer in found.offers and 1 <= len(found.offers) <= 4
    assert all(set(one.split()) <= KNOWN for one in found.offers), "only what it knows is offered"


def test_every_group_has_something_for_storybook_and_no_word_that_it_knows():
    for group in tomllib.loads(TABLE.read_text(encoding="utf-8"))["group"]:
        assert any(set(one.split()) <= KNOWN for one in group["offers"]), group["what"]
        assert not set(group["asked"].split()) & KNOWN, group["what"]


def test_a_pack_that_knows_none_of_it_offers_nothing():
    assert nearest("dragon", frozenset({"xyz"})).offers == ()
    assert nearest("", frozenset()).offers == ()


@pytest.mark.parametrize(
    ("text", "word", "offer", "made"),
    [
        ("a red Dragon at sea, dragons", "dragon", "fish", "a red fish at sea, dragons"),
        ("an owl, an owl", "owl", "fish", "a fish, a fish"),
        ("a cat", "cat", "umbrella", "an umbrella"),
        ("a.b (c", "(c", "x", "a.b x"),
        ("a", "b", r"\1", "a"),
        ("b", "b", r"\1", r"\1"),
    ],
)
def test_a_word_is_exchanged_with_its_article(text, word, offer, made):
    assert instead(text, word, offer) == made
