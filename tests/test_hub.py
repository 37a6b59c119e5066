"""The hub as the real client sees it: commits, lists, bytes, and a sentence for everything that it may answer instead."""

import hashlib
import ssl
import subprocess

import pytest
from hub import blob_id, loopback_hub

from studio.domain.errors import Failed, Offline
from studio.packs.hub import Hub, Later, Vanished

REPO, WHY = "easel/tiny", "to install Tiny"
WEIGHTS = bytes(range(256)) * 40
FILES = {"model_index.json": b"{}", "unet/weights.safetensors": WEIGHTS}


@pytest.fixture(scope="module")
def served():
    with loopback_hub({REPO: FILES}) as hub:
        yield hub


@pytest.fixture
def loopback(served):
    yield served
    served.faults.clear()
    served.asked.clear()
    served.gated.clear()
    served.tokens.clear()
    served.lies.clear()
    served.cdn, served.ranges = False, True


def read(hub, path, *, start=0):
    with hub.open(REPO, "main", path, start=start, why=WHY) as body:
        return body.start, body.total, b"".join(body.chunks)


def test_a_branch_becomes_a_commit_with_its_files(hub, loopback):
    listing = hub.listing(REPO, "main", why=WHY)
    assert listing.commit == loopback.commit(REPO) and set(listing.files) == set(FILES)
    weights, index = listing.files["unet/weights.safetensors"], listing.files["model_index.json"]
    assert (weights.bytes, weights.sha256) == (len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest())
    assert (index.bytes, index.sha256, index.blob) == (2, "", blob_id(b"{}"))


def test_bytes_come_whole_and_from_the_middle(hub, loopback):
    assert read(hub, "unet/weights.safetensors") == (0, len(WEIGHTS), WEIGHTS)
    assert read(hub, "unet/weights.safetensors", start=1_000) == (1_000, len(WEIGHTS), WEIGHTS[1_000:])
    loopback.ranges = False  # a server, or a proxy, that knows no ranges says so by beginning anew
    assert read(hub, "unet/weights.safetensors", start=1_000) == (0, len(WEIGHTS), WEIGHTS)


def test_every_host_is_written_down_with_the_bytes_that_came(hub, loopback, ledger):
    loopback.cdn = True
    read(hub, "unet/weights.safetensors")
    listed = {one.host: (one.why, one.bytes) for one in ledger.contacts()}
    assert listed == {"127.0.0.1": (WHY, 0), "localhost": (WHY, len(WEIGHTS))}


def test_the_token_goes_to_the_hub_and_never_to_where_it_redirects(loopback, ledger, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")  # what the hub's own login would find
    loopback.cdn, loopback.gated, loopback.tokens = True, {REPO}, {"hf_secret"}
    with Hub(ledger=ledger, endpoint=loopback.url) as hub:
        assert read(hub, "unet/weights.safetensors")[2] == WEIGHTS
    tokens = {one.path.split("/")[1]: one.token for one in loopback.asked}
    assert tokens == {"easel": "hf_secret", "cdn": ""}


def test_offline_nothing_reaches_the_hub(hub, loopback, ledger, switch):
    switch["offline"] = True
    with pytest.raises(Offline, match="to install Tiny"):
        hub.listing(REPO, "main", why=WHY)
    with pytest.raises(Offline):
        read(hub, "model_index.json")
    assert loopback.asked == [] and ledger.contacts() == []


def test_offline_in_the_middle_a_redirect_is_not_followed(hub, loopback, ledger, switch, monkeypatch):
    loopback.cdn = True
    first = ledger.contact
    monkeypatch.setattr(ledger, "contact", lambda host, why: (first(host, why), switch.update(offline=True))[0])
    with pytest.raises(Offline):
        read(hub, "unet/weights.safetensors")
    assert [one.path.startswith("/cdn/") for one in loopback.asked] == [False]


def test_the_library_itself_may_ask_nobody(hub, loopback):
    """Whatever in this process uses huggingface_hub without a Hub, and so without the ledger, is refused."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    with pytest.raises(OfflineModeIsEnabled, match="only the installation of a pack"):
        HfApi(endpoint=loopback.url).model_info(REPO)
    assert loopback.asked == []


def test_the_proxy_of_the_environment_is_used_and_the_true_host_is_listed(loopback, ledger, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", loopback.url)
    monkeypatch.setenv("http_proxy", loopback.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Hub(ledger=ledger, endpoint="http://hub.invalid", token=False) as hub:
        assert read(hub, "model_index.json")[2] == b"{}"
    assert {one.host for one in ledger.contacts()} == {"hub.invalid"}


def test_the_endpoint_of_the_environment_is_used(loopback, ledger, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", loopback.url + "/")
    with Hub(ledger=ledger, token=False) as hub:
        assert hub.host == "127.0.0.1" and read(hub, "model_index.json")[2] == b"{}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again_later_and_says_when(hub, loopback, status):
    loopback.fail("revision", status=status, headers={"Retry-After": "7"})
    loopback.fail("tree", status=status)
    loopback.fail("resolve", status=status, headers={"Retry-After": "soon"})
    for ask, wait in (
        (lambda: hub.listing(REPO, "main", why=WHY), 7.0),
        (lambda: hub.listing(REPO, "main", why=WHY), None),  # no waiting inside the library: a pause would not be heard
        (lambda: read(hub, "model_index.json"), None),
    ):
        with pytest.raises(Later, match=f"127.0.0.1 is busy .it answered {status}.") as caught:
            ask()
        assert caught.value.wait == wait
    assert hub.listing(REPO, "main", why=WHY).commit


def test_a_rate_limit_says_how_long(hub, loopback):
    loopback.fail("revision", status=429, headers={"RateLimit": '"api";r=0;t=55', "Retry-After": "3"})
    with pytest.raises(Later) as caught:
        hub.listing(REPO, "main", why=WHY)
    assert caught.value.wait == 55


def test_a_cut_connection_gives_what_came_and_says_that_it_broke(hub, loopback, ledger):
    loopback.fail("resolve", cut=5_000)
    came = []
    with (
        pytest.raises(Later, match=r"connection to 127\.0\.0\.1 broke"),
        hub.open(REPO, "main", "unet/weights.safetensors", start=0, why=WHY) as body,
    ):
        for chunk in body.chunks:
            came.append(chunk)
    assert b"".join(came) == WEIGHTS[:5_000] and ledger.contacts()[0].bytes == 5_000


def test_nobody_there(ledger):
    with (
        Hub(ledger=ledger, endpoint="http://127.0.0.1:9", token=False) as hub,
        pytest.raises(Later, match=r"127\.0\.0\.1 cannot be reached"),
    ):
        hub.listing(REPO, "main", why=WHY)


def test_an_endpoint_that_is_no_address(ledger):
    with Hub(ledger=ledger, endpoint="huggingface", token=False) as hub, pytest.raises(Failed, match="HF_ENDPOINT"):
        hub.listing(REPO, "main", why=WHY)


def test_a_certificate_that_is_not_trusted_is_said_at_once(loopback, ledger, tmp_path):
    """A true TLS server with a certificate of its own."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out", tmp_path / "cert",
         "-days", "1", "-subj", "/CN=127.0.0.1"], capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not at hand to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with loopback_hub({REPO: FILES}) as served:
        served._server.socket = context.wrap_socket(served._server.socket, server_side=True)
        endpoint = served.url.replace("http:", "https:")
        with Hub(ledger=ledger, endpoint=endpoint, token=False) as hub, pytest.raises(Failed, match="SSL_CERT_FILE"):
            hub.listing(REPO, "main", why=WHY)


def test_a_gated_repository_says_how_to_get_in(hub, loopback, ledger):
    loopback.gated = {REPO}
    with pytest.raises(
        Failed, match=r"only to people who are logged in: accept its terms at .*/easel/tiny.*hf auth login"
    ):
        read(hub, "model_index.json")
    with (
        Hub(ledger=ledger, endpoint=loopback.url, token="hf_other") as known,
        pytest.raises(Failed, match=r"Your login has no access to easel/tiny yet: accept its terms"),
    ):
        read(known, "model_index.json")


def test_a_plain_401_and_a_wrong_token(hub, loopback, ledger):
    loopback.fail("revision", status=401, times=2)
    with pytest.raises(Failed, match=r"asks for a login .* or has no such repository: run `hf auth login`"):
        hub.listing(REPO, "main", why=WHY)
    with (
        Hub(ledger=ledger, endpoint=loopback.url, token="hf_stale") as stale,
        pytest.raises(Failed, match="does not accept your login"),
    ):
        stale.listing(REPO, "main", why=WHY)


def test_what_is_not_there(hub, loopback):
    with pytest.raises(Failed, match="has no repository easel/other; update Easel"):
        hub.listing("easel/other", "main", why=WHY)
    with pytest.raises(Vanished, match="no longer has the revision"):
        hub.listing(REPO, "v9", why=WHY)
    with pytest.raises(Vanished, match=r"no longer has the file gone\.json"):
        read(hub, "gone.json")
    loopback.fail("resolve", status=418)
    with pytest.raises(Failed, match="it answered 418"):
        read(hub, "model_index.json")


@pytest.mark.parametrize(
    ("what", "page"),
    [
        ("revision", b"<html>log in</html>"),
        ("revision", b"[]"),
        ("revision", b"{}"),
        ("tree", b"<html>"),
        ("tree", b"1"),
    ],
)
def test_a_page_of_somebody_else_is_no_hub(hub, loopback, page, what):
    loopback.fail(what, body=page)
    with pytest.raises(Failed, match="something that a hub does not say; is there a login page in between"):
        hub.listing(REPO, "main", why=WHY)
