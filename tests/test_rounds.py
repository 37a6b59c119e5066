"""Watched folders are looked at while the worker rests: when, how often, how cheaply, and that nobody is bothered by it."""

import os
import threading
from pathlib import Path

import pytest
from fakes import work
from test_folders import by_name, encoded, picture, tools, tree  # noqa: F401  the fixtures

from studio.domain.errors import BadInput
from studio.gallery.coming import folders, places
from studio.jobs import lock
from studio.workshop import disks, scanning
from studio.workshop.rescanning import LOOK_SECONDS, QUIET_SECONDS, Rounds
from studio.workshop.tasks import Outcome
from studio.workshop.worker import Worker

MINUTE = 60.0


class Time:
    """Both clocks, which go on when a test says so."""

    def __init__(self):
        self.at = 1_000_000.0

    def __call__(self):
        return self.at

    def pass_(self, seconds):
        self.at += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def look(queue, time):
    """The worker's main thread comes by, with a minute gone since the last time."""
    rounds = Rounds(queue, clock=time, now=time)

    def by(*, minutes=10, idle=True, after=MINUTE):
        time.pass_(after)
        return rounds(minutes=lambda: minutes, idle=lambda: idle)

    return by


@pytest.fixture
def watched(database, tmp_path, time):
    """Makes folders that were scanned just now."""

    def make(*names):
        made = []
        for name in names:
            folder = folders.add(database, tmp_path / name, watched=True)
            database.write("UPDATE folders SET scanned_at = ? WHERE id = ?", time(), folder.id)
            made.append(folder)
        return made

    return make


def done(queue, database, job, time, **result):
    """The worker has done it."""
    assert queue.claim("fetch", "w").id == job.id
    queue.finish(job.id, "done", result=result)
    database.write("UPDATE jobs SET ended_at = ? WHERE id = ?", time(), job.id)
    database.write("UPDATE folders SET scanned_at = ? WHERE id = ?", time(), job.payload["rescan"])


def test_a_folder_is_looked_at_again_when_it_has_rested_so_long(queue, database, watched, look, time):
    (folder,) = watched("a")
    assert [look() for _ in range(9)] == [None] * 9
    job = look()
    assert job.payload == {"folder": folder.path, "rescan": folder.id, "unasked": True} and job.lane == "fetch"
    assert [look(after=20 * MINUTE) for _ in range(3)] == [None] * 3  # it is on its way: none is put behind it
    done(queue, database, job, time)
    assert look(after=9 * MINUTE) is None and look(after=MINUTE).payload == job.payload


def test_how_long_it_rests_is_a_setting_and_zero_is_never(watched, look):
    watched("a")
    assert look(minutes=0, after=1_000 * MINUTE) is None and look(minutes=1_440) is None
    assert look(minutes=3) is not None


def test_nothing_is_queued_while_the_worker_has_something_to_do(queue, watched, look):
    watched("a")
    assert look(idle=False, after=30 * MINUTE) is None
    waiting = queue.submit("paint", {})
    assert look() is None
    queue.cancel(waiting.id)
    assert look() is not None


def test_of_many_folders_one_at_a_time_is_looked_at_each_in_its_turn(queue, database, watched, look, time):
    made = watched("a", "b", "c")
    time.pass_(20 * MINUTE)
    seen = []
    for _ in made:
        job = look()
        assert look() is None
        done(queue, database, job, time)
        seen.append(job.payload["rescan"])
    assert sorted(seen) == [folder.id for folder in made] and look() is None


def test_a_folder_that_cannot_be_scanned_waits_its_turn_as_well(queue, database, watched, look, time):
    """Its `scanned_at` stays what it was; asked for by that alone it would be looked at again and again."""
    gone, _ = watched("gone", "there")
    database.write("UPDATE folders SET scanned_at = 1 WHERE id = ?", gone.id)
    job = look()
    assert job.payload["rescan"] == gone.id
    done(queue, database, job, time)
    database.write("UPDATE folders SET scanned_at = 1 WHERE id = ?", gone.id)
    assert [look() for _ in range(8)] == [None] * 8
    assert look(after=3 * MINUTE).payload["rescan"] != gone.id  # whoever was looked at longest ago comes first


def test_between_two_looks_no_row_is_read(queue, database, watched, look):
    watched("a")
    look()
    read = []
    database._connection().set_trace_callback(read.append)
    assert [look(after=LOOK_SECONDS / 80) for _ in range(50)] == [None] * 50 and read == []
    assert look(after=LOOK_SECONDS) is None and read
    database._connection().set_trace_callback(None)


def test_a_clock_that_was_set_back_is_no_rest(watched, look, time):
    watched("a")
    time.pass_(-86_400.0)
    assert look() is not None


def test_what_found_nothing_leaves_the_list_and_what_found_something_stays(queue, database, watched, look, time):
    watched("a")
    quiet = look(after=11 * MINUTE)
    done(queue, database, quiet, time, news=0, imported=0)
    assert look(after=QUIET_SECONDS / 2) is None and queue.get(quiet.id).state == "done"  # who waits for it can read it
    look(after=QUIET_SECONDS)
    with pytest.raises(BadInput):
        queue.get(quiet.id)
    loud = look(after=11 * MINUTE)
    done(queue, database, loud, time, news=2, imported=2)
    failed = look(after=11 * MINUTE)
    queue.claim("fetch", "w")
    queue.finish(failed.id, "failed", error="Something.")
    database.write("UPDATE jobs SET ended_at = ? WHERE id = ?", time(), failed.id)
    look(after=5 * MINUTE)
    assert {job.id for job in queue.list()} == {loud.id, failed.id}
    removed = look(after=11 * MINUTE)
    queue.cancel(removed.id)
    queue.forget(removed.id)
    assert look(after=11 * MINUTE) is not None  # somebody took it off the list


def test_folders_that_are_looked_at_keep_no_worker_up(home):
    worker = Worker(home, lock=lock.Lock(home), name="w", tasks={}, warm_up=False)
    lane = worker._lanes[-1]
    for one in worker._lanes:
        one.wanted -= 1_000
    lane.alive()  # an unasked scan has just ended
    assert worker._idle_for() >= 1_000
    worker._tools.database.close()


# --- the scan itself ------------------------------------------------------------------------------------------------------


@pytest.fixture
def scanned(tools, tree):  # noqa: F811
    """A folder that is watched and in the gallery."""
    work(tools, "import", {"folder": str(tree), "watch": True})
    return folders.listed(tools.database)[0]


def again(tools, folder):  # noqa: F811
    return work(tools, "import", {"folder": folder.path, "rescan": folder.id, "unasked": True})


def test_a_scan_that_finds_all_as_it_was_writes_one_row_and_reads_no_file(tools, tree, scanned, monkeypatch):  # noqa: F811
    monkeypatch.setattr(scanning, "read_file", lambda path: pytest.fail("a file was read"))
    (timed,) = tools.database.one("SELECT count(*) FROM timings WHERE subject = 'import'")
    wrote = []
    tools.database._connection().set_trace_callback(
        lambda sql: wrote.append(sql) if "folder_files" in sql and not sql.lstrip().startswith("SELECT") else None
    )
    result = again(tools, scanned).result
    tools.database._connection().set_trace_callback(None)
    assert (result["news"], result["duplicates"]) == (0, 5) and [
        sql for sql in wrote if "UPDATE folders" not in sql
    ] == []
    assert (
        tools.database.one("SELECT count(*) FROM timings WHERE subject = 'import'")[0] == timed
    )  # it would foretell nothing


def test_what_is_new_moved_gone_or_newly_left_out_is_news_and_only_once(tools, tree, scanned):  # noqa: F811
    def news():
        return again(tools, scanned).result["news"]

    (tree / "new.png").write_bytes(encoded(picture(77)))
    assert (news(), news()) == (1, 0)
    (tree / "0.png").rename(tree / "renamed.png")
    assert (news(), news()) == (1, 0)
    (tree / "2.png").unlink()
    assert (news(), news()) == (1, 0)
    (tree / "broken.png").write_bytes(b"no picture")
    assert (news(), news()) == (1, 0)
    os.mkfifo(tree / "pipe.png")  # read anew each time, and left out each time for the same reason
    assert (news(), news()) == (1, 0)


def test_a_folder_that_is_not_there_fails_nobody_who_did_not_ask(tools, tree, scanned):  # noqa: F811
    tree.rename(tree.with_name("away"))
    job = again(tools, scanned)
    assert job.state == "done" and not job.result["news"]
    assert "plugged in" in folders.listed(tools.database)[0].note
    assert all(one.gone_at is None for one in by_name(tools.gallery).values())


def test_a_disk_that_hangs_ends_the_scan_with_a_sentence_and_marks_nothing(tools, tree, scanned, monkeypatch):  # noqa: F811
    answers, asked = threading.Event(), []
    real = scanning.files_below

    def hang(folder, **options):
        asked.append(folder)
        answers.wait()
        return real(folder, **options)

    monkeypatch.setattr(scanning, "files_below", hang)
    monkeypatch.setattr(disks, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(disks, "SIGN_SECONDS", -1.0)
    try:
        assert again(tools, scanned).state == "done"  # nobody asked, so nobody is told that it failed
        assert "does not answer" in folders.listed(tools.database)[0].note and len(asked) == 1
        with pytest.raises(BadInput, match="does not answer"):  # somebody asks, and nobody else is sent after the first
            work(tools, "import", {"folder": scanned.path, "rescan": scanned.id})
        assert len(asked) == 1 and all(one.gone_at is None for one in by_name(tools.gallery).values())
    finally:
        answers.set()
    for thread in threading.enumerate():
        if thread.name.startswith("no answer from"):
            thread.join(10)
    monkeypatch.setattr(disks, "SIGN_SECONDS", 60.0)
    assert again(tools, scanned).result["duplicates"] == 5 and folders.listed(tools.database)[0].note == ""


def test_a_file_that_hangs_while_it_is_read_ends_the_scan_too(tools, tree, scanned, monkeypatch):  # noqa: F811
    answers = threading.Event()
    for number in range(20, 24):
        (tree / f"{number}.png").write_bytes(encoded(picture(number)))
    monkeypatch.setattr(scanning, "read_file", lambda path: answers.wait() and b"")
    monkeypatch.setattr(disks, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(disks, "READ_SECONDS", -1.0)
    try:
        again(tools, scanned)
    finally:
        answers.set()
    (folder,) = folders.listed(tools.database)
    assert "does not answer" in folder.note and folders.left_out(tools.database, folder.id) == []
    for thread in threading.enumerate():
        if thread.name.startswith("no answer from"):
            thread.join(10)
    monkeypatch.undo()
    assert again(tools, scanned).result["imported"] == 4


def test_where_a_picture_lay_on_a_disk_that_does_not_answer_is_not_asked_for_inside_a_transaction(
    tools, tree, scanned, tmp_path, monkeypatch,  # noqa: F811
):  # fmt: skip
    """What lies on such a disk is found elsewhere: it lies there from now on, and no lstat holds all who write."""
    folders.end(tools.database, scanned.id, note="The disk does not answer.")
    asked = []
    real = os.path.lexists
    monkeypatch.setattr(places.os.path, "lexists", lambda path: asked.append(str(path)) or real(path))
    other = tmp_path / "other"
    other.mkdir()
    (other / "0.png").write_bytes((tree / "0.png").read_bytes())
    assert work(tools, "import", {"folder": str(other), "watch": True}).result["moved"] == 1
    assert not any(Path(path).is_relative_to(tree) for path in asked)
    assert by_name(tools.gallery)["0.png"].place == str(other / "0.png")


def test_a_worker_that_has_nothing_to_do_looks_by_itself(home, database, tmp_path):
    folder = folders.add(database, tmp_path, watched=True)
    held = lock.Lock(home)
    assert held.take()
    seen = []

    def scan(job, report, tools):  # noqa: F811
        seen.append((job.payload["rescan"], job.payload["unasked"]))
        worker.stop.set()
        return Outcome({"news": 0})

    worker = Worker(home, lock=held, name="w", tasks={"import": scan}, warm_up=False)
    try:
        assert worker.run() and seen == [(folder.id, True)]
    finally:
        held.release()
        worker._tools.database.close()


def test_a_worker_that_shall_not_look_does_not(home, database, queue, tmp_path, monkeypatch):
    folders.add(database, tmp_path, watched=True)
    database.keep("settings", "settings", {"rescan_minutes": 0})
    monkeypatch.setenv("EASEL_IDLE_SECONDS", "0.5")  # it ends by itself, having come by more than once
    held = lock.Lock(home)
    assert held.take()
    worker = Worker(home, lock=held, name="w", tasks={}, warm_up=False)
    try:
        assert worker.run() and queue.list() == []
    finally:
        held.release()
        worker._tools.database.close()
