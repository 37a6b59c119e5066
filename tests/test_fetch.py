"""Fetching a pack: on from the byte where it stopped, through every fault of a hub, and never a wrong file."""

import errno
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hub import loopback_hub

from studio.database import Database
from studio.domain.errors import BadInput, Failed, Offline, StorageFull
from studio.packs import download
from studio.packs.download import Pace
from studio.packs.fetch import ROOM, Speed, fetch
from studio.packs.hub import Hub
from studio.packs.journal import claim, fetched, place_of, read_journal, throw_away, write_journal
from studio.packs.ledger import Ledger
from studio.packs.manifest import Manifest, Source, SourceFile

REPO = "easel/tiny"
WEIGHTS = bytes(range(256)) * 1_200  # 300 kB: several pieces, so that half of it is somewhere in the middle
FILES = {"model_index.json": b'{"a": 1}', "unet/weights.safetensors": WEIGHTS, "vae/weights.safetensors": WEIGHTS[::-1]}
QUICK = Pace(tries=3, first=0.001, longest=0.01)
HALF = 150_000


@pytest.fixture
def loopback():
    with loopback_hub({REPO: dict(FILES)}) as hub:
        yield hub


def manifest(files=tuple(FILES), *, revision="main", **more) -> Manifest:
    source = Source(REPO, tuple(one if isinstance(one, SourceFile) else SourceFile(one) for one in files), revision)
    return Manifest(
        id="tiny",
        name="Tiny",
        description="",
        family="sd1",
        licence="",
        licence_note="",
        roles={},
        source=source,
        **more,
    )


class Told:
    """What a fetch reported; `upto` bytes and it raises Cancelled, as a job's report does."""

    def __init__(self, upto: int | None = None) -> None:
        self.calls: list[tuple[int, int, str]] = []
        self._upto = upto

    def __call__(self, done: int, total: int, words: str) -> None:
        self.calls.append((done, total, words))
        if self._upto is not None and done >= self._upto:
            raise KeyboardInterrupt


def bring(home, hub, *, told=None, pack=None, free=None):
    with claim(home, "tiny") as folder:
        more = {} if free is None else {"free": free}
        journal = fetch(pack or manifest(), folder, hub=hub, report=told or Told(), pace=QUICK, **more)
    return journal


def lying(home):
    folder = place_of(home, "tiny")
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"fetch.json"}


def test_a_pack_comes_whole_with_its_hashes(home, hub, loopback):
    told = Told()
    journal = bring(home, hub, told=told)
    folder = place_of(home, "tiny")
    for path, data in FILES.items():
        assert (folder / path).read_bytes() == data
    assert {one.to: one.done for one in journal.files} == {
        path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()
    }
    assert journal.commit == loopback.commit(REPO) and lying(home) == set(FILES)
    assert fetched(home, "tiny") == (journal.bytes, journal.bytes) == (600_008 + 14_400, 614_408)
    done = [done for done, _, _ in told.calls]
    assert done == sorted(done) and told.calls[-1][0] <= told.calls[-1][1] == journal.bytes


def test_a_second_call_asks_nobody(home, hub, loopback):
    bring(home, hub)
    loopback.asked.clear()
    journal = bring(home, hub)
    assert loopback.asked == [] and all(one.done for one in journal.files)


def test_files_go_where_the_description_says(home, hub):
    files = (
        SourceFile("unet/weights.safetensors", to="tiny.safetensors"),
        SourceFile("model_index.json", to="a/b.json"),
    )
    bring(home, hub, pack=manifest(files))
    assert lying(home) == {"tiny.safetensors", "a/b.json"}


def test_odd_names_and_an_empty_file(home, hub, loopback):
    odd = {"a b/ü #1?.json": b"{}", "empty.txt": b"", "100%.safetensors": WEIGHTS}
    loopback.repositories[REPO] |= odd
    journal = bring(home, hub, pack=manifest(tuple(odd)))
    assert lying(home) == set(odd) and all((place_of(home, "tiny") / path).read_bytes() == odd[path] for path in odd)
    assert [one.done for one in journal.files] == [hashlib.sha256(data).hexdigest() for data in odd.values()]


def test_a_proxy_that_compresses_all_the_same(home, hub, loopback):
    packed = gzip.compress(FILES["model_index.json"])
    loopback.fail("GET .*model_index", status=200, headers={"Content-Encoding": "gzip"}, body=packed)
    bring(home, hub)
    assert (place_of(home, "tiny") / "model_index.json").read_bytes() == FILES["model_index.json"]


def test_a_pickle_lies_under_a_name_that_nothing_loads(home, hub, loopback):
    loopback.repositories[REPO]["pose.pth"] = b"a pickle"
    bring(home, hub, pack=manifest((SourceFile("pose.pth", to="pose.safetensors", convert=True),)))
    assert lying(home) == {"pose.safetensors.pickle"}


def test_paused_and_resumed_from_the_byte_where_it_stopped(home, hub, loopback):
    """The server falls silent half way: the pause is heard at once all the same."""
    held = loopback.fail("GET .*/unet/", cut=HALF, hold=threading.Event())
    with pytest.raises(KeyboardInterrupt):
        bring(home, hub, told=Told(upto=HALF + len(WEIGHTS)))
    assert not [one for one in threading.enumerate() if one.name.startswith("fetch ")]
    assert "unet/weights.safetensors.part" in lying(home)
    stopped = (place_of(home, "tiny") / "unet/weights.safetensors.part").stat().st_size
    assert 0 < stopped <= HALF
    held.hold.set()
    before, total = fetched(home, "tiny")
    assert 0 < before < total
    loopback.asked.clear()
    bring(home, hub)
    assert loopback.bodies("unet/weights.safetensors") == [f"bytes={stopped}-"]
    assert loopback.bodies("vae/weights.safetensors") == []  # it was whole
    assert not [one for one in loopback.asked if "/api/" in one.path]  # and the commit is the one of the first day
    assert (place_of(home, "tiny") / "unet/weights.safetensors").read_bytes() == WEIGHTS


def test_a_file_that_was_whole_and_not_written_down_is_not_fetched_again(home, hub, loopback):
    """A kill between the rename of a file and the journal."""
    bring(home, hub)
    journal = read_journal(place_of(home, "tiny"))
    write_journal(place_of(home, "tiny"), journal.with_done("unet/weights.safetensors", ""))
    loopback.asked.clear()
    assert all(one.done for one in bring(home, hub).files) and loopback.asked == []


def test_killed_and_resumed_from_the_byte_where_it_stopped(home, hub, loopback):
    """kill -9 of the process that fetches; nothing of it is left but the files."""
    loopback.fail("GET .*/unet/", cut=HALF, hold=threading.Event())
    # Not multiprocessing: its child runs the parent's __main__ again, and a page's test may have put its page there
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys, test_fetch; test_fetch.fetch_here(*sys.argv[1:])", str(home), loopback.url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert loopback.reached.wait(60)
    part = place_of(home, "tiny") / "unet/weights.safetensors.part"
    deadline = threading.Event()
    while not (part.exists() and part.stat().st_size == HALF):  # sent is not yet written
        assert child.poll() is None and not deadline.wait(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    loopback.faults[0].hold.set()
    loopback.asked.clear()
    bring(home, hub)
    assert loopback.bodies("unet/weights.safetensors") == [f"bytes={HALF}-"]
    assert (place_of(home, "tiny") / "unet/weights.safetensors").read_bytes() == WEIGHTS
    assert lying(home) == set(FILES)


def fetch_here(folder, endpoint) -> None:
    home = Path(folder)
    database = Database(home / "easel.db")
    with Hub(ledger=Ledger(database, offline=lambda: False), endpoint=endpoint, token=False) as hub:
        bring(home, hub)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_waited_for(home, hub, loopback, status):
    for match in ("revision", "tree", "GET .*/unet/", "GET .*model_index"):
        loopback.fail(match, status=status, headers={"Retry-After": "0"})
    bring(home, hub)
    assert lying(home) == set(FILES)


def test_the_time_that_the_hub_asks_for_is_kept(home, hub, loopback):
    loopback.fail("revision", status=429, headers={"Retry-After": "3600"})
    told = Told()
    waited = []

    def tell(done, total, words):
        told(done, total, words)
        if "again" in words:
            waited.append(words)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(home, hub, told=tell)
    assert waited == ["127.0.0.1 is busy (it answered 429); trying again in 1 h"]
    assert (
        Pace().wait(1, None) == 1
        and Pace().wait(3, None) == 4
        and Pace().wait(3, 30.0) == 30
        and Pace().wait(99, 0) == 60
    )


def test_patience_ends_with_a_sentence_and_the_bytes_stay(home, hub, loopback):
    loopback.fail("GET .*/unet/", cut=HALF)
    loopback.fail("GET .*/unet/", status=503, times=99)
    with pytest.raises(
        Failed, match=r"127\.0\.0\.1 is busy .*503.*, 3 times in a row\. What was fetched stays; install again"
    ):
        bring(home, hub)
    assert (place_of(home, "tiny") / "unet/weights.safetensors.part").stat().st_size == HALF


def test_cut_connections_go_on_where_they_broke(home, hub, loopback):
    loopback.fail("GET .*/unet/", cut=50_000, times=5)  # more often than QUICK tries, but each brings something
    bring(home, hub)
    assert loopback.bodies("unet/weights.safetensors") == ["", *(f"bytes={n * 50_000}-" for n in range(1, 6))]


def test_a_server_without_ranges_begins_anew(home, hub, loopback):
    loopback.fail("GET .*/unet/", cut=HALF)
    loopback.ranges = False
    bring(home, hub)
    assert (place_of(home, "tiny") / "unet/weights.safetensors").read_bytes() == WEIGHTS


def test_large_files_come_from_another_host_by_redirect(home, hub, loopback, ledger):
    loopback.cdn = True
    loopback.fail("GET /cdn/.*/unet/", cut=HALF)
    bring(home, hub)
    assert {one.host for one in ledger.contacts()} == {"127.0.0.1", "localhost"}
    assert {one.why for one in ledger.contacts()} == {"to install Tiny"}
    assert (place_of(home, "tiny") / "unet/weights.safetensors").read_bytes() == WEIGHTS


def test_what_an_earlier_day_left_damaged_is_fetched_once_more(home, hub, loopback):
    """A power cut can leave a part whose end was never written."""
    loopback.fail("GET .*/unet/", cut=HALF)
    loopback.fail("GET .*/unet/", status=503, times=2)
    with pytest.raises(Failed):
        bring(home, hub)
    part = place_of(home, "tiny") / "unet/weights.safetensors.part"
    part.write_bytes(part.read_bytes()[:-100] + bytes(100))
    loopback.asked.clear()
    bring(home, hub)
    assert loopback.bodies("unet/weights.safetensors") == [f"bytes={HALF}-", ""]
    assert (place_of(home, "tiny") / "unet/weights.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("path", "lie", "sentence"),
    [
        ("unet/weights.safetensors", WEIGHTS[:-1] + b"!", r"other bytes came \(its SHA-256 differs\)\."),
        ("model_index.json", b'{"a": 2}', r"other bytes came"),  # small files have Git's hash
        (
            "unet/weights.safetensors",
            b"<html>please log in</html>",
            r"26 bytes came instead of 307,200\. It is a web page",
        ),
        ("unet/weights.safetensors", b"version https://git-lfs.github.com/spec/v1", r"It is a Git LFS pointer"),
        ("model_index.json", b"<html>no</html>", r"15 bytes came instead of 8\. It is a web page"),
    ],
)
def test_a_wrong_file_is_deleted_and_named(home, hub, loopback, path, lie, sentence):  # noqa: PLR0917
    loopback.lies[path] = lie
    with pytest.raises(
        Failed, match=rf"{path} is not what 127\.0\.0\.1 promised: .*{sentence}.* deleted; install again"
    ):
        bring(home, hub)
    assert path not in lying(home) and f"{path}.part" not in lying(home)
    assert not any(one.done for one in read_journal(place_of(home, "tiny")).files if one.to == path)
    loopback.lies.clear()
    bring(home, hub)
    assert lying(home) == set(FILES)


def test_a_file_that_became_longer_is_not_kept(home, hub, loopback):
    loopback.lies["unet/weights.safetensors"] = WEIGHTS + WEIGHTS
    with pytest.raises(Failed, match=r"614,400 bytes came instead of 307,200"):
        bring(home, hub)
    assert "unet/weights.safetensors.part" not in lying(home)


def test_too_little_room_is_said_before_a_byte_is_fetched(home, hub, loopback):
    with pytest.raises(
        Failed, match=r"not enough room for Tiny: 614 kB are still to be fetched and 1.0 kB can be used.*Free 613"
    ):
        bring(home, hub, free=lambda folder: ROOM + 1_000)
    assert loopback.bodies("weights.safetensors") == [] and lying(home) == set()


def test_a_pickle_needs_its_room_twice(home, hub, loopback):
    loopback.repositories[REPO]["pose.pth"] = bytes(1_000_000)
    pack = manifest((SourceFile("pose.pth", to="pose.safetensors", convert=True),))
    with pytest.raises(Failed, match=r"2\.0 MB are still to be fetched"):
        bring(home, hub, pack=pack, free=lambda folder: ROOM + 1_500_000)
    bring(home, hub, pack=pack, free=lambda folder: ROOM + 2_000_000)


def test_a_disk_that_fills_up_meanwhile_stops_it_and_keeps_the_bytes(home, hub, loopback):
    loopback.fail("GET .*/unet/", cut=HALF, hold=threading.Event())
    room = iter([10 * ROOM])
    with pytest.raises(Failed, match=r"became full while Tiny was fetched: 1\.0 kB are free\. What was fetched stays"):
        bring(home, hub, free=lambda folder: next(room, 1_000))
    assert fetched(home, "tiny")[1] == 614_408


def test_no_space_left_is_a_sentence(home, hub, monkeypatch):
    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_write", full)
    with pytest.raises(StorageFull, match="is full; free some space, then install again"):
        bring(home, hub)


def test_the_switch_offline_stops_what_runs(home, hub, loopback, switch):
    loopback.fail("GET .*/unet/", cut=HALF, hold=threading.Event())

    def tell(done, total, words):
        switch["offline"] = done >= HALF

    with pytest.raises(Offline, match="to install Tiny"):
        bring(home, hub, told=tell)
    assert fetched(home, "tiny")[0] >= HALF
    with pytest.raises(Offline):
        bring(home, hub, told=lambda *_: None)


def test_one_writer(home, hub):
    with claim(home, "tiny") as folder:
        with pytest.raises(Failed, match="being installed already; the Queue page"), claim(home, "tiny"):
            pass
        fetch(manifest(), folder, hub=hub, report=Told(), pace=QUICK)
        with claim(home, "other"):
            assert place_of(home, "other").is_dir()
    assert not place_of(home, "other").exists() and place_of(home, "tiny").is_dir()


def test_thrown_away_at_once_or_by_the_one_who_writes(home, hub):
    bring(home, hub)
    assert throw_away(home, "tiny") and not place_of(home, "tiny").exists() and throw_away(home, "tiny")
    with claim(home, "tiny") as folder:
        fetch(manifest(), folder, hub=hub, report=Told(), pace=QUICK)
        assert not throw_away(home, "tiny", seconds=0)
        assert folder.is_dir()
    assert not place_of(home, "tiny").exists()
    assert bring(home, hub).bytes == 614_408  # nothing stands in the way of a new beginning


def test_a_branch_that_moved_is_followed_only_from_the_beginning(home, hub, loopback):
    """The rest of a pack comes from the commit of its first day; when that is gone, what is still the same is kept."""
    loopback.fail("GET .*/unet/", status=404, headers={"X-Error-Code": "Nothing"})
    with pytest.raises(Failed):
        bring(home, hub)
    first = read_journal(place_of(home, "tiny")).commit
    loopback.repositories[REPO]["unet/weights.safetensors"] = WEIGHTS[1:]
    assert loopback.commit(REPO) != first
    loopback.asked.clear()
    journal = bring(home, hub)
    assert journal.commit == loopback.commit(REPO)
    assert (place_of(home, "tiny") / "unet/weights.safetensors").read_bytes() == WEIGHTS[1:]


def test_another_description_keeps_what_is_the_same(home, hub, loopback):
    bring(home, hub)
    loopback.asked.clear()
    bring(home, hub, pack=manifest(("unet/weights.safetensors", "model_index.json")))
    assert loopback.bodies("weights.safetensors") == []


def test_a_damaged_pack_is_mended_by_fetching_what_is_damaged(home, hub, loopback):
    bring(home, hub)
    folder = home / "packs" / "tiny"
    place_of(home, "tiny").rename(folder)
    (folder / "fetch.json").unlink()
    damaged = bytearray(WEIGHTS)
    damaged[1_000] ^= 1
    (folder / "unet/weights.safetensors").write_bytes(damaged)
    loopback.asked.clear()
    bring(home, hub)
    assert loopback.bodies("vae/weights.safetensors") == loopback.bodies("model_index.json") == []
    assert loopback.bodies("unet/weights.safetensors") == [""]
    for path, data in FILES.items():
        assert (place_of(home, "tiny") / path).read_bytes() == data
    assert (folder / "unet/weights.safetensors").read_bytes() == damaged  # what is installed is never written to


@pytest.mark.parametrize("path", ["model.bin", "a/b.PTH", "x.ckpt", "pipeline.py"])
def test_what_could_run_is_not_fetched(home, hub, loopback, path):
    loopback.repositories[REPO][path] = b"x"
    with pytest.raises(Failed, match=r"could run code when it is opened, so it is not fetched"):
        bring(home, hub, pack=manifest((path,)))
    with pytest.raises(Failed, match="could run code"):
        bring(home, hub, pack=manifest((SourceFile(path, to="pose.pth", convert=True),)))
    assert loopback.asked == []


def test_what_the_catalogue_knows_is_compared_first(home, hub, loopback):
    pack = manifest((SourceFile("unet/weights.safetensors", sha256="0" * 64),))
    with pytest.raises(Failed, match=r"now holds another unet/weights\.safetensors than Easel knows.*update Easel"):
        bring(home, hub, pack=pack)
    with pytest.raises(Failed, match=r"easel/tiny has no file gone\.json at its revision main; update Easel"):
        bring(home, hub, pack=manifest(("gone.json",)))
    with pytest.raises(BadInput, match="does not come from the hub"):
        bring(home, hub, pack=replace(manifest(), source=None))
    assert loopback.bodies("weights.safetensors") == []


def test_a_gated_file_says_how_to_get_in(home, hub, loopback):
    loopback.gated = {REPO}
    with pytest.raises(Failed, match="hf auth login"):
        bring(home, hub)


def test_a_journal_that_cannot_be_read_is_worth_nothing(home, hub, loopback):
    bring(home, hub)
    for text in ("", "[]", '{"files": 3}', '{"files": [{"path": 1}]}'):
        (place_of(home, "tiny") / "fetch.json").write_text(text)
        assert fetched(home, "tiny") == (0, 0)
    bring(home, hub)
    assert lying(home) == set(FILES)


def test_the_speed_is_that_of_the_last_seconds():
    speed = Speed()
    assert speed.words(1) == "fetching"
    for second in range(20):
        speed.note(second, 2_000_000 * second)
    assert speed.words(240_000_000) == "fetching, 2.0 MB/s, about 2 min left"
    for second in range(20, 40):
        speed.note(second, 38_000_000)
    assert speed.words(1) == "fetching, nothing comes at the moment"


def test_threads_and_connections_stay_flat(home, hub, database):
    bring(home, hub)
    throw_away(home, "tiny")
    before = threading.active_count(), len(database._connections)
    for _ in range(3):
        bring(home, hub)
        throw_away(home, "tiny")
    assert len(database._connections) == before[1]
    assert len([one for one in threading.enumerate() if one.name.startswith("fetch ")]) == 0
