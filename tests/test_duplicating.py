"""`duplicates` in the terminal: its JSON, its lines, and what it puts into the bin; the worker is played by the tests."""

import json

import pytest
from alike import scene, smaller
from fakes import FakeModels, FakePainter, work

from studio import cli
from studio.app import Studio
from studio.workshop.tools import Tools


@pytest.fixture
def home_of_copies(home, gate, monkeypatch):
    """A home with two copies and a third picture, and a worker that answers at once."""
    monkeypatch.setenv("EASEL_HOME", str(home))
    tools = Tools(home, models=FakeModels(gate, FakePainter()))
    for picture in (scene(1), smaller(scene(1)), scene(2)):
        tools.gallery.add(gate.picture(picture), kind="imported")

    def submit(self, kind, payload, *, key=None):
        result = work(tools, kind, payload).result
        (job,) = tools.queue.list(("running",), (kind,))
        tools.queue.finish(job.id, "done", result=result)
        return tools.queue.get(job.id)

    monkeypatch.setattr(Studio, "submit", submit)
    yield tools
    tools.database.close()


def test_copies_are_listed_with_the_one_to_keep(home_of_copies, capsys):
    assert cli.main(["duplicates", "--near", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (group,) = answer["groups"]
    assert group["keep"] == 1 and group["kind"] == "near" and "largest" in group["why"] and answer["binned"] == 0
    assert [one["id"] for one in group["artworks"]] == [1, 2] and answer["compared"] > 0
    assert cli.main(["duplicates", "--near"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "2 pictures, copies" in lines[0] and "keep" in lines[1] and "keep" not in lines[2] and len(lines) == 3


def test_only_the_same_pixels_without_near(home_of_copies, capsys):
    assert cli.main(["duplicates"]) == 0
    assert capsys.readouterr().out.strip() == "No duplicates."


def test_bin_puts_away_all_but_the_keeper(home_of_copies, capsys):
    assert cli.main(["duplicates", "--near", "--bin", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["binned"] == 1 and "bin" in told.err
    held = home_of_copies.gallery.many([1, 2, 3])
    assert [held[id].deleted_at is None for id in (1, 2, 3)] == [True, False, True]
