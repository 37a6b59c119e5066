"""Which encoder answers, and the job "embed", which makes the vectors it lacks; those of two encoders never meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.domain.errors import BadInput, PackMissing
from studio.domain.job import Job
from studio.workshop.describe import say, small
from studio.workshop.ports import Encoder
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from PIL import Image

AT_ONCE = 64  # pictures that are opened and embedded together
SOON = 64  # pictures that a search waits for; more are left to a job of their own
ANSWERS = "encoder"  # in the table of settings: which encoder's vectors are whole
NOBODY = ("cancelled", "failed")  # how a job ended that is not begun again unasked


@dataclass(frozen=True)
class Answering:
    """The encoder that answers a search, and what is to be said of it.

    `share` of the pictures has a vector of the encoder that the settings name; `old` says that another one answers meanwhile.
    """

    encoder: Encoder
    share: float = 1.0
    old: bool = False

    @property
    def sentence(self) -> str:
        """What is to be said; "" where everything is as it should be."""
        if self.old:
            return f"The new search model has read {self.share:.0%} of the pictures; until it is done the one before answers."
        if self.share < 1:
            return (
                f"The search model has read {self.share:.0%} of the pictures; the rest cannot be found by meaning yet."
            )
        return ""


def answering(report: JobReport, tools: Tools) -> Answering:
    """Who answers now: the encoder of the settings once it has seen all pictures, until then the one that had.

    What few pictures it lacks are embedded at once; for more the job "embed" is queued, unless the last one was cancelled or
    failed: what it left unread is said then, and read when somebody asks for it.
    """
    pack_id = tools.settings().pack
    encoder = tools.models.encoder(pack_id, waiting=report.check)
    missing = tools.gallery.lacking(encoder.name)
    last = _last(encoder.name, pack_id, tools)
    if missing and _worth_it(missing, last):
        if len(missing) <= SOON:
            report.stage("reading new pictures")
            _pictures(missing, encoder, tools, lambda done: report(done, len(missing)))
            missing = tools.gallery.lacking(encoder.name)
        elif last is None or not (last.live or last.state in NOBODY):
            tools.queue.submit("embed", {"pack": pack_id, "model": encoder.name})
    before = _stored(tools)
    if len(missing) <= SOON:
        if before.get("name") != encoder.name:
            _store(encoder, pack_id, tools)
        return Answering(encoder)
    total = tools.gallery.embedded(encoder.name) + len(missing)
    share = 1 - len(missing) / total
    old = _before(before, encoder, report, tools)
    return Answering(old or encoder, share=share, old=old is not None)


def embed(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Make every vector that the encoder of the settings lacks, newest pictures first, and what makes searches quick.

    Goes on where it was stopped. Returns how many `pictures` and `captions` were embedded, how many are `left` because their
    file cannot be read, and whether clusters were `learnt`.
    """
    pack_id = str(job.payload.get("pack") or tools.settings().pack)
    encoder = tools.models.encoder(pack_id, waiting=report.check)
    missing = tools.gallery.lacking(encoder.name)
    wanted = tools.gallery.lacking(encoder.name, kind="caption")
    total = len(missing) + len(wanted)
    report.stage("reading pictures")
    made = _pictures(missing, encoder, tools, lambda done: report(done, total))
    left = len(tools.gallery.lacking(encoder.name))
    if encoder.name == tools.models.encoder(tools.settings().pack, waiting=report.check).name:
        _store(encoder, pack_id, tools)
    report.stage("reading captions")
    said = 0
    for start in range(0, len(wanted), AT_ONCE):
        report(len(missing) + start, total)
        said += say(list(tools.gallery.many(wanted[start : start + AT_ONCE]).values()), encoder=encoder, tools=tools)
    learnt = False
    for kind in ("picture", "caption"):
        vectors = tools.vectors(encoder.name, kind)
        if vectors.unsettled():
            report.stage("sorting what was read")
            learnt |= vectors.learn(report)
    return {"pictures": made, "captions": said, "left": left, "learnt": learnt, "model": encoder.name}


def _pictures(missing: Sequence[int], encoder: Encoder, tools: Tools, report: Callable[[int], None]) -> int:
    made = 0
    for start in range(0, len(missing), AT_ONCE):
        report(start)
        pictures: list[tuple[int, Image.Image]] = []
        for id, artwork in tools.gallery.many(missing[start : start + AT_ONCE]).items():
            try:
                pictures.append((id, small(tools.stored(artwork))))
            except BadInput:
                continue  # `check` tells of it; the others must not wait for it
        if pictures:
            vectors = encoder.pictures([picture for _, picture in pictures])
            tools.vectors(encoder.name).add([id for id, _ in pictures], vectors)
            made += len(pictures)
    return made


def _worth_it(missing: Sequence[int], last: Job | None) -> bool:
    """Whether anything new is missing, not only what the last job found to be unreadable."""
    return last is None or last.state != "done" or int(last.result.get("left", 0)) < len(missing)


def _last(name: str, pack_id: str, tools: Tools) -> Job | None:
    """The job that reads for this encoder, or the last that did; one that somebody asked for names a pack alone, or nothing."""
    for job in tools.queue.list(kinds=("embed",), limit=20):
        model = job.payload.get("model")
        if model == name or (model is None and job.payload.get("pack", pack_id) == pack_id):
            return job
    return None


def _before(stored: dict[str, str], encoder: Encoder, report: JobReport, tools: Tools) -> Encoder | None:
    """The encoder whose vectors were whole before, as long as it is still here and is still itself."""
    if not stored.get("name") or stored["name"] == encoder.name:
        return None
    try:
        old = tools.models.encoder(stored.get("pack", ""), waiting=report.check)
    except PackMissing:
        return None
    return old if old.name == stored["name"] else None


def _stored(tools: Tools) -> dict[str, str]:
    body = tools.database.load("settings", ANSWERS)
    return {str(name): str(value) for name, value in body.items()} if isinstance(body, dict) else {}


def _store(encoder: Encoder, pack_id: str, tools: Tools) -> None:
    tools.database.keep("settings", ANSWERS, {"name": encoder.name, "pack": pack_id})
