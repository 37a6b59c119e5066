"""The hub: what a repository holds, and a file's bytes from any byte on. No other module asks another machine for anything."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from types import ModuleType
from typing import Any, Self

import httpx2

from studio.domain.errors import Failed
from studio.packs.ledger import Ledger

HOME = "https://huggingface.co"  # HF_ENDPOINT names another one, such as a mirror
TIMEOUT = httpx2.Timeout(30.0, connect=15.0)  # seconds of silence
BUSY = (408, 425, 429, 500, 502, 503, 504)  # answers that another try may change
# Read by huggingface_hub when it is first imported. It stays offline for everybody else in this process, who would ask it
# by accident; what asks through this module has a client of its own.
HABITS = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Later(Exception):
    """It did not work this time, and may in `wait` seconds (None: nobody said when); the text is half a sentence."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Vanished(Failed):
    """The repository no longer has this file or this revision."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: its size in bytes and its SHA-256, or where the hub keeps none, its Git blob id (SHA-1)."""

    path: str
    bytes: int
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True)
class Listing:
    """A repository at one commit."""

    commit: str
    files: dict[str, RemoteFile]


@dataclass(frozen=True)
class Body:
    """An open answer: from which byte on, how many the whole file has (0 = not said), and the pieces as they come.

    `abort`, from any thread, ends the waiting for the next piece at once.
    """

    start: int
    total: int
    chunks: Iterator[bytes]
    abort: Callable[[], None]


@dataclass
class _Asking:
    """Who asks at the moment, and which rows of the ledger that made."""

    ledger: Ledger
    why: str
    contacts: list[int] = field(default_factory=list)


_ASKING: ContextVar[_Asking | None] = ContextVar("asking", default=None)


class _Client(httpx2.Client):
    """Writes down every host before it is asked, redirects too, and never asks twice by itself. Proxies as the system says."""

    def __init__(self) -> None:
        super().__init__(
            event_hooks={"request": [_note]}, follow_redirects=True, timeout=TIMEOUT, verify=_certificates()
        )

    def send(
        self,
        request: httpx2.Request,
        *,
        stream: bool = False,
        auth: Any = httpx2.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx2.USE_CLIENT_DEFAULT,
    ) -> httpx2.Response:
        request.extensions = {**request.extensions, "timeout": TIMEOUT.as_dict()}  # the library asks for none in places
        try:
            response = super().send(request, stream=stream, auth=auth, follow_redirects=follow_redirects)
        except httpx2.RequestError as error:
            raise _trouble(error, request.url.host) from error
        if response.status_code in BUSY:
            wait = _wait(response)
            response.close()
            raise Later(f"{response.url.host} is busy (it answered {response.status_code})", wait)
        return response


class Hub:
    """The hub that HF_ENDPOINT names. Safe to use from several threads; each calls `release` when it ends.

    `token` is what the hub's own login left (`hf auth login` or HF_TOKEN) unless one is given; False sends none. Every
    method raises Offline, Failed with a sentence, or Later.
    """

    def __init__(self, *, ledger: Ledger, endpoint: str = "", token: str | bool | None = None) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or HOME).rstrip("/")
        self.ledger = ledger
        self._library = _library()
        self._token = token
        self._client = _Client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def host(self) -> str:
        """The hub's name, without scheme and port."""
        return httpx2.URL(self.endpoint).host or self.endpoint

    def listing(self, repo: str, revision: str, *, why: str) -> Listing:
        """The commit that a branch, tag or commit stands for, and every file in it."""
        with self._asking(why, repo):
            api = self._library.HfApi(endpoint=self.endpoint, token=self._token, library_name="easel")
            files = {}
            try:
                commit = str(api.model_info(repo, revision=revision).sha or "")
                for one in api.list_repo_tree(repo, recursive=True, revision=commit):
                    if isinstance(one, self._library.hf_api.RepoFile):
                        size, sha = (one.lfs.size, one.lfs.sha256) if one.lfs else (one.size, "")
                        files[one.path] = RemoteFile(one.path, int(size), sha, one.blob_id)
            except (ValueError, TypeError, KeyError, AttributeError) as error:  # not what a hub says
                raise self._stranger() from error
        if not commit:
            raise self._stranger()
        return Listing(commit, files)

    @contextmanager
    def open(self, repo: str, commit: str, path: str, *, start: int, why: str) -> Iterator[Body]:
        """One file at one commit, from byte `start` on; a server that knows no ranges begins at 0, and the Body says so."""
        with self._asking(why, repo, path) as asking:
            url = self._library.hf_hub_url(repo, path, revision=commit, endpoint=self.endpoint)
            headers = self._library.utils.build_hf_headers(token=self._token, library_name="easel")
            headers["Accept-Encoding"] = "identity"  # a range of a compressed file is of no use
            if start:
                headers["Range"] = f"bytes={start}-"
            count = 0

            def chunks(response: httpx2.Response) -> Iterator[bytes]:
                nonlocal count
                try:
                    for chunk in response.iter_bytes():
                        count += len(chunk)
                        yield chunk
                except httpx2.RequestError as error:
                    raise _trouble(error, response.url.host) from error

            with self._client.stream("GET", url, headers=headers) as response:
                if response.is_error:
                    response.read()
                    self._library.utils.hf_raise_for_status(response)
                begins, total = _range(response)
                try:
                    yield Body(begins, total, chunks(response), partial(_hang_up, response))
                finally:
                    self.ledger.received(asking.contacts[-1], count)

    def release(self) -> None:
        """A thread that ends says so."""
        self.ledger.release()

    @contextmanager
    def _asking(self, why: str, repo: str, path: str = "") -> Iterator[_Asking]:
        """Everything asked inside is written down with its reason; what goes wrong becomes a sentence."""
        asking = _Asking(self.ledger, why)
        before = _ASKING.set(asking)
        errors = self._library.errors
        try:
            yield asking
        except errors.HfHubHTTPError as error:
            raise self._sentence(error, repo, path) from error
        finally:
            _ASKING.reset(before)

    def _stranger(self) -> Failed:
        return Failed(
            f"{self.host} answered with something that a hub does not say; is there a login page in between? Open"
            f" {self.endpoint} in a browser, or check HF_ENDPOINT, then install again."
        )

    def _sentence(self, error: Any, repo: str, path: str) -> Failed:
        errors, status = self._library.errors, error.response.status_code
        if isinstance(error, errors.RevisionNotFoundError | errors.EntryNotFoundError):
            what = f"the file {path}" if path else "the revision that was asked for"
            return Vanished(f"{repo} no longer has {what}; update Easel, then install again.")
        if isinstance(error, errors.GatedRepoError) or status in (401, 403):
            return Failed(self._closed(repo, gated=isinstance(error, errors.GatedRepoError) or status == 403))
        if isinstance(error, errors.RepositoryNotFoundError):
            return Failed(f"{self.host} has no repository {repo}; update Easel, or check HF_ENDPOINT.")
        return Failed(
            f"{self.host} refused {repo}{'/' if path else ''}{path} (it answered {status}); open {self.endpoint}/{repo} in a"
            " browser to see why, then install again."
        )

    def _closed(self, repo: str, *, gated: bool) -> str:
        """Why a door stays shut, and who opens it."""
        address = f"{self.endpoint}/{repo}"
        login = "run `hf auth login` in a terminal (or set HF_TOKEN), then install again."
        if self._login():
            if gated:
                return f"Your login has no access to {repo} yet: accept its terms at {address}, then install again."
            return f"{self.host} does not accept your login for {repo}: {login}"
        if gated:
            return f"{repo} is given only to people who are logged in: accept its terms at {address}, {login}"
        return f"{self.host} asks for a login before it gives {repo} away, or has no such repository: {login}"

    def _login(self) -> bool:
        return bool(self._library.utils._headers.get_token_to_send(self._token))


@cache
def _certificates() -> Any:
    """Whom to trust; read once, because that takes a third of a second."""
    return httpx2.create_ssl_context()


@cache
def _library() -> ModuleType:
    """huggingface_hub, quiet, with a client that nobody can use but through a Hub. Its import takes half a second."""
    os.environ.update(HABITS)
    import huggingface_hub
    import huggingface_hub.errors
    import huggingface_hub.hf_api
    import huggingface_hub.utils

    huggingface_hub.set_client_factory(_Client)
    return huggingface_hub


def _note(request: httpx2.Request) -> None:
    """The ledger comes first; who asks without one is not of this studio's jobs, and gets nothing."""
    asking = _ASKING.get()
    if asking is None:
        from huggingface_hub.errors import OfflineModeIsEnabled

        raise OfflineModeIsEnabled(f"{request.url.host} is not contacted: only the installation of a pack does that.")
    asking.contacts.append(asking.ledger.contact(request.url.host, asking.why))


def _trouble(error: httpx2.RequestError, host: str) -> Failed | Later:
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.TooManyRedirects):
        return Failed(f"{host or 'The hub'} cannot be asked ({error}); check HF_ENDPOINT and the proxy settings.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):  # no patience helps
        return Failed(
            f"{host} shows a certificate that this machine does not trust; is there a proxy in between? Name its certificate"
            " in SSL_CERT_FILE, then install again."
        )
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        return Later(f"{host} cannot be reached ({error or type(error).__name__})")
    return Later(f"the connection to {host} broke ({error or type(error).__name__})")


def _hang_up(response: httpx2.Response) -> None:
    """Closing would not wake the thread that reads; shutting the socket down does, below TLS too."""
    stream = response.extensions.get("network_stream")
    plug = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(plug, socket.socket):
        with contextlib.suppress(OSError):
            socket.socket.shutdown(plug, socket.SHUT_RDWR)


def _wait(response: httpx2.Response) -> float | None:
    """How many seconds the server wants to be left alone; None where it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(response.headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    after = response.headers.get("Retry-After", "").strip()
    return float(after) if after.isascii() and after.isdecimal() else None


def _range(response: httpx2.Response) -> tuple[int, int]:
    """(first byte, size of the whole file) of an answer; the size is 0 where it is not said."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        if response.status_code == 206:
            raise Later(f"{response.url.host} sent a part of a compressed file")
        return 0, 0  # a proxy that compresses all the same; its lengths are not the file's
    if response.status_code == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None:
            raise Later(f"{response.url.host} sent a part of a file and did not say which")
        return int(match[1]), 0 if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else 0
