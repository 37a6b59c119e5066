"""What a killed job leaves among the packs is cleared away when the next worker begins, and what it took away comes back."""

import subprocess
import sys
from pathlib import Path

import pytest
import weights
from test_worker import environment, supervisor, until

from studio import durable
from studio.packs.bring import bring, one
from studio.packs.manifest import SUMS
from studio.packs.shelf import open_shelf
from studio.packs.sweeping import sweep
from studio.places import ROOT

__all__ = ["environment", "supervisor"]  # fixtures of the worker's own tests

KILLED = """
import os, signal, sys
from pathlib import Path
from studio.packs import bring
from studio.packs.shelf import open_shelf

def die(done, total):
    os.kill(os.getpid(), signal.SIGKILL)

bring.bring(open_shelf(Path(sys.argv[1])), bring.one(Path(sys.argv[2])), copy=True, report=die)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bring_job_that_was_killed_leaves_nothing_once_a_worker_begins(home, queue, supervisor, tmp_path):
    lora = weights.write(tmp_path / "style.safetensors", weights.lora("sd1"))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(home), str(lora)], cwd=ROOT, check=False)
    packs = home / "packs"
    assert killed.returncode == -9 and names(packs) == [".bringing-style"]
    whole = packs / "other"
    whole.mkdir()
    (whole / "note.txt").write_text("not ours to touch")
    supervisor.ensure()
    until(lambda: names(packs) == ["other"], supervisor)
    assert (whole / "note.txt").exists()
    until(lambda: ".bringing-style" in (home / "logs" / "worker.log").read_text(), supervisor)


def test_a_pack_that_was_taken_away_for_a_new_one_comes_back(home, tmp_path, monkeypatch):
    shelf = open_shelf(home)
    lora = weights.write(tmp_path / "style.safetensors", weights.lora("sd1"))
    pack = bring(shelf, one(lora), copy=True)
    new = shelf.home / ".bringing-style"
    new.mkdir()
    (new / SUMS).write_text("")

    def die(self, _target):
        raise KeyboardInterrupt

    target = pack.folder
    monkeypatch.setattr(durable.shutil, "rmtree", lambda *_, **__: None)
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda self, to: die(self, to) if self == new else rename(self, to))
    with pytest.raises(KeyboardInterrupt):
        durable.put_in_place(new, target)
    monkeypatch.undo()
    assert open_shelf(home).state(pack.id) == "absent"
    assert len(sweep(shelf.home)) == 2
    assert open_shelf(home).state(pack.id) == "installed" and shelf.verify(shelf.get(pack.id)) == []
    assert names(shelf.home) == [pack.id]


def test_what_was_replaced_goes_and_what_is_on_its_way_stays(tmp_path):
    packs = tmp_path / "packs"
    assert sweep(packs) == []
    for name in ("one", ".old-one", ".moving-two", ".note-three", ".gone-four", ".fetching"):
        (packs / name).mkdir(parents=True)
        (packs / name / "file").write_text(name)
    told = sweep(packs)
    assert names(packs) == [".fetching", "one"] and (packs / "one" / "file").read_text() == "one"
    assert len(told) == 4 and "replaced" in told[3]
    assert sweep(packs) == []
