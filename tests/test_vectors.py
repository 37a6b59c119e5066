"""The vectors: exact, in step with the table, and clusters that are thrown away when they cannot be trusted."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from studio.database import Database
from studio.domain.errors import BadInput, Cancelled, NotNumbers
from studio.gallery.space.blocks import Blocks
from studio.gallery.vectors import Vectors, file_stem
from studio.schema import MIGRATIONS

ROOT = Path(__file__).parent.parent
COUNT, SIZE, MODEL = 400, 32, "storybook@abc/vision"


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "easel.db")
    insert_artworks(opened, COUNT)
    yield opened
    opened.close()


def insert_artworks(database, count):
    rows = [(f"{n:064x}", f"{n:064x}.png") for n in range(1, count + 1)]
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO artworks (sha256, file, kind, width, height, bytes, verdict, created_at)"
            " VALUES (?, ?, 'painted', 1, 1, 1, '{}', 0)",
            rows,
        )


def points(count=COUNT, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values.astype(np.float16).astype(np.float32)  # as the table keeps them


def open_vectors(database, folder, model=MODEL, **more):
    folder.mkdir(exist_ok=True)
    return Vectors(database=database, folder=folder, model=model, **more)


@pytest.fixture
def vectors(database, tmp_path):
    opened = open_vectors(database, tmp_path / "index")
    opened.add(range(1, COUNT + 1), points())
    return opened


def expected(values, query, limit, ids):
    order = sorted(((float(values[id - 1] @ query), id) for id in ids), reverse=True)[:limit]
    return [id for _, id in order]


def test_the_answer_is_exact(vectors):
    query = points(1, seed=9)[0]
    hits = vectors.search(query * 7, limit=10)
    assert [id for id, _ in hits] == expected(points(), query, 10, range(1, COUNT + 1))
    assert np.allclose([score for _, score in hits], [points()[id - 1] @ query for id, _ in hits], atol=1e-3)


def test_only_what_is_allowed_is_answered(vectors):
    query = points(1, seed=9)[0]
    allowed = set(range(3, COUNT, 7))
    hits = vectors.search(query, limit=20, allowed=allowed | {10**6})
    assert [id for id, _ in hits] == expected(points(), query, 20, allowed)
    assert vectors.search(query, limit=20, allowed=set()) == []
    assert len(vectors.search(query, limit=20, allowed={5, 6})) == 2


def test_ties_are_broken_by_the_newest(database, tmp_path):
    vectors = open_vectors(database, tmp_path / "index")
    vectors.add([4, 9, 2], [np.ones(SIZE)] * 3)
    assert [id for id, _ in vectors.search(np.ones(SIZE), limit=3)] == [9, 4, 2]


def test_an_empty_gallery_answers_nothing(database, tmp_path):
    assert open_vectors(database, tmp_path / "index").search(np.ones(SIZE), limit=5) == []


def test_more_than_there_is_gives_what_there_is(vectors):
    assert len(vectors.search(points(1)[0], limit=10_000)) == COUNT
    assert vectors.search(points(1)[0], limit=0) == []


def test_new_and_deleted_artworks_are_seen_at_the_next_search(vectors, database):
    target = points()[41]
    assert vectors.search(target, limit=1)[0][0] == 42
    database.write("DELETE FROM artworks WHERE id = 42")
    assert vectors.search(target, limit=1)[0][0] != 42
    insert = database.write(
        "INSERT INTO artworks (sha256, file, kind, width, height, bytes, verdict, created_at)"
        " VALUES ('n', 'n', 'painted', 1, 1, 1, '{}', 0)"
    )
    vectors.add([insert.lastrowid], [target])  # as many as before: a count alone would not notice
    assert vectors.search(target, limit=1)[0][0] == insert.lastrowid


def test_a_vector_is_kept_at_unit_length_and_the_first_one_stays(vectors, database):
    assert np.allclose(vectors.get(3), points()[2], atol=1e-3)
    vectors.add([3], [np.ones(SIZE)])
    assert np.allclose(vectors.get(3), points()[2], atol=1e-3)
    assert vectors.get(10**6) is None


@pytest.mark.parametrize("bad", [np.zeros(SIZE), np.full(SIZE, np.nan), np.full(SIZE, np.inf)])
def test_vectors_without_numbers_are_refused_whole(database, tmp_path, bad):
    vectors = open_vectors(database, tmp_path / "index")
    with pytest.raises(NotNumbers):
        vectors.add([1, 2], [np.ones(SIZE), bad])
    assert vectors.get(1) is None
    with pytest.raises(NotNumbers):
        vectors.search(bad, limit=1)


def test_a_query_of_another_length_is_refused_in_words(vectors):
    with pytest.raises(BadInput, match="another model"):
        vectors.search(np.ones(SIZE + 1), limit=1)


def test_models_do_not_mix(vectors, database, tmp_path):
    other = open_vectors(database, tmp_path / "index", model="storybook@abc-vision")
    other.add([1], [np.ones(8)])
    assert other.search(np.ones(8), limit=5) == [(1, pytest.approx(1.0, abs=1e-3))]
    assert file_stem(MODEL) != file_stem("storybook@abc-vision")
    assert file_stem("../../x\0") == "x-" + file_stem("../../x\0")[-12:]


def test_kinds_do_not_mix_and_one_picture_has_a_vector_of_each(vectors, database, tmp_path):
    said = Vectors(database=database, folder=tmp_path / "index", model=MODEL, kind="caption")
    assert said.search(points(1)[0], limit=5) == []
    said.add([7], [points()[20]])
    assert said.search(points()[20], limit=5) == [(7, pytest.approx(1.0, abs=1e-3))]
    assert vectors.search(points()[20], limit=1)[0][0] == 21
    with pytest.raises(BadInput, match="picture, caption"):
        Vectors(database=database, folder=tmp_path / "index", model=MODEL, kind="smell")


def test_what_was_made_of_other_words_goes_with_them(database, tmp_path):
    said = Vectors(database=database, folder=tmp_path, model=MODEL, kind="caption")
    seen = open_vectors(database, tmp_path)
    for one in (said, seen):
        one.add([1, 2, 3], points(3))
    database.write("UPDATE artworks SET caption = 'a boat' WHERE id = 1")
    database.write("UPDATE artworks SET prompt = 'a car' WHERE id = 2")
    database.write("UPDATE artworks SET caption = '', rating = 3 WHERE id = 3")  # nothing new is said
    assert [id for id in (1, 2, 3) if said.get(id) is not None] == [3]
    assert [id for id in (1, 2, 3) if seen.get(id) is not None] == [1, 2, 3]


def test_vectors_kept_in_single_precision_are_still_read_and_none_is_lost_by_the_migration(tmp_path, monkeypatch):
    names = [name for name, _ in MIGRATIONS]
    before = MIGRATIONS[: names.index("vectors_by_kind")]
    monkeypatch.setattr("studio.database.MIGRATIONS", before)
    old = Database(tmp_path / "old.db")
    insert_artworks(old, COUNT)
    with old.transaction() as connection:
        rows = [(id, MODEL, vector.astype("<f4").tobytes()) for id, vector in enumerate(points(), start=1)]
        connection.executemany("INSERT INTO embeddings VALUES (?, ?, ?)", rows[:-1])
    old.close()
    monkeypatch.undo()
    now = Database(tmp_path / "old.db")
    vectors = open_vectors(now, tmp_path / "index")
    vectors.add([COUNT], [points()[-1]])  # the two stand side by side
    query = points(1, seed=9)[0]
    assert [id for id, _ in vectors.search(query, limit=20)] == expected(points(), query, 20, range(1, COUNT + 1))
    assert np.array_equal(vectors.get(3), points()[2])
    now.close()


def test_a_vector_takes_two_bytes_a_number_and_none_is_kept_for_what_is_gone(vectors, database):
    assert database.one("SELECT max(length(vector)) FROM embeddings")[0] == 2 * SIZE
    vectors.add([10**6], [points()[0]])  # deleted for good while it was embedded
    assert vectors.get(10**6) is None


# --- whatever happens to the table --------------------------------------------------------------------------------------


def brute(held, query, limit, allowed=None):
    """What a plain product finds: (artwork, cosine), best first, ties newest first."""
    ids = sorted(held if allowed is None else set(held) & set(allowed), reverse=True)
    scores = [float(held[id] @ query) for id in ids]
    order = sorted(range(len(ids)), key=lambda at: -scores[at])[:limit]
    return [(ids[at], scores[at]) for at in order]


def same(hits, wanted):
    """The same answer, but that what is nearer to each other than sums can tell may change places."""
    assert len(hits) == len(wanted)
    assert np.allclose([score for _, score in hits], [score for _, score in wanted], atol=2e-6)
    for (id, score), (other, _) in zip(hits, wanted, strict=True):
        near = [one for one, as_near in wanted if abs(as_near - score) < 4e-6]
        assert id == other or id in near or score - wanted[-1][1] < 4e-6


@pytest.mark.parametrize("seed", range(4))
def test_a_search_is_a_plain_product_whatever_is_added_deleted_and_allowed(tmp_path, monkeypatch, seed):
    monkeypatch.setattr("studio.gallery.space.blocks.BLOCK", 64)  # several blocks, and some that are full
    monkeypatch.setattr("studio.gallery.space.blocks.SPARSE", 3)  # of some blocks few are allowed, of others many
    monkeypatch.setattr("studio.gallery.space.blocks.GATHERED", 20)
    monkeypatch.setattr("studio.gallery.vectors.BLOCK", 64)
    monkeypatch.setattr("studio.gallery.space.embeddings.AT_ONCE", 50)
    chance = np.random.default_rng(seed)
    database, other = Database(tmp_path / "a.db"), Database(tmp_path / "a.db")
    insert_artworks(database, 600)
    here, there = (open_vectors(one, tmp_path / "index") for one in (database, other))
    shapes = points(40, seed=seed)  # few shapes and many artworks: most of them are ties
    held = {}
    left = list(chance.permutation(np.arange(1, 601)))
    for _ in range(12):
        who = (here, there)[chance.integers(2)]
        came = [int(left.pop()) for _ in range(min(len(left), int(chance.integers(1, 90))))]
        values = shapes[chance.integers(len(shapes), size=len(came))]
        who.add(came, values)
        held |= {id: one.astype(np.float16).astype(np.float32) for id, one in zip(came, values, strict=True)}
        gone = chance.choice(sorted(held), size=min(len(held) - 1, int(chance.integers(0, 40))), replace=False)
        with (database, other)[chance.integers(2)].transaction() as connection:
            connection.executemany("DELETE FROM artworks WHERE id = ?", [(int(id),) for id in gone])
        held = {id: one for id, one in held.items() if id not in set(gone.tolist())}
        query = points(1, seed=int(chance.integers(1_000)))[0]
        query /= np.linalg.norm(query)
        few = chance.choice(np.arange(1, 700), size=int(chance.integers(1, 400)), replace=False)
        for vectors in (here, there):
            assert vectors.refresh() == len(held)
            for allowed in (None, few, set(few.tolist())):
                for limit in (1, 7, 1_000):
                    chosen = None if allowed is None else few.tolist()
                    same(vectors.search(query, limit=limit, allowed=allowed), brute(held, query, limit, chosen))
    for one in (database, other):
        one.close()


def test_many_ties_are_cut_at_the_newest(database, tmp_path, monkeypatch):
    monkeypatch.setattr("studio.gallery.space.blocks.BLOCK", 128)
    monkeypatch.setattr("studio.gallery.space.blocks.GATHERED", 2)
    vectors = open_vectors(database, tmp_path / "index")
    vectors.add(range(1, COUNT + 1), [np.ones(SIZE)] * COUNT)
    assert [id for id, _ in vectors.search(np.ones(SIZE), limit=5)] == [400, 399, 398, 397, 396]
    allowed = np.arange(1, 300)
    assert [id for id, _ in vectors.search(np.ones(SIZE), limit=3, allowed=allowed)] == [299, 298, 297]
    few = np.array([3, 5, 130, 131, 290, 299])  # so few that their rows are copied together
    assert [id for id, _ in vectors.search(np.ones(SIZE), limit=3, allowed=few)] == [299, 290, 131]


def test_another_process_sees_a_vector_and_a_deletion_at_its_next_search(vectors, database):
    target = points()[41]
    assert vectors.search(target, limit=1)[0][0] == 42
    program = f"""
from pathlib import Path
import numpy as np
from studio.database import Database
from studio.gallery.space import embeddings
database = Database(Path({str(database.path)!r}))
database.write("DELETE FROM artworks WHERE id = 42")
database.write("DELETE FROM embeddings WHERE artwork = 7")
embeddings.store(database, {MODEL!r}, [7], [np.array({target.tolist()})])
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    hits = vectors.search(target, limit=COUNT)
    assert hits[0][0] == 7 and 42 not in dict(hits) and len(hits) == COUNT - 1


def test_nothing_is_read_again_while_nothing_changes(vectors, database):
    vectors.search(points(1)[0], limit=1)
    seen = reads(database)
    vectors.search(points(1)[0], limit=1)
    assert seen == []
    vectors.add([3], [points()[5]])  # it has one: nothing changed
    vectors.search(points(1)[0], limit=1)
    assert seen == []


def test_what_many_deletions_leave_behind_is_cleared_away(database, tmp_path, monkeypatch):
    monkeypatch.setattr("studio.gallery.vectors.BLOCK", 16)
    vectors = open_vectors(database, tmp_path / "index")
    vectors.add(range(1, COUNT + 1), points())
    vectors.search(points(1)[0], limit=1)
    before = vectors.bytes
    database.write("DELETE FROM artworks WHERE id % 2")
    query = points(1, seed=9)[0]
    assert [id for id, _ in vectors.search(query, limit=30)] == expected(points(), query, 30, range(2, COUNT + 1, 2))
    assert vectors.bytes < before and vectors.refresh() == COUNT // 2


def test_a_backup_put_in_its_place_is_another_table(vectors, database):
    target = points()[41]
    database.write("DELETE FROM artworks WHERE id = 41")
    vectors.search(target, limit=1)
    with database.transaction() as connection:  # as the backup had it
        connection.execute("DELETE FROM embeddings WHERE artwork = 42")
        connection.execute("DELETE FROM embeddings_gone")
    assert vectors.search(target, limit=1)[0][0] != 42


# --- clusters -----------------------------------------------------------------------------------------------------------


def grouped(count, seed=0):
    """Vectors in 30 groups, as pictures of like things lie."""
    chance = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(30, SIZE))
    values = middles[chance.integers(30, size=count)] + 0.3 * chance.normal(size=(count, SIZE))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def many(tmp_path):
    """Vectors of which not all are compared, and what they are."""
    database = Database(tmp_path / "many.db")
    insert_artworks(database, 3_000)
    vectors = open_vectors(database, tmp_path / "index", exact=1_000)
    vectors.add(range(1, 2_901), grouped(2_900))
    yield vectors, grouped(2_900), database
    database.close()


def test_clusters_find_nearly_all_of_what_a_plain_product_finds(many):
    vectors, values, _ = many
    assert vectors.unsettled()
    assert vectors.learn() and not vectors.unsettled() and not vectors.learn()
    found = []
    for query in grouped(40, seed=5):
        wanted = set(expected(values, query, 10, range(1, 2_901)))
        found.append(len(wanted & {id for id, _ in vectors.search(query, limit=10)}) / 10)
    assert np.mean(found) >= 0.97
    few = np.arange(1, 2_901, 7)  # no more than are all compared
    query = grouped(1, seed=6)[0]
    assert [id for id, _ in vectors.search(query, limit=20, allowed=few)] == expected(values, query, 20, few)
    assert len(vectors.search(query, limit=2_900)) == 2_900


def test_what_comes_and_goes_after_the_clusters_is_seen_at_once(many, tmp_path):
    vectors, _, database = many
    vectors.learn()
    target = grouped(1, seed=8)[0]
    vectors.add([2_950], [target])
    assert vectors.search(target, limit=1)[0][0] == 2_950
    database.write("DELETE FROM artworks WHERE id = 2950")
    assert vectors.search(target, limit=1)[0][0] != 2_950
    vectors.add([2_960], [target])
    again = open_vectors(database, tmp_path / "index", exact=1_000)  # a process that starts later reads the file
    assert again.search(target, limit=1)[0][0] == 2_960
    assert not again.unsettled()


def file_of(folder):
    return folder / f"{file_stem(MODEL)}.clusters"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        flip,
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes().split(b"\n", 1)[1]),
        lambda path: path.write_bytes(path.read_bytes().replace(MODEL.encode(), b"another")),
    ],
    ids=["empty", "half", "flipped", "gone", "no head", "other model"],
)
def test_a_damaged_file_of_clusters_is_made_again(many, tmp_path, harm):
    vectors, values, database = many
    vectors.learn()
    harm(file_of(tmp_path / "index"))
    again = open_vectors(database, tmp_path / "index", exact=1_000)
    query = grouped(1, seed=6)[0]
    assert [id for id, _ in again.search(query, limit=9)] == expected(values, query, 9, range(1, 2_901))  # all compared
    assert again.unsettled() and again.learn()
    assert not open_vectors(database, tmp_path / "index", exact=1_000).unsettled()


def test_learning_can_be_stopped_and_leaves_nothing(many, tmp_path):
    def stop(done, total):
        assert 0 <= done <= total
        if done:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        many[0].learn(stop)
    assert many[0].unsettled() and not file_of(tmp_path / "index").exists()


def test_the_index_of_an_older_easel_is_cleared_away(database, tmp_path):
    (tmp_path / f"{file_stem(MODEL)}.faiss").write_bytes(b"old")
    open_vectors(database, tmp_path)
    assert not (tmp_path / f"{file_stem(MODEL)}.faiss").exists()


def test_a_full_disk_does_not_stop_a_search(many, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studio.gallery.files.os.fsync", full)
    assert many[0].learn() and not many[0].unsettled()
    assert len(many[0].search(grouped(1)[0], limit=10)) == 10
    assert list((tmp_path / "index").iterdir()) == []


def reads(database):
    """The vectors that are read from the table from now on."""
    seen = []
    database._connection().set_trace_callback(lambda sql: seen.append(sql) if "vector FROM" in sql else None)
    return seen


@pytest.mark.parametrize("share", [None, 0.9, 0.02, 0.0])
def test_runs_are_compared_where_they_lie_and_answer_as_rows_that_are_copied(monkeypatch, share):
    monkeypatch.setattr("studio.gallery.space.blocks.BLOCK", 256)  # runs that go on in the next block
    monkeypatch.setattr("studio.gallery.space.blocks.ALONE", 300)  # and several threads
    chance = np.random.default_rng(5)
    made = chance.standard_normal((2_000, 24)).astype(np.float16)
    made[chance.choice(2_000, 600, replace=False)] = made[7]  # many that are equally near
    blocks = Blocks(24)
    blocks.append(made)
    newest = chance.permutation(2_000)
    mask = None if share is None else chance.random(2_000) < share
    at = np.concatenate([np.arange(40, 700), np.arange(900, 903), np.arange(1_000, 1_900)])
    allowed = at if mask is None else at[mask[at]]
    for query in (made[7].astype(np.float32), *chance.standard_normal((5, 24)).astype(np.float32)):
        for limit in (1, 30, 3_000):
            with monkeypatch.context() as patch:
                patch.setattr(Blocks, "_gathered", None)  # no row is copied
                found, scores = blocks.nearest(query, limit, mask=mask, at=at, newest=newest)
            told = made[allowed].astype(np.float32) @ query
            best = np.lexsort((-newest[allowed], -told.round(4)))[:limit]
            assert len(found) == len(best) and set(found.tolist()) <= set(allowed.tolist())
            assert scores == pytest.approx(told[best], abs=1e-3)
            with monkeypatch.context() as patch:
                patch.setattr("studio.gallery.space.blocks.RUN", 10**9)  # the same, copied together
                assert blocks.nearest(query, limit, mask=mask, at=at, newest=newest)[0].tolist() == found.tolist()
