"""Installing through the real worker: killed half way and resumed, paused, thrown away, converted; each fault a sentence."""

import hashlib
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest
from hub import loopback_hub

from studio.app import Studio
from studio.domain.errors import BadInput, Failed, Offline, PackMissing
from studio.domain.settings import Settings
from studio.jobs import lock
from studio.jobs.supervisor import Supervisor
from studio.packs.journal import place_of
from studio.packs.manifest import read_manifest
from studio.workshop.installing import convert, look

ROOT = Path(__file__).parent.parent
WORK = "import os, pathlib, studio.workshop.worker as w; w.main(pathlib.Path(os.environ['EASEL_HOME']), warm_up=False)"
COMMAND = (sys.executable, "-c", WORK)
PATIENCE = 240.0  # of a busy machine
REPO = "easel/tiny"


def safetensors(count: int, *, names=("weight",)) -> bytes:
    """A true safetensors file of so many numbers a tensor, without torch."""
    entries = {
        name: {"dtype": "F32", "shape": [count], "data_offsets": [at * 4 * count, (at + 1) * 4 * count]}
        for at, name in enumerate(names)
    }
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * count * len(names))


WEIGHTS = safetensors(500_000)
HALF = 1_000_000
FILES = {"model_index.json": b"{}", "unet/weights.safetensors": WEIGHTS}
TOML = """
id = "{id}"
name = "Tiny {id}"
description = "A pack for the tests."
family = "{family}"
kind = "{kind}"
licence = "CC0"
licence_note = "None."
needs = {needs}
[roles]
[source]
repo = "{repo}"
files = {files}
"""


def describe(folder, id="tiny", *, files=tuple(FILES), repo=REPO, kind="painter", family="sd1", needs=()):
    listed = ", ".join(
        f'"{one}"'
        if isinstance(one, str)
        else "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in one.items()) + " }"
        for one in files
    )
    text = TOML.format(id=id, repo=repo, files=f"[{listed}]", kind=kind, family=family, needs=json.dumps(list(needs)))
    tomllib.loads(text)
    (folder / f"{id}.toml").write_text(text)


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    folder = tmp_path / "catalogue"
    folder.mkdir()
    describe(folder)
    monkeypatch.setenv("EASEL_CATALOGUE", str(folder))
    return folder


@pytest.fixture
def loopback(monkeypatch, tmp_path):
    with loopback_hub({REPO: dict(FILES)}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "no-login"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield hub


@pytest.fixture
def studio(home, catalogue, loopback):
    made = Studio(home)
    made.supervisor = Supervisor(home, queue=made.queue, command=COMMAND)
    yield made
    made.supervisor.stop()
    made.close()


def until(true, studio, *, seconds=PATIENCE):
    """Wait for something to become true, looking after the worker as a page does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        studio.supervisor.state()
        time.sleep(0.02)


def installed(studio, id="tiny"):
    job = studio.wait(studio.install(id).id, timeout=PATIENCE)
    assert job.state == "done", job.error
    return job


def refused(studio, id="tiny"):
    """The sentence of an installation that fails."""
    job = studio.wait(studio.install(id).id, timeout=PATIENCE)
    assert job.state == "failed" and studio.shelf.state(id) != "installed"
    return job.error


def test_the_whole_killed_half_way_and_resumed_from_the_byte(studio, home, loopback):
    held = loopback.fail("GET .*/unet/", cut=HALF, hold=threading.Event())
    assert studio.shelf.state("tiny") == "absent"
    job = studio.install("tiny")
    assert studio.install("tiny").id == job.id  # a double click makes one
    part = place_of(home, "tiny") / "unet/weights.safetensors.part"
    until(lambda: part.exists() and part.stat().st_size == HALF and studio.job(job.id).done >= HALF, studio)
    running = studio.job(job.id)
    assert running.lane == "fetch" and running.total == sum(map(len, FILES.values())) and "fetching" in running.stage
    pid = lock.holder(home).pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not studio.job(job.id).live, studio)
    lost = studio.job(job.id)
    assert lost.state == "interrupted" and "goes on from the byte where it stopped" in lost.error
    assert "The worker stopped while fetching; nothing was lost." in lost.error
    assert studio.shelf.state("tiny") == "partial" and studio.installs.fetched("tiny")[0] >= HALF
    held.hold.set()
    loopback.asked.clear()
    done = installed(studio)
    assert lock.holder(home).pid != pid
    maps = Path(f"/proc/{lock.holder(home).pid}/maps")
    assert not maps.exists() or "libtorch" not in maps.read_text()  # an installation needs no model library
    assert loopback.bodies("unet/weights.safetensors") == [f"bytes={HALF}-"]
    pack = studio.shelf.whole("tiny")
    assert studio.shelf.verify(pack) == [] and studio.shelf.state("tiny") == "installed"
    assert pack.hashes() == {path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()}
    origin = json.loads((pack.folder / "easel-source.json").read_text())
    assert origin["repo"] == REPO and origin["commit"] == loopback.commit(REPO) == done.result["commit"]
    assert {path.name for path in pack.folder.rglob("*") if path.is_file()} == {
        "SHA256SUMS", "easel-source.json", "model_index.json", "weights.safetensors"
    }  # fmt: skip
    assert not place_of(home, "tiny").exists() and studio.installs.fetched("tiny") == (0, 0)
    assert {(one.host, one.why) for one in studio.installs.contacts()} == {("127.0.0.1", "to install Tiny tiny")}


def test_paused_resumed_and_thrown_away(studio, home, loopback):
    held = loopback.fail("GET .*/unet/", cut=HALF, hold=threading.Event(), times=2)
    job = studio.install("tiny")
    part = place_of(home, "tiny") / "unet/weights.safetensors.part"
    until(lambda: part.exists() and part.stat().st_size == HALF, studio)
    assert {id: one.id for id, one in studio.installs.live().items()} == {"tiny": job.id}
    studio.installs.pause("tiny")
    assert studio.installs.live() == {}
    again = studio.install("tiny")  # at once: the one that ends is not taken for one that runs
    assert again.id != job.id
    ended = studio.wait(job.id, timeout=PATIENCE)
    assert ended.state == "cancelled" and ended.error.startswith("Paused; what was fetched stays.")
    until(lambda: len(loopback.bodies("unet/weights.safetensors")) == 2, studio)
    assert loopback.bodies("unet/weights.safetensors") == ["", f"bytes={HALF}-"]
    assert studio.installs.throw_away("tiny")
    assert studio.wait(again.id, timeout=PATIENCE).state == "cancelled"
    assert not place_of(home, "tiny").exists() and studio.shelf.state("tiny") == "absent"
    held.hold.set()
    installed(studio)
    assert loopback.bodies("unet/weights.safetensors")[2] == ""


def test_two_packs_at_a_time_and_nothing_else_held_up(studio, catalogue, loopback):
    """Three packs, the first of them stuck: the others come, and looks and paintings are claimed meanwhile."""
    loopback.repositories["easel/other"] = {"a.json": b"{}"}
    for id in ("one", "two"):
        describe(catalogue, id, repo="easel/other", files=("a.json",))
    held = loopback.fail("GET .*/unet/", cut=HALF, hold=threading.Event())
    stuck = studio.install("tiny")
    until(loopback.reached.is_set, studio)
    installed(studio, "one")
    installed(studio, "two")
    looked = studio.submit("caption", {"artwork": 999})  # fails for want of that artwork, which is an answer
    assert "no artwork 999" in studio.wait(looked.id, timeout=PATIENCE).error
    assert studio.job(stuck.id).state == "running"
    held.hold.set()
    assert studio.wait(stuck.id, timeout=PATIENCE).state == "done"


def test_what_a_pack_needs_comes_with_it(studio, catalogue, loopback):
    loopback.repositories["easel/other"] = {"a.json": b"{}"}
    describe(catalogue, "base", repo="easel/other", files=("a.json",))
    describe(catalogue, "guest", repo="easel/other", files=("a.json",), needs=["base"])
    installed(studio, "guest")
    until(lambda: studio.shelf.state("base") == "installed", studio)
    first = studio.install("guest", key="one press")
    assert studio.wait(first.id, timeout=PATIENCE).state == "done"
    assert (
        studio.install("guest", key="one press").id == first.id
    )  # however late the other half of a double click comes


def test_every_fault_of_the_hub_is_a_sentence_and_leaves_no_pack(studio, catalogue, loopback):
    other = {"weights.safetensors": b"<html>please log in</html>", "a.json": b"{}"}
    loopback.repositories |= {"easel/page": other, "easel/gated": dict(FILES)}
    loopback.gated = {"easel/gated"}
    describe(catalogue, "page", repo="easel/page", files=("weights.safetensors",))
    describe(catalogue, "gated", repo="easel/gated")
    describe(catalogue, "gone", repo="easel/gone")
    describe(catalogue, "lacks", files=("elsewhere.json",))
    loopback.lies["unet/weights.safetensors"] = WEIGHTS[:-1] + b"!"
    assert "unet/weights.safetensors is not what 127.0.0.1 promised: other bytes came" in refused(studio)
    loopback.lies.clear()
    # The hub itself may hold a wrong file, whose hash is right
    assert "weights.safetensors of Tiny page is a web page (HTML)" in refused(studio, "page")
    assert "only to people who are logged in" in refused(studio, "gated") and "hf auth login" in refused(
        studio, "gated"
    )
    assert "no repository easel/gone" in refused(studio, "gone")
    assert "has no file elsewhere.json" in refused(studio, "lacks")
    assert [pack.id for pack in studio.shelf.packs()] == []
    installed(studio)  # and the first, whose file was right after all, is whole now


def test_a_guest_of_another_family_is_said_before_it_is_ever_loaded(tmp_path, catalogue):
    path = tmp_path / "lora.safetensors"
    names = ("lora_te1_x.lora_down.weight", "lora_te2_text_model_x.lora_up.weight")
    path.write_bytes(safetensors(8, names=names))
    describe(catalogue, "lora", files=("lora.safetensors",), kind="lora", family="sd1")
    with pytest.raises(Failed, match=r"lora\.safetensors of Tiny lora was deleted: .*Stable Diffusion XL"):
        look(path, read_manifest(catalogue / "lora.toml"), name="lora.safetensors")
    assert not path.exists()


def test_offline_and_unknown_are_said_before_anything_is_queued(studio, loopback, tmp_path):
    studio.save_settings(Settings(offline=True))
    with pytest.raises(Offline, match=r"to install Tiny tiny.*Shelf page"):
        studio.install("tiny")
    with pytest.raises(PackMissing, match="no pack named 'other'"):
        studio.install("other")
    studio.save_settings(Settings())
    assert studio.queue.count() == 0 and loopback.asked == []


def test_a_pack_without_a_source_says_how_it_comes(studio, catalogue):
    text = (catalogue / "tiny.toml").read_text()
    (catalogue / "tiny.toml").write_text(text[: text.index("[source]")])
    with pytest.raises(BadInput, match="does not come from the hub; bring it from a folder"):
        studio.install("tiny")


# --- pickles --------------------------------------------------------------------------------------------------------------


class Canary:
    """A pickle that, opened as pickles are, makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


def torch_zip(folder: Path, content: bytes) -> Path:
    """A file as torch.save makes it, around any pickle, without torch."""
    import zipfile

    path = folder / "model.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return path


def test_a_pickle_that_holds_code_never_runs(tmp_path, catalogue, studio, loopback):
    """The property itself, through the whole way: the worker fetches it, the child refuses it, and no canary sings."""
    canary = tmp_path / "canary"
    evil = torch_zip(tmp_path, pickle.dumps({"state_dict": Canary(canary)}, protocol=2)).read_bytes()
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()  # it does sing where it is let
    canary.unlink()
    loopback.repositories[REPO]["pose.pth"] = evil
    describe(catalogue, files=({"path": "pose.pth", "to": "pose.safetensors", "convert": True},), kind="annotator")
    error = refused(studio)
    assert "pose.pth is a pickle that holds more than numbers" in error and "never opened that way" in error
    assert not canary.exists() and not list(place_of(studio.home, "tiny").glob("pose*"))


def test_a_pickle_of_numbers_becomes_safetensors_once(tmp_path, catalogue, studio, loopback):
    import torch
    from safetensors.torch import load_file

    shared = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    weights = {"a.weight": shared, "b.weight": shared.T, "c": torch.tensor(3, dtype=torch.int64)}
    torch.save({"state_dict": weights, "epoch": 7}, tmp_path / "pose.pth")
    data = (tmp_path / "pose.pth").read_bytes()
    loopback.repositories[REPO]["ckpt/pose.pth"] = data
    describe(catalogue, files=({"path": "ckpt/pose.pth", "to": "pose.safetensors", "convert": True},), kind="annotator")
    installed(studio)
    pack = studio.shelf.whole("tiny")
    loaded = load_file(pack.folder / "pose.safetensors")
    assert {name: one.tolist() for name, one in loaded.items()} == {name: one.tolist() for name, one in weights.items()}
    assert studio.shelf.verify(pack) == [] and list(pack.hashes()) == ["pose.safetensors"]
    origin = json.loads((pack.folder / "easel-source.json").read_text())
    digest = hashlib.sha256(data).hexdigest()
    assert origin["converted"] == {"pose.safetensors": {"path": "ckpt/pose.pth", "sha256": digest}}
    assert not list(pack.folder.rglob("*pickle*"))


def test_a_child_that_takes_too_long_or_is_not_wanted_any_more_is_killed(tmp_path):
    source = tmp_path / "model.safetensors.pickle"
    source.write_bytes(b"anything")
    with pytest.raises(Failed, match=r"Converting pose\.pth took longer than 0 s; what was fetched stays"):
        convert(source, tmp_path / "model.safetensors", name="pose.pth", check=lambda: None, seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "model.safetensors", name="pose.pth", check=_press_cancel)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("model", ".tmp"))] == [source.name]


def _press_cancel() -> None:
    raise KeyboardInterrupt


def test_something_that_is_no_pickle_at_all_is_deleted_and_named(tmp_path):
    source = tmp_path / "model.safetensors.pickle"
    source.write_bytes(b"this is not a pickle")
    with pytest.raises(Failed, match=r"pose\.pth holds no weights that could be converted .*it was deleted"):
        convert(source, tmp_path / "model.safetensors", name="pose.pth", check=lambda: None)
    assert not source.exists()


# --- the terminal ---------------------------------------------------------------------------------------------------------


def run(home, *words):
    """One command of the terminal; returns (exit code, JSON on stdout or None, stderr)."""
    answer = subprocess.run(
        [sys.executable, "-m", "studio", *words, "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "EASEL_HOME": str(home)}, timeout=PATIENCE,
    )  # fmt: skip
    return answer.returncode, json.loads(answer.stdout) if answer.stdout.strip() else None, answer.stderr


def test_the_terminal_lists_what_could_be_installed_and_installs_it(studio, home, catalogue, loopback):
    studio.supervisor.ensure()  # ours, which warms nothing up
    until(lambda: lock.holder(home) is not None, studio)
    code, said, _ = run(home, "packs", "--all")
    assert code == 0 and [(row["id"], row["state"]) for row in said["packs"]] == [("tiny", "absent")]
    loopback.lies["model_index.json"] = b"{ }"
    code, said, words = run(home, "install", "tiny")
    assert code == 5 and said["state"] == "failed" and "model_index.json is not what" in words
    loopback.lies.clear()
    code, said, words = run(home, "install", "tiny")
    assert code == 0 and said["commit"] == loopback.commit(REPO) and Path(said["folder"], "SHA256SUMS").is_file(), words
    code, said, _ = run(home, "packs")
    assert [(row["id"], row["state"], row["bytes"]) for row in said["packs"]] == [
        ("tiny", "installed", len(WEIGHTS) + 2)
    ]
    code, said, words = run(home, "install", "other")
    assert code == 4 and "no pack named" in words
