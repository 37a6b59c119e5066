"""The language of the search box: what was typed into a query and back, whatever was typed."""

import random
from datetime import date

import pytest

from studio.domain.errors import BadInput
from studio.domain.query import BY, FIELDS, USUAL, Filter, Query, days, span
from studio.gallery.finding.language import MINUS, parse, read, write
from studio.gallery.finding.suggesting import Vocabulary, suggest

SIGNS = "ab -\"\\():.0123456789 \t\n\0<>=*^…é李İΣß\u2028\x1cX\ud800'"
PIECES = (
    "seed:",
    "seed:7",
    "like:",
    "like:12",
    "-like:3",
    "(like:3:2)",
    "tag:",
    'tag:"a b"',
    '-tag:"a\\"b"',
    ":1.5)",
    "(",
    '"',
    "\\",
    "is:favourite",
    "-is:gone",
    "date:2026",
    "..",
    "size:>=512",
    "ratio:16:9",
    "foo:bar",
    "rating:3",
    "from:comfy",
    "has:note",
    "by:look",
    "colour:#aa3322",
    "color:",
    "-(x y:2)",
    'model:"a\\"b"',
    "model:c:\\d",
    "NEAR(",
    " OR ",
    "://",
    "-",
    "--",
)


def typed(seed):
    """Two hundred texts as nobody would type them."""
    dice = random.Random(seed)
    for _ in range(200):
        count = dice.randint(0, 25)
        yield "".join(dice.choice(PIECES) if dice.random() < 0.4 else dice.choice(SIGNS) for _ in range(count))


@pytest.mark.parametrize("seed", range(20))
def test_any_text_is_read_or_refused_in_a_sentence_and_its_spelling_reads_as_the_same(seed):
    understood = 0
    for text in typed(seed):
        try:
            query = parse(text)
        except BadInput as error:
            assert error.field in {*FIELDS, "words", "weight"} and str(error).endswith((".", "?")), text
            continue
        spelling = write(query)
        assert parse(spelling) == query and write(parse(spelling)) == spelling, text
        understood += 1
    assert understood > 50


@pytest.mark.parametrize("seed", range(20))
def test_every_query_can_be_typed(seed):
    dice = random.Random(seed)
    signs = "ab-\"\\():.1 é李'*like"
    values = {
        "model": "a b",
        "pack": 'x"y',
        "lora": "a\\b",
        "sampler": "dpm++ 2m",
        "seed": "3..9",
        "date": "2026-10..",
        "tag": "(night)",
        "collection": "-b:1",
        "size": ">=512x768",
        "ratio": "16:9",
        "colour": "#aa3322",
        "rating": "<=4",
        "is": "gone",
        "has": "people",
        "from": "none",
    }
    assert set(values) == set(FIELDS)

    def text():
        made = "".join(dice.choice(signs) for _ in range(dice.randint(1, 9)))
        return " ".join(f"q{made}".split()) if dice.random() < 0.5 else " ".join(f"{made}z".split())

    for _ in range(100):
        names = dice.sample(sorted(values), dice.randint(0, 4))
        query = Query(
            words=tuple((text(), dice.choice((1.0, MINUS, 1.5, -2.25, 0.125))) for _ in range(dice.randint(0, 3))),
            like=tuple(
                (f"id:{dice.randint(1, 99)}", dice.choice((1.0, MINUS, 2.5))) for _ in range(dice.randint(0, 2))
            ),
            exact=tuple({(text(), dice.random() < 0.5): None for _ in range(dice.randint(0, 2))}),
            filters=tuple(Filter(name, values[name], dice.random() < 0.5) for name in names),
            by=tuple(dice.sample(BY, dice.randint(1, len(BY)))),
        )
        assert parse(write(query)) == query, write(query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("red boat (night:1.5) -(two people)", Query(words=(("red boat", 1.0), ("night", 1.5), ("two people", MINUS)))),
        ("(boat:1.5", Query(words=(("(boat:1.5", 1.0),))),
        ("boat (night) ", Query(words=(("boat", 1.0), ("night", 1.0)))),
        ("((boat))", Query(words=(("((boat))", 1.0),))),
        ("(boat:0) -(boat:-2)", Query(words=(("boat", 2.0),))),
        ("(like:12) (like:12:1.5) -(like:7:2)", Query(like=(("id:12", 1.0), ("id:12", 1.5), ("id:7", -2.0)))),
        ('"two  people" -"text" "two people"', Query(exact=(("two people", True), ("text", False)))),
        (r"seed\:7 \-x \"y", Query(words=(('seed:7 -x "y', 1.0),))),
        (r"c:\pictures", Query(words=(("c:\\pictures", 1.0),))),
        ("SEED:7 -Tag:Night", Query(filters=(Filter("seed", "7"), Filter("tag", "night", False)))),
        ('tag:"Night  Sky" is:fav', Query(filters=(Filter("tag", "night sky"), Filter("is", "favourite")))),
        ("seed:7 seed:7", Query(filters=(Filter("seed", "7"),))),
        ("12:30 :x x: a:b", Query(words=(("12:30 :x x: a:b", 1.0),))),
    ],
)
def test_what_was_typed_means(text, query):
    assert parse(text) == query


def test_a_name_that_no_filter_has_is_a_word_and_it_is_said():
    reading = read("boat shade:red like:that by:night -by:look")
    assert reading.query.words[0] == ("boat shade:red like:that by:night", 1.0) and reading.query.by == USUAL
    assert "'shade'" in reading.notes[0] and "like:" in reading.notes[1] and "by:" in reading.notes[2]
    assert len(reading.notes) == 4
    assert read("boat at 12:30").notes == ()


def test_a_colour_has_one_spelling():
    said = read("color:Gray colour:#A32 -colour:aa3322 colour:grey").query
    assert said.filters == (Filter("colour", "grey"), Filter("colour", "#aa3322"), Filter("colour", "#aa3322", False))
    assert said.colours == ("grey", "#aa3322") and said.ranked and not said.by_meaning
    assert write(said) == "colour:grey colour:#aa3322 -colour:#aa3322"


def test_what_is_compared_is_said_by_by():
    assert read("like:3 by:look by:Meaning").query == Query(like=(("id:3", 1.0),), by=("picture", "look"))
    assert write(Query(like=(("id:3", 1.0),), by=("recipe", "picture"))) == "like:3 by:meaning by:recipe"
    assert read("boat").query.by == USUAL and write(read("by:words by:meaning boat").query) == "boat"
    with pytest.raises(BadInput, match="compared by"):
        Query(by=("smell",))
    with pytest.raises(BadInput, match="compared by"):
        Query(by=())


def test_what_no_model_has_to_see_needs_no_worker():
    likes = (("id:3", 1.0),)
    assert Query(like=likes).by_meaning and Query(like=likes).like_by == ("picture",)
    assert not Query(like=likes, by=("look", "recipe", "words")).by_meaning
    assert Query(like=likes, by=("look", "caption")).by_meaning
    assert Query(like=(("sha:ab", 1.0),), by=("look",)).by_meaning  # the gate has to look at it first
    assert not Query(words=(("boat", 1.0),), by=("words",)).by_meaning
    assert Query(words=(("boat", 1.0),), by=("look",)).words_by == USUAL
    query = Query(like=likes, by=("look",), filters=(Filter("colour", "red"),))
    assert Query.narrowed(query.narrowing()).by == ("look",) and not Query().ranked


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("colour:sunny", "colour"),
        ("color:#12345", "colour"),
        ("seed:abc", "seed"),
        ("seed:", "seed"),
        ("-seed:1e5", "seed"),
        ("seed:99999999999999999999", "seed"),
        ("seed:..", "seed"),
        ("date:2026-13", "date"),
        ("date:2026-02-30", "date"),
        ("date:0001", "date"),
        ("date:soon", "date"),
        ("date:..", "date"),
        ("size:big", "size"),
        ("size:0x5", "size"),
        ("ratio:0:9", "ratio"),
        ("ratio:round", "ratio"),
        ("rating:9", "rating"),
        ("is:nice", "is"),
        ("has:cats", "has"),
        ("from:paint", "from"),
        ('tag:"  "', "tag"),
        ("tag:" + "x" * 65, "tag"),
        ("model:" + "x" * 201, "model"),
        ("(boat:11)", "weight"),
        ("star " * 300, "words"),
        ("x" * 4_001, "words"),
        ('"' + "x" * 1_001 + '"', "words"),
        (" ".join(f"seed:{n}" for n in range(65)), "filter"),
    ],
)
def test_a_bad_value_gets_one_sentence_that_names_the_field(text, field):
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert caught.value.field == field and str(caught.value).count(". ") == 0


def test_ranges_of_numbers_and_days():
    assert [(one.low, one.high) for one in map(span, ("3", ">=3", "<3", "3..5", "..5", "-1"))] == [
        (3, 3),
        (3, None),
        (None, 2),
        (3, 5),
        (None, 5),
        (-1, -1),
    ]
    today = date(2026, 3, 1)
    assert days("2026") == (date(2026, 1, 1), date(2026, 12, 31))
    assert days("2024-02") == (date(2024, 2, 1), date(2024, 2, 29))
    assert days("2026-10..") == (date(2026, 10, 1), None) and days("..2026-10") == (None, date(2026, 10, 31))
    assert days("2026-10..2026-11-05") == (date(2026, 10, 1), date(2026, 11, 5))
    assert days(">2026-10") == (date(2026, 11, 1), None) and days("<2026-10") == (None, date(2026, 9, 30))
    assert days("yesterday", today=today) == (date(2026, 2, 28), date(2026, 2, 28))


def test_a_query_of_the_old_fields_can_be_typed_too():
    spelling = write(Query(tag="night", favourites=True, kind="map", binned=True, like=(("sha:" + "a" * 64, 1.0),)))
    assert spelling == "tag:night is:favourite is:map is:binned"


def test_what_a_query_lets_through_travels_as_json():
    query = parse('tag:a -seed:3..9 "x y" -"z" is:favourite')
    assert Query.narrowed(query.narrowing()) == query
    assert Query.narrowed({}) == Query(), "a job that was queued by an older Easel"
    with pytest.raises(BadInput):
        Query.narrowed({"asked": [["seed", "x", True]]})


# --- completions ----------------------------------------------------------------------------------------------------------

VOCABULARY = Vocabulary({"tag": {"night": 9, "night sky": 4, "boat": 2}, "model": {"sd-dreamshaper": 3, 'x"y': 1}})


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("", []),
        ("boat ", []),
        ("ni", ["tag:night", 'tag:"night sky"']),
        ("red -tag:ni", ["red -tag:night", 'red -tag:"night sky"']),
        ('red tag:"night s', ['red tag:"night sky"']),
        ("model:dream", ["model:sd-dreamshaper"]),
        ("model:x", ['model:"x\\"y"']),
        ("ra", ["ratio:", "rating:"]),
        ("IS:FA", ["is:favourite"]),
        ("tag:boat", []),
        ("nothing:b", []),
        ('"two peo', []),
    ],
)
def test_completions_of_the_last_word(text, texts):
    assert [one.text for one in suggest(text, VOCABULARY)] == texts


def test_a_completion_says_how_many_there_are_and_reads_as_what_it_says():
    assert [one.count for one in suggest("ni", VOCABULARY)] == [9, 4]
    assert suggest("ra", VOCABULARY)[0].meaning == FIELDS["ratio"].takes
    assert parse(suggest("model:x", VOCABULARY)[0].text).filters == (Filter("model", 'x"y'),)
    for seed in range(5):
        for text in typed(seed):
            assert all(one.text.endswith(one.piece) for one in suggest(text, VOCABULARY))
