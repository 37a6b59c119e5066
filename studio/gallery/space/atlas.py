"""The table of the gallery's map: where each picture lies, and the groups. It draws nothing and lays nothing out."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.database import Database
from studio.domain.artwork import SHOWN

if TYPE_CHECKING:
    from studio.gallery.space.mapping import Group

FEWEST = 10  # pictures that a map is worth drawing of
ANEW = 0.2  # the map is drawn anew when so much of it came after it was drawn
STEPS = 65_535  # places on a side of the map, as the browser gets them
_ALIVE = f"deleted_at IS NULL AND kind IN {SHOWN}"


Point = tuple[int, float, float, int]  # artwork, x, y, group


@dataclass(frozen=True)
class Standing:
    """How the map stands: the model whose vectors it is of, what is on it and what is not yet.

    `drawn` is how many pictures it was drawn from (0: never), `placed` how many lie on it, `seen` how many of the gallery
    have a vector, `unseen` how many have none and can be looked at: their file is there.
    """

    model: str = ""
    drawn: int = 0
    placed: int = 0
    seen: int = 0
    unseen: int = 0
    drawn_at: float = 0.0

    @property
    def new(self) -> int:
        """How many pictures could be on it and are not."""
        return max(0, self.seen - self.placed)

    @property
    def stale(self) -> bool:
        """Whether so much is new that the whole should be drawn again."""
        return not self.drawn or self.seen - self.drawn > ANEW * self.drawn


@dataclass(frozen=True)
class Place:
    """A group of the map as it is shown: its name, where that stands, how many pictures there are now, one of them.

    `box` is left, top, right, bottom; all of it 0 to 1. `name` is made of captions: hostile text, only ever shown escaped.
    """

    number: int
    level: int
    parent: int
    name: str
    x: float
    y: float
    box: tuple[float, float, float, float]
    artwork: int | None
    pictures: int


def standing(database: Database) -> Standing:
    """How the map stands, of the model that has seen most of the gallery; an older map while that has none of its own."""
    rows = database.read("SELECT model, count(*) AS seen FROM embeddings WHERE kind = 'picture' GROUP BY model")
    seen = {str(row["model"]): int(row["seen"]) for row in rows}
    drawings = {str(row["model"]): row for row in database.read("SELECT * FROM map_drawings ORDER BY drawn_at")}
    model = max(seen, key=lambda name: (seen[name], name), default="")
    row = drawings.get(model)
    placed = database.one("SELECT count(*) FROM map_points WHERE model = ?", model)
    unseen = database.one(
        f"SELECT count(*) FROM artworks WHERE {_ALIVE} AND gone_at IS NULL AND id NOT IN"
        " (SELECT artwork FROM embeddings WHERE model = ? AND kind = 'picture')",
        model,
    )
    return Standing(
        model=model,
        drawn=int(row["pictures"]) if row else 0,
        placed=int(placed[0]) if placed else 0,
        seen=seen.get(model, 0),
        unseen=int(unseen[0]) if unseen else 0,
        drawn_at=float(row["drawn_at"]) if row else 0.0,
    )


def stamp(database: Database) -> tuple[int, int]:
    """Two numbers that are others after any change of vectors; what else the map shows changes the gallery's counter."""
    row = database.one("SELECT (SELECT max(id) FROM embeddings), (SELECT max(id) FROM embeddings_gone)")
    return (row[0] or 0, row[1] or 0) if row else (0, 0)


def shown_model(database: Database) -> str:
    """The model whose map is shown: that of `standing` once it is drawn, the last one drawn until then; empty for none."""
    row = database.one(
        "SELECT model FROM map_drawings ORDER BY (SELECT count(*) FROM embeddings WHERE embeddings.model = map_drawings.model"
        " AND kind = 'picture') DESC, drawn_at DESC LIMIT 1"
    )
    return str(row["model"]) if row else ""


def version(database: Database, model: str) -> str:
    """A name that changes whenever what `ids` or `packed` give does."""
    row = database.one(
        "SELECT (SELECT drawn_at FROM map_drawings WHERE model = ?1), count(*), sum(artwork) FROM map_points"
        f" JOIN artworks ON artworks.id = map_points.artwork WHERE map_points.model = ?1 AND {_ALIVE}",
        model,
    )
    drawn_at, count, total = (row[0], row[1], row[2]) if row else (0, 0, 0)
    return f"{int((drawn_at or 0) * 1000):x}-{count:x}-{total or 0:x}"


def ids(database: Database, model: str) -> list[int]:
    """The artworks on the map that are not in the bin, in the order of `packed`."""
    row = database.one(
        "SELECT json_group_array(artwork) FROM (SELECT artwork FROM map_points JOIN artworks ON artworks.id = artwork"
        f" WHERE map_points.model = ? AND {_ALIVE} ORDER BY artwork)",
        model,
    )
    return list(json.loads(row[0])) if row else []


def packed(database: Database, model: str) -> bytes:
    """The map for the browser: how many points there are, then all their ids (uint32), x, y and groups (uint16), little endian.

    12 bytes a point counted with the head; x and y are 0 to 65,535.
    """
    import numpy as np  # here: the front has no other use for it

    rows = database.read(
        "SELECT artwork, x, y, cluster FROM map_points JOIN artworks ON artworks.id = artwork"
        f" WHERE map_points.model = ? AND {_ALIVE} ORDER BY artwork",
        model,
    )
    table = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 4)
    head = array("I", [len(rows)])
    places = np.rint(table[:, 1:3].clip(0, 1) * STEPS).astype("<u2")
    return b"".join(
        [
            np.asarray(head, dtype="<u4").tobytes(),
            table[:, 0].astype("<u4").tobytes(),
            np.ascontiguousarray(places[:, 0]).tobytes(),
            np.ascontiguousarray(places[:, 1]).tobytes(),
            table[:, 3].astype("<u2").tobytes(),
        ]
    )


def places(database: Database, model: str) -> list[Place]:
    """The groups of the map that hold anything outside the bin, those seen from afar first, large before small."""
    counted = {
        int(row["cluster"]): int(row["pictures"])
        for row in database.read(
            "SELECT cluster, count(*) AS pictures FROM map_points JOIN artworks ON artworks.id = artwork"
            f" WHERE map_points.model = ? AND {_ALIVE} GROUP BY cluster",
            model,
        )
    }
    rows = database.read("SELECT * FROM map_clusters WHERE model = ? ORDER BY level DESC", model)
    parents = {int(row["number"]): int(row["parent"]) for row in rows}
    for row in rows:  # from the nearest level outward
        up = parents[int(row["number"])]
        if up >= 0:
            counted[up] = counted.get(up, 0) + counted.get(int(row["number"]), 0)
    made = [
        Place(
            number=int(row["number"]),
            level=int(row["level"]),
            parent=int(row["parent"]),
            name=str(row["name"]),
            x=float(row["x"]),
            y=float(row["y"]),
            box=_box(row["box"]),
            artwork=row["artwork"],
            pictures=counted.get(int(row["number"]), 0),
        )
        for row in rows
    ]
    return sorted((one for one in made if one.pictures), key=lambda one: (one.level, -one.pictures, one.number))


def keep(database: Database, model: str, points: Sequence[Point], found: Sequence[Group]) -> None:
    """Put a whole new map of a model in the place of all there were; artworks deleted meanwhile are left out.

    The `middle` of a group is a row of `points`.
    """
    rows = [(model, *point) for point in points]
    with database.transaction() as connection:
        for table in ("map_points", "map_clusters", "map_drawings"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("INSERT INTO map_drawings VALUES (?, ?, ?)", (model, time.time(), len(rows)))
        connection.executemany(_PUT, rows)
        connection.execute(_CHANGED)
        connection.executemany(
            "INSERT INTO map_clusters (model, number, level, parent, name, x, y, box, artwork)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    model,
                    one.number,
                    one.level,
                    one.parent,
                    one.name,
                    one.x,
                    one.y,
                    json.dumps(one.box),
                    points[one.middle][0],
                )
                for one in found
            ],
        )


def add(database: Database, model: str, points: Sequence[Point]) -> None:
    """Put more pictures on the map of a model, which stays as it is otherwise."""
    rows = [(model, *point) for point in points]
    with database.transaction() as connection:
        connection.executemany(_PUT, rows)
        connection.execute(_CHANGED)


def where(database: Database, model: str) -> dict[int, tuple[float, float, int]]:
    """Artwork -> x, y and group, of everything on the map, the bin's too."""
    rows: list[Any] = database.read("SELECT artwork, x, y, cluster FROM map_points WHERE model = ?", model)
    return {int(row["artwork"]): (float(row["x"]), float(row["y"]), int(row["cluster"])) for row in rows}


def captions(database: Database, wanted: Sequence[int]) -> dict[int, str]:
    """Artwork -> what is said of it: its caption, else its prompt, and its tags."""
    rows = database.read(
        "SELECT id, iif(caption <> '', caption, prompt) AS said,"
        " (SELECT group_concat(tag, '. ') FROM tags WHERE artwork = id) AS tags"
        " FROM artworks WHERE id IN (SELECT value FROM json_each(?))",
        json.dumps([int(id) for id in wanted]),
    )
    return {int(row["id"]): ". ".join(filter(None, (row["said"], row["tags"]))) for row in rows}


def _box(text: str) -> tuple[float, float, float, float]:
    left, top, right, bottom = json.loads(text)
    return left, top, right, bottom


_CHANGED = "UPDATE gallery_counter SET changes = changes + 1"  # for answers that are kept
_PUT = (
    "INSERT OR IGNORE INTO map_points (model, artwork, x, y, cluster)"
    " SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM artworks WHERE id = ?2)"
)
