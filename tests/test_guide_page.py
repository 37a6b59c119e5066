"""The Guide page and the detail view's family, alone and in the frame, without a browser. The tests play the worker."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from PIL import Image
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest
from test_pages import HOSTILE, assert_sound, button, framed, jobs, markup, page, painted, pressed_again, studio, text

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.control import ControlMap
from studio.domain.job import Job
from studio.domain.pose import presets, to_openpose
from studio.domain.recipe import TASKS, Recipe
from studio.safety.gate import Gate
from studio.ui.guide import acts, desk, masks
from studio.ui.guide import sheet as sheets

__all__ = ["studio"]  # the fixture of the other pages' tests

STANDING = presets()["Standing"]
FIGURE = [list(point) if point else None for point in STANDING]


def guide(studio: Studio, **query: str) -> AppTest:
    return page("guide", **query)


def task(test: AppTest, name: str) -> AppTest:
    return test.segmented_control(key="guide_task").set_value(name).run()


def go(test: AppTest) -> AppTest:
    return button(test, "guide_go").click().run()


def sheet(test: AppTest) -> sheets.Sheet:
    return test.session_state["guide_sheet"]


def mask_of(width: int, height: int, box: tuple[int, int, int, int] | None = None) -> bytes:
    mask = Image.new("L", (width, height), 0)
    if box:
        mask.paste(255, box)
    stream = io.BytesIO()
    mask.save(stream, "PNG")
    return stream.getvalue()


def brush(test: AppTest, source: Artwork, data: bytes, *, n: int = 1) -> AppTest:
    """What the mask editor sends when a stroke ends."""
    png = f"data:image/png;base64,{masks.encoded(data)}"
    test.session_state[desk.mask_key(source.id)] = {"mask": {"png": png, "n": n}}
    return test.run()


def pose(test: AppTest, aid: int, source: int, figures: list[Any], *, n: int = 1) -> AppTest:
    """What the pose editor sends when a joint was moved."""
    key = desk.pose_key(sheets.Aid(aid, "pose"), source)
    test.session_state[key] = {"figures": {"figures": figures, "n": n}}
    return test.run()


def answer(studio: Studio, kind: str, lane: str, state: str = "done", **result: Any) -> Job:
    """Do the worker's part for the job of that kind that waits."""
    job = studio.queue.claim(lane, "test")
    assert job is not None and job.kind == kind, job
    error = result.pop("error", "")
    assert studio.queue.finish(job.id, state, result=result, error=error)
    return job


def a_map(studio: Studio, gate: Gate, source: Artwork | None = None, *, kind: str = "pose", shade: int = 9) -> Artwork:
    figures = (STANDING,) if kind == "pose" else ()
    cleared = gate.picture(Image.new("RGB", (64, 64), (shade, 0, shade)))
    parents = [source.sha256] if source else []
    return studio.gallery.add(cleared, kind="map", map=ControlMap(kind, figures=figures), parents=parents)


def a_result(
    studio: Studio, gate: Gate, recipe: Recipe, *, job: int, shade: int = 90, kind: str = "proposal"
) -> Artwork:
    cleared = gate.picture(Image.new("RGB", (64, 64), (shade, shade, 30)))
    return studio.gallery.add(cleared, recipe, kind=kind, job=job)


def recipe_of(job: Job) -> Recipe:
    return Recipe.from_dict(job.payload["recipe"])


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
    answer(studio, "import", "paint", imported=1, ids=[artwork.id], duplicates=0, skipped=[])
    assert sheet(test.run()).source == artwork.id


def test_a_file_that_is_no_picture_says_why(studio):
    test = guide(studio)
    test.file_uploader[0].set_value(("a.txt", b"words", "text/plain")).run()
    answer(studio, "import", "paint", imported=0, ids=[], skipped=[{"name": HOSTILE, "reason": "It is no picture."}])
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


# --- controls -----------------------------------------------------------------------------------------------------------


def test_a_pose_is_found_moved_kept_and_then_painted_with(studio, gate):
    source = painted(studio, gate, prompt="a person")
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_pose").click().run()
    assert_sound(test)
    (job,) = jobs(studio, "annotate")
    assert (job.payload["source"], job.payload["kind"], job.payload["keep"]) == (f"id:{source.id}", "pose", False)
    answer(studio, "annotate", "look", preview="", width=64, height=64, figures=[FIGURE], artwork=None, note="")
    assert "1 figure found in the picture" in text(test.run())
    moved = [*FIGURE]
    moved[4] = [0.3, 0.1]  # the right wrist, up
    pose(test, 1, source.id, [moved])
    assert "1 figure placed by you" in text(test) and len(jobs(studio, "annotate")) == 1
    test.slider(key="guide_aid_1_use_weight").set_value(0.7).run()
    go(test)
    assert_sound(test)
    assert jobs(studio, "paint") == [] and "Drawing the maps first" in text(test)
    kept = a_map(studio, gate, source)
    job = answer(studio, "annotate", "look", preview="", artwork=kept.id, figures=[moved])
    assert job.payload["keep"] and job.payload["figures"][0][4] == [0.3, 0.1]
    test.run()
    assert_sound(test)
    (job,) = jobs(studio, "paint")
    (control,) = recipe_of(job).controls
    assert (control.kind, control.source, control.weight) == ("pose", kept.sha256, 0.7)
    go(test)  # the map is kept already: it is not drawn twice
    assert len(jobs(studio, "annotate")) == 2


def test_a_press_that_waits_for_its_maps_survives_a_refresh(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_pose").click().run()
    answer(studio, "annotate", "look", preview="", figures=[FIGURE])
    go(test.run())
    answer(studio, "annotate", "look", preview="", artwork=a_map(studio, gate, source).id)
    assert_sound(guide(studio))
    assert len(jobs(studio, "paint")) == 1


def test_a_map_that_cannot_be_drawn_is_a_sentence_and_the_press_is_over(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_pose").click().run()
    answer(studio, "annotate", "look", preview="", figures=[FIGURE])
    go(test.run())
    answer(studio, "annotate", "look", "failed", error="The disk is full.")
    assert "The disk is full." in text(test.run())
    assert sheet(test).pending is None and jobs(studio, "paint") == []


def test_no_figure_is_said_and_keeps_the_button_from_painting_nonsense(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_pose").click().run()
    note = "No figure was found; place one in the editor."
    answer(studio, "annotate", "look", preview="", figures=[], note=note)
    assert "No figure was found" in text(test.run())
    assert "The pose has no figure" in text(go(test)) and jobs(studio, "paint") == []


def test_a_pose_from_nothing_is_drawn_in_the_size_of_the_form(studio, gate):
    test = guide(studio)
    test.button(key="guide_begin_pose").click().run()
    assert_sound(test)
    test.text_area(key="guide_prompt").set_value("a person").run()
    go(test)
    assert_sound(test)
    (job,) = jobs(studio, "annotate")
    assert (job.payload["source"], job.payload["size"]) == ("", [128, 128]) and len(job.payload["figures"]) == 1


def test_a_control_that_was_removed_can_be_put_back(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_pose").click().run()
    test.button(key="guide_remove_1").click().run()
    assert sheet(test).aids == () and "Pose was removed." in text(test)
    test.button(key="guide_put_back").click().run()
    assert [aid.kind for aid in sheet(test).aids] == ["pose"]


def test_kinds_that_no_pack_can_follow_are_shown_disabled_with_a_sentence(studio):
    test = guide(studio)
    assert test.button(key="guide_add_shuffle").disabled
    assert "Needs a pack with a ControlNet" in text(test)


def test_edges_follow_their_sliders_and_the_brush(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_canny").click().run()
    name = studio.files.preview(gate.picture(Image.new("RGB", (64, 64), "white")), "edges")
    answer(studio, "annotate", "look", preview=name, width=64, height=64, figures=[], artwork=None, note="")
    test.run()
    assert_sound(test)
    assert f"/previews/{name}" in markup(test)
    test.slider(key="guide_aid_1_low").set_value(40).run()
    assert_sound(test)
    job = max(jobs(studio, "annotate"), key=lambda one: one.id)
    assert job.payload["parameters"]["low"] == 40 and not job.payload["overlay"]
    answer(studio, "annotate", "look", preview=name, width=64, height=64)
    test.run()
    test.button(key="guide_correct").click().run()
    png = f"data:image/png;base64,{masks.encoded(mask_of(64, 64, (0, 0, 32, 64)))}"
    test.session_state["guide_correct_1_0"] = {"mask": {"png": png, "n": 1}}
    test.button(key="guide_correct_dark").click().run()
    assert_sound(test)
    job = max(jobs(studio, "annotate"), key=lambda one: one.id)
    assert job.payload["overlay"] and sheet(test).aids[0].overlay
    test.button(key="guide_correct_clear").click().run()
    assert sheet(test).aids[0].overlay == ""


def test_a_ready_map_is_corrected_with_the_brush_and_the_corrected_one_is_painted_with(studio, gate):
    ready = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), "gray")), kind="map", map=ControlMap("depth"))
    test = guide(studio, source=str(ready.id))
    test.text_area(key="guide_prompt").set_value("a house").run()
    assert sheet(test).aids[0].ready == ready.id and f"/pictures/{ready.id}" in markup(test)
    test.button(key="guide_correct").click().run()
    png = f"data:image/png;base64,{masks.encoded(mask_of(64, 64, (0, 0, 32, 64)))}"
    test.session_state["guide_correct_1_0"] = {"mask": {"png": png, "n": 1}}
    test.button(key="guide_correct_light").click().run()
    assert_sound(test)
    (job,) = jobs(studio, "annotate")
    assert job.payload["as_is"] and job.payload["overlay"] and job.payload["source"] == f"id:{ready.id}"
    name = studio.files.preview(gate.picture(Image.new("RGB", (64, 64), "white")), "corrected")
    answer(studio, "annotate", "look", preview=name, width=64, height=64)
    test.run()
    test.button(key="guide_correct_done").click().run()
    assert f"/previews/{name}" in markup(test) and len(jobs(studio, "annotate")) == 1
    go(test)
    (job,) = (one for one in jobs(studio, "annotate") if one.live)
    assert job.payload["keep"] and job.payload["overlay"]
    corrected = studio.gallery.add(
        gate.picture(Image.new("RGB", (64, 64), "white")), kind="map", map=ControlMap("depth")
    )
    answer(studio, "annotate", "look", preview=name, artwork=corrected.id)
    test.run()
    (control,) = recipe_of(jobs(studio, "paint")[0]).controls
    assert control.source == corrected.sha256
    test.segmented_control(key="guide_view").set_value("aid:1").run()
    test.button(key="guide_correct_clear").click().run()
    assert f"/pictures/{ready.id}" in markup(test)


def test_a_slider_that_moves_on_stops_the_map_that_nobody_waits_for(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_canny").click().run()
    test.slider(key="guide_aid_1_low").set_value(40).run()
    first, second = sorted(jobs(studio, "annotate"), key=lambda one: one.id)
    assert first.state == "cancelled" and second.state == "waiting"


def test_openpose_json_becomes_figures_and_other_json_a_sentence(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_pose").click().run()
    answer(studio, "annotate", "look", preview="", figures=[FIGURE])
    test.run()
    body = to_openpose([STANDING, STANDING], 64, 64).encode()
    test.file_uploader(key="guide_json_file_1_0").set_value(("pose.json", body, "application/json")).run()
    assert_sound(test)
    assert len(sheet(test).aids[0].figures or ()) == 2 and sheet(test).aids[0].revision == 1
    test.file_uploader(key="guide_json_file_1_1").set_value(("pose.json", b'{"a": 1}', "application/json")).run()
    assert "OpenPose writes them" in text(test) and len(sheet(test).aids[0].figures or ()) == 2


def test_a_map_of_the_gallery_is_used_as_it_is(studio, gate):
    source = painted(studio, gate, prompt="a person")
    ready = a_map(studio, gate, source)
    test = guide(studio, source=str(ready.id))
    assert_sound(test)
    assert sheet(test).source == source.id and sheet(test).aids[0].ready == ready.id
    go(test)
    (job,) = jobs(studio, "paint")
    assert recipe_of(job).controls[0].source == ready.sha256 and jobs(studio, "annotate") == []


# --- results ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(studio: Studio, gate: Gate) -> tuple[AppTest, Artwork, Artwork]:
    """A fill that has just ended: the page, the source and the proposal."""
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="inpaint")
    test.text_area(key="guide_fill").set_value("a sun").run()
    brush(test, source, mask_of(64, 64, (8, 8, 24, 24)))
    go(test)
    (job,) = jobs(studio, "paint")
    proposal = a_result(studio, gate, recipe_of(job), job=job.id)
    answer(studio, "paint", "paint", artworks=[proposal.id], refused=[], count=1, outside={str(proposal.id): 0})
    return test.run(), source, proposal


def test_a_result_is_a_proposal_with_what_was_measured(studio, filled):
    test, _, proposal = filled
    assert_sound(test)
    assert "0 pixels changed outside the mask" in text(test)
    assert studio.gallery.get(proposal.id).kind == "proposal"
    test.button(key="guide_keep").click().run()
    assert_sound(test)
    assert studio.gallery.get(proposal.id).kind == "painted" and "In the gallery" in text(test)


def test_discard_can_be_undone(studio, filled):
    test, _, proposal = filled
    test.button(key="guide_discard").click().run()
    assert_sound(test)
    assert studio.gallery.get(proposal.id).deleted_at is not None and "Discarded" in text(test)
    test.button(key="guide_undo_discard").click().run()
    assert studio.gallery.get(proposal.id).deleted_at is None and "0 pixels changed" in text(test)


def test_again_is_the_same_wish_with_another_seed(studio, filled):
    test, _, _ = filled
    (first,) = jobs(studio, "paint")
    button(test, "guide_again").click().run()
    assert_sound(test)
    newest = max(jobs(studio, "paint"), key=lambda job: job.id)
    one, two = recipe_of(first), recipe_of(newest)
    assert one.seed != two.seed and dataclasses.replace(two, seed=one.seed) == one


def test_going_on_keeps_the_result_and_makes_it_the_source(studio, filled):
    test, source, proposal = filled
    test.button(key="guide_go_on").click().run()
    assert_sound(test)
    assert studio.gallery.get(proposal.id).kind == "painted"
    assert sheet(test).source == proposal.id and sheet(test).mask == ""
    assert sheets.with_source(sheet(test), source.id).mask != ""  # the mask waits for whoever goes back


def test_what_was_not_decided_waits_on_the_page(studio, filled):
    _, source, _ = filled
    studio.keep_draft("guide", {})
    test = guide(studio, source=str(source.id))
    assert "Not decided yet" in text(test)


def test_a_refused_fill_shows_reasons_and_no_pixels_and_loses_nothing(studio, gate):
    source = painted(studio, gate)
    test = guide(studio, source=str(source.id), task="inpaint")
    test.text_area(key="guide_fill").set_value("a skull").run()
    brush(test, source, mask_of(64, 64, (8, 8, 24, 24)))
    go(test)
    verdict = {"allowed": False, "reasons": ["a skull sign"], "margin": -0.1, "scores": {}, "by": "storybook"}
    answer(studio, "paint", "paint", "refused", artworks=[], refused=[verdict], count=1, error="a skull sign")
    test.run()
    assert_sound(test)
    assert "Refused by the safety gate" in text(test)
    assert masks.share(sheet(test).mask) > 0 and test.text_area(key="guide_fill").value == "a skull"


# --- the family in the detail view --------------------------------------------------------------------------------------


def test_the_detail_compares_with_the_source_and_tells_what_differs(studio, gate):
    source = painted(studio, gate, prompt="a red star", seed=4)
    recipe = Recipe(prompt="a blue star", task="vary", source=source.sha256, strength=0.4, seed=4)
    child = a_result(studio, gate, recipe, job=1, kind="painted")
    test = page("gallery", id=str(child.id))
    assert_sound(test)
    assert "Where it comes from" in text(test)
    test.button(key="detail_compare").click().run()
    assert_sound(test)
    said = text(test)
    assert "a red star" in said and "a blue star" in said and "Strength" in said and "0.4" in said
    test.segmented_control(key="detail_way").set_value("difference").run()
    assert_sound(test)


def test_a_map_shows_its_kind_and_figures_and_can_be_used(studio, gate):
    source = painted(studio, gate)
    ready = a_map(studio, gate, source)
    test = page("gallery", id=str(ready.id))
    assert_sound(test)
    assert "Control map" in text(test) and "Pose" in text(test) and "Figures" in text(test)
    assert test.button(key="use_map").label == "Use as control"


def test_the_gallery_shows_maps_alone_when_asked(studio, gate):
    source = painted(studio, gate)
    ready = a_map(studio, gate, source)
    assert page("gallery").session_state["gallery_shown"] == [ready.id, source.id]
    assert page("gallery", shelf="Maps").session_state["gallery_shown"] == [ready.id]
    studio.gallery.delete(ready.id)
    assert "No maps yet" in text(page("gallery", shelf="Maps"))


@pytest.mark.parametrize(("button", "name"), [("guide_this", "create"), ("edit_this", "inpaint")])
def test_the_detail_leads_on_to_the_guide_page(studio, gate, button, name):
    artwork = painted(studio, gate)
    test = framed("gallery")
    test.query_params["id"] = str(artwork.id)
    test.run()
    test.button(key=button).click().run()
    assert_sound(test)
    assert sheet(test).source == artwork.id and test.session_state["guide_task"] == name
