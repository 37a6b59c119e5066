"""What it will take here: the device as the worker tells of it, the history that corrects the estimate, ways to take less."""

import gc
import os

import pytest
from fakes import FakeModels, FakePainter

from studio import machine
from studio.domain.recipe import Recipe
from studio.jobs import forecast, memory, timings
from studio.jobs.lock import Lock
from studio.jobs.memory import Foresight
from studio.packs.needs import Place, needs
from studio.packs.shelf import open_shelf
from studio.workshop.tools import Tools

GB = 1 << 30
LARGE = {"width": 512, "height": 512}


@pytest.fixture
def shelf(home):
    return open_shelf(home)


@pytest.fixture
def gpu(database):
    """The worker paints on a GPU with so many bytes free."""

    def told(free, **more):
        said = {
            "kind": "cuda",
            "name": "A GPU",
            "free": free,
            "total": 24 * GB,
            "own": 0,
            "pid": 1,
            "held": {},
            "leaving": [],
        }
        memory.tell(database, {**said, **more})

    return told


@pytest.fixture
def foresee(database, shelf, home):
    return lambda: Foresight(database, shelf, home)


def wish(**fields):
    return Recipe("a ball", **fields)


def took(database, recipe, seconds=2.0, **peaks):
    timings.record(database, *forecast.subject_and_work("paint", {"recipe": recipe.to_dict()}), seconds, **peaks)


def test_nothing_is_foretold_before_a_worker_said_where_it_paints(foresee):
    assert foresee().place is None and foresee().forecast(wish()) is None and foresee().ways(wish()) == []


@pytest.mark.parametrize(
    "said", [{}, {"kind": "cuda"}, {"kind": "cuda", "pid": "x"}, {"kind": "cuda", "pid": 1, "held": 3}]
)
def test_a_row_that_cannot_be_read_is_none(database, home, said):
    memory.tell(database, said)
    assert memory.place(database, home) is None


def test_a_forecast_is_bytes_and_seconds(database, foresee, gpu):
    gpu(8 * GB)
    told = foresee().forecast(wish())
    assert told.fits and 0 < told.needed < told.free == 8 * GB and told.seconds is None and not told.learned
    took(database, wish(), 3.0)
    assert foresee().forecast(wish()).seconds == pytest.approx(3.0)
    assert foresee().forecast(wish(count=2)).seconds == pytest.approx(6.0)


def test_main_memory_is_read_anew(database, home, shelf):
    memory.tell(database, {"kind": "cpu", "pid": 1, "free": 1, "total": 2})
    place = memory.place(database, home, memory=lambda: (5 * GB, 8 * GB))
    assert (place.kind, place.free, place.total) == ("cpu", 5 * GB, 8 * GB)


def test_what_a_dead_worker_held_is_free_again(database, home, gpu):
    gpu(2 * GB, own=3 * GB, pid=os.getpid(), held={"a": GB}, leaving=["a"])
    dead = memory.place(database, home)
    assert (dead.free, dict(dead.held)) == (5 * GB, {})
    lock = Lock(home)
    assert lock.take()
    lock.beat("worker")
    try:
        alive = memory.place(database, home)
        assert (alive.free, dict(alive.held), alive.leaving) == (2 * GB, {"a": GB}, {"a"})
    finally:
        lock.release()


def test_this_machines_own_peaks_correct_the_estimate(database, foresee, gpu, shelf):
    gpu(8 * GB)
    before = foresee().forecast(wish(**LARGE))
    found = needs(wish(**LARGE), shelf, foresee().place)
    for share in (1.0, 2.0, 3.0):
        took(database, wish(**LARGE), peak=int(share * found.working), estimate=found.working)
    after = foresee().forecast(wish(**LARGE))
    assert after.learned and after.needed - before.needed == pytest.approx(found.working, rel=0.01)
    # Another size of the same pack learns from it too, until it has a history of its own
    other = foresee().forecast(wish(width=256, height=256))
    assert other.learned
    took(database, wish(width=256, height=256), peak=100, estimate=100)
    assert foresee().forecast(wish(width=256, height=256)).needed < other.needed


def test_timings_without_a_peak_teach_nothing_and_odd_ones_little(database, foresee, gpu):
    gpu(8 * GB)
    took(database, wish())
    took(database, wish(), peak=0, estimate=100)
    assert not foresee().forecast(wish()).learned
    assert memory.correction([]) is None
    assert memory.correction([1000.0]) == memory.LEARNED[1] and memory.correction([0.001]) == memory.LEARNED[0]
    assert memory.correction([0.5, 1.0, 4.0]) == 1.0


def test_each_way_fits_and_changes_one_thing(foresee, gpu):
    gpu(8 * GB)
    large = wish(width=1024, height=1024, count=2)
    needed = foresee().forecast(large).needed
    assert foresee().forecast(large).fits
    gpu(needed - 1)
    ways = {way.kind: way for way in foresee().ways(large)}
    assert set(ways) >= {"smaller", "offload"}
    for way in ways.values():
        assert way.needed <= needed - 1
    smaller = ways["smaller"].recipe
    assert (smaller.width, smaller.height) == (768, 768) or smaller.width * smaller.height < 1024 * 1024
    assert smaller.count == 2 and ways["offload"].recipe == large


def test_fewer_is_offered_only_where_it_helps(foresee, gpu, database, monkeypatch):
    memory.tell(database, {"kind": "cpu", "pid": 1})
    eight = wish(count=8)
    monkeypatch.setattr(machine, "memory", lambda: (64 * GB, 64 * GB))
    one, many = foresee().forecast(wish()).needed, foresee().forecast(eight).needed
    assert one < many
    ways = foresee_with(foresee, monkeypatch, (one + many) // 2).ways(eight)
    fewer = next(way for way in ways if way.kind == "fewer")
    assert 1 <= fewer.recipe.count < 8
    gpu(one)  # on a GPU the painter itself paints fewer at once
    assert [way.kind for way in foresee().ways(wish(**LARGE))].count("fewer") == 0


def foresee_with(foresee, monkeypatch, free):
    made = foresee()
    import dataclasses

    made.place = dataclasses.replace(made.place, free=free)
    return made


def test_where_nothing_helps_there_is_no_way(foresee, gpu):
    gpu(1 << 20)
    assert not foresee().forecast(wish()).fits and foresee().ways(wish()) == []


def test_a_second_pass_is_the_first_to_go(foresee, gpu):
    gpu(8 * GB)
    twice = wish(hires=4.0, **LARGE)
    assert foresee().forecast(twice).needed >= foresee().forecast(wish(**LARGE)).needed


def test_a_containers_limit_is_all_there_is(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    assert machine._limits(tmp_path) == []
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    assert machine._limits(tmp_path) == [(1000, 500)]
    (tmp_path / "memory").mkdir()
    for name, text in (("limit_in_bytes", "90"), ("usage_in_bytes", "40"), ("stat", "total_inactive_file 10")):
        (tmp_path / "memory" / f"memory.{name}").write_text(text)
    assert machine._limits(tmp_path) == [(1000, 500), (90, 30)]


def test_there_is_some_memory():
    free, total = machine.memory()
    assert 0 < free <= total


def test_what_is_measured_is_set_against_what_was_foretold_of_that_source(heavy, home, gate, monkeypatch):
    import torch

    from studio.workshop import measuring, tasks

    tools = Tools(home, models=FakeModels(gate, FakePainter()))
    recipe = wish(task="enlarge", source="0" * 64, factor=2, strength=0.5, width=256, height=256)
    small, large = (
        needs(recipe, tools.models.shelf, Place("cpu", 0), source_size=size).working for size in ((64, 64), (512, 512))
    )
    assert small < large
    painter, held = FakePainter(), needs(recipe, tools.models.shelf, Place("cpu", 0)).parts
    painter.where = torch.device("cpu")
    monkeypatch.setattr(measuring.memory, "place", lambda *_: Place("cpu", 0, held=held))
    for size, working in (((64, 64), small), ((512, 512), large)):
        job = tools.queue.submit("paint", forecast.painting(recipe, source_size=size))
        watch = tasks._watch(job, recipe, painter, tools)
        watch.stop()
        watch._peak = 1  # whatever it was
        assert watch.measured == {"peak": 1, "estimate": working}
    tools.database.close()


def test_measuring_walks_no_more_than_what_painting_left(heavy, home, gate, monkeypatch):
    """A whole collection, over all that the libraries hold, made each of a user's first five pictures half a second late."""
    import torch

    from studio.workshop import measuring, tasks

    tools = Tools(home, models=FakeModels(gate, FakePainter()))
    recipe, painter = wish(), FakePainter()
    held = needs(recipe, tools.models.shelf, Place("cpu", 0)).parts
    painter.where = torch.device("cpu")
    monkeypatch.setattr(measuring.memory, "place", lambda *_: Place("cpu", 0, held=held))
    walked = []

    def heard(phase, info):
        walked.append(info["generation"])

    gc.collect()
    gc.callbacks.append(heard)
    try:
        watch = tasks._watch(tools.queue.submit("paint", forecast.painting(recipe)), recipe, painter, tools)
        watch.stop()
    finally:
        gc.callbacks.remove(heard)
    tools.database.close()
    if not watch._measures:
        pytest.skip("this machine lets nobody measure")
    assert max(walked, default=0) < 2


def test_a_real_worker_measures_and_paints_in_the_way_that_needs_less(shared_studio):
    studio = shared_studio
    recipe = Recipe("a large red star", steps=2, count=3, width=192, height=192, seed=5)
    usual = [studio.wait(studio.paint(recipe).id, timeout=120) for _ in range(2)][-1]
    assert usual.state == "done", usual.error
    row = studio.database.one("SELECT peak, estimate FROM timings WHERE peak IS NOT NULL ORDER BY id DESC LIMIT 1")
    assert row is not None and 1 << 20 < row["peak"] < 1 << 30 and row["estimate"] > 0
    told = studio.foresight().forecast(recipe)
    assert told is not None and told.learned and told.fits and told.kind == memory.told(studio.database)["kind"]
    assert studio.foresight().place.held  # what it painted with is there already
    saved = studio.wait(studio.paint(recipe, offload=True).id, timeout=120)
    assert saved.state == "done" and saved.payload["offload"] is True
    pairs = zip(usual.result["artworks"], saved.result["artworks"], strict=True)
    for before, after in pairs:
        one, two = studio.gallery.get(before), studio.gallery.get(after)
        assert one.recipe == two.recipe and one.note == ""
        assert "less memory, as asked" in two.note
