"""What a browser reads of the gallery's map over HTTP: where each picture lies. It draws nothing and changes nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from studio.domain.errors import EaselError
from studio.gallery.space import atlas

if TYPE_CHECKING:
    from studio.app import Studio


def routes(studio: Callable[[], Studio]) -> list[Route]:
    """The map's route; `studio` is called for each request. A plain function: Starlette runs it in a thread."""

    def points(request: Request) -> Response:
        """The points as `atlas.packed` gives them; the version in the address only keeps browsers from an older answer."""
        try:
            database = studio().database
            model = atlas.shown_model(database)
            tag = f'"{atlas.version(database, model)}"'
            headers = {"cache-control": "private, no-cache", "etag": tag}
            if tag in request.headers.get("if-none-match", ""):
                return Response(status_code=304, headers=headers)
            body = atlas.packed(database, model)
        except EaselError as error:
            return PlainTextResponse(str(error), status_code=503, headers={"cache-control": "no-store"})
        if "gzip" in request.headers.get("accept-encoding", "") and len(body) > 1_000_000:
            body, headers = gzip.compress(body, compresslevel=1), {**headers, "content-encoding": "gzip"}
        return Response(body, media_type="application/octet-stream", headers=headers)

    return [Route("/map/points", points, methods=["GET"])]
