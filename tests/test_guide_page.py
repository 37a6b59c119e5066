"""The Guide page alone and in the frame, without a browser: its source and its tasks. The tests play the worker."""

from __future__ import annotations

import io
from typing import Any

import pytest
from guiding import answer, brush, go, guide, mask_of, recipe_of, sheet, task
from PIL import Image
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest
from test_pages import HOSTILE, assert_sound, button, framed, jobs, markup, painted, pressed_again, studio, text

from studio.domain.recipe import TASKS
from studio.ui.guide import acts, masks

__all__ = ["studio"]  # the fixture of the other pages' tests


# --- the source ---------------------------------------------------------------------------------------------------------


def test_without_a_source_the_page_teaches_with_something_to_click(studio):
    test = guide(studio)
    assert "Take a picture further" in text(test)
    test.button(key="guide_begin_person").click().run()
    assert_sound(test)
    (job,) = jobs(studio, "paint")
    assert "person" in recipe_of(job).prompt and sheet(test).arriving == job.id


def test_what_was_painted_to_begin_with_becomes_the_source(studio, gate):
    test = guide(studio)
    test.button(key="guide_begin_person").click().run()
    artwork = painted(studio, gate, prompt="a person on a beach")
    answer(studio, "paint", "paint", artworks=[artwork.id], refused=[], count=1)
    test.run()
    assert_sound(test)
    assert sheet(test).source == artwork.id and sheet(test).arriving == 0
    assert test.text_area(key="guide_prompt").value == "a person on a beach"


def test_a_dropped_file_is_imported_and_becomes_the_source(studio, gate):
    test = guide(studio)
    test.file_uploader[0].set_value(("a.png", b"not shown before it is checked", "image/png")).run()
    (job,) = jobs(studio, "import")
    assert [file["name"] for file in job.payload["files"]] == ["a.png"]
    artwork = painted(studio, gate)
    answer(studio, "import", "fetch", imported=1, ids=[artwork.id], duplicates=0, skipped=[])
    assert sheet(test.run()).source == artwork.id


def test_a_dropped_file_that_the_gallery_has_becomes_the_source_at_once(studio, gate):
    artwork = painted(studio, gate)
    test = guide(studio)
    test.file_uploader[0].set_value(("mine.png", studio.gallery.data(artwork), "image/png")).run()
    assert_sound(test)
    assert jobs(studio, "import") == [] and sheet(test).source == artwork.id and sheet(test).arriving == 0


def test_a_file_that_is_no_picture_says_why(studio):
    test = guide(studio)
    test.file_uploader[0].set_value(("a.txt", b"words", "text/plain")).run()
    answer(studio, "import", "fetch", imported=0, ids=[], skipped=[{"name": HOSTILE, "reason": "It is no picture."}])
    test.run()
    assert_sound(test)
    assert "It is no picture." in text(test) and HOSTILE in text(test) and "<img src=x" not in markup(test)


def test_the_address_brings_a_source_once_and_a_refresh_brings_everything_back(studio, gate):
    source = painted(studio, gate, prompt="a red star", caption=HOSTILE)
    test = guide(studio, source=str(source.id), task="inpaint")
    assert_sound(test)
    assert "source" not in test.query_params and sheet(test).source == source.id
    brush(test, source, mask_of(64, 64, (0, 0, 32, 64)))
    test.text_area(key="guide_fill").set_value("a sun").run()
    fresh = guide(studio)
    assert_sound(fresh)
    assert fresh.segmented_control(key="guide_task").value == "inpaint"
    assert fresh.text_area(key="guide_fill").value == "a sun"
    assert masks.share(sheet(fresh).mask) == 0.5 and "50% of the picture" in text(fresh)
    assert "<img src=x" not in markup(fresh)


@pytest.mark.parametrize(
    "query", [{"source": "999"}, {"source": "x"}, {"job": "1,x,9"}, {"job": "9" * 40}, {"task": "fly"}]
)
def test_a_strange_address_is_at_most_a_sentence(studio, query):
    assert_sound(guide(studio, **query))


def test_a_source_that_is_gone_or_in_the_bin_is_said(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    studio.gallery.delete(source.id)
    assert "In the bin" in text(test.run())
    test.button(key="guide_restore_source").click().run()
    assert studio.gallery.get(source.id).deleted_at is None
    studio.gallery.delete(source.id)
    studio.gallery.empty_bin()
    assert_sound(test.run())
    assert "The source is gone" in text(test)


# --- every task ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_stands_and_its_button_says_what_it_will_do(studio, gate, name):
    source = painted(studio, gate, caption=HOSTILE, prompt=HOSTILE)
    test = framed("guide")
    assert_sound(test)
    test.query_params["source"], test.query_params["task"] = str(source.id), name
    test.run()
    assert_sound(test)
    assert button(test, "guide_go").label.startswith(TASKS[name])
    assert "<img src=x" not in markup(test)
    go(test)  # whatever is missing is a sentence, or a job
    assert_sound(test)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("create", "Nothing guides this picture yet"),
        ("vary", "choose the source first"),
        ("inpaint", "choose the source first"),
        ("outpaint", "choose the source first"),
        ("enlarge", "choose the source first"),
    ],
)
def test_what_is_missing_is_a_sentence_and_nothing_is_queued(studio, name, said):
    test = task(guide(studio), name)
    box = "guide_fill" if name == "inpaint" else "guide_prompt"
    test.text_area(key=box).set_value("a star").run()
    assert said in text(go(test))
    assert jobs(studio) == []


BAD = {
    "no words": ("vary", lambda test: test.text_area(key="guide_prompt").set_value(" "), "prompt is empty"),
    "too many words": ("vary", lambda test: test.text_area(key="guide_prompt").set_value("x" * 10_000), "10,000"),
    "nothing to fill in": (
        "inpaint",
        lambda test: test.text_area(key="guide_fill").set_value(""),
        "Say in a few words",
    ),
    "too much without": ("vary", lambda test: test.text_area(key="guide_negative").set_value("x" * 10_000), "10,000"),
    "a seed in words": ("vary", lambda test: test.text_input(key="guide_seed").set_value("many"), "seed must be"),
    "a huge seed": ("outpaint", lambda test: test.text_input(key="guide_seed").set_value(str(2**64)), "too large"),
    "no side": ("outpaint", lambda test: button_group(test, "guide_sides", []), "Choose at least one side"),
}


def button_group(test: AppTest, key: str, value: list[str]) -> Any:
    return next(one for one in test.get("button_group") if one.key == key).set_value(value)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_sentence_and_nothing_is_queued_or_lost(studio, gate, case):
    name, spoil, said = BAD[case]
    source = painted(studio, gate, prompt="a red star")
    test = guide(studio, source=str(source.id), task=name)
    if name == "inpaint":
        brush(test, source, mask_of(64, 64, (8, 8, 24, 24)))
    test.toggle(key="guide_lock").set_value(True).run()
    spoil(test).run()
    drawn = len(jobs(studio))
    assert said in text(go(test))
    assert_sound(test)
    assert len(jobs(studio)) == drawn and sheet(test).source == source.id
    held = test.session_state["guide_held"]
    assert guide(studio).session_state["guide_held"] == held and held["lock"]
    if name == "inpaint":
        assert masks.share(sheet(test).mask) > 0


@pytest.mark.parametrize(("words", "said"), [("  ", "Say what to select"), ("x" * 10_000, "a few select better")])
def test_words_that_select_nothing_possible_are_said(studio, gate, words, said):
    source = painted(studio, gate)
    test = brush(guide(studio, source=str(source.id), task="inpaint"), source, mask_of(64, 64, (0, 0, 32, 64)))
    test.text_input(key="guide_select").set_value(words).run()
    test.button(key="guide_select_go").click().run()
    assert_sound(test)
    assert said in text(test) and jobs(studio) == [] and masks.share(sheet(test).mask) == 0.5


def test_vary_makes_one_job_with_strength_by_word_or_a_series(studio, gate):
    source = painted(studio, gate, prompt="a red star")
    test = guide(studio, source=str(source.id), task="vary")
    test.segmented_control(key="guide_strength_word").set_value("A touch").run()
    go(test)
    assert_sound(test)
    (job,) = jobs(studio, "paint")
    made = recipe_of(job)
    assert (made.task, made.strength, made.source, made.prompt) == ("vary", 0.3, source.sha256, "a red star")
    assert test.query_params["job"] == str(job.id) or test.query_params["job"] == [str(job.id)]
    test.toggle(key="guide_several").set_value(True).run()
    assert button(test, "guide_go").label == "Vary 3"
    go(test)
    series = sorted(jobs(studio, "paint"), key=lambda one: one.id)[1:]
    assert len({recipe_of(one).strength for one in series}) == 3 and len({recipe_of(one).seed for one in series}) == 1


def test_a_double_click_makes_one_job_however_late_its_second_half_comes(studio, gate):
    source = painted(studio, gate, prompt="a red star")
    test = guide(studio, source=str(source.id), task="vary")
    old = button(test, "guide_go")
    old.click().run()
    test._run(pressed_again(test, old))
    assert_sound(test)
    assert len(jobs(studio, "paint")) == 1
    go(test)  # on the page that was redrawn it is a new wish
    assert len(jobs(studio, "paint")) == 2


@pytest.mark.parametrize("stopped", ["begin", "show_jobs"])
def test_a_press_that_is_stopped_halfway_makes_its_jobs_once(studio, gate, monkeypatch, stopped):
    source = painted(studio, gate, prompt="a red star")
    test = guide(studio, source=str(source.id), task="vary")
    test.toggle(key="guide_several").set_value(True).run()
    old, real, stops = button(test, "guide_go"), getattr(acts, stopped), []

    def stop_once(*given):
        if not stops:
            stops.append(True)
            raise RerunException(RerunData(widget_states=pressed_again(test, old)))
        return real(*given)

    monkeypatch.setattr(acts, stopped, stop_once)
    old.click().run()
    assert_sound(test)
    assert stops and len(jobs(studio, "paint")) == 3 and len(sheet(test).jobs) == 3


def test_fill_sends_the_mask_with_the_job(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="inpaint")
    test.text_area(key="guide_fill").set_value("a large yellow sun").run()
    assert "The mask is empty" in text(go(test)) and jobs(studio) == []
    data = mask_of(64, 64, (8, 8, 24, 24))
    brush(test, source, data)
    go(test)
    assert_sound(test)
    (job,) = jobs(studio, "paint")
    made = recipe_of(job)
    assert (made.task, made.prompt) == ("inpaint", "a large yellow sun")
    assert made.mask is not None and job.payload["spools"][0].startswith(made.mask)


def test_a_mask_over_everything_is_said_and_allowed(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="inpaint")
    brush(test, source, mask_of(64, 64, (0, 0, 64, 64)))
    assert "covers the whole picture" in text(test)
    test.text_area(key="guide_fill").set_value("a sun").run()
    go(test)
    assert len(jobs(studio, "paint")) == 1


def test_a_mask_by_words_goes_into_the_editor_as_one_step(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="inpaint")
    test.text_input(key="guide_select").set_value("the red star").run()
    before = sheet(test).mask_revision
    test.button(key="guide_select_go").click().run()
    (job,) = jobs(studio, "select")
    assert job.payload["words"] == "the red star"
    name = studio.files.preview(
        gate.picture(Image.open(io.BytesIO(mask_of(64, 64, (0, 0, 16, 64)))).convert("RGB")), "m"
    )
    answer(studio, "select", "look", preview=name, width=64, height=64, share=0.25)
    test.run()
    assert_sound(test)
    assert sheet(test).mask_revision == before + 1 and 0.2 < masks.share(sheet(test).mask) < 0.3


def test_words_that_name_nothing_say_so_and_keep_the_mask(studio, gate):
    source = painted(studio, gate)
    test = brush(guide(studio, source=str(source.id), task="inpaint"), source, mask_of(64, 64, (0, 0, 32, 64)))
    test.text_input(key="guide_select").set_value("a zebra").run()
    test.button(key="guide_select_go").click().run()
    answer(studio, "select", "look", preview="", share=0.0)
    assert "Nothing of that was found" in text(test.run()) and masks.share(sheet(test).mask) == 0.5


def test_extend_and_enlarge_ask_for_what_they_show(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="outpaint")
    assert "64 × 64 becomes 128 × 64 pixels." in text(test)
    go(test)
    task(test, "enlarge")
    test.segmented_control(key="guide_factor").set_value(4).run()
    assert "64 × 64 becomes 256 × 256 pixels." in text(test)
    go(test)
    one, two = (recipe_of(job) for job in sorted(jobs(studio, "paint"), key=lambda job: job.id))
    assert one.extend == (0, 0, 64, 0) and two.factor == 4
