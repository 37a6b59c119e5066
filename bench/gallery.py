"""How a gallery behaves as it grows: import, search, page, memory, at 1,000 to 1,000,000 artworks. JSON lines and a table.

    python bench/gallery.py [--sizes 1000 10000 100000 1000000] [--only import search page] [--out FILE] [--cores 2]

Everything is made in a temporary home: see bench/synthetic.py for the artworks and for how the vectors lie. At 1,000,000 there
are only vectors. Each search is end to end but for the encoder: what the filters let through, what is new in the table, the
vectors, the rows of full text, the reasons of 60 hits. Beside each, in turn and in the same process, one bare numpy product of
the same vectors in float32 with one query; "over" is the median of ours over the median of numpy's. Recall is the share of
numpy's ten nearest among ours. An import without the model reads, hashes, decodes, looks for metadata, writes original and
thumbnail and the rows (the gate's checker is a stand-in); beside it one loop of Pillow on one core that decodes the same files
and makes the same thumbnail. The page is the script of the Gallery page, run again by Streamlit's own runner; its bytes are
those of the messages it sends, thumbnails apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from bench import synthetic  # noqa: E402

ONLY_VECTORS = 200_000  # artworks from which on rows, texts and tags are left out
ROUNDS = 41
QUERIES = 100  # for the recall
PICTURES = 400  # that are imported
SIDE = 1_024  # pixels of those
HITS = 60


@dataclass(frozen=True)
class Row:
    """One figure. over: the ratio to what stands beside it in the same run; cpu: seconds of processor, and their ratio."""

    size: int
    what: str
    value: float
    unit: str
    over: float | None = None
    p95: float | None = None
    p95_over: float | None = None
    cpu: float | None = None
    cpu_over: float | None = None
    n: int = 1
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processor time."""
    began, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - spent


def beside(size: int, what: str, ours: Callable[[], object], bare: Callable[[], object], *, rounds: int) -> Row:
    """Ours and the bare product in turn."""
    for one in (bare, ours):
        one()
    pairs = [(timed(bare), timed(ours)) for _ in range(rounds)]
    plain, own = sorted(pair[0][0] for pair in pairs), sorted(pair[1][0] for pair in pairs)
    cpu = statistics.median(pair[1][1] for pair in pairs)
    cpu_over = cpu / statistics.median(pair[0][1] for pair in pairs)
    middle, late = statistics.median(own), own[int(0.95 * (rounds - 1))]
    base = statistics.median(plain)
    return Row(
        size, what, middle * 1e3, "ms", over=middle / base, p95=late * 1e3, p95_over=late / plain[int(0.95 * (rounds - 1))],
        cpu=cpu, cpu_over=cpu_over, n=rounds,
    )  # fmt: skip


# --- searching --------------------------------------------------------------------------------------------------------


def searching(size: int, home: Path) -> Iterator[Row]:
    """Latency by meaning and with words, filters on and off; recall, memory, rebuild, a delete."""
    from studio.domain.query import Query
    from studio.gallery.files import Files
    from studio.gallery.finding.language import read
    from studio.gallery.gallery import Gallery
    from studio.gallery.search import search
    from studio.gallery.vectors import Vectors

    bare_rows = size > ONLY_VECTORS
    seconds, _ = timed(lambda: (synthetic.bare if bare_rows else synthetic.fill)(home, size).close())
    yield Row(size, "the synthetic gallery is written", seconds, "s")
    from studio.database import Database

    database = Database(home / "easel.db")
    gallery = Gallery(database=database, files=Files(home))
    vectors = Vectors(database=database, folder=home / "index", model=synthetic.MODEL)
    seconds, cpu = timed(vectors.refresh)
    yield Row(size, "vectors are read from the table", seconds, "s", cpu=cpu)
    yield Row(size, "memory of the vectors for 100,000", vectors.bytes / size * 1e5 / 1e6, "MB")
    plain = np.concatenate(list(synthetic.vectors(size)))
    asked = np.concatenate(list(synthetic.vectors(QUERIES, seed=1)))
    turn = iter(range(10**9))
    rounds = ROUNDS if size < 10**6 else ROUNDS // 3

    def query() -> Any:
        return asked[next(turn) % QUERIES]

    def ours(typed: str = "", words: tuple[str, ...] = ()) -> Callable[[], object]:
        asking = read(typed).query if typed else Query(limit=HITS)

        def once() -> object:
            allowed = gallery.allowed(asking)
            return search(asking, query(), vectors=vectors, gallery=gallery, allowed=allowed, wished=words)

        return once

    def product() -> object:
        return plain @ query()

    if vectors.unsettled():
        yield beside(size, "search by meaning, every vector compared", ours(), product, rounds=rounds // 2)
        seconds, cpu = timed(vectors.learn)
        yield Row(size, "clusters are learnt", seconds, "s", cpu=cpu)
    yield beside(size, "search by meaning", ours(), product, rounds=rounds)
    if not bare_rows:
        yield beside(
            size,
            "search by meaning, a filter that lets a fifth through",
            ours("model:dreamshaper"),
            product,
            rounds=rounds,
        )
        yield beside(
            size,
            "search by meaning, a filter that lets a fiftieth through",
            ours("is:favourite"),
            product,
            rounds=rounds,
        )
        yield beside(size, "search by meaning and words", ours("", ("wooden bridge",)), product, rounds=rounds)
    else:
        half = np.arange(1, size + 1, 2)
        few = np.arange(1, size + 1, 20)
        for share, allowed in (("half", half), ("a twentieth", few)):
            once = lambda allowed=allowed: vectors.search(query(), limit=HITS, allowed=allowed)  # noqa: E731
            yield beside(size, f"search by meaning, a filter that lets {share} through", once, product, rounds=rounds)
    yield Row(size, "recall of the ten nearest", recall(gallery, vectors, plain, asked), "", n=QUERIES)
    yield deleted(size, gallery, vectors, plain)
    database.close()


def recall(gallery: Any, vectors: Any, plain: Any, asked: Any) -> float:
    """The share of the ten that are nearest by a plain product, among those that filters let through."""
    from studio.domain.query import Query

    allowed = gallery.allowed(Query())
    shares = []
    for one in asked:
        scores = plain[allowed - 1] @ one if len(allowed) < len(plain) else plain @ one
        best = set(allowed[np.argpartition(scores, -10)[-10:]].tolist())
        shares.append(len(best & {id for id, _ in vectors.search(one, limit=10, allowed=allowed)}) / 10)
    return float(np.mean(shares))


def deleted(size: int, gallery: Any, vectors: Any, plain: Any) -> Row:
    """The search right after a delete, the reading of what is allowed included; it must not find what was deleted."""
    from studio.domain.query import Query

    victim = int(gallery.allowed(Query())[size // 3])
    assert vectors.search(plain[victim - 1], limit=1)[0][0] == victim
    gallery.database.write("UPDATE artworks SET deleted_at = 1 WHERE id = ?", victim)

    def once() -> None:
        hits = vectors.search(plain[victim - 1], limit=10, allowed=gallery.allowed(Query()))
        assert victim not in dict(hits)

    seconds, cpu = timed(once)
    return Row(size, "the search after a delete, which does not find it", seconds * 1e3, "ms", cpu=cpu)


# --- the page -----------------------------------------------------------------------------------------------------------


def paging(size: int, home: Path) -> Iterator[Row]:
    """The Gallery page's script, run again and again; and the answers that the wall and the box ask for beside it."""
    if size > ONLY_VECTORS:
        return
    os.environ["EASEL_HOME"] = str(home)
    from streamlit.testing.v1 import AppTest, local_script_runner

    from studio.app import open_studio
    from studio.domain.query import Query
    from studio.gallery.finding import leafing
    from studio.jobs.lock import Lock

    if not (home / "easel.db").exists():
        synthetic.fill(home, size).close()
    sent: list[int] = []
    parse = local_script_runner.parse_tree_from_messages

    def weigh(messages: list[Any]) -> Any:
        sent.append(sum(message.ByteSize() for message in messages))
        return parse(messages)

    lock = Lock(home)
    lock.take()  # no worker is needed
    local_script_runner.parse_tree_from_messages = weigh
    try:
        test = AppTest.from_file(str(ROOT / "pages" / "gallery.py"), default_timeout=120)
        test.run()
        assert not test.exception, test.exception
        runs = [timed(test.run) for _ in range(15)]
        yield Row(
            size, "the page's script", statistics.median(one[0] for one in runs) * 1e3, "ms", n=len(runs),
            p95=max(one[0] for one in runs) * 1e3, cpu=statistics.median(one[1] for one in runs),
        )  # fmt: skip
        yield Row(size, "what the page sends", statistics.median(sent) / 1e3, "kB", n=len(sent))
    finally:
        local_script_runner.parse_tree_from_messages = parse
        lock.release()
    studio = open_studio(home)
    gallery = studio.gallery
    middle = leafing.Answer(Query())

    def tiles() -> object:
        return gallery.many(leafing.ids(gallery, middle, start=size // 2, count=HITS))

    for what, once in (
        ("60 tiles in the middle of the wall", tiles),
        ("a page of a filter", lambda: gallery.page(_read("model:dreamshaper rating:>=3"))),
        ("tags and suggestions, nothing changed", lambda: (gallery.tags(), gallery.vocabulary())),
    ):  # fmt: skip
        once()
        runs = [timed(once) for _ in range(15)]
        middle = statistics.median(one[0] for one in runs) * 1e3
        yield Row(
            size,
            what,
            middle,
            "ms",
            n=len(runs),
            p95=max(one[0] for one in runs) * 1e3,
            cpu=statistics.median(one[1] for one in runs),
        )
    gallery.kept._held.clear()
    seconds, cpu = timed(lambda: (gallery.tags(), gallery.vocabulary()))
    yield Row(size, "tags and suggestions, counted anew", seconds * 1e3, "ms", cpu=cpu)
    studio.close()


def _read(typed: str) -> Any:
    from studio.gallery.finding.language import read

    return read(typed).query


# --- bringing in ----------------------------------------------------------------------------------------------------------


class Stand:
    """A checker without a model: it refuses the known positive and nothing else."""

    name = "stand-in"

    def __call__(self, pictures: list[Any]) -> list[dict[str, float]]:
        return [
            {"magenta": 1.0 if picture.resize((1, 1)).getpixel((0, 0))[:3] == (255, 0, 255) else -0.5}
            for picture in pictures
        ]


def bringing(home: Path) -> Iterator[Row]:
    """Pictures a second, beside a plain loop, and how many the encoder that ships reads."""
    from PIL import Image

    from studio.database import Database
    from studio.gallery.files import THUMB_SIDE, Files
    from studio.gallery.gallery import Gallery
    from studio.safety.gate import Gate
    from studio.workshop.scanning import bring_folder

    tree = home / "pictures to import"
    tree.mkdir()
    photographs(tree)
    positive = home / "positive.png"
    Image.new("RGB", (16, 16), (255, 0, 255)).save(positive)

    def loop() -> None:
        for path in sorted(tree.iterdir()):
            with Image.open(path) as opened:
                opened.load()
                opened.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)

    def loop_saved() -> None:
        for path in sorted(tree.iterdir()):
            with Image.open(path) as opened:
                opened.load()
                opened.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
                opened.save(home / "thumb.webp", "WEBP", quality=84, method=4)

    def brought(number: int) -> None:
        own = home / f"import-{number}"
        own.mkdir()
        database = Database(own / "easel.db")
        gate = Gate(checker=Stand(), labels={"magenta": "magenta"}, known_positive=positive)
        tally = bring_folder(tree, gallery=Gallery(database=database, files=Files(own)), gate=gate)
        database.close()
        assert tally.imported == PICTURES, tally
        shutil.rmtree(own)

    times: dict[str, list[float]] = {"loop": [], "saved": [], "ours": []}
    for number in range(3):
        times["loop"].append(timed(loop)[0])
        times["saved"].append(timed(loop_saved)[0])
        times["ours"].append(timed(lambda: brought(number))[0])  # noqa: B023
    rate = {name: PICTURES / statistics.median(told) for name, told in times.items()}
    yield Row(PICTURES, "a loop of Pillow: decode, thumbnail", rate["loop"], "pictures/s", n=3)
    yield Row(PICTURES, "a loop of Pillow that also writes the thumbnail", rate["saved"], "pictures/s", n=3)
    yield Row(PICTURES, "import without the model", rate["ours"], "pictures/s", over=rate["ours"] / rate["loop"], n=3)
    yield Row(
        PICTURES,
        "import, beside the loop that writes",
        rate["ours"],
        "pictures/s",
        over=rate["ours"] / rate["saved"],
        n=3,
    )


def embedding() -> Iterator[Row]:
    """Pictures a second that Storybook's encoder reads, 64 at once."""
    from PIL import Image

    from studio.packs.shelf import Shelf
    from studio.places import ASSETS
    from studio.workshop.models import Models

    encoder = Models(Shelf(catalogue=ASSETS / "packs", places=(ASSETS,))).encoder("storybook")
    pictures = [Image.effect_noise((512, 512), 60 + n).convert("RGB") for n in range(64)]
    encoder.pictures(pictures[:8])
    seconds = statistics.median(timed(lambda: encoder.pictures(pictures))[0] for _ in range(3))
    yield Row(64, "embedding, Storybook's encoder", 64 / seconds, "pictures/s", n=3)


def photographs(tree: Path) -> None:
    """Files as they come: two thirds JPEG, a third PNG, 1,024 pixels wide, smooth forms with some noise."""
    from PIL import Image, ImageFilter

    chance = np.random.default_rng(3)
    for number in range(PICTURES):
        small = chance.integers(0, 256, size=(24, 32, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((SIDE, SIDE * 3 // 4), Image.Resampling.BICUBIC)
        noise = Image.effect_noise(picture.size, 12).convert("RGB")
        picture = Image.blend(picture, noise, 0.08).filter(ImageFilter.SMOOTH)
        if number % 3:
            picture.save(tree / f"{number:04}.jpg", quality=90)
        else:
            picture.save(tree / f"{number:04}.png", compress_level=3)


# --- the whole ------------------------------------------------------------------------------------------------------------


def machine() -> str:
    """This machine in a line."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = f"{len(os.sched_getaffinity(0))} of {len(names)} x {names[0]}"
    return f"{cores}, Python {platform.python_version()}, numpy {np.__version__}"


def measure(sizes: list[int], only: list[str]) -> Iterator[Row]:
    """Everything that was asked for, in temporary homes."""
    if "import" in only:
        with tempfile.TemporaryDirectory() as folder:
            yield from bringing(Path(folder))
        yield from embedding()
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            home.mkdir()
            if "search" in only:
                yield from searching(size, home)
            if "page" in only:
                yield from paging(size, home)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--only", nargs="+", choices=["import", "search", "page"], default=["import", "search", "page"])
    parser.add_argument("--cores", type=int, default=2, help="how many of them are used")
    parser.add_argument("--out", type=Path, help="append the JSON lines to this file as well")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: options.cores]))
    where = machine()
    print(f"A gallery as it grows. {where}\n", file=sys.stderr)
    print(
        "| artworks | what | value | over | p95 | p95 over | CPU | CPU over | n | load |\n" + "|---" * 10 + "|",
        file=sys.stderr,
    )
    for row in measure(options.sizes, options.only):
        line = json.dumps({**asdict(row), "machine": where})
        print(line, flush=True)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        told = [f"{row.size:,}", row.what, f"{row.value:,.3g} {row.unit}".strip()]
        told += ["" if one is None else f"{one:,.2f}" for one in (row.over,)]
        told += [
            "" if row.p95 is None else f"{row.p95:,.3g} {row.unit}",
            "" if row.p95_over is None else f"{row.p95_over:.2f}",
        ]
        told += [
            "" if row.cpu is None else f"{row.cpu * 1e3:,.3g} ms",
            "" if row.cpu_over is None else f"{row.cpu_over:.2f}",
        ]
        told += [str(row.n), str(row.load)]
        print(f"| {' | '.join(told)} |", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
