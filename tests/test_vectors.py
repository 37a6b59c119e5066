"""The index: exact, in step with the table, and thrown away when it cannot be trusted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from studio.database import Database
from studio.domain.errors import BadInput, NotNumbers
from studio.gallery.vectors import SAVE_AFTER, Vectors, file_stem
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


def open_vectors(database, folder, model=MODEL):
    folder.mkdir(exist_ok=True)
    return Vectors(database=database, folder=folder, model=model)


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


# --- the saved copy -------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(vectors, tmp_path):
    """The saved index of a gallery that was searched once, and an answer to compare with."""
    query = points(1, seed=9)[0]
    answer = vectors.search(query, limit=10)
    path = tmp_path / "index" / f"{file_stem(MODEL)}.faiss"
    assert path.exists() and SAVE_AFTER <= COUNT
    return path, query, answer


def reads(database):
    """Count the vectors that a new index reads from the table."""
    seen = []
    database._connection().set_trace_callback(lambda sql: seen.append(sql) if "vector FROM" in sql else None)
    return seen


def test_a_whole_copy_is_loaded_and_not_built_again(saved, database):
    path, query, answer = saved
    seen = reads(database)
    assert open_vectors(database, path.parent).search(query, limit=10) == answer
    assert seen == []


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF  # in the payload: FAISS itself would load it without a word
    path.write_bytes(bytes(data))


def edit_sidecar(path, **changes):
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), **changes}))


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        flip,
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("[]"),
        lambda path: edit_sidecar(path, count=3),
        lambda path: edit_sidecar(path, model="another"),
    ],
    ids=[
        "empty",
        "half",
        "flipped",
        "gone",
        "no sidecar",
        "broken sidecar",
        "odd sidecar",
        "wrong count",
        "other model",
    ],
)
def test_a_damaged_copy_is_built_again(saved, database, harm):
    path, query, answer = saved
    harm(path)
    seen = reads(database)
    assert open_vectors(database, path.parent).search(query, limit=10) == answer
    assert seen
    database._connection().set_trace_callback(None)
    again = reads(database)  # and it was saved again, whole
    assert open_vectors(database, path.parent).search(query, limit=10) == answer
    assert again == []


def test_a_copy_that_lags_behind_the_table_reads_only_the_rest(saved, database):
    path, query, _ = saved
    database.write("DELETE FROM artworks WHERE id <= 5")
    vectors = open_vectors(database, path.parent)
    hits = vectors.search(query, limit=COUNT)
    assert {id for id, _ in hits} == set(range(6, COUNT + 1))


def test_a_kill_between_index_and_sidecar_is_noticed(saved, database, tmp_path):
    path, query, answer = saved
    program = f"""
import os, signal
from pathlib import Path
import numpy as np
from studio.database import Database
from studio.gallery import vectors
whole = vectors.write_whole
def write(path, data):
    if path.suffix == ".json":
        os.kill(os.getpid(), signal.SIGKILL)
    whole(path, data)
vectors.write_whole = write
opened = vectors.Vectors(database=Database(Path({str(database.path)!r})), folder=Path({str(path.parent)!r}), model={MODEL!r})
opened.search(np.ones({SIZE}), limit=1)
opened._index.remove_ids(np.arange(100))
opened._save()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert ended.returncode == -signal.SIGKILL
    assert open_vectors(database, path.parent).search(query, limit=10) == answer


def test_a_full_disk_does_not_stop_a_search(vectors, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studio.gallery.files.os.fsync", full)
    assert len(vectors.search(points(1)[0], limit=10)) == 10
    assert list((tmp_path / "index").iterdir()) == []
