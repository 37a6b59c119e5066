"""Duplicates: what was found to be copies of one picture, in groups, and which to keep. It compares no pixels itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from studio.database import Database
from studio.domain.artwork import SHOWN, Artwork
from studio.domain.errors import BadInput
from studio.gallery.keeping import changes
from studio.gallery.keeping.changes import Change

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery

EXACT, NEAR = "exact", "near"
KINDS = (EXACT, NEAR)
_ALL_PAIRS = 60  # pictures of a group up to which every pair is remembered as different
_LOSSLESS = {"png": 2, "tiff": 2, "tif": 2, "bmp": 2, "webp": 1, "avif": 1}


@dataclass(frozen=True)
class Found:
    """Two artworks that were compared: `kind` is "exact", "near" or "" for neither, `likeness` 0 to 1."""

    one: int
    other: int
    kind: str
    likeness: float = 0.0


@dataclass(frozen=True)
class Group:
    """Copies of one picture: their numbers, "exact" where all have the same pixels, the one to keep, and why, in words."""

    ids: tuple[int, ...]
    kind: str
    keeper: int
    why: str

    @property
    def rest(self) -> tuple[int, ...]:
        """All but the keeper."""
        return tuple(id for id in self.ids if id != self.keeper)


# --- what was compared ----------------------------------------------------------------------------------------------------


def known(database: Database) -> set[tuple[int, int]]:
    """The pairs that were compared before, or that somebody said are not the same."""
    row = database.one("SELECT json_group_array(json_array(one, other)) FROM copies")
    return {(one, other) for one, other in json.loads(row[0])} if row else set()


def remember(database: Database, found: Iterable[Found]) -> None:
    """Keep what was compared, so that no later run does it again; what somebody said is not overruled."""
    rows = [(min(one.one, one.other), max(one.one, one.other), one.kind, one.likeness) for one in found]
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO copies (one, other, kind, likeness) SELECT ?1, ?2, ?3, ?4"
            " WHERE (SELECT count(*) FROM artworks WHERE id IN (?1, ?2)) = 2"
            " ON CONFLICT (one, other) DO UPDATE SET kind = excluded.kind, likeness = excluded.likeness WHERE NOT apart",
            rows,
        )
        _changed(connection)


def apart(gallery: Gallery, ids: Sequence[int]) -> None:
    """Say that these are not the same; they are not put together again, whatever a later search finds."""
    chosen = sorted(set(ids))
    if len(chosen) < 2:
        raise BadInput("artworks", "Choose at least two pictures that are not the same.")
    listed = json.dumps(chosen)
    with gallery.database.transaction() as connection:
        connection.execute(
            "UPDATE copies SET apart = 1 WHERE one IN (SELECT value FROM json_each(?1))"
            " AND other IN (SELECT value FROM json_each(?1))",
            (listed,),
        )
        if len(chosen) <= _ALL_PAIRS:
            connection.executemany(
                "INSERT INTO copies (one, other, kind, likeness, apart) VALUES (?, ?, '', 0, 1)"
                " ON CONFLICT (one, other) DO UPDATE SET apart = 1",
                list(combinations(chosen, 2)),
            )
        _changed(connection)


def together(gallery: Gallery, ids: Sequence[int]) -> None:
    """Take back what `apart` said of these."""
    with gallery.database.transaction() as connection:
        connection.execute(
            "UPDATE copies SET apart = 0 WHERE one IN (SELECT value FROM json_each(?1))"
            " AND other IN (SELECT value FROM json_each(?1))",
            (json.dumps(sorted(set(ids))),),
        )
        _changed(connection)


def _changed(connection: Any) -> None:
    """What is kept of the gallery is true no longer: groups are, and no trigger watches the pairs."""
    connection.execute("UPDATE gallery_counter SET changes = changes + 1")


# --- groups ---------------------------------------------------------------------------------------------------------------


def groups(gallery: Gallery, *, near: bool = True, among: Collection[int] | None = None) -> list[Group]:
    """All groups of copies that are there and not in the bin, the largest first; with `near` also resized and cropped ones.

    With `among` those that hold one of these. Found once while nothing changes.
    """
    found = gallery.kept.get(("groups of copies", near), lambda: _groups(gallery, near=near))
    return [group for group in found if among is None or any(id in among for id in group.ids)]


def _groups(gallery: Gallery, *, near: bool) -> tuple[Group, ...]:
    linked = _linked(gallery.database, KINDS if near else (EXACT,))
    joined = components([(one, other) for one, other, _ in linked])
    same = {frozenset((one, other)) for one, other, kind in linked if kind == EXACT}
    exact = components([tuple(pair) for pair in same])  # type: ignore[misc]
    whole = {frozenset(group) for group in exact}
    held = gallery.many([id for group in joined for id in group])
    made = []
    for group in joined:
        artworks = [held[id] for id in group if id in held]
        if len(artworks) > 1:
            keeper, why = suggestion(artworks)
            ids = tuple(artwork.id for artwork in artworks)
            made.append(Group(ids, EXACT if frozenset(ids) in whole else NEAR, keeper, why))
    return tuple(sorted(made, key=lambda one: (-len(one.ids), one.kind != EXACT, -max(one.ids))))


def count(gallery: Gallery, *, near: bool = True) -> tuple[int, int]:
    """How many groups there are, and how many pictures could go."""
    found = groups(gallery, near=near)
    return len(found), sum(len(group.rest) for group in found)


def components(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Whoever is linked, through whatever others, in one group; each in rising order (Tarjan's union and find)."""
    above: dict[int, int] = {}

    def top(id: int) -> int:
        while above.setdefault(id, id) != id:
            above[id] = above[above[id]]
            id = above[id]
        return id

    for one, other in links:
        first, second = sorted((top(one), top(other)))
        above[second] = first
    ordered = sorted((top(id), id) for id in above)
    return [[id for _, id in group] for _, group in groupby(ordered, key=itemgetter(0))]


def suggestion(artworks: Sequence[Artwork]) -> tuple[int, str]:
    """Which of these copies to keep, and why, in a few words.

    First what a person did (favourite, rating, notes and tags), then what is lost with it (the recipe), then size, a format
    without loss, the fuller file, and last who was there first.
    """
    reasons: tuple[tuple[str, Any], ...] = (
        ("your favourite", lambda art: art.favourite),
        ("the best rated", lambda art: art.rating),
        ("the one with its recipe", lambda art: art.recipe is not None),
        ("the one that says how it was made", lambda art: bool(art.prompt or art.metadata)),
        ("the largest", lambda art: art.width * art.height),
        ("the one with your tags and notes", lambda art: len(art.tags) + 2 * bool(art.remark)),
        ("saved without loss", _lossless),
        # a PNG made of a JPEG holds more bytes and no more picture
        ("the fuller file", lambda art: 0 if _lossless(art) else art.bytes // 1_024),
        ("the oldest", lambda art: -(art.taken_at or art.created_at)),
    )
    best = max(artworks, key=lambda art: (*(value(art) for _, value in reasons), -art.id))
    told = []
    for words, value in reasons:
        own = value(best)
        others = [value(art) for art in artworks if art.id != best.id]
        if all(own > one for one in others) or (
            own and all(own >= one for one in others) and any(own > one for one in others)
        ):
            told.append(words)
    return best.id, _sentence(told[:3])


def keep(gallery: Gallery, chosen: Sequence[tuple[int, Sequence[int]]]) -> int:
    """Of each (keeper, its copies) keep the one and bin the rest, all in one change that can be undone; returns its number."""
    keepers = {keeper for keeper, _ in chosen}
    rest = [id for _, ids in chosen for id in ids if id not in keepers]
    return changes.apply(gallery, rest, Change("bin"))


def _lossless(artwork: Artwork) -> int:
    return _LOSSLESS.get(artwork.file.rpartition(".")[2].lower(), 0)


def _sentence(told: Sequence[str]) -> str:
    if not told:
        return "All alike; it came first."
    words = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"{words[0].upper()}{words[1:]}."


def _linked(database: Database, kinds: Sequence[str]) -> list[tuple[int, int, str]]:
    marks = ", ".join("?" * len(kinds))
    alive = f"deleted_at IS NULL AND gone_at IS NULL AND kind IN {SHOWN}"  # nobody keeps a copy whose file is not there
    rows = database.read(
        f"SELECT one, other, kind FROM copies WHERE kind IN ({marks}) AND kind <> '' AND NOT apart"
        f" AND EXISTS (SELECT 1 FROM artworks WHERE id = one AND {alive})"
        f" AND EXISTS (SELECT 1 FROM artworks WHERE id = other AND {alive})",
        *kinds,
    )
    return [(int(row["one"]), int(row["other"]), str(row["kind"])) for row in rows]
