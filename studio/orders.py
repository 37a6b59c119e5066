"""Orders: what may be asked of the worker about pictures, those that are here and those that come in; it waits for none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from studio.commissions import Commissions
from studio.domain.artwork import Query
from studio.domain.errors import BadInput, PackMissing
from studio.domain.job import ENDED, LIVE, Job
from studio.gallery.coming import folders

QUESTION_LIMIT = 200  # characters; answerers were taught questions of a dozen words


class Orders(Commissions):
    """What may be made in a home folder, and what may be asked about its pictures. Safe to use from several threads."""

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
        return self._going("duplicates", "near", near) or self.submit("duplicates", {"near": near}, key=key)

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
        return self._going("embed", "pack", pack) or self.submit("embed", {"pack": pack})

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

    def import_files(self, files: Iterable[tuple[bytes, str]], *, key: str | None = None) -> Job:
        """Queue an import of (bytes, original name) pairs, each taken when its turn comes: a folder is large."""
        listed = [{"spool": self.upload(data), "name": name, "size": len(data)} for data, name in files]
        return self.submit("import", {"files": listed}, key=key)

    def import_folder(self, folder: Path, *, watch: bool = False) -> Job:
        """Queue an import of every picture below a folder; with `watch` they stay where they are and are looked at again.

        Raises BadInput when it is no folder, is Easel's own, or overlaps with one that is watched.
        """
        path = folders.check(folder, home=self.home)
        if watch:
            folders.add(self.database, path, watched=True)
        payload = {"folder": str(path)} | ({"watch": True} if watch else {})
        return self._going("import", "folder", str(path)) or self.submit("import", payload)

    def folders(self) -> list[folders.Folder]:
        """The watched folders, with what their last scan saw."""
        return folders.listed(self.database)

    def rescan(self, id: int) -> Job:
        """Queue another look at a watched folder; where one is on its way, that one. Raises BadInput."""
        folder = folders.get(self.database, id)
        return self._going("import", "folder", folder.path) or self.submit(
            "import", {"folder": folder.path, "rescan": id}
        )

    def stop_watching(self, id: int, *, forget: bool = False) -> int:
        """Watch a folder no longer; with `forget` what no other watched folder has goes to the bin, and how many is returned.

        No file is touched; it can be undone as any change.
        """
        going = self._going("import", "folder", folders.get(self.database, id).path)
        if going is not None:
            self.queue.cancel(going.id)
        return folders.stop(self.gallery, id, forget=forget)

    def left_out(self, id: int) -> list[tuple[str, str]]:
        """The files of a watched folder that are not in the gallery, each with its reason."""
        return folders.left_out(self.database, id)

    def clear(self, data: bytes, name: str) -> Job:
        """Queue the gate's look at one upload; its result names a preview that may be shown."""
        return self.submit("clear", {"spool": self.upload(data), "name": name})

    def install(self, id: str, *, key: str | None = None) -> Job:
        """Queue the installation of a pack from the hub; `installs` knows the rest: pause, throw away, who was contacted."""
        return self.installs.start(id, key=key)

    def _going(self, kind: str, field: str, value: object) -> Job | None:
        """The job of this kind whose payload says so, if one waits or runs and nobody cancelled it."""
        live = (job for job in self.queue.list(LIVE, (kind,)) if job.payload.get(field) == value)
        return next((job for job in live if not job.cancel), None)


def askable(question: str) -> str:
    """A question without the space around it; raises BadInput for none, and for one that no answerer would read to its end."""
    question = " ".join(question.split())
    if not question:
        raise BadInput("question", "Ask something, such as: what colour is the star?")
    if len(question) > QUESTION_LIMIT:
        raise BadInput("question", f"The question has {len(question):,} characters; {QUESTION_LIMIT} is the most.")
    return question
