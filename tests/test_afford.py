"""The bar under the button: what it says, and what each of its buttons does; on both pages, with the job that follows."""

from __future__ import annotations

import pytest
from test_pages import assert_sound, button, jobs, markup, page, studio, text, write

from studio.domain.recipe import Recipe
from studio.jobs import forecast, memory, timings
from studio.packs.needs import Place, needs
from studio.ui import afford

__all__ = ["studio"]  # a fixture
GB = 1 << 30


def told(studio, free, kind="cuda"):
    memory.tell(studio.database, {"kind": kind, "pid": 1, "free": int(free), "total": 24 * GB, "own": 0, "held": {}})


def needed(studio, *, offload=False, **fields):
    found = needs(Recipe("a picture", **fields), studio.shelf, Place("cuda", GB), offload=offload)
    assert found is not None
    return found.total


def named(test, name):
    return [one for one in test.button if str(one.key).startswith(f"create_afford_{name}")]


def test_before_a_worker_spoke_there_is_no_bar(studio):
    test = page("create")
    assert_sound(test)
    assert 'class="afford' not in markup(test)


def test_the_bar_says_bytes_and_seconds(studio):
    told(studio, 11e9)
    subject, _ = forecast.subject_and_work("paint", {"recipe": Recipe("x").to_dict()})
    timings.record(studio.database, subject, 1.0, 0.2)
    test = page("create")
    assert_sound(test)
    assert "of 11.0 GB of free memory" in text(test) or "of 11 GB of free memory" in text(test)
    assert "about 4 s" in text(test) and not named(test, "")
    assert 'class="afford"' in markup(test)


def test_a_broken_device_row_or_pack_breaks_no_page(studio):
    studio.database.keep("settings", memory.DEVICE, {"kind": 3})
    assert_sound(page("create"))
    assert_sound(page("guide"))


def test_smaller_changes_the_size_and_then_it_fits(studio):
    told(studio, needed(studio, width=192, height=128) - 1)
    test = page("create")
    test.segmented_control(key="create_size").set_value("192x128").run()
    assert "may not fit" in text(test)
    (smaller,) = named(test, "smaller")
    assert smaller.label == "Paint 128 × 128"
    smaller.click().run()
    assert_sound(test)
    assert test.session_state["create_size"] == "128x128" and "may not fit" not in text(test)


def test_fewer_changes_the_count_and_then_it_fits(studio, monkeypatch):
    one, eight = (needs(Recipe("a picture", count=count), studio.shelf, Place("cpu", GB)).total for count in (1, 8))
    told(studio, 0, kind="cpu")
    monkeypatch.setattr("studio.machine.memory", lambda: ((one + eight) // 2, GB))
    test = page("create")
    assert not named(test, "")
    test.number_input(key="create_count").set_value(8).run()
    (fewer,) = named(test, "fewer")
    count = int(fewer.label.split()[1])
    assert fewer.label == f"Paint {count} of 8" and 1 <= count < 8
    fewer.click().run()
    assert_sound(test)
    assert test.session_state["create_count"] == count and "may not fit" not in text(test)
    assert button(test, "paint").label == ("Paint" if count == 1 else f"Paint {count}")


def test_less_memory_goes_into_the_draft_and_the_job(studio):
    told(studio, (needed(studio) + needed(studio, offload=True)) // 2)
    test = write(page("create"), "a red star")
    (offload,) = named(test, "offload")
    offload.click().run()
    assert_sound(test)
    assert "part by part" in text(test) and "may not fit" not in text(test)
    assert studio.draft("create")["offload"] is True
    button(test, "paint").click().run()
    (job,) = jobs(studio, "paint")
    assert job.payload["offload"] is True and "offload" not in job.payload["recipe"]
    (back,) = named(test, "usual")
    back.click().run()
    button(test, "paint").click().run()
    assert "offload" not in max(jobs(studio, "paint"), key=lambda one: one.id).payload


def test_a_forecast_is_a_warning_not_a_wall(studio):
    told(studio, 1)
    test = write(page("create"), "a red star")
    assert "Close other programs" in text(test) and not named(test, "")
    button(test, "paint").click().run()
    assert [job.payload["recipe"]["prompt"] for job in jobs(studio, "paint")] == ["a red star"]


def test_guide_says_it_too_and_its_job_carries_it(studio, gate):
    from test_pages import painted

    artwork = painted(studio, gate)
    told(studio, 11 * GB)
    test = page("guide", source=str(artwork.id), task="vary")
    assert_sound(test)
    assert "GB of free memory" in text(test)
    fields = {"width": 128, "height": 128, "task": "vary", "source": artwork.sha256, "strength": 0.55}
    told(studio, (needed(studio, **fields) + needed(studio, offload=True, **fields)) // 2)
    test.run()
    (offload,) = (one for one in test.button if one.key == "guide_afford_offload")
    offload.click().run()
    assert_sound(test)
    button(test, "guide_go").click().run()
    (job,) = jobs(studio, "paint")
    assert job.payload["offload"] is True


@pytest.mark.parametrize(
    ("before", "after", "label", "changes"),
    [
        ({"task": "vary", "source": "0" * 64}, {"width": 64}, "Vary at 64 × 128", {"size": "64x128"}),
        ({"hires": 2.0}, {"hires": 1.0}, "Without the second pass", {"hires": 1.0}),
        ({"count": 4}, {"count": 2}, "Paint 2 of 4", {"count": 2}),
    ],
)
def test_a_button_is_named_by_what_it_does(before, after, label, changes):
    usual = Recipe("a ball", **before)
    kind = "fewer" if "count" in after else "smaller"
    way = memory.Way(kind, Recipe("a ball", **{**before, **after}), 1)
    assert afford.label(way, usual) == label and afford.changes(way, usual) == changes
    offloaded = memory.Way(kind, way.recipe, 1, offload=True)
    assert afford.changes(offloaded, usual) == {**changes, "offload": True}
