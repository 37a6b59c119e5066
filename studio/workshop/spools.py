"""Which uploads nobody needs any more once a job has ended; it removes none itself."""

from __future__ import annotations

from typing import Any

from studio.domain.job import Job
from studio.gallery.gallery import Gallery

_SHA = 64  # hex digits at the beginning of a spool's name


def spent(job: Job, state: str, gallery: Gallery) -> list[str]:
    """The spools that a job that ended in `state` leaves behind for nobody.

    A search and a live preview may look at the same upload again, so theirs stay until the sweep. A mask stays while it is
    not in the gallery and the job may be asked for again: after Cancel, or a failure.
    """
    payload = job.payload
    if job.kind == "import":
        return [file["spool"] for file in payload.get("files", [])]
    if job.kind in ("caption", "ask"):
        return [name for name in [payload.get("spool", "")] if name]
    if job.kind == "paint":
        names = _texts(payload.get("spools"))
        return [name for name in names if state in ("done", "refused") or gallery.by_sha(name[:_SHA]) is not None]
    if job.kind == "repeat":
        return _texts([payload.get("keep")]) if state in ("done", "refused") else []
    if job.kind == "annotate":
        source = str(payload.get("source", ""))
        upload = [source.removeprefix("sha:")] if source.startswith("sha:") and payload.get("keep") is True else []
        return [*_texts([payload.get("overlay")]), *upload]
    return []


def _texts(names: Any) -> list[str]:
    return [name for name in names or () if isinstance(name, str) and name]
