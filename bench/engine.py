"""How much the studio adds to the bare library, how soon it is there, and how fast it finds. One JSON line a figure.

    python bench/engine.py [--pairs 7] [--only job,cold,page,search]

Every ratio is taken against the plain library doing the same work in the same run, the two in turn, and is the median of
the pairs. The home folder is a new one in the temporary folder and is removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from studio.app import Studio, open_studio  # noqa: E402
from studio.domain.artwork import Query  # noqa: E402
from studio.domain.recipe import Lora, Recipe  # noqa: E402
from studio.ui.serve import free_port  # noqa: E402

PROMPT = "a large red star above a small blue house at night"
VECTORS = 10_000


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"figure": name, "value": round(value, 4), "unit": unit, **more}), flush=True)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def paint(studio: Studio, seed: int, mode: str = "balanced") -> float:
    """Seconds from the button to the saved, checked, captioned, embedded artwork."""
    how = studio.shelf.get("storybook").manifest.modes[mode]
    loras = (Lora(how.lora),) if how.lora else ()
    recipe = Recipe(
        prompt=PROMPT, seed=seed, steps=how.steps, guidance=how.guidance, sampler=how.sampler, loras=loras
    )  # fmt: skip

    def work() -> None:
        job = studio.wait(studio.paint(recipe).id, timeout=300)
        if job.state != "done":
            raise SystemExit(f"The job was {job.state}: {job.error}")

    return timed(work)


def bench_job(studio: Studio, pairs: int) -> None:
    """A warm job against the bare pipeline call, in turn."""
    from studio.workshop import heavy

    heavy.prepare()  # the plain library gets the same thread settings as the worker

    import torch
    from diffusers import StableDiffusionPipeline

    from studio.workshop.paint import samplers

    manifest = studio.shelf.get("storybook").manifest
    pipe = StableDiffusionPipeline.from_pretrained(str(ROOT / "assets" / "storybook"), dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = samplers.scheduler(Recipe(prompt=PROMPT).sampler, dict(pipe.scheduler.config))

    def bare(seed: int) -> float:
        def work() -> None:
            pipe(
                PROMPT,
                width=manifest.size[0],
                height=manifest.size[1],
                num_inference_steps=manifest.steps,
                guidance_scale=manifest.guidance,
                generator=torch.Generator("cpu").manual_seed(seed),
            )

        return timed(work)

    paint(studio, 1), bare(1)
    ours, theirs = [], []
    for seed in range(2, 2 + pairs):
        ours.append(paint(studio, seed))
        theirs.append(bare(seed))
    say("bare diffusers call", statistics.median(theirs), "s", n=pairs)
    say("job, queue to saved artwork", statistics.median(ours), "s", n=pairs)
    paint(studio, 1, "sketch")  # puts the LoRA on
    sketches = [paint(studio, seed, "sketch") for seed in range(2, 2 + pairs)]
    say("Sketch as a job, queue to saved artwork", statistics.median(sketches), "s", n=pairs)
    say("job over bare call", statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), "ratio", n=pairs)


def bench_cold(home: Path) -> None:
    """An empty home folder and no process: seconds to the first saved picture, by the terminal."""
    environment = {**os.environ, "EASEL_HOME": str(home / "cold")}
    command = [sys.executable, "-m", "studio", "paint", PROMPT, "--seed", "1", "--json"]
    seconds = timed(lambda: subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL))
    say("cold start to first picture", seconds, "s", n=1)
    stop_worker(home / "cold")


def bench_page(home: Path) -> None:
    """`make run`'s server: seconds until it answers, and until the prompt box stands in a real browser."""
    from playwright.sync_api import sync_playwright

    port = free_port(8700)
    command = [sys.executable, "-m", "studio", "run", "--port", str(port), "--no-browser"]
    started = time.perf_counter()
    server = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "EASEL_HOME": str(home / "page")}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        say("server up", time.perf_counter() - started, "s", n=1)
        chromium = shutil.which("chromium")
        if chromium is None:
            print("The page's first paint needs Chromium; skipped.", file=sys.stderr)
            return
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium)
            times = []
            for _ in range(6):
                page = browser.new_context().new_page()
                times.append(timed(lambda page=page: open_create(page, port)))
                page.close()
            browser.close()
        say("first paint of Create, first visit", times[0], "s", n=1)
        say("first paint of Create, later visits", statistics.median(times[1:]), "s", n=len(times) - 1)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
        stop_worker(home / "page")


def open_create(page: object, port: int) -> None:
    page.goto(f"http://127.0.0.1:{port}/")  # type: ignore[attr-defined]
    page.locator("textarea").first.wait_for(state="visible", timeout=60_000)  # type: ignore[attr-defined]


def bench_search(studio: Studio, rounds: int) -> None:
    """Words to hits, through the queue and back, over 10,000 vectors; against the bare matrix product."""
    paint(studio, 99)
    row = studio.database.one("SELECT model, half, vector FROM embeddings WHERE kind = 'picture' LIMIT 1")
    assert row is not None
    width = len(row["vector"]) // (2 if row["half"] else 4)
    vectors = np.random.default_rng(0).standard_normal((VECTORS, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with studio.database.transaction() as connection:
        for number, vector in enumerate(vectors):
            cursor = connection.execute(
                "INSERT INTO artworks (sha256, file, kind, width, height, bytes, verdict, created_at)"
                " VALUES (?, ?, 'imported', 128, 128, 1, '{\"allowed\": true}', 0)",
                (f"{number:064x}", f"{number:064x}.png"),
            )
            connection.execute(
                "INSERT INTO embeddings (artwork, model, vector) VALUES (?, ?, ?)",
                (cursor.lastrowid, row["model"], vector.tobytes()),
            )
    query = Query(words=(("a red star", 1.0),))
    first = timed(lambda: studio.search(query))
    times = [timed(lambda: studio.search(query)) for _ in range(rounds)]
    bare = [timed(lambda: np.argpartition(-(vectors @ vectors[0]), 60)[:60]) for _ in range(rounds)]
    say("first search after 10,000 pictures came in (index rebuilt)", first, "s", n=1)
    say("search, words to hits", statistics.median(times), "s", n=rounds, vectors=VECTORS)
    say("bare matrix product", statistics.median(bare), "s", n=rounds, vectors=VECTORS)


def stop_worker(home: Path) -> None:
    studio = open_studio(home)
    studio.supervisor.stop()
    studio.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", default="cold,page,job,search")
    options = parser.parse_args()
    chosen = options.only.split(",")
    home = Path(tempfile.mkdtemp(prefix="easel-bench-"))
    print(json.dumps({"machine": machine()}), flush=True)
    try:
        if "cold" in chosen:
            bench_cold(home)
        if "page" in chosen:
            bench_page(home)
        if {"job", "search"} & set(chosen):
            studio = open_studio(home / "warm")
            if "job" in chosen:
                bench_job(studio, options.pairs)
            if "search" in chosen:
                bench_search(studio, 20)
            studio.close()
            stop_worker(home / "warm")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
