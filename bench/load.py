"""How soon a pack paints: from no process to its first picture, and after a switch away and back. JSON lines and a table.

    python bench/load.py [--geometry published] [--rounds 3] [--packs storybook sd1]

Two packs: Storybook, which ships, and one of Stable Diffusion 1.5's geometry with random weights in fp16, written to a
temporary folder first (2.1 GB; with `--geometry tiny` hardly anything). Each is painted by the studio's painter and by the
plain library (`from_pretrained` and a call), in turn: one small picture of few steps, since painting is not what is measured.
"cold": a process of its own, from its start to the picture; files lie in the system's cache. "back": a picture with the pack
that was used before the other one, in one process; the studio still holds it, the plain library reads it again, as a script
with one pipeline does. "again": the same once more, with nothing to switch. Medians. Nothing is checked, captioned or saved;
the whole way of a first job is in bench/engine.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.figures import machine  # noqa: E402
from studio.packs.manifest import OWN, SUMS, Manifest, manifest_text  # noqa: E402

PROMPT, SIZE, STEPS = "a large red star at night", 128, 2
Paint = Callable[[str], None]  # a picture with the pack of that id, whatever has to be read for it


@dataclass(frozen=True)
class Row:
    """One figure of one side. over: its seconds over those of the plain library, the median of the pairs."""

    pack: str
    geometry: str
    what: str
    side: str
    seconds: float
    over: float
    n: int
    load: float  # of the machine, at the end


def write_pack(place: Path, geometry: str) -> None:
    """A pack of Stable Diffusion 1.5's geometry with random weights, as the Shelf keeps one."""
    import torch

    from bench.networks import networks, pipeline

    pipe = pipeline("sd1", geometry, networks("sd1", geometry, torch.device("cpu"), torch.float32, control=False))
    pipe.to(dtype=torch.float16)
    pipe.save_pretrained(place)
    manifest = Manifest(place.name, "Random", "", "sd1", "", "", {"painter": "."})
    (place / OWN).write_text(manifest_text(manifest), encoding="utf-8")
    lines = []
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.name != OWN:
            with path.open("rb") as stream:
                lines.append(
                    f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {path.relative_to(place).as_posix()}"
                )
    (place / SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def easel(packs: Path) -> Paint:
    """The studio's way."""
    from studio.domain.recipe import Recipe
    from studio.packs.shelf import Shelf
    from studio.places import ASSETS
    from studio.workshop.models import Models

    models = Models(Shelf(catalogue=ASSETS / "packs", places=(packs, ASSETS)))

    def paint(id: str) -> None:
        recipe = Recipe(PROMPT, pack=id, width=SIZE, height=SIZE, steps=STEPS, sampler="ddim", seed=1)
        list(models.painter(id).paint(recipe, {}, lambda *_: None))

    return paint


def bare(packs: Path) -> Paint:
    """The plain library's: one pipeline, read again whenever another pack is wanted."""
    from studio.workshop import heavy

    heavy.prepare()  # the same settings of threads

    import diffusers
    import torch

    from studio.places import ASSETS

    held: dict[str, Any] = {}

    def paint(id: str) -> None:
        if id not in held:
            held.clear()
            kind = torch.float16 if torch.cuda.is_available() else torch.float32
            folder = packs / id if (packs / id).is_dir() else ASSETS / id
            pipe = diffusers.StableDiffusionPipeline.from_pretrained(
                str(folder), dtype=kind, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
                local_files_only=True,
            )  # fmt: skip
            pipe.set_progress_bar_config(disable=True)
            held[id] = pipe.to("cuda" if torch.cuda.is_available() else "cpu")
        held[id](PROMPT, width=SIZE, height=SIZE, num_inference_steps=STEPS)

    return paint


SIDES: dict[str, Callable[[Path], Paint]] = {"bare": bare, "easel": easel}


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cold(side: str, packs: Path, id: str) -> float:
    """Seconds from the start of a process to its first picture."""
    command = [sys.executable, str(Path(__file__)), "--child", side, "--place", str(packs), "--packs", id]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = child.stdout.readline().strip()
        seconds = time.perf_counter() - started
        child.communicate()
    if said != "painted":
        raise SystemExit(f"{side} painted nothing with {id}; what it said stands above.")
    return seconds


def warm(packs: Path, ids: list[str], rounds: int) -> dict[tuple[str, str, str], list[float]]:
    """Seconds after a switch back and once more without one, for each side and pack: (pack, what, side) -> seconds."""
    found: dict[tuple[str, str, str], list[float]] = {}
    paints = {name: make(packs) for name, make in SIDES.items()}
    for paint in paints.values():
        for id in ids:
            paint(id)
    for number in range(rounds):
        for id in ids:  # the one that was used before the other
            for side in paints if number % 2 else reversed(paints):
                for what in ("back", "again"):
                    found.setdefault((id, what, side), []).append(timed(lambda: paints[side](id)))  # noqa: B023
    return found


def measure(packs: Path, ids: list[str], geometry: str, rounds: int) -> list[Row]:
    """Everything, in turn."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for number in range(rounds):
        for id in ids:
            for side in SIDES if number % 2 else reversed(SIDES):
                found.setdefault((id, "cold", side), []).append(cold(side, packs, id))
    if len(ids) > 1:
        found |= warm(packs, ids, rounds)
    rows = []
    for (id, what, side), told in found.items():
        pairs = zip(told, found[id, what, "bare"], strict=True)
        over = statistics.median(a / b for a, b in pairs)
        kind = "published" if id == "storybook" else geometry
        load = round(os.getloadavg()[0], 2)
        rows.append(Row(id, kind, what, side, round(statistics.median(told), 3), round(over, 3), len(told), load))
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--geometry", choices=["published", "tiny"], default="published")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--packs", nargs="+", choices=["storybook", "sd1"], default=["storybook", "sd1"])
    parser.add_argument("--child", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        SIDES[options.child](options.place)(options.packs[0])
        print("painted", flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        packs = Path(folder)
        if "sd1" in options.packs:
            write_pack(packs / "sd1", options.geometry)
        print(f"How soon a pack paints. {machine()}\n", file=sys.stderr)
        print("| pack | geometry | what | side | seconds | over bare |", file=sys.stderr)
        print("|---|---|---|---|---|---|", file=sys.stderr)
        for row in measure(packs, options.packs, options.geometry, options.rounds):
            print(json.dumps({**asdict(row), "machine": machine()}), flush=True)
            cells = (row.pack, row.geometry, row.what, row.side, f"{row.seconds:.2f}", f"{row.over:.2f}")
            print(f"| {' | '.join(cells)} |", file=sys.stderr)


if __name__ == "__main__":
    main()
