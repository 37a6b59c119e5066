"""`tag` and `undo` at the terminal: by numbers or by a search, in one step, and back again."""

import json

import pytest
from test_pages import painted, studio

from studio.cli import main

__all__ = ["studio"]  # the fixture of the pages' tests: no worker is started


@pytest.fixture
def ids(studio, gate):
    return [painted(studio, gate, seed=seed, caption=f"boat {seed}").id for seed in (1, 2, 3)]


@pytest.fixture
def told(studio, capsys):
    """Run the terminal's words; exit code, JSON, and what was said beside it."""

    def told(*words):
        code = main([*map(str, words), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out), said.err

    return told


def test_everything_at_once_and_back_again(studio, ids, told):
    studio.database.write("INSERT INTO tags (artwork, tag) VALUES (?, 'old')", ids[0])  # before there was an undo
    words = [
        "--add",
        "Night  Sky",
        "--remove",
        "old",
        "--rate",
        4,
        "--favourite",
        "--note",
        "seen",
        "--collect",
        "Boats",
    ]
    code, answer, _ = told("tag", ids[0], ids[1], *words)
    assert code == 0 and answer["pictures"] == 2 and [part["what"] for part in answer["did"]][:2] == ["tag", "untag"]
    one = studio.gallery.get(ids[0])
    assert (one.tags, one.rating, one.favourite, one.remark) == (("night sky",), 4, True, "seen")
    assert studio.database.one("SELECT count(*) FROM collection_items")[0] == 2
    code, answer, _ = told("undo")
    assert code == 0 and (answer["pictures"], answer["left"], answer["gone"]) == (2, 0, 0)
    one = studio.gallery.get(ids[0])
    assert (one.tags, one.rating, one.favourite, one.remark) == (("old",), 0, False, "")
    assert studio.database.one("SELECT count(*) FROM collection_items")[0] == 0
    assert told("undo")[0] == 2


def test_all_that_a_search_finds(studio, ids, told):
    told("tag", ids[2], "--add", "keep")
    assert told("tag", "--query=-tag:keep", "--rate", "-1")[1]["pictures"] == 2
    assert [studio.gallery.get(id).rating for id in ids] == [-1, -1, 0]
    code, answer, said = told("tag", "--query", "boat by:words", "--add", "best")
    assert code == 2 and answer["error"]["field"] == "limit" and "--limit" in said
    assert told("tag", "--query", "boat by:words", "--add", "best", "--limit", 2)[1]["pictures"] == 2


def test_changes_are_listed_and_one_of_them_undone_by_its_number(studio, ids, told, capsys):
    first = told("tag", ids[0], "--rate", 3)[1]["change"]
    told("tag", ids[1], "--rate", 5)
    assert told("undo", first)[0] == 0
    assert [studio.gallery.get(id).rating for id in ids] == [0, 5, 0]
    listed = told("undo", "--list")[1]["changes"]
    assert [(one["change"], one["undone"]) for one in listed] == [(first + 1, False), (first, True)]
    assert main(["undo", "--list"]) == 0
    assert "1 picture rated 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["1"], "tag"), (["--add", "x"], "ids"), (["x", "--add", "x"], "ids"), (["99", "--add", "x"], "ids"),
        (["1", "--query", "boat", "--add", "x"], "query"), (["1", "--rate", "9"], "rating"),
        (["1", "--add", " "], "tag"), (["1", "--uncollect", "none"], "uncollect"),
        (["--query", "tag:nobody", "--rate", "1"], "query"), (["--query", "size:x", "--rate", "1"], "size"),
        (["1", "--rate", "1", "--limit", "0"], "limit"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_sentence_and_changes_nothing(studio, ids, told, words, field):
    code, answer, said = told("tag", *words)
    assert code == 2 and answer["error"]["field"] == field and said.strip().endswith(".")
    assert studio.database.one("SELECT count(*) FROM changes")[0] == 0


def test_nothing_to_change_is_no_change(ids, told):
    assert told("tag", ids[0], "--rate", 0) == (0, {"change": None, "pictures": 0, "left": 0}, "")
