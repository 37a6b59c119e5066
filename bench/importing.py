"""How fast pictures come in: the import without the model beside a plain loop of Pillow. JSON lines and a table.

    python bench/importing.py [--pictures 400] [--rounds 5] [--cores 2] [--no-encoder] [--out FILE]

Everything is made in a temporary home. An import without the model reads, hashes, decodes, looks for metadata, writes original
and thumbnail, sees how the picture looks, and writes the rows (the gate's checker is a stand-in that looks at one pixel of each
view). In turn with it run two loops of Pillow on one core: one decodes the same files and makes their thumbnails in memory, the
other writes them as well, as the JPEG that we write. "over" is our pictures per second over theirs, by the medians of the
rounds; "CPU" is processor time for a picture, of all threads, and "CPU over" theirs over ours, which other work on the machine
changes less: with two cores to itself, an import can be at most twice as fast as that says. How much two threads gained on this
machine meanwhile is measured too, by hashing: 2 where both cores were free, and 1 where others had one of them.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from bench.table import Row, only, show, timed  # noqa: E402

PICTURES = 400
ROUNDS = 5
SIDE = 1_024  # pixels


class Stand:
    """A checker without a model: it refuses the known positive and nothing else."""

    name = "stand-in"

    def __call__(self, pictures: list[Any]) -> list[dict[str, float]]:
        return [{"magenta": 1.0 if picture.getpixel((0, 0))[:3] == (255, 0, 255) else -0.5} for picture in pictures]


def photographs(tree: Path, count: int) -> None:
    """Files as they come: two thirds JPEG, a third PNG, 1,024 pixels wide, smooth forms with some noise."""
    from PIL import Image, ImageFilter

    chance = np.random.default_rng(3)
    for number in range(count):
        small = chance.integers(0, 256, size=(24, 32, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((SIDE, SIDE * 3 // 4), Image.Resampling.BICUBIC)
        noise = Image.effect_noise(picture.size, 12).convert("RGB")
        picture = Image.blend(picture, noise, 0.08).filter(ImageFilter.SMOOTH)
        if number % 3:
            picture.save(tree / f"{number:04}.jpg", quality=90)
        else:
            picture.save(tree / f"{number:04}.png", compress_level=3)


def plain(tree: Path, *, keep: Path | None) -> None:
    """What anybody would write: each file decoded, and its thumbnail made; with `keep` also written, as a JPEG."""
    from PIL import Image

    from studio.gallery.encoding import THUMB_QUALITY, THUMB_SIDE

    for path in sorted(tree.iterdir()):
        with Image.open(path) as opened:
            opened.load()
            opened.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
            if keep is not None:
                opened.save(keep / f"{path.stem}.jpg", "JPEG", quality=THUMB_QUALITY["jpg"])


def bringing(home: Path, count: int, rounds: int) -> Iterator[Row]:
    """Pictures a second of an import without a model, in turn with two plain loops."""
    tree, thumbs = home / "pictures to import", home / "thumbnails"
    tree.mkdir()
    thumbs.mkdir()
    photographs(tree, count)
    gate = stand_in(home)
    works: dict[str, Callable[[], tuple[float, float]]] = {
        "loop": lambda: timed(lambda: plain(tree, keep=None)),
        "saved": lambda: timed(lambda: plain(tree, keep=thumbs)),
        "ours": lambda: imported(tree, home / "import", gate, count),
    }
    for work in works.values():  # once, so that nobody pays for reading the files the first time
        work()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    gains: list[float] = []
    for turn in range(rounds):
        gains.append(gain())
        for name in sorted(works, key=lambda name: (list(works).index(name) + turn) % 3):
            times[name].append(works[name]())
    wall = {name: statistics.median(one[0] for one in told) / count for name, told in times.items()}
    cpu = {name: statistics.median(one[1] for one in told) / count for name, told in times.items()}

    def row(what: str, name: str, over: str = "") -> Row:
        ratio = (wall[over] / wall[name], cpu[over] / cpu[name]) if over else (None, None)
        return Row(count, what, 1 / wall[name], "pictures/s", ratio[0], cpu=cpu[name], cpu_over=ratio[1], n=rounds)

    yield Row(count, "what two threads that hash gained over one meanwhile", statistics.median(gains), "", n=rounds)
    yield row("a loop of Pillow: decode, thumbnail", "loop")
    yield row("a loop of Pillow that also writes the thumbnail", "saved")
    yield row("import without the model, beside the loop", "ours", "loop")
    yield row("the same, beside the loop that writes", "ours", "saved")


def gain() -> float:
    """How much more two threads do than one, at work that holds nothing of Python's."""
    data = bytes(4 << 20)

    def hashing() -> None:
        for _ in range(10):
            hashlib.sha256(data).digest()

    alone, _ = timed(hashing)
    threads = [Thread(target=hashing) for _ in range(2)]

    def both() -> None:
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    return 2 * alone / timed(both)[0]


def imported(tree: Path, home: Path, gate: Any, count: int) -> tuple[float, float]:
    """What one import of the whole folder takes, by the clock and the processor, into a home that is there already."""
    from studio.database import Database
    from studio.gallery.files import Files
    from studio.gallery.gallery import Gallery
    from studio.workshop.scanning import bring_folder

    home.mkdir()
    database = Database(home / "easel.db")
    gallery, tallies = Gallery(database=database, files=Files(home)), []
    took = timed(lambda: tallies.append(bring_folder(tree, gallery=gallery, gate=gate)))
    database.close()
    assert tallies[0].imported == count, tallies
    shutil.rmtree(home)
    return took


def stand_in(home: Path) -> Any:
    """A gate that is ready, without a model."""
    from PIL import Image

    from studio.safety.gate import Gate

    positive = home / "positive.png"
    Image.new("RGB", (16, 16), (255, 0, 255)).save(positive)
    return Gate(checker=Stand(), labels={"magenta": "magenta"}, known_positive=positive)


def embedding() -> Iterator[Row]:
    """Pictures a second that Storybook's encoder reads, 64 at once."""
    from PIL import Image

    from studio.packs.shelf import Shelf
    from studio.places import ASSETS
    from studio.workshop.models import Models

    encoder = Models(Shelf(catalogue=ASSETS / "packs", places=(ASSETS,))).encoder("storybook")
    pictures = [Image.effect_noise((512, 512), 60 + n).convert("RGB") for n in range(64)]
    encoder.pictures(pictures[:8])
    runs = [timed(lambda: encoder.pictures(pictures)) for _ in range(3)]
    wall, cpu = (statistics.median(one[which] for one in runs) / 64 for which in (0, 1))
    yield Row(64, "embedding, Storybook's encoder", 1 / wall, "pictures/s", cpu=cpu, n=3)


def measure(count: int, rounds: int, *, encoder: bool) -> Iterator[Row]:
    """All of it, in a temporary home."""
    with tempfile.TemporaryDirectory() as folder:
        yield from bringing(Path(folder), count, rounds)
    if encoder:
        yield from embedding()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--cores", type=int, default=2, help="how many of them are used")
    parser.add_argument("--no-encoder", action="store_true", help="leave the rate of the encoder out")
    parser.add_argument("--out", type=Path, help="append the JSON lines to this file as well")
    options = parser.parse_args(arguments)
    only(options.cores)
    rows = measure(options.pictures, options.rounds, encoder=not options.no_encoder)
    show("Pictures coming in.", rows, out=options.out)


if __name__ == "__main__":
    main()
