"""A new encoder is taken in while the old one answers, and a search compares by what it was told to."""

import io

import pytest
from fakes import FakeEncoder, FakeModels, FakePainter, work
from PIL import Image

from studio.domain.errors import BadInput, Cancelled, PackMissing
from studio.domain.settings import Settings
from studio.workshop import embedding
from studio.workshop.tools import Tools

COLOURS = {"red": (220, 10, 10), "green": (10, 220, 10), "blue": (10, 10, 220)}


class TwoEncoders(FakeModels):
    """An encoder for each pack: the pack "other" has one that sees the same and is called something else."""

    def __init__(self, gate, painter):
        super().__init__(gate, painter)
        self.gone = set()

    def encoder(self, pack_id, *, waiting=None):
        if pack_id in self.gone:
            raise PackMissing("It is not there.")
        made = FakeEncoder()
        made.name = f"{pack_id}:0"
        return made


@pytest.fixture
def tools(home, gate):
    made = Tools(home, models=TwoEncoders(gate, FakePainter()))
    yield made
    made.database.close()


@pytest.fixture
def three(tools, gate):
    """A picture of each colour, in this order, without vectors; red has a caption and blue a prompt."""
    ids = [tools.gallery.add(gate.picture(Image.new("RGB", (24, 16), rgb))).id for rgb in COLOURS.values()]
    tools.gallery.set_caption(ids[0], "green grass", "you")
    tools.database.write("UPDATE artworks SET prompt = 'red wine' WHERE id = ?", ids[2])
    return ids


def find(tools, **payload):
    return work(tools, "find", payload).result


def ids(result):
    return [id for id, _ in result["hits"]]


def choose(tools, pack):
    tools.database.keep("settings", "settings", {"pack": pack})
    assert tools.settings() == Settings(pack=pack)


def test_few_pictures_are_embedded_by_the_search_itself(tools, three):
    result = find(tools, words=[["blue", 1.0]])
    assert ids(result)[0] == three[2] and result["said"] == "" and result["total"] == 3
    assert tools.gallery.lacking("storybook:0") == [] and tools.gallery.lacking("storybook:0", kind="caption") != []


def test_until_a_new_encoder_has_seen_all_the_old_one_answers(tools, three, monkeypatch):
    find(tools, words=[["blue", 1.0]])
    monkeypatch.setattr(embedding, "SOON", 2)
    choose(tools, "other")
    result = find(tools, words=[["blue", 1.0]])
    assert ids(result)[0] == three[2] and result["said"].startswith("The new search model has read 0%")
    assert tools.gallery.embedded("other:0") == 0  # its own job does that
    (queued,) = tools.queue.list(kinds=("embed",))
    assert queued.payload == {"pack": "other", "model": "other:0"}
    find(tools, words=[["red", 1.0]])
    assert len(tools.queue.list(kinds=("embed",))) == 1  # one is enough
    done = embedding.embed(queued, Quiet(), tools)
    assert (done["pictures"], done["captions"], done["left"]) == (3, 2, 0)
    result = find(tools, words=[["blue", 1.0]])
    assert ids(result)[0] == three[2] and result["said"] == ""
    assert tools.database.load("settings", embedding.ANSWERS)["name"] == "other:0"


def test_an_old_encoder_that_is_gone_or_was_changed_does_not_answer(tools, three, monkeypatch):
    find(tools, words=[["blue", 1.0]])
    monkeypatch.setattr(embedding, "SOON", 0)
    choose(tools, "other")
    tools.models.gone.add("storybook")
    result = find(tools, words=[["blue", 1.0]])
    assert ids(result) == [] and result["said"].startswith("The search model has read 0%")


def test_a_job_that_was_cancelled_goes_on_where_it_stopped_and_newest_first(tools, three, monkeypatch):
    monkeypatch.setattr(embedding, "AT_ONCE", 1)
    job = tools.queue.submit("embed", {"pack": "storybook", "model": "storybook:0"})
    tools.queue.claim("fetch", "w")
    seen = []

    def report(done, total, draft=None):
        seen.append((done, total))
        if done:
            raise Cancelled("Cancelled.")

    report.check = lambda: None
    report.stage = lambda words: None
    with pytest.raises(Cancelled):
        embedding.embed(job, report, tools)
    assert tools.gallery.lacking("storybook:0") == [three[1], three[0]]
    tools.queue.finish(job.id, "cancelled", error="Cancelled.", seconds=0.1)
    monkeypatch.setattr(embedding, "SOON", 0)
    find(tools, words=[["red", 1.0]])
    assert tools.queue.list(("waiting",), ("embed",)) == []  # somebody did not want it now
    assert work(tools, "embed", {}).result["pictures"] == 2 and tools.gallery.lacking("storybook:0") == []


def test_a_cancelled_reading_stays_so_until_another_was_done_and_few_pictures_are_read_anyway(
    tools, three, monkeypatch
):
    def end(job, state, **result):
        tools.queue.claim("fetch", "w")
        tools.queue.finish(job.id, state, result=result, seconds=0.1)

    def queued():
        return [job.state for job in tools.queue.list(kinds=("embed",))]

    monkeypatch.setattr(embedding, "SOON", 0)
    asked = tools.queue.submit("embed", {"pack": "storybook"})  # by reindex, which knows no model
    find(tools, words=[["red", 1.0]])
    assert queued() == ["waiting"]  # that one is enough
    end(asked, "cancelled")
    assert find(tools, words=[["red", 1.0]])["said"].startswith("The search model has read 0%")
    assert queued() == ["cancelled"]
    end(tools.queue.submit("embed", {"pack": "storybook"}), "done", left=0)
    find(tools, words=[["red", 1.0]])
    assert queued() == ["waiting", "done", "cancelled"]
    end(tools.queue.list(("waiting",), ("embed",))[0], "failed")
    monkeypatch.setattr(embedding, "SOON", 3)
    assert set(ids(find(tools, words=[["red", 1.0]]))) == set(three) and not tools.gallery.lacking("storybook:0")


def test_a_file_that_cannot_be_read_holds_nothing_up(tools, three, monkeypatch):
    monkeypatch.setattr(embedding, "SOON", 0)
    tools.gallery.path(tools.gallery.get(three[0])).unlink()
    job = tools.queue.submit("embed", {"pack": "storybook", "model": "storybook:0"})
    result = embedding.embed(job, Quiet(), tools)
    assert (result["pictures"], result["left"]) == (2, 1)
    tools.queue.claim("fetch", "w")
    tools.queue.finish(job.id, "done", result=result, seconds=0.1)
    told = find(tools, words=[["green", 1.0]])
    assert ids(told)[0] == three[1] and "67%" in told["said"]
    assert tools.queue.list(("waiting",), ("embed",)) == []


class Quiet:
    """A report that nobody reads."""

    def __call__(self, done, total, draft=None):
        assert 0 <= done <= total

    def check(self):
        return None

    def stage(self, words):
        return None


def test_captions_are_compared_where_that_is_asked_for(tools, three):
    red, green, blue = three
    embedding.embed(tools.queue.submit("embed", {}), Quiet(), tools)
    assert ids(find(tools, words=[["green", 1.0]], filters={"by": ["picture"]}))[0] == green
    by = {"filters": {"by": ["caption"]}}
    assert ids(find(tools, words=[["green", 1.0]], **by)) == [red, blue]  # what was said, though it is not so
    assert ids(find(tools, words=[["red", 1.0]], **by)) == [blue, red]  # a prompt where there is no caption
    assert ids(find(tools, like=[[f"id:{red}", 1.0]], **by))[0] == red
    both = find(tools, words=[["green", 1.0]], filters={"by": ["picture", "caption"]})
    assert ids(both)[0] == green or ids(both)[0] == red
    assert sorted(ids(both)) == sorted(three)
    tools.gallery.set_caption(red, "blue sky", "you")  # what was made of other words is not compared any more
    embedding.embed(tools.queue.submit("embed", {}), Quiet(), tools)
    assert ids(find(tools, words=[["blue", 1.0]], **by))[0] == red


def test_dropped_pictures_are_compared_by_look_as_they_are_weighted(tools, three):
    red, green, _ = three
    by = {"filters": {"by": ["look"]}}

    def dropped(name):
        data = io.BytesIO()
        Image.new("RGB", (24, 16), COLOURS[name]).save(data, "PNG")
        return f"sha:{tools.files.spool(data.getvalue())}"

    assert ids(find(tools, like=[[dropped("red"), 1.0]], **by))[0] == red
    assert ids(find(tools, like=[[dropped("red"), -1.0]], **by))[-1] == red
    assert ids(find(tools, like=[[dropped("red"), 3.0], [dropped("green"), 1.0]], **by))[:2] == [red, green]
    assert ids(find(tools, like=[[dropped("red"), 1.0], [dropped("green"), 3.0]], **by))[:2] == [green, red]
    with pytest.raises(BadInput, match="has no recipe and no words"):
        find(tools, like=[[dropped("red"), 1.0]], filters={"by": ["recipe"]})


def test_the_terminal_and_the_page_know_of_it(tools, home, monkeypatch, capsys):
    """The terminal's words for it; the worker is played by the test."""
    from studio import cli
    from studio.app import Studio
    from studio.terminal import reindexing

    monkeypatch.setenv("EASEL_HOME", str(home))
    asked = []

    def wait(studio, job):
        asked.append((job.kind, job.payload))
        tools.queue.claim(job.lane, "w")
        result = {"pictures": 1_200, "captions": 7, "left": 2, "learnt": False, "model": "storybook:0"}
        tools.queue.finish(job.id, "done", result=result, seconds=1.5)
        return tools.queue.get(job.id)

    monkeypatch.setattr(reindexing, "wait", wait)
    monkeypatch.setattr(Studio, "submit", lambda self, kind, payload, **more: self.queue.submit(kind, payload))
    assert cli.main(["reindex"]) == 0
    assert asked == [("embed", {"pack": "storybook"})]
    told = capsys.readouterr().out
    assert "1,200 pictures and 7 captions were read by storybook:0." in told and "2 could not be read" in told


def test_one_job_at_a_time(tools, home, monkeypatch):
    from studio.app import Studio

    studio = Studio(home)
    monkeypatch.setattr(Studio, "submit", lambda self, kind, payload, **more: self.queue.submit(kind, payload))
    first = studio.reindex()
    assert studio.reindex().id == first.id
    studio.close()
