"""The whole way, as a new user goes it: a Stable Diffusion pack comes from a hub, is killed half way, goes on, and paints."""

import json
import os
import shutil
import signal
import threading
import time

import pytest
import tiny
from hub import loopback_hub

from studio.app import open_studio
from studio.domain.recipe import Recipe
from studio.jobs import lock
from studio.packs.journal import place_of
from studio.places import ASSETS

PATIENCE = 240.0  # of a busy machine, for a worker that loads the libraries
REPO = "easel/tiny-sd1"
UNET = "unet/diffusion_pytorch_model.safetensors"
TOML = """
id = "tiny-sd1"
name = "Tiny SD 1"
description = "Random weights in the layout of Stable Diffusion 1."
family = "sd1"
licence = "CC0"
licence_note = "None."
sizes = [[64, 64]]
[roles]
painter = "."
tokenizer = "tokenizer"
checker = "safety_checker"
[concepts]
skull = "a skull sign"
[source]
repo = "{repo}"
files = {files}
"""


@pytest.mark.slow
def test_from_the_hub_to_a_picture(tmp_path, monkeypatch, heavy):
    painter, story = tiny.folder("sd1", tmp_path / "made"), ASSETS / "storybook"
    files = {path.relative_to(painter).as_posix(): path.read_bytes() for path in painter.rglob("*") if path.is_file()}
    for part in ("safety_checker", "feature_extractor"):  # a pack's own gate; the starter's works for any picture
        files |= {f"{part}/{path.name}": path.read_bytes() for path in (story / part).iterdir()}
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    shutil.copy(ASSETS / "packs" / "storybook.toml", catalogue)
    (catalogue / "tiny-sd1.toml").write_text(TOML.format(repo=REPO, files=json.dumps(sorted(files))))
    monkeypatch.setenv("EASEL_CATALOGUE", str(catalogue))
    with loopback_hub({REPO: files}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        studio = open_studio(tmp_path / "home")
        try:
            half = len(files[UNET]) // 2
            held = hub.fail(f"GET .*/{UNET}", cut=half, hold=threading.Event())
            job = studio.install("tiny-sd1")
            part = place_of(studio.home, "tiny-sd1") / f"{UNET}.part"
            until(lambda: part.exists() and part.stat().st_size == half, studio)
            os.kill(lock.holder(studio.home).pid, signal.SIGKILL)
            until(lambda: not studio.job(job.id).live, studio)
            assert studio.job(job.id).state == "interrupted" and studio.shelf.state("tiny-sd1") == "partial"
            held.hold.set()
            done = studio.wait(studio.install("tiny-sd1").id, timeout=PATIENCE)
            assert done.state == "done", done.error
            assert hub.bodies(UNET) == ["", f"bytes={half}-"]
            assert studio.shelf.verify(studio.shelf.whole("tiny-sd1")) == []
            recipe = Recipe("a star", pack="tiny-sd1", width=64, height=64, steps=2, seed=5, sampler="euler")
            painted = studio.wait(studio.paint(recipe).id, timeout=PATIENCE)
            assert painted.state in ("done", "refused"), painted.error
            kept, refused = painted.result["artworks"], painted.result["refused"]
            assert (
                len(kept) + len(refused) == 1
            )  # noise may look like anything to the gate; it was painted and looked at
            assert all(studio.gallery.get(id).width == 64 for id in kept)
        finally:
            studio.supervisor.stop()
            studio.close()


def until(true, studio):
    """Wait for something to become true, looking after the worker as a page does."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        studio.supervisor.state()
        time.sleep(0.05)
