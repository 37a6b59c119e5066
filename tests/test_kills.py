"""Kill after kill at random moments, and picture after picture: nothing is lost, nothing is twice, nothing piles up."""

import os
import random
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from fakes import FakeChecker, FakePainter

from studio.domain.artwork import Artwork, Query
from studio.domain.recipe import Recipe
from studio.jobs import lock
from studio.jobs.supervisor import Supervisor
from studio.workshop.create import create

HERE = Path(__file__).parent
LONG = "EASEL_LONG_TESTS" in os.environ
KILLS, ROUNDS = (100, 125) if LONG else (5, 10)  # a hundred kills, a thousand pictures; the usual run makes a beginning
PATIENCE = 60.0  # of a busy machine, for one worker to begin
WAITING = (
    6  # jobs that wait for each worker: more than a quick machine finishes before the kill, so that kills hit work
)


def test_kills_at_random_moments_lose_nothing(home, queue, gallery, known_positive):
    """Submit, let the worker paint, kill it somewhere within, start another; then let the last one finish."""
    moments = random.Random(KILLS)
    environment = {"KNOWN_POSITIVE": str(known_positive), "PYTHONPATH": str(HERE.parent)}

    def fresh() -> (
        Supervisor
    ):  # after each kill, as if everything was restarted: one alone gives up after a few young deaths
        command = (sys.executable, str(HERE / "odd_worker.py"))
        return Supervisor(home, queue=queue, command=command, environment=environment)

    supervisor = fresh()
    seeds: dict[int, tuple[int, ...]] = {}  # job -> the seeds it was asked for

    passing = [seed for seed in range(1, 4_000, 2) if not refused(seed) and not refused(seed + 1)]
    pairs = iter(passing)

    def submit() -> None:
        first = next(pairs)
        recipe = Recipe("a star", steps=3, count=2, seed=first)
        seeds[queue.submit("paint", {"recipe": recipe.to_dict()}).id] = (first, first + 1)

    try:
        killed = 0
        while killed < KILLS:
            while queue.count(("waiting",)) < WAITING:
                submit()
            held = living(home, supervisor)
            began = time.monotonic()
            if killed % 4 != 3:  # every fourth is killed while it starts, the others from their first job on
                while time.monotonic() - began < PATIENCE and not queue.count(("running",)):
                    time.sleep(0.01)
            # While painting, writing, committing, or between two jobs: one job takes about 0.2 s. The first dies at work.
            time.sleep(moments.uniform(0.0, 0.6) if killed else 0.0)
            os.kill(held, signal.SIGKILL)
            os.waitpid(held, 0)
            supervisor = fresh()
            killed += 1
        deadline = time.monotonic() + PATIENCE
        while queue.count(("waiting", "running")):
            living(home, supervisor)
            assert time.monotonic() < deadline, "the queue did not go on"
            time.sleep(0.05)
    finally:
        supervisor.stop()

    with closing(sqlite3.connect(home / "easel.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    jobs = {job.id: job for job in queue.list(limit=10_000)}
    assert set(jobs) == set(seeds), "an acknowledged job is gone"
    assert {job.state for job in jobs.values()} <= {"done", "interrupted"}
    artworks = gallery.page(Query(limit=1_000))
    painted = [artwork.recipe.seed for artwork in artworks]
    assert len(set(painted)) == len(painted) == len({artwork.sha256 for artwork in artworks}), (
        "a picture is there twice"
    )
    for artwork in artworks:  # one found as a file without its row, and adopted, does not know its job
        assert artwork.job is None or artwork.recipe.seed in seeds[artwork.job]
    for job, asked in seeds.items():
        mine = tuple(seed for seed in asked if seed in painted)
        assert mine == asked if jobs[job].state == "done" else mine == asked[: len(mine)]
    assert any(job.state == "done" for job in jobs.values()) and any(
        job.state == "interrupted" for job in jobs.values()
    )
    assert sorted(artwork.file for artwork in artworks) == gallery.files.stored()
    assert not list(home.rglob(".tmp*")) and gallery.check() == []


def refused(seed: int) -> bool:
    """Whether the fake painter's colour for this seed happens to be one that the fake checker refuses."""
    (scores,) = FakeChecker()([FakePainter().picture(seed, (4, 4))])
    return scores["magenta"] > 0


def living(home: Path, supervisor: Supervisor) -> int:
    """The process of a worker that has taken its lock; starts one where there is none."""
    deadline = time.monotonic() + PATIENCE
    while True:
        supervisor.ensure()
        held = lock.holder(home)
        if held is not None and held.pid > 1 and Path(f"/proc/{held.pid}/stat").exists():
            return held.pid
        assert time.monotonic() < deadline, "no worker came"
        time.sleep(0.02)


def test_files_and_threads_stay_flat_while_much_is_painted(gallery, gate):
    """Eight pictures a round through the one path; after the first rounds nothing more is open than before."""

    def paint(number: int) -> tuple[int, int]:
        recipe = Recipe("a star", steps=2, count=8, seed=1 + 8 * number)
        made = list(create(recipe, painter=FakePainter(), gate=gate, gallery=gallery, report=Silent(), job=None))
        kept = [one for one in made if isinstance(one, Artwork)]
        assert len(made) == 8 and kept
        assert gallery.page(Query(limit=8))[0].id == kept[-1].id
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), threading.active_count()

    counts = [paint(number) for number in range(ROUNDS)]
    assert set(counts[2:]) == {counts[2]}, "open files or threads pile up"
    assert gallery.count(Query()) > 7 * ROUNDS  # a few colours are refused


class Silent:
    """A report that nobody reads."""

    def __call__(self, done, total, draft=None):
        """Nothing to write down."""
