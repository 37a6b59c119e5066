"""Who was made from what: the edges between artworks, and the tree around one of them. It opens no file and no model.

Edges join names (SHA-256), so a parent that was deleted for good, or never came along with an import, stays as a gap.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.database import Database
from studio.domain.artwork import Artwork
from studio.domain.recipe import Recipe

MADE_FROM = "made from"
MOST = 200  # nodes of a tree; more would tell nobody anything
_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Edge:
    """One artwork that went into another, by their names, and what it was used as."""

    parent: str
    child: str
    role: str


@dataclass(frozen=True)
class Node:
    """A place in a tree. `generation` is 0 for the artwork asked for, below 0 for ancestors, above 0 for descendants.

    `artwork` is None where it was deleted for good; its name stays.
    """

    sha256: str
    generation: int
    artwork: Artwork | None


@dataclass(frozen=True)
class Lineage:
    """The tree around an artwork, oldest generation first. `more` says that there was not room for all of it."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    more: bool = False


def uses(recipe: Recipe | None) -> list[tuple[str, str]]:
    """What a recipe names: (role, SHA-256) of source, mask, reference and each control map, whose role is its kind."""
    if recipe is None:
        return []
    named = [("source", recipe.source), ("mask", recipe.mask), ("reference", recipe.reference)]
    named += [(control.kind, control.source) for control in recipe.controls]
    return [(role, name) for role, name in dict.fromkeys(named) if name]


def named(recipe: Recipe | None) -> list[str]:
    """The pictures that a recipe uses, by hash, each once."""
    return list(dict.fromkeys(name for _, name in uses(recipe)))


def write(connection: Any, child: str, recipe: Recipe | None, parents: Iterable[str]) -> None:
    """Write down what an artwork was made from: what its recipe names, and other parents as "made from"."""
    edges = [Edge(name, child, role) for role, name in uses(recipe)]
    held = {edge.parent for edge in edges}
    edges += [Edge(name, child, MADE_FROM) for name in parents if name not in held and _NAME.fullmatch(name)]
    connection.executemany(
        "INSERT OR IGNORE INTO lineage (child, parent, role) VALUES (?, ?, ?)",
        [(edge.child, edge.parent, edge.role) for edge in edges if edge.parent != child],
    )


def rename(connection: Any, old: str, new: str) -> None:
    """An artwork's file was written anew and has another name: it keeps its parents and its children."""
    for column in ("parent", "child"):
        connection.execute(f"UPDATE OR REPLACE lineage SET {column} = ? WHERE {column} = ?", (new, old))


def into(database: Database, names: Sequence[str], *, most: int = MOST) -> list[Edge]:
    """The edges that lead into these artworks: from their parents, here or gone."""
    sql = "SELECT * FROM lineage WHERE child IN (SELECT value FROM json_each(?)) ORDER BY child, role, parent LIMIT ?"
    return [Edge(row["parent"], row["child"], row["role"]) for row in database.read(sql, json.dumps(list(names)), most)]


def out_of(database: Database, names: Sequence[str], *, most: int = MOST) -> list[Edge]:
    """The edges that lead out of these artworks, to children that are in the gallery and not in the bin, oldest first."""
    rows = database.read(
        "SELECT lineage.* FROM lineage JOIN artworks ON artworks.sha256 = lineage.child"
        " WHERE lineage.parent IN (SELECT value FROM json_each(?)) AND artworks.deleted_at IS NULL"
        " ORDER BY artworks.id, role LIMIT ?",
        json.dumps(list(names)),
        most,
    )
    return [Edge(row["parent"], row["child"], row["role"]) for row in rows]


def around(
    database: Database, name: str, *, find: Callable[[Sequence[str]], Mapping[str, Artwork]], most: int = MOST
) -> Lineage:
    """The tree around one artwork: its ancestors, then its descendants, generation by generation, at most `most` nodes.

    `find` gives the artworks of these names that are here. A circle, which only a forged file could claim, is walked once.
    """
    generations = {name: 0}
    edges: dict[Edge, None] = {}
    more = False
    for step, look in ((-1, into), (1, out_of)):
        edge_of = [name]
        generation = 0
        while edge_of and len(generations) < most:
            generation += step
            found = look(database, edge_of, most=most * 4)
            more |= len(found) == most * 4
            edge_of = []
            for edge in found:
                other = edge.parent if step < 0 else edge.child
                if other not in generations:
                    if len(generations) == most:
                        more = True
                        continue
                    generations[other] = generation
                    edge_of.append(other)
                edges[edge] = None
        more |= bool(edge_of) and bool(look(database, edge_of, most=1))
    artworks = find(list(generations))
    nodes = [Node(one, generation, artworks.get(one)) for one, generation in generations.items()]
    nodes.sort(key=lambda node: (node.generation, node.artwork.id if node.artwork else 0, node.sha256))
    return Lineage(tuple(nodes), tuple(edges), more)
