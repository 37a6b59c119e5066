"""The studio as the front sees it: what it keeps, what it refuses before anything is queued, and how it waits."""

import time

import pytest

from studio.app import open_studio
from studio.domain.artwork import Query
from studio.domain.errors import BadInput, PackMissing, StorageBroken, WorkerLost
from studio.domain.recipe import Recipe
from studio.domain.settings import Settings
from studio.jobs.lock import Lock


@pytest.fixture
def studio(tmp_path):
    opened = open_studio(tmp_path / "home")
    yield opened
    opened.supervisor.stop()
    opened.close()


def test_drafts_and_settings_survive_a_restart(studio):
    studio.keep_draft("create", {"prompt": "half a thou", "count": 4})
    studio.save_settings(Settings(caution=0.05, previews=False))
    studio.close()
    again = open_studio(studio.home)
    assert again.draft("create") == {"prompt": "half a thou", "count": 4}
    assert again.draft("other") is None
    assert again.settings == Settings(caution=0.05, previews=False)
    again.close()


def test_settings_that_cannot_be_read_are_the_defaults(studio):
    studio.database.keep("settings", "settings", {"caution": "a lot"})
    assert studio.settings == Settings()


def test_a_missing_pack_is_said_before_anything_is_queued(studio):
    with pytest.raises(PackMissing, match="sdxl"):
        studio.paint(Recipe(prompt="a star", pack="sdxl"))
    assert studio.queue.count() == 0


def test_an_empty_search_needs_no_worker(studio):
    assert studio.search(Query()) == []
    assert studio.queue.count() == 0 and not studio.supervisor.state().alive


def test_a_search_tells_that_not_everything_was_read(studio, monkeypatch):
    lock = Lock(studio.home)  # this test is the worker
    assert lock.take()

    def wait(id, **more):
        assert studio.queue.claim("look", "test") is not None
        studio.queue.finish(id, "done", result={"hits": [], "said": "Half was read."})
        return studio.job(id)

    monkeypatch.setattr(studio, "wait", wait)
    told = []
    assert studio.search(Query(words=(("star", 1.0),)), told=told.append) == [] and told == ["Half was read."]
    lock.release()


def test_a_folder_that_is_none_is_refused(studio, tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path / "nul\x00byte"):
        with pytest.raises(BadInput) as caught:
            studio.import_folder(folder)
        assert caught.value.field == "folder"
    assert studio.queue.count() == 0


def test_waiting_tells_of_every_change_and_ends_with_the_job(studio):
    lock = Lock(studio.home)  # this test is the worker
    assert lock.take()
    lock.beat("test")
    job = studio.queue.submit("paint", {"recipe": Recipe(prompt="x").to_dict()})
    seen = []

    def step(now):
        seen.append(now.state)
        if now.state == "waiting":
            studio.queue.claim("paint", "test")
        elif now.state == "running" and now.done == 0:
            studio.queue.progress(job.id, 1, 2, stage="painting")
        elif now.state == "running":
            studio.queue.finish(job.id, "done", seconds=0.1)

    ended = studio.wait(job.id, on_change=step, timeout=30, poll=0.001)
    lock.release()
    assert ended.state == "done" and seen == ["waiting", "running", "running", "done"]


def test_waiting_does_not_wait_for_ever(studio):
    job = studio.queue.submit("paint", {"recipe": Recipe(prompt="x").to_dict()})
    started = time.monotonic()
    with pytest.raises(WorkerLost, match="did not end"):
        studio.wait(job.id, timeout=0.05, poll=0.001)
    assert time.monotonic() > started


def test_a_job_that_is_not_there_is_a_sentence(studio):
    with pytest.raises(BadInput, match="no job 999"):
        studio.job(999)


def test_facts_are_true(studio):
    facts = studio.facts()
    assert facts["home"] == str(studio.home) and facts["free_bytes"] > 0 and facts["artworks"] == 0
    assert facts["versions"]["torch"] != "missing"


def test_a_home_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageBroken, match="EASEL_HOME"):
        open_studio(tmp_path / "file" / "home")


def test_a_path_with_spaces_and_emoji_works(tmp_path):
    opened = open_studio(tmp_path / "my studio 🦊")
    opened.keep_draft("create", {"prompt": "x"})
    assert opened.draft("create") == {"prompt": "x"}
    opened.close()
