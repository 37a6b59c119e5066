"""`export` and `bin` in the terminal: their JSON, what they say beforehand, and their exit codes."""

import json
import zipfile

import hostile
import pytest
from fakes import FakeModels, FakePainter, work
from galleries import painter

from studio.app import Studio
from studio.cli import main
from studio.gallery.keeping import changes, collections
from studio.terminal import searching
from studio.workshop.tools import Tools


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def studio(home, gate, monkeypatch):
    """A studio whose jobs are done at once, by the same tasks that the worker has."""
    monkeypatch.setenv("EASEL_HOME", str(home))
    tools = Tools(home, models=FakeModels(gate, FakePainter()))

    def done(self, kind, payload, *, key=None):
        outcome = work(tools, kind, payload, watch=False)
        job = tools.queue.list(limit=1)[0]
        tools.queue.finish(job.id, outcome.state, result=outcome.result, error=outcome.error, seconds=0.1)
        return tools.queue.get(job.id)

    monkeypatch.setattr(Studio, "submit", done)
    opened = Studio(home)
    yield opened
    opened.close()
    tools.database.close()


@pytest.fixture
def ids(studio, gate):
    paint = painter(studio.gallery, gate)
    return [paint(seed).id for seed in range(3)]


@pytest.fixture
def run(capsys):
    """One command with --json: its exit code, its answer, what it said."""

    def ran(*words):
        code = main([str(word) for word in words] + ["--json"])
        out = capsys.readouterr()
        return code, json.loads(out.out) if out.out.strip() else None, out.err

    return ran


def test_export_to_a_folder_by_number_or_by_search(run, studio, ids, tmp_path):
    code, answer, said = run("export", *ids[:2], "--to", tmp_path / "out", "--names", "{id}")
    assert code == 0 and answer["written"] == 2 and sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{id}.png" for id in ids[:2]
    ]  # fmt: skip
    assert "stays   Where it was taken" in said and "leaves  Prompt, seed, model, settings" in said
    assert "The mark that a model made it" in answer["leaves"] and "Where it was taken" in answer["stays"]
    code, answer, _ = run(
        "export", "--query", "seed:2", "--to", tmp_path / "two.zip", "--format", "webp", "--metadata", "none"
    )
    assert code == 0 and answer["files"] == 1
    with zipfile.ZipFile(tmp_path / "two.zip") as archive:
        assert len(archive.namelist()) == 1 and archive.namelist()[0].endswith(".webp")
    assert run("export", *ids, "--to", tmp_path / "all.pdf")[1]["written"] == 3
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")


def test_what_ranks_leaves_in_its_order_and_only_as_many_as_are_asked_for(run, studio, ids, tmp_path):
    wanted = {"--to": tmp_path / "out", "--names": "{number}-{id}"}
    rest = [word for pair in wanted.items() for word in pair]
    for words in ("lighthouse by:words", f"like:{ids[0]} by:look"):
        code, answer, said = run("export", "--query", words, *rest)
        assert code == 2 and answer["error"]["field"] == "limit" and "--limit" in said
    assert run("export", "--query", "lighthouse", "--limit", 1_001, *rest)[1]["error"]["field"] == "limit"
    _, answer, said = run("export", "--query", f"like:{ids[0]} by:look", "--limit", 1, *rest)
    assert answer["left"] == 2 and "The best 1; 2 more rank below them." in said and "-collection:NAME" in said
    assert answer["written"] == 1 and answer["paths"][0].endswith(f"-{ids[0]}.png")
    hand = collections.create(studio.database, "By hand").id
    changes.apply(studio.gallery, ids, changes.Change("collect", hand))
    order = [ids[1], ids[2], ids[0]]
    collections.place(studio.database, hand, order)
    collections.create(studio.database, "Saved", query="seed:2")

    def found(text):
        return searching.found(studio, text, limit=None).ids

    assert found('collection:"by hand"') == order and found("seed:1..2") == [ids[2], ids[1]]
    assert found("collection:saved") == [ids[2]] == found("collection:saved -seed:1")


def test_what_a_limit_leaves_out_is_said_and_can_be_had(run, studio, ids, tmp_path):
    to = ("--to", tmp_path / "out")
    code, answer, said = run("export", "--query", "seed:..9", "--limit", 2, *to)
    assert (code, answer["written"], answer["left"]) == (0, 2, 1) and "1 more are found; without --limit all" in said
    _, answer, said = run("export", "--query", "seed:..9", *to)
    assert (answer["written"] + answer["already"], answer["left"]) == (3, 0) and "more are found" not in said
    looks = (
        f"like:{ids[0]} by:look"  # as the sentence says: what was had goes into a collection, and the search goes on
    )
    had = run("tag", "--query", looks, "--limit", 2, "--collect", "had")[1]
    assert (had["pictures"], had["left"]) == (2, 1)
    had = run("tag", "--query", f"{looks} -collection:had", "--limit", 2, "--collect", "had")[1]
    assert (had["pictures"], had["left"]) == (1, 0)
    assert len(searching.found(studio, "collection:had", limit=None).ids) == 3


def test_what_would_leave_is_said_without_leaving(run, studio, ids, tmp_path, capsys):
    code, answer, _ = run("export", ids[0], "--to", tmp_path / "out", "--dry-run")
    assert code == 0 and answer["pictures"] == 1 and not (tmp_path / "out").exists()
    assert main(["export", str(ids[0]), "--to", str(tmp_path / "out"), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Seed: 0" in lines and "Mark: says that a model made it" in lines


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["999", "--to", "OUT"], "no artwork 999"), (["x", "--to", "OUT"], "named by its number"),
        (["--to", "OUT"], "Name some"),
        (["1", "--to", "OUT", "--quality", "0"], "quality goes from"), (["1", "--to", "OUT", "--names", "{x}"], "no field"),
        (["--query", "seed:77", "--to", "OUT"], "Name some"), (["1", "--to", "HOME"], "Easel's own folder"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("ids")
def test_what_cannot_be_exported_is_said(run, studio, tmp_path, words, complaint):
    places = {"OUT": str(tmp_path / "out"), "HOME": str(studio.home / "x")}
    code, answer, said = run("export", *(places.get(word, word) for word in words))
    assert code == 2 and complaint in said and answer["error"]["message"] in said


def test_the_bin_in_the_terminal(run, studio, ids):
    assert run("bin")[1] == {
        "pictures": 0, "bytes": 0, "oldest": None, "parents": 0, "collected": 0, "outside": 0, "days": 30, "artworks": [],
    }  # fmt: skip
    for id in ids:
        studio.gallery.delete(id)
    code, answer, _ = run("bin")
    assert code == 0 and answer["pictures"] == 3 and {row["days_left"] for row in answer["artworks"]} == {30}
    assert run("bin", "--restore", ids[0])[1] == {"restored": [ids[0]]}
    assert run("bin", "--delete", ids[1])[1]["deleted"] == 1
    code, answer, _ = run("bin", "--empty")
    assert code == 0 and answer["deleted"] == 1 and answer["bytes"] > 0
    assert set(studio.gallery.many(ids)) == {ids[0]}
    assert run("bin", "--empty")[0] == 2
