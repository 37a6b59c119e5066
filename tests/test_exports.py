"""The job "export" on real files: folders, zips and sheets; cancelled, killed, on a full disk, and done again."""

import errno
import json
import os
import zipfile
from io import BytesIO
from pathlib import Path

import hostile
import pytest
from fakes import FakeModels, FakePainter, work
from galleries import changed, gate, imported, painter, tools
from PIL import Image
from PIL.PdfParser import PdfParser

from studio.domain.errors import BadInput, Cancelled, Failed, Refused
from studio.domain.export import Export
from studio.domain.query import Query
from studio.gallery.leaving import exporting, placing
from studio.gallery.leaving.placing import Folder, part_name
from studio.safety.contents import XMP_KEY
from studio.safety.intake import open_picture
from studio.safety.provenance import GENERATED, read_source_type
from studio.workshop import exporting as job
from studio.workshop.tools import Tools

__all__ = ["gate", "tools"]  # fixtures are used by their names


@pytest.fixture
def ids(tools, gate):
    paint = painter(tools.gallery, gate)
    return [paint(seed).id for seed in range(5)]


def export(tools, ids, to, **choice):
    return work(tools, "export", exporting.payload(ids, Export(**choice), to=to), watch=False).result


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_lie_in_the_folder_under_their_names(tools, ids, tmp_path):
    result = export(tools, ids, tmp_path / "new" / "out", names="{id}_{prompt}")
    assert names(tmp_path / "new" / "out") == [f"{id}_a_red_star_above_a_house.png" for id in ids]
    assert (result["written"], result["already"], result["left_out"]) == (5, 0, [])
    assert result["bytes"] == sum(path.stat().st_size for path in (tmp_path / "new" / "out").iterdir())
    assert exporting.resulting(result).startswith("5 pictures, ")


def test_the_same_names_clash_with_nobody_and_a_second_export_writes_nothing_twice(tools, ids, tmp_path):
    tmp_path.joinpath("boat.png").write_bytes(b"somebody else's")
    first = export(tools, ids, tmp_path, names="boat")
    assert first["written"] == 5 and tmp_path.joinpath("boat.png").read_bytes() == b"somebody else's"
    assert {path.name for path in tmp_path.glob("boat*")} == {"boat.png", *(f"boat-{n}.png" for n in range(2, 7))}
    again = export(tools, ids, tmp_path, names="boat")
    assert (again["written"], again["already"], len(list(tmp_path.glob("boat*")))) == (0, 5, 6)


def test_a_name_that_is_a_link_is_not_followed(tools, ids, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / "boat.png").symlink_to(victim)
    (out / part_name(tools.home, 1)).symlink_to(victim)
    export(tools, ids[:1], out, names="boat")
    assert victim.read_bytes() == b"precious" and (out / "boat-2.png").exists()


def test_a_zip_holds_them_all_and_opens_everywhere(tools, ids, tmp_path):
    result = export(tools, ids, tmp_path / "all.zip", shape="zip", names="{prompt}", format="jpeg")
    assert names(tmp_path) == ["all.zip", "hôme folder"] and result["paths"] == [str(tmp_path / "all.zip")]
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist())[:2] == ["a_red_star_above_a_house-2.jpg", "a_red_star_above_a_house-3.jpg"]
        for name in archive.namelist():
            assert open_picture(archive.read(name)).format == "JPEG"


def test_a_download_lies_at_home_until_tomorrow(tools, ids):
    result = export(tools, ids[:1], None, shape="files", names="{id}")
    path = Path(result["paths"][0])
    assert result["download"] and path.parent.parent == tools.home / job.DOWNLOADS and path.name == f"{ids[0]}.png"
    job.sweep(tools)
    assert path.exists()
    os.utime(path.parent, (0, 0))
    tools.queue.finish(int(path.parent.name), "done")
    job.sweep(tools)
    assert not path.parent.exists()
    with pytest.raises(BadInput, match="choose Zip"):
        exporting.payload(ids, Export(), to=None)


@pytest.mark.parametrize("shape", ["zip", "pdf"])
def test_the_daily_look_leaves_a_download_alone_that_is_being_written(tools, ids, monkeypatch, shape):
    unchanged, seen = tools.files.unchanged, []

    def third(*args, **more):
        seen.append(args)
        if len(seen) == 3:
            os.utime(tools.home / job.DOWNLOADS / "1", (0, 0))
            job.sweep(tools)
        return unchanged(*args, **more)

    monkeypatch.setattr(tools.files, "unchanged", third)
    result = export(tools, ids, None, shape=shape)
    assert result["written"] == 5 and Path(result["paths"][0]).exists() and len(seen) == 5


def test_a_sheet_is_one_checked_picture_that_says_what_made_it(tools, ids, tmp_path, gate):
    export(tools, ids, tmp_path / "sheet.png", shape="sheet")
    data = (tmp_path / "sheet.png").read_bytes()
    intake = open_picture(data)
    assert read_source_type(intake.text[XMP_KEY]) == GENERATED and set(intake.text) == {XMP_KEY}
    gate.picture(intake.picture)
    assert intake.picture.width >= 760 and min(intake.picture.convert("L").getextrema()) < 60  # there are words on it


def test_a_pdf_has_a_page_for_every_twenty(tools, gate, tmp_path):
    paint = painter(tools.gallery, gate)
    ids = [paint(seed).id for seed in range(21)]
    result = export(tools, ids, tmp_path / "sheet.pdf", shape="pdf")
    data = (tmp_path / "sheet.pdf").read_bytes()
    with PdfParser(str(tmp_path / "sheet.pdf")) as read:
        assert len(read.pages) == 2 and data.count(b"/Subtype /Image") == 2
    assert b"trainedAlgorithmicMedia" in data.replace(b"\0", b"") and result["written"] == 21


def test_a_pdf_of_photographs_says_nothing_of_models(tools, gate, tmp_path):
    photo = imported(tools.gallery, gate.picture(hostile.scene(1)), source_name="a.jpg")
    painted = painter(tools.gallery, gate)(2)
    for ids, word in (
        ([photo.id], b"lgorithmicMedia"),
        ([photo.id, painted.id], b"compositeWithTrainedAlgorithmicMedia"),
    ):
        export(tools, ids, tmp_path / f"{len(ids)}.pdf", shape="pdf")
        said = (tmp_path / f"{len(ids)}.pdf").read_bytes().replace(b"\0", b"")
        assert (word in said) is (len(ids) == 2)


def test_a_sheet_that_the_gate_refuses_is_not_written(tools, ids, tmp_path):
    class No:
        def picture(self, page):
            from studio.domain.verdict import Verdict

            raise Refused(Verdict(False, ("no",)))

    tools.models._gate = No()
    for shape, name in (("sheet", "a.png"), ("pdf", "a.pdf")):
        with pytest.raises(Refused):
            export(tools, ids, tmp_path / "out" / name, shape=shape)
    assert names(tmp_path / "out") == []


def test_what_may_not_leave_is_left_out_with_its_reason(tools, ids, tmp_path):
    one, two, three, *rest = ids
    tools.gallery.delete(one)
    path = tools.gallery.path(tools.gallery.get(two))
    path.write_bytes(path.read_bytes() + b"x")
    tools.database.write("UPDATE artworks SET verdict = '{\"allowed\": false}' WHERE id = ?", three)
    result = export(tools, [*ids, 999], tmp_path / "out", names="{id}")
    assert names(tmp_path / "out") == [f"{id}.png" for id in rest]
    reasons = {left["id"]: left["reason"] for left in result["left_out"]}
    assert set(reasons) == {one, two, three, 999}
    assert (
        "bin" in reasons[one]
        and "damaged" in reasons[two]
        and "gate" in reasons[three]
        and "no picture" in reasons[999]
    )
    with pytest.raises(BadInput, match="is in the bin"):
        export(tools, [one], tmp_path / "none.zip", shape="zip")
    assert not (tmp_path / "none.zip").exists()


@pytest.mark.parametrize("shape", ["files", "zip", "pdf"])
def test_cancel_leaves_whole_files_or_none(tools, ids, tmp_path, shape, monkeypatch):
    out, seen = tmp_path / "out", []
    unchanged = tools.files.unchanged

    def third(*args, **more):
        seen.append(args)
        if len(seen) == 3:
            tools.queue.cancel(1)
        return unchanged(*args, **more)

    monkeypatch.setattr(tools.files, "unchanged", third)
    with pytest.raises(Cancelled):
        export(tools, ids, out, shape=shape)
    assert len(names(out)) == (3 if shape == "files" else 0)
    assert all(open_picture(path.read_bytes()) for path in out.iterdir())


@pytest.mark.parametrize("shape", ["files", "zip", "sheet", "pdf"])
def test_a_full_disk_is_said_and_leaves_no_half_file(tools, ids, tmp_path, shape, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(placing.os, "fsync", full)
    with pytest.raises(Failed, match="is full"):
        export(tools, ids, tmp_path / "out", shape=shape)
    assert names(tmp_path / "out") == []


def test_a_disk_without_hard_links_is_written_too(tools, ids, tmp_path, monkeypatch):
    def none(*_args, **_more):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(placing.os, "link", none)
    (tmp_path / "boat.png").write_bytes(b"somebody else's")
    export(tools, ids[:2], tmp_path, names="boat")
    assert (tmp_path / "boat.png").read_bytes() == b"somebody else's"
    assert open_picture((tmp_path / "boat-2.png").read_bytes()) and open_picture((tmp_path / "boat-3.png").read_bytes())


@pytest.mark.parametrize("shape", ["zip", "pdf", "files"])
def test_a_worker_killed_halfway_leaves_no_half_file(tools, ids, tmp_path, shape, home):
    out = tmp_path / "out"
    payload = exporting.payload(ids, Export(shape=shape, names="{id}"), to=out)

    def killed_at_the_third():
        own = Tools(home, models=tools.models)
        unchanged, seen = own.files.unchanged, []

        def third(*args, **more):
            seen.append(args)
            return hostile.die() if len(seen) == 3 else unchanged(*args, **more)

        own.files.unchanged = third
        work(own, "export", payload, watch=False)

    hostile.killed(killed_at_the_third)
    tools.queue.lost()
    job.sweep(tools)  # as the next worker does when it begins
    assert [name for name in names(out) if name.startswith(".")] == []
    whole = list(out.iterdir())
    assert len(whole) == (2 if shape == "files" else 0)
    again = export(tools, ids, out, shape=shape, names="{id}")
    assert again["written"] + again["already"] == 5 and again["already"] == len(whole)


def test_a_kill_between_the_name_and_the_end_is_whole(tmp_path, home):
    folder = Folder(tmp_path / "out", home=home, job=3)
    folder.open()
    with folder.writing() as stream:
        stream.write(b"abc")
    os.link(folder.part, folder.path / "a.png")  # and killed before the other name went
    after = Folder(tmp_path / "out", home=home, job=3)
    after.open()
    assert names(after.path) == ["a.png"]
    assert after.put(b"abc", "a", ".png") == (after.path / "a.png", False)


def test_the_payload_is_plain_json_and_reads_back(tmp_path):
    body = json.loads(json.dumps(exporting.payload([3, 1, 3], Export(shape="zip", quality=80), to=tmp_path)))
    assert body["ids"] == [3, 1] and Export.from_dict(body["choice"]) == Export(shape="zip", quality=80)
    assert Export.from_dict({**body["choice"], "later": 1}) == Export(shape="zip", quality=80)
    for wrong in (
        {"format": "bmp"},
        {"quality": 0},
        {"quality": "90"},
        {"metadata": "some"},
        {"names": " "},
        {"shape": 3},
    ):
        with pytest.raises(BadInput):
            Export(**wrong)
    with pytest.raises(BadInput, match="takes 200 pictures"):
        exporting.payload(list(range(1, 300)), Export(shape="sheet"), to=tmp_path)


def test_transparency_is_white_in_a_jpeg_and_on_a_sheet(tools, gate, tmp_path):
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    artwork = tools.gallery.add(gate.picture(clear), kind="imported")
    left = exporting.leaving(artwork, tools.gallery.path(artwork).read_bytes(), Export(format="jpeg"))
    with Image.open(BytesIO(left.data)) as picture:
        assert picture.getpixel((9, 9)) == (255, 255, 255)
    export(tools, [artwork.id], tmp_path / "s.png", shape="sheet")
    assert open_picture((tmp_path / "s.png").read_bytes()).picture.getpixel((200, 300)) == (255, 255, 255)


KEPT = (
    "prompt", "negative", "recipe", "caption", "caption_by", "tags", "rating", "favourite", "remark", "parents", "made_with",
    "model", "sampler", "seed", "camera", "taken_at", "source_name", "map",
)  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path, gate):
    """Another home, to bring pictures into."""
    (tmp_path / "elsewhere").mkdir()
    made = Tools(tmp_path / "elsewhere", models=FakeModels(gate, FakePainter()))
    yield made
    made.database.close()


@pytest.mark.parametrize("format", ["same", "jpeg", "webp"])
def test_everything_comes_back_into_another_gallery(tools, ids, elsewhere, tmp_path, format):
    """Painted pictures, other tools' pictures and photographs, with all that was noted on them, lose nothing on the way."""
    incoming = tmp_path / "in"
    incoming.mkdir()
    settings = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 64x64, Model: dreamshaper"
    text = f"a red boat\nNegative prompt: people\n{settings}"
    (incoming / "a1111.png").write_bytes(hostile.with_text(hostile.scene(31), parameters=text, extra="kept"))
    (incoming / "camera.jpg").write_bytes(photograph())
    work(tools, "import", {"folder": str(incoming)}, watch=False)
    everyone = tools.gallery.page(Query(limit=60))
    for number, art in enumerate(everyone):
        changed(tools.gallery, art.id, "tag", "red boat")
        tools.gallery.set_caption(art.id, f'a "boat" {number} & <sea>, GPS :City', "you" if number % 2 else "blip-base")
        remark = f"for Ann {number}"
        tools.database.write(
            "UPDATE artworks SET rating = ?, favourite = 1, remark = ? WHERE id = ?", number % 5, remark, art.id
        )
    out = tmp_path / "out"
    export(tools, [art.id for art in everyone], out, metadata="all", format=format, names="{id}")
    result = work(elsewhere, "import", {"folder": str(out)}, watch=False).result
    assert (result["imported"], result["skipped"]) == (len(everyone), [])
    back = {art.remark: art for art in elsewhere.gallery.page(Query(limit=60))}
    for art in tools.gallery.many([art.id for art in everyone]).values():
        again = back[art.remark]
        for name in KEPT:
            ours, theirs = getattr(art, name), getattr(again, name)
            assert theirs == ours or (name == "source_name" and not ours), name
        lost = set(json.loads(art.metadata or "{}")) - set(json.loads(again.metadata or "{}"))
        assert lost <= {"parameters", "comment"}  # A1111's text stands in a JPEG's UserComment
        if art.made_with == "a1111":
            assert "dreamshaper" in str(again.metadata) and "kept" in str(again.metadata)


def photograph():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "EOS R5"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return hostile.encode(hostile.scene(33, (48, 32)), "JPEG", exif=exif, comment=b"a remark")
