"""Every page, alone and in its frame, without a browser: what it shows, what its buttons do, and that it never breaks.

The worker is played by the tests: they claim, report and finish real jobs in the real queue.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest

from studio.app import Studio, open_studio
from studio.domain.artwork import Artwork, Hit
from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.domain.query import Filter, Query
from studio.domain.recipe import Recipe
from studio.domain.verdict import Verdict
from studio.jobs.lock import Lock
from studio.places import ROOT
from studio.safety.gate import Gate
from studio.ui import browse, components, desk, forms, session, show

PAGES = ("create", "guide", "gallery", "queue", "shelf", "settings")
FRAME = str(ROOT / "studio" / "ui" / "frame.py")
HOSTILE = "<img src=x onerror=alert(1)> **bold** :material/home: $x$"
PATIENCE = 60  # seconds; the machine may be busy


@pytest.fixture
def studio(begun_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """The studio that the pages will open. Its worker's place is taken by the test, so that none is started."""
    monkeypatch.setenv("EASEL_HOME", str(begun_home))
    lock = Lock(begun_home)
    assert lock.take()
    opened = open_studio(begun_home)
    yield opened
    session._opened(str(begun_home)).close()
    session._opened.clear()
    opened.close()
    lock.release()


def page(name: str, **query: str) -> AppTest:
    """A page by itself, run once."""
    return run(AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=PATIENCE), **query)


def framed(name: str = "create", **query: str) -> AppTest:
    """A page in its frame, run once."""
    test = run(AppTest.from_file(FRAME, default_timeout=PATIENCE), **query)
    return test if name == "create" else test.switch_page(f"../../pages/{name}.py").run()


def run(test: AppTest, **query: str) -> AppTest:
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def markup(test: AppTest) -> str:
    """All that the page put out as markup."""
    return "\n".join(element.proto.body for element in test.get("html"))


def text(test: AppTest) -> str:
    """What a person reads of it."""
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", markup(test), flags=re.DOTALL))


def assert_sound(test: AppTest) -> None:
    """No traceback anywhere."""
    assert not test.exception, test.exception


def painted(studio: Studio, gate: Gate, *, seed: int = 1, prompt: str = "a red star", caption: str = "") -> Artwork:
    cleared = gate.picture(Image.effect_noise((64, 64), 40 + seed).convert("RGB"))
    artwork = studio.gallery.add(cleared, Recipe(prompt=prompt, seed=seed))
    if caption:
        studio.gallery.set_caption(artwork.id, caption, "storybook")
    return studio.gallery.get(artwork.id)


def button(test: AppTest, name: str) -> Any:
    """A button by its name, whatever press it waits for."""
    (found,) = (one for one in test.button if one.key == name or str(one.key).startswith(f"{name}_press-"))
    return found


def jobs(studio: Studio, *kinds: str) -> list[Job]:
    return studio.queue.list((), kinds)


# --- all pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands_alone_with_nothing_in_the_home_folder(studio, name):
    assert_sound(page(name))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands_in_its_frame_with_pictures_and_jobs(studio, gate, name):
    painted(studio, gate, caption=HOSTILE, prompt=HOSTILE)
    studio.paint(Recipe(prompt=HOSTILE))
    test = framed(name)
    assert_sound(test)
    assert "Easel" in text(test)
    assert "<img src=x" not in markup(test)


@pytest.mark.parametrize("name", PAGES)
def test_without_a_home_folder_a_page_is_one_sentence(monkeypatch, tmp_path, name):
    taken = tmp_path / "file"
    taken.write_text("not a folder")
    monkeypatch.setenv("EASEL_HOME", str(taken / "home"))
    test = page(name)
    assert_sound(test)
    assert "cannot be written" in text(test)


def test_a_damaged_database_is_one_sentence(monkeypatch, home):
    (home / "easel.db").write_bytes(b"")
    monkeypatch.setenv("EASEL_HOME", str(home))
    test = framed()
    assert_sound(test)
    assert "is empty" in text(test)


@pytest.mark.parametrize("query", [{"job": "999"}, {"job": "x"}, {"job": "9" * 40}, {"id": "-1"}])
def test_a_strange_address_breaks_no_page(studio, query):
    assert_sound(page("create", **query))
    assert_sound(page("gallery", **query))


# --- Create ---------------------------------------------------------------------------------------------------------


def write(test: AppTest, prompt: str) -> AppTest:
    return test.text_area(key="create_prompt").set_value(prompt).run()


def test_an_empty_studio_teaches_with_something_to_click(studio):
    test = page("create")
    assert "What would you like to see?" in text(test)
    example = test.button(key="example_0")
    example.click().run()
    assert test.text_area(key="create_prompt").value == example.label


def test_paint_makes_one_job_with_what_the_form_says(studio):
    test = write(page("create"), "a red star at night")
    test.number_input(key="create_count").set_value(4).run()
    assert button(test, "paint").label == "Paint 4"
    button(test, "paint").click().run()
    assert_sound(test)
    (job,) = jobs(studio, "paint")
    recipe = Recipe.from_dict(job.payload["recipe"])
    assert (recipe.prompt, recipe.count) == ("a red star at night", 4)
    assert test.query_params["job"] == str(job.id)


def pressed_again(test: AppTest, old: Any) -> Any:
    """What a browser sends that has not redrawn the page yet: the same press once more."""
    states = test._tree.get_widget_states()
    states.widgets.add(id=old.proto.id, trigger_value=True)
    return states


def test_a_double_click_makes_one_job_however_late_its_second_half_comes(studio):
    test = write(page("create"), "a red star")
    old = button(test, "paint")
    old.click().run()
    test._run(pressed_again(test, old))
    assert_sound(test)
    assert len(jobs(studio, "paint")) == 1
    button(test, "paint").click().run()  # on the page that was redrawn it is a new wish
    assert len(jobs(studio, "paint")) == 2


@pytest.mark.parametrize("stopped", ["paint", "show_job"])
@pytest.mark.parametrize("again", [False, True], ids=["by another rerun", "by the second half of a double click"])
def test_a_press_is_one_job_when_its_run_is_stopped_halfway(studio, monkeypatch, stopped, again):
    test = write(page("create"), "a red star")
    old = button(test, "paint")
    real, stops = getattr(desk, stopped), []

    def stop_once(*given):
        if not stops:
            stops.append(True)
            raise RerunException(RerunData(widget_states=pressed_again(test, old) if again else None))
        return real(*given)

    monkeypatch.setattr(desk, stopped, stop_once)
    old.click().run()
    assert_sound(test)
    (job,) = jobs(studio, "paint")
    assert stops and test.query_params["job"] == str(job.id)
    assert test.text_input(key="create_seed").value == str(job.payload["recipe"]["seed"])


def test_a_door_is_gone_through_though_its_run_is_stopped_halfway(studio, monkeypatch):
    job = studio.paint(Recipe(prompt="a red star"))
    real, stops = desk.remember_job, []

    def stop_once(id):
        if not stops:
            stops.append(True)
            raise RerunException(RerunData())  # another rerun came in: the press itself is not told again
        real(id)

    monkeypatch.setattr(desk, "remember_job", stop_once)
    test = framed("queue")
    button(test, f"show_{job.id}").click().run()
    assert_sound(test)
    assert stops and test.query_params["job"] == str(job.id) and test.text_area(key="create_prompt") is not None


def test_two_tabs_make_a_job_each(studio):
    write(page("create"), "a red star")
    for test in (page("create"), page("create")):
        button(test, "paint").click().run()
    assert len(jobs(studio, "paint")) == 2


def test_a_locked_seed_is_painted_and_an_unlocked_one_is_rolled_and_shown(studio):
    test = write(page("create"), "a red star")
    test.text_input(key="create_seed").set_value("77").run()
    test.toggle(key="create_lock").set_value(True).run()
    button(test, "paint").click().run()
    assert jobs(studio, "paint")[0].payload["recipe"]["seed"] == 77
    test.toggle(key="create_lock").set_value(False).run()
    button(test, "paint").click().run()
    newest = max(jobs(studio, "paint"), key=lambda job: job.id)
    assert newest.payload["recipe"]["seed"] != 77
    assert test.text_input(key="create_seed").value == str(newest.payload["recipe"]["seed"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda test: write(test, "   "), "prompt is empty"),
        (lambda test: write(test, "x" * 10_000), "10,000 characters"),
        (lambda test: write(test, ""), "prompt is empty"),
        (
            lambda test: write(test, "a star").text_area(key="create_negative").set_value("x" * 10_000).run(),
            "negative has",
        ),
        (lambda test: write(test, "a star").text_input(key="create_seed").set_value("many").run(), "seed must be"),
        (lambda test: write(test, "a star").text_input(key="create_seed").set_value("-1").run(), "seed must be"),
        (lambda test: write(test, "a star").text_input(key="create_seed").set_value("1.5").run(), "seed must be"),
        (lambda test: write(test, "a star").text_input(key="create_seed").set_value("").run(), "seed must be"),
        (lambda test: write(test, "a star").text_input(key="create_seed").set_value(str(2**64)).run(), "too large"),
    ],
)
def test_bad_input_is_a_sentence_and_nothing_is_queued_or_lost(studio, change, said):
    test = page("create")
    test.toggle(key="create_lock").set_value(True).run()
    change(test)
    before = test.text_area(key="create_prompt").value
    button(test, "paint").click().run()
    assert_sound(test)
    assert said in text(test)
    assert jobs(studio) == []
    assert test.text_area(key="create_prompt").value == before == page("create").text_area(key="create_prompt").value


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("count", 1_000, "count"),
        ("steps", 0, "steps"),
        ("guidance", float("nan"), "guidance"),
        ("sampler", "nosuch", "sampler"),
        ("size", "7x7", "width"),
        ("size", "100000x100000", "width"),
        ("size", "x", "size"),
        ("hires", 99.0, "hires"),
    ],
)
def test_what_no_widget_would_send_is_a_sentence_too(studio, name, value, said):
    fields = {**forms.defaults(studio.shelf.get("storybook").manifest), "prompt": "a star", name: value}
    with pytest.raises(BadInput) as caught:
        studio.paint(forms.recipe_of(fields, seed=1))
    assert caught.value.field == said and str(caught.value).endswith(".")
    assert jobs(studio) == []
    studio.keep_draft("create", fields)  # and as a draft of another version it breaks nothing
    test = page("create")
    assert_sound(test)
    assert test.text_area(key="create_prompt").value == "a star"


@pytest.mark.parametrize(
    "prompt", [HOSTILE, "🦊 лиса 狐", "((((unbalanced", "\u202eright to left", "a\tb\nc", "x" * 3_000]
)
def test_a_prompt_is_kept_as_typed(studio, prompt):
    test = write(page("create"), prompt)
    button(test, "paint").click().run()
    assert_sound(test)
    assert jobs(studio, "paint")[0].payload["recipe"]["prompt"] == prompt
    assert "<img src=x" not in markup(test)


def test_the_draft_comes_back_in_a_new_tab_after_a_restart(studio):
    test = write(page("create"), "a fox by the sea")
    test.number_input(key="create_count").set_value(3).run()
    test.slider(key="create_steps").set_value(33).run()
    test.text_area(key="create_negative").set_value("a boat").run()
    fresh = page("create")
    assert fresh.text_area(key="create_prompt").value == "a fox by the sea"
    assert fresh.number_input(key="create_count").value == 3
    assert fresh.slider(key="create_steps").value == 33
    assert fresh.text_area(key="create_negative").value == "a boat"


def test_what_is_being_typed_is_counted_and_kept_before_it_is_sent(studio):
    test = page("create")
    test.session_state["create_typing"] = {"typed": {"text": "a red zebra", "n": 5}}
    test.run()
    assert_sound(test)
    assert studio.draft("create")["prompt"] == "a red zebra"
    assert re.search(r"\d+ of 77 tokens", text(test)) and "<mark>zebra</mark>" in markup(test)


def test_what_the_model_will_not_see_is_marked(studio):
    test = write(page("create"), "a red star " * 60)
    assert "The model will not see" in text(test) and 'class="cut"' in markup(test)


def follow(studio: Studio, job: Job, **progress: Any) -> None:
    assert studio.queue.claim("paint", "test") is not None
    studio.queue.progress(job.id, 5, 20, **progress)


def test_a_running_job_is_found_again_from_a_new_tab_and_can_be_cancelled(studio):
    job = studio.paint(Recipe(prompt="a red star"))
    follow(studio, job, stage="painting", preview="draft-1.webp")
    test = page("create")
    test.button(key=f"cancel_{job.id}").click().run()
    assert studio.job(job.id).cancel
    assert studio.queue.watched(job.id)


def finish(studio: Studio, job: Job, state: str, **rest: Any) -> None:
    assert studio.queue.claim(job.lane, "test") is not None
    assert studio.queue.finish(job.id, state, **rest)


def test_results_show_caption_verdict_and_what_can_be_done(studio, gate):
    artwork = painted(studio, gate, caption="a red star over a hill")
    job = studio.paint(Recipe(prompt="a red star"))
    finish(studio, job, "done", result={"artworks": [artwork.id], "refused": [], "count": 1}, seconds=2.0)
    test = page("create", job=str(job.id))
    assert_sound(test)
    assert f'src="/pictures/{artwork.id}"' in markup(test) and 'alt="a red star over a hill"' in markup(test)
    assert "a red star over a hill" in text(test) and "Checked" in text(test)
    assert f"/pictures/{artwork.id}?download=1" in markup(test)
    test.button(key=f"use_{artwork.id}").click().run()
    assert test.text_input(key="create_seed").value == str(artwork.recipe.seed) and test.toggle(key="create_lock").value
    test.button(key=f"again_{artwork.id}").click().run()
    newest = max(jobs(studio, "paint"), key=lambda job: job.id)
    assert newest.payload["recipe"]["prompt"] == artwork.recipe.prompt
    assert newest.payload["recipe"]["seed"] != artwork.recipe.seed


def test_a_batch_shows_what_was_kept_and_says_what_was_refused(studio, gate):
    kept = [painted(studio, gate, seed=seed, caption=f"star {seed}") for seed in (1, 2)]
    verdict = Verdict(False, ("a skull sign",), -0.07, {}, "storybook")
    job = studio.paint(Recipe(prompt="a red star", count=3))
    result = {"artworks": [one.id for one in kept], "refused": [verdict.to_dict()], "count": 3}
    finish(studio, job, "done", result=result)
    shown = text(page("create", job=str(job.id)))
    assert "star 1" in shown and "star 2" in shown
    assert "1 picture was refused" in shown and "a skull sign (margin -0.07)" in shown


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ("interrupted", "", "Interrupted"),
        ("failed", "The model produced no numbers (NaN), twice.", "The model produced no numbers"),
        ("cancelled", "", "Cancelled"),
        ("failed", "The disk is full.", "The disk is full."),
    ],
)
def test_an_ending_without_a_picture_has_its_words_and_offers_the_same_again(studio, state, error, said):
    job = studio.paint(Recipe(prompt="a red star", seed=9))
    finish(studio, job, state, error=error)
    test = page("create", job=str(job.id))
    assert said in text(test)
    assert button(test, f"run_again_{job.id}").label == "Run again, same seed"
    button(test, f"run_again_{job.id}").click().run()
    newest = max(jobs(studio, "paint"), key=lambda job: job.id)
    assert newest.id != job.id and newest.payload["recipe"]["seed"] == 9


def test_a_refused_job_shows_reasons_and_margins_and_no_pixels(studio):
    verdict = Verdict(False, ("a skull sign",), -0.07, {}, "storybook")
    job = studio.paint(Recipe(prompt="a red star"))
    finish(studio, job, "refused", result={"artworks": [], "refused": [verdict.to_dict()]}, error="a skull sign")
    test = page("create", job=str(job.id))
    assert "Refused by the safety gate" in text(test) and "a skull sign (margin -0.07)" in text(test)
    assert "/pictures/" not in markup(test) and "/previews/" not in markup(test)


# --- Gallery --------------------------------------------------------------------------------------------------------


def test_an_empty_gallery_teaches(studio):
    assert "No pictures yet" in text(page("gallery"))


def test_newest_first_without_a_query_and_no_worker_is_asked(studio, gate):
    ids = [painted(studio, gate, seed=seed).id for seed in (1, 2, 3)]
    test = page("gallery")
    assert_sound(test)
    assert test.session_state["gallery_shown"] == ids[::-1]
    assert jobs(studio) == []


def test_a_search_is_one_job_and_shows_what_it_found(studio, gate):
    first, second = (painted(studio, gate, seed=seed) for seed in (1, 2))
    test = page("gallery", q="star -house")
    (job,) = jobs(studio, "find")
    assert [words for words, _ in job.payload["words"]] == ["star", "house"]
    assert studio.queue.claim("look", "test") is not None
    studio.queue.finish(job.id, "done", result={"hits": [[first.id, 0.3], [second.id, 0.2]], "total": 2})
    test.run()
    assert_sound(test)
    assert test.session_state["gallery_shown"] == [first.id, second.id]
    assert len(jobs(studio, "find")) == 1


def test_a_search_that_leaves_some_out_says_of_how_many_these_are_the_nearest(studio, gate, monkeypatch):
    ids = [painted(studio, gate, seed=seed).id for seed in (1, 2, 3)]
    hung = []
    monkeypatch.setattr(browse, "FOUND", 2)
    monkeypatch.setattr(components, "wall", lambda **told: hung.append((told["total"], told["among"])))
    test = page("gallery", q="star")
    (job,) = jobs(studio, "find")
    assert job.payload["limit"] == 2
    finish(studio, job, "done", result={"hits": [[id, 0.3] for id in ids[:2]], "total": 3})
    assert_sound(test.run())
    assert hung == [(2, 3)]


def test_a_search_says_what_was_not_read_and_is_made_anew_once_it_was(studio, gate):
    one = painted(studio, gate)
    test = page("gallery", q="star")
    said = "The search model has read 40% of the pictures; the rest cannot be found by meaning yet."
    finish(studio, jobs(studio, "find")[0], "done", result={"hits": [[one.id, 0.3]], "total": 1, "said": said})
    test.run()
    assert_sound(test)
    assert said in text(test) and len(jobs(studio, "find")) == 1
    button(test, "search_read").click().run()
    (reading,) = jobs(studio, "embed")
    assert said in text(test) and "search_read" not in [one.key for one in test.button]
    finish(studio, reading, "done", result={"left": 0})
    assert said not in text(test.run()) and len(jobs(studio, "find")) == 2


def test_what_was_deleted_since_a_search_is_not_on_the_wall_and_shifts_nothing(studio, gate):
    first, second, third = (painted(studio, gate, seed=seed) for seed in (1, 2, 3))
    pairs = [[one.id, 0.3] for one in (first, second, third)]
    test = page("gallery", q="star")
    finish(studio, jobs(studio, "find")[0], "done", result={"hits": pairs, "total": 3})
    studio.gallery.delete(first.id)
    test.run()
    assert_sound(test)
    assert test.session_state["gallery_shown"] == [second.id, third.id]
    assert run(test, q="star", **{"from": "1"}).session_state["gallery_shown"] == [third.id]
    binned = studio.find(Query(words=(("star", 1.0),), filters=(Filter("is", "binned"),)))
    finish(studio, binned, "done", result={"hits": pairs, "total": 3})
    assert [hit.artwork.id for hit in studio.hits(studio.job(binned.id))] == [first.id]


def test_filters_are_answered_by_the_table_and_one_that_makes_no_sense_is_a_sentence(studio, gate):
    _, second = (painted(studio, gate, seed=seed) for seed in (1, 2))
    test = page("gallery", q='seed:2 "red star"')
    assert_sound(test)
    assert test.session_state["gallery_shown"] == [second.id] and jobs(studio) == []
    test = page("gallery", q="is:favourite rating:great")
    assert_sound(test)
    assert "rating takes a number from 1 to 5" in text(test) and jobs(studio) == []
    assert "no filter named" in text(page("gallery", q="shade:red"))


def test_a_failed_search_is_a_sentence(studio, gate):
    painted(studio, gate)
    test = page("gallery", q="star")
    assert studio.queue.claim("look", "test") is not None
    studio.queue.finish(jobs(studio, "find")[0].id, "failed", error="Pack storybook lacks clip/.")
    assert "lacks clip/" in text(test.run())


def test_the_detail_shows_everything_and_edits(studio, gate):
    artwork = painted(studio, gate, seed=5, prompt=HOSTILE, caption="a star")
    test = page("gallery", id=str(artwork.id))
    assert_sound(test)
    shown = text(test)
    assert HOSTILE in shown and "5" in shown and "64 × 64" in shown and artwork.sha256[:12] in shown
    test.text_area(key=f"caption_{artwork.id}").set_value("my star").run()
    test.multiselect(key=f"tags_{artwork.id}").set_value(["Night sky"]).run()
    test.text_area(key=f"remark_{artwork.id}").set_value("for the wall").run()
    assert_sound(test)
    after = studio.gallery.get(artwork.id)
    assert (after.caption, after.caption_by, after.tags, after.remark) == (
        "my star",
        "you",
        ("night sky",),
        "for the wall",
    )
    test.button(key="undo").click().run()
    assert_sound(test)
    assert studio.gallery.get(artwork.id).remark == test.text_area(key=f"remark_{artwork.id}").value == ""
    assert studio.gallery.get(artwork.id).caption == "my star"


def test_delete_goes_back_to_the_grid_and_can_be_undone(studio, gate):
    artwork = painted(studio, gate)
    test = page("gallery", id=str(artwork.id))
    test.button(key="delete").click().run()
    assert_sound(test)
    assert studio.gallery.get(artwork.id).deleted_at is not None
    assert "in the bin" in text(test)
    test.button(key="undo").click().run()
    assert studio.gallery.get(artwork.id).deleted_at is None
    assert test.session_state["gallery_shown"] == [artwork.id]


def test_a_recipe_goes_back_to_the_form(studio, gate):
    artwork = painted(studio, gate, seed=5, prompt="a fox")
    test = framed("gallery", id=str(artwork.id))
    if not test.get("html") or "a fox" not in text(test):  # the address does not follow to another page by itself
        test.query_params["id"] = str(artwork.id)
        test.run()
    test.button(key="use").click().run()
    assert_sound(test)
    assert studio.draft("create")["prompt"] == "a fox" and studio.draft("create")["seed"] == "5"
    assert test.text_area(key="create_prompt").value == "a fox"


def test_an_artwork_that_is_not_there_is_a_sentence(studio):
    test = page("gallery", id="77")
    assert_sound(test)
    assert "no artwork 77" in text(test)


def test_a_folder_that_is_none_is_a_sentence(studio):
    test = page("gallery")
    test.text_input(key="import_folder").set_value("/no/such/folder").run()
    next(button for button in test.button if button.label == "Import the folder").click().run()
    assert_sound(test)
    assert "is not a folder" in text(test) and jobs(studio) == []


def test_an_import_tells_what_it_skipped_and_why(studio, tmp_path):
    test = page("gallery")
    test.text_input(key="import_folder").set_value(str(tmp_path)).run()
    next(button for button in test.button if button.label == "Import the folder").click().run()
    (job,) = jobs(studio, "import")
    skipped = [{"name": HOSTILE, "reason": "It is not a picture."}]
    finish(studio, job, "done", result={"imported": 2, "duplicates": 1, "skipped": skipped})
    test.run()
    shown = text(test)
    assert "2 imported, 1 already here, 1 skipped." in shown and HOSTILE in shown and "not a picture" in shown
    assert "<img src=x" not in markup(test)


# --- Queue, Shelf, Settings -----------------------------------------------------------------------------------------


def test_the_queue_orders_cancels_and_repeats(studio):
    first, second, third = (studio.paint(Recipe(prompt=f"star {n}", seed=n)) for n in (1, 2, 3))
    test = page("queue")
    assert_sound(test)
    test.button(key=f"front_{third.id}").click().run()
    test.button(key=f"cancel_{second.id}").click().run()
    assert [job.id for job in studio.queue.list(("waiting",))] == [third.id, first.id]
    assert studio.job(second.id).state == "cancelled"
    button(test, f"again_{second.id}").click().run()
    assert studio.queue.list(("waiting",))[-1].payload == second.payload


def test_the_queue_says_why(studio):
    job = studio.paint(Recipe(prompt=HOSTILE))
    finish(studio, job, "failed", error="The disk is full.")
    studio.queue.pause("The disk is full: 3 MB free.")
    test = page("queue")
    shown = text(test)
    assert HOSTILE in shown and "The disk is full." in shown and "paused" in shown
    assert "<img src=x" not in markup(test)


def test_the_queue_names_what_is_about_the_whole_gallery_by_its_kind(studio):
    studio.queue.submit("map", {})
    assert "<p>Draw the map</p>" in markup(page("queue"))


def test_settings_are_kept_and_the_gate_cannot_be_made_looser(studio):
    test = page("settings")
    assert_sound(test)
    assert str(studio.home) in text(test)
    test.slider(key="settings_caution").set_value(0.05).run()
    test.number_input(key="settings_bin_days").set_value(7).run()
    test.toggle(key="settings_previews").set_value(False).run()
    assert (studio.settings.caution, studio.settings.bin_days, studio.settings.previews) == (0.05, 7, False)
    assert test.slider(key="settings_caution").min == 0


def test_the_bin_can_be_emptied_here(studio, gate):
    studio.gallery.delete(painted(studio, gate).id)
    test = page("settings")
    next(button for button in test.button if button.label.startswith("Delete 1")).click().run()
    assert_sound(test)
    assert studio.facts()["binned"] == 0


def test_a_score_of_next_to_nothing_has_no_minus(studio, gate):
    hits = [Hit(painted(studio, gate), score) for score in (-0.004, 0.004, -0.0951)]
    assert [tile["label"] for tile in show.tiles(hits)] == ["0.00", "0.00", "-0.10"]
