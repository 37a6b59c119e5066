"""Grids in the queue: one press is one grid, a cell is a job, and what was lost is painted without painting the rest again."""

import dataclasses

import pytest

from studio.database import Database
from studio.domain.errors import BadInput, PackMissing
from studio.domain.grid import Axis, Grid
from studio.domain.recipe import Recipe
from studio.jobs.grids import Grids
from studio.jobs.queue import Queue

SIZE = (256, 128)  # of every source, in pixels
GRID = Grid(Recipe("a red star", seed=3), Axis("steps", (4, 8, 16)), Axis("guidance", (2.0, 4.0)))


class House:
    """The grids over a real queue; remembers whom it asked and whether it woke somebody."""

    def __init__(self, queue):
        self.asked, self.woken, self.queue = [], 0, queue
        self.grids = Grids(
            database=queue.database, queue=queue, worded=self._worded, ready=self._ready, awake=self._awake,
            sized=lambda recipe: SIZE if recipe.source else None,
        )  # fmt: skip

    def _worded(self, recipe, styles):
        """A style is its own name at the end."""
        said = dataclasses.replace(recipe, prompt=", ".join([recipe.prompt, *styles]))
        return said, {"prompt": recipe.prompt} if styles else {}

    def _ready(self, recipe):
        self.asked.append(recipe.pack)
        if recipe.pack == "sdxl":
            raise PackMissing("Pack sdxl is not installed; install it on the Shelf page.")

    def _awake(self):
        self.woken += 1

    def paint(self, state="done", *, artwork=None, **rest):
        """Play the worker for the next cell; returns its place."""
        job = self.queue.claim("paint", "w")
        result = {"artworks": [artwork or job.id + 1000]} if state == "done" else rest.pop("result", None)
        self.queue.finish(job.id, state, result=result, **rest)
        return tuple(job.payload["cell"])

    def progress(self, held):
        made = self.grids.progress(self.grids.squares(held))
        return made.done, made.all, made.live, made.missing


@pytest.fixture
def house(queue):
    return House(queue)


def test_each_cell_is_a_job_that_says_where_it_stands(house, queue):
    held = house.grids.start(GRID)
    jobs = queue.list(("waiting",))
    assert [tuple(job.payload["cell"]) for job in jobs] == [(cell.column, cell.row) for cell in GRID.cells]
    assert all(job.payload["grid"] == held.id and job.payload["keep"] is True for job in jobs)
    assert [Recipe.from_dict(job.payload["recipe"]) for job in jobs] == [cell.recipe for cell in GRID.cells]
    assert house.grids.get(held.id) == held and house.woken == 1 and house.asked == ["storybook"]


def test_a_double_press_makes_one_grid(house, queue):
    first = house.grids.start(GRID, key="press-1")
    assert house.grids.start(GRID, key="press-1") == first
    assert queue.count() == 6
    assert house.grids.start(GRID, key="press-2").id != first.id
    assert queue.count() == 12


def test_what_is_not_installed_queues_nothing_and_keeps_no_grid(house, queue):
    mixed = Grid(Recipe("a red star"), Axis("pack", ("storybook", "sdxl")), Axis("steps", (4, 8)))
    with pytest.raises(PackMissing):
        house.grids.start(mixed, key="press")
    assert queue.count() == 0 and house.grids.latest() == [] and house.woken == 0
    assert house.asked == ["storybook", "sdxl"]


def test_progress_is_cells_done_of_all_with_the_time_left(house, queue):
    held = house.grids.start(GRID)
    assert house.progress(held) == (0, 6, 6, 0)
    assert house.grids.progress(house.grids.squares(held)).seconds_left is None
    assert house.grids.foretold(GRID) is None
    queue.record_timing("paint:storybook:128x128:dpm++ 2m", 10.0, 1.0)
    assert house.grids.foretold(GRID) == pytest.approx(2 * (4 + 8 + 16) / 10)
    house.paint()
    left = house.grids.progress(house.grids.squares(held)).seconds_left
    assert house.progress(held) == (1, 6, 5, 0) and left == pytest.approx((2 * 28 - 4) / 10)


def test_time_goes_by_the_source_and_by_how_it_is_painted(house, queue):
    larger = Recipe("a red star", task="enlarge", source="0" * 64, factor=2, strength=0.5)
    grid = Grid(larger, Axis("steps", (4, 8)))
    queue.record_timing("paint:storybook:128x128:dpm++ 2m:enlarge", 10.0, 1.0)
    assert house.grids.foretold(grid) == pytest.approx((2 + 4) * 8 / 10), "eight times the area of what is worked on"
    assert house.grids.foretold(grid, offload=True) is None
    queue.record_timing("paint:storybook:128x128:dpm++ 2m:enlarge:offload", 10.0, 2.0)
    assert house.grids.foretold(grid, offload=True) == pytest.approx(2 * (2 + 4) * 8 / 10)
    held = house.grids.start(grid, offload=True)
    assert all(job.payload["source_size"] == [256, 128] and job.payload["offload"] is True for job in queue.list())
    assert house.grids.progress(house.grids.squares(held)).seconds_left == pytest.approx(2 * (2 + 4) * 8 / 10)


def test_cancel_stops_what_is_to_come_and_keeps_what_is_there(house, queue):
    other = queue.submit("paint", {"recipe": Recipe("a boat").to_dict()})
    queue.to_front(other.id)
    held = house.grids.start(GRID)
    queue.claim("paint", "w")
    house.paint()
    running = queue.claim("paint", "w")
    house.grids.cancel(held.id)
    assert queue.get(running.id).cancel and queue.get(running.id).state == "running"
    assert house.progress(held) == (1, 6, 1, 4)
    assert queue.get(other.id).state == "running" and not queue.get(other.id).cancel
    queue.finish(running.id, "cancelled", error="Cancelled.")
    assert house.progress(held) == (1, 6, 0, 5)


def test_only_what_is_missing_is_painted_again_and_a_second_press_adds_nothing(house, queue):
    held = house.grids.start(GRID)
    assert [house.paint(), house.paint("failed", error="No numbers."), house.paint("refused", error="A sign.")]
    lost = tuple(queue.claim("paint", "w").payload["cell"])
    queue.lost()  # its worker died
    house.paint()
    house.grids.cancel(held.id)
    assert house.progress(held) == (2, 6, 0, 3)
    assert house.grids.paint_missing(held.id, key="press-9") == 3
    assert house.grids.paint_missing(held.id, key="press-9") == 0
    assert house.grids.paint_missing(held.id) == 0
    again = queue.list(("waiting",))
    assert {job.attempts for job in again if tuple(job.payload["cell"]) == lost} == {1}
    while queue.count(("waiting",)):
        house.paint()
    assert house.progress(held) == (5, 6, 0, 0)  # the refused one would be refused again
    (refused,) = [square for square in house.grids.squares(held) if square.artwork is None]
    assert refused.job.state == "refused" and refused.job.error == "A sign."
    assert house.grids.paint_missing(held.id) == 0


def test_styles_are_put_on_each_cell_once_and_for_all(house, queue):
    held = house.grids.start(GRID, styles=["as ink"])
    house.grids.cancel(held.id)
    house.grids.paint_missing(held.id)
    for state in ("cancelled", "waiting"):
        jobs = queue.list((state,))
        assert {job.payload["recipe"]["prompt"] for job in jobs} == {"a red star, as ink"} and len(jobs) == 6
        assert all(job.payload["typed"] == {"prompt": "a red star"} for job in jobs)
    assert held.grid.base.prompt == "a red star"


def test_a_cell_that_is_run_again_from_the_queue_fills_its_place(house, queue):
    held = house.grids.start(GRID)
    place = house.paint("failed", error="No numbers.")
    (failed,) = [job for job in queue.list() if job.state == "failed"]
    again = queue.again(failed.id)
    queue.to_front(again.id)
    assert house.paint(artwork=77) == place
    assert {(one.column, one.row): one.artwork for one in house.grids.squares(held)}[place] == 77
    queue.cancel(queue.again(failed.id).id)  # and one that comes to nothing takes no picture away
    assert {(one.column, one.row): one.artwork for one in house.grids.squares(held)}[place] == 77


def test_an_artwork_knows_its_place_in_the_latest_grid(house, queue):
    first = house.grids.start(GRID)
    assert house.grids.of_artwork(5) is None
    assert house.paint(artwork=5) == (0, 0)
    house.paint(artwork=6)
    assert house.grids.of_artwork(5) == (first.id, 0, 0) and house.grids.of_artwork(6) == (first.id, 1, 0)
    house.grids.cancel(first.id)
    second = house.grids.start(GRID)
    house.paint(artwork=5)
    assert house.grids.of_artwork(5) == (second.id, 0, 0)


def test_the_list_tells_each_grid_in_a_line_newest_first(house, database):
    held = house.grids.start(GRID)
    house.paint()
    alone = house.grids.start(Grid(Recipe("a boat"), Axis("seed", (1, 2))))
    database.write("INSERT INTO grids (body, made_at) VALUES ('{\"version\": 9}', 0)")
    lines = house.grids.latest()
    assert [(one.id, one.title, one.prompt, one.done, one.all) for one in lines if one.all > 1] == [
        (alone.id, "Seed", "a boat", 0, 2),
        (held.id, "Steps × Guidance", "a red star", 1, 6),
    ]
    with pytest.raises(BadInput, match="no grid 99"):
        house.grids.get(99)


def test_a_hundred_cells_are_one_line_of_the_queue(house, queue):
    before, held = queue.submit("paint", {}), None
    held = house.grids.start(Grid(Recipe("a star"), Axis("seed", tuple(range(100)))))
    after, look = queue.submit("paint", {}), queue.submit("find", {})
    live = house.grids.gathered(("waiting", "running"), limit=10)
    assert [job.payload.get("grid") for job in live] == [None, held.id, None, None]
    assert {job.id for job in live} >= {before.id, after.id, look.id}
    queue.cancel(before.id)
    house.paint()
    running = queue.claim("paint", "w")
    assert [job.id for job in house.grids.gathered(("waiting", "running"), ("paint",))] == [running.id, after.id]
    assert [job.id for job in house.grids.gathered(("done", "cancelled"))] == [before.id]  # the grid still lives above
    queue.finish(running.id, "done")
    house.grids.cancel(held.id)
    ended = house.grids.gathered(("done", "cancelled"), limit=10)
    assert [job.payload.get("grid") for job in ended] == [held.id, None]
    assert len(house.grids.gathered(())) == 4


def test_grids_survive_a_restart(house, home, queue):
    held = house.grids.start(GRID, key="press")
    house.paint()
    reopened = Database(home / "easel.db")
    again = House(Queue(reopened))
    assert again.grids.get(held.id) == held and again.progress(held) == (1, 6, 5, 0)
    assert again.grids.start(GRID, key="press") == held
    reopened.close()


def test_a_home_of_yesterday_opens_with_its_jobs(home, monkeypatch):
    from studio import database as module

    monkeypatch.setattr(module, "MIGRATIONS", tuple(one for one in module.MIGRATIONS if one[0] != "grids"))
    old = Database(home / "easel.db")
    job = Queue(old).submit("paint", {"recipe": Recipe("a star").to_dict()})
    old.write("INSERT INTO jobs (kind, lane, place, payload, created_at) VALUES ('paint', 'paint', 9, 'no json', 0)")
    old.close()
    monkeypatch.undo()
    opened = Database(home / "easel.db")
    assert Queue(opened).get(job.id).payload == job.payload and opened.problems() == []
    House(Queue(opened)).grids.start(GRID)
    opened.close()
