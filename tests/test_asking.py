"""Questions about a picture: the tiny BLIPs of tests/test_vision_packs.py on a real shelf, asked through the real job."""

import io
import json
from types import SimpleNamespace

import hostile
import pytest
from galleries import imported
from PIL import Image
from streamlit.testing.v1 import AppTest
from test_vision_packs import PICTURES, WORDS, blip2, git, saved, vqa

from studio import cli
from studio.app import Studio
from studio.domain.errors import BadInput, PackMissing, Refused
from studio.domain.recipe import Recipe
from studio.orders import QUESTION_LIMIT
from studio.packs.bring import bring, one
from studio.places import ROOT
from studio.workshop.models import Models
from studio.workshop.reporting import JobReport
from studio.workshop.tasks import TASKS
from studio.workshop.tools import Tools
from studio.workshop.vision.ask import FREE, load_answerer


@pytest.fixture
def studio(home):
    made = Studio(home)
    made.supervisor.ensure = lambda: None  # these tests do the jobs themselves
    yield made
    made.close()


def encoded(seed):
    stream = io.BytesIO()
    hostile.scene(seed, (96, 64)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A BLIP that reads questions, with random weights, as people have its folder."""
    return saved(tmp_path_factory.mktemp("vqa") / "blip vqa", *vqa())


@pytest.fixture
def asked(studio, model):
    """The pack as somebody brings it, and a picture in the gallery."""
    from fakes import work

    tools = Tools(studio.home)
    cleared, _ = tools.gate("storybook").file(encoded(3))
    artwork = imported(tools.gallery, cleared, source_name="x.png")
    pack = bring(studio.shelf, one(model), copy=True)
    return SimpleNamespace(tools=tools, artwork=artwork, pack=pack, work=work)


@pytest.mark.parametrize("made", [vqa, blip2], ids=lambda made: made.__name__)
def test_an_answerer_answers_with_its_own_words(tmp_path, made):
    folder = saved(tmp_path / "answerer", *made())
    answerer = load_answerer(folder, name="tiny", preparation=folder)
    told = answerer(PICTURES[0], "a red star at night")
    assert set(told.split()) <= set(WORDS) and told == answerer(PICTURES[0], "a red star at night")
    assert isinstance(answerer(PICTURES[1], "star " * 400), str), "a long question is cut, not an index error"


def test_a_free_question_is_asked_as_it_was_taught(tmp_path):
    folder = saved(tmp_path / "answerer", *blip2())
    answerer = load_answerer(folder, name="tiny", preparation=folder)
    tokens, given = answerer._read("a red star")
    assert tokens[:4] == [10] * 4 and given == len(tokens), "the places of the picture, then the words"
    assert tokens[4:] == answerer._tokenizer(FREE.format("a red star")).input_ids


def test_another_model_is_named(tmp_path):
    folder = saved(tmp_path / "git", *git())
    with pytest.raises(PackMissing, match="is a git; a BLIP or a BLIP-2"):
        load_answerer(folder, name="x", preparation=folder)


def test_a_brought_pack_answers_through_the_job(studio, asked):
    assert asked.pack.manifest.roles == {"answerer": "."} and asked.pack.manifest.kind == "captioner"
    assert studio.answers()
    job = studio.ask("  what colour is\n the star? ", artwork=asked.artwork.id)
    assert (job.kind, job.lane) == ("ask", "look")
    assert job.payload == {"question": "what colour is the star?", "artwork": asked.artwork.id}
    studio.queue.cancel(job.id)
    outcome = asked.work(asked.tools, "ask", job.payload)
    assert outcome.state == "done" and set(outcome.result) == {"answer", "by", "note"}
    assert outcome.result["by"] == asked.pack.id and outcome.result["note"] == ""
    assert set(outcome.result["answer"].split()) <= set(WORDS)
    spool = studio.upload(encoded(4))
    again = asked.work(asked.tools, "ask", {"question": "a star", "spool": spool})
    assert set(again.result["answer"].split()) <= set(WORDS)


def test_the_role_alone_makes_a_pack_answer(studio, asked):
    """A pack that has other roles as well answers by naming the folder, and its own comes before all others."""
    import dataclasses

    from studio.packs.manifest import OWN, manifest_text

    note = asked.pack.folder / OWN
    both = dataclasses.replace(asked.pack.manifest, kind="painter", roles={"painter": "unet", "answerer": "."})
    note.write_text(manifest_text(both))
    assert Models(studio.shelf).answerer(asked.pack.id).name == asked.pack.id
    assert studio.answers()


def test_another_answerer_answers_once_the_first_is_removed_and_one_installed_anew_is_loaded_anew(
    studio, asked, tmp_path
):
    models = Models(studio.shelf)
    first = models.answerer("storybook")
    assert first.name == asked.pack.id and models.answerer("storybook") is first
    weights = next(asked.pack.folder.glob("*.safetensors"))
    (tmp_path / "fresh").write_bytes(weights.read_bytes())
    (tmp_path / "fresh").replace(weights)
    assert models.answerer("storybook") is not first
    studio.shelf.remove(asked.pack.id)
    assert models.answerer("storybook").name == "storybook", "the last that is left"
    other = bring(studio.shelf, one(saved(tmp_path / "blip two", *vqa())), copy=True)
    assert models.answerer("storybook").name == other.id


@pytest.mark.parametrize(
    ("settings", "painted_by", "installed", "who"),
    [
        ("storybook", "storybook", True, "storybook"),
        ("painter", "storybook", True, "storybook"),
        ("storybook", "", True, "vqa"),
        ("storybook", "painter", True, "vqa"),
        ("painter", "painter", True, "painter"),
        ("painter", "", True, "painter"),
        ("storybook", "", False, "storybook"),
        ("storybook", "gone", False, "storybook"),
    ],
)
def test_storybook_answers_about_its_own_pictures_first_and_about_others_last(
    monkeypatch, settings, painted_by, installed, who
):
    def pack(id):
        return SimpleNamespace(id=id, manifest=SimpleNamespace(roles={"answerer": "."}))

    packs = {id: pack(id) for id in ("storybook", *(("vqa", "painter") if installed else ()))}
    shelf = SimpleNamespace(get=lambda id: packs[id], packs=lambda: list(packs.values()))
    monkeypatch.setattr(Models, "_of", lambda self, role, pack_id, load, waiting: (role, pack_id))
    assert Models(shelf).answerer(settings, painted_by=painted_by) == ("answerer", who)


def test_an_answer_of_storybook_about_another_picture_says_so(studio, asked, monkeypatch):
    told = []

    class Own:
        name = "storybook"

        def __call__(self, picture, question):
            return "star"

    def find(pack_id, *, painted_by, waiting):
        told.append(painted_by)
        return Own()

    monkeypatch.setattr(asked.tools.models, "answerer", find)
    picture = asked.tools.gate("storybook").picture(hostile.scene(5, (128, 128)))
    painted = asked.tools.gallery.add(picture, Recipe(prompt="a star", seed=3))
    payload = {"question": "what is it?", "artwork": painted.id}
    assert asked.work(asked.tools, "ask", payload).result == {"answer": "star", "by": "storybook", "note": ""}
    other = asked.work(asked.tools, "ask", payload | {"artwork": asked.artwork.id}).result
    assert other["by"] == "storybook" and "knows only its own world" in other["note"] and "Shelf" in other["note"]
    assert told == ["storybook", ""]


def test_what_is_no_question_is_said_before_anything_is_queued(studio, asked):
    for question, words in ((" \n", "Ask something"), ("x" * (QUESTION_LIMIT + 1), "is the most")):
        with pytest.raises(BadInput, match=words) as error:
            studio.ask(question, artwork=asked.artwork.id)
        assert error.value.field == "question"
    with pytest.raises(BadInput, match="999"):
        studio.ask("a star?", artwork=999)
    with pytest.raises(BadInput, match="artwork or a file"):
        studio.ask("a star?")
    assert studio.queue.list(limit=5) == []


def test_the_gate_reads_the_question_and_the_file(studio, asked):
    with pytest.raises(Refused, match="never answered"):
        asked.work(asked.tools, "ask", {"question": "is the child naked?", "artwork": asked.artwork.id})
    refused = studio.upload((ROOT / "assets/safety/known-positive.png").read_bytes())
    with pytest.raises(Refused):
        asked.work(asked.tools, "ask", {"question": "a star?", "spool": refused})


def test_without_a_pack_that_answers_it_is_said_where_to_get_one(studio, monkeypatch):
    monkeypatch.setattr(studio, "answers", lambda: False)
    with pytest.raises(PackMissing, match="blip-vqa, on the Shelf"):
        studio.ask("a star?", data=b"x")
    assert studio.queue.list(limit=5) == []


# --- the page and the terminal ------------------------------------------------------------------------------------------


def detail(studio, id, monkeypatch):
    from studio.ui import session

    monkeypatch.setenv("EASEL_HOME", str(studio.home))
    monkeypatch.setattr(session, "studio", lambda: studio)

    def page(id):
        from studio.ui import asking, session

        studio = session.studio()
        asking.box(studio, studio.gallery.get(id))

    return AppTest.from_function(page, args=(id,), default_timeout=30)


def text(test):
    return " ".join(one.value if hasattr(one, "value") else one.proto.body for one in test.get("html"))


def test_the_page_asks_and_shows_the_answer(studio, asked, monkeypatch):
    test = detail(studio, asked.artwork.id, monkeypatch).run()
    assert not test.exception
    test.text_input[0].set_value("what is at night?")
    next(one for one in test.button if one.label == "Ask").click().run()
    assert not test.exception
    (job,) = studio.queue.list(("waiting",))
    assert job.payload == {"question": "what is at night?", "artwork": asked.artwork.id}
    assert test.text_input[0].value == "" and "Waiting for its turn" in text(test)
    studio.queue.claim("look", "test")
    studio.queue.finish(
        job.id, "done", result={"answer": "a <b>star", "by": "x", "note": "only <its> own"}, error="", seconds=0.1
    )
    test.run()
    assert (
        "a &lt;b&gt;star" in text(test) and "only &lt;its&gt; own" in text(test) and "what is at night?" in text(test)
    )
    next(one for one in test.button if one.label == "Ask").click().run()
    assert "Ask something" in text(test) and len(studio.queue.list(limit=9)) == 1


def test_the_page_points_to_the_shelf_where_nobody_answers(studio, gallery, gate, monkeypatch):
    id = gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), None, kind="imported").id
    monkeypatch.setattr(studio, "answers", lambda: False)
    test = detail(studio, id, monkeypatch).run()
    assert not test.exception and not test.text_input
    assert "No pack here answers questions yet." in text(test) and test.button[0].label == "Open the Shelf"


def test_the_terminal_asks(studio, asked, monkeypatch, capsys):
    from studio.terminal import asking

    def wait(_, job):
        assert studio.queue.claim("look", "w").id == job.id
        report = JobReport(job, queue=studio.queue, files=studio.files, alive=lambda: None, stopping=lambda: False)
        outcome = TASKS[job.kind](job, report, asked.tools)
        studio.queue.finish(job.id, outcome.state, result=outcome.result, error=outcome.error, seconds=0.1)
        return studio.job(job.id)

    monkeypatch.setattr(asking, "open_home_studio", lambda: studio)
    monkeypatch.setattr(asking, "wait", wait)
    assert cli.main(["ask", str(asked.artwork.id), "a red star?", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (
        told["question"] == "a red star?" and told["by"] == asked.pack.id and set(told["answer"].split()) <= set(WORDS)
    )
    assert cli.main(["ask", str(asked.artwork.id), " ", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["field"] == "question"
    assert cli.main(["ask", "/nothing/here.png", "a star?"]) == 2
