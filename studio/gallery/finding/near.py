"""Rankings that need no model: by look, by recipe, by words alone, by colour. It asks no worker and opens no picture."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from studio.domain.artwork import Hit, Why
from studio.domain.errors import BadInput
from studio.domain.query import Query
from studio.gallery.finding import fusion, recipes, words
from studio.gallery.rows import where

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery
    from studio.gallery.likeness.appearance import Floats

MOST = fusion.DEPTH  # places of an answer; nobody leafs further, and beyond them little is alike


@dataclass
class Rankings:
    """Rankings to be fused, each best first, and what they know of each artwork's reasons."""

    lists: list[list[int]] = field(default_factory=list)
    looks: dict[int, float] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)
    recipes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    asked: str = ""  # of full text

    def why(self, id: int, told: Why | None = None, *, meaning: float | None = None) -> Why:
        """A reason with what these rankings know, and what full text told."""
        held, excerpt = (told.words, told.excerpt) if told else ((), "")
        return Why(
            meaning,
            held,
            excerpt,
            look=self.looks.get(id),
            colour=self.shares.get(id),
            recipe=self.recipes.get(id, ()),
        )


def rankings(
    gallery: Gallery,
    query: Query,
    *,
    allowed: Collection[int],
    limit: int = MOST,
    examples: Sequence[tuple[Floats, float]] = (),
    typed: bool = True,
) -> Rankings:
    """Every ranking that a query asks for and no model is needed for; `allowed` are the artworks its filters let through.

    `examples` are looks of uploaded pictures, each shape (176,), with their weights; `typed` says whether words that were typed
    are ranked here. Raises BadInput for an artwork to compare with that is not there, or whose look was not read yet.
    """
    found = Rankings()
    by = query.like_by if query.like else ()
    likes = [(int(name.partition(":")[2]), weight) for name, weight in query.like if name.startswith("id:")]
    if likes and set(by) & {"look", "words", "recipe"}:
        held = gallery.many([id for id, _ in likes])
        gone = next((id for id, _ in likes if id not in held), None)
        if gone is not None:
            raise BadInput("like", f"Artwork {gone} cannot be searched by: there is none of that number.")
    if "look" in by and (vector := _look(gallery, likes, examples)) is not None:
        seen = gallery.looks.search(vector, limit=limit, allowed=allowed)
        found.looks = dict(seen)
        found.lists.append([id for id, _ in seen])
    if "recipe" in by:
        for id, weight in likes:
            if weight > 0:
                made = recipes.near(gallery.database, id, allowed=allowed, limit=limit)
                found.lists.append([other for other, _, _ in made])
                found.recipes |= {other: same for other, _, same in made}
    wished, without = [], []
    if typed and "words" in query.words_by:
        wished += [text for text, weight in query.words if weight > 0]
        without += [text for text, weight in query.words if weight < 0]
    if "words" in by:
        wished += [held[id].caption or held[id].prompt for id, weight in likes if weight > 0]
    found.asked = words.expression(wished, without)
    if found.asked:
        clause, values = where(query)
        found.lists.append(words.rank(gallery.database, found.asked, clause=clause, values=values, limit=limit))
    if query.colours:
        much = gallery.looks.coloured(query.colours, limit=limit, allowed=allowed)
        found.shares = dict(much)
        found.lists.append([id for id, _ in much])
    return found


def ids(gallery: Gallery, query: Query) -> list[int]:
    """All that a query without need of a model finds, best first, at most a thousand; raises BadInput as `rankings` does."""
    return list(_kept(gallery, query)[1])


def hits(gallery: Gallery, query: Query) -> list[Hit]:
    """One page of what `ids` finds, each with why it was found; the score is the likeness of look, where that was compared."""
    found, best = _kept(gallery, query)
    page = best[query.offset : query.offset + query.limit]
    told = words.explain(gallery.database, found.asked, page)
    held = gallery.many(page)
    return [Hit(held[id], found.looks.get(id), found.why(id, told.get(id))) for id in page if id in held]


def _kept(gallery: Gallery, query: Query) -> tuple[Rankings, list[int]]:
    """The rankings and what they are fused to, once while nothing changes: whoever scrolls asks for it again and again."""

    def find() -> tuple[Rankings, list[int]]:
        found = rankings(gallery, query, allowed=gallery.ids(query))
        return found, [id for id, _ in fusion.fuse(found.lists)][:MOST]

    clause, values = where(query)  # what "today" means changes at midnight, and the clause with it
    return gallery.kept.get(("near", replace(query, limit=1, offset=0), clause, *values), find)


def _look(
    gallery: Gallery, likes: Sequence[tuple[int, float]], examples: Sequence[tuple[Floats, float]]
) -> Floats | None:
    """The looks to compare with, weighted and summed."""
    from studio.gallery.likeness import looks  # here: numpy, which the front does not need before somebody asks

    parts = [vector * weight for vector, weight in examples]
    for id, weight in likes:
        vector = looks.load(gallery.database, id)
        if vector is None:
            raise BadInput("like", f"How artwork {id} looks was not read yet; wait a moment and search again.")
        parts.append(vector * weight)
    return sum(parts[1:], parts[0]) if parts else None
