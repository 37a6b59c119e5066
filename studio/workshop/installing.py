"""Installs a pack from the hub: fetched, converted where it is a pickle, looked at, and only then put on the Shelf."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.domain.errors import Failed, StorageFull
from studio.domain.job import Job
from studio.durable import sync_folder, write_durably
from studio.packs.download import Pace
from studio.packs.fetch import fetch
from studio.packs.header import BadWeights, read_header
from studio.packs.hub import Hub
from studio.packs.journal import Journal, Wanted, claim, write_sums
from studio.packs.ledger import Ledger
from studio.packs.manifest import SUMS, Manifest
from studio.packs.shelf import SOURCE
from studio.packs.weights import describe, unfit
from studio.places import ROOT
from studio.workshop import converting
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

CHUNK = 1 << 20
CHILD_SECONDS = converting.SECONDS + 30.0
LOOK_SECONDS = 0.1
# All that the child needs to know of this process: no token, no proxy, no home folder
INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
GUESTS = ("lora", "controls", "adapter", "embedding")  # they work with painters of one family only


def install_pack(job: Job, report: JobReport, tools: Tools, *, pace: Pace = Pace()) -> dict[str, Any]:  # noqa: B008  frozen
    """Install payload["pack"]; returns pack, name, repo, commit and bytes. What was fetched stays when it is cut short.

    Raises PackMissing, Failed, StorageFull, Offline with a sentence, Cancelled, Stopped.
    """
    shelf = tools.models.shelf
    manifest = shelf.manifest(str(job.payload["pack"]))
    ledger = Ledger(tools.database, offline=lambda: tools.settings().offline)

    def tell(done: int, total: int, words: str) -> None:
        report(done, total)
        report.stage(words)

    with claim(tools.home, manifest.id, waiting=report.check) as folder, Hub(ledger=ledger) as hub:
        journal = fetch(manifest, folder, hub=hub, report=tell, pace=pace)
        for wanted in journal.files:
            if wanted.convert and not (folder / wanted.to).is_file():
                report.stage(f"converting {wanted.path}")
                convert(folder / wanted.arrives, folder / wanted.to, name=wanted.path, check=report.check)
        report.stage("checking")
        sums = {one.to: _sum(folder, one, report.check) for one in journal.files}
        for one in journal.files:
            look(folder / one.to, manifest, name=one.path)
        write_sums(folder, SUMS, sums)
        write_durably(folder / SOURCE, json.dumps(_origin(manifest, journal), indent=1))
        shelf.accept(folder, manifest)
    report(journal.bytes, journal.bytes)
    return {
        "pack": manifest.id,
        "name": manifest.name,
        "repo": journal.repo,
        "commit": journal.commit,
        "bytes": journal.bytes,
    }


def look(path: Path, manifest: Manifest, *, name: str) -> None:
    """Look at what a file's own header says before anything loads it; a wrong one is deleted. Raises Failed."""
    if path.suffix != ".safetensors":
        return
    try:
        read_header(path)
    except BadWeights as error:
        path.unlink()
        raise Failed(f"{name} of {manifest.name} {error} It was deleted.") from error
    if manifest.kind in GUESTS:
        found = describe(path)
        wrong = unfit(found, manifest) if found.sure else ""
        if wrong:
            path.unlink()
            raise Failed(f"{name} of {manifest.name} was deleted: {wrong}")


def convert(
    source: Path, target: Path, *, name: str, check: Callable[[], None], seconds: float = CHILD_SECONDS
) -> None:
    """Turn a pickle into safetensors in a child process that knows nothing and ends in time; then the pickle is deleted.

    `check` is called all the while and may raise. Raises Failed, and deletes the pickle, when it holds code or no weights.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "studio.workshop.converting", str(source), str(target)]
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words, env=environment
        )
        try:
            code = _wait(child, check, seconds)
        finally:
            child.kill()
            child.wait()
            target.with_name(f".tmp-{target.name}").unlink(missing_ok=True)
        words.seek(0)
        lines = words.read(10_000).decode("utf-8", "replace").split("\n")
    reason = next((line.strip() for line in reversed(lines) if line.strip()), f"it ended with {code}")
    if code == 0 and target.is_file():
        sync_folder(target.parent)
        source.unlink()
        return
    if "No space left" in reason:
        raise StorageFull(f"The disk is full, so {name} could not be converted; free some space, then install again.")
    if code == converting.CODE:
        source.unlink()
        raise Failed(
            f"{name} is a pickle that holds more than numbers, so it could run code; it was never opened that way, and is"
            " deleted. Choose another pack."
        )
    if code == converting.UNFIT:
        source.unlink()
        raise Failed(
            f"{name} holds no weights that could be converted ({reason}); it was deleted. Choose another pack."
        )
    how = f"took longer than {seconds:.0f} s" if code is None else f"failed ({reason})"
    raise Failed(f"Converting {name} {how}; what was fetched stays. Close other programs, then install again.")


def _wait(child: subprocess.Popen[bytes], check: Callable[[], None], seconds: float) -> int | None:
    """The child's exit code; None when its time was over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        check()
        try:
            return child.wait(timeout=LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return None


def _sum(folder: Path, wanted: Wanted, check: Callable[[], None]) -> str:
    """The SHA-256 of a file of the pack: known since it came, but of what was converted."""
    if not wanted.convert:
        return wanted.done
    digest = hashlib.sha256()
    with (folder / wanted.to).open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            check()
    return digest.hexdigest()


def _origin(manifest: Manifest, journal: Journal) -> dict[str, Any]:
    """What is kept of where a pack came from; of a converted file the hash of the pickle as well."""
    return {
        "repo": journal.repo,
        "revision": journal.revision,
        "commit": journal.commit,
        "licence": manifest.licence,
        "installed_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "converted": {one.to: {"path": one.path, "sha256": one.done} for one in journal.files if one.convert},
    }
