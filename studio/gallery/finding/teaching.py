"""What an empty search box offers to try: examples of the language from the user's own gallery. It changes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from studio.database import Database
from studio.domain.artwork import SHOWN
from studio.gallery.finding.language import spelled
from studio.gallery.finding.suggesting import Suggestion, Vocabulary

_EACH = 2  # values of one filter
_LATEST = 12  # pictures whose words are read
_WORD = re.compile(r"[^\W\d_]{3,20}")
_DULL = frozenset(
    ("and", "with", "the", "near", "under", "over", "above", "below", "from", "for", "next", "beside", "behind")
)
_NAMES = (("tag", "Pictures with this tag"), ("model", "Made with this model"), ("from", "Made in this program"))


def examples(database: Database, vocabulary: Vocabulary) -> list[Suggestion]:
    """A handful of searches that find something here, each with what it means; nothing for an empty gallery."""
    latest = database.read(
        "SELECT id, coalesce(taken_at, created_at) AS at, caption, prompt FROM artworks"
        f" WHERE deleted_at IS NULL AND kind IN {SHOWN} ORDER BY id DESC LIMIT {_LATEST}"
    )
    if not latest:
        return []
    newest = latest[0]
    found = _words([row["caption"] or row["prompt"] for row in latest])
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
    return found


def _words(texts: Sequence[str]) -> list[Suggestion]:
    """Words of a newer picture, without a word of another one, and two that stand side by side."""
    told = [[word for word in _WORD.findall(text[:200].lower()) if word not in _DULL] for text in texts]
    told = [words for words in told if len(words) >= 2]
    if not told:
        return []
    first = told[0][:2]
    other = next((word for words in told for word in words if word not in told[0]), None)
    found = [_of(" ".join(first), "What is in the picture, in your own words")]
    if other is not None:
        found.append(_of(f"{first[0]} -{other}", f"The same, but without “{other}”"))
    pair = " ".join(first)
    if any(pair in text.lower() for text in texts):
        found.append(_of(f'"{pair}"', "These words, one after the other"))
    return found


def _of(text: str, meaning: str, count: int | None = None) -> Suggestion:
    return Suggestion(text, text, meaning, count)
