"""Watched folders: pictures that stay where they lie, found again when they move, kept when they go, never changed by us."""

import os
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fakes import FORBIDDEN, FakeModels, FakePainter, work
from galleries import changed
from PIL import Image

from studio.domain.artwork import Facts, Query
from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.gallery.coming import adding, folders, marks
from studio.gallery.coming.incoming import Arrival, Coming
from studio.gallery.files import Written
from studio.gallery.finding.language import read as read_words
from studio.gallery.keeping import changes
from studio.gallery.metadata import write_text
from studio.gallery.space import embeddings
from studio.safety.intake import sha256
from studio.workshop import bringing
from studio.workshop.scanning import bring_folder
from studio.workshop.tools import Tools


def picture(number, size=(24, 16)):
    """A picture unlike all others of its size."""
    pixels = bytearray(size[0] * size[1] * 3)
    pixels[:4] = number.to_bytes(4, "big")
    pixels[-60:] = bytes([number % 200 + 20] * 60)
    return Image.frombytes("RGB", size, bytes(pixels))


def encoded(image, format="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def tree(tmp_path):
    """Five pictures in two folders."""
    root = tmp_path / "Bilder und mehr"
    (root / "old").mkdir(parents=True)
    for number in range(5):
        path = root / ("old" if number % 2 else "") / f"{number}.png"
        path.write_bytes(encoded(picture(number)))
    return root


@pytest.fixture
def watch(gallery, gate):
    """Scan a folder where it lies; returns what it came to."""
    return lambda root: bring_folder(root, gallery=gallery, gate=gate, watch=True)


@pytest.fixture
def tools(home, gate):
    made = Tools(home, models=FakeModels(gate, FakePainter()))
    yield made
    made.database.close()


def everything(gallery, words=""):
    return gallery.page(read_words(words).query) if words else gallery.page(Query(limit=1_000))


def by_name(gallery):
    return {artwork.source_name: artwork for artwork in everything(gallery)}


def snapshot(root):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


def test_a_watched_folder_is_not_copied_and_not_changed(gallery, watch, tree):
    before = snapshot(tree)
    tally = watch(tree)
    assert (tally.imported, tally.left_out, tally.duplicates) == (5, 0, 0)
    artworks = everything(gallery)
    assert {artwork.place for artwork in artworks} == {str(path) for path in before}
    assert gallery.files.stored() == [] and snapshot(tree) == before
    assert all(gallery.thumb(artwork).exists() for artwork in artworks)
    assert all(gallery.data(artwork) == before[Path(artwork.place)][0] for artwork in artworks)
    (folder,) = folders.listed(gallery.database)
    assert (folder.files, folder.left_out, folder.gone, folder.note) == (5, 0, 0, "") and folder.scanned_at is not None
    assert gallery.check() == [] and gallery.sweep() == []


def test_what_is_as_it_was_is_not_read_again(gallery, watch, tree, monkeypatch):
    watch(tree)
    monkeypatch.setattr("studio.workshop.scanning.read_file", lambda path: pytest.fail(f"{path} was read"))
    tally = watch(tree)
    assert (tally.imported, tally.duplicates, tally.gone, tally.moved) == (0, 5, 0, 0)


def test_moved_and_renamed_files_keep_their_artworks(gallery, watch, tree):
    watch(tree)
    first = by_name(gallery)["1.png"]
    changed(gallery, first.id, "tag", "night")
    gallery.set_caption(first.id, "a boat", "you")
    embeddings.store(gallery.database, "m", [first.id], [[0.6, 0.8]])
    (tree / "new").mkdir()
    (tree / "old" / "1.png").rename(tree / "new" / "boat.png")
    tally = watch(tree)
    assert (tally.imported, tally.moved, tally.gone) == (0, 1, 0)
    after = gallery.get(first.id)
    assert after.place == str(tree / "new" / "boat.png") and after.source_name == "boat.png"
    assert (after.tags, after.caption, after.gone_at) == (("night",), "a boat", None)
    assert gallery.count(Query()) == 5 and len(embeddings.missing(gallery.database, "m")) == 4 and gallery.check() == []


def test_two_files_that_change_places_change_places(gallery, watch, tree):
    watch(tree)
    before = {name: artwork.id for name, artwork in by_name(gallery).items()}
    (tree / "0.png").rename(tree / "x")
    (tree / "2.png").rename(tree / "0.png")
    (tree / "x").rename(tree / "2.png")
    tally = watch(tree)
    assert tally.imported == 0 and gallery.count(Query()) == 5
    assert gallery.get(before["0.png"]).place == str(tree / "2.png")
    assert gallery.get(before["2.png"]).place == str(tree / "0.png")
    assert gallery.check() == [] and everything(gallery, "is:gone") == []


def test_a_file_that_vanishes_is_marked_and_comes_back_with_it(gallery, watch, tree):
    watch(tree)
    data = (tree / "0.png").read_bytes()
    (tree / "0.png").unlink()
    tally = watch(tree)
    assert tally.gone == 1
    (gone,) = everything(gallery, "is:gone")
    assert gone.source_name == "0.png" and gone.gone_at is not None and gallery.count(Query()) == 5
    assert gallery.thumb(gone).exists() and gallery.check() == []
    with pytest.raises(BadInput, match="gone or was changed"):
        gallery.data(gone)
    assert folders.listed(gallery.database)[0].gone == 1
    with pytest.raises(BadInput, match="put it back and scan"):
        gallery.check_inputs(Recipe("x", task="vary", source=gone.sha256, strength=0.5))
    (tree / "elsewhere.png").write_bytes(data)
    tally = watch(tree)
    assert (tally.imported, tally.moved) == (0, 1) and everything(gallery, "is:gone") == []
    assert gallery.data(gallery.get(gone.id)) == data


def test_a_changed_file_is_another_artwork_and_the_one_before_is_kept(gallery, watch, tree):
    watch(tree)
    old = by_name(gallery)["0.png"]
    (tree / "0.png").write_bytes(encoded(picture(77)))
    assert any("moved or changed" in problem for problem in gallery.check())
    tally = watch(tree)
    assert tally.imported == 1 and gallery.count(Query()) == 6
    kept = gallery.get(old.id)
    assert kept.gone_at is not None and kept.place == old.place
    (new,) = (one for one in everything(gallery) if one.place == old.place and one.gone_at is None)
    assert new.sha256 == sha256((tree / "0.png").read_bytes()) and gallery.check() == []
    (tree / "0.png").write_bytes(encoded(picture(0)))  # and back again
    watch(tree)
    assert gallery.get(old.id).gone_at is None and gallery.get(new.id).gone_at is not None
    assert gallery.count(Query()) == 6


def test_the_same_picture_twice_is_one_artwork_that_outlives_one_of_its_files(gallery, watch, tree):
    shutil.copy(tree / "0.png", tree / "twin.png")
    tally = watch(tree)
    assert (tally.imported, tally.duplicates) == (5, 1)
    (artwork,) = (one for one in everything(gallery) if one.source_name in ("0.png", "twin.png"))
    Path(artwork.place).unlink()
    tally = watch(tree)
    after = gallery.get(artwork.id)
    assert (tally.gone, after.gone_at) == (0, None) and Path(after.place).exists() and after.place != artwork.place


def test_a_deleted_one_is_only_forgotten_and_does_not_come_back_by_itself(gallery, watch, tree):
    watch(tree)
    before = snapshot(tree)
    one, other = by_name(gallery)["0.png"], by_name(gallery)["2.png"]
    gallery.delete(one.id)
    gallery.delete(other.id)
    assert snapshot(tree) == before
    (tree / "0.png").rename(tree / "00.png")
    watch(tree)
    gallery.restore(one.id)
    assert gallery.get(one.id).place == str(tree / "00.png") and gallery.data(gallery.get(one.id))
    assert gallery.empty_bin() == 1
    tally = watch(tree)
    assert tally.imported == 0 and gallery.count(Query()) == 4
    assert sorted(path.name for path in tree.glob("*.png")) == ["00.png", "2.png", "4.png"]
    assert not gallery.files.thumb_path(other.sha256).exists() and gallery.check() == [] and gallery.sweep() == []


def test_a_discarded_proposal_that_comes_in_again_brings_its_own_file_along(gallery, gate, watch, tree):
    proposal = gallery.add(gate.picture(picture(80)), Recipe("x"), kind="proposal")
    (tree / "downloaded.png").write_bytes(gallery.data(proposal))
    gallery.delete(proposal.id)
    watch(tree)
    after = gallery.get(proposal.id)
    assert (after.kind, after.deleted_at, after.place) == ("painted", None, None)
    assert gallery.data(after) and gallery.check() == [] and gallery.files.stored(binned=True) == []


def test_what_was_deleted_for_good_stays_away_under_another_name_too(gallery, gate, watch, tree):
    watch(tree)
    one = by_name(gallery)["1.png"]
    gallery.delete(one.id)
    assert gallery.empty_bin() == 1
    for path in (tree / "renamed.png", tree / "old" / "again.png"):
        next(there for there in tree.rglob("*.png") if sha256(there.read_bytes()) == one.sha256).rename(path)
        os.utime(path, (1, 1))
        assert watch(tree).imported == 0 and gallery.by_sha(one.sha256) is None and gallery.count(Query()) == 4
    assert bring_folder(tree / "old", gallery=gallery, gate=gate).imported == 1  # who asks for it gets it
    assert gallery.by_sha(one.sha256) is not None


def test_what_is_served_is_what_was_checked_and_nothing_else(gallery, watch, tree, home):
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from studio.api import routes
    from studio.app import open_studio

    watch(tree)
    artwork = by_name(gallery)["0.png"]
    studio = open_studio(home)
    browser = TestClient(Starlette(routes=routes(lambda: studio)), base_url="http://127.0.0.1")
    good = (tree / "0.png").read_bytes()
    for door in ("pictures", "shown"):
        assert browser.get(f"/{door}/{artwork.id}").content == good
    assert "attachment" in browser.get(f"/pictures/{artwork.id}?download").headers["content-disposition"]
    bad = encoded(Image.new("RGB", (24, 16), FORBIDDEN))
    (tree / "0.png").write_bytes(bad)
    shown = browser.get(f"/pictures/{artwork.id}")
    assert shown.content == gallery.thumb(artwork).read_bytes() and shown.headers["cache-control"].endswith("no-store")
    for path in (f"/pictures/{artwork.id}?download", f"/shown/{artwork.id}", f"/thumbs/{artwork.id}"):
        answer = browser.get(path)
        assert answer.content != bad and (answer.status_code == 404 or path.startswith("/thumbs") or "shown" in path)
    gallery.files.thumb_path(artwork.sha256).unlink()
    assert browser.get(f"/thumbs/{artwork.id}").status_code == 404
    (tree / "0.png").unlink()
    os.mkfifo(tree / "0.png")  # who reads it would wait for ever
    assert browser.get(f"/pictures/{artwork.id}").status_code == 404
    recipe = Recipe("x", task="vary", source=artwork.sha256, strength=0.5)
    with pytest.raises(BadInput, match="gone or was changed"):
        gallery.inputs(recipe)
    studio.close()


def test_hidden_things_of_a_file_in_place_are_not_served(gallery, watch, tree):
    """A photograph with its place, a TIFF, two frames: what leaves holds the pixels and no more; the user's file stays."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    (tree / "where.jpg").write_bytes(encoded(picture(50), "JPEG", exif=exif))
    (tree / "t.tiff").write_bytes(encoded(picture(51), "TIFF"))
    (tree / "two.gif").write_bytes(
        encoded(picture(52), "GIF", save_all=True, append_images=[Image.new("RGB", (24, 16), FORBIDDEN)])
    )
    before = snapshot(tree)
    assert watch(tree).imported == 8
    known = by_name(gallery)
    for name, ending in (("where.jpg", "jpg"), ("t.tiff", "png"), ("two.gif", "png")):
        artwork = known[name]
        assert artwork.file.endswith(ending) and gallery.data(artwork) == (tree / name).read_bytes()
        with Image.open(BytesIO(gallery.served(artwork))) as out:
            assert not out.getexif().get_ifd(0x8825) and getattr(out, "n_frames", 1) == 1
            assert out.format == {"jpg": "JPEG", "png": "PNG"}[ending] and out.size == (24, 16)
    assert "48" not in (known["where.jpg"].metadata or "") and snapshot(tree) == before


def test_broken_files_cost_a_line_each_and_are_not_read_again(gallery, watch, tree, monkeypatch):
    (tree / "half.png").write_bytes(encoded(picture(9))[:60])
    (tree / "words.png").write_text("no picture")
    (tree / "empty.jpg").touch()
    (tree / "bad.png").write_bytes(encoded(Image.new("RGB", (24, 16), FORBIDDEN)))
    (tree / "link.png").symlink_to(tree / "0.png")
    tally = watch(tree)
    assert (tally.imported, tally.left_out) == (5, 5)
    told = {one["name"]: one for one in tally.skipped}
    assert set(told) == {"half.png", "words.png", "empty.jpg", "bad.png", "link.png"}
    assert all(one["reason"].endswith(".") for one in tally.skipped)
    assert [name for name, one in told.items() if one["refused"]] == ["bad.png"]
    (folder,) = folders.listed(gallery.database)
    assert folder.left_out == 5 and dict(folders.left_out(gallery.database, folder.id))["words.png"].startswith(
        "This is"
    )
    opened = []
    monkeypatch.setattr(bringing, "open_picture", lambda data, **_: opened.append(data))
    again = watch(tree)
    assert again.left_out == 5 and opened == []
    (tree / "words.png").unlink()
    assert watch(tree).left_out == 4


def test_a_disk_that_is_not_there_marks_nothing(gallery, watch, tree):
    watch(tree)
    tree.rename(tree.with_name("away"))
    folder = folders.listed(gallery.database)[0]
    with pytest.raises(BadInput, match="not a folder"):
        watch(tree)
    from studio.workshop.scanning import Tally, scan

    with pytest.raises(BadInput, match="disk plugged in"):
        scan(folder, bringing=bringing.Bringing(gallery=gallery, gate=lambda: None), tally=Tally())
    assert everything(gallery, "is:gone") == [] and "plugged in" in folders.listed(gallery.database)[0].note


def test_folders_that_mean_two_things_are_refused(gallery, watch, tree, home):
    watch(tree)
    for path, sentence in (
        (tree / "old", "watched already"),
        (tree.parent, "stop watching that one first"),
        (home, "Easel's own"),
        (home / "pictures", "Easel's own"),
        (tree / "0.png", "not a folder"),
        (tree / "nothing", "not a folder"),
    ):
        with pytest.raises(BadInput, match=sentence):
            watch(path)
    with pytest.raises(BadInput, match="Stop watching"):
        folders.add(gallery.database, tree, watched=False)


def test_a_home_among_the_pictures_is_left_out(gallery, watch, home):
    (home.parent / "one.png").write_bytes(encoded(picture(1)))
    tally = watch(home.parent)
    assert tally.imported == 1
    assert watch(home.parent).imported == 0  # not its thumbnail either


def test_who_stops_watching_keeps_the_pictures_or_not(gallery, watch, tree):
    watch(tree)
    folder = folders.listed(gallery.database)[0]
    assert folders.stop(gallery, folder.id) == 0 and gallery.count(Query()) == 5
    assert folders.listed(gallery.database) == [] and gallery.data(everything(gallery)[0])
    assert watch(tree).duplicates == 5
    assert folders.stop(gallery, folders.listed(gallery.database)[0].id, forget=True) == 5
    assert (
        gallery.count(Query()) == 0 and gallery.count(Query(binned=True)) == 5 and len(list(tree.rglob("*.png"))) == 5
    )
    with pytest.raises(BadInput, match="not watched any more"):
        folders.get(gallery.database, folder.id)


def test_forgetting_a_folder_leaves_what_another_one_has_and_can_be_undone(gallery, watch, tree):
    other = tree.parent / "other"
    other.mkdir()
    shutil.copy(tree / "0.png", other / "0.png")
    (other / "mine.png").write_bytes(encoded(picture(70)))
    watch(tree)
    watch(other)
    folder = next(one for one in folders.listed(gallery.database) if one.path == str(other))
    assert folders.stop(gallery, folder.id, forget=True) == 1
    (binned,) = gallery.page(Query(binned=True))
    assert binned.source_name == "mine.png" and gallery.count(Query()) == 5
    change = changes.last(gallery)
    assert change is not None and changes.undo(gallery, change.id).pictures == 1 and gallery.count(Query()) == 6
    assert len(list(other.iterdir())) == 2 and gallery.check() == []


def test_what_two_folders_have_lies_in_the_one_that_is_still_watched(gallery, watch, tree):
    other = tree.parent / "other"
    shutil.copytree(tree, other)
    watch(tree)
    watch(other)
    assert folders.stop(gallery, next(one.id for one in folders.listed(gallery.database) if one.path == str(tree))) == 0
    shutil.rmtree(tree)
    assert {Path(one.place).is_relative_to(other) for one in everything(gallery)} == {True} and gallery.check() == []
    (other / "0.png").unlink()
    assert watch(other).gone == 1


def test_what_was_watched_and_is_copied_is_ours(gallery, gate, watch, tree):
    watch(tree)
    one = by_name(gallery)["0.png"]
    data = (tree / "0.png").read_bytes()
    (tree / "0.png").unlink()
    watch(tree)
    assert gallery.has_source(one.sha256) is None and gallery.has_source(one.sha256, anywhere=True) == one.id
    other = tree.parent / "copy"
    other.mkdir()
    (other / "back.png").write_bytes(data)
    bring_folder(other, gallery=gallery, gate=gate)
    after = gallery.get(one.id)
    assert (after.place, after.gone_at) == (None, None) and gallery.files.stored() == [after.file]
    assert gallery.check() == [] and gallery.data(after) == data


def test_a_folder_that_was_watched_and_is_copied_may_go(gallery, gate, watch, tree):
    """Copied in truth: also what has other bytes here than there (a TIFF, a place taken out), with its tags and children."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    (tree / "where.jpg").write_bytes(encoded(picture(50), "JPEG", exif=exif))
    (tree / "t.tiff").write_bytes(encoded(picture(51), "TIFF"))
    watch(tree)
    old = by_name(gallery)
    changed(gallery, old["t.tiff"].id, "tag", "lake")
    using = Recipe("x", task="vary", source=old["t.tiff"].sha256, strength=0.5)
    child = gallery.add(gate.picture(picture(60)), using)
    folders.stop(gallery, folders.listed(gallery.database)[0].id)
    assert bring_folder(tree, gallery=gallery, gate=gate).imported == 0  # they are not new
    assert bring_folder(tree, gallery=gallery, gate=gate).duplicates == 7
    shutil.rmtree(tree)
    after = by_name(gallery)
    assert {name: one.id for name, one in after.items()} == {name: one.id for name, one in old.items()} | {"": child.id}
    assert {one.place for one in after.values()} == {None} and gallery.check() == [] and gallery.sweep() == []
    assert all(gallery.data(one) and gallery.thumb(one).exists() for one in after.values())
    tiff = after["t.tiff"]
    assert tiff.tags == ("lake",) and tiff.sha256 != old["t.tiff"].sha256 and tiff.bytes == len(gallery.data(tiff))
    assert not gallery.files.thumb_path(old["t.tiff"].sha256).exists()
    assert [one.artwork for one in gallery.children(tiff.id)] == [child] and len(gallery.inputs(using)) == 1


def test_a_copy_of_what_is_watched_elsewhere_is_ours_too(tools, tree):
    work(tools, "import", {"folder": str(tree), "watch": True})
    data = (tree / "0.png").read_bytes()
    result = work(tools, "import", {"files": [{"spool": tools.files.spool(data), "name": "mine.png"}]}).result
    assert (result["imported"], result["duplicates"]) == (0, 1)
    other = tree.parent / "copy"
    shutil.copytree(tree, other)
    work(tools, "import", {"folder": str(other)})
    assert {one.place for one in everything(tools.gallery)} == {None} and tools.gallery.count(Query()) == 5
    folder = folders.listed(tools.database)[0].id
    assert work(tools, "import", {"folder": str(tree), "rescan": folder}).result["duplicates"] == 5
    shutil.rmtree(tree)
    assert tools.gallery.check() == []


def test_a_copied_folder_is_not_read_twice_and_may_lose_its_files(gallery, gate, tree, monkeypatch):
    assert bring_folder(tree, gallery=gallery, gate=gate).imported == 5
    real = bringing.sha256
    monkeypatch.setattr(bringing, "sha256", lambda data: pytest.fail("a file was read"))
    assert bring_folder(tree, gallery=gallery, gate=gate).duplicates == 5
    monkeypatch.setattr(bringing, "sha256", real)
    gallery.delete(everything(gallery)[0].id)
    assert bring_folder(tree, gallery=gallery, gate=gate).imported == 1  # it came back from the bin, as it was
    assert gallery.count(Query()) == 5
    shutil.rmtree(tree)
    assert everything(gallery, "is:gone") == [] and gallery.check() == []
    assert folders.listed(gallery.database) == []


def test_a_job_watches_describes_and_tells(tools, tree):
    (tree / "x.txt").write_text("no picture")
    result = work(tools, "import", {"folder": str(tree), "watch": True}).result
    assert (result["imported"], result["left_out"], len(result["ids"])) == (5, 1, 5)
    assert [one["name"] for one in result["skipped"]] == ["x.txt"]
    assert all(one.caption == "a picture of 24 by 16" for one in tools.gallery.many(result["ids"]).values())
    assert embeddings.missing(tools.gallery.database, "fake:0") == []
    (folder,) = folders.listed(tools.database)
    again = work(tools, "import", {"folder": str(tree), "rescan": folder.id}).result
    assert (again["imported"], again["duplicates"], again["left_out"]) == (0, 5, 1)


def test_a_moved_tree_of_two_thousand_is_known_again_without_a_model(tools, tmp_path, monkeypatch):
    """Every folder and every file gets another name; no picture is decoded, judged or embedded again, and every tag stays."""
    root = tmp_path / "tree"
    found, arrivals = [], []
    for number in range(2_000):
        path = root / f"{number % 20}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = encoded(picture(number, (8, 8)))
        path.write_bytes(data)
        sha, facts = sha256(data), path.stat()
        written = Written(f"{sha}.png", sha, 8, 8, len(data))
        arrivals.append(Arrival(written, {"allowed": True}, Coming("imported", facts=Facts(place=str(path)))))
        below = path.relative_to(root).as_posix()
        found.append(marks.Found(below, facts.st_size, facts.st_mtime_ns, sha, number + 1))
    folder = folders.add(
        tools.database, root, watched=True
    )  # as a scan left it; to scan them all is another test's work
    adding.settle(tools.gallery, arrivals)
    with tools.database.transaction() as connection:
        marks.note(connection, folder, found)
    tools.vectors("fake:0").add(list(range(1, 2_001)), np.eye(3, dtype=np.float32)[[0] * 2_000])
    before = {artwork.sha256: artwork.id for artwork in tools.gallery.many(range(1, 2_001)).values()}
    tools.database.write("INSERT INTO tags (artwork, tag) SELECT id, 'kept' FROM artworks")
    for part in list(root.iterdir()):
        for path in list(part.iterdir()):
            path.rename(part / f"renamed {path.name}")
        part.rename(root / f"moved-{part.name}")
    monkeypatch.setattr(bringing, "open_picture", lambda data, **_: pytest.fail("a file was decoded"))
    monkeypatch.setattr(tools.models, "encoder", lambda *_, **__: pytest.fail("something was embedded"))
    monkeypatch.setattr(tools.models, "gate", lambda *_, **__: pytest.fail("the gate was asked"))
    result = work(tools, "import", {"folder": str(root), "rescan": folder.id}).result
    assert (result["moved"], result["imported"], result["gone"], result["left_out"]) == (2_000, 0, 0, 0)
    after = list(tools.gallery.many(range(1, 2_001)).values())
    assert {artwork.sha256: artwork.id for artwork in after} == before and {one.tags for one in after} == {("kept",)}
    assert embeddings.missing(tools.gallery.database, "fake:0") == []
    assert all(Path(one.place).name.startswith("renamed ") and Path(one.place).exists() for one in after)


def test_cancelled_half_way_it_goes_on_where_it_was(tools, tree, monkeypatch):
    from studio.domain.errors import Cancelled

    monkeypatch.setattr(bringing, "AT_ONCE", 2)
    decide = bringing.Bringing._decide

    def once(self, *given):
        decide(self, *given)
        tools.queue.cancel(tools.queue.list(("running",))[0].id)  # somebody presses the button

    monkeypatch.setattr(bringing.Bringing, "_decide", once)
    with pytest.raises(Cancelled):
        work(tools, "import", {"folder": str(tree), "watch": True})
    assert 0 < tools.gallery.count(Query()) < 5
    monkeypatch.setattr(bringing.Bringing, "_decide", decide)
    had = tools.gallery.count(Query())
    result = work(tools, "import", {"folder": str(tree), "watch": True}).result
    assert (result["imported"], result["duplicates"]) == (5 - had, had) and everything(tools.gallery, "is:gone") == []


def test_our_own_pictures_lose_nothing_in_a_watched_folder(gallery, gate, watch, tmp_path):
    recipe = Recipe("a red boat", negative="people", seed=7, steps=9)
    text = write_text(recipe, extras={"kind": "painted", "parents": ["a" * 64], "verdict": {}, "record": {}})
    from studio.gallery.encoding import plain_png

    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "x.png").write_bytes(plain_png(picture(3), text=text))
    watch(tmp_path / "own")
    (artwork,) = everything(gallery)
    assert artwork.recipe == recipe and artwork.parents == ("a" * 64,) and artwork.made_with == "easel"
    assert (artwork.seed, artwork.negative, artwork.sampler) == (7, "people", recipe.sampler)
    assert gallery.inputs(Recipe("y", task="vary", source=artwork.sha256, strength=0.4))[artwork.sha256].size == (
        24,
        16,
    )


def test_a_folder_that_the_disk_cannot_even_be_asked_for_stops_nobody(tools, tree):
    """As a dead disk does, a name that is too long makes stat raise: other folders are scanned."""
    work(tools, "import", {"folder": str(tree), "watch": True})
    folder = folders.listed(tools.database)[0]
    dead = folders.add(tools.database, Path("/" + "a" * 300), watched=True)
    one = by_name(tools.gallery)["0.png"]
    with tools.database.transaction() as connection:
        marks.note(connection, dead, [marks.Found("0.png", 1, 1, one.sha256, one.id)])
    with pytest.raises(BadInput, match="disk plugged in"):
        work(tools, "import", {"folder": dead.path, "rescan": dead.id})
    (tree / "0.png").unlink()
    assert work(tools, "import", {"folder": str(tree), "rescan": folder.id}).result["gone"] == 1
