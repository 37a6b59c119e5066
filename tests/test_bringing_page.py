"""The Import button of the Gallery page: folders to copy and to watch, what is watched, how it goes and what came of it."""

from dataclasses import replace

import pytest
from test_folders import encoded, picture
from test_pages import HOSTILE, assert_sound, finish, jobs, markup, page, text
from test_pages import studio as studio  # noqa: PLC0414  the fixture

from studio.gallery.coming import folders, marks


@pytest.fixture
def tree(tmp_path):
    """A folder of one picture."""
    root = tmp_path / "My <b>pictures"
    root.mkdir()
    (root / "a.png").write_bytes(encoded(picture(1)))
    return root


def press(test, label):
    next(button for button in test.button if button.label == label).click().run()


def watch(test, root):
    test.text_input(key="import_folder").set_value(str(root)).run()
    test.segmented_control(key="import_way").set_value("Watch").run()
    press(test, "Watch the folder")


def test_a_folder_is_watched_scanned_again_and_let_go(studio, tree):
    test = page("gallery")
    watch(test, tree)
    assert_sound(test)
    (job,) = jobs(studio, "import")
    assert job.payload == {"folder": str(tree), "watch": True}
    assert "Not looked at yet" in text(test) and "<b>pictures" not in markup(test)
    finish(studio, job, "done", result={"imported": 1, "moved": 2, "gone": 1, "left_out": 0, "ids": [1], "skipped": []})
    folders.end(studio.database, 1)
    test.run()
    assert "1 imported, 2 moved, 1 gone." in text(test) and "looked at just now" in text(test)
    press(test, "Rescan")
    again = jobs(studio, "import")[0]
    assert again.payload == {"folder": str(tree), "rescan": 1}
    press(test, "Rescan")
    assert len(jobs(studio, "import")) == 2  # the one that is on its way
    press(test, "Stop watching")
    press(test, "Go on watching")
    assert len(studio.folders()) == 1
    press(test, "Stop watching")
    press(test, "Keep them")
    assert_sound(test)
    assert studio.folders() == [] and studio.job(again.id).state == "cancelled"


def test_how_it_goes_is_told_with_speed_and_time_left(studio, tree):
    test = page("gallery")
    watch(test, tree)
    job = studio.queue.claim("fetch", "test")
    studio.queue.progress(job.id, 120, 1_000, stage="importing", result={"imported": 118, "rate": 44.0, "left": 20.0})
    test.run()
    assert_sound(test)
    (bar,) = (one for one in test.get("progress") if "importing" in one.proto.text.lower())
    assert bar.proto.text == "Importing · 120 of 1,000 · 44 a second · about 20 s left"
    studio.queue.finish(job.id, "cancelled", result={"imported": 118, "ids": [], "skipped": []}, error="Cancelled.")
    test.run()
    assert "118 imported." in text(test) and "go on from there" in text(test)


def test_an_import_of_another_tab_or_the_terminal_is_followed_too(studio, tree):
    job = studio.import_folder(tree)
    test = page("gallery")
    finish(studio, job, "done", result={"imported": 3, "ids": [], "skipped": []})
    test.run()
    assert "3 imported." in text(test)
    press(test, "Close")
    assert "3 imported." not in text(test)


def test_the_report_is_shown_in_part_and_kept_whole(studio, tree):
    test = page("gallery")
    watch(test, tree)
    (job,) = jobs(studio, "import")
    skipped = [{"name": f"{number}{HOSTILE}", "reason": "It is not a picture."} for number in range(250)]
    finish(studio, job, "done", result={"imported": 5, "left_out": 250, "ids": [4, 5], "skipped": skipped})
    test.run()
    assert_sound(test)
    assert "5 imported, 250 skipped." in text(test) and "And 50 more" in text(test) and "<img src=x" not in markup(test)
    assert [one.proto.label for one in test.get("download_button")].count("Report") == 1
    press(test, "Select the 2 new")
    assert test.session_state["gallery_chosen"] == [4, 5]


def test_a_folder_that_overlaps_is_a_sentence(studio, tree):
    test = page("gallery")
    watch(test, tree)
    watch(test, tree.parent)
    assert_sound(test)
    assert "stop watching that one first" in text(test) and len(jobs(studio, "import")) == 1


def test_a_double_click_on_import_makes_one_job(studio):
    test = page("gallery")
    test.file_uploader(key="import_files_0").set_value([("a.png", encoded(picture(1)), "image/png")]).run()
    (old,) = (one for one in test.button if one.label == "Import 1 file")
    states = test._tree.get_widget_states()  # what a browser sends that has not redrawn the page yet
    states.widgets.add(id=old.proto.id, trigger_value=True)
    again = type(states)()
    again.CopyFrom(states)
    test._run(states)
    test._run(again)
    assert_sound(test)
    assert len(jobs(studio, "import")) == 1
    test.file_uploader(key="import_files_1").set_value([("a.png", encoded(picture(1)), "image/png")]).run()
    press(test, "Import 1 file")
    assert len(jobs(studio, "import")) == 2  # chosen once more, it is a new wish


def test_a_folder_is_uploaded_whole_with_its_paths_and_without_what_is_hidden(studio):
    test = page("gallery")
    assert test.file_uploader(
        key="import_files_0"
    ).accept_multiple_files  # what was there stays the first thing one sees
    test.segmented_control(key="import_kind").set_value("A whole folder").run()
    assert_sound(test)
    uploader = test.file_uploader(key="import_directory_0")
    assert uploader.accept_directory and "64 MB" in text(test) and "comes in quicker by its path" in text(test)
    names = ["Trip/a.png", "Trip/old/b.png", "Trip/notes.txt", "Trip/.hidden.png", "Trip/.git/c.png", "Trip/Thumbs.db"]
    uploader.set_value([(name, encoded(picture(number)), "") for number, name in enumerate(names)]).run()
    press(test, "Import 3 files")
    assert_sound(test)
    (job,) = jobs(studio, "import")
    assert [one["name"] for one in job.payload["files"]] == ["Trip/a.png", "Trip/old/b.png", "Trip/notes.txt"]
    finish(studio, job, "done", result={"imported": 2, "ids": [1, 2], "skipped": []})
    test.run()
    assert (
        test.file_uploader(key="import_directory_1").value == []
    )  # ready for the next one, and nothing held in memory


def test_how_often_a_folder_is_looked_at_is_told_before_one_watches_it(studio, tree):
    test = page("gallery")
    test.text_input(key="import_folder").set_value(str(tree)).run()
    test.segmented_control(key="import_way").set_value("Watch").run()
    assert "found every 10 minutes while Easel rests, or at once with Rescan" in text(test)
    studio.save_settings(replace(studio.settings, rescan_minutes=0))
    test.run()
    assert "Rescan finds what is new" in text(test) and "every" not in text(test)


def test_what_a_watched_folder_leaves_out_can_be_kept_whichever_scan_said_so(studio, tree):
    test = page("gallery")
    watch(test, tree)
    (job,) = jobs(studio, "import")
    result = {
        "imported": 1,
        "left_out": 1,
        "ids": [1],
        "skipped": [{"name": "x.txt", "reason": "It is not a picture."}],
    }
    finish(studio, job, "done", result=result)
    (folder,) = studio.folders()
    with studio.database.transaction() as connection:
        marks.note(connection, folder, [marks.Found("x.txt", 1, 1, problem="It is not a picture.")])
    folders.end(studio.database, folder.id)
    test.run()
    press(test, "Close")
    assert_sound(test)
    (button,) = (one for one in test.get("download_button") if one.proto.label == "Report")
    assert f"report_{folder.id}" in button.proto.id
    queue = page("queue")
    assert_sound(queue)
    (button,) = (one for one in queue.get("download_button") if one.proto.label == "Report")
    assert f"report_{job.id}" in button.proto.id  # of a tab that was closed meanwhile
    finish(studio, studio.rescan(folder.id), "done", result={**result, "left_out": 0, "skipped": []})
    assert len([one for one in page("queue").get("download_button") if one.proto.label == "Report"]) == 1
