"""The rooms that pictures leave by and end in, without a browser: export, bin, and where a photograph was taken."""

from __future__ import annotations

import time
from pathlib import Path

import hostile
import pytest
from fakes import FakeModels, FakePainter
from galleries import bring, gate, painter
from streamlit.testing.v1 import AppTest
from test_pages import studio

from studio.domain.errors import EaselError
from studio.ui import words
from studio.workshop.reporting import JobReport
from studio.workshop.tasks import TASKS
from studio.workshop.tools import Tools

__all__ = ["gate", "studio"]  # fixtures are used by their names

PATIENCE = 60


@pytest.fixture
def ids(studio, gate):
    paint = painter(studio.gallery, gate)
    return [paint(seed).id for seed in range(3)]


def room(script, **state):
    test = AppTest.from_function(script, default_timeout=PATIENCE)
    for key, value in state.items():
        test.session_state[key] = value
    return again(test)


def again(test):
    test.run()
    assert not test.exception, test.exception
    return test


def export_room():
    import streamlit as st

    from studio.ui import session
    from studio.ui.gallery import export

    export.draw(session.studio(), st.session_state["ids"])


def bin_room():
    import streamlit as st

    from studio.ui import session
    from studio.ui.gallery import bin

    bin.draw(session.studio())
    for artwork in session.studio().gallery.many(st.session_state.get("ids", [])).values():
        bin.plate(session.studio(), artwork, restore=st.rerun)


def sure_room():
    import streamlit as st

    from studio.ui import session
    from studio.ui.gallery import bin

    bin.sure(session.studio(), st.session_state["ids"])


def taken_room():
    import dataclasses

    import streamlit as st

    from studio.ui import session
    from studio.ui.gallery import taken

    studio = session.studio()
    taken.draw(studio, dataclasses.replace(studio.gallery.get(st.session_state["id"]), **st.session_state["told"]))


def act(studio, gate):
    """Do the next job as the worker does."""
    job = studio.queue.claim("fetch", "w")
    tools = Tools(studio.home, models=FakeModels(gate, FakePainter()))
    report = JobReport(job, queue=tools.queue, files=tools.files, alive=lambda: None, stopping=lambda: False)
    state, error = "done", ""
    try:
        report.result = TASKS[job.kind](job, report, tools).result
    except EaselError as failure:
        state, error = "failed", str(failure)
    studio.queue.finish(job.id, state, result=report.result, error=error, seconds=0.1)
    tools.database.close()
    return studio.job(job.id)


def said(test):
    return " ".join([one.proto.body for one in test.get("html")] + [one.value for one in test.get("code")])


def press(test, key):
    test.button(key).click()
    return again(test)


def test_the_form_says_what_leaves_and_the_folder_has_the_files(studio, gate, ids, tmp_path):
    test = room(export_room, ids=ids)
    assert "Prompt, seed, model, settings" in said(test) and "Where it was taken" in said(test)
    assert 'class="stays">' in said(test) and "Export 3 files" in test.button("export_folder").label
    test.text_input("export_to").set_value(str(tmp_path / "out"))
    press(again(test), "export_folder")
    assert "Waiting" in str(test.main) or studio.job(test.session_state["export_job"]).live
    assert act(studio, gate).state == "done"
    again(test)
    assert "3 pictures, " in said(test) and str(tmp_path / "out") in said(test)
    assert len(list((tmp_path / "out").iterdir())) == 3
    press(test, "export_again")
    act(studio, gate)
    assert "3 lay there already" in said(again(test))
    press(test, "export_change")
    assert test.text_input("export_to").value == str(tmp_path / "out")
    assert studio.draft("export")["to"] == str(tmp_path / "out")  # and it is remembered for the next time


def test_a_place_that_will_not_do_is_said_and_nothing_is_queued(studio, ids):
    test = room(export_room, ids=ids)
    test.text_input("export_to").set_value(str(studio.home / "pictures"))
    press(again(test), "export_folder")
    assert "own folder; choose another folder" in said(test) and studio.queue.list() == []
    test.text_input("export_names").set_value("{banana}")
    again(test)
    assert "no field {banana}" in said(test) and test.button("export_folder").disabled


def test_several_pictures_are_downloaded_as_a_zip(studio, gate, ids):
    test = room(export_room, ids=ids)
    press(test, "export_download")
    job = act(studio, gate)
    assert job.payload["choice"]["shape"] == "zip" and job.result["paths"][0].endswith(".zip")
    assert words.about(job) == "3 pictures for a download"
    again(test)
    assert "ready" in said(test) and len(test.get("download_button")) == 1
    Path(job.result["paths"][0]).unlink()
    assert "export again" in said(again(test))


def test_one_picture_shows_its_values_before_it_leaves(studio, ids):
    test = room(export_room, ids=ids[:1])
    assert "a red star above a house" in said(test) and "says that a model made it" in said(test)
    test.segmented_control("export_metadata").set_value("none")
    again(test)
    assert "a red star above a house" not in said(test) and "says that a model made it" in said(test)


def test_a_sheet_asks_for_no_format(studio, ids):
    test = room(export_room, ids=ids)
    test.segmented_control("export_shape").set_value("pdf")
    again(test)
    assert "Captions or prompts" in said(test) and [one.key for one in test.selectbox] == []
    test.segmented_control("export_shape").set_value("files")
    assert [one.key for one in again(test).selectbox] == ["export_format"]


def test_a_refused_export_says_why(studio, gate, ids, tmp_path):
    test = room(export_room, ids=ids[:1])
    test.text_input("export_to").set_value(str(tmp_path / "out"))
    press(again(test), "export_folder")
    path = studio.gallery.path(studio.gallery.get(ids[0]))
    path.write_bytes(b"changed")
    act(studio, gate)
    assert "damaged" in said(again(test))


def test_the_bin_says_what_goes_asks_once_and_deletes(studio, ids):
    assert said(room(bin_room)) == ""
    for id in ids[:2]:
        studio.gallery.delete(id)
    studio.database.write("UPDATE artworks SET deleted_at = ? WHERE id = ?", time.time() - 28.5 * 86_400, ids[0])
    test = room(bin_room)
    assert "2 pictures, " in said(test) and "The oldest goes in 2 days." in said(test)
    press(test, "bin_empty")
    assert "Delete 2 pictures for good?" in said(test) and "cannot be undone" in said(test)
    press(test, "bin_no")
    assert set(studio.gallery.many(ids)) == set(ids)
    press(press(test, "bin_empty"), "bin_yes")
    assert set(studio.gallery.many(ids)) == {ids[2]} and "2 pictures are gone" in said(test)


def test_many_are_emptied_by_a_job(studio, gate, ids, monkeypatch):
    from studio.ui.gallery import bin

    monkeypatch.setattr(bin, "AT_ONCE", 1)
    for id in ids:
        studio.gallery.delete(id)
    test = press(press(room(bin_room), "bin_empty"), "bin_yes")
    assert act(studio, gate).kind == "empty" and studio.gallery.many(ids) == {}
    assert "3 pictures are gone" in said(again(test))


def test_everything_in_the_bin_comes_back(studio, ids):
    for id in ids:
        studio.gallery.delete(id)
    press(room(bin_room), "bin_restore")
    assert all(art.deleted_at is None for art in studio.gallery.many(ids).values())


def test_one_picture_can_be_deleted_for_good(studio, ids):
    studio.gallery.delete(ids[0])
    studio.gallery.delete(ids[1])
    test = room(bin_room, ids=ids[:1])
    assert "It stays for 30 more days, unless you restore it." in said(test)
    press(test, "bin_forever")
    assert "Delete it for good?" in said(test)
    press(test, "bin_yes")
    assert set(studio.gallery.many(ids)) == set(ids[1:])


def test_selected_pictures_of_the_bin_are_deleted_for_good_at_one_press(studio, ids):
    studio.gallery.delete(ids[0])
    studio.gallery.delete(ids[1])
    test = room(sure_room, ids=ids, gallery_chosen=ids)
    assert "Delete 2 pictures for good?" in said(test)
    press(test, "bin_sure")
    assert set(studio.gallery.many(ids)) == {ids[2]} and test.session_state["gallery_chosen"] == []


def test_a_place_is_told_only_to_whoever_asks(studio, gate, tmp_path):
    data = hostile.with_gps()
    artwork = bring(studio.gallery, gate, data)
    outside = tmp_path / "x.jpg"
    outside.write_bytes(data)
    test = room(taken_room, id=artwork.id, told={"camera": "Canon"})
    assert said(test) == ""
    assert "left out when it comes in" in said(press(test, "taken"))
    from studio.safety.intake import sha256

    told = {"place": str(outside), "sha256": sha256(data), "file": f"{sha256(data)}.jpg"}
    test = room(taken_room, id=artwork.id, told=told)
    assert "°" not in said(test)
    assert "° N" in said(press(test, "taken")) or "° S" in said(test)
    assert "°" not in said(press(test, "taken_hide"))
    outside.write_bytes(data + b"x")
    assert "°" not in said(press(test, "taken"))
