"""The picture routes and the guard, asked by a raw client of the real server on loopback: nothing is normalised on the way."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from studio.api import refusal
from studio.app import Studio, open_studio
from studio.domain.recipe import Recipe
from studio.jobs.lock import Lock
from studio.places import ROOT
from studio.safety.gate import Gate
from tests.fakes import FakeChecker

START_LIMIT = 180.0  # seconds; the machine may be busy with other things


@dataclass
class Answer:
    """One answer: status, headers in small letters, body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Server:
    """The studio, served; and its home, seen from this side."""

    port: int
    studio: Studio
    artwork: int

    def get(self, path: str, **headers: str) -> Answer:
        """GET exactly this path with exactly these headers (`Host` is ours unless given)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": f"127.0.0.1:{self.port}", **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def handshake(self, **headers: str) -> int:
        """The status that a WebSocket handshake of Streamlit's gets."""
        return self.get(
            "/_stcore/stream",
            Connection="Upgrade",
            Upgrade="websocket",
            Sec_WebSocket_Version="13",
            Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
            **headers,
        ).status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, known_positive: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("served") / "a home"
    studio = open_studio(home)
    lock = Lock(home)
    assert lock.take()  # this test plays the worker, so that none is started
    gate = Gate(checker=FakeChecker(), labels={"magenta": "magenta"}, known_positive=known_positive)
    cleared = gate.picture(Image.effect_noise((96, 64), 60).convert("RGB"))
    artwork = studio.gallery.add(cleared, Recipe(prompt="noise", width=96, height=64))
    studio.files.preview(cleared, "draft-1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "streamlit_app.py"), "--server.port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "EASEL_HOME": str(home)}
    )
    try:
        deadline = time.monotonic() + START_LIMIT
        while True:
            assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield Server(port, studio, artwork.id)
    finally:
        process.terminate()
        process.wait(timeout=30)
        lock.release()
        studio.close()


# --- pictures -------------------------------------------------------------------------------------------------------


def test_a_picture_is_sent_byte_for_byte(server):
    answer = server.get(f"/pictures/{server.artwork}")
    artwork = server.studio.gallery.get(server.artwork)
    assert answer.status == 200 and answer.body == server.studio.gallery.path(artwork).read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "private" in answer.headers["cache-control"]
    assert "access-control-allow-origin" not in answer.headers


def test_a_download_has_a_safe_name(server):
    disposition = server.get(f"/pictures/{server.artwork}?download=1").headers["content-disposition"]
    assert disposition == f'attachment; filename="easel-{server.artwork}.png"'


def test_a_picture_that_the_browser_has_is_not_sent_again(server):
    tag = server.get(f"/pictures/{server.artwork}").headers["etag"]
    again = server.get(f"/pictures/{server.artwork}", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")


def test_a_thumbnail_is_a_small_jpeg_and_can_be_deleted_at_any_time(server):
    answer = server.get(f"/thumbs/{server.artwork}")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    path = server.studio.files.thumb_path(server.studio.gallery.get(server.artwork).sha256)
    path.unlink()
    assert server.get(f"/thumbs/{server.artwork}").headers["content-type"] == "image/jpeg"


def test_a_preview_is_never_kept_by_the_browser(server):
    answer = server.get("/previews/draft-1.webp")
    assert answer.status == 200 and "no-store" in answer.headers["cache-control"]


def test_our_fonts_come_from_us(server):
    answer = server.get("/fonts/young-serif.woff2")
    assert answer.status == 200 and answer.body[:4] == b"wOF2"


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/999999",
        "/pictures/-1",
        "/pictures/1.png",
        "/pictures/abc",
        "/pictures/%D9%A1",
        "/pictures/" + "9" * 40,
        "/pictures/../easel.db",
        "/pictures/%2e%2e%2feasel.db",
        "/pictures/..%2f..%2fetc%2fpasswd",
        "/pictures/%2fetc%2fpasswd",
        "/thumbs/%2e%2e/%2e%2e/easel.db",
        "/previews/../easel.db",
        "/previews/..%2feasel.db",
        "/previews/%2e%2e%2f%2e%2e%2feasel.db",
        "/previews/draft-1.svg",
        "/previews/draft-1.html",
        "/previews/draft-1.webp%00.html",
        "/fonts/..%2f..%2fstudio.css.woff2",
        "/fonts/secret.woff2",
    ],
)
def test_what_is_not_a_picture_of_ours_is_not_served(server, path):
    answer = server.get(path)
    assert answer.status in (400, 404) or b"<!DOCTYPE html" in answer.body  # the page, never a file
    assert b"SQLite format" not in answer.body and b"root:" not in answer.body


def test_a_symlink_in_the_picture_folder_is_not_followed(server, tmp_path):
    secret = tmp_path / "secret.webp"
    secret.write_bytes(b"secret")
    link = server.studio.home / "previews" / "link-1.webp"
    link.symlink_to(secret)
    assert server.get("/previews/link-1.webp").status == 404


def test_only_reading_is_answered(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("DELETE", f"/pictures/{server.artwork}")
    assert connection.getresponse().status == 405
    connection.close()


# --- the guard ------------------------------------------------------------------------------------------------------

EVERYWHERE = ["/", "/gallery", "/_stcore/health", "/pictures/1", "/thumbs/1", "/fonts/young-serif.woff2"]


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("host", ["evil.com", "evil.com:{port}", "127.0.0.1:1", "127.0.0.1.evil.com:{port}", ""])
def test_another_name_for_this_machine_is_refused_everywhere(server, path, host):
    assert server.get(path, Host=host.format(port=server.port)).status in (400, 403)


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize(
    "origin", ["http://evil.com", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://["]
)
def test_another_origin_is_refused_everywhere(server, path, origin):
    assert server.get(path, Origin=origin.format(port=server.port)).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_embed_our_pictures(server, site):
    answer = server.get(f"/pictures/{server.artwork}", Sec_Fetch_Site=site)
    assert answer.status == 403 and b"PNG" not in answer.body


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1:{port}"])
def test_our_own_names_are_let_in(server, host):
    host = host.format(port=server.port)
    assert server.get("/", Host=host, Origin=f"http://{host.lower()}", Sec_Fetch_Site="same-origin").status == 200


def test_pages_cannot_be_framed_and_fetch_from_nowhere_else(server):
    headers = server.get("/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_a_websocket_is_guarded_like_a_page(server):
    ours = f"http://127.0.0.1:{server.port}"
    assert server.handshake(Origin=ours) == 101
    assert server.handshake(Origin="http://evil.com") == 403
    assert server.handshake(Origin="null") == 403
    assert server.handshake(Host="evil.com", Origin="http://evil.com") in (400, 403)
    assert server.handshake(Origin=ours, Sec_Fetch_Site="cross-site") == 403


def test_only_loopback_listens(server):
    """The server's sockets, read from the kernel: no other address of this machine answers."""
    listening = [
        line.split()[1]
        for name in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(name).exists()
        for line in Path(name).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == server.port
    ]
    assert listening and all(address.startswith("0100007F") for address in listening)


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ([(b"host", b"127.0.0.1:8501")], True),
        ([(b"host", b"[::1]:8501")], True),
        ([(b"host", b"[::1]")], False),
        ([(b"host", b"127.0.0.1")], False),
        ([(b"host", b"127.0.0.1:8501"), (b"host", b"evil.com")], False),
        ([(b"host", b"127.0.0.1:8501"), (b"origin", b"http://127.0.0.1:8501"), (b"origin", b"http://evil.com")], False),
        ([], False),
    ],
)
def test_what_the_guard_makes_of_a_request(headers, let_in):
    assert (refusal({"type": "http", "headers": headers, "server": ("127.0.0.1", 8501)}) == "") is let_in
