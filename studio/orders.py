"""Orders: what the front may ask of the worker, each checked here, put into words and queued; it waits for none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.database import Database
from studio.domain.artwork import Query
from studio.domain.control import ControlMap, kind_of, parameters_of
from studio.domain.errors import BadInput, PackMissing
from studio.domain.job import ENDED, LIVE, Job
from studio.domain.pose import figures_of
from studio.domain.recipe import PROMPT_LIMIT, SIZE_RANGE, Recipe
from studio.domain.settings import Settings
from studio.gallery.coming import folders
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

QUESTION_LIMIT = 200  # characters; answerers were taught questions of a dozen words


class Orders:
    """One home folder, opened, and what may be asked of its worker. Cheap to make; safe to use from several threads."""

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

    # --- painting ----------------------------------------------------------------------------------------------------

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

    def find(self, query: Query) -> Job:
        """Queue a search by meaning; its hits are read with `hits`."""
        payload = {
            "words": [list(pair) for pair in query.words],
            "like": [list(pair) for pair in query.like],
            "filters": query.narrowing(),
            "limit": query.limit,
            "offset": query.offset,
        }
        return self.submit("find", payload)

    def find_duplicates(self, *, near: bool = True, key: str | None = None) -> Job:
        """Queue the search for copies of one picture, or the one that is on its way; `near` also finds changed copies."""
        live = (
            job for job in self.queue.list(LIVE, ("duplicates",)) if job.payload.get("near") is near and not job.cancel
        )
        return next(live, None) or self.submit("duplicates", {"near": near}, key=key)

    def read_looks(self, *, again: bool = False) -> Job | None:
        """Queue the reading of colours that are missing, or the one that is on its way; None where none are missing.

        One that was cancelled or failed is given back as it is, unless `again`: what was stopped does not begin by itself.
        """
        live = self.queue.list(LIVE, ("looks", "duplicates"))
        if live or not self.gallery.unseen():
            return next(iter(live), None)
        last = self.queue.list(ENDED, ("looks",), 1)
        if last and last[0].state != "done" and not again:
            return last[0]
        return self.submit("looks", {})

    def reindex(self) -> Job:
        """Queue the reading of what the search model has not read yet, or the one that is on its way."""
        pack = self.settings.pack
        live = (job for job in self.queue.list(LIVE, ("embed",)) if job.payload.get("pack") == pack and not job.cancel)
        return next(live, None) or self.submit("embed", {"pack": pack})

    def caption(self, *, artwork: int | None = None, data: bytes | None = None) -> Job:
        """Queue a caption of an artwork, or of a file's bytes (which the gate checks first)."""
        if artwork is not None:
            return self.submit("caption", {"artwork": artwork})
        if data is None:
            raise BadInput("file", "Give an artwork or a file to caption.")
        return self.submit("caption", {"spool": self.upload(data)})

    def ask(
        self, question: str, *, artwork: int | None = None, data: bytes | None = None, key: str | None = None
    ) -> Job:
        """Queue a question about an artwork, or about a file's bytes (which the gate checks first); its result has the answer.

        Raises BadInput for a question that is none, and PackMissing when no pack here answers questions.
        """
        payload: dict[str, Any] = {"question": askable(question)}
        if not self.answers():
            raise PackMissing(
                "No pack on this machine answers questions; install one, such as blip-vqa, on the Shelf page."
            )
        if artwork is not None:
            self.gallery.get(artwork)
            payload["artwork"] = artwork
        elif data is not None:
            payload["spool"] = self.upload(data)
        else:
            raise BadInput("file", "Give an artwork or a file to ask about.")
        return self.submit("ask", payload, key=key)

    def answers(self) -> bool:
        """Whether a pack on this machine answers questions about pictures."""
        return any("answerer" in pack.manifest.roles for pack in self.shelf.packs())

    # --- what comes in ------------------------------------------------------------------------------------------------

    def upload(self, data: bytes) -> str:
        """Put a file that somebody gave us where the worker finds it; returns its name there. Nothing is shown yet."""
        return self.files.spool(data)

    def import_files(self, files: list[tuple[bytes, str]], *, key: str | None = None) -> Job:
        """Queue an import of (bytes, original name) pairs."""
        listed = [{"spool": self.upload(data), "name": name, "size": len(data)} for data, name in files]
        return self.submit("import", {"files": listed}, key=key)

    def import_folder(self, folder: Path, *, watch: bool = False, key: str | None = None) -> Job:
        """Queue an import of every picture below a folder; with `watch` they stay where they are and are looked at again.

        Raises BadInput when it is no folder, is Easel's own, or overlaps with one that is watched.
        """
        path = folders.check(folder, home=self.home)
        if watch:
            folders.add(self.database, path, watched=True)
        payload = {"folder": str(path)} | ({"watch": True} if watch else {})
        return self._scanned(str(path)) or self.submit("import", payload, key=key)

    def folders(self) -> list[folders.Folder]:
        """The watched folders, with what their last scan saw."""
        return folders.listed(self.database)

    def rescan(self, id: int) -> Job:
        """Queue another look at a watched folder; where one is on its way, that one. Raises BadInput."""
        folder = folders.get(self.database, id)
        return self._scanned(folder.path) or self.submit("import", {"folder": folder.path, "rescan": id})

    def stop_watching(self, id: int, *, forget: bool = False) -> int:
        """Watch a folder no longer; with `forget` what no other watched folder has goes to the bin, and how many is returned.

        No file is touched; it can be undone as any change.
        """
        going = self._scanned(folders.get(self.database, id).path)
        if going is not None:
            self.queue.cancel(going.id)
        return folders.stop(self.gallery, id, forget=forget)

    def left_out(self, id: int) -> list[tuple[str, str]]:
        """The files of a watched folder that are not in the gallery, each with its reason."""
        return folders.left_out(self.database, id)

    def _scanned(self, path: str) -> Job | None:
        """The job that scans this folder, or will."""
        live = (job for job in self.queue.list(LIVE, ("import",)) if job.payload.get("folder") == path)
        return next((job for job in live if not job.cancel), None)

    def clear(self, data: bytes, name: str) -> Job:
        """Queue the gate's look at one upload; its result names a preview that may be shown."""
        return self.submit("clear", {"spool": self.upload(data), "name": name})

    def install(self, id: str, *, key: str | None = None) -> Job:
        """Queue the installation of a pack from the hub; `installs` knows the rest: pause, throw away, who was contacted."""
        return self.installs.start(id, key=key)


def selectable(words: str) -> str:
    """Words that can name a part of a picture, without the space around them; raises BadInput for none or too many."""
    if not words.strip():
        raise BadInput("select", "Say what to select, such as: the red star.")
    if len(words) > PROMPT_LIMIT:
        raise BadInput("select", "That is a lot of words; a few select better.")
    return words.strip()


def askable(question: str) -> str:
    """A question without the space around it; raises BadInput for none, and for one that no answerer would read to its end."""
    question = " ".join(question.split())
    if not question:
        raise BadInput("question", "Ask something, such as: what colour is the star?")
    if len(question) > QUESTION_LIMIT:
        raise BadInput("question", f"The question has {len(question):,} characters; {QUESTION_LIMIT} is the most.")
    return question
