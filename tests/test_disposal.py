"""The bin: what lies in it and for how long, what goes with it, and that nothing of a picture stays behind."""

import time
from dataclasses import replace

import hostile
import pytest
from fakes import work
from galleries import RECIPE, changed, everything, gate, painter, tools

from studio.domain.errors import BadInput, Cancelled
from studio.gallery.coming import adding
from studio.gallery.coming.incoming import Coming
from studio.gallery.keeping import disposal
from studio.gallery.space import embeddings

__all__ = ["gate", "tools"]  # fixtures are used by their names


@pytest.fixture
def paint(tools, gate):
    return painter(tools.gallery, gate)


def rows_of(database, id, sha):
    """The tables in which an artwork still stands, by its number or its name; a change only tells that it was one of them."""
    tables = [row["name"] for row in database.read("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = []
    for table in tables:
        names = [row["name"] for row in database.read(f"SELECT name FROM pragma_table_info('{table}')")]
        told = "before IS NOT NULL" if table == "change_items" else "1"
        if "artwork" in names and database.one(f"SELECT 1 FROM {table} WHERE artwork = ? AND {told}", id):
            found.append(table)
    if database.one("SELECT 1 FROM artworks WHERE sha256 = ?", sha):
        found.append("artworks")
    if database.one("SELECT 1 FROM words WHERE rowid = ?", id):
        found.append("words")
    return found


def test_the_bin_says_what_lies_in_it_and_what_would_go_with_it(tools, paint):
    one, two, three, four = (paint(seed) for seed in range(4))
    paint(9, parents=(one.sha256,))
    tools.database.write("INSERT INTO collections (name, created_at) VALUES ('boats', 0)")
    tools.database.write("INSERT INTO collection_items (collection, artwork) VALUES (1, ?)", two.id)
    assert disposal.contents(tools.database).pictures == 0
    for art in (one, two, three):
        tools.gallery.delete(art.id)
    tools.database.write("UPDATE artworks SET deleted_at = 1000 WHERE id = ?", two.id)
    found = disposal.contents(tools.database)
    assert found == disposal.Contents(3, one.bytes + two.bytes + three.bytes, 1000.0, 1, 1, 0)
    assert sorted(disposal.every(tools.database)) == [one.id, two.id, three.id]
    assert disposal.contents(tools.database, [one.id, four.id]).pictures == 1
    assert disposal.contents(tools.database, before=1000.0).pictures == 1
    first, second = disposal.going(found)
    assert first.startswith("One of them went into pictures that you keep") and "collections" in second
    assert disposal.going(replace(found, parents=0, collected=0, outside=2)) == [
        "2 of them lie in a watched folder: their files stay where they are."
    ]


@pytest.mark.parametrize(
    ("ago", "left"),
    [(0.0, 30), (1.0, 30), (86_400.0, 29), (29.5 * 86_400, 1), (30 * 86_400.0, 0), (99 * 86_400.0, 0), (-5.0, 30)],
)
def test_days_left(ago, left):
    assert disposal.days_left(10**9 - ago, kept=30, now=10**9) == left
    assert disposal.days_word(None, kept=30) == ""
    assert disposal.days_word(time.time() - 60, kept=1) == "1 day"


def test_what_is_deleted_for_good_leaves_nothing_behind(tools, paint, home):
    kept = paint(1)
    before = everything(home)
    art = paint(2)
    changed(tools.gallery, art.id, "tag", "night")
    changed(tools.gallery, art.id, "remark", "for nobody's eyes")
    changed(tools.gallery, art.id, "remark", "")
    tools.gallery.thumb(art)
    embeddings.store(tools.gallery.database, "m", [art.id], [[1.0, 0.0]])
    tools.gallery.delete(art.id)
    assert rows_of(tools.database, art.id, art.sha256)
    result = work(tools, "empty", {"ids": disposal.every(tools.database), "before": time.time()}, watch=False).result
    assert result == {"pictures": 1, "bytes": art.bytes}
    assert rows_of(tools.database, art.id, art.sha256) == [] and everything(home) == before
    assert tools.gallery.get(kept.id) == kept and tools.gallery.check() == []


def test_only_what_was_seen_in_the_bin_goes(tools, paint):
    seen, later, kept = paint(1), paint(2), paint(3)
    tools.gallery.delete(seen.id)
    tools.gallery.delete(later.id)
    tools.database.write("UPDATE artworks SET deleted_at = 2000 WHERE id = ?", later.id)
    tools.database.write("UPDATE artworks SET deleted_at = 1000 WHERE id = ?", seen.id)
    asked = {"ids": [seen.id, later.id, kept.id], "before": 1500.0}
    assert work(tools, "empty", asked, watch=False).result["pictures"] == 1
    assert set(tools.gallery.many([seen.id, later.id, kept.id])) == {later.id, kept.id}
    assert tools.gallery.path(kept).exists()
    with pytest.raises(BadInput, match="None of these"):
        disposal.check(tools.database, [kept.id])


def test_a_restored_picture_is_whole_again(tools, paint):
    art = paint(4)
    changed(tools.gallery, art.id, "tag", "night")
    tools.gallery.delete(art.id)
    tools.gallery.restore(art.id)
    assert disposal.delete(tools.database, tools.files, [art.id]) == (0, 0)
    assert tools.gallery.get(art.id) == replace(art, tags=("night",)) and tools.gallery.path(art).exists()


def test_cancel_leaves_the_rest_in_the_bin(tools, paint, monkeypatch):
    monkeypatch.setattr(disposal, "AT_ONCE", 2)
    arts = [paint(seed) for seed in range(6)]
    for art in arts:
        tools.gallery.delete(art.id)
    drop, seen = tools.files.drop, []

    def third(file, *, binned):
        seen.append(file)
        if len(seen) == 3:
            tools.queue.cancel(1)
        drop(file, binned=binned)

    monkeypatch.setattr(tools.files, "drop", third)
    with pytest.raises(Cancelled):
        work(tools, "empty", {"ids": [art.id for art in arts], "before": time.time()}, watch=False)
    assert disposal.contents(tools.database).pictures == 2 and tools.gallery.check() == []


@pytest.mark.parametrize("way", ["by hand", "after its days"])
@pytest.mark.parametrize("come", ["whole", "file only"])
def test_a_picture_that_comes_in_again_meanwhile_is_not_deleted_with_its_old_row(tools, gate, paint, come, way):
    art, other = paint(1), paint(2)
    for one in (art, other):
        tools.gallery.delete(one.id)
    cleared, staged = gate.picture(hostile.scene(1)), []
    drop = disposal.drop

    def late(database, files, names):
        """The same bytes come in between the rows and the files."""
        if not staged:
            staged.append(adding.stage(tools.gallery, cleared, Coming("painted", RECIPE.with_seed(1))))
            assert staged[0].written.file == art.file and not tools.gallery.many([art.id, other.id])
            if come == "whole":
                adding.settle(tools.gallery, staged)
        drop(database, files, names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disposal, "drop", late)
        if way == "by hand":
            disposal.delete(tools.database, tools.files, [art.id, other.id])
        else:
            tools.gallery.empty_bin()
    if come == "file only":
        adding.settle(tools.gallery, staged)
    back = tools.gallery.by_sha(art.sha256)
    assert tools.gallery.data(back) and tools.gallery.thumb(back).exists() and tools.gallery.check() == []
    assert not tools.files.path(other.file, binned=True).exists()


def test_a_stray_in_the_bin_goes_with_its_thumbnail(tools, paint, home):
    before = everything(home)
    art = paint(3)
    tools.gallery.delete(art.id)
    tools.database.write("DELETE FROM artworks")
    tools.gallery.empty_bin()
    assert everything(home) == before


def test_a_file_of_a_watched_folder_stays_where_it_is(tools, paint, tmp_path):
    art = paint(5)
    outside = tmp_path / "years" / "x.png"
    outside.parent.mkdir()
    outside.write_bytes(tools.gallery.path(art).read_bytes())
    tools.files.path(art.file).unlink()
    tools.database.write("UPDATE artworks SET place = ? WHERE id = ?", str(outside), art.id)
    tools.gallery.delete(art.id)
    assert outside.exists()
    found = disposal.contents(tools.database)
    assert (found.pictures, found.bytes, found.outside) == (1, 0, 1)
    assert disposal.delete(tools.database, tools.files, [art.id]) == (1, 0)
    assert outside.exists() and not tools.files.thumb_path(art.sha256).exists()


def test_what_lay_there_for_its_days_goes_by_itself(tools, paint, home, monkeypatch):
    """The worker looks when it begins, and every day."""
    from studio.jobs.lock import Lock
    from studio.workshop import worker

    old, new = paint(6), paint(7)
    for art in (old, new):
        tools.gallery.delete(art.id)
    tools.database.write("UPDATE artworks SET deleted_at = ? WHERE id = ?", time.time() - 31 * 86_400, old.id)
    lock = Lock(home)
    assert lock.take()
    made = worker.Worker(home, lock=lock, name="w", tasks={}, warm_up=False)
    made._tend()
    assert (
        set(tools.gallery.many([old.id, new.id])) == {new.id} and not tools.files.path(old.file, binned=True).exists()
    )
    tools.database.write("UPDATE artworks SET deleted_at = ? WHERE id = ?", time.time() - 31 * 86_400, new.id)
    monkeypatch.setattr(worker, "TEND_SECONDS", 0.0)
    tend, seen = made._tend, []

    def twice():
        seen.append(1)
        if len(seen) == 2:
            made.stop.set()
        return tend()

    monkeypatch.setattr(made, "_tend", twice)
    made.run()
    assert len(seen) == 2 and tools.gallery.many([new.id]) == {}
    lock.release()


def test_a_mask_goes_with_the_last_that_was_filled_with_it(tools, paint, gate):
    """The lists and counts of the bin do not speak of masks."""
    mask = tools.gallery.add(gate.picture(hostile.scene(20)), kind="mask")
    tools.gallery.delete(mask.id)
    assert disposal.contents(tools.database).pictures == 0 and RECIPE.task == "create"
