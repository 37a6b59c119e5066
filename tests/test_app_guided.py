"""What the studio says before anything of guided editing is queued, and what it queues. No worker is needed."""

import hostile
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.api import routes
from studio.app import Studio
from studio.domain.control import Control, ControlMap
from studio.domain.errors import BadInput, PackMissing
from studio.domain.pose import from_openpose, presets
from studio.domain.recipe import Recipe
from studio.gallery.encoding import plain_png
from studio.jobs.supervisor import Supervisor
from studio.packs.controls import check_controls, controls_of
from studio.safety.intake import sha256

POSE = ControlMap("pose", figures=(presets()["Waving"],))


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def studio(home, monkeypatch):
    monkeypatch.setattr(Supervisor, "ensure", lambda self: None)  # nobody is to begin with the jobs
    made = Studio(home)
    yield made
    made.close()


@pytest.fixture
def source(studio, gate):
    return studio.gallery.add(gate.picture(hostile.scene(1)), Recipe("a house"))


def fill(source, mask):
    return Recipe("a sun", task="inpaint", source=source.sha256, mask=sha256(mask))


def spools(studio):
    return sorted(path.name for path in (studio.home / "incoming").iterdir())


def test_a_mask_is_spooled_once_for_a_double_click(studio, source):
    mask = plain_png(Image.new("L", (24, 16), 255))
    first = studio.paint(fill(source, mask), key="k", mask=mask)
    assert studio.paint(fill(source, mask), key="k", mask=mask) == first
    assert spools(studio) == first.payload["spools"] and first.payload["spools"][0].startswith(sha256(mask))
    assert first.payload["keep"] is False and studio.paint(Recipe("x"), keep=True).payload["keep"] is True


def test_a_mask_of_the_gallery_is_not_spooled_again(studio, source, gate):
    mask = plain_png(Image.new("L", (24, 16), 255))
    studio.gallery.add(gate.file(mask)[0], kind="mask")
    assert studio.paint(fill(source, mask), mask=mask).payload["spools"] == [] == spools(studio)
    assert studio.paint(fill(source, mask)).payload["spools"] == []


def test_what_is_not_there_is_said_before_anything_is_queued(studio, source):
    mask = plain_png(Image.new("L", (24, 16), 255))
    with pytest.raises(BadInput, match="not the one that the recipe names"):
        studio.paint(fill(source, mask), mask=mask + b"x")
    with pytest.raises(BadInput, match="mask is not in the gallery"):
        studio.paint(fill(source, mask))
    studio.discard(source.id)
    with pytest.raises(BadInput, match="source is in the bin"):
        studio.paint(fill(source, mask), mask=mask)
    assert studio.queue.count() == 0 and spools(studio) == []
    studio.restore(source.id)
    assert studio.paint(fill(source, mask), mask=mask).id


def test_a_control_that_the_pack_cannot_follow_is_named_with_those_it_can(studio, source):
    pack = studio.shelf.get("storybook")
    recipe = Recipe("x", controls=(Control("lineart", source.sha256),))
    with pytest.raises(PackMissing, match=r"Storybook has .*line art"):
        studio.paint(recipe)
    assert studio.queue.count() == 0
    for kind in controls_of(pack):
        check_controls(studio.shelf, Recipe("x", controls=(Control(kind, source.sha256),)))


def test_annotate_checks_what_it_is_given(studio, source):
    figure = [list(presets()["Waving"])]
    for words, given in (
        ("no control named", {"kind": "magic"}),
        ("Weak edges must be", {"parameters": {"low": 999}}),
        ("no setting named", {"parameters": {"magic": 1}}),
        ("Only a pose", {"figures": figure}),
        ("18 joints", {"kind": "pose", "figures": [[[0, 0]]]}),
        ("Choose a picture", {"source": ""}),
        ("no artwork 99", {"source": "id:99"}),
        ("named by its number", {"source": "/etc/passwd"}),
        ("how large", {"source": "", "kind": "pose", "figures": figure}),
        ("pixels wide", {"source": "", "kind": "pose", "figures": figure, "size": (8, 8)}),
    ):
        asked = {"source": f"id:{source.id}", "kind": "canny", **given}
        with pytest.raises(BadInput, match=words):
            studio.annotate(asked.pop("source"), asked.pop("kind"), **asked)
    for words in ("", "  "):
        with pytest.raises(BadInput, match="what to select"):
            studio.select(f"id:{source.id}", words)
    assert studio.queue.count() == 0
    job = studio.annotate(f"id:{source.id}", "canny", parameters={"low": 9}, overlay=b"png")
    assert job.payload["parameters"]["low"] == 9.0 and job.payload["overlay"] in spools(studio) and job.lane == "look"
    drawn = studio.annotate("", "pose", figures=figure, size=(128, 128), keep=True).payload
    assert len(drawn["figures"][0]) == 18 and drawn["size"] == [128, 128] and drawn["keep"] is True


def test_keep_discard_and_lineage(studio, source, gate):
    recipe = Recipe("x", task="vary", source=source.sha256)
    proposal = studio.gallery.add(gate.picture(hostile.scene(2)), recipe, kind="proposal")
    studio.discard(proposal.id)
    studio.restore(proposal.id)
    assert studio.keep(proposal.id).kind == "painted"
    assert [node.artwork.id for node in studio.lineage(proposal.id).nodes] == [source.id, proposal.id]


def test_pictures_for_editors_and_poses_over_http(studio, source, gate):
    large = studio.gallery.add(gate.picture(Image.new("RGB", (3000, 1500), "teal")), Recipe("a sea"))
    pose = studio.gallery.add(gate.picture(hostile.scene(3)), kind="map", map=POSE)
    browser = TestClient(Starlette(routes=routes(lambda: studio)), base_url="http://127.0.0.1")
    small = browser.get(f"/shown/{source.id}")
    assert small.content == studio.gallery.path(source).read_bytes()  # not a pixel is lost
    shown = browser.get(f"/shown/{large.id}")
    with Image.open(studio.files.shown(large.file)) as copy:
        assert copy.size == (2048, 1024) and shown.headers["content-type"] == "image/webp"
    assert browser.get(f"/shown/{large.id}", headers={"if-none-match": shown.headers["etag"]}).status_code == 304
    told = browser.get(f"/pose/{pose.id}.json")
    assert told.headers["content-type"] == "application/json" and len(from_openpose(told.text)) == 1
    assert browser.get(f"/pose/{pose.id}.json", headers={"if-none-match": told.headers["etag"]}).status_code == 304
    for path in (f"/pose/{source.id}.json", "/pose/99.json", "/pose/x.json", "/shown/99", "/shown/../1"):
        assert browser.get(path).status_code == 404
    copy_path = studio.files.shown(large.file)
    studio.discard(large.id)
    studio.gallery.empty_bin()
    assert not copy_path.exists() and browser.get(f"/shown/{large.id}").status_code == 404
