"""What the wall asks while one scrolls, and what its keys do to pictures, over HTTP. It serves no file and draws nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from studio.domain.artwork import Why
from studio.domain.errors import BadInput, EaselError
from studio.domain.query import Query
from studio.domain.settings import Settings
from studio.gallery.finding import leafing
from studio.gallery.finding.leafing import Answer
from studio.gallery.keeping import changes, collections, disposal
from studio.gallery.keeping.changes import Change
from studio.ui import browse
from studio.ui.browse import View
from studio.ui.gallery.why import line

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.domain.artwork import Artwork, Hit

MOST = 240  # tiles in one answer
MOST_CHOSEN = 20_000  # pictures that can be selected at once
BIN_DAYS = Settings.bin_days  # where nobody says otherwise
ALT = 240  # characters of a caption that a tile carries
BODY = 2**21  # bytes of a wish
_NO_STORE = {"cache-control": "no-store"}


# --- an answer, and its name in an address --------------------------------------------------------------------------------


def address(view: View, *, upto: int = 0, job: int | None = None) -> dict[str, str]:
    """What a browser asks further tiles with: the search itself, or the number of the job that made it. It holds no secret."""
    if job is not None:
        return {"job": str(job), **({"shelf": view.shelf} if view.shelf == "Bin" else {})}
    words = browse.address(View(words=view.words, shelf=view.shelf, tag=view.tag))
    return words | ({"upto": str(upto)} if upto else {})


def answer(studio: Studio, asked: Mapping[str, str]) -> Answer:
    """The answer that an address names; raises BadInput for one that names none."""
    if "job" in asked:
        job = studio.job(_number(asked, "job"))
        if job.kind != "find" or job.state != "done":
            raise BadInput("job", "That search is not there any more; search again.")
        found = tuple(int(pair[0]) for pair in job.result.get("hits", ()))
        query = Query.narrowed(job.payload.get("filters", {}))  # it says whether the bin was searched
        return Answer(query, found=found)
    query = _query(asked)
    if query.ranked:
        from studio.gallery.finding import near

        return Answer(query, found=tuple(near.ids(studio.gallery, query)))
    arranged = collections.arranged(studio.database, query)
    if arranged is not None:
        return Answer(query, found=tuple(arranged))
    return Answer(query, upto=_number(asked, "upto") if "upto" in asked else 0)


def _query(asked: Mapping[str, str]) -> Query:
    query = browse.query(browse.read({name: asked[name] for name in ("q", "shelf", "tag") if name in asked}))
    if query.by_meaning:
        raise BadInput("q", "Words are searched for by a job; name it.")
    return query


def tile(
    artwork: Artwork, score: float | None = None, why: Why | None = None, *, kept: int = BIN_DAYS
) -> dict[str, Any]:
    """A picture as the wall wants it; words are text, never markup. `kept` is for how many days things lie in the bin."""
    alt = artwork.alt
    label = disposal.days_word(artwork.deleted_at, kept=kept)
    return {
        "id": artwork.id,
        "alt": alt if len(alt) <= ALT else alt[: ALT - 1] + "…",
        "label": label if score is None else f"{round(score, 2) + 0.0:.2f}",  # adding 0 takes the minus from -0.00
        "favourite": artwork.favourite,
        "rating": artwork.rating,
        "noted": bool(artwork.remark),
        "gone": artwork.gone_at is not None,
        "why": line(why),
    }


def tiles(hits: Sequence[Hit], *, kept: int = BIN_DAYS) -> list[dict[str, Any]]:
    """Hits as the wall wants them."""
    return [tile(hit.artwork, hit.score, hit.why, kept=kept) for hit in hits]


def stretch(studio: Studio, asked: Mapping[str, str], *, start: int, count: int) -> list[dict[str, Any]]:
    """The tiles of a stretch of an answer."""
    if "job" not in asked and (query := _query(asked)).ranked:
        from studio.gallery.finding import near

        return tiles(near.hits(studio.gallery, dataclasses.replace(query, offset=start, limit=count)))
    ids = leafing.ids(studio.gallery, answer(studio, asked), start=start, count=count)
    scores: dict[int, float | None] = {}
    told: dict[str, Any] = {}
    if "job" in asked:
        result = studio.job(int(asked["job"])).result
        scores = {int(id): score for id, score in result.get("hits", ())}
        told = {str(id): Why.from_dict(one) for id in ids if (one := result.get("why", {}).get(str(id)))}
    held = studio.gallery.many(ids)
    kept = studio.settings.bin_days
    return [tile(held[id], scores.get(id), told.get(str(id)), kept=kept) for id in ids if id in held]


# --- the doors ------------------------------------------------------------------------------------------------------------


def routes(studio: Callable[[], Studio]) -> list[Route]:
    """The wall's routes; `studio` is called for each request. What changes something takes JSON from our own pages alone."""

    def some(request: Request) -> Any:
        home, asked = studio(), request.query_params
        start, count = _number(asked, "from"), min(MOST, max(1, _number(asked, "count", 60)))
        body: dict[str, Any] = {"tiles": stretch(home, asked, start=start, count=count)}
        if "total" in asked:
            body |= {"total": leafing.total(home.gallery, answer(home, asked)), "stamp": stamp(home)}
        return body

    def numbers(request: Request) -> Any:
        home, asked = studio(), request.query_params
        if "ids" in asked:  # such as those that are selected, to show them one after the other
            wanted = [int(one) for one in asked["ids"].split(",")[:MOST] if one.isascii() and one.isdecimal()]
            kept = home.settings.bin_days
            return {"tiles": [tile(one, kept=kept) for one in home.gallery.many(wanted).values()]}
        count = min(MOST_CHOSEN, max(0, _number(asked, "count", MOST_CHOSEN)))
        return {
            "ids": leafing.ids(home.gallery, answer(home, asked), start=_number(asked, "from"), count=count),
            "most": MOST_CHOSEN,
        }

    def change(home: Studio, wish: Mapping[str, Any]) -> Any:
        ids = wish.get("ids")
        if not isinstance(ids, list) or not all(type(id) is int for id in ids):
            raise BadInput("ids", "Say which pictures, by their numbers.")
        made = changes.apply(home.gallery, ids, Change(str(wish.get("what")), wish.get("value")))
        words = changes.get(home.gallery, made).words if made else ""
        return {"change": made, "words": words, "stamp": stamp(home)}

    def undo(home: Studio, wish: Mapping[str, Any]) -> Any:
        number = wish.get("change")
        if type(number) is not int:  # the last change of all may be another tab's, the terminal's or of last week
            raise BadInput("change", "There is nothing to undo: this tab has changed nothing since.")
        done = changes.undo(home.gallery, number)
        return {"change": done.change.id, "words": done.words, "stamp": stamp(home)}

    return [
        Route("/wall", _reading(some), methods=["GET"]),
        Route("/wall/ids", _reading(numbers), methods=["GET"]),
        Route("/wall/change", _writing(studio, change), methods=["POST"]),
        Route("/wall/undo", _writing(studio, undo), methods=["POST"]),
    ]


def stamp(studio: Studio) -> str:
    """A word that is another one after every change and every undo."""
    row = studio.database.one("SELECT max(id), max(undone_at) FROM changes")
    return f"{row[0]}-{row[1]}" if row else ""


def _reading(handler: Callable[[Request], Any]) -> Callable[[Request], Response]:
    def handle(request: Request) -> Response:  # a plain function: Starlette runs it in a thread
        return _in_a_sentence(lambda: handler(request))

    return handle


def _writing(
    studio: Callable[[], Studio], handler: Callable[[Studio, Mapping[str, Any]], Any]
) -> Callable[[Request], Awaitable[Response]]:
    """A door that changes something. The guard before it refuses other sites; this one wants to be told that it is ours.

    JSON cannot be sent by another site's form, and without Origin or Sec-Fetch-Site nobody says who asks.
    """

    async def handle(request: Request) -> Response:
        told = request.headers.get("origin") or request.headers.get("sec-fetch-site") == "same-origin"
        if not told or request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _sentence("Only the studio's own pages can ask for this.", 403)
        data = b""
        async for part in request.stream():
            data += part
            if len(data) > BODY:
                return _sentence("That is too much at once.", 413)

        def work() -> Any:
            try:
                wish = json.loads(data)
            except (ValueError, RecursionError):
                wish = None
            if not isinstance(wish, dict):
                raise BadInput("body", "That could not be read.")
            return handler(studio(), wish)

        return await run_in_threadpool(_in_a_sentence, work)

    return handle


def _in_a_sentence(work: Callable[[], Any]) -> Response:
    try:
        return JSONResponse(work(), headers=_NO_STORE)
    except BadInput as error:
        return _sentence(str(error), 400)
    except EaselError as error:
        return _sentence(str(error), 503)


def _sentence(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status_code=status, headers=_NO_STORE)


def _number(asked: Mapping[str, str], name: str, default: int = 0) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadInput(name, f"{name} is a whole number.")
    return int(text)
