"""The wall's routes, asked through the guard as a browser asks them; and the leafing through long answers below them."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import hostile
import pytest
from galleries import painter
from starlette.routing import Router

from studio.api import Guard
from studio.app import open_studio
from studio.domain.artwork import Hit
from studio.domain.query import Filter, Query
from studio.gallery.finding import leafing
from studio.gallery.finding.leafing import Answer
from studio.gallery.keeping import changes
from studio.jobs.lock import Lock
from studio.ui.browse import View
from studio.ui.gallery import tiles

HOST = "127.0.0.1:8501"
OURS = {"origin": f"http://{HOST}", "content-type": "application/json"}


@dataclass
class Reply:
    status: int
    body: dict


@pytest.fixture
def studio(begun_home):
    lock = Lock(begun_home)
    assert lock.take()  # this test plays the worker, so that none is started
    opened = open_studio(begun_home)
    yield opened
    opened.close()
    lock.release()


@pytest.fixture
def ids(studio, tmp_path):
    """Seven pictures, newest first."""
    paint = painter(studio.gallery, hostile.open_gate(tmp_path))
    return [paint(seed).id for seed in range(7)][::-1]


@pytest.fixture
def ask(studio):
    app = Guard(Router(tiles.routes(lambda: studio)))

    def ask(path, wish=None, **headers):
        path, _, query = path.partition("?")
        given = {"host": HOST, **(OURS if wish is not None else {}), **headers}
        scope = {
            "type": "http", "method": "GET" if wish is None else "POST", "path": path, "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
            "server": ("127.0.0.1", 8501), "http_version": "1.1", "scheme": "http", "root_path": "",
        }  # fmt: skip
        sent = []
        data = wish if isinstance(wish, bytes) else json.dumps(wish).encode()
        coming = [{"type": "http.request", "body": b"" if wish is None else data, "more_body": False}]

        async def receive():
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        with ThreadPoolExecutor(1) as elsewhere:  # a browser test in this process may have a loop in this thread
            elsewhere.submit(asyncio.run, app(scope, receive, send)).result()
        studio.database.release()
        body = b"".join(part.get("body", b"") for part in sent[1:])
        return Reply(sent[0]["status"], json.loads(body) if body.startswith(b"{") else {"text": body.decode()})

    return ask


def shown(reply):
    assert reply.status == 200, reply.body
    return [tile["id"] for tile in reply.body["tiles"]]


def test_any_stretch_of_an_answer_can_be_asked_for(ask, ids):
    assert shown(ask("/wall?from=0&count=3")) == ids[:3]
    assert shown(ask("/wall?from=5&count=60")) == ids[5:]
    assert shown(ask("/wall?from=700")) == []
    assert ask("/wall?from=0&count=1&total=1").body["total"] == 7


def test_what_comes_in_meanwhile_shifts_nothing(ask, ids):
    assert shown(ask(f"/wall?from=1&count=2&upto={ids[2]}")) == ids[3:5]


def test_the_filters_of_the_view_hold_for_every_stretch(studio, ask, ids):
    changes.apply(studio.gallery, ids[2:5], changes.Change("rate", 4))
    studio.gallery.delete(ids[3])
    assert shown(ask("/wall?q=rating:4&from=0")) == [ids[2], ids[4]]
    assert shown(ask("/wall?shelf=Bin")) == [ids[3]]
    assert ask("/wall/ids?q=rating:4").body["ids"] == [ids[2], ids[4]]
    assert [tile["rating"] for tile in ask("/wall?q=rating:4").body["tiles"]] == [4, 4]


def searched(studio, pairs, state="done", **more):
    job = studio.find(Query(words=(("star", 1.0),), **more))
    assert studio.queue.claim("look", "test") is not None
    studio.queue.finish(job.id, state, result={"hits": pairs, "total": len(pairs)})
    return job.id


def test_a_search_is_leafed_through_by_its_job(studio, ask, ids):
    job = searched(studio, [[ids[4], 0.31], [ids[0], -0.001], [ids[2], 0.1]])
    studio.gallery.delete(ids[2])
    reply = ask(f"/wall?job={job}&from=0")
    assert shown(reply) == [ids[4], ids[0]]  # what was deleted since is not there
    assert [tile["label"] for tile in reply.body["tiles"]] == ["0.31", "0.00"]
    assert tiles.address(View(words="star"), job=job) == {"job": str(job)}


def test_a_search_of_the_bin_is_leafed_through_to_its_end(studio, ask, ids):
    studio.gallery.delete(ids[2])
    studio.gallery.delete(ids[4])
    job = searched(studio, [[ids[4], 0.3], [ids[0], 0.2], [ids[2], 0.1]], filters=(Filter("is", "binned"),))
    assert shown(ask(f"/wall?job={job}")) == [ids[4], ids[2]] and ask(f"/wall?job={job}&total=1").body["total"] == 2


def test_what_ranks_without_a_model_is_leafed_through_by_its_words(studio, ask, ids):
    studio.gallery.set_caption(ids[3], "a lighthouse at night", "you")
    studio.gallery.set_caption(ids[5], "a lighthouse", "you")
    reply = ask("/wall?q=lighthouse%20by:words&total=1")
    assert sorted(shown(reply)) == sorted([ids[3], ids[5]]) and reply.body["total"] == 2
    assert all(tile["why"] for tile in reply.body["tiles"])
    assert shown(ask("/wall?q=lighthouse%20by:words&from=1")) == shown(reply)[1:]


@pytest.mark.parametrize(
    "path", ["/wall?from=x", "/wall?from=-1", "/wall?job=99", "/wall?q=star", "/wall?q=size:x", "/wall?upto=²"]
)
def test_an_address_that_names_no_answer_is_a_sentence(ask, ids, path):
    reply = ask(path)
    assert reply.status == 400 and reply.body["error"].endswith(".")


def test_only_a_finished_search_can_be_leafed_through(studio, ask, ids):
    assert ask(f"/wall?job={searched(studio, [[ids[0], 1.0]], 'failed')}").status == 400
    assert ask(f"/wall?job={studio.caption(artwork=ids[0]).id}").status == 400


def test_a_rating_by_key_is_kept_and_can_be_undone(studio, ask, ids):
    reply = ask("/wall/change", {"ids": ids[:2], "what": "rate", "value": 4})
    assert reply.status == 200 and reply.body["words"] == "2 pictures rated 4"
    assert studio.gallery.get(ids[1]).rating == 4
    again = ask("/wall/undo", {"change": reply.body["change"]})
    assert again.body["change"] == reply.body["change"] and again.body["stamp"] != reply.body["stamp"]
    assert studio.gallery.get(ids[1]).rating == 0
    assert ask("/wall/undo", {"change": reply.body["change"]}).body["error"] == "That was undone already."
    assert ask("/wall/change", {"ids": ids[:1], "what": "rate", "value": 0}).body["change"] == 0


@pytest.mark.parametrize("wish", [{}, {"change": None}, {"change": "1"}, {"change": True}])
def test_an_undo_takes_back_what_its_tab_did_and_never_the_last_of_all(studio, ask, ids, wish):
    changes.apply(studio.gallery, ids[:1], changes.Change("rate", 4))  # by the terminal, say
    reply = ask("/wall/undo", wish)
    assert reply.status == 400 and reply.body["error"].startswith("There is nothing to undo")
    assert studio.gallery.get(ids[0]).rating == 4


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "", "sec-fetch-site": ""}, 403),  # nobody says who asks
        ({"origin": "", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://evil.com"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 403),  # what another site's form can send
        ({"host": "evil.com"}, 403),
        ({}, 200),
    ],
)
def test_only_our_own_pages_change_anything(studio, ask, ids, headers, status):
    assert ask("/wall/change", {"ids": ids[:1], "what": "rate", "value": 5}, **headers).status == status
    assert studio.gallery.get(ids[0]).rating == (5 if status == 200 else 0)


@pytest.mark.parametrize(
    "wish",
    [b"{", b"[]", {"ids": "1", "what": "rate"}, {"ids": [True], "what": "rate"}, {"ids": [1], "what": "rate", "value": 9},
     {"ids": [1], "what": "drop"}, {"ids": [], "what": "bin"}, {"ids": [10**30], "what": "bin"}, {"ids": [1], "what": None}],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_changes_nothing(studio, ask, ids, wish):
    assert ask("/wall/change", wish).status == 400
    assert changes.last(studio.gallery) is None


@pytest.mark.parametrize(
    "wish", [{"change": 10**30}, {"change": 2**63}, {"change": -1}, {"change": 77}, {"change": [1]}, b"[" * 100_000]
)
def test_an_undo_of_what_is_no_change_is_a_sentence(ask, ids, wish):
    reply = ask("/wall/undo", wish)
    assert reply.status == 400 and reply.body["error"].endswith(".")


def test_too_much_at_once_is_refused(ask, ids):
    assert ask("/wall/change", b"[" + b"1," * tiles.BODY).status == 413


def test_a_tile_carries_words_as_text_and_not_too_many(studio, ids):
    studio.gallery.set_caption(ids[0], "<b>" + "x" * 1_000, "you")
    (tile,) = tiles.tiles([Hit(studio.gallery.get(ids[0]))])
    assert tile["alt"].startswith("<b>") and len(tile["alt"]) == tiles.ALT


def test_far_places_are_the_same_as_near_ones_and_follow_every_change(studio, ids, monkeypatch):
    everything = Answer(Query())
    monkeypatch.setattr(leafing, "NEAR", 0)
    assert leafing.ids(studio.gallery, everything, start=2, count=3) == ids[2:5]
    studio.gallery.delete(ids[3])
    assert leafing.ids(studio.gallery, everything, start=2, count=3) == [ids[2], *ids[4:6]]
    assert leafing.ids(studio.gallery, everything, start=4) == ids[5:]
    assert leafing.total(studio.gallery, everything) == 6


def test_neighbours_are_known_beyond_what_was_shown(studio, ids):
    everything = Answer(Query())
    assert leafing.beside(studio.gallery, everything, ids[3]) == (ids[2], ids[4])
    assert leafing.beside(studio.gallery, everything, ids[0]) == (None, ids[1])
    assert leafing.beside(studio.gallery, Answer(Query(), upto=ids[1]), ids[1])[0] is None
    rated = Answer(Query(filters=(Filter("rating", "4"),)))
    changes.apply(studio.gallery, [ids[1], ids[5]], changes.Change("rate", 4))
    assert leafing.beside(studio.gallery, rated, ids[3]) == (ids[1], ids[5])  # itself no part of it any more
    found = Answer(Query(), found=(ids[4], ids[0], ids[6]))
    studio.gallery.delete(ids[0])
    assert leafing.beside(studio.gallery, found, ids[4]) == (None, ids[6])
    assert leafing.beside(studio.gallery, found, ids[0]) == (ids[4], ids[6])
    assert leafing.newest(studio.gallery) == ids[0]
