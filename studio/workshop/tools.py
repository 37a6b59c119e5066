"""What every task of the worker may use: one home folder, opened for work, and the models. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from PIL import Image

from studio.database import Database
from studio.domain.artwork import Artwork
from studio.domain.settings import Settings
from studio.gallery.files import Files
from studio.gallery.gallery import Gallery
from studio.jobs.queue import Queue
from studio.packs.shelf import open_shelf
from studio.safety.gate import Gate
from studio.safety.intake import open_picture
from studio.workshop.models import Models

if TYPE_CHECKING:
    from studio.gallery.vectors import Vectors


class Tools:
    """The worker's hands. Safe to use from both lanes."""

    def __init__(self, home: Path, *, models: Models | None = None) -> None:
        self.home = home
        self.database = Database(home / "easel.db")
        self.queue = Queue(self.database)
        self.files = Files(home)
        self.gallery = Gallery(database=self.database, files=self.files)
        self.models = models or Models(open_shelf(home))
        self._vectors: dict[tuple[str, str], Vectors] = {}
        self._lock = Lock()

    def settings(self) -> Settings:
        """The settings as they are now; the defaults where they cannot be read."""
        return Settings.from_stored(self.database.load("settings", "settings"))

    def gate(self, pack_id: str, *, waiting: Callable[[], None] | None = None) -> Gate:
        """The gate of a pack, as cautious as the settings say now."""
        return self.models.gate(pack_id, caution=self.settings().caution, waiting=waiting)

    def stored(self, artwork: Artwork) -> Image.Image:
        """The pixels of an artwork, of the very file that was checked when it came in; raises BadInput where that is gone."""
        return open_picture(self.gallery.data(artwork)).picture

    def vectors(self, model: str, kind: str = "picture") -> Vectors:
        """The vectors of one kind by one model, to be searched."""
        from studio.gallery.vectors import Vectors  # here: FAISS, which a start need not wait for

        with self._lock:
            if (model, kind) not in self._vectors:
                folder = self.home / "index"
                self._vectors[model, kind] = Vectors(database=self.database, folder=folder, model=model, kind=kind)
            return self._vectors[model, kind]
