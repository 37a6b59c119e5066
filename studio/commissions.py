"""Commissions: what may be painted, drawn or selected, each checked here, put into words and queued; it waits for none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.database import Database
from studio.domain.control import ControlMap, kind_of, parameters_of
from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.domain.pose import figures_of
from studio.domain.recipe import PROMPT_LIMIT, SIZE_RANGE, Recipe
from studio.domain.settings import Settings
from studio.gallery.files import Files
from studio.gallery.gallery import Gallery
from studio.gallery.keeping.records import record_in
from studio.jobs.forecast import painting
from studio.jobs.grids import LOST, Grids
from studio.jobs.installs import Installs
from studio.jobs.memory import Foresight
from studio.jobs.queue import Queue
from studio.jobs.supervisor import Supervisor
from studio.packs.controls import check_annotator, check_controls
from studio.packs.ledger import Ledger
from studio.packs.making import check_making
from studio.packs.parts import check_parts
from studio.packs.shelf import open_shelf
from studio.phrases.styles import Styles
from studio.phrases.wildcards import Wildcards
from studio.phrases.wording import Wording, worded
from studio.places import open_home
from studio.safety.intake import sha256


class Commissions:
    """One home folder, opened, and what may be made in it. Cheap to make; safe to use from several threads."""

    def __init__(self, home: Path) -> None:
        self.home = open_home(home)
        self.database = Database(self.home / "easel.db")
        self.files = Files(self.home)
        self.gallery = Gallery(database=self.database, files=self.files)
        self.queue = Queue(self.database)
        self.shelf = open_shelf(self.home)
        self.wildcards = Wildcards(self.home / "wildcards")
        self.styles = Styles(self.database)
        self.supervisor = Supervisor(self.home, queue=self.queue)
        ledger = Ledger(self.database, offline=lambda: self.settings.offline)
        self.installs = Installs(home=self.home, shelf=self.shelf, queue=self.queue, ledger=ledger, submit=self.submit)
        self.grids = Grids(
            database=self.database,
            queue=self.queue,
            worded=self._worded,
            ready=self.ready,
            awake=self.supervisor.ensure,
            sized=self._source_size,
        )

    def submit(self, kind: str, payload: dict[str, Any], *, key: str | None = None) -> Job:
        """Put a job in the queue and make sure that somebody works on it. The same key twice is the same job."""
        job = self.queue.submit(kind, payload, key=key)
        self.supervisor.ensure()
        return job

    @property
    def settings(self) -> Settings:
        """The settings as stored; the defaults where they cannot be read."""
        return Settings.from_stored(self.database.load("settings", "settings"))

    def upload(self, data: bytes) -> str:
        """Put a file that somebody gave us where the worker finds it; returns its name there. Nothing is shown yet."""
        return self.files.spool(data)

    def ready(self, recipe: Recipe, *, coming: Sequence[str] = ()) -> None:
        """Raise what keeps a recipe from being painted here; `coming` are the SHA-256 of masks on their way.

        PackMissing when its pack is not whole or cannot follow a control, BadInput when a picture that it names is not there.
        """
        self.shelf.whole(recipe.pack)
        check_controls(self.shelf, recipe)
        check_parts(self.shelf, recipe)
        self.gallery.check_inputs(recipe, coming=coming)

    def foretold(self, recipe: Recipe) -> float | None:
        """Seconds that this recipe takes on this machine, from its own history; None where it never did the like."""
        return self.queue.foretold("paint", painting(recipe, source_size=self._source_size(recipe)))

    def foresight(self) -> Foresight:
        """What recipes will take here as things stand now, memory and seconds, and how they could take less."""
        return Foresight(self.database, self.shelf, self.home)

    def worded(self, recipe: Recipe, styles: Sequence[str] = ()) -> Wording:
        """The recipe with styles put on (their names), wildcards picked and named LoRAs worn; raises BadInput."""
        put_on = self.styles.named(styles) if styles else []
        return worded(recipe, styles=put_on, read=self.wildcards.lines, shelf=self.shelf)

    def _source_size(self, recipe: Recipe) -> tuple[int, int] | None:
        """Width and height of the source in the gallery: how long painting takes depends on it."""
        source = self.gallery.by_sha(recipe.source) if recipe.source else None
        return None if source is None else (source.width, source.height)

    def _worded(self, recipe: Recipe, styles: Sequence[str]) -> tuple[Recipe, dict[str, Any]]:
        wording = self.worded(recipe, styles)
        return wording.recipe, wording.typed

    def paint(
        self,
        recipe: Recipe,
        *,
        key: str | None = None,
        mask: bytes | None = None,
        keep: bool = False,
        styles: Sequence[str] = (),
        offload: bool = False,
    ) -> Job:
        """Queue a recipe, `worded`. `mask` is the PNG whose SHA-256 it names; with `keep` its pictures are no proposals.

        With `offload` it is painted in a slower way that needs less memory: the same picture but for faint seams of tiles.
        Before anything is queued: PackMissing when its pack is not whole or cannot follow a control, BadInput when a picture
        that it names is not there, or a style, a wildcard or a LoRA.
        """
        wording = self.worded(recipe, styles)
        recipe = wording.recipe
        self.ready(recipe, coming=() if mask is None else (str(recipe.mask),))
        if mask is not None and sha256(mask) != recipe.mask:
            raise BadInput("mask", "The mask is not the one that the recipe names; brush it again.")
        spools = [] if mask is None or self.gallery.by_sha(str(recipe.mask)) else [self.upload(mask)]
        payload = painting(recipe, source_size=self._source_size(recipe), offload=offload)
        payload |= {"spools": spools, "keep": keep}
        job = self.submit("paint", payload | ({"typed": wording.typed} if wording.typed else {}), key=key)
        for name in spools:
            if name not in job.payload.get("spools", ()):  # a double click: the first one brought its own
                self.files.unspool(name)
        return job

    def repeat(self, id: int, *, key: str | None = None) -> Job:
        """Queue a second painting of an artwork, to see whether it comes out the same here; nothing of it is saved.

        Before anything is queued: BadInput for one without a recipe or whose inputs are gone, PackMissing for what lacks.
        """
        artwork = self.gallery.get(id)
        recipe = artwork.recipe
        if recipe is None:
            raise BadInput("artwork", f"Artwork {id} came without a recipe, so it cannot be painted again.")
        check_making(self.shelf, recipe)
        self.gallery.check_inputs(recipe)
        then = record_in(self.gallery, artwork)  # what was painted with memory saved is painted so again
        offload = then is not None and then.saving
        payload = painting(recipe.with_seed(recipe.seed), source_size=self._source_size(recipe), offload=offload)
        return self.submit("repeat", {"artwork": id, **payload}, key=key)

    def keep_repeat(self, id: int) -> Job:
        """Queue the keeping of what a repeat job painted, once however often it is asked, but anew where that came to nothing.

        Raises BadInput where there is nothing to keep.
        """
        job = self.queue.get(id)
        if job.kind != "repeat" or not job.result.get("spool"):
            raise BadInput("job", "There is nothing of that job to keep.")
        kept = {"keep": job.result["spool"], "record": job.result.get("record")}
        keeping = self.submit("repeat", {**job.payload, **kept}, key=f"keep-{id}")
        while keeping.state in LOST and not keeping.result.get("artworks"):
            keeping = self.submit("repeat", {**job.payload, **kept}, key=f"keep-{id}-{keeping.id}")
        return keeping

    def annotate(
        self,
        source: str,
        kind: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        figures: Sequence[Sequence[Any]] | None = None,
        size: tuple[int, int] | None = None,
        overlay: bytes | None = None,
        as_is: bool = False,
        keep: bool = False,
        pack: str | None = None,
    ) -> Job:
        """Queue the drawing of a control map; its result names a preview, and with `keep` the artwork it became.

        `source` is "id:12", "sha:<upload>", or "" where `figures` and `size` (pixels) say everything. `figures` are eighteen
        (x, y) or None each, in fractions of the picture; `overlay` is an RGBA PNG laid over the map; with `as_is` the source
        is the map. Raises BadInput and PackMissing before anything is queued.
        """
        pack = pack or self.settings.pack
        values = {} if as_is else parameters_of(kind_of(kind).name, dict(parameters or {}))
        drawn = None if figures is None else ControlMap(kind, figures=figures_of(figures)).to_dict()["figures"]
        if drawn is not None and kind != "pose":
            raise BadInput("figures", "Only a pose is drawn from figures.")
        self._check_source(source, needed=drawn is None)
        if drawn is None and not as_is:
            check_annotator(self.shelf, kind, pack)
        if not source and size is None:
            raise BadInput("size", "Say how large the map should be: there is no picture to take the size from.")
        if size is not None and not all(type(side) is int and SIZE_RANGE[0] <= side <= SIZE_RANGE[1] for side in size):
            raise BadInput("size", f"A map is {SIZE_RANGE[0]} to {SIZE_RANGE[1]:,} pixels wide and high.")
        payload = {
            "source": source,
            "kind": kind,
            "parameters": values,
            "figures": drawn,
            "size": list(size) if size else None,
            "overlay": self.upload(overlay) if overlay else "",
            "as_is": as_is,
            "keep": keep,
            "pack": pack,
        }
        return self.submit("annotate", payload)

    def select(self, source: str, words: str, *, pack: str | None = None) -> Job:
        """Queue the search for what words name in a picture; its result names a preview of the mask. Raises BadInput."""
        self._check_source(source, needed=True)
        words = selectable(words)
        return self.submit("select", {"source": source, "words": words, "pack": pack or self.settings.pack})

    def _check_source(self, source: str, *, needed: bool) -> None:
        kind, _, value = source.partition(":")
        if kind == "id" and value.isascii() and value.isdecimal():
            if self.gallery.get(int(value)).deleted_at is not None:
                raise BadInput("source", "That picture is in the bin; take it out on the Gallery page first.")
        elif source and kind != "sha":
            raise BadInput("source", "A picture is named by its number in the gallery or by an upload.")
        elif needed and not source:
            raise BadInput("source", "Choose a picture first.")


def selectable(words: str) -> str:
    """Words that can name a part of a picture, without the space around them; raises BadInput for none or too many."""
    if not words.strip():
        raise BadInput("select", "Say what to select, such as: the red star.")
    if len(words) > PROMPT_LIMIT:
        raise BadInput("select", "That is a lot of words; a few select better.")
    return words.strip()
