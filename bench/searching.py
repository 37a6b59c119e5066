"""How searches of a gallery behave as it grows: latency, recall, memory, a delete. It loads no encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench import synthetic
from bench.table import Row, beside, timed

ONLY_VECTORS = 200_000  # artworks from which on rows, texts and tags are left out
ROUNDS = 41
QUERIES = 100  # for the recall
HITS = 60


def searching(size: int, home: Path) -> Iterator[Row]:
    """Latency by meaning and with words, filters on and off; recall, memory, rebuild, a delete."""
    from studio.database import Database
    from studio.domain.query import Query
    from studio.gallery.files import Files
    from studio.gallery.finding.language import read
    from studio.gallery.gallery import Gallery
    from studio.gallery.search import search
    from studio.gallery.vectors import Vectors

    bare_rows = size > ONLY_VECTORS
    seconds, _ = timed(lambda: (synthetic.bare if bare_rows else synthetic.fill)(home, size).close())
    yield Row(size, "the synthetic gallery is written", seconds, "s")
    database = Database(home / "easel.db")
    gallery = Gallery(database=database, files=Files(home))
    vectors = Vectors(database=database, folder=home / "index", model=synthetic.MODEL)
    seconds, cpu = timed(vectors.refresh)
    yield Row(size, "vectors are read from the table", seconds, "s", cpu=cpu)
    yield Row(size, "memory of the vectors for 100,000", vectors.bytes / size * 1e5 / 1e6, "MB")
    plain = np.concatenate(list(synthetic.vectors(size)))
    asked = np.concatenate(list(synthetic.vectors(QUERIES, seed=1)))
    turn = iter(range(10**9))

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
        yield beside(size, "search by meaning, every vector compared", ours(), product, rounds=ROUNDS // 2)
        seconds, cpu = timed(vectors.learn)
        yield Row(size, "clusters are learnt", seconds, "s", cpu=cpu)
    yield beside(size, "search by meaning", ours(), product, rounds=ROUNDS)
    if bare_rows:
        for share, allowed in (("half", np.arange(1, size + 1, 2)), ("twentieth", np.arange(1, size + 1, 20))):
            once = lambda allowed=allowed: vectors.search(query(), limit=HITS, allowed=allowed)  # noqa: E731
            yield beside(size, f"search by meaning, a filter that lets a {share} through", once, product, rounds=ROUNDS)
    else:
        for share, typed in (("fifth", "model:dreamshaper"), ("fiftieth", "is:favourite")):
            what = f"search by meaning, a filter that lets a {share} through"
            yield beside(size, what, ours(typed), product, rounds=ROUNDS)
        for what, works, fresh in (
            ("search by meaning and one word", synthetic.phrases(1), True),
            ("search by meaning and two words", synthetic.phrases(2), True),
            ("the same two words again", synthetic.phrases(2)[:1], False),
        ):
            told = [ours("", (phrase,)) for phrase in works]
            yield beside(size, what, asking_of(told, gallery, fresh=fresh), product, rounds=ROUNDS)
    yield Row(size, "recall of the ten nearest", recall(gallery, vectors, plain, asked), "", n=QUERIES)
    yield deleted(size, gallery, vectors, plain)
    database.close()


def asking_of(searches: list[Callable[[], object]], gallery: Any, *, fresh: bool) -> Callable[[], object]:
    """One search after the other; with `fresh` nothing that full text answered before is kept."""
    turn = iter(range(10**9))

    def once() -> object:
        for asked in list(gallery.kept._held) if fresh else ():
            if "best of full text" in asked:
                del gallery.kept._held[asked]
        return searches[next(turn) % len(searches)]()

    return once


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
