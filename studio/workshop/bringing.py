"""Brings files in through the gate: what is known is not opened again, and a bad file costs one line. It knows of no job.

Reading, hashing, decoding, metadata, thumbnails and files are the work of two threads (Pillow and hashlib let go of the
interpreter); gate, captions and embeddings look at several pictures at once. Nothing is saved that the gate did not clear.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Barrier
from typing import Any

from PIL import Image

from studio.domain.errors import BadInput, BadPicture, Refused
from studio.domain.verdict import Cleared, Verdict
from studio.gallery.coming import adding
from studio.gallery.coming.incoming import Arrival, Coming, noted, told_facts
from studio.gallery.foreign import reading
from studio.gallery.foreign.told import FindLora, Foreign, no_lora
from studio.gallery.gallery import Gallery
from studio.gallery.metadata import read_map, read_parents
from studio.safety.gate import Gate
from studio.safety.intake import Intake, open_picture, promised, sha256
from studio.workshop.describe import small

AT_ONCE = 16  # pictures that the gate, the captioner and the encoder look at together
HANDS = 2  # threads; the models have cores of their own to keep busy
GATE_PIXELS = 4_000_000  # that the gate is shown together: many are still few views, and their memory is used again
AHEAD_PIXELS = 12_000_000  # decoded and not yet saved; more would be fresh memory. Each takes up to 12 bytes on its way
MOST_PIXELS = 25_000_000  # the same where pictures are so large that one of the threads would have none
BLOCK = 31 << 20  # bytes; glibc learns from a block of up to 32 MiB
AHEAD_BYTES = 96 << 20  # read and not yet decoded
AHEAD_FILES = 4 * AT_ONCE

logger = logging.getLogger(__name__)
Learn = Callable[[list[tuple[int, Image.Image]]], None]


@dataclass(frozen=True)
class Item:
    """A file that is to come in: its shown name, what reads its bytes, how many there are; `place` where it stays there.

    `path` is where it lies below a folder that is scanned, `mtime_ns` when it was last changed.
    """

    name: str
    read: Callable[[], bytes]
    size: int = 0
    place: str | None = None
    path: str = ""
    mtime_ns: int = 0


@dataclass
class Came:
    """What became of an item: its SHA-256, the artwork it is, whether that is new; or the sentence why it is none."""

    item: Item
    sha256: str = ""
    artwork: int | None = None
    new: bool = False
    problem: str = ""
    refused: bool = False
    size: int = 0  # bytes
    intake: Intake | None = None
    told: Foreign | None = None
    text: dict[str, str] = field(default_factory=dict)
    note: str = ""
    pixels: int = 0
    arrival: Arrival | None = None
    small: Image.Image | None = None


@dataclass
class Bringing:
    """Brings files in. What it needs comes from its maker; it holds nothing between two calls.

    `gate` is asked for when the first file has to be looked at, so that a folder in which nothing is new costs no model;
    `learn` is given each new picture as the models see it, `each` all that was decided since, before it is written: it is
    called inside the transaction that writes their rows. `waiting` is called often and raises when the job should stop.
    """

    gallery: Gallery
    gate: Callable[[], Gate]
    lora: FindLora = no_lora
    job: int | None = None
    anywhere: bool = False  # what is in the bin, or gone, is known and stays there
    deleted: Collection[str] = frozenset()  # SHA-256 of files that were deleted for good and stay away
    learn: Learn | None = None
    each: Callable[[Any, Sequence[Came]], None] | None = None
    waiting: Callable[[], None] = field(default=lambda: None)

    def __call__(self, items: Sequence[Item]) -> Generator[list[Came], None, None]:
        """Bring all of them in, in their order; gives what became of some at a time, once that is on the disk."""
        _use_memory_again()
        with _hands(self.gallery) as pool:
            ahead = _Ahead(items, pool=pool, look=self._look, open=self._open, waiting=self.waiting)
            try:
                while batch := ahead.take(AT_ONCE):
                    self._decide(batch, pool, ahead)
                    yield batch
            finally:
                ahead.stop()

    # --- in the threads -----------------------------------------------------------------------------------------------

    def _look(self, item: Item) -> tuple[Came, bytes | None]:
        """Read and hash a file; bytes that are known are not opened."""
        came = Came(item)
        try:
            data = item.read()
        except (BadPicture, BadInput) as error:
            came.problem = str(error)
            return came, None
        came.sha256, came.size = sha256(data), len(data)
        came.artwork = self._known(came)
        if came.artwork is not None or came.sha256 in self.deleted:
            return came, None
        came.pixels = promised(data)
        return came, data

    def _known(self, came: Came) -> int | None:
        """The artwork that a file is already; what is to be copied is none as long as only somebody's folder has it."""
        return self.gallery.has_source(came.sha256, anywhere=self.anywhere, ours=came.item.place is None)

    def _open(self, came: Came, data: bytes) -> Came:
        try:
            came.intake = open_picture(data, sha=came.sha256)
            came.told = reading.read(came.intake, lora=self.lora)
        except BadPicture as error:
            came.problem = str(error)
        except Exception as error:  # no file, whatever it holds, ends the import of the others
            logger.exception("a file could not be read")
            came.intake, came.problem = None, f"This file could not be read ({type(error).__name__})."
        return came

    def _stage(self, came: Came, cleared: Cleared) -> None:
        told = came.told
        assert told is not None
        mapped = read_map(came.text)  # one of our own control maps comes back as what it was
        facts = told_facts(told)
        if came.item.place is not None:
            facts = replace(facts, place=came.item.place)
        coming = Coming(
            "map" if mapped else "imported", told.recipe, prompt=told.prompt, source_name=came.item.name,
            source_sha256=came.sha256, size=came.size, text=came.text, note=came.note, job=self.job,
            parents=read_parents(came.text), map=mapped[0] if mapped else None, tags=told.tags, facts=facts,
        )  # fmt: skip
        came.arrival = adding.stage(self.gallery, cleared, noted(coming, told))
        if self.learn is not None:
            came.small = small(cleared.picture)

    # --- in the job's own thread --------------------------------------------------------------------------------------

    def _decide(self, batch: list[Came], pool: ThreadPoolExecutor, ahead: _Ahead) -> None:
        """Ask the gate about what is new, write it down, and let the models look at it.

        What the gate lets through is staged while it looks at the next, and what is staged makes room for what comes after it.
        """
        fresh: dict[str, Came] = {}
        twins: list[Came] = []
        for came in batch:
            if came.intake is None:
                continue
            # It may have come in since it was read: from another process, or as its twin in this very batch
            came.artwork = self._known(came)
            if came.artwork is None and came.sha256 in fresh:
                twins.append(came)
            elif came.artwork is None:
                fresh[came.sha256] = came
        staging: list[tuple[Came, Future[None]]] = []
        trouble: BaseException | None = None
        try:
            for some in _together(list(fresh.values())):
                staging += [(came, pool.submit(self._stage, came, picture)) for came, picture in self._cleared(some)]
        except BaseException as error:
            trouble = error
        for came, done in staging:  # all of them, before anything is taken back
            trouble = done.exception() or trouble
            ahead.free(came)
            ahead.begin()
        staged = [came for came, _ in staging if came.arrival is not None]
        try:
            if trouble is not None:
                raise trouble
            self._settle(batch, staged, twins, fresh)
        except BaseException:
            for came in staged:
                assert came.arrival is not None
                adding.withdraw(self.gallery, came.arrival)
            raise
        if self.learn is not None and staged:
            self.learn([(came.artwork, came.small) for came in staged if came.artwork is not None and came.small])
        for came in batch:
            ahead.free(came)
            came.arrival = came.small = None

    def _cleared(self, fresh: list[Came]) -> list[tuple[Came, Cleared]]:
        kept = []
        decisions = self.gate().files([came.intake for came in fresh if came.intake])
        for came, decided in zip(fresh, decisions, strict=True):
            assert came.intake is not None
            came.text, came.note, came.intake = (
                came.intake.text,
                came.intake.note,
                None,
            )  # what was cleared has its own pixels
            if isinstance(decided, Verdict):
                came.problem, came.refused = str(Refused(decided)), True
            else:
                kept.append((came, decided))
        return kept

    def _settle(self, batch: list[Came], staged: list[Came], twins: list[Came], fresh: dict[str, Came]) -> None:
        with self.gallery.database.transaction() as connection:
            told = adding.settle(self.gallery, [came.arrival for came in staged if came.arrival is not None])
            for came, (id, new) in zip(staged, told, strict=True):
                came.artwork, came.new = id, new
            for came in twins:
                first = fresh[came.sha256]
                came.artwork, came.problem, came.refused = first.artwork, first.problem, first.refused
            if self.each is not None:
                self.each(connection, batch)


def _together(fresh: Sequence[Came]) -> Iterator[list[Came]]:
    """The same in their order, as many at a time as the gate is shown together."""
    some: list[Came] = []
    for came in fresh:
        if some and sum(one.pixels for one in some) + came.pixels > GATE_PIXELS:
            yield some
            some = []
        some.append(came)
    if some:
        yield some


class _Ahead:
    """Keeps two threads busy with what comes next, in order, within bounds of memory."""

    def __init__(
        self,
        items: Sequence[Item],
        *,
        pool: ThreadPoolExecutor,
        look: Callable[[Item], tuple[Came, bytes | None]],
        open: Callable[[Came, bytes], Came],
        waiting: Callable[[], None],
    ) -> None:
        self._items = deque(items)
        self._pool, self._look, self._open, self._waiting = pool, look, open, waiting
        self._looking: deque[tuple[Item, Future[tuple[Came, bytes | None]]]] = deque()
        self._opening: deque[tuple[Came, Future[Came] | None]] = deque()
        self._bytes = self._pixels = 0

    def take(self, count: int) -> list[Came]:
        """The next ones, at most `count`; fewer where they are large, none at the end."""
        taken: list[Came] = []
        self._fill(wait=True)
        while self._opening and len(taken) < count and sum(one.pixels for one in taken) < AHEAD_PIXELS // 2:
            self._waiting()
            came, opening = self._opening.popleft()
            if opening is not None:
                opening.result()
            taken.append(came)
            self._fill(wait=True)
        return taken

    def free(self, came: Came) -> None:
        """Say that the pixels of this one are no longer held."""
        self._pixels -= came.pixels
        came.pixels, came.intake, came.told = 0, None, None

    def begin(self) -> None:
        """Begin what there is room for by now, and wait for nothing."""
        self._fill(wait=False)

    def stop(self) -> None:
        """Begin nothing more."""
        for _, waits in (*self._looking, *self._opening):
            if waits is not None:
                waits.cancel()

    def _fill(self, *, wait: bool) -> None:
        self._read_on()
        while self._looking and self._room():
            item, looking = self._looking[0]
            if not looking.done() and (self._opening or not wait):
                break  # there is something to do meanwhile
            if not wait and looking.exception() is not None:
                break  # `take` will say it
            came, data = looking.result()
            self._looking.popleft()
            self._bytes -= item.size
            self._pixels += came.pixels
            self._opening.append((came, self._pool.submit(self._open, came, data) if data is not None else None))
            self._read_on()

    def _room(self) -> bool:
        """Whether one more may be decoded."""
        bound = MOST_PIXELS if len(self._opening) < HANDS else AHEAD_PIXELS
        return self._pixels < bound and len(self._opening) < AHEAD_FILES

    def _read_on(self) -> None:
        while self._items and len(self._looking) < AHEAD_FILES and (not self._looking or self._bytes < AHEAD_BYTES):
            item = self._items.popleft()
            self._bytes += item.size
            self._looking.append((item, self._pool.submit(self._look, item)))


def _use_memory_again() -> None:
    """Free one large block that was never touched.

    glibc gives what lies at the end of its memory back to the system as soon as that is twice the largest block it has seen
    freed, 128 KiB at first: then every picture is laid into fresh pages, which costs a fifth of an import's processor time.
    """
    bytes(BLOCK)


@contextmanager
def _hands(gallery: Gallery) -> Iterator[ThreadPoolExecutor]:
    """The threads; when they are done with, nothing waits in them and none leaves a connection open."""
    pool = ThreadPoolExecutor(HANDS, thread_name_prefix="import")
    try:
        yield pool
    finally:
        barrier = Barrier(HANDS)

        def leave() -> None:
            barrier.wait()
            gallery.database.release()

        for done in [pool.submit(leave) for _ in range(HANDS)]:
            done.result()
        pool.shutdown()
