"""The gallery: every artwork's row beside its file, and the bin. Pictures come in cleared or not at all; it loads no model."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from studio.database import Database
from studio.domain.artwork import KINDS, Artwork, Query
from studio.domain.errors import BadInput, EaselError
from studio.domain.recipe import Recipe
from studio.domain.verdict import Cleared, require_cleared
from studio.gallery import upkeep
from studio.gallery.files import Files, Written
from studio.gallery.importing import shown_name
from studio.gallery.metadata import write_text
from studio.gallery.rows import storable, tag_name, to_artwork, where
from studio.safety.intake import XMP_KEY, open_picture, sha256
from studio.safety.provenance import read_source_type, source_type, xmp_packet

CAPTION_LIMIT = 2_000
_TEXT_KEPT = 2**20  # characters of foreign text that travel along when a picture is written anew


class Gallery:
    """All artworks of one home folder. Safe to use from several threads and processes."""

    def __init__(self, *, database: Database, files: Files) -> None:
        self.database = database
        self.files = files

    # --- coming in ----------------------------------------------------------------------------------------------------

    def add(
        self,
        cleared: Cleared,
        recipe: Recipe | None = None,
        *,
        kind: str = "painted",
        prompt: str = "",
        source_name: str = "",
        source_sha256: str | None = None,
        note: str = "",
        job: int | None = None,
        parents: Sequence[str] = (),
        record: dict[str, Any] | None = None,
        text: dict[str, str] | None = None,
    ) -> Artwork:
        """Keep a cleared picture: file first, then row, so that a crash leaves at worst a file that `sweep` settles.

        The same bytes twice are the same artwork; one that lay in the bin comes back. `source_sha256` is of the file it was
        imported from, `text` what that file said, kept when the picture is written anew; `record` what is known of its making
        (pack hashes, versions); `parents` are SHA-256 names, by default of the pictures that the recipe uses. Raises
        StorageFull with nothing left behind.
        """
        cleared = require_cleared(cleared)
        if kind not in KINDS:
            raise BadInput("kind", f"There is no kind of artwork named {kind!r}; choose one of {', '.join(KINDS)}.")
        verdict = cleared.verdict.to_dict()
        if recipe is not None and kind == "painted":
            prompt, parents = recipe.prompt, parents or _named(recipe)
            body = {"kind": kind, "record": record or {}, "verdict": verdict, "parents": list(parents)}
            text, xmp = write_text(recipe, extras=body), xmp_packet(source_type(recipe))
        else:
            xmp = _kept_source_type(text or {})
            text = _kept_text(text or {})
        written = self.files.write(cleared, text=text, xmp=xmp)
        try:
            self.files.thumb(cleared, written.sha256)
            return self._insert(
                written,
                kind=kind,
                recipe=recipe,
                prompt=storable(prompt),
                verdict=verdict,
                parents=parents,
                source_name=shown_name(source_name),
                source_sha256=source_sha256,
                note=note,
                job=job,
            )
        except BaseException:
            self._withdraw(written)
            raise

    def _insert(
        self,
        written: Written,
        *,
        kind: str,
        recipe: Recipe | None,
        prompt: str,
        verdict: dict[str, Any],
        parents: Sequence[str] = (),
        source_name: str = "",
        source_sha256: str | None = None,
        note: str = "",
        job: int | None = None,
    ) -> Artwork:
        with self.database.transaction() as connection:
            row = connection.execute(
                "INSERT INTO artworks (sha256, file, kind, width, height, bytes, recipe, prompt, verdict, parents,"
                " source_name, source_sha256, note, job, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT (sha256) DO UPDATE SET deleted_at = NULL,"
                " source_sha256 = coalesce(source_sha256, excluded.source_sha256) RETURNING id",
                (
                    written.sha256,
                    written.file,
                    kind,
                    written.width,
                    written.height,
                    written.bytes,
                    recipe.to_json() if recipe else None,
                    prompt,
                    json.dumps(verdict),
                    json.dumps(list(parents)),
                    source_name,
                    source_sha256,
                    note,
                    job,
                    time.time(),
                ),
            ).fetchone()
        self.files.from_bin(written.file)  # where the same picture lay in the bin, one copy is enough
        return self.get(row["id"])

    def _withdraw(self, written: Written) -> None:
        """After a failure: take the file away again, unless an artwork has it."""
        try:
            if self.by_sha(written.sha256) is None:
                self.files.drop(written.file)
        except EaselError:
            pass  # the sweep at the next start settles it

    def inputs(self, recipe: Recipe) -> dict[str, Image.Image]:
        """The pictures a recipe names by hash: source, mask, control maps. Each was cleared when it came in.

        Raises BadInput when one is not in the gallery, or is no longer the file that was checked.
        """
        return {name: self._picture(name) for name in _named(recipe)}

    def _picture(self, sha: str) -> Image.Image:
        artwork = self.by_sha(sha)
        try:
            data = self.path(artwork).read_bytes() if artwork else b""
        except OSError:
            data = b""
        if artwork is None or not artwork.verdict.allowed or sha256(data) != sha:
            raise BadInput("source", "A picture that this recipe needs is not in the gallery any more; choose another.")
        return open_picture(data).picture

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
        """One page of what the filters let through, newest first (by number: the clock may have been set back)."""
        clause, values = where(query)
        return self._artworks(f"{clause} ORDER BY id DESC LIMIT ? OFFSET ?", *values, query.limit, query.offset)

    def count(self, query: Query) -> int:
        """How many artworks the filters let through."""
        clause, values = where(query)
        row = self.database.one(f"SELECT count(*) FROM artworks {clause}", *values)
        return int(row[0]) if row else 0

    def ids(self, query: Query) -> set[int]:
        """The numbers of all artworks that the filters let through; what a search by meaning may answer with."""
        clause, values = where(query)
        row = self.database.one(f"SELECT json_group_array(id) FROM artworks {clause}", *values)
        return set(json.loads(row[0])) if row else set()

    def has_source(self, sha: str) -> int | None:
        """The artwork made from a file with this SHA-256, if one is in the gallery and not in the bin."""
        row = self.database.one(
            "SELECT id FROM artworks WHERE (source_sha256 = ? OR sha256 = ?) AND deleted_at IS NULL LIMIT 1", sha, sha
        )
        return int(row["id"]) if row else None

    def parents(self, id: int) -> list[Artwork]:
        """The artworks this one was made from, those that are still here."""
        names = json.dumps(list(self.get(id).parents))
        return self._artworks("WHERE sha256 IN (SELECT value FROM json_each(?)) ORDER BY id", names)

    def children(self, id: int) -> list[Artwork]:
        """The artworks that were made from this one."""
        return self._artworks("WHERE instr(parents, ?) > 0 ORDER BY id", json.dumps(self.get(id).sha256))

    def path(self, artwork: Artwork) -> Path:
        """Where an artwork's file lies."""
        return self.files.path(artwork.file, binned=artwork.deleted_at is not None)

    def thumb(self, artwork: Artwork) -> Path:
        """Where an artwork's thumbnail lies; it is made again when somebody deleted it. Raises BadInput when it cannot be."""
        path = self.files.thumb_path(artwork.sha256)
        if not path.exists():
            self.files.thumb_again(artwork.file, binned=artwork.deleted_at is not None)
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

    def favourite(self, id: int, on: bool) -> None:
        """Mark or unmark a favourite."""
        self._update(id, "favourite = ?", int(on))

    def tag(self, id: int, tag: str) -> str:
        """Tag an artwork; returns the tag as it is kept (trimmed, single spaces, small letters)."""
        name = tag_name(tag)
        self.get(id)
        self.database.write("INSERT OR IGNORE INTO tags (artwork, tag) VALUES (?, ?)", id, name)
        return name

    def untag(self, id: int, tag: str) -> None:
        """Take a tag off; one that is not there is fine."""
        self.database.write("DELETE FROM tags WHERE artwork = ? AND tag = ?", id, tag_name(tag))

    def tags(self) -> dict[str, int]:
        """Every tag in use and how many artworks have it, most used first; the bin is not counted."""
        rows = self.database.read(
            "SELECT tag, count(*) AS uses FROM tags JOIN artworks ON artworks.id = tags.artwork"
            " WHERE deleted_at IS NULL GROUP BY tag ORDER BY uses DESC, tag"
        )
        return {row["tag"]: row["uses"] for row in rows}

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

    def add_vector(self, id: int, model: str, vector: object) -> None:
        """Keep an artwork's embedding, shape (d,), under the id of the model that made it."""
        from studio.gallery import embeddings  # here: numpy, which the front does not need

        embeddings.store(self.database, model, [id], [vector])

    def missing_vectors(self, model: str) -> list[Artwork]:
        """The artworks outside the bin that this model has not seen yet, oldest first."""
        clause = "WHERE deleted_at IS NULL AND id NOT IN (SELECT artwork FROM embeddings WHERE model = ?) ORDER BY id"
        return self._artworks(clause, model)

    def sweep(self) -> list[str]:
        """At the worker's start: settle what a crash left between file and row; returns what was done, a sentence each."""
        return upkeep.sweep(self.database, self.files, adopt=self._adopt)

    def check(self) -> list[str]:
        """What is wrong with rows, files, hashes and indexes, a sentence each; empty when all agree. Changes nothing."""
        return upkeep.check(self.database, self.files)

    def _adopt(self, found: upkeep.Orphan) -> None:
        self._insert(
            found.written, kind="painted", recipe=found.recipe, prompt=found.recipe.prompt, verdict=found.verdict,
            parents=found.parents, note="found after a crash",
        )  # fmt: skip


def _named(recipe: Recipe) -> list[str]:
    """The pictures that a recipe uses, by hash, each once."""
    names = (recipe.source, recipe.mask, *(control.source for control in recipe.controls))
    return list(dict.fromkeys(name for name in names if name))


def _kept_text(text: dict[str, str]) -> dict[str, str]:
    """What a picture written anew carries on of its file's text; XMP is left out, as it may say where it was taken."""
    kept = {key: storable(value) for key, value in text.items() if key != XMP_KEY and 1 <= len(key) <= 79}
    kept = {key: value for key, value in kept.items() if key.isascii() and key.isprintable()}
    return kept if sum(map(len, kept.values())) <= _TEXT_KEPT else {}


def _kept_source_type(text: dict[str, str]) -> bytes:
    found = read_source_type(text.get(XMP_KEY, ""))
    return xmp_packet(found) if found else b""
