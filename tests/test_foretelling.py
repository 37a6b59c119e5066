"""`forecast` in the terminal: bytes, seconds, and the options that make it fit; it queues nothing."""

import json

import pytest

from studio.app import open_studio
from studio.cli import main
from studio.domain.recipe import Recipe
from studio.jobs import memory
from studio.packs.needs import Place, needs


@pytest.fixture
def studio(home, monkeypatch):
    monkeypatch.setenv("EASEL_HOME", str(home))
    opened = open_studio(home)
    yield opened
    assert opened.queue.count() == 0
    opened.close()


def told(studio, free):
    memory.tell(studio.database, {"kind": "cuda", "pid": 1, "free": free, "total": 8 << 30, "own": 0, "held": {}})


def test_before_a_worker_spoke_it_says_so(studio, capsys):
    assert main(["forecast", "a ball"]) == 5
    assert "paint one picture" in capsys.readouterr().err


def test_it_says_what_it_takes(studio, capsys):
    told(studio, 4 << 30)
    assert main(["forecast", "a ball", "--count", "4", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["fits"] and 0 < body["needed"] < body["free"] == 4 << 30 and body["ways"] == []
    assert body["seconds"] is None and body["device"] == "cuda"


def test_where_it_does_not_fit_it_names_options_that_help(studio, capsys):
    large = needs(Recipe("a ball", width=1024, height=1024), studio.shelf, Place("cuda", 1 << 30))
    told(studio, large.total - 1)
    words = ["forecast", "a ball", "--size", "1024x1024"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "may not fit" in said and "--size 768x768" in said and "--offload (" in said
    assert main([*words, "--offload", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fits"]


def test_a_wish_that_is_none_is_refused(studio, capsys):
    told(studio, 4 << 30)
    assert main(["forecast", "a ball", "--count", "99"]) == 2
    assert main(["forecast", "a ball", "--pack", "nowhere"]) == 4
