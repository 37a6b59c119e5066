"""The worker as a process: jobs done, killed, hung, cancelled, stopped; a full disk. Real files and no weights."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.domain.artwork import Query
from studio.domain.recipe import Recipe
from studio.jobs import lock
from studio.jobs.supervisor import Supervisor
from studio.workshop.worker import Worker

HERE = Path(__file__).parent
COMMAND = (sys.executable, str(HERE / "odd_worker.py"))
PATIENCE = 60.0  # of a busy machine


@pytest.fixture
def environment(known_positive):
    return {"KNOWN_POSITIVE": str(known_positive), "EASEL_HANG_SECONDS": "60", "PYTHONPATH": str(HERE.parent)}


@pytest.fixture
def supervisor(home, queue, environment):
    made = Supervisor(home, queue=queue, command=COMMAND, environment=environment, beat_seconds=10)
    yield made
    made.stop()


def until(true: Callable[[], object], supervisor: Supervisor | None = None, *, seconds: float = PATIENCE) -> None:
    """Wait for something to become true, looking after the worker as a page does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        if supervisor is not None:
            supervisor.state()
        time.sleep(0.02)


def paint(queue, prompt, *, steps=5, count=1, seed=1):
    return queue.submit("paint", {"recipe": Recipe(prompt, steps=steps, count=count, seed=seed).to_dict()})


def ended(queue, job):
    return lambda: not queue.get(job.id).live


def running(queue, job, *, done=2):
    return lambda: queue.get(job.id).state == "running" and queue.get(job.id).done >= done


def worker_pid(home):
    return lock.holder(home).pid


def test_a_job_end_to_end_and_both_lanes_at_once(home, queue, gallery, supervisor):
    long = paint(queue, "slow", steps=100, count=2)
    supervisor.ensure()
    until(running(queue, long), supervisor)
    look = queue.submit("find", {})
    until(ended(queue, look), supervisor)
    assert queue.get(look.id).state == "done" and queue.get(long.id).state == "running"
    until(ended(queue, long), supervisor)
    done = queue.get(long.id)
    assert done.state == "done" and done.seconds > 0 and len(done.result["artworks"]) == 2
    artworks = gallery.many(done.result["artworks"])
    assert [artwork.recipe.seed for artwork in artworks.values()] == [1, 2]
    assert all(gallery.path(artwork).exists() and artwork.job == long.id for artwork in artworks.values())
    assert list((home / "previews").iterdir()) == []
    assert (home / "logs" / "worker.log").read_text().count("done") >= 2


def test_kill_nine_in_the_middle(home, queue, gallery, supervisor):
    job = paint(queue, "slow", steps=150, count=2, seed=7)
    others = [paint(queue, f"next {n}") for n in range(3)]
    supervisor.ensure()
    until(running(queue, job), supervisor)
    pid = worker_pid(home)
    os.kill(pid, signal.SIGKILL)
    until(ended(queue, job), supervisor)
    lost = queue.get(job.id)
    assert lost.state == "interrupted" and "same seed" in lost.error
    for other in others:
        until(ended(queue, other), supervisor)
    assert worker_pid(home) != pid
    assert [queue.get(other.id).state for other in others] == ["done"] * 3
    order = sorted(others, key=lambda other: queue.get(other.id).started_at)
    assert [other.id for other in order] == [other.id for other in others]
    assert not [path for path in (home / "pictures").iterdir() if path.name.startswith(".tmp")]
    again = queue.again(job.id)
    until(ended(queue, again), supervisor)
    assert [art.recipe.seed for art in gallery.many(queue.get(again.id).result["artworks"]).values()] == [7, 8]
    assert gallery.check() == []


def test_a_job_that_crashes_twice_is_set_aside(queue, supervisor):
    job = paint(queue, "die")
    after = paint(queue, "a star")
    supervisor.ensure()
    until(ended(queue, job), supervisor)
    assert queue.get(job.id).state == "interrupted"
    again = queue.again(job.id)
    until(ended(queue, again), supervisor)
    assert queue.get(again.id).state == "failed" and "crashed the worker" in queue.get(again.id).error
    until(ended(queue, after), supervisor)
    assert queue.get(after.id).state == "done"


@pytest.mark.parametrize("how", ["a stuck lane", "a stuck checker", "a frozen process"])
def test_a_hung_worker_is_killed_and_the_queue_goes_on(home, queue, gallery, environment, how):
    environment["EASEL_HANG_SECONDS"] = "60" if how == "a frozen process" else "0.5"
    supervisor = Supervisor(home, queue=queue, command=COMMAND, environment=environment, beat_seconds=3)
    try:
        words = {"a stuck lane": "hang", "a stuck checker": "unseen", "a frozen process": "slow"}
        job = paint(queue, words[how], steps=5 if how == "a stuck checker" else 150)
        after = paint(queue, "a star", seed=8)
        supervisor.ensure()
        until(running(queue, job, done=0), supervisor)  # its few steps may be too quick to be written one by one
        pid = worker_pid(home)
        if how == "a frozen process":
            os.kill(pid, signal.SIGSTOP)
        until(ended(queue, job), supervisor)
        assert queue.get(job.id).state == "failed" and "stopped answering" in queue.get(job.id).error
        until(ended(queue, after), supervisor)
        assert queue.get(after.id).state == "done" and worker_pid(home) != pid
        assert [artwork.job for artwork in gallery.page(Query())] == [after.id], "what nobody looked at is not kept"
    finally:
        supervisor.stop()


def test_cancel_while_painting_leaves_no_row_and_no_file(home, queue, gallery, supervisor):
    job = paint(queue, "slow", steps=150)
    supervisor.ensure()
    until(running(queue, job), supervisor)
    queue.cancel(job.id)
    until(ended(queue, job), supervisor)
    stopped = queue.get(job.id)
    assert stopped.state == "cancelled" and stopped.done < 150
    assert gallery.count(Query()) == 0 and list((home / "pictures").iterdir()) == []


def test_failures_have_their_own_words_and_cost_one_job(home, queue, supervisor):
    jobs = [paint(queue, prompt) for prompt in ("nan", "odd", "a star")]
    supervisor.ensure()
    for job in jobs:
        until(ended(queue, job), supervisor)
    nan, odd, star = (queue.get(job.id) for job in jobs)
    assert (nan.state, odd.state, star.state) == ("failed", "failed", "done")
    assert "NaN" in nan.error and "something odd" in odd.error and "worker.log" in odd.error
    assert "ValueError" in (home / "logs" / "worker.log").read_text()


def test_a_full_disk_pauses_the_queue_and_it_goes_on_by_itself(queue, supervisor):
    job, after = paint(queue, "full"), paint(queue, "a star")
    supervisor.ensure()
    until(ended(queue, job), supervisor)
    assert queue.get(job.id).state == "failed" and "full" in queue.get(job.id).error
    until(ended(queue, after), supervisor)  # there is room in truth, so the pause ends by itself
    assert queue.get(after.id).state == "done" and queue.paused() == ""


def test_a_polite_end_blames_no_job_and_keeps_the_queue(home, queue, supervisor):
    job, after = paint(queue, "slow", steps=150), paint(queue, "a star")
    supervisor.ensure()
    until(running(queue, job), supervisor)
    supervisor.stop()
    assert lock.holder(home) is None
    assert (queue.get(job.id).state, queue.get(job.id).attempts) == ("interrupted", 0)
    assert queue.get(after.id).state == "waiting"


def test_what_is_due_every_day_and_cannot_be_done_ends_no_worker(home, queue, caplog):
    shutil.rmtree(home / "backups", ignore_errors=True)
    (home / "backups").write_text("a file where the folder of the backups should be")
    worker = Worker(home, lock=lock.Lock(home), name="w", tasks={}, warm_up=False)
    assert worker._tend() <= time.monotonic() and "what is due every day waits" in caplog.text
    worker._tools.database.close()


def test_a_second_worker_of_the_same_home_leaves_quietly(home, queue, supervisor, environment):
    supervisor.ensure()
    until(lambda: supervisor.state().state == "ready")
    pid = worker_pid(home)
    answer = subprocess.run(
        COMMAND,
        env={**os.environ, **environment, "EASEL_HOME": str(home)},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")
    assert worker_pid(home) == pid


def test_it_ends_when_idle_and_when_the_home_is_gone(tmp_path, home, queue, environment):
    environment["EASEL_IDLE_SECONDS"] = "0.1"
    supervisor = Supervisor(home, queue=queue, command=COMMAND, environment=environment)
    supervisor.ensure()
    until(
        lambda: (
            (home / "logs" / "worker.log").exists() and "nothing to do" in (home / "logs" / "worker.log").read_text()
        )
    )
    until(lambda: lock.holder(home) is None)
    environment["EASEL_IDLE_SECONDS"] = "600"
    other = tmp_path / "other"
    other.mkdir()
    process = subprocess.Popen(COMMAND, env={**os.environ, **environment, "EASEL_HOME": str(other)})
    until(lambda: lock.holder(other) is not None)
    until((other / "logs" / "worker.log").exists)
    shutil.rmtree(other, ignore_errors=True)
    assert process.wait(PATIENCE) is not None


def test_a_worker_that_cannot_start_is_not_started_for_ever(home, queue):
    supervisor = Supervisor(home, queue=queue, command=(sys.executable, "-c", "raise SystemExit('no torch here')"))
    until(lambda: supervisor.state(start=True).state == "broken")
    assert "no torch here" in supervisor.state(start=True).note


def test_nobody_starts_a_worker_for_an_empty_queue(home, queue):
    supervisor = Supervisor(home, queue=queue, command=COMMAND)
    assert supervisor.state().state == "none" and lock.holder(home) is None
