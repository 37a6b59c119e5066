"""How each kind of change is done and undone, in SQL over many rows at once. It runs no statement itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """How one kind of change is done to pictures; :value and :at are what it writes, :ids a SELECT of whom it concerns.

    `differs` says which artworks it changes, `before` what each had; `done` does it to those that were remembered, `still`
    says which are as the change left them, and `undone` gives these back what they had.
    """

    differs: str
    before: str
    done: str
    still: str
    undone: str


MINE = "SELECT artwork FROM change_items WHERE change = :change AND part = :part"
_HAD = "(SELECT before FROM change_items WHERE change = :change AND part = :part AND artwork = artworks.id)"
_TAGGED = "EXISTS (SELECT 1 FROM tags WHERE artwork = artworks.id AND tag = :value)"
_COLLECTED = "EXISTS (SELECT 1 FROM collection_items WHERE artwork = artworks.id AND collection = :value)"
_PUT_TAG = f"INSERT OR IGNORE INTO tags (artwork, tag) SELECT artwork, :value FROM ({MINE}) WHERE artwork IN (:ids)"
_TAKE_TAG = f"DELETE FROM tags WHERE tag = :value AND artwork IN ({MINE}) AND artwork IN (:ids)"
_TAKE_ITEM = f"DELETE FROM collection_items WHERE collection = :value AND artwork IN ({MINE}) AND artwork IN (:ids)"


def _column(name: str) -> Way:
    write = f"UPDATE artworks SET {name} = %s WHERE id IN (:ids)"
    return Way(f"{name} <> :value", name, write % ":value", f"{name} = :value", write % _HAD)


WAYS: Mapping[str, Way] = {
    "tag": Way(f"NOT {_TAGGED}", "NULL", _PUT_TAG, _TAGGED, _TAKE_TAG),
    "untag": Way(_TAGGED, "NULL", _TAKE_TAG, f"NOT {_TAGGED}", _PUT_TAG),
    "rate": _column("rating"),
    "favourite": _column("favourite"),
    "remark": _column("remark"),
    "caption": Way(
        "(caption <> :value OR caption_by <> 'you')",
        "json_array(caption, caption_by)",
        "UPDATE artworks SET caption = :value, caption_by = 'you' WHERE id IN (:ids)",
        "caption = :value AND caption_by = 'you'",
        f"UPDATE artworks SET caption = json_extract({_HAD}, '$[0]'), caption_by = json_extract({_HAD}, '$[1]')"
        " WHERE id IN (:ids)",
    ),
    # behind what is there already, in the order the pictures were given
    "collect": Way(
        f"NOT {_COLLECTED}",
        "(SELECT key FROM json_each(:given) WHERE value = artworks.id)",
        "INSERT INTO collection_items (collection, artwork, place) SELECT :value, artwork,"
        " (SELECT coalesce(max(place), 0) FROM collection_items WHERE collection = :value) + 1 + before"
        " FROM change_items WHERE change = :change AND part = :part AND artwork IN (:ids)",
        _COLLECTED,
        _TAKE_ITEM,
    ),
    "uncollect": Way(
        _COLLECTED,
        "(SELECT place FROM collection_items WHERE artwork = artworks.id AND collection = :value)",
        _TAKE_ITEM,
        f"NOT {_COLLECTED} AND EXISTS (SELECT 1 FROM collections WHERE id = :value)",
        "INSERT INTO collection_items (collection, artwork, place) SELECT :value, artwork, before"
        " FROM change_items WHERE change = :change AND part = :part AND artwork IN (:ids)",
    ),
    "bin": Way(
        "deleted_at IS NULL",
        "NULL",
        "UPDATE artworks SET deleted_at = :at WHERE id IN (:ids)",
        "deleted_at = :at",
        "UPDATE artworks SET deleted_at = NULL WHERE id IN (:ids)",
    ),
    "restore": Way(
        "deleted_at IS NOT NULL",
        "deleted_at",
        "UPDATE artworks SET deleted_at = NULL WHERE id IN (:ids)",
        "deleted_at IS NULL",
        f"UPDATE artworks SET deleted_at = {_HAD} WHERE id IN (:ids)",
    ),
}
