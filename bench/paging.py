"""How the Gallery page behaves as the gallery grows: its script, what it sends, the wall's tiles. It opens no picture."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import synthetic
from bench.searching import HITS, ONLY_VECTORS
from bench.table import Row, repeated, timed

PAGE = Path(__file__).resolve().parent.parent / "pages" / "gallery.py"
ROUNDS = 15


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
        test = AppTest.from_file(str(PAGE), default_timeout=120)
        test.run()
        assert not test.exception, test.exception
        yield repeated(size, "the page's script", test.run, rounds=ROUNDS)
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
        yield repeated(size, what, once, rounds=ROUNDS)
    gallery.kept._held.clear()
    seconds, cpu = timed(lambda: (gallery.tags(), gallery.vocabulary()))
    yield Row(size, "tags and suggestions, counted anew", seconds * 1e3, "ms", cpu=cpu)
    studio.close()


def _read(typed: str) -> Any:
    from studio.gallery.finding.language import read

    return read(typed).query
