"""What could answer beyond the vectors that are all compared: our clusters beside FAISS's own indexes. It opens no gallery.

    python bench/indexes.py [--size 200000 | --vectors FILE.npy] [--graph 200000] [--only NAME ...] [--cores 2] [--out FILE]

The vectors are those of bench/synthetic.py, or float32 rows of a file. Each contender gets the same and is thrown away before
the next is built:

    exact   all of them, in half precision (studio/gallery/space/blocks.py)
    mask    that, with our clusters saying where not to look (studio/gallery/space/clusters.py)
    ivf     FAISS's inverted lists of halves
    sq8     FAISS's inverted lists of bytes, whose best 600 are compared again in half precision
    graph   FAISS's HNSW over halves, 32 neighbours; built for `--graph` vectors at most, its product then is over those

How far a contender looks (probes, or the graph's breadth) is measured by one rule for all: doubled until 64 vectors of the
gallery find 99.5 % of their ten nearest, then once more.

Rows: build, by the clock and by the processor; memory, what the process grew by; the time of 60 hits over that of one bare
numpy product of the same float32 vectors, in turn; recall of the ten nearest: for queries as the gallery's vectors are, for far
ones, whose cosine with what they are made of is 0.35, as words are from pictures, and among a twentieth that a filter lets
through (which `mask` compares whole, as the studio does up to 200,000); and what a delete costs. About 6 GB for a million.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench import synthetic, table
from bench.table import Row, beside, repeated, timed
from studio.gallery.space import clusters
from studio.gallery.space.blocks import Blocks
from studio.gallery.space.clusters import Clusters
from studio.gallery.vectors import ASKED, EXACT, RECALL

HITS = 60
QUERIES = 100
ROUNDS = 41
SHARE = 20  # one of so many is let through
AGAIN = 10  # times as many places of the coarse answer are compared again
AT_ONCE = 16_384
NEIGHBOURS, CARE = 32, 64  # of the graph: links of a vector, and how widely it looks while it is built

Array = np.ndarray[Any, np.dtype[Any]]
# query (d,), how many, how far it looks, mask (n,) or None -> positions, best first
Find = Callable[[Array, int, int, Array | None], Array]


@dataclass
class Contender:
    """One that answers; `far` is how far it looks, found by `settle`; `delete` takes positions away, None where it cannot."""

    find: Find
    delete: Callable[[Array], object] | None
    most: int  # as far as it can look; 0 where there is no such thing
    far: int = 0

    def settle(self, asked: Array, truth: Sequence[set[int]]) -> None:
        """Find out how far it must look."""
        if self.most:
            shares = [
                lambda far, one=one, best=best: len(best & set(self.find(one, 10, far, None).tolist())) / 10
                for one, best in zip(asked, truth, strict=True)
            ]
            self.far = clusters.enough(shares, most=self.most, wanted=RECALL)


# --- who answers ------------------------------------------------------------------------------------------------------


def blocks_of(plain: Array) -> Blocks:
    """All vectors in half precision."""
    blocks = Blocks(plain.shape[1])
    for start in range(0, len(plain), AT_ONCE):
        blocks.append(plain[start : start + AT_ONCE].astype(np.float16))
    return blocks


def exact(plain: Array) -> Contender:
    """Every vector, in half precision."""
    blocks, newest, alive = blocks_of(plain), np.arange(len(plain)), np.ones(len(plain), dtype=bool)

    def find(query: Array, limit: int, _: int, mask: Array | None) -> Array:
        return blocks.nearest(query, limit, mask=mask, newest=newest)[0]

    def delete(at: Array) -> None:
        alive[at] = False

    return Contender(find, delete, 0)


def mask(plain: Array) -> Contender:
    """Every vector of the nearest clusters, which lie side by side; all that a filter lets through, where those are few."""
    count = clusters.how_many(len(plain))
    centres = clusters.learn(sampled(plain, clusters.SAMPLE * count), count=count, step=lambda *_: None)
    of = clusters.nearest(plain, centres)
    order = np.argsort(of, kind="stable")
    of, blocks, alive = of[order], blocks_of(plain).ordered(order), np.ones(len(plain), dtype=bool)
    place = np.argsort(order)
    last: list[Array] = []  # a filter, and which positions it lets through: the studio keeps the last one, too

    def find(query: Array, limit: int, far: int, allowed: Array | None) -> Array:
        if allowed is not None and not (last and last[0] is allowed):
            last[:] = allowed, allowed[order]
        chosen = alive if allowed is None else last[1]
        if np.count_nonzero(chosen) > min(EXACT, len(plain) // SHARE):
            at = Clusters(centres, of, far, len(of)).chosen(query)
            return order[blocks.nearest(query, limit, at=at[chosen[at]], newest=order)[0]]
        return order[blocks.nearest(query, limit, mask=chosen, newest=order)[0]]

    def delete(at: Array) -> None:
        alive[place[at]] = False

    return Contender(find, delete, count)


def lists_of(plain: Array, made: Any, count: int) -> None:
    """FAISS learns as many clusters as ours does, from as many vectors, and takes all of them in."""
    made.cp.max_points_per_centroid = clusters.SAMPLE
    made.cp.niter = clusters.ROUNDS
    made.cp.spherical = True
    made.train(sampled(plain, clusters.SAMPLE * count))
    for start in range(0, len(plain), AT_ONCE):
        made.add(plain[start : start + AT_ONCE])


def inverted(plain: Array, kind: int) -> tuple[Any, int]:
    """FAISS's inverted lists of the vectors, kept as `kind` says, and how many lists they are."""
    import faiss

    count = clusters.how_many(len(plain))
    coarse = faiss.IndexFlatIP(plain.shape[1])
    made = faiss.IndexIVFScalarQuantizer(coarse, plain.shape[1], count, kind, faiss.METRIC_INNER_PRODUCT, False)
    lists_of(plain, made, count)
    return made, count


def ivf(plain: Array) -> Contender:
    """FAISS's inverted lists, half precision."""
    import faiss

    made, count = inverted(plain, faiss.ScalarQuantizer.QT_fp16)
    return Contender(probing(made), lambda at: made.remove_ids(faiss.IDSelectorBatch(at)), count)


def sq8(plain: Array) -> Contender:
    """Inverted lists of bytes; the best of them are compared again in half precision."""
    import faiss

    made, count = inverted(plain, faiss.ScalarQuantizer.QT_8bit)
    halves = plain.astype(np.float16)
    roughly = probing(made)

    def find(query: Array, limit: int, far: int, allowed: Array | None) -> Array:
        at = roughly(query, AGAIN * limit, far, allowed)
        scores = halves[at].astype(np.float32) @ query
        return at[np.argsort(-scores, kind="stable")[:limit]]

    return Contender(find, lambda at: made.remove_ids(faiss.IDSelectorBatch(at)), count)


def bits_of(allowed: Array) -> Any:
    """A filter as FAISS takes it."""
    import faiss

    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))  # type: ignore[call-arg, arg-type]


def probing(made: Any) -> Find:
    """A search of inverted lists."""
    import faiss

    def find(query: Array, limit: int, far: int, allowed: Array | None) -> Array:
        options: dict[str, Any] = {"nprobe": far}
        if allowed is not None:
            options["sel"] = bits_of(allowed)
        at = made.search(query[None], limit, params=faiss.SearchParametersIVF(**options))[1][0]
        return at[at >= 0]

    return find


def graph(plain: Array) -> Contender:
    """HNSW, half precision."""
    import faiss

    kind = faiss.ScalarQuantizer.QT_fp16
    made = faiss.IndexHNSWSQ(plain.shape[1], kind, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)  # type: ignore[arg-type]
    made.hnsw.efConstruction = CARE
    made.train(plain[:AT_ONCE])
    for start in range(0, len(plain), AT_ONCE):
        made.add(plain[start : start + AT_ONCE])

    def find(query: Array, limit: int, far: int, allowed: Array | None) -> Array:
        options: dict[str, Any] = {"efSearch": max(far, limit)}
        if allowed is not None:
            options["sel"] = bits_of(allowed)
        at = made.search(query[None], limit, params=faiss.SearchParametersHNSW(**options))[1][0]  # type: ignore[attr-defined]
        return at[at >= 0]

    return Contender(find, None, 4_096)


CONTENDERS: dict[str, Callable[[Array], Contender]] = {
    "exact": exact, "mask": mask, "ivf": ivf, "sq8": sq8, "graph": graph,
}  # fmt: skip


# --- what is asked ----------------------------------------------------------------------------------------------------


def sampled(plain: Array, count: int) -> Array:
    """So many of them, by chance."""
    chance = np.random.default_rng(0)
    return plain[np.sort(chance.choice(len(plain), min(len(plain), count), replace=False))]


def distant(near: Array) -> Array:
    """Queries whose cosine with what they are made of is 0.35, the rest of them noise."""
    noise = np.random.default_rng(5).standard_normal(near.shape, dtype=np.float32)
    noise -= np.sum(noise * near, axis=1, keepdims=True) * near
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    found: Array = (0.35 * near + (1 - 0.35**2) ** 0.5 * noise).astype(np.float32)
    return found


def best(plain: Array, asked: Array, *, among: Array | None = None) -> list[set[int]]:
    """The ten nearest of each by a plain product in float32."""
    found = []
    for start in range(0, len(asked), 16):
        scores = asked[start : start + 16] @ plain.T
        if among is not None:
            scores[:, ~among] = -2.0
        found += [set(np.argpartition(one, -10)[-10:].tolist()) for one in scores]
    return found


def resident() -> int:
    """Bytes of this process that lie in memory, after what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured(name: str, plain: Array, asked: Array) -> Iterator[Row]:
    """All rows of one contender."""
    size = len(plain)
    held: list[Contender] = []
    before = resident()
    seconds, cpu = timed(lambda: held.append(CONTENDERS[name](plain)))
    one = held.pop()
    yield Row(size, f"{name}: built", seconds, "s", cpu=cpu)
    yield Row(size, f"{name}: memory", (resident() - before) / 1e6, "MB")
    own = sampled(plain, ASKED)
    one.settle(own, best(plain, own))
    if one.most:
        yield Row(size, f"{name}: how far it looks", one.far, f"of {one.most:,}")
    turn = iter(range(10**9))

    def query() -> Array:
        return asked[next(turn) % len(asked)]

    few = np.zeros(size, dtype=bool)
    few[::SHARE] = True
    for what, allowed in (("60 hits", None), ("60 hits of a twentieth", few)):
        once = lambda allowed=allowed: one.find(query(), HITS, one.far, allowed)  # noqa: E731
        yield beside(size, f"{name}: {what}", once, lambda: plain @ query(), rounds=ROUNDS)
    for what, queries, allowed in (
        ("recall", asked, None), ("recall of far queries", distant(asked), None), ("recall in a twentieth", asked, few),
    ):  # fmt: skip
        truth = best(plain, queries, among=allowed)
        found = [set(one.find(query, 10, one.far, allowed).tolist()) for query in queries]
        shares = [len(mine & right) / 10 for mine, right in zip(found, truth, strict=True)]
        yield Row(size, f"{name}: {what}", float(np.mean(shares)), "", n=len(queries))
    if one.delete is not None:
        gone = iter(np.random.default_rng(1).permutation(size))
        delete = one.delete
        yield repeated(size, f"{name}: a delete", lambda: delete(np.array([next(gone)])), rounds=5)


def measure(plain: Array, names: Sequence[str], *, graph_of: int) -> Iterator[Row]:
    """Each contender, one after the other."""
    asked = np.concatenate(list(synthetic.vectors(QUERIES, seed=1)))
    if plain.shape[1] != asked.shape[1]:
        asked = sampled(plain, QUERIES)
    for name in names:
        if name == "graph" and len(plain) > graph_of:
            yield from measured(name, plain[:graph_of].copy(), asked)
        else:
            yield from measured(name, plain, asked)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=EXACT)
    parser.add_argument(
        "--vectors", type=Path, help="a file of float32 rows of length 1 (.npy) instead of synthetic ones"
    )
    parser.add_argument(
        "--graph", type=int, default=EXACT, help="the graph is built for so many at most; 0 leaves it out"
    )
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--cores", type=int, default=2, help="how many of them are used")
    parser.add_argument("--out", type=Path, help="append the JSON lines to this file as well")
    options = parser.parse_args(arguments)
    table.only(options.cores)
    began = time.monotonic()
    if options.vectors:
        plain = np.ascontiguousarray(np.load(options.vectors), dtype=np.float32)
    else:
        plain = np.empty((options.size, synthetic.SIZE), dtype=np.float32)
        at = 0
        for part in synthetic.vectors(options.size):
            plain[at : at + len(part)] = part
            at += len(part)
    print(f"{len(plain):,} vectors of {plain.shape[1]} after {time.monotonic() - began:.0f} s", file=sys.stderr)
    names = [name for name in options.only if name != "graph" or options.graph]
    table.show("What answers.", measure(plain, names, graph_of=options.graph), out=options.out)


if __name__ == "__main__":
    main()
