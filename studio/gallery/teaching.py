"""What an empty search box offers to try: examples of the language from the user's own gallery. It changes nothing."""

from __future__ import annotations

from datetime import datetime

from studio.database import Database
from studio.domain.artwork import SHOWN
from studio.gallery.language import spelled
from studio.gallery.suggesting import Suggestion, Vocabulary

_EACH = 2  # values of one filter
_NAMES = (("tag", "Pictures with this tag"), ("model", "Made with this model"), ("from", "Made in this program"))


def examples(database: Database, vocabulary: Vocabulary) -> list[Suggestion]:
    """A handful of searches that find something here, each with what it means; nothing for an empty gallery."""
    newest = database.one(
        f"SELECT id, coalesce(taken_at, created_at) AS at FROM artworks WHERE deleted_at IS NULL AND kind IN {SHOWN}"
        " ORDER BY id DESC LIMIT 1"
    )
    if newest is None:
        return []
    found = []
    for name, meaning in _NAMES:
        counts = vocabulary.counts.get(name, {})
        for value in list(counts)[: _EACH if name == "tag" else 1]:
            found.append(_of(f"{name}:{spelled(value)}", meaning, counts[value]))
    month = datetime.fromtimestamp(newest["at"])
    found.append(_of(f"date:{month:%Y-%m}", f"From {month:%B %Y}"))
    if database.one("SELECT 1 FROM artworks WHERE favourite = 1 AND deleted_at IS NULL LIMIT 1"):
        found.append(_of("is:favourite", "Your favourites"))
    if database.one("SELECT 1 FROM artworks WHERE rating > 0 AND deleted_at IS NULL LIMIT 1"):
        found.append(_of("rating:>=3", "Rated three or more"))
    found.append(_of("ratio:wide", "Wider than tall"))
    found.append(_of(f"like:{newest['id']}", "Like your newest picture"))
    found.append(_of("red -house", "Red, but not a house"))
    found.append(_of('"red star"', "These words, one after the other"))
    return found


def _of(text: str, meaning: str, count: int | None = None) -> Suggestion:
    return Suggestion(text, text, meaning, count)
