"""The queue: order, keys, cancel, progress, forecasts, and what becomes of the jobs of a dead worker."""

import json
import time

import pytest

from studio.database import Database
from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.jobs.queue import Queue

PAINT = json.loads(json.dumps({"recipe": Recipe("a star", steps=10, count=2).to_dict()}))


def waiting(queue):
    return [job.id for job in queue.list(("waiting",))]


def test_a_double_click_makes_one_job(queue):
    first = queue.submit("paint", PAINT, key="click-1")
    assert queue.submit("paint", PAINT, key="click-1") == first
    assert queue.submit("paint", PAINT, key="click-2").id != first.id
    assert queue.count() == 2


def test_unknown_kinds_and_jobs_are_refused(queue):
    with pytest.raises(BadInput, match="dance"):
        queue.submit("dance", {})
    with pytest.raises(BadInput, match="job 99"):
        queue.get(99)


def test_lanes_are_claimed_in_order_and_only_once(queue):
    ids = [queue.submit("paint", PAINT).id for _ in range(3)]
    look = queue.submit("find", {})
    assert queue.claim("look", "w").id == look.id
    assert [queue.claim("paint", "w").id for _ in range(3)] == ids
    assert queue.claim("paint", "w") is None
    assert {job.state for job in queue.list()} == {"running"}


def test_two_hundred_jobs_keep_their_order_through_a_restart(home, queue):
    ids = [queue.submit("paint", PAINT).id for _ in range(200)]
    queue.cancel(ids[50])
    queue.to_front(ids[199])
    queue.move(ids[10], before=ids[5])
    expected = [ids[199], *ids[:5], ids[10], *ids[5:10], *ids[11:50], *ids[51:199]]
    assert waiting(queue)[:100] == expected[:100]
    reopened = Database(home / "easel.db")
    again = Queue(reopened)
    assert [again.claim("paint", "w").id for _ in range(199)] == expected
    reopened.close()


def test_moving_before_the_first_and_before_itself(queue):
    a, b, c = (queue.submit("paint", PAINT).id for _ in range(3))
    queue.move(c, before=a)
    assert waiting(queue) == [c, a, b]
    queue.move(a, before=a)
    queue.move(a, before=999)
    assert waiting(queue) == [c, a, b]


def test_cancel_waiting_running_and_ended(queue):
    running, idle = queue.submit("paint", PAINT), queue.submit("paint", PAINT)
    queue.claim("paint", "w")
    queue.cancel(running.id)
    queue.cancel(idle.id)
    assert queue.get(idle.id).state == "cancelled" and queue.get(running.id).state == "running"
    assert queue.progress(running.id, 1, 10) is True
    queue.finish(running.id, "done")
    queue.cancel(running.id)
    assert queue.get(running.id).state == "done"


def test_progress_is_written_and_an_end_is_final(queue):
    job = queue.submit("paint", PAINT)
    queue.claim("paint", "w")
    assert queue.progress(job.id, 3, 10, stage="painting", preview="p.webp", result={"artworks": [7]}) is False
    now = queue.get(job.id)
    assert (now.done, now.total, now.stage, now.preview, now.result) == (3, 10, "painting", "p.webp", {"artworks": [7]})
    assert queue.finish(job.id, "failed", error="why", seconds=1.5) is True
    assert queue.finish(job.id, "done") is False
    ended = queue.get(job.id)
    assert (ended.state, ended.error, ended.seconds, ended.preview) == ("failed", "why", 1.5, "")
    assert queue.progress(job.id, 4, 10) is True


def test_dead_workers_leave_interrupted_jobs_and_the_second_death_sets_aside(queue):
    job = queue.submit("paint", PAINT)
    kept = [queue.submit("paint", PAINT).id for _ in range(3)]
    queue.claim("paint", "first")
    assert queue.lost(alive="first") == ()
    (ended,) = queue.lost(alive="second")
    assert (ended.state, ended.attempts) == ("interrupted", 1)
    assert "same seed" in ended.error
    assert waiting(queue) == kept
    again = queue.again(job.id)
    assert again.payload == PAINT and again.attempts == 1
    queue.to_front(again.id)
    queue.claim("paint", "second")
    (ended,) = queue.lost()
    assert (ended.id, ended.state, ended.attempts) == (again.id, "failed", 2)
    assert "crashed the worker" in ended.error
    assert queue.again(ended.id).attempts == 0


def test_a_worker_that_ends_on_request_blames_nobody(queue):
    queue.submit("paint", PAINT)
    queue.claim("paint", "w")
    (ended,) = queue.lost(blame=False)
    assert (ended.state, ended.attempts) == ("interrupted", 0)


def test_a_cancelled_job_of_a_dead_worker_is_cancelled(queue):
    job = queue.submit("paint", PAINT)
    queue.claim("paint", "w")
    queue.cancel(job.id)
    assert [ended.state for ended in queue.lost()] == ["cancelled"]


def test_forecast_follows_this_machines_history(queue):
    job = queue.submit("paint", PAINT)
    assert queue.seconds_left(job) is None
    subject = "paint:storybook:128x128:dpm++ 2m"
    for seconds in (40.0, 2.0, 2.2, 1.8, 2.0):
        queue.record_timing(subject, 20.0, seconds)
    assert queue.seconds_left(job) == pytest.approx(2.0)
    second = queue.submit("paint", PAINT)
    assert queue.seconds_left(second) == pytest.approx(4.0) and queue.ahead(second.id) == 1
    queue.claim("paint", "w")
    queue.progress(job.id, 5, 10)
    assert queue.seconds_left(queue.get(job.id)) == pytest.approx(1.0)
    assert queue.seconds_left(second) == pytest.approx(3.0) and queue.ahead(second.id) == 1
    queue.progress(job.id, 12, 10)
    assert queue.seconds_left(queue.get(job.id)) == 0.0
    queue.finish(job.id, "done")
    assert queue.seconds_left(queue.get(job.id)) == 0.0


def test_only_the_last_twenty_runs_count(queue):
    subject = "paint:storybook:128x128:dpm++ 2m"
    for seconds in [100.0] * 30 + [2.0] * 20:
        queue.record_timing(subject, 20.0, seconds)
    assert queue.seconds_left(queue.submit("paint", PAINT)) == pytest.approx(2.0)
    assert queue.database.one("SELECT count(*) FROM timings")[0] == 20


def test_the_wall_clock_has_no_say(queue, monkeypatch):
    first = queue.submit("paint", PAINT)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    second = queue.submit("paint", PAINT)
    assert waiting(queue) == [first.id, second.id]
    queue.record_timing("paint:storybook:128x128:dpm++ 2m", 20.0, -5.0)
    assert queue.seconds_left(second) is None


def test_watched_while_somebody_looks(queue, monkeypatch):
    job = queue.submit("paint", PAINT)
    assert not queue.watched(job.id)
    queue.watch(job.id)
    assert queue.watched(job.id)
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 4)
    assert not queue.watched(job.id)


def test_a_paused_queue_still_answers_searches(queue):
    queue.submit("paint", PAINT)
    queue.submit("find", {})
    queue.pause("The disk is full (3 MiB free).")
    assert queue.paused() == "The disk is full (3 MiB free)."
    assert queue.claim("paint", "w") is None
    assert queue.claim("look", "w").kind == "find"
    queue.resume()
    assert queue.paused() == "" and queue.claim("paint", "w").kind == "paint"


def test_forget_only_what_ended(queue):
    job = queue.submit("paint", PAINT)
    queue.forget(job.id)
    assert queue.count() == 1
    queue.cancel(job.id)
    queue.forget(job.id)
    assert queue.count() == 0


def test_yesterdays_searches_are_tidied_and_pictures_are_not(queue):
    old = [queue.submit(kind, PAINT if kind == "paint" else {}).id for kind in ("find", "paint")]
    for id in old:
        queue.cancel(id)
    queue.database.write("UPDATE jobs SET created_at = created_at - 100000")
    young = queue.submit("find", {})
    queue.cancel(young.id)
    queue.tidy()
    assert {job.id for job in queue.list()} == {old[1], young.id}


def test_an_import_whose_worker_died_waits_for_the_next_one_and_is_set_aside_the_second_time(queue):
    job = queue.submit("import", {"folder": "/x"})
    queue.claim("fetch", "a")
    queue.progress(job.id, 5, 9, stage="importing", result={"imported": 5})
    assert [one.state for one in queue.lost(alive="b")] == ["waiting"]
    again = queue.claim("fetch", "b")
    assert (again.id, again.attempts, again.result) == (job.id, 1, {"imported": 5})
    assert queue.resume_later(job.id) and queue.get(job.id).state == "waiting"  # a worker that ends on request
    queue.claim("fetch", "c")
    (ended,) = queue.lost(alive="d")
    assert ended.state == "failed" and "goes on where it stopped" not in ended.error and "set aside" in ended.error
    other = queue.submit("import", {"folder": "/y"})
    queue.claim("fetch", "d")
    queue.cancel(other.id)
    assert queue.resume_later(other.id) is False
    assert [one.state for one in queue.lost(alive="e")] == ["cancelled"]
