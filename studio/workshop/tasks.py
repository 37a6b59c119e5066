"""Job kind -> function. Each is `task(job, report, tools) -> Outcome`, and none knows of threads, lanes or processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.errors import Cancelled, Refused
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.jobs import forecast
from studio.packs.manifest import STARTER
from studio.workshop import contact, disposing, embedding, exporting, finding, looking, mapping, tending
from studio.workshop.annotating import draw_map, find_by_words
from studio.workshop.create import create
from studio.workshop.describe import describe, small
from studio.workshop.importing import import_pictures
from studio.workshop.masking import bring_masks
from studio.workshop.outside import Outside
from studio.workshop.recording import record_of
from studio.workshop.repeat import repeat
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from studio.workshop.measuring import Watch

PREVIEW_SIDE = 384  # pixels, of an upload that the page shows back
# Said with an answer of the starter pack about a picture that it did not paint
BEYOND = (
    "Storybook answered, and it knows only its own world. For other pictures a larger answerer,"
    " such as blip-vqa, can be had on the Shelf page."
)


@dataclass(frozen=True)
class Outcome:
    """How a task ended: `done` or `refused`, what it found, and the reasons where it was refused."""

    result: dict[str, Any] = field(default_factory=dict)
    state: str = "done"
    error: str = ""


Task = Callable[[Job, JobReport, Tools], Outcome]


def paint(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """Paint, check, save, caption and embed; what is refused leaves its verdict and no pixels."""
    recipe = Recipe.from_dict(job.payload["recipe"])
    kind = "painted" if recipe.task == "create" or job.payload.get("keep") is True else "proposal"
    report.stage(f"loading {recipe.upscaler or recipe.pack}")
    gate = tools.gate(recipe.pack, waiting=report.check)
    bring_masks(job, gate=gate, tools=tools)
    tools.gallery.check_inputs(recipe)
    if recipe.upscaler:
        painter = tools.models.upscaler(recipe.upscaler, waiting=report.check)
    else:
        painter = tools.models.painter(recipe.pack, waiting=report.check)
    record = record_of(recipe, shelf=tools.models.shelf, painter=painter).to_dict()
    if job.payload.get("typed"):  # before its styles were put on and its wildcards picked
        record = {**record, "typed": job.payload["typed"]}
    report.stage("enlarging" if recipe.upscaler else "painting")
    offload = job.payload.get("offload") is True
    watch = _watch(job, recipe, painter, tools)
    began = time.monotonic()
    artworks: list[Artwork] = []
    refused: list[dict[str, Any]] = []
    outside, measured = Outside(recipe, tools.gallery), {}
    for made in create(
        recipe, painter=painter, gate=gate, gallery=tools.gallery, report=report, record=record, job=job.id, kind=kind,
        offload=offload,
    ):  # fmt: skip
        if isinstance(made, Artwork):
            artworks.append(made)
            if outside.asked:
                measured[str(made.id)] = outside(made)
        else:
            refused.append(made.to_dict())
        report.partial(_painted(artworks, refused, recipe.count, measured))
    if watch is not None:
        watch.stop(usual=not any(artwork.note for artwork in artworks))
    report.stage("captioning")
    pictures = [(artwork.id, small(tools.stored(artwork))) for artwork in artworks]
    describe(pictures, tools=tools, pack_id=recipe.pack, waiting=report.check)
    seconds, peaks = time.monotonic() - began, watch.measured if watch is not None else {}
    tools.queue.record_timing(
        *forecast.subject_and_work(job.kind, job.payload),
        seconds,
        peak=peaks.get("peak"),
        estimate=peaks.get("estimate"),
    )
    if watch is not None:
        watch.tell()
    result = _painted(artworks, refused, recipe.count, measured)
    if artworks:
        return Outcome(result)
    reasons = dict.fromkeys(reason for verdict in refused for reason in verdict["reasons"])
    return Outcome(result, state="refused", error="; ".join(reasons))


def _watch(job: Job, recipe: Recipe, painter: Any, tools: Tools) -> Watch | None:
    """What measures the painting; None for a painter that is on no device."""
    where = getattr(painter, "where", None)
    if where is None or recipe.upscaler:
        return None
    from studio.workshop.measuring import Watch  # here: torch, which a start need not wait for

    wide, high = job.payload.get("source_size") or (0, 0)
    return Watch(
        recipe,
        tools=tools,
        where=where,
        offload=job.payload.get("offload") is True,
        source_size=(wide, high) if wide and high else None,
    )


def caption(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """Describe an artwork, or a file once the gate let it through; a caption that a person wrote is not replaced."""
    settings = tools.settings()
    if "artwork" in job.payload:
        artwork = tools.gallery.get(int(job.payload["artwork"]))
        picture, verdict = tools.stored(artwork), artwork.verdict
    else:
        artwork = None
        gate = tools.gate(settings.pack, waiting=report.check)
        cleared, _ = gate.file(tools.files.spooled(job.payload["spool"]))
        picture, verdict = cleared.picture, cleared.verdict
    captioner = tools.models.captioner(settings.pack, waiting=report.check)
    report.check()
    (text,) = captioner([small(picture)])
    if artwork is not None and artwork.caption_by != "you":
        tools.gallery.set_caption(artwork.id, text, captioner.name)
    return Outcome({"caption": text, "verdict": verdict.to_dict()})


def ask(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """Answer a question about an artwork, or about a file once the gate let it through; nothing of it is kept."""
    settings, question = tools.settings(), str(job.payload["question"])
    gate = tools.gate(settings.pack, waiting=report.check)
    gate.question(question)
    painted_by = ""
    if "artwork" in job.payload:
        artwork = tools.gallery.get(int(job.payload["artwork"]))
        picture = tools.stored(artwork)
        if artwork.recipe is not None and artwork.recipe.task != "enlarge":  # whatever a picture shows can be enlarged
            painted_by = artwork.recipe.pack
    else:
        picture = gate.file(tools.files.spooled(job.payload["spool"]))[0].picture
    report.stage("looking")
    answerer = tools.models.answerer(settings.pack, painted_by=painted_by, waiting=report.check)
    report.check()
    note = BEYOND if answerer.name == STARTER != painted_by else ""
    return Outcome({"answer": answerer(small(picture), question), "by": answerer.name, "note": note})


def clear(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """Let the gate look at one upload, and make the small cleared picture that the page may show."""
    gate = tools.gate(tools.settings().pack, waiting=report.check)
    cleared, intake = gate.file(tools.files.spooled(job.payload["spool"]))
    picture = cleared.picture
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    shown = gate.picture(picture)  # the small one is another picture: what was hidden in fine detail may show in it
    name = tools.files.preview(shown, f"upload-{job.id}")
    width, height = intake.size
    return Outcome({"preview": name, "verdict": cleared.verdict.to_dict(), "width": width, "height": height})


def warm(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """Load what the first look and the first picture need."""
    pack_id = tools.settings().pack
    tools.gate(pack_id, waiting=report.check)
    tools.models.encoder(pack_id, waiting=report.check)
    tools.models.painter(pack_id, waiting=report.check)
    tools.models.captioner(pack_id, waiting=report.check)
    return Outcome()


def install(job: Job, report: JobReport, tools: Tools) -> Outcome:
    """Bring a pack from the hub and put it on the Shelf."""
    from studio.workshop.installing import install_pack  # here: the hub's client, which a start need not wait for

    try:
        return Outcome(install_pack(job, report, tools))
    except Cancelled as error:
        raise Cancelled(
            "Paused; what was fetched stays. Install it again to go on from the byte where it stopped."
        ) from error


TASKS: Mapping[str, Task] = {
    "paint": paint,
    "repeat": lambda job, report, tools: Outcome(repeat(job, report, tools)),
    "import": lambda job, report, tools: Outcome(import_pictures(job, report, tools)),
    "find": lambda job, report, tools: Outcome(finding.find(job, report, tools)),
    "caption": caption,
    "ask": ask,
    "clear": clear,
    "annotate": lambda job, report, tools: Outcome(draw_map(job, report, tools)),
    "select": lambda job, report, tools: Outcome(find_by_words(job, report, tools)),
    "sheet": lambda job, report, tools: Outcome(contact.make(job, report, tools)),
    "warm": warm,
    "embed": lambda job, report, tools: Outcome(embedding.embed(job, report, tools)),
    "looks": lambda job, report, tools: Outcome(looking.look(job, report, tools)),
    "duplicates": lambda job, report, tools: Outcome(looking.find_duplicates(job, report, tools)),
    "install": install,
    "map": lambda job, report, tools: Outcome(mapping.draw(job, report, tools)),
    "scan": lambda job, report, tools: Outcome(tending.scan(job, report, tools)),
    "bring": lambda job, report, tools: Outcome(tending.bring_model(job, report, tools)),
    "verify": lambda job, report, tools: Outcome(tending.verify_pack(job, report, tools)),
    "move": lambda job, report, tools: Outcome(tending.move_pack(job, report, tools)),
    "export": lambda job, report, tools: Outcome(exporting.export(job, report, tools)),
    "empty": lambda job, report, tools: Outcome(disposing.empty(job, report, tools)),
}


def refusal(error: Refused) -> dict[str, Any]:
    """The result of a job whose whole input was refused: the verdict, and nothing of the picture."""
    return {"refused": [error.verdict.to_dict()], "verdict": error.verdict.to_dict()}


def _painted(
    artworks: list[Artwork], refused: list[dict[str, Any]], count: int, measured: dict[str, int]
) -> dict[str, Any]:
    result = {"artworks": [artwork.id for artwork in artworks], "refused": refused, "count": count}
    return {**result, "outside": measured} if measured else result
