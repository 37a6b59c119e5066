"""The algebra of a search: what was typed into a query, and weighted vectors into one."""

import numpy as np
import pytest

from studio.domain.artwork import Query
from studio.domain.errors import BadInput
from studio.gallery.finding.language import MINUS, parse
from studio.gallery.search import blend


@pytest.mark.parametrize(
    ("text", "words", "like"),
    [
        ("", (), ()),
        ("   ", (), ()),
        ("star", (("star", 1.0),), ()),
        ("red boat at  sea", (("red boat at sea", 1.0),), ()),
        ("red boat -people", (("red boat", 1.0), ("people", MINUS)), ()),
        ("red -people boat", (("red boat", 1.0), ("people", MINUS)), ()),
        ("boat (a blue house) -(two people)", (("boat", 1.0), ("a blue house", 1.0), ("two people", MINUS)), ()),
        ("-people", (("people", MINUS),), ()),
        ("like:12", (), (("id:12", 1.0),)),
        ("LIKE:id:012 night -like:7", (("night", 1.0),), (("id:12", 1.0), ("id:7", MINUS))),
        ("like:star like:-1", (("like:star like:-1", 1.0),), ()),
        ("t-shirt well-known", (("t-shirt well-known", 1.0),), ()),
        ('an "unfinished phrase', (("an unfinished phrase", 1.0),), ()),
        ('- -- "" -"" "  "', (), ()),
        ("<b>*\U0001f58c</b>", (("<b>*\U0001f58c</b>", 1.0),), ()),
    ],
)
def test_what_was_typed_becomes_a_query(text, words, like):
    assert parse(text) == Query(words=words, like=like)


def test_a_search_that_is_too_long_names_its_field():
    with pytest.raises(BadInput) as caught:
        parse("star " * 1_000)
    assert caught.value.field == "words"


def test_parts_count_by_weight_and_not_by_length():
    x, y = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert np.allclose(blend([(x * 9, 1.0), (y * 0.1, 1.0)]), [0.5**0.5, 0.5**0.5])
    plus, minus = blend([(x, 1.0), (y, MINUS)])
    assert plus > 0 > minus and plus > -minus
    assert np.allclose(blend([(y, MINUS)]), [0.0, -1.0])
    assert blend([(x, 1.0)]).dtype == np.float32


def test_a_search_that_says_nothing_is_refused():
    x = np.array([1.0, 0.0])
    for parts in ([], [(x, 1.0), (x, -1.0)], [(x, 0.0)], [(x * 0, 1.0)], [(x * np.nan, 1.0)]):
        with pytest.raises(BadInput):
            blend(parts)
