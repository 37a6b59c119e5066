"""The gallery's map in its table, and the job that draws it: real SQLite, real vectors, real captions."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import numpy as np
import pytest
from galleries import imported
from PIL import Image

from studio.domain.errors import BadInput, Cancelled
from studio.domain.job import LANES, Job
from studio.gallery.space import atlas, embeddings
from studio.workshop import mapping as task

MODEL = "encoder a"
RNG = np.random.default_rng(9)
MIDDLES = RNG.normal(size=(3, 24))
WORDS = ("a red boat on the sea", "a small house on a hill", "a cat on a sofa")


class Report:
    """A report that remembers its stages, and may be told to stop at one."""

    def __init__(self, stop_at: str = "") -> None:
        self.stages: list[str] = []
        self.shares: list[float] = []
        self.stop_at = stop_at

    def __call__(self, done: int, total: int, draft: object = None) -> None:
        self.shares.append(done / total)
        self.check()

    def check(self) -> None:
        if self.stop_at and self.stages[-1:] == [self.stop_at]:
            raise Cancelled("Cancelled.")

    def stage(self, words: str) -> None:
        self.stages.append(words)


@pytest.fixture
def seen(gallery, gate):
    """Adds pictures of a kind, with captions and vectors; returns their ids."""
    made = [0]

    def add(count: int, kind: int, *, model: str = MODEL, caption: bool = True) -> list[int]:
        ids = []
        for _ in range(count):
            made[0] += 1
            picture = Image.new("RGB", (8, 8), (made[0] % 256, made[0] // 256, kind * 40))
            ids.append(imported(gallery, gate.picture(picture), prompt=WORDS[kind] if caption else "").id)
        vectors = MIDDLES[kind] + 0.3 * RNG.normal(size=(count, 24))
        embeddings.store(gallery.database, model, ids, vectors)
        return ids

    return add


def draw(gallery, report=None, **payload):
    tools = SimpleNamespace(database=gallery.database)
    job = Job(id=1, kind="map", lane=LANES["map"], state="running", payload=payload)
    return task.draw(job, report or Report(), tools)


def lying(gallery, model=MODEL):
    return {id: np.array(place[:2]) for id, place in atlas.where(gallery.database, model).items()}


def unpacked(data: bytes) -> tuple[np.ndarray, ...]:
    (count,) = struct.unpack_from("<I", data)
    at = 4
    parts = []
    for kind, size in (("<u4", 4), ("<u2", 2), ("<u2", 2), ("<u2", 2)):
        parts.append(np.frombuffer(data, dtype=kind, count=count, offset=at))
        at += count * size
    assert at == len(data)
    return tuple(parts)


def test_two_planted_kinds_come_out_apart_and_named_by_their_captions(gallery, seen):
    boats, houses = seen(24, 0), seen(24, 1)
    report = Report()
    assert draw(gallery, report) == {"drawn": True, "placed": 0, "pictures": 48}
    assert report.stages[0] == "reading the vectors" and "drawing the map" in report.stages
    assert report.shares == sorted(report.shares)
    far = [one for one in atlas.places(gallery.database, MODEL) if one.level == 0]
    assert sorted(one.pictures for one in far) == [24, 24]
    names = {one.name.lower() for one in far}
    assert any("boat" in name for name in names) and any("house" in name for name in names)
    at = lying(gallery)
    own = [np.mean([at[id] for id in kind], axis=0) for kind in (boats, houses)]
    assert all(np.linalg.norm(at[id] - own[0]) < np.linalg.norm(at[id] - own[1]) for id in boats)
    for one in far:
        assert one.artwork in (boats if "boat" in one.name.lower() else houses)


def test_new_pictures_are_placed_near_their_kind_and_the_rest_stays_where_it_was(gallery, seen):
    boats, houses = seen(20, 0), seen(20, 1)
    draw(gallery)
    before = lying(gallery)
    new = seen(3, 1)
    assert atlas.standing(gallery.database).new == 3
    assert draw(gallery) == {"drawn": False, "placed": 3, "pictures": 43}
    after = lying(gallery)
    assert all(np.array_equal(before[id], after[id]) for id in before)
    own, other = (np.mean([after[id] for id in kind], axis=0) for kind in (houses, boats))
    assert all(np.linalg.norm(after[id] - own) < np.linalg.norm(after[id] - other) for id in new)
    assert atlas.standing(gallery.database).new == 0
    assert draw(gallery)["placed"] == 0


def test_a_fifth_of_new_pictures_draws_the_whole_anew_and_so_does_asking_for_it(gallery, seen):
    seen(20, 0)
    draw(gallery)
    seen(4, 0)
    assert not atlas.standing(gallery.database).stale
    draw(gallery)
    assert draw(gallery, anew=True)["drawn"]
    assert atlas.standing(gallery.database).drawn == 24
    seen(5, 1)
    now = atlas.standing(gallery.database)
    assert now.stale and draw(gallery)["drawn"]
    assert atlas.standing(gallery.database).drawn == 29


def test_cancel_keeps_the_old_map(gallery, seen):
    seen(20, 0)
    draw(gallery)
    before = lying(gallery)
    with pytest.raises(Cancelled):
        draw(gallery, Report(stop_at="drawing the map"), anew=True)
    after = lying(gallery)
    assert before.keys() == after.keys() and all(np.array_equal(before[id], after[id]) for id in before)


def test_too_few_pictures_are_said_with_their_number(gallery, seen):
    seen(3, 0)
    with pytest.raises(BadInput, match=r"at least 10 pictures.*there are 3"):
        draw(gallery)
    assert atlas.standing(gallery.database).seen == 3


def test_pictures_that_no_model_saw_are_counted(gallery, gate, seen):
    seen(12, 0)
    gallery.add(gate.picture(Image.new("RGB", (8, 8), "navy")), kind="imported")
    gone = gallery.add(gate.picture(Image.new("RGB", (8, 8), "teal")), kind="imported").id
    gallery.database.write("UPDATE artworks SET gone_at = 1.0 WHERE id = ?", gone)  # nobody can look at it
    now = atlas.standing(gallery.database)
    assert (now.seen, now.unseen, now.drawn, now.stale) == (12, 1, 0, True)


def test_what_is_binned_leaves_the_map_and_comes_back_where_it_lay(gallery, seen):
    ids = seen(14, 0)
    draw(gallery)
    first = atlas.version(gallery.database, MODEL)
    whole = atlas.packed(gallery.database, MODEL)
    gallery.delete(ids[3])
    assert ids[3] not in atlas.ids(gallery.database, MODEL)
    assert atlas.version(gallery.database, MODEL) != first
    assert unpacked(atlas.packed(gallery.database, MODEL))[0].tolist() == [id for id in ids if id != ids[3]]
    assert sum(one.pictures for one in atlas.places(gallery.database, MODEL) if one.level == 0) == 13
    gallery.restore(ids[3])
    assert atlas.version(gallery.database, MODEL) == first and atlas.packed(gallery.database, MODEL) == whole


def test_the_packed_map_is_the_table_and_its_order_that_of_ids(gallery, seen):
    ids = seen(12, 0) + seen(12, 1)
    draw(gallery)
    found, x, y, clusters = unpacked(atlas.packed(gallery.database, MODEL))
    assert found.tolist() == sorted(ids) == atlas.ids(gallery.database, MODEL)
    at = atlas.where(gallery.database, MODEL)
    for row, id in enumerate(found.tolist()):
        assert abs(x[row] / 65535 - at[id][0]) < 1e-4 and abs(y[row] / 65535 - at[id][1]) < 1e-4
        assert clusters[row] == at[id][2]


def test_an_empty_map_packs_to_nothing(gallery):
    assert atlas.packed(gallery.database, MODEL) == b"\0\0\0\0"
    assert atlas.shown_model(gallery.database) == "" and atlas.places(gallery.database, "") == []


def test_the_old_encoders_map_is_shown_until_the_new_one_is_drawn(gallery, seen):
    ids = seen(14, 0)
    draw(gallery)
    embeddings.store(gallery.database, "encoder b", ids, RNG.normal(size=(14, 16)))
    seen(2, 0, model="encoder b")
    now = atlas.standing(gallery.database)
    assert now.model == "encoder b" and now.drawn == 0
    assert atlas.shown_model(gallery.database) == MODEL
    draw(gallery)
    assert atlas.shown_model(gallery.database) == "encoder b"
    assert atlas.where(gallery.database, MODEL) == {}


def test_large_galleries_are_drawn_by_landmarks(gallery, seen, monkeypatch):
    boats, houses = seen(40, 0), seen(40, 1)
    monkeypatch.setattr(task, "LANDMARKS", 30)
    report = Report()
    assert draw(gallery, report)["pictures"] == 80 and "placing the others" in report.stages
    at = lying(gallery)
    own = [np.mean([at[id] for id in kind], axis=0) for kind in (boats, houses)]
    right = [np.linalg.norm(at[id] - own[0]) < np.linalg.norm(at[id] - own[1]) for id in boats]
    assert sum(right) == len(right)


def test_groups_without_captions_have_no_names(gallery, seen):
    seen(12, 0, caption=False)
    draw(gallery)
    assert {one.name for one in atlas.places(gallery.database, MODEL)} == {""}
