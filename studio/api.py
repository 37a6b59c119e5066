"""The doors that pictures leave by over HTTP, and the guard before every door. It never reads a path that a request names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from studio.domain.errors import BadInput, EaselError
from studio.domain.pose import to_openpose
from studio.gallery.finding import suggesting, teaching
from studio.gallery.finding.language import TEXT_LIMIT
from studio.places import ASSETS

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.domain.artwork import Artwork

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# Only what a browser draws and cannot run: an SVG or a page would be script on our own origin.
TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
FONTS = ("hanken-grotesk", "hanken-grotesk-ext", "young-serif", "jetbrains-mono")
# Streamlit's front needs inline script and style, eval, and workers from blobs. Nothing may be fetched from elsewhere, and no
# other page may put us in a frame.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; img-src 'self' blob: data:; object-src 'none';"
    " base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", POLICY.encode()),
)


class Guard:
    """Lets in only what a browser on this machine asks of us under our own name.

    Every request and every WebSocket: Host must be a loopback name with our port, or a page elsewhere could rebind its name to
    us; Origin, where there is one, must be that Host; Sec-Fetch-Site must not say that another site asks. Everything else
    gets 403. Answers carry headers that keep other sites and other types out.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        reason = refusal(scope)
        if reason:
            await _refuse(scope, receive, send, reason)
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in HEADERS}
                # A wildcard of Streamlit's would let any site read what it asks for.
                ours.add(b"access-control-allow-origin")
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
                message = {**message, "headers": [*kept, *HEADERS]}
            await send(message)

        await self.app(scope, receive, guarded)


def refusal(scope: Scope) -> str:
    """Why a connection is not let in, or an empty string."""
    hosts = _values(scope, b"host")
    server = scope.get("server")
    port = server[1] if server else None
    if len(hosts) != 1 or not _is_ours(hosts[0], port):
        return "This address is not the studio's; open it as http://127.0.0.1 with its port."
    origins = _values(scope, b"origin")
    if origins and (len(origins) != 1 or not _same_origin(origins[0], hosts[0])):
        return "Another site asked for this; the studio answers only its own pages."
    if any(site in ("cross-site", "same-site") for site in _values(scope, b"sec-fetch-site")):
        return "Another site sent you here; type the studio's address instead."
    return ""


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip().lower() for key, value in scope["headers"] if key.lower() == name]


def _is_ours(host: str, port: int | None) -> bool:
    name, _, given = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not name:  # no colon at all: the default port
        name, given = host, ""
    return name in LOOPBACK and (given or "80") == str(port if port is not None else given or "80")


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.netloc == host and not (parts.path or parts.query)


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()  # the handshake; closing before accepting it answers 403
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    response = PlainTextResponse(reason, status_code=403, headers={k.decode(): v.decode() for k, v in HEADERS})
    await response(scope, receive, send)


# --- routes -------------------------------------------------------------------------------------------------------------


def routes(studio: Callable[[], Studio]) -> list[Route]:
    """The picture routes and our fonts; `studio` is called for each request. Handlers are plain functions: Starlette runs
    them in threads, so that a slow disk never holds up a page."""

    def picture(request: Request) -> Response:
        home = studio()
        artwork = _artwork(request, home)
        name = f"easel-{artwork.id}{Path(artwork.file).suffix}" if "download" in request.query_params else None
        if artwork.place is not None:
            return _in_place(request, home, artwork, name=name)
        return _file(request, home.gallery.path(artwork), tag=artwork.sha256, name=name)

    def thumb(request: Request) -> Response:
        home = studio()
        artwork = _artwork(request, home)
        path = home.gallery.thumb(artwork)  # thumbnails can be deleted at any time: it is made again
        return _file(request, path, tag=f"{artwork.sha256[:32]}-{path.suffix[1:]}")

    def shown(request: Request) -> Response:
        """An artwork as an editor shows it: itself, or a copy whose long side is 2,048 pixels."""
        home = studio()
        artwork = _artwork(request, home)
        path = home.files.shown(artwork.file, binned=artwork.deleted_at is not None, place=artwork.place)
        if path is None:
            return _in_place(request, home, artwork)
        return _file(request, path, tag=path.stem)

    def pose(request: Request) -> Response:
        """The figures of a pose map as OpenPose's JSON, in pixels of the map."""
        artwork = _artwork(request, studio())
        if artwork.map is None or artwork.map.kind != "pose":
            raise BadInput("id", "Only a pose has figures.")
        text = to_openpose(artwork.map.figures, artwork.width, artwork.height)
        headers = {"cache-control": "private, no-cache", "etag": f'"{artwork.sha256}"'}
        if "download" in request.query_params:
            headers["content-disposition"] = f'attachment; filename="pose-{artwork.id}.json"'
        elif headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(text, media_type="application/json", headers=headers)

    def preview(request: Request) -> Response:
        path = studio().files.preview_path(request.path_params["name"])
        if path.is_symlink():
            return _nothing()
        try:
            data = path.read_bytes()  # at once: a newer preview may take its place while an answer is on its way
        except OSError:
            return _nothing()
        return Response(data, media_type=TYPES[path.suffix], headers={"cache-control": "private, no-store"})

    def suggest(request: Request) -> Response:
        """What may come next in the search box, as JSON; for an empty box, what to try."""
        home = studio()
        text = request.query_params.get("q", "")[:TEXT_LIMIT]
        vocabulary = home.gallery.vocabulary()
        if text.strip():
            found = suggesting.suggest(text, vocabulary)
        else:
            found = home.gallery.kept.get("examples", lambda: teaching.examples(home.database, vocabulary), old=True)
        return JSONResponse([asdict(one) for one in found], headers={"cache-control": "private, no-store"})

    def font(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FONTS:
            return _nothing()
        path = ASSETS / "fonts" / f"{name}.woff2"
        return FileResponse(path, media_type="font/woff2", headers={"cache-control": "public, max-age=86400"})

    return [
        Route("/pictures/{id:str}", _in_a_sentence(picture), methods=["GET"]),
        Route("/thumbs/{id:str}", _in_a_sentence(thumb), methods=["GET"]),
        Route("/shown/{id:str}", _in_a_sentence(shown), methods=["GET"]),
        Route("/pose/{id:str}.json", _in_a_sentence(pose), methods=["GET"]),
        Route("/previews/{name:str}", _in_a_sentence(preview), methods=["GET"]),
        Route("/suggest", _in_a_sentence(suggest), methods=["GET"]),
        Route("/fonts/{name:str}.woff2", font, methods=["GET"]),
    ]


def _in_a_sentence(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """A handler whose failures are answered with their sentence: 404 for what is not there, 503 for a broken home."""

    def handle(request: Request) -> Response:
        try:
            return handler(request)
        except BadInput:
            return _nothing()
        except EaselError as error:
            return PlainTextResponse(str(error), status_code=503, headers={"cache-control": "no-store"})

    return handle


def _artwork(request: Request, studio: Studio) -> Artwork:
    """The artwork whose number stands in the path; raises BadInput for anything that is not one."""
    text = request.path_params["id"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadInput("id", "A picture has a number.")
    return studio.gallery.get(int(text))


def _in_place(request: Request, home: Studio, artwork: Artwork, *, name: str | None = None) -> Response:
    """A picture of a watched folder, from the very bytes that were checked; where they are gone, our thumbnail."""
    headers = {"cache-control": "private, no-cache", "etag": f'"{artwork.sha256}"'}
    if name is None and headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    try:
        data = home.gallery.served(artwork)
    except BadInput:
        if name is not None:
            raise
        return _file(request, home.gallery.thumb(artwork), tag=None)
    if name is not None:
        headers["content-disposition"] = f'attachment; filename="{name}"'
    return Response(data, media_type=TYPES[Path(artwork.file).suffix], headers=headers)


def _file(request: Request, path: Path, *, tag: str | None, name: str | None = None) -> Response:
    media_type = TYPES.get(path.suffix.lower())
    if media_type is None or path.is_symlink() or not path.is_file():
        return _nothing()
    headers = {"cache-control": "private, no-cache" if tag else "private, no-store"}
    if tag:
        headers["etag"] = f'"{tag}"'
        if name is None and headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
    if name:
        return FileResponse(path, media_type=media_type, filename=name, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers)


def _nothing() -> Response:
    return PlainTextResponse("There is no such picture.", status_code=404, headers={"cache-control": "no-store"})
