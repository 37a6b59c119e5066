"""Changes made by hand, to one picture or ten thousand, each with its exact undo. It opens no picture and loads no model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from studio.domain.amounts import counted
from studio.domain.errors import BadInput, EaselError
from studio.domain.query import RATING_RANGE
from studio.gallery.keeping.ways import MINE, WAYS
from studio.gallery.rows import CAPTION_LIMIT, storable, tag_name

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery

KEPT = 30 * 86_400.0  # seconds for which a change can be undone, as long as the bin keeps a picture
MOST = 200_000  # pictures in one change
REMARK_LIMIT = 10_000  # characters
_PARTS = 32


WHATS = tuple(WAYS)


@dataclass(frozen=True)
class Change:
    """One thing to be done to pictures; `what` is one of WHATS.

    `value` is a tag, a rating from -1 (disliked) over 0 (none) to 5, whether it is a favourite, a note, a caption, or a
    collection's number, whose name `label` may give. Raises BadInput, naming the field.
    """

    what: str
    value: str | int | bool | None = None
    label: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _checked(self.what, self.value))


@dataclass(frozen=True)
class Applied:
    """A change that was made: its number, its parts, how many pictures it changed, when, and whether it was undone."""

    id: int
    parts: tuple[Change, ...]
    pictures: int
    at: float
    undone_at: float | None = None

    @property
    def words(self) -> str:
        """What was done, as a person says it: "12 pictures rated 4"."""
        return f"{counted(self.pictures)} {', '.join(said(part) for part in self.parts)}"


@dataclass(frozen=True)
class Undone:
    """What an undo came to: pictures that are as they were, left because they were changed since, gone for good."""

    change: Applied
    pictures: int
    left: int = 0
    gone: int = 0

    @property
    def words(self) -> str:
        """What was undone and what was not, in a sentence or two."""
        parts = [f"Undone: {counted(self.pictures)} as before."]
        if self.left:
            stay = (
                "that was changed since stays as it is"
                if self.left == 1
                else "that were changed since stay as they are"
            )
            parts.append(f"{counted(self.left)} {stay}.")
        if self.gone:
            parts.append(f"{counted(self.gone)} deleted for good {'are' if self.gone > 1 else 'is'} not back.")
        return " ".join(parts)


def said(change: Change) -> str:
    """What a change does to pictures, in the words that follow "12 pictures"."""
    value = change.value
    return {
        "tag": f"tagged “{value}”",
        "untag": f"no longer tagged “{value}”",
        "rate": "disliked" if value == -1 else f"rated {value}" if value else "without a rating now",
        "favourite": "marked as favourite" if value else "no longer favourite",
        "remark": "given a note" if value else "without a note now",
        "caption": "given a caption" if value else "without a caption now",
        "collect": f"put into “{change.label or value}”",
        "uncollect": f"taken out of “{change.label or value}”",
        "bin": "put in the bin",
        "restore": "taken out of the bin",
    }[change.what]


def apply(gallery: Gallery, ids: Sequence[int], change: Change | Sequence[Change]) -> int:
    """Change pictures, all or none, and remember what each had; returns the change's number, 0 where all was so already.

    Several changes are one, undone together. Artworks that do not exist are left out; raises BadInput when none does.
    """
    parts = (change,) if isinstance(change, Change) else tuple(change)
    given = list(dict.fromkeys(int(id) for id in ids))
    if not given or not parts:
        raise BadInput("artworks", "Choose a picture first.")
    if len(given) > MOST or len(parts) > _PARTS:
        raise BadInput(
            "artworks", f"One change takes at most {MOST:,} pictures and {_PARTS} parts; make it in two steps."
        )
    now = time.time()
    with _transaction(gallery) as (connection, moved):
        text = json.dumps(given)
        exist = connection.execute(
            "SELECT count(*) FROM artworks WHERE id IN (SELECT value FROM json_each(?))", (text,)
        )
        if not exist.fetchone()[0]:
            raise BadInput("artworks", "None of these pictures exists any more; they may have been deleted for good.")
        parts = tuple(_labelled(connection, part) for part in parts)
        connection.execute("DELETE FROM changes WHERE at < ?", (now - KEPT,))
        body = json.dumps([asdict(part) for part in parts], ensure_ascii=False)
        row = connection.execute("INSERT INTO changes (at, parts, pictures) VALUES (?, ?, 0)", (now, body))
        id = int(row.lastrowid or 0)
        for number, part in enumerate(parts):
            way = WAYS[part.what]
            values = {"change": id, "part": number, "value": part.value, "at": now, "given": text}
            connection.execute(
                "INSERT INTO change_items (change, part, artwork, before)"
                f" SELECT :change, :part, id, {way.before} FROM artworks"
                f" WHERE id IN (SELECT value FROM json_each(:given)) AND {way.differs}",
                values,
            )
            _write(gallery, connection, (way.done, MINE, part.what), values, moved)
        count = "SELECT count(DISTINCT artwork) FROM change_items WHERE change = ?"
        changed = int(connection.execute(count, (id,)).fetchone()[0])
        connection.execute("UPDATE changes SET pictures = ? WHERE id = ?", (changed, id))
        if not changed:
            connection.execute("DELETE FROM changes WHERE id = ?", (id,))
    return id if changed else 0


def undo(gallery: Gallery, id: int) -> Undone:
    """Give the pictures of a change back what they had; what was changed since stays as it is, and is counted.

    Raises BadInput for a change that is not there, was undone already, or where nothing is left to undo; the last one then
    counts as undone, so that the one before can be.
    """
    with _transaction(gallery) as (connection, moved):
        change = get(gallery, id)
        if change.undone_at is not None:
            raise BadInput("change", "That was undone already.")
        back: set[int] = set()
        for number, part in reversed(list(enumerate(change.parts))):
            way, values = WAYS[part.what], {"change": id, "part": number, "value": part.value, "at": change.at}
            still = f"SELECT id FROM artworks WHERE id IN ({MINE}) AND {way.still}"
            found = [row[0] for row in connection.execute(still, values)]
            back.update(found)
            listed = "SELECT value FROM json_each(:found)"
            work = (way.undone, listed, {"bin": "restore", "restore": "bin"}.get(part.what, ""))
            _write(gallery, connection, work, values | {"found": json.dumps(found)}, moved)
        items = {row[0] for row in connection.execute("SELECT artwork FROM change_items WHERE change = ?", (id,))}
        alive = "SELECT id FROM artworks WHERE id IN (SELECT artwork FROM change_items WHERE change = ?)"
        there = {row[0] for row in connection.execute(alive, (id,))}
        newest = last(gallery)
        # the last one is done with all the same, or nobody would come to what was done before it
        if back or newest is None or newest.id == id:
            connection.execute("UPDATE changes SET undone_at = ? WHERE id = ?", (time.time(), id))
    if not back:
        raise BadInput("change", "Nothing is left to undo: these pictures were changed since, or deleted for good.")
    return Undone(change, len(back), left=len(there - back), gone=len(items - there))


def get(gallery: Gallery, id: int) -> Applied:
    """One change; raises BadInput when there is none of that number, or it is older than 30 days."""
    row = None
    if 0 < id < 2**63:  # no other number is one of SQLite's
        row = gallery.database.one("SELECT * FROM changes WHERE id = ? AND at >= ?", id, time.time() - KEPT)
    if row is None:
        raise BadInput("change", "That change is not known any more; changes can be undone for 30 days.")
    return _applied(row)


def last(gallery: Gallery) -> Applied | None:
    """The newest change that was not undone, if there is one of the last 30 days."""
    sql = "SELECT * FROM changes WHERE undone_at IS NULL AND at >= ? ORDER BY id DESC LIMIT 1"
    row = gallery.database.one(sql, time.time() - KEPT)
    return _applied(row) if row else None


def recent(gallery: Gallery, *, most: int) -> list[Applied]:
    """The changes of the last 30 days, newest first, those that were undone too."""
    sql = "SELECT * FROM changes WHERE at >= ? ORDER BY id DESC LIMIT ?"
    return [_applied(row) for row in gallery.database.read(sql, time.time() - KEPT, most)]


_Moved = list[tuple[list[str], bool]]  # files, and whether they went to the bin


@contextmanager
def _transaction(gallery: Gallery) -> Iterator[tuple[Any, _Moved]]:
    """A transaction, and the files that move within it: where it fails, or cannot be committed, they go back."""
    moved: _Moved = []
    try:
        with gallery.database.transaction() as connection:
            yield connection, moved
    except BaseException:
        for files, binned in reversed(moved):
            with suppress(EaselError):  # then the sweep settles it, as after a crash
                gallery.files.move_all(files, binned=not binned)
        raise


def _write(
    gallery: Gallery, connection: Any, work: tuple[str, str, str], values: Mapping[str, Any], moved: _Moved
) -> None:
    """Change the rows; the files of those that go to the bin or come back follow. `work` is (statement, whom, what).

    The move is before the commit: whatever a crash leaves between the two is put right by the sweep, which asks the rows.
    """
    statement, whom, what = work
    files = []
    if what in ("bin", "restore"):
        files = [row[0] for row in connection.execute(f"SELECT file FROM artworks WHERE id IN ({whom})", values)]
    connection.execute(statement.replace(":ids", whom), values)
    if files:
        moved.append((files, what == "bin"))  # before it is done: it may end half way
        gallery.files.move_all(files, binned=what == "bin")


def _labelled(connection: Any, change: Change) -> Change:
    """A change of a collection with the collection's name; raises BadInput where there is no such collection to put into."""
    if change.what not in ("collect", "uncollect"):
        return change
    row = connection.execute("SELECT name, query FROM collections WHERE id = ?", (change.value,)).fetchone()
    if row is None:
        raise BadInput("collection", "There is no such collection; it may have been deleted.")
    if row["query"] is not None:
        raise BadInput(
            "collection", f"“{row['name']}” holds what its search finds; pictures are not put into it by hand."
        )
    return Change(change.what, change.value, row["name"])


def _checked(what: str, value: Any) -> str | int | bool | None:
    if what not in WAYS:
        raise BadInput("change", f"There is no change named {what!r}; there are {', '.join(WHATS)}.")
    if what in ("tag", "untag"):
        return tag_name(str(value))
    if what == "rate":
        low, high = RATING_RANGE
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput("rating", "A rating is 1 to 5, 0 for none, or -1 for disliked.")
        return value
    if what == "favourite":
        return bool(value)
    if what in ("remark", "caption"):
        text = storable(str(value or "")).strip()
        most = CAPTION_LIMIT if what == "caption" else REMARK_LIMIT
        if len(text) > most:
            raise BadInput(what, f"That text has {len(text):,} characters; {most:,} is the most it can have.")
        return text
    if what in ("collect", "uncollect"):
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadInput("collection", "Choose a collection.")
        return value
    return None


def _applied(row: Any) -> Applied:
    parts = tuple(Change(one["what"], one["value"], one["label"]) for one in json.loads(row["parts"]))
    return Applied(row["id"], parts, row["pictures"], row["at"], row["undone_at"])
