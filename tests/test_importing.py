"""What an import keeps of the metadata that a file carries: columns, tags and notes, the rest verbatim, and never the place."""

import csv
import dataclasses
import json
import os
from io import BytesIO, StringIO

import hostile
import pytest
from fakes import FakeCaptioner, FakeModels, FakePainter, work
from galleries import changed
from PIL import Image
from test_folders import encoded, picture

from studio.domain.artwork import Query
from studio.domain.control import ControlMap
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.gallery.coming import folders
from studio.gallery.coming.importing import hidden, report, shown_path
from studio.gallery.finding.language import read as read_words
from studio.gallery.metadata import write_map, write_text
from studio.terminal.answers import going
from studio.terminal.bringing import looked_at
from studio.workshop import scanning
from studio.workshop.importing import import_pictures
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

A1111 = (
    "a red boat <lora:ink:0.5>\nNegative prompt: people\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 24x16,"
    " Model: dreamshaper_8, Version: v1.9"
)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmp:Rating="4" exif:GPSLatitude="48,8.0N">'
    "<dc:description><rdf:Alt><rdf:li>At the lake</rdf:li></rdf:Alt></dc:description>"
    "<dc:subject><rdf:Bag><rdf:li>Summer  Trip</rdf:li><rdf:li>boats</rdf:li><rdf:li>{}</rdf:li></rdf:Bag></dc:subject>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
).format("x" * 70)


@pytest.fixture
def tools(home, gate):
    made = Tools(home, models=FakeModels(gate, FakePainter()))
    yield made
    made.database.close()


@pytest.fixture
def bring(tools):
    """Import one file's bytes; returns its artwork."""

    def bring(data, name="x.png"):
        result = work(tools, "import", {"files": [{"spool": tools.files.spool(data), "name": name}]}).result
        assert result["skipped"] == []
        return tools.gallery.get(result["ids"][0])

    return bring


def photograph():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R6"
    exif.get_ifd(0x8769).update({0x9003: "2026:07:03 12:30:00", 0x9011: "+00:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 13.0), 3: "E", 4: (11.0, 34.0, 31.0)})
    return encoded(picture(5), "JPEG", exif=exif, xmp=XMP.encode())


def test_what_another_tool_says_fills_the_columns_and_is_found(tools, bring):
    artwork = bring(hostile.with_text(picture(1), parameters=A1111))
    assert (artwork.made_with, artwork.seed, artwork.negative) == ("a1111", 42, "people")
    assert artwork.model == "dreamshaper_8" and artwork.sampler == "euler a" and "red boat" in artwork.prompt
    assert json.loads(artwork.metadata)["parameters"] == A1111  # verbatim, whatever was understood
    for words in ("from:a1111", "seed:42", "model:dreamshaper", 'sampler:"euler a"', '"red boat"'):
        assert tools.gallery.page(read_words(words).query) == [artwork], words


def test_a_photograph_keeps_all_but_where_it_was_taken(tools, bring):
    artwork = bring(photograph(), "IMG_1.JPG")
    assert artwork.made_with == "camera" and "R6" in artwork.camera and artwork.taken_at == 1_783_081_800
    assert artwork.rating == 4 and artwork.remark == "At the lake"
    assert artwork.tags == (
        "boats",
        "summer trip",
    )  # as ours are spelt; one that is too long for a tag stays in the text
    row = tools.database.one("SELECT * FROM artworks WHERE id = ?", artwork.id)
    everything = " ".join(str(row[name]) for name in row.keys())  # noqa: SIM118  a row's iterator gives values
    assert "GPS" not in everything and "48,8" not in everything
    with Image.open(BytesIO(tools.gallery.data(artwork))) as stored:
        assert not stored.getexif().get_ifd(0x8825) and b"GPSLatitude" not in tools.gallery.data(artwork)


def test_the_note_tags_and_rating_of_whoever_has_it_already_stay(tools, bring):
    artwork = bring(photograph())
    changed(tools.gallery, artwork.id, "untag", "boats")
    tools.gallery.delete(artwork.id)
    again = bring(photograph())
    assert again.id == artwork.id and again.tags == ("summer trip",) and again.deleted_at is None


def test_what_nobody_understands_is_kept_verbatim(bring):
    artwork = bring(hostile.with_text(picture(2), Workflow="{half", Comment="\u2603 by hand"))
    assert json.loads(artwork.metadata) == {"Workflow": "{half", "Comment": "\u2603 by hand"}
    assert (artwork.recipe, artwork.made_with, artwork.seed) == (None, "", None)


def test_our_own_files_lose_nothing_on_the_way_out_and_in(tools, gate, bring):
    recipe = Recipe("a red boat", negative="people", seed=7, steps=9)
    text = write_text(recipe, extras={"kind": "painted", "parents": ["a" * 64], "verdict": {}, "record": {}})
    artwork = bring(hostile.with_text(picture(3), **text))
    assert artwork.recipe == recipe and artwork.parents == ("a" * 64,) and artwork.made_with == "easel"
    assert (artwork.seed, artwork.negative, artwork.sampler, artwork.metadata) == (7, "people", recipe.sampler, None)
    known = ControlMap("canny")
    mapped = bring(hostile.with_text(picture(4), **write_map(known, extras={"parents": [artwork.sha256]})))
    assert (mapped.kind, mapped.map, mapped.parents) == ("map", known, (artwork.sha256,))
    painted = tools.gallery.add(gate.picture(picture(6)), recipe)
    changed(tools.gallery, painted.id, "tag", "kept")
    data = tools.gallery.data(painted)
    tools.database.write("DELETE FROM artworks WHERE id = ?", painted.id)
    back = bring(data)
    assert (back.recipe, back.sha256, back.prompt) == (recipe, painted.sha256, painted.prompt)


def test_a_twin_in_one_import_is_one_artwork_and_what_is_refused_is_refused_twice(tools):
    good, bad = encoded(picture(1)), encoded(Image.new("RGB", (24, 16), (190, 60, 120)))
    files = [(good, "a.png"), (bad, "b.png"), (good, "c.png"), (bad, "d.png"), (b"", "e.png")]
    payload = {"files": [{"spool": tools.files.spool(data), "name": name} for data, name in files]}
    payload["files"].append({"spool": "0" * 64 + "-00000000", "name": "gone.png"})
    result = work(tools, "import", payload).result
    assert (result["imported"], result["duplicates"], result["left_out"]) == (1, 1, 4)
    told = {one["name"]: one for one in result["skipped"]}
    assert [name for name, one in told.items() if one["refused"]] == ["b.png", "d.png"]
    assert "upload it again" in told["gone.png"]["reason"] and tools.gallery.count(Query()) == 1


def test_a_caption_typed_while_its_batch_is_captioned_stays(tools, monkeypatch):
    class Slow(FakeCaptioner):
        def __call__(self, pictures):
            first, second = (one.id for one in tools.gallery.page(Query(limit=2)))
            tools.gallery.set_caption(first, "my own words", "you")
            tools.gallery.set_caption(second, "", "you")  # who empties a caption wants none
            tools.database.write("DELETE FROM artworks WHERE id = 1")
            return super().__call__(pictures)

    monkeypatch.setattr(tools.models, "captioner", lambda *_, **__: Slow())
    files = [{"spool": tools.files.spool(encoded(picture(number))), "name": f"{number}.png"} for number in range(4)]
    work(tools, "import", {"files": files})
    assert [(one.id, one.caption, one.caption_by) for one in tools.gallery.page(Query())] == [
        (4, "my own words", "you"), (3, "", "you"), (2, "a picture of 24 by 16", "fake"),
    ]  # fmt: skip


def test_an_import_in_which_nothing_is_new_asks_no_model(tools, monkeypatch):
    payload = {"files": [{"spool": tools.files.spool(encoded(picture(1))), "name": "a.png"}]}
    work(tools, "import", payload)
    for model in ("gate", "encoder", "captioner"):
        monkeypatch.setattr(tools.models, model, lambda *_, **__: pytest.fail("a model was asked"))
    assert work(tools, "import", payload).result["duplicates"] == 1


def test_a_report_is_a_table_that_no_program_takes_for_formulas():
    lines = [("a, b.png", 'It says "no".'), ("=cmd()", "-1"), ("x\ny", "@SUM")]
    rows = list(csv.reader(StringIO(report(lines))))
    assert rows == [["file", "reason"], ["a, b.png", 'It says "no".'], ["'=cmd()", "'-1"], ["x\ny", "'@SUM"]]
    assert shown_path("a/\u202eb\n.png") == "a/\ufffdb\ufffd.png"


def test_what_a_dead_worker_left_without_a_caption_is_described_when_its_import_goes_on(tools, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encoded(picture(number)))
    payload = {"folder": str(tmp_path)}
    ids = work(tools, "import", payload).result["ids"]
    job = tools.gallery.get(ids[0]).job
    tools.database.write(
        "UPDATE artworks SET caption = '', caption_by = '' WHERE id IN (?, ?)", *ids[:2]
    )  # as a kill leaves it
    tools.gallery.set_caption(ids[2], "", "you")
    again = dataclasses.replace(tools.queue.get(job), attempts=1)
    report = JobReport(again, queue=tools.queue, files=tools.files, alive=lambda: None, stopping=lambda: False)
    assert import_pictures(again, report, tools)["duplicates"] == 3
    captions = [tools.gallery.get(id).caption for id in ids]
    assert all(captions[:2]) and captions[2] == ""  # who empties a caption wants none


def test_an_uploaded_folder_is_told_by_its_paths_and_a_picture_by_its_name(tools):
    files = [("Trip/old/a.png", encoded(picture(31))), ("Trip/notes.txt", b"no picture"), ("Trip/new/a.png", b"broken")]
    payload = {"files": [{"spool": tools.files.spool(data), "name": name} for name, data in files]}
    result = work(tools, "import", payload).result
    assert [one["name"] for one in result["skipped"]] == ["Trip/notes.txt", "Trip/new/a.png"]
    assert tools.gallery.get(result["ids"][0]).source_name == "a.png"


@pytest.mark.parametrize(
    ("path", "left_out"),
    [("Trip/a.png", False), (".photos/a.png", False), ("a.png", False), ("Trip/.a.png", True), ("Trip/.x/a.png", True),
     ("Trip/x/desktop.ini", True), (".a.png", True), ("Trip/x.y/a", False)],
)  # fmt: skip
def test_what_is_hidden_in_an_uploaded_folder(path, left_out):
    assert hidden(path) is left_out


@pytest.mark.parametrize("watched", [False, True])
def test_a_report_is_whole_however_many_files_were_left_out(tools, tmp_path, monkeypatch, watched):
    monkeypatch.setattr(scanning, "LISTED", 2)
    root = tmp_path / "mixed"
    root.mkdir()
    for number in range(5):
        (root / f"{number}.txt").write_text(f"no picture {number}")
    (root / os.fsdecode(b"\xff.txt")).write_text(
        "no picture"
    )  # no table can hold its name; it is the first that is told
    payload = {"folder": str(root)} | ({"watch": True} if watched else {})
    result = work(tools, "import", payload).result
    assert (result["left_out"], len(result["skipped"])) == (6, 2)
    told = folders.all_left_out(tools.database, payload, result)
    assert sorted(name for name, _ in told) == sorted([*(f"{number}.txt" for number in range(5)), "\ufffd.txt"])
    assert len(report(told).splitlines()) == 7
    files = {"files": [{"spool": tools.files.spool(b"none"), "name": f"{n}.txt"} for n in range(3)]}
    result = work(tools, "import", files).result
    assert len(folders.all_left_out(tools.database, files, result)) == 2  # an upload has no folder that knows more


@pytest.mark.parametrize(
    ("job", "left", "said"),
    [
        (Job(1, "import", "fetch", "running", {}, 120, 10_000, "importing", result={"rate": 44.2}), 223.0,
         "importing 120/10,000, 44 a second, about 4 min left"),
        (Job(1, "import", "fetch", "running", {}, 1, 9, "importing", result={"rate": 0.25}), 32.0,
         "importing 1/9, 15 a minute, about 32 s left"),
        (Job(1, "import", "fetch", "waiting", {}), None, "waiting 0/0"),
        (Job(1, "paint", "paint", "running", {}, 3, 8, "painting", result={"rate": 3}), 7_300.0,
         "painting 3/8, about 2 h left"),
    ],
)  # fmt: skip
def test_the_terminal_tells_how_fast_an_import_goes(job, left, said):
    assert going(job, left) == said


def test_whoever_watches_from_the_terminal_is_told_when_it_looks_again():
    assert "every 10 minutes while Easel is open" in looked_at(10) and "every minute while" in looked_at(1)
    assert "every" not in looked_at(0) and "folders --rescan" in looked_at(0)
