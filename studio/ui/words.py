"""What the pages say: times, sizes, verdicts and how a job goes, in plain words. It draws nothing and escapes nothing."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from studio.domain import amounts
from studio.domain.amounts import amount, counted
from studio.domain.artwork import Artwork
from studio.domain.control import CONTROLS
from studio.domain.job import Job
from studio.domain.query import Query
from studio.domain.verdict import Verdict
from studio.gallery.finding.language import write
from studio.packs.manifest import ROLES as PACK_ROLES

KINDS = {
    "paint": "Paint",
    "repeat": "Repeat",
    "import": "Import",
    "find": "Search",
    "caption": "Caption",
    "ask": "Question",
    "clear": "Check an upload",
    "tokens": "Count tokens",
    "sheet": "Contact sheet",
    "install": "Install",
    "warm": "Warm up",
    "map": "Draw the map",
    "embed": "Read pictures for the search",
    "looks": "Read colours",
    "duplicates": "Find duplicates",
    "scan": "Look for models",
    "bring": "Bring a model",
    "verify": "Verify a pack",
    "move": "Move a pack",
    "export": "Export",
    "empty": "Empty the bin",
}
DOING = {"find": "Searching", "caption": "Describing", "ask": "Reading the question", "clear": "Checking"}
COUNTED = ("import", "export", "empty")  # jobs whose progress is told in pictures
ROLES = {
    **{role: does[:1].upper() + does[1:] for role, does in PACK_ROLES.items()},
    **{f"control-{name}": f"Follows {kind.label.lower()}" for name, kind in CONTROLS.items()},
    "control-inpaint": "Fills masks",
    "tokenizer": "Reads the prompt",
}
STATES = {
    "waiting": "Waiting",
    "running": "Running",
    "done": "Done",
    "refused": "Refused",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}


def duration(seconds: float | None) -> str:
    """A forecast: "about 4 s", "about 3 min"; empty when nothing is known."""
    return "" if seconds is None else f"about {amounts.duration(seconds)}"


def took(seconds: float | None) -> str:
    """A measured time: "0.8 s", "12 s", "3 min 5 s"."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{round(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def size(count: float) -> str:
    """Bytes in the unit that fits: "41 kB", "37 MB"."""
    return amount(count)


def ago(then: float, *, now: float | None = None) -> str:
    """When something happened, as a person says it; a clock set back reads as "just now"."""
    seconds = (time.time() if now is None else now) - then
    if seconds < 60:
        return "just now"
    if seconds < 3_600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86_400:
        return f"{int(seconds // 3_600)} h ago"
    return f"{datetime.fromtimestamp(then):%-d %b %Y, %H:%M}"


def margin(verdict: Verdict) -> str:
    """The verdict of a kept picture: "Checked · margin 0.12"."""
    if not verdict.allowed:
        return "Not checked"
    return "Checked" if verdict.margin is None else f"Checked · margin {verdict.margin:.2f}"


def refusal(verdict: Verdict) -> str:
    """Why a picture or prompt was refused, and by how much."""
    reasons = "; ".join(verdict.reasons) or "refused by the safety gate"
    return reasons if verdict.margin is None else f"{reasons} (margin {verdict.margin:.2f})"


def size_label(width: int, height: int) -> str:
    """A size as a person says it: "Square 128 × 128"."""
    shape = "Square" if width == height else "Wide" if width > height else "Tall"
    return f"{shape} {width} × {height}"


def size_icon(width: int, height: int) -> str:
    """A size for a narrow button: a symbol of its shape and its pixels."""
    shape = "crop_square" if width == height else "crop_landscape" if width > height else "crop_portrait"
    return f":material/{shape}: {width} × {height}"


def progress(job: Job, *, left: float | None, ahead: int) -> str:
    """One line on a job that has not ended: what it does, how far it is, how long it will take."""
    if job.cancel:
        return "Stopping"
    if job.state == "waiting":
        place = "Waiting for the worker" if ahead == 0 else f"Waiting, {ahead} ahead of it"
        return " · ".join(filter(None, (place, duration(left))))
    stage = job.stage[:1].upper() + job.stage[1:] if job.stage else DOING.get(job.kind, "Working")
    steps = f"{job.done:,} of {job.total:,}" if job.total and job.kind in COUNTED else ""
    rate = job.result.get("rate") if job.kind == "import" else None
    pace = f"{rate:,.0f} a second" if rate and rate >= 1 else f"{60 * rate:,.0f} a minute" if rate else ""
    return " · ".join(filter(None, (stage, steps, pace, f"{duration(left)} left" if left is not None else "")))


def share(job: Job) -> float:
    """How much of a job is done, 0 to 1."""
    return min(1.0, max(0.0, job.done / job.total)) if job.total > 0 else 0.0


def refused(job: Job) -> list[Verdict]:
    """The verdicts of the pictures that the gate kept back."""
    return [Verdict.from_dict(body) for body in job.result.get("refused", ()) if isinstance(body, dict)]


def ending(job: Job) -> tuple[str, str]:
    """How a job ended that gave no picture: a headline and a sentence. The words of NaN, refusal and a lost worker differ."""
    why = job.error.strip()
    if job.state == "refused":
        return _refused_ending(job, why)
    headline, sentence = {
        "cancelled": ("Cancelled", "Nothing was saved. Your words and settings are still here."),
        "interrupted": ("Interrupted", "The worker stopped in the middle of it. Nothing was lost."),
        "failed": ("The model produced no numbers" if "NaN" in why else "This did not work", "No reason was given."),
    }.get(job.state, ("Nothing came of it", "The job ended without a picture."))
    return headline, sentence if job.state == "cancelled" else why or sentence


def _refused_ending(job: Job, why: str) -> tuple[str, str]:
    kept_back = len(refused(job))
    if not kept_back:
        return "Refused", why or "The safety gate refused this."
    if "verdict" in job.result:  # the whole wish, so nothing was begun
        given = next((word for word in ("mask", "source", "map") if f"The {word}" in why), "")
        return (
            "Refused by the safety gate",
            f"The {given or 'words'} {'was' if given else 'were'} refused; nothing was painted.",
        )
    count = f"{kept_back} pictures were" if kept_back > 1 else "The picture was"
    return "Refused by the safety gate", f"{count} painted, checked and not kept. No pixels were saved or shown."


def about(job: Job) -> str:
    """What a job is about, as typed by somebody: hostile text, to be escaped by whoever shows it."""
    payload: dict[str, Any] = job.payload
    if job.kind in ("paint", "repeat"):
        return str((payload.get("typed") or payload.get("recipe", {})).get("prompt", ""))
    if job.kind == "import":
        files = payload.get("files")
        if files:
            return str(files[0].get("name", "")) if len(files) == 1 else f"{len(files)} files"
        return str(payload.get("folder", ""))
    if job.kind == "find":
        asked = tuple((str(text), float(weight)) for text, weight in payload.get("words", ()))
        return write(Query(words=asked)) or "like a picture"
    if job.kind in ("ask", "sheet", "export", "empty"):
        return str(payload.get("question") or _leaving(job) or f"Grid {payload.get('sheet', '')}")
    pack = payload.get("pack") if job.kind in ("install", "verify", "move") else ""
    return str(payload.get("name") or pack or payload.get("path") or payload.get("artwork") or "")


def _leaving(job: Job) -> str:
    """What an export or the emptying of the bin is about; empty for other jobs."""
    count, to = len(job.payload.get("ids", ())), job.payload.get("to")
    said = counted(count)
    if job.kind == "export":
        return f"{said} to {to}" if to else f"{said} for a download"
    return said if job.kind == "empty" else ""


def imported(result: dict[str, Any]) -> str:
    """One line on an import."""
    parts = [f"{result.get('imported', 0):,} imported"]
    left_out = result.get("left_out", len(result.get("skipped", ())))
    for count, said in (
        (result.get("duplicates", 0), "already here"),
        (result.get("moved", 0), "moved"),
        (result.get("back", 0), "back again"),
        (result.get("gone", 0), "gone"),
        (left_out, "skipped"),
    ):
        if count:
            parts.append(f"{count:,} {said}")
    return ", ".join(parts) + "."


def parts(roles: dict[str, str], sizes: dict[str, int]) -> list[tuple[str, str]]:
    """What each part of a pack does, which folders it is and how large they are."""
    named = set(roles.values())
    rows = []
    for role, folder in roles.items():
        folders = [folder] if folder != "." else [name for name in sizes if name not in named and "." not in name]
        rows.append(
            (
                ROLES.get(role, role.capitalize()),
                ", ".join(f"{name} {size(sizes[name])}" if name in sizes else name for name in sorted(folders)),
            )
        )
    return rows


def said(artwork: Artwork) -> str:
    """What stands under a picture: its caption, else what it was asked to be."""
    return artwork.caption or artwork.prompt or (artwork.recipe.prompt if artwork.recipe else "") or "No caption yet"
