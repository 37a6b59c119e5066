"""The gallery when things go wrong: a full disk, a kill between file and row, files that somebody changed."""

import json
import os
from pathlib import Path

import hostile
import pytest
from galleries import RECIPE, bring, everything, painter

from studio.database import Database
from studio.domain.artwork import Query
from studio.domain.errors import BadInput, StorageFull
from studio.domain.recipe import Recipe
from studio.gallery.coming import adding
from studio.gallery.files import Files
from studio.gallery.gallery import Gallery
from studio.safety.intake import sha256


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def paint(gallery, gate):
    return painter(gallery, gate)


# --- the disk fills up ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["pictures", "thumbs"])
def test_a_disk_that_fills_up_at_a_file_leaves_nothing(gallery, paint, monkeypatch, folder):
    paint(1)
    before = everything(gallery.files.home)
    real = Path.replace

    def full(self, target):
        if Path(target).parent.name == folder:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageFull, match="full; free some space"):
        paint(2)
    monkeypatch.undo()
    assert everything(gallery.files.home) == before and gallery.count(Query()) == 1
    assert paint(2).id  # there is room again


def test_a_disk_that_fills_up_at_the_commit_leaves_nothing(gallery, gate, paint):
    paint(1)
    pages = gallery.database.one("PRAGMA page_count")[0]
    gallery.database.read(f"PRAGMA max_page_count={pages}")  # SQLite itself then says that the disk is full
    cleared = gate.picture(hostile.scene(2))
    before = everything(gallery.files.home)
    with pytest.raises(StorageFull, match="full; free some space"):
        gallery.add(cleared, Recipe("x" * 4_000, negative="y" * 4_000))
    gallery.database.read("PRAGMA max_page_count=1000000")
    assert everything(gallery.files.home) == before and gallery.count(Query()) == 1
    assert gallery.add(cleared, RECIPE).id and gallery.check() == []


# --- killed in between ----------------------------------------------------------------------------------------------------


@pytest.fixture
def killed(tmp_path, gate):
    """Let `work(gallery)` run and be killed in a process of its own; returns the gallery as the next start finds it."""
    opened = []

    def open_again():
        opened.append(Database(tmp_path / "easel.db"))
        return Gallery(database=opened[-1], files=Files(tmp_path))

    def run(work):
        hostile.killed(lambda: work(open_again()))
        return open_again()

    yield run
    for database in opened:
        database.close()


def test_a_painted_picture_killed_before_its_row_is_adopted(killed, gate):
    def work(gallery):
        adding.insert = hostile.die  # in a process of its own, which ends with it
        gallery.add(gate.picture(hostile.scene()), RECIPE)

    gallery = killed(work)
    assert gallery.count(Query()) == 0 and len(gallery.files.stored()) == 1
    assert len(gallery.check()) == 1 and "no row" in gallery.check()[0]
    assert len(gallery.sweep()) == 1
    (artwork,) = gallery.page(Query())
    assert artwork.recipe == RECIPE and artwork.verdict.allowed and artwork.verdict.checker == "magenta"
    assert (artwork.width, artwork.height, artwork.note) == (24, 16, "found after a crash")
    assert gallery.check() == [] and gallery.sweep() == []


def test_an_imported_file_killed_before_its_row_is_not_shown_and_comes_in_again(killed, gate):
    data = hostile.encode(hostile.scene())

    def work(gallery):
        adding.insert = hostile.die  # in a process of its own, which ends with it
        bring(gallery, gate, data)

    gallery = killed(work)
    assert "nothing that proves" in gallery.sweep()[0]
    assert gallery.count(Query()) == 0 and gallery.files.stored() == []
    artwork = bring(gallery, gate, data)
    assert gallery.check() == [] and gallery.page(Query()) == [artwork]


def test_an_import_that_was_killed_goes_on_where_it_stopped(killed, gate):
    files = [hostile.encode(hostile.scene(seed), "BMP") for seed in range(10)]

    def work(gallery):
        for data in files[:3]:
            bring(gallery, gate, data)
        adding.insert = hostile.die  # in a process of its own, which ends with it
        bring(gallery, gate, files[3])

    gallery = killed(work)
    gallery.sweep()
    known = [gallery.has_source(sha256(data)) for data in files]
    assert known == [1, 2, 3] + [None] * 7
    for data, id in zip(files, known, strict=True):
        if id is None:
            bring(gallery, gate, data)
    assert gallery.count(Query()) == 10 and gallery.check() == []


@pytest.mark.parametrize("verb", ["delete", "restore"])
def test_a_kill_between_row_and_move_is_made_good(killed, gate, verb):
    def work(gallery):
        id = gallery.add(gate.picture(hostile.scene()), RECIPE).id
        if verb == "delete":
            gallery.files.to_bin = hostile.die
        else:
            gallery.delete(id)
            gallery._update = hostile.die
        getattr(gallery, verb)(id)

    gallery = killed(work)
    assert len(gallery.check()) == 1  # the row says bin, the file lies among the pictures
    gallery.sweep()
    assert gallery.check() == []
    assert gallery.get(1).deleted_at is not None and gallery.files.stored(binned=True)


def test_a_file_that_somebody_put_there_is_not_believed(gallery, gate, paint):
    artwork = paint(1)
    data = gallery.path(artwork).read_bytes()
    folder = gallery.files.home / "pictures"
    forged = {
        "a" * 64: data,  # a good file under a false name
        sha256(hostile.encode(hostile.scene(9))): hostile.encode(hostile.scene(9)),  # a true name, and no text of ours
        sha256(hostile.HTML): hostile.HTML,
    }
    refused = hostile.with_text(hostile.scene(8), easel='{"recipe": {"prompt": "x"}, "verdict": {"allowed": false}}')
    forged[sha256(refused)] = refused
    for name, body in forged.items():
        (folder / f"{name}.png").write_bytes(body)
    assert len(gallery.sweep()) == len(forged)
    assert gallery.page(Query()) == [artwork] and gallery.files.stored() == [artwork.file]


# --- the check and the sweep ----------------------------------------------------------------------------------------------


def test_the_check_finds_every_kind_of_harm(gallery, paint):
    gone, flipped, binned, whole = (paint(seed) for seed in range(4))
    gallery.delete(binned.id)
    gallery.path(gone).unlink()
    data = bytearray(gallery.path(flipped).read_bytes())
    data[-20] ^= 1
    gallery.path(flipped).write_bytes(bytes(data))
    gallery.files.path(binned.file, binned=True).unlink()
    (gallery.files.home / "pictures" / f"{'a' * 64}.png").write_bytes(b"x")
    index = gallery.files.home / "index"
    (index / "m.clusters").write_bytes(b"half an index")
    gallery.database.write("INSERT INTO embeddings (artwork, model, vector) VALUES (?, 'm', ?)", whole.id, b"odd")
    problems = gallery.check()
    told = [f"Artwork {artwork.id}: its file" for artwork in (gone, flipped, binned)]
    told += ["a.png in pictures/ has no row", "index m.clusters is damaged", f"Artwork {whole.id}: its embedding"]
    for part in told:
        assert sum(part in problem for problem in problems) == 1, part
    assert len(problems) == 6 and all(problem.endswith(".") for problem in problems)
    assert gallery.check() == problems  # it changed nothing


def test_uploads_of_waiting_jobs_survive_the_sweep(gallery):
    kept, gone = gallery.files.spool(b"one"), gallery.files.spool(b"two")
    for name in (kept, gone):
        os.utime(gallery.files.home / "incoming" / name, (1, 1))
    gallery.database.write(
        "INSERT INTO jobs (kind, lane, state, place, payload, created_at) VALUES ('import', 'paint', 'waiting', 1, ?, 0)",
        json.dumps({"files": [{"spool": kept, "name": "x"}]}),
    )
    gallery.sweep()
    assert gallery.files.spooled(kept) == b"one"
    with pytest.raises(BadInput):
        gallery.files.spooled(gone)
