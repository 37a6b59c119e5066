"""A small hub on loopback that speaks the hub's real protocol, and misbehaves where a test asks it to. Nothing of it is a mock:
the real client talks to it over a real socket."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS = (".safetensors", ".pth", ".bin")  # kept in LFS, so their ETag is their SHA-256
PIECE = 1 << 14


@dataclass
class Fault:
    """What goes wrong with the next answers that `match` names: an answer of its own, or a body that ends early."""

    match: str  # a regular expression on "GET /path"
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # instead of the true one, under status 200
    cut: int = -1  # close the connection after so many bytes of the body
    hold: threading.Event | None = None  # send nothing more than `cut` bytes until this is set
    times: int = 1


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    range: str
    token: str


class LoopbackHub:
    """Repositories in memory: {"owner/name": {path: bytes}}, each with one commit, on a port of its own.

    `gated` names repositories that want a token in `tokens`; with `cdn` large files are answered by a redirect to another
    origin, as the hub does; without `ranges` it always sends whole files; `lies` maps a path to bytes sent instead.
    """

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        self.repositories = repositories
        self.gated: set[str] = set()
        self.tokens: set[str] = set()
        self.lies: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.cdn = False
        self.ranges = True
        self.reached = threading.Event()  # a held body has sent all it may
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.port}"

    def commit(self, repo: str) -> str:
        """The one commit of a repository: made of its content."""
        digest = hashlib.sha1()
        for path, data in sorted(self.repositories[repo].items()):
            digest.update(path.encode() + hashlib.sha1(data).digest())
        return digest.hexdigest()

    def fail(self, match: str, **what) -> Fault:
        """Let the next answers that match go wrong."""
        fault = Fault(match, **what)
        self.faults.append(fault)
        return fault

    def fault(self, line: str) -> Fault | None:
        """The fault that is due for this request line, used up by one."""
        with self._lock:
            for one in self.faults:
                if one.times > 0 and re.search(one.match, line):
                    one.times -= 1
                    return one
        return None

    def bodies(self, path: str) -> list[str]:
        """The Range of every GET of this file's bytes, in order ("" = from the first)."""
        return [
            one.range
            for one in self.asked
            if one.method == "GET" and one.path.endswith(path) and "/api/" not in one.path
        ]

    def close(self) -> None:
        for one in self.faults:
            if one.hold is not None:
                one.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Who asked may have been killed; that is what the tests are about."""


@contextmanager
def loopback_hub(repositories: dict[str, dict[str, bytes]]) -> Iterator[LoopbackHub]:
    """A hub that is there for the length of a test."""
    hub = LoopbackHub(repositories)
    try:
        yield hub
    finally:
        hub.close()


def blob_id(data: bytes) -> str:
    """Git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def tree_of(files: dict[str, bytes]) -> list[dict]:
    """What the hub lists: folders and files, and for large files their LFS hash and size."""
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    rows: list[dict] = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in sorted(folders)]
    for path, data in sorted(files.items()):
        row = {"type": "file", "oid": blob_id(data), "size": len(data), "path": path}
        if path.endswith(LFS):
            row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        rows.append(row)
    return rows


def _handler(hub: LoopbackHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or every small answer waits 40 ms for the other side's acknowledgement

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            self.answer()

        def answer(self):
            path = unquote(urlsplit(self.path).path)  # a proxy is asked for a whole address
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            hub.asked.append(Asked(self.command, path, self.headers.get("Range", ""), token))
            fault = hub.fault(f"{self.command} {path}")
            if fault is not None and fault.status:
                return self.send(fault.status, fault.body or b"", fault.headers)
            if api := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+)/?", path):
                return self.about(*api.groups(), fault)
            if file := re.fullmatch(r"/(cdn/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                return self.file(file.groups(), token, fault)
            return self.send(404, b"not found", {})

        def known(self, repo, revision):
            if repo not in hub.repositories:
                self.error(404, "RepoNotFound")
            elif revision not in ("main", hub.commit(repo)):
                self.error(404, "RevisionNotFound")
            else:
                return True
            return False

        def about(self, repo, what, revision, fault):
            if not self.known(repo, revision):
                return
            body = {"id": repo, "modelId": repo, "sha": hub.commit(repo), "siblings": [], "gated": repo in hub.gated}
            answer = body if what == "revision" else tree_of(hub.repositories[repo])
            data = json.dumps(answer).encode() if fault is None or fault.body is None else fault.body
            self.send(200, data, {"Content-Type": "application/json"}, fault)

        def refusal(self, cdn, repo, path, token):
            """(status, code) where there is nothing to give."""
            if not cdn and repo in hub.gated and token not in hub.tokens:
                return (403 if token else 401), "GatedRepo"
            return (0, "") if path in hub.repositories[repo] else (404, "EntryNotFound")

        def file(self, where, token, fault):
            cdn, repo, revision, path = where
            if not self.known(repo, revision):
                return
            status, code = self.refusal(cdn, repo, path, token)
            if status:
                self.error(status, code)
                return
            data = hub.repositories[repo][path]
            large = path.endswith(LFS)
            tag = hashlib.sha256(data).hexdigest() if large else blob_id(data)
            about = {"X-Repo-Commit": hub.commit(repo), "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
            if (
                large and hub.cdn and not cdn
            ):  # "localhost" is another origin than "127.0.0.1", so the token must stay here
                there = f"http://localhost:{hub.port}/cdn/{repo}/resolve/{revision}/{path}"
                linked = {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(len(data)), "Location": there}
                self.send(302, b"", {**about, **linked})
                return
            data = hub.lies.get(path, data)
            if fault is not None and fault.body is not None:
                data = fault.body
            start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            first = int(start[1]) if start and hub.ranges else 0
            if first and first >= len(data):
                self.send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            if first:
                about["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            self.send(206 if first else 200, data[first:], about, fault)

        def error(self, status, code):
            self.send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

        def send(self, status, data, headers, fault=None):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "HEAD":
                return
            cut = len(data) if fault is None or fault.cut < 0 else min(fault.cut, len(data))
            try:
                for at in range(0, cut, PIECE):
                    self.wfile.write(data[at : min(at + PIECE, cut)])
                self.wfile.flush()
                if fault is not None and fault.hold is not None:
                    hub.reached.set()
                    fault.hold.wait(60)
                    self.wfile.write(data[cut:])
                elif cut < len(data):
                    self.close_connection = True
            except OSError:  # whoever asked was killed
                self.close_connection = True

    return Handler
