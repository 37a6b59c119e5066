"""The Guide page's controls, without a browser: maps found, moved, corrected, brought. The tests play the worker."""

from __future__ import annotations

from io import BytesIO

import pytest
from guiding import FIGURE, STANDING, a_map, answer, go, guide, mask_of, pose, recipe_of, sheet
from PIL import Image
from test_pages import assert_sound, jobs, markup, painted, studio, text

from studio.domain.control import ControlMap
from studio.domain.pose import to_openpose
from studio.ui.guide import maps, masks

__all__ = ["studio"]  # the fixture of the other pages' tests


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


@pytest.mark.parametrize("what", ["a ready map", "the maps of a press"])
def test_a_job_that_ends_while_the_page_is_drawn_is_taken_in_by_the_next_run(studio, gate, monkeypatch, what):
    source = painted(studio, gate, prompt="a person")
    kept = a_map(studio, gate, source)
    test = guide(studio, source=str(source.id))
    test.button(key="guide_add_canny").click().run()
    answer(studio, "annotate", "look", preview="", artwork=None, note="")
    test.run()
    if what == "a ready map":
        png = BytesIO()
        Image.new("RGB", (64, 64), "black").save(png, "PNG")
        key = "guide_ready_file_1_0"
        test.file_uploader(key=key).set_value(("edges.png", png.getvalue(), "image/png")).run()
        assert "The map is being checked" in text(test)
    else:
        go(test)
        assert "Drawing the maps first" in text(test)
    late = "brought" if what == "a ready map" else "settled"
    looked = getattr(maps, late)

    def just_before_it_ends(studio, lying):
        told = looked(studio, lying)
        if [job for job in jobs(studio, "annotate") if job.live]:
            answer(studio, "annotate", "look", preview="", artwork=kept.id)
        return told

    monkeypatch.setattr(maps, late, just_before_it_ends)
    test.run()
    assert_sound(test)
    if what == "a ready map":
        assert sheet(test).aids[0].ready == kept.id and "A ready map" in text(test)
    else:
        (job,) = jobs(studio, "paint")
        assert recipe_of(job).controls[0].source == kept.sha256
