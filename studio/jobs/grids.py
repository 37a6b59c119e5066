"""Grids: durable rows of X/Y grids, a paint job to each cell. It paints nothing; the worker takes a cell like any job."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from studio.database import Database
from studio.domain.errors import BadInput
from studio.domain.grid import Axis, Grid
from studio.domain.job import LIVE, Job
from studio.domain.recipe import Recipe
from studio.jobs.forecast import painting
from studio.jobs.queue import Queue
from studio.jobs.rows import marks, to_job, where

KIND = "paint"
# How a cell ended that may come out otherwise another time; what the gate refused would be refused again with the same seed
LOST = ("failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Held:
    """A grid and its row: its number, and when it was made (Unix seconds)."""

    id: int
    grid: Grid
    made_at: float


@dataclass(frozen=True)
class Square:
    """A cell as it stands: its place from 0, its recipe, and the job that counts for it, None where none was ever queued."""

    column: int
    row: int
    recipe: Recipe
    job: Job | None

    @property
    def artwork(self) -> int | None:
        """The number of the artwork that it became."""
        ids = self.job.result.get("artworks") if self.job else None
        return int(ids[0]) if ids else None

    @property
    def live(self) -> bool:
        """Waiting or being painted."""
        return self.job is not None and self.job.live

    @property
    def missing(self) -> bool:
        """Whether painting it once more may give the picture that it lacks."""
        return self.artwork is None and (self.job is None or self.job.state in LOST)


@dataclass(frozen=True)
class Progress:
    """How far a grid is: cells that are pictures, all cells, those still to come, those that went missing, seconds left."""

    done: int
    all: int
    live: int
    missing: int
    seconds_left: float | None


@dataclass(frozen=True)
class Summary:
    """A grid in one line: its number, what it varies, its prompt, how many of its cells are pictures, when it was made."""

    id: int
    title: str
    prompt: str
    done: int
    all: int
    made_at: float


class Grids:
    """The grids of one home.

    `worded` puts styles (their names) on a recipe, and gives with it what was typed where that is something else; `ready`
    raises what a recipe lacks (a pack, a source); `awake` sees that a worker lives; `sized` tells width and height of a
    recipe's source, on which depends how long a cell takes.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        worded: Callable[[Recipe, Sequence[str]], tuple[Recipe, dict[str, Any]]],
        ready: Callable[[Recipe], None],
        awake: Callable[[], object],
        sized: Callable[[Recipe], tuple[int, int] | None] = lambda recipe: None,
    ) -> None:
        self._database, self._queue = database, queue
        self._worded, self._ready, self._awake, self._sized = worded, ready, awake, sized

    # --- what the front does ------------------------------------------------------------------------------------------

    def start(self, grid: Grid, *, key: str | None = None, styles: Sequence[str] = (), offload: bool = False) -> Held:
        """Keep a grid and queue its cells, all or none. The same key twice is the same grid: a double press makes one.

        `styles` are put on every cell; with `offload` each is painted in a slower way that needs less memory.

        Raises PackMissing or BadInput, before anything is queued, when a cell could not be painted.
        """
        known = self._by_key(key)
        if known is not None:
            return known
        said = [self._worded(cell.recipe, styles) for cell in grid.cells]
        self._check([recipe for recipe, _ in said])
        with self._database.transaction() as connection:
            known = self._by_key(key)  # somebody may have been quicker while we looked at the packs
            if known is not None:
                return known
            row = connection.execute(
                "INSERT INTO grids (key, body, made_at) VALUES (?, ?, ?) RETURNING id, made_at",
                (key, grid.to_json(), time.time()),
            ).fetchone()
            held = Held(int(row["id"]), grid, row["made_at"])
            for cell, (recipe, typed) in zip(grid.cells, said, strict=True):
                payload = self._payload(held.id, (cell.column, cell.row), recipe, offload=offload)
                self._queue.submit(KIND, payload | ({"typed": typed} if typed else {}))
        self._awake()
        return held

    def paint_missing(self, id: int, *, key: str | None = None) -> int:
        """Queue the cells that were cancelled, failed or interrupted once more; returns how many. A second press adds none."""
        held = self.get(id)
        lost = [square for square in self.squares(held) if square.missing]
        self._check([Recipe.from_dict(self._again(id, square)["recipe"]) for square in lost])
        with self._database.transaction():
            missing = [square for square in self.squares(held) if square.missing]
            for square in missing:
                died = square.job.attempts if square.job and square.job.state == "interrupted" else 0
                self._queue.submit(
                    KIND,
                    self._again(id, square),
                    key=f"{key}-{square.column}-{square.row}" if key else None,
                    attempts=died,  # so that a cell that crashes the worker is set aside the second time
                )
        self._awake()
        return len(missing)

    def cancel(self, id: int) -> None:
        """Stop what is still to come of a grid: the waiting cells at once, the one being painted within a step."""
        with self._database.transaction():
            for job in _jobs(self._database, id):
                if job.live:
                    self._queue.cancel(job.id)

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, id: int) -> Held:
        """One grid; raises BadInput when there is none of that number."""
        return get(self._database, id)

    def squares(self, held: Held) -> list[Square]:
        """Every cell as it stands, in the order they are painted."""
        return squares_of(self._database, held)

    def progress(self, squares: Sequence[Square]) -> Progress:
        """How far these cells of a grid are, and when the last will be done by this machine's own history."""
        live = [square.job for square in squares if square.job is not None and square.job.live]
        last = live[-1] if live else None
        return Progress(
            done=sum(square.artwork is not None for square in squares),
            all=len(squares),
            live=len(live),
            missing=sum(square.missing for square in squares),
            seconds_left=self._queue.seconds_left(last) if last else 0.0,
        )

    def foretold(self, grid: Grid, *, offload: bool = False) -> float | None:
        """Seconds that all its cells take on this machine, with `offload` each; None where it never did the like of one."""
        size = self._sized(grid.base)  # a grid varies everything but its source
        cells = [painting(cell.recipe, source_size=size, offload=offload) for cell in grid.cells]
        known = [self._queue.foretold(KIND, cell) for cell in cells]
        return sum(seconds for seconds in known if seconds is not None) if None not in known else None

    def latest(self, *, limit: int = 12) -> list[Summary]:
        """The latest grids, each in a line; one that this version cannot read is left out."""
        rows = self._database.read(
            "SELECT *, (SELECT count(DISTINCT json_extract(payload, '$.cell')) FROM jobs"
            " WHERE grid = grids.id AND json_array_length(result, '$.artworks') > 0) AS done"
            " FROM grids ORDER BY id DESC LIMIT ?",
            limit,
        )
        return [summary for row in rows if (summary := _summary(row)) is not None]

    def of_artwork(self, id: int) -> tuple[int, int, int] | None:
        """The grid that an artwork is a cell of, with its column and row; the latest where there are several."""
        row = self._database.one(
            "SELECT jobs.grid, payload FROM jobs, json_each(jobs.result, '$.artworks') AS one"
            " WHERE jobs.grid IS NOT NULL AND one.value = ? ORDER BY jobs.id DESC LIMIT 1",
            id,
        )
        if row is None:
            return None
        column, line = json.loads(row["payload"])["cell"]
        return int(row["grid"]), int(column), int(line)

    def gathered(self, states: Sequence[str], kinds: Sequence[str] = (), *, limit: int = 100) -> list[Job]:
        """The queue's list with one job to a grid, so that a hundred cells do not drown the rest.

        A grid with cells to come stands among the living, with the cell that is next; else among the ended, with its latest.
        """
        order = (
            "CASE state WHEN 'running' THEN 0 WHEN 'waiting' THEN 1 ELSE 2 END,"
            " CASE state WHEN 'waiting' THEN place ELSE -id END, id"
        )
        condition, values = where(states, kinds)
        among = f"grid = jobs.grid AND (state IN ({marks(states)})" if states else "grid = jobs.grid AND (1"
        rows = self._database.read(
            f"SELECT * FROM jobs {condition or 'WHERE 1'} AND (grid IS NULL OR ("
            f" id = (SELECT mate.id FROM jobs AS mate WHERE mate.{among}) ORDER BY {order} LIMIT 1)"
            f" AND (state IN ({marks(LIVE)}) OR NOT EXISTS"
            f" (SELECT 1 FROM jobs AS mate WHERE mate.grid = jobs.grid AND mate.state IN ({marks(LIVE)})))))"
            f" ORDER BY {order} LIMIT ?",
            *values,
            *states,
            *LIVE,
            *LIVE,
            limit,
        )
        return [to_job(row) for row in rows]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _check(self, recipes: Sequence[Recipe]) -> None:
        """Ask once for each set of packs, not for each cell."""
        unlike = {(one.pack, one.vae, one.adapter, tuple(lora.name for lora in one.loras)): one for one in recipes}
        for recipe in unlike.values():
            self._ready(recipe)

    def _payload(self, id: int, place: tuple[int, int], recipe: Recipe, *, offload: bool = False) -> dict[str, Any]:
        """A cell's job: kept at once, for whoever asks for a grid wants to compare artworks."""
        cell = {"spools": [], "keep": True, "grid": id, "cell": list(place)}
        return painting(recipe, source_size=self._sized(recipe), offload=offload) | cell

    def _again(self, id: int, square: Square) -> dict[str, Any]:
        """The very job that a cell had, whatever became of styles and wildcards since."""
        return square.job.payload if square.job else self._payload(id, (square.column, square.row), square.recipe)

    def _by_key(self, key: str | None) -> Held | None:
        row = self._database.one("SELECT * FROM grids WHERE key = ?", key) if key is not None else None
        return _held(row) if row else None


def get(database: Database, id: int) -> Held:
    """One grid; raises BadInput when there is none of that number."""
    row = database.one("SELECT * FROM grids WHERE id = ?", id)
    if row is None:
        raise BadInput("grid", f"There is no grid {id}; the Create page lists those there are.")
    return _held(row)


def squares_of(database: Database, held: Held) -> list[Square]:
    """Every cell of a grid as it stands, in the order they are painted."""
    found: dict[tuple[int, int], Job] = {}
    for job in _jobs(database, held.id):  # oldest first, so that the latest counts, unless an earlier one is a picture
        column, row = job.payload["cell"]
        if not (known := found.get((column, row))) or not known.result.get("artworks"):
            found[column, row] = job
    cells = held.grid.cells
    return [Square(cell.column, cell.row, cell.recipe, found.get((cell.column, cell.row))) for cell in cells]


def _jobs(database: Database, id: int) -> list[Job]:
    return [to_job(row) for row in database.read("SELECT * FROM jobs WHERE grid = ? ORDER BY id", id)]


def _held(row: Any) -> Held:
    return Held(int(row["id"]), Grid.from_dict(json.loads(row["body"])), row["made_at"])


def _summary(row: Any) -> Summary | None:
    body = json.loads(row["body"])
    try:
        axes = [Axis.from_dict(body[name]) for name in ("x", "y") if body.get(name)]
    except (BadInput, KeyError):
        return None
    cells = math.prod(len(axis.values) for axis in axes)
    prompt = str(body.get("base", {}).get("prompt", ""))
    return Summary(int(row["id"]), " × ".join(one.title for one in axes), prompt, row["done"], cells, row["made_at"])
