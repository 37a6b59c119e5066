"""Artwork, Relative and Hit: a saved picture, its kin, and what a search answers. Nothing here reads a disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from studio.domain.control import ControlMap
from studio.domain.query import Query  # noqa: F401  (its home is there; most of its users know it from here)
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
    rating: int = 0  # -1 disliked, 0 none, 1 to 5
    remark: str = ""  # the user's own note
    taken_at: float | None = None  # as a camera or another tool says
    made_with: str = ""  # one of query.TOOLS, "" where nobody knows
    model: str = ""  # of ours the recipe's pack, of others as their file says; as hostile as any text
    sampler: str = ""
    seed: int | None = None
    negative: str = ""
    camera: str = ""
    metadata: str | None = None  # what another tool's file said, verbatim, as JSON
    place: str | None = None  # where a watched file lies that was not copied
    gone_at: float | None = None  # when such a file was first missed

    @property
    def alt(self) -> str:
        """What a reader who cannot see the picture is told."""
        return self.caption or self.prompt or self.source_name or f"Artwork {self.id}"


@dataclass(frozen=True)
class Facts:
    """What is known of a picture's making beside its recipe; the fields are an Artwork's, and say what they say there."""

    taken_at: float | None = None
    made_with: str = ""
    model: str = ""
    sampler: str = ""
    seed: int | None = None
    negative: str = ""
    camera: str = ""
    metadata: str | None = None
    place: str | None = None
    rating: int = 0
    remark: str = ""


@dataclass(frozen=True)
class Relative:
    """A parent or child of an artwork: what it was used as (source, mask, a kind of control, made from), and the artwork.

    `artwork` is None when it was deleted for good; its name, `sha256`, stays.
    """

    role: str
    sha256: str
    artwork: Artwork | None


@dataclass(frozen=True)
class Why:
    """Why a search found an artwork.

    `meaning` is the cosine of picture and query, -1 to 1; `words` are (field, words of it that were asked for) pairs, `excerpt`
    a few words around the first of them. Words and excerpt come from prompts and files: hostile text, only ever shown escaped.
    `look` is the likeness of colours and forms, 0 to 1; `colour` how much of the picture has the colours that were asked for;
    `recipe` names the parts of the recipe that are the same.
    """

    meaning: float | None = None
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    excerpt: str = ""
    look: float | None = None
    colour: float | None = None
    recipe: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return {
            "meaning": self.meaning,
            "words": {name: list(found) for name, found in self.words},
            "excerpt": self.excerpt,
            "look": self.look,
            "colour": self.colour,
            "recipe": list(self.recipe),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Why:
        """Read `to_dict` back."""
        words = tuple((str(name), tuple(map(str, found))) for name, found in data.get("words", {}).items())
        return cls(
            data.get("meaning"),
            words,
            str(data.get("excerpt", "")),
            look=data.get("look"),
            colour=data.get("colour"),
            recipe=tuple(map(str, data.get("recipe", ()))),
        )


@dataclass(frozen=True)
class Hit:
    """An artwork with its score: cosine similarity, -1 to 1, or None without a query; and why it was found."""

    artwork: Artwork
    score: float | None = None
    why: Why | None = None
