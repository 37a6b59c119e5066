"""Artwork, Query and Hit: a saved picture, what one asks the gallery, and what it answers. Nothing here reads a disk."""

from __future__ import annotations

from dataclasses import dataclass, field

from studio.domain.control import ControlMap
from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.domain.verdict import Verdict

# A proposal is painted but not kept yet; a mask belongs to the pictures that were filled with it.
KINDS = ("painted", "imported", "map", "proposal", "mask")
SHOWN = ("painted", "imported", "map")  # what the gallery holds for whoever names no kind


@dataclass(frozen=True)
class Artwork:
    """A saved picture.

    `file` is its name inside the pictures folder; `sha256` of the file's bytes; times are Unix seconds, UTC. `recipe` is
    None for a picture that came in without one; then `prompt`, where the file carried a text, holds what it said.
    """

    id: int
    sha256: str
    file: str
    kind: str
    width: int
    height: int
    bytes: int
    created_at: float
    recipe: Recipe | None = None
    prompt: str = ""
    caption: str = ""
    caption_by: str = ""  # a pack id, or "you"
    verdict: Verdict = field(default_factory=lambda: Verdict(allowed=False))
    tags: tuple[str, ...] = ()
    favourite: bool = False
    parents: tuple[str, ...] = ()  # SHA-256 names
    source_name: str = ""  # the name the file had where it came from; hostile text, only ever shown escaped
    note: str = ""  # such as "first frame of 12"
    deleted_at: float | None = None
    job: int | None = None
    map: ControlMap | None = None  # of a control map

    @property
    def alt(self) -> str:
        """What a reader who cannot see the picture is told."""
        return self.caption or self.prompt or self.source_name or f"Artwork {self.id}"


@dataclass(frozen=True)
class Relative:
    """A parent or child of an artwork: what it was used as (source, mask, a kind of control, made from), and the artwork.

    `artwork` is None when it was deleted for good; its name, `sha256`, stays.
    """

    role: str
    sha256: str
    artwork: Artwork | None


@dataclass(frozen=True)
class Query:
    """Weighted words and pictures, plus and minus, and filters.

    `words` and `like` are (text or artwork id or SHA-256, weight) pairs; a negative weight means "without". An empty query
    asks for everything, newest first.
    """

    words: tuple[tuple[str, float], ...] = ()
    like: tuple[tuple[str, float], ...] = ()
    tag: str = ""
    favourites: bool = False
    kind: str = ""
    binned: bool = False
    limit: int = 60
    offset: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1_000:
            raise BadInput("limit", "The limit must be between 1 and 1,000.")
        if self.offset < 0:
            raise BadInput("offset", "The offset must not be negative.")
        if sum(len(words) for words, _ in self.words) > 1_000:
            raise BadInput("words", "The search has more than 1,000 characters; a few words find more.")

    @property
    def by_meaning(self) -> bool:
        """Whether it needs embeddings, and so the worker; otherwise the table answers alone."""
        return bool(self.words or self.like)


@dataclass(frozen=True)
class Hit:
    """An artwork with its score: cosine similarity, -1 to 1, or None without a query."""

    artwork: Artwork
    score: float | None = None
