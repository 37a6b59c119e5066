"""How the terminal answers: JSON to stdout, sentences to stderr, exit codes by how a job ended. It decides nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.amounts import amount
from studio.domain.errors import BadInput, Failed, Refused
from studio.domain.job import Job
from studio.domain.verdict import Verdict

if TYPE_CHECKING:  # the studio itself is opened only once the words are understood, so that --help is instant
    from studio.app import Studio
    from studio.domain.artwork import Artwork

DONE, BAD_INPUT, REFUSED, PACK_MISSING, FAILED, CANCELLED = 0, 2, 3, 4, 5, 130
ENDINGS = {"done": DONE, "refused": REFUSED, "failed": FAILED, "interrupted": FAILED, "cancelled": CANCELLED}


def open_home_studio() -> Studio:
    """The studio of this machine's home folder."""
    from studio.app import open_studio

    return open_studio()


def wait(studio: Studio, job: Job) -> Job:
    """Wait for a job, telling a person at a terminal how far it is; Ctrl+C cancels it."""
    live = sys.stderr.isatty()

    def tell(job: Job) -> None:
        if live:
            print(f"\r\033[K{going(job, studio.seconds_left(job))}", end="", file=sys.stderr, flush=True)

    try:
        return studio.wait(job.id, on_change=tell)
    except KeyboardInterrupt:
        studio.cancel(job.id)
        studio.wait(job.id, timeout=30)
        raise
    finally:
        if live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def going(job: Job, left: float | None) -> str:
    """One line on how far a job is: what it does, how much of it, of an import how fast, and the seconds left."""
    numbers = (amount(job.done), amount(job.total)) if job.kind == "install" else (f"{job.done:,}", f"{job.total:,}")
    parts = [f"{job.stage or job.state} {'/'.join(numbers)}"]
    rate = job.result.get("rate") if job.kind == "import" else None
    if isinstance(rate, int | float) and rate > 0:
        parts.append(f"{rate:,.0f} a second" if rate >= 1 else f"{60 * rate:,.0f} a minute")
    if left:
        parts.append(f"about {_long(left)} left")
    return ", ".join(parts)


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"


def must_be_done(job: Job) -> None:
    """Raise what became of a job that did not end well: Refused, BadInput, Failed, or KeyboardInterrupt for a cancelled one."""
    if job.state == "refused":
        verdict = job.result.get("verdict")
        raise Refused(Verdict.from_dict(verdict) if verdict else Verdict(False, (job.error,)))
    if job.state == "cancelled":
        raise KeyboardInterrupt
    if "field" in job.result and job.state == "failed":
        raise BadInput(str(job.result["field"]), job.error)
    if job.state != "done":
        raise Failed(job.error or f"Job {job.id} was {job.state}.")


def ending(job: Job, reasons: list[str]) -> int:
    """Say why a job ended as it did; returns the exit code."""
    for reason in reasons:
        say(reason)
    return BAD_INPUT if job.state == "failed" and "field" in job.result else ENDINGS.get(job.state, FAILED)


def size_of(text: str) -> tuple[int, int]:
    """(width, height) from "128x96"; raises BadInput."""
    width, cross, height = text.lower().partition("x")
    try:
        if not cross:
            raise ValueError
        return int(width), int(height)
    except ValueError as error:
        raise BadInput("size", f"The size must look like 128x128, in pixels; {text!r} does not.") from error


def out_folder(out: Path | None) -> Path | None:
    """The folder to copy to, made now, so that a wrong one is said before anything is painted."""
    if out is None:
        return None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput("out", f"{out} cannot be used as a folder ({error.strerror}).") from error
    return out


def facts(studio: Studio, artwork: Artwork) -> dict[str, Any]:
    """What the terminal tells of an artwork."""
    recipe = artwork.recipe
    return {
        "id": artwork.id,
        "path": str(studio.gallery.path(artwork)),
        "sha256": artwork.sha256,
        "seed": recipe.seed if recipe else None,
        "width": artwork.width,
        "height": artwork.height,
        "prompt": recipe.prompt if recipe else artwork.prompt,
        "caption": artwork.caption,
        "verdict": {
            "allowed": artwork.verdict.allowed,
            "margin": artwork.verdict.margin,
            "scores": artwork.verdict.scores,
        },
    }


def respond(options: argparse.Namespace, body: dict[str, Any], lines: list[str]) -> None:
    """Answer with JSON where it was asked for, else with lines."""
    if options.json:
        print_json(body)
    else:
        for line in lines:
            print(line)


def print_json(answer: dict[str, Any]) -> None:
    """One JSON object on a line of stdout."""
    print(json.dumps(answer, ensure_ascii=False))


def say(sentence: str) -> None:
    """A sentence for whoever sits at the terminal."""
    print(sentence, file=sys.stderr)


def copy_out(studio: Studio, artworks: list[Artwork], out: Path | None) -> None:
    """Copy the files of artworks into the folder that `--out` names."""
    if out is not None:
        for artwork in artworks:
            (out / artwork.file).write_bytes(studio.gallery.served(artwork))
