"""The rooms with the map and the timeline, without a browser: what they ask for, show and do. The test plays the worker."""

from __future__ import annotations

import base64
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
from galleries import imported
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

# The studio of these tests is that of the other pages' tests: its worker's place is taken, and the test plays the worker
from test_pages import assert_sound, button, jobs, page, run, studio, text

from studio.app import Studio
from studio.domain.artwork import Facts
from studio.domain.job import Job
from studio.gallery.space import atlas, embeddings
from studio.ui.components import charts
from studio.ui.gallery import chart, map, timeline, views
from studio.workshop import mapping as task

__all__ = ["studio"]  # a fixture is used by its name

MODEL = "encoder a"


def fill(studio: Studio, gate: Any, count: int, *, kinds: int = 2, vectors: bool = True, start: int = 0) -> list[int]:
    rng = np.random.default_rng(4)
    middles = rng.normal(size=(kinds, 16))
    words = ("a red boat on the sea", "a small house on a hill")
    ids = []
    for row in range(start, start + count):
        cleared = gate.picture(Image.new("RGB", (8, 8), (row, 90, row % 7)))
        facts = Facts(taken_at=datetime(2026, 1 + row % 3, 5, 12).timestamp())
        ids.append(imported(studio.gallery, cleared, prompt=words[row % kinds], facts=facts).id)
    if vectors:
        made = middles[np.arange(count) % kinds] + 0.2 * rng.normal(size=(count, 16))
        embeddings.store(studio.database, MODEL, ids, made)
    return ids


class Report:
    def __call__(self, done: int, total: int, draft: object = None) -> None: ...
    def check(self) -> None: ...
    def stage(self, words: str) -> None: ...


def work(studio: Studio) -> Job:
    """Play the worker for the map that waits."""
    job = studio.queue.claim("fetch", "test")
    assert job is not None and job.kind == "map"
    result = task.draw(job, Report(), SimpleNamespace(database=studio.database))
    assert studio.queue.finish(job.id, "done", result=result)
    return job


def drawn(studio: Studio, gate: Any, count: int = 24) -> list[int]:
    """A gallery whose map is drawn."""
    ids = fill(studio, gate, count)
    room()
    work(studio)
    return ids


def room(**query: str) -> AppTest:
    test = page("gallery", look="map", **query)
    assert_sound(test)
    return test


def sent(test: AppTest, name: str) -> dict[str, Any]:
    """What a component was given last."""
    for element in test.get("bidi_component"):
        if element.proto.component_name.endswith(name):
            return dict(__import__("json").loads(element.proto.json))
    raise AssertionError(f"{name} was not drawn")


def lit_of(test: AppTest, studio: Studio, part: str) -> list[int]:
    """The ids whose bit is set."""
    bits = base64.b64decode(sent(test, "easel_map")[part])
    ids = atlas.ids(studio.database, MODEL)
    return [id for row, id in enumerate(ids) if bits[row >> 3] >> (row & 7) & 1]


def test_too_few_pictures_are_told_what_a_map_is(studio, gate):
    fill(studio, gate, 3)
    test = room()
    assert "It begins with 10 pictures; there are 3." in text(test)
    assert jobs(studio, "map") == []


def test_pictures_without_vectors_are_offered_to_be_looked_at(studio, gate):
    fill(studio, gate, 12, vectors=False)
    test = room()
    assert "12 pictures have not been looked at yet" in text(test)
    button(test, "map_look").click().run()
    (job,) = jobs(studio, "embed")
    assert job.live and jobs(studio, "map") == []


def test_the_map_is_drawn_once_it_is_asked_for_and_shown_with_its_groups(studio, gate):
    fill(studio, gate, 24)
    test = room()
    (job,) = jobs(studio, "map")
    assert job.lane == "fetch" and "Drawing the map" in text(test)
    room()
    assert len(jobs(studio, "map")) == 1  # looking twice asks once
    work(studio)
    data = sent(room(), "easel_map")
    far = [place for place in data["places"] if place["level"] == 0]
    assert sorted(place["pictures"] for place in far) == [12, 12]
    assert {"boat", "house"} <= {word for place in far for word in place["name"].lower().replace(",", "").split()}
    assert data["version"] == atlas.version(studio.database, MODEL) and not data["searching"]
    assert len(jobs(studio, "map")) == 1


def test_new_pictures_are_placed_while_the_old_map_is_shown(studio, gate):
    drawn(studio, gate, 40)
    fill(studio, gate, 2, start=40)
    test = room()
    assert sum(place["pictures"] for place in sent(test, "easel_map")["places"] if place["level"] == 0) == 40
    work(studio)
    assert sum(place["pictures"] for place in sent(room(), "easel_map")["places"] if place["level"] == 0) == 42


def test_a_map_that_failed_is_said_and_not_tried_again_by_itself(studio, gate):
    fill(studio, gate, 24)
    room()
    job = studio.queue.claim("fetch", "test")
    assert job is not None and studio.queue.finish(job.id, "failed", error="No room.")
    test = room()
    assert "No room." in text(test) and len(jobs(studio, "map")) == 1
    button(test, "map_again").click().run()
    assert len(jobs(studio, "map")) == 2


def test_drawing_anew_is_one_job_however_often_it_is_pressed(studio, gate):
    drawn(studio, gate)
    test, other = room(), room()
    button(test, "map_anew").click().run()
    assert_sound(test)
    assert len(jobs(studio, "map")) == 2 and button(test, "map_anew").disabled
    button(other, "map_anew").click().run()  # its page was drawn before
    assert len(jobs(studio, "map")) == 2


def test_a_search_lights_up_what_it_finds(studio, gate):
    ids = drawn(studio, gate)
    test = room(q='"red boat"')
    assert lit_of(test, studio, "lit") == ids[::2] and sent(test, "easel_map")["found"] == 12
    assert sent(room(q="date:1999"), "easel_map")["found"] == 0
    assert sent(room(q="date:1999"), "easel_map")["searching"]


def test_words_light_up_the_best_and_the_map_stays_while_they_are_searched_for(studio, gate):
    ids = drawn(studio, gate)
    test = room(q="boat")
    assert not sent(test, "easel_map")["searching"]
    job = studio.queue.claim("look", "test")
    assert job is not None and job.kind == "find"
    hits = [[id, 0.9] for id in reversed(ids)]
    assert studio.queue.finish(job.id, "done", result={"hits": hits, "total": len(ids)})
    test.run()
    assert lit_of(test, studio, "lit") == ids[-12:]


def test_what_a_line_was_drawn_around_is_chosen_and_can_be_acted_on(studio, gate, monkeypatch):
    ids = drawn(studio, gate)
    test = room()
    test.session_state[views.CHOSEN] = ids[:5]
    test.run()
    assert lit_of(test, studio, "chosen") == ids[:5]
    assert "5 selected" in text(test)
    button(test, "map_wall").click().run()
    assert test.query_params.get("look") is None and test.session_state[views.CHOSEN] == ids[:5]


def test_what_a_browser_sends_is_checked(monkeypatch):
    said: dict[str, Any] = {"lasso": {"ids": [3, 4.0, "x", True, None]}, "span": {"first": 9, "last": 2}}
    monkeypatch.setattr(charts, "sent", lambda key, name: said.get(name))
    assert charts.lasso("any") == [3, 4] and charts.span("any") == (2, 9)
    said.update(lasso={"ids": "all"}, span={"first": None, "last": None})
    assert charts.lasso("any") is None and charts.span("any") == ()
    said.update(lasso=None, span={"first": 1e300, "last": "x"})
    assert charts.lasso("any") is None and charts.span("any") == ()


def test_the_best_of_many_and_of_few():
    assert [map._best(total) for total in (10, 1_000, 100_000)] == [12, 50, 300]


# --- the route ------------------------------------------------------------------------------------------------------


def test_the_route_gives_the_points_once_for_each_version(studio, gate):
    ids = drawn(studio, gate)
    with TestClient(Starlette(routes=chart.routes(lambda: studio))) as client:
        first = client.get("/map/points")
        assert first.content == atlas.packed(studio.database, MODEL) and first.status_code == 200
        tag = first.headers["etag"]
        assert client.get("/map/points", headers={"if-none-match": tag}).status_code == 304
        studio.gallery.delete(ids[0])
        again = client.get("/map/points", headers={"if-none-match": tag})
        assert again.status_code == 200 and len(again.content) == len(first.content) - 10


# --- the timeline ---------------------------------------------------------------------------------------------------


def test_the_timeline_counts_the_days_and_shows_the_wall_below(studio, gate):
    fill(studio, gate, 9, vectors=False)
    test = page("gallery", look="timeline")
    assert_sound(test)
    data = sent(test, "easel_timeline")
    assert [count for _, count, _ in data["days"]] == [3, 3, 3] and not data["searched"]
    assert sent(test, "easel_wall")["total"] == 9


def test_a_span_becomes_a_date_in_the_search_and_the_rest_stays(studio, gate, monkeypatch):
    fill(studio, gate, 9, vectors=False)
    test = page("gallery", look="timeline", q='"red boat" date:2020')
    days = [day for day, _, _ in sent(test, "easel_timeline")["days"]]
    assert len(days) == 3  # the dates that are searched for hide no bars
    monkeypatch.setattr(charts, "span", lambda key: (days[1] - 4, days[1] + 23))
    test.session_state["probe"] = timeline._chosen
    looked = SimpleNamespace(view=None)
    monkeypatch.setattr(views, "current", lambda: views.View(words='"red boat" date:2020', look="timeline"))
    monkeypatch.setattr(views, "look", lambda view: setattr(looked, "view", view))
    timeline._chosen()
    assert looked.view.words == '"red boat" date:2026-02' and looked.view.look == "timeline"
    monkeypatch.setattr(charts, "span", lambda key: ())
    timeline._chosen()
    assert looked.view.words == '"red boat"'


def test_an_empty_gallery_is_told_what_the_timeline_is(studio):
    test = run(page("gallery", look="timeline"))
    assert "Your pictures, day by day" in text(test)
