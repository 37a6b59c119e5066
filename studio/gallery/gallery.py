"""The gallery: every artwork's row beside its file, and the bin. Pictures come in cleared or not at all; it loads no model."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.database import Database
from studio.domain.artwork import SHOWN, Artwork, Query, Relative
from studio.domain.control import ControlMap
from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.domain.verdict import Cleared
from studio.gallery.coming import adding, incoming
from studio.gallery.coming.incoming import Coming
from studio.gallery.files import Files
from studio.gallery.finding import inventory, near
from studio.gallery.finding.suggesting import Vocabulary
from studio.gallery.keeping import inputs, lineage, upkeep
from studio.gallery.keeping.kept import Kept
from studio.gallery.rows import CAPTION_LIMIT, storable, to_artwork, where
from studio.safety.intake import Intake

if TYPE_CHECKING:
    from studio.gallery.likeness.looks import Looks


class Gallery:
    """All artworks of one home folder. Safe to use from several threads and processes."""

    def __init__(self, *, database: Database, files: Files) -> None:
        self.database = database
        self.files = files
        self.kept = Kept(database)

    @cached_property
    def looks(self) -> Looks:
        """How all pictures look, in memory once somebody asks."""
        from studio.gallery.likeness.looks import Looks  # here: numpy, which the front does not need

        return Looks(self.database)

    # --- coming in ----------------------------------------------------------------------------------------------------

    def add(
        self,
        cleared: Cleared,
        recipe: Recipe | None = None,
        *,
        kind: str = "painted",
        map: ControlMap | None = None,
        parents: Sequence[str] = (),
        note: str = "",
        job: int | None = None,
        record: dict[str, Any] | None = None,
        made_by: str = "",
    ) -> Artwork:
        """Keep a cleared picture that was made here; the same bytes twice are the same artwork.

        `map` says what a control map is; `record` what is known of the making (pack hashes, versions), `made_by` IPTC's term
        for it; `parents` are SHA-256 names beside those that the recipe uses. What comes in from elsewhere has more to say:
        `coming/adding.py`. Raises StorageFull with nothing left behind.
        """
        coming = Coming(
            kind, recipe, map=map, parents=tuple(parents), note=note, job=job, record=record, made_by=made_by
        )
        return adding.add(self, cleared, coming)

    def inputs(self, recipe: Recipe) -> dict[str, Image.Image]:
        """The pictures a recipe names by hash: source, mask, control maps. Each was cleared when it came in.

        Raises BadInput when one is not in the gallery, lies in the bin, or is no longer the file that was checked.
        """
        return {name: intake.picture for name, intake in self.opened(recipe).items()}

    def opened(self, recipe: Recipe) -> dict[str, Intake]:
        """What `inputs` gives, with what each file says of itself."""
        return inputs.opened(recipe, find=self._used, read=self.data)

    def check_inputs(self, recipe: Recipe, *, coming: Sequence[str] = ()) -> None:
        """Raise BadInput when a picture that the recipe names cannot be used; `coming` are masks on their way."""
        inputs.check(recipe, find=self._used, coming=coming)

    def _used(self, sha: str) -> Artwork | None:
        """What a recipe means by a hash: also the file that a picture of ours was written from."""
        return self.by_sha(sha) or next(
            iter(
                self._artworks(f"WHERE source_sha256 = ? AND kind IN {SHOWN} ORDER BY deleted_at IS NOT NULL, id", sha)
            ),
            None,
        )

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, id: int) -> Artwork:
        """One artwork; raises BadInput when there is none of that number."""
        found = self.many([id])
        if id not in found:
            raise BadInput("artwork", f"There is no artwork {id}; it may have been deleted for good.")
        return found[id]

    def by_sha(self, sha: str) -> Artwork | None:
        """The artwork whose file has this SHA-256, in the bin or not."""
        return next(iter(self._artworks("WHERE sha256 = ?", sha)), None)

    def many(self, ids: Sequence[int]) -> dict[int, Artwork]:
        """Artworks by number, those that exist; in the order asked."""
        found = {
            art.id: art for art in self._artworks("WHERE id IN (SELECT value FROM json_each(?))", json.dumps(list(ids)))
        }
        return {id: found[id] for id in ids if id in found}

    def page(self, query: Query) -> list[Artwork]:
        """One page of what the filters let through, newest first (by number: the clock may have been set back).

        What ranks without a model (a colour, like:12 by:look) is answered best first; words and pictures that need one are left
        to the search.
        """
        if query.ranked and not query.by_meaning:
            return [hit.artwork for hit in near.hits(self, query)]
        clause, values = where(query)
        return self._artworks(f"{clause} ORDER BY id DESC LIMIT ? OFFSET ?", *values, query.limit, query.offset)

    def count(self, query: Query) -> int:
        """How many artworks the filters let through; of what `page` ranks, how many it ranks."""
        if query.ranked and not query.by_meaning:
            return len(near.ids(self, query))
        clause, values = where(query)

        def count() -> int:
            row = self.database.one(f"SELECT count(*) FROM artworks {clause}", *values)
            return int(row[0]) if row else 0

        return self.kept.get(("count", clause, *values), count)

    def allowed(self, query: Query) -> Any:
        """What `ids` gives as an array of numbers, kept while nothing changes: read it, never write to it."""
        import numpy  # here: the front does not need it

        clause, values = where(query)

        def read() -> Any:
            row = self.database.one(f"SELECT group_concat(id) FROM artworks {clause}", *values)
            return numpy.fromstring((row[0] if row else "") or "", dtype=numpy.int64, sep=",")

        return self.kept.get(("ids", clause, *values), read)

    def ids(self, query: Query) -> set[int]:
        """The numbers of all artworks that the filters let through; what a search by meaning may answer with."""
        clause, values = where(query)
        row = self.database.one(f"SELECT json_group_array(id) FROM artworks {clause}", *values)
        return set(json.loads(row[0])) if row else set()

    def has_source(self, sha: str, *, anywhere: bool = False, ours: bool = False) -> int | None:
        """The artwork made from a file with this SHA-256, if one is in the gallery; `anywhere` also what is binned or gone.

        `ours`: only one whose file is our own, not what lies in somebody's folder.
        """
        here = "" if anywhere else " AND deleted_at IS NULL AND gone_at IS NULL"
        here += " AND place IS NULL" if ours else ""
        row = self.database.one(
            f"SELECT id FROM artworks WHERE (source_sha256 = ? OR sha256 = ?){here} AND kind IN {SHOWN}"
            " ORDER BY deleted_at IS NOT NULL, gone_at IS NOT NULL, id LIMIT 1",
            sha,
            sha,
        )
        return int(row["id"]) if row else None

    def parents(self, id: int) -> list[Relative]:
        """What this artwork was made from, also what is in the bin; `artwork` is None for what is gone."""
        edges = lineage.into(self.database, [self.get(id).sha256])
        found = self.by_names([edge.parent for edge in edges])
        return [Relative(edge.role, edge.parent, found.get(edge.parent)) for edge in edges]

    def children(self, id: int) -> list[Relative]:
        """What was made from this artwork and is in the gallery, proposals too, oldest first; each with what it was used as."""
        edges = lineage.out_of(self.database, [self.get(id).sha256])
        found = self.by_names([edge.child for edge in edges])
        return [Relative(edge.role, edge.child, found[edge.child]) for edge in edges if edge.child in found]

    def lineage(self, id: int, *, most: int = lineage.MOST) -> lineage.Lineage:
        """The tree around an artwork: all it came from and all it led to, at most `most` pictures."""
        return lineage.around(self.database, self.get(id).sha256, find=self.by_names, most=most)

    def by_names(self, names: Sequence[str]) -> dict[str, Artwork]:
        """Artworks by the SHA-256 of their files, those that exist."""
        clause = "WHERE sha256 IN (SELECT value FROM json_each(?))"
        return {artwork.sha256: artwork for artwork in self._artworks(clause, json.dumps(list(names)))}

    def path(self, artwork: Artwork) -> Path:
        """Where an artwork's file lies; one in a watched folder may be another by now, so it is read with `data` only."""
        if artwork.place is not None:
            return Path(artwork.place)
        return self.files.path(artwork.file, binned=artwork.deleted_at is not None)

    def data(self, artwork: Artwork) -> bytes:
        """The bytes of an artwork's file, the very ones that were cleared; raises BadInput when they are gone or changed."""
        return self.files.unchanged(artwork.file, binned=artwork.deleted_at is not None, place=artwork.place)

    def served(self, artwork: Artwork) -> bytes:
        """What may be shown and handed out of an artwork: its file, of one in a watched folder without what was not checked.

        PNG, JPEG or WebP, as the ending of `Artwork.file` says. Raises BadInput as `data` does.
        """
        data = self.data(artwork)
        return data if artwork.place is None else incoming.servable(data)

    def thumb(self, artwork: Artwork) -> Path:
        """Where an artwork's thumbnail lies; it is made again when somebody deleted it. Raises BadInput when it cannot be."""
        path = self.files.thumb_path(artwork.sha256)
        if not path.exists():
            return self.files.thumb_again(artwork.file, binned=artwork.deleted_at is not None, place=artwork.place)
        return path

    def _artworks(self, clause: str, *values: Any) -> list[Artwork]:
        rows = self.database.read(f"SELECT * FROM artworks {clause}", *values)
        tags: dict[int, list[str]] = {}
        if rows:  # one query for the whole page
            ids = json.dumps([row["id"] for row in rows])
            sql = "SELECT artwork, tag FROM tags WHERE artwork IN (SELECT value FROM json_each(?)) ORDER BY tag"
            for row in self.database.read(sql, ids):
                tags.setdefault(row["artwork"], []).append(row["tag"])
        return [to_artwork(row, tuple(tags.get(row["id"], ()))) for row in rows]

    # --- changing -----------------------------------------------------------------------------------------------------

    def set_caption(self, id: int, text: str, by: str) -> None:
        """Say what a picture shows; `by` is a pack's id, or "you"."""
        if len(text) > CAPTION_LIMIT:
            raise BadInput(
                "caption", f"The caption has {len(text):,} characters; {CAPTION_LIMIT:,} is the most it can have."
            )
        self._update(id, "caption = ?, caption_by = ?", storable(text.strip()), by)

    def tags(self) -> dict[str, int]:
        """Every tag in use and how many artworks have it, most used first; the bin is not counted.

        In a very large gallery the counts may be some seconds old.
        """
        return dict(self.kept.get("tags", lambda: inventory.tags(self.database), old=True))

    def vocabulary(self) -> Vocabulary:
        """What filters can be asked for here, with counts; the bin is not counted. As old as `tags` at most."""
        return Vocabulary(self.kept.get("vocabulary", lambda: inventory.counts(self.database), old=True))

    def keep(self, id: int) -> Artwork:
        """Make a proposal an artwork, out of the bin too; one that is kept already stays. Raises BadInput for a mask."""
        artwork = self.get(id)
        if artwork.kind == "mask":
            raise BadInput(
                "artwork", "A mask belongs to the pictures that were filled with it; it is not kept by itself."
            )
        if artwork.deleted_at is not None:
            self.restore(id)
        self.database.write("UPDATE artworks SET kind = 'painted' WHERE id = ? AND kind = 'proposal'", id)
        return self.get(id)

    def delete(self, id: int) -> None:
        """Put an artwork in the bin. Row first: a crash before the move is made good by `sweep`."""
        artwork = self.get(id)
        self._update(id, "deleted_at = coalesce(deleted_at, ?)", time.time())
        self.files.to_bin(artwork.file)

    def restore(self, id: int) -> None:
        """Take an artwork out of the bin, with its tags, caption and everything else."""
        artwork = self.get(id)
        self.files.from_bin(artwork.file)
        self._update(id, "deleted_at = NULL")

    def empty_bin(self, *, older_than: float = 0.0) -> int:
        """Delete for good what has been in the bin for `older_than` seconds; returns how many artworks went."""
        return upkeep.empty_bin(self.database, self.files, before=time.time() - older_than)

    def _update(self, id: int, change: str, *values: Any) -> None:
        if not self.database.write(f"UPDATE artworks SET {change} WHERE id = ?", *values, id).rowcount:
            raise BadInput("artwork", f"There is no artwork {id}; it may have been deleted for good.")

    # --- embeddings and upkeep ----------------------------------------------------------------------------------------

    def unseen(self) -> bool:
        """Whether there are pictures outside the bin whose look was never read."""
        sql = f"SELECT 1 FROM artworks WHERE looked IS NULL AND deleted_at IS NULL AND kind IN {SHOWN} LIMIT 1"
        return self.database.one(sql) is not None

    def lacking(self, model: str, *, kind: str = "picture") -> list[int]:
        """The artworks outside the bin that this model has made no vector of, newest first.

        Of kind "caption" those that have words; what has vanished from a watched folder is left out.
        """
        from studio.gallery.space import embeddings

        return self.kept.get(
            ("lacking", model, kind, embeddings.state(self.database, model, kind)),
            lambda: embeddings.missing(self.database, model, kind),
        )

    def embedded(self, model: str) -> int:
        """How many artworks this model has seen."""
        from studio.gallery.space import embeddings

        return embeddings.count(self.database, model)

    def sweep(self) -> list[str]:
        """At the worker's start: settle what a crash left between file and row; returns what was done, a sentence each."""
        return upkeep.sweep(self.database, self.files, adopt=lambda found: adding.insert(self, found))

    def check(self) -> list[str]:
        """What is wrong with rows, files, hashes and indexes, a sentence each; empty when all agree. Changes nothing."""
        return upkeep.check(self.database, self.files)
