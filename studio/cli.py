"""The terminal: the same verbs as the pages. JSON goes to stdout, everything else to stderr; it loads no model itself."""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.errors import BadInput, EaselError
from studio.domain.job import Job
from studio.domain.recipe import SAMPLERS, Recipe

if TYPE_CHECKING:  # the studio itself is opened only once the words are understood, so that --help is instant
    from studio.app import Studio
    from studio.domain.artwork import Artwork

DONE, BAD_INPUT, REFUSED, PACK_MISSING, FAILED, CANCELLED = 0, 2, 3, 4, 5, 130
ENDINGS = {"done": DONE, "refused": REFUSED, "failed": FAILED, "interrupted": FAILED, "cancelled": CANCELLED}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input, 3 refused, 4 pack missing, 5 failed, 130 cancelled."""
    options = _parser().parse_args(words)
    try:
        code: int = options.verb(options)
        return code
    except KeyboardInterrupt:
        _say("Cancelled.")
        return CANCELLED
    except BrokenPipeError:
        return FAILED
    except EaselError as error:
        _say(str(error))
        if getattr(options, "json", False):
            _print_json({"error": {"message": str(error), "field": getattr(error, "field", None)}})
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m studio", description="Easel, a creative studio on your own machine."
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(
        name: str, run: Callable[[argparse.Namespace], int], help: str, *, json: bool = True
    ) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=help, description=help)
        one.set_defaults(verb=run)
        if json:
            one.add_argument("--json", action="store_true", help="print the answer as JSON")
        return one

    paint = verb("paint", _paint, "Paint a picture from words.")
    paint.add_argument("prompt", metavar="PROMPT")
    paint.add_argument("--negative", default="", metavar="T", help="what should not be there")
    paint.add_argument("--seed", type=int, metavar="N", help="same recipe and seed, same picture (default: a new one)")
    paint.add_argument("--count", type=int, default=1, metavar="K", help="how many pictures, 1 to 8")
    paint.add_argument("--size", metavar="WxH", help="pixels, such as 128x128 (default: the pack's)")
    paint.add_argument("--steps", type=int, metavar="N")
    paint.add_argument("--guidance", type=float, metavar="X")
    paint.add_argument("--sampler", metavar="NAME", help=", ".join(SAMPLERS))
    paint.add_argument("--pack", default="storybook", metavar="ID")
    paint.add_argument("--out", type=Path, metavar="DIR", help="also copy the pictures here")

    find = verb("find", _find, "Find pictures in the gallery by meaning.")
    find.add_argument("words", nargs="*", metavar="WORDS")
    find.add_argument("--like", action="append", default=[], metavar="FILE_OR_ID", help="like this picture; repeatable")
    find.add_argument("--without", action="append", default=[], metavar="WORDS", help="unlike these words; repeatable")
    find.add_argument("--limit", type=int, default=20, metavar="N")

    verb("caption", _caption, "Say what is in a picture.").add_argument("file", type=Path, metavar="FILE")
    verb("import", _import, "Bring every picture of a folder into the gallery.").add_argument(
        "folder", type=Path, metavar="FOLDER"
    )
    verb("queue", _queue, "List the jobs, newest first.").add_argument("--limit", type=int, default=50, metavar="N")
    verb("packs", _packs, "List the packs on this machine.")
    verb("check", _check, "Check database, files, hashes and index; change nothing.")
    verb("worker", _worker, "Run the worker (started by whoever first needs it).", json=False)
    run = verb("run", _run, "Open the studio in the browser, on this machine only.", json=False)
    run.add_argument("--port", type=int, default=8501, metavar="N", help="the first free port from here on")
    run.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser


def _paint(options: argparse.Namespace) -> int:
    studio = _studio()
    shown = studio.shelf.get(options.pack).manifest
    width, height = _size(options.size) if options.size else shown.size
    recipe = Recipe(
        prompt=options.prompt,
        negative=options.negative,
        pack=options.pack,
        width=width,
        height=height,
        steps=shown.steps if options.steps is None else options.steps,
        guidance=shown.guidance if options.guidance is None else options.guidance,
        sampler=shown.sampler if options.sampler is None else options.sampler.lower(),
        seed=secrets.randbelow(2**32) if options.seed is None else options.seed,
        count=options.count,
    )
    out = _out_folder(options.out)
    job = _wait(studio, studio.paint(recipe))
    artworks = list(studio.gallery.many(job.result.get("artworks", [])).values())
    if out is not None:
        for artwork in artworks:
            shutil.copyfile(studio.files.path(artwork.file), out / artwork.file)
    reasons = [reason for verdict in job.result.get("refused", []) for reason in verdict["reasons"]]
    if job.error and job.error not in reasons:
        reasons.append(job.error)
    state = {"id": job.id, "state": job.state, "seconds": job.seconds, "reasons": reasons}
    answer = {"job": state, "artworks": [_artwork(studio, artwork) for artwork in artworks]}
    _answer(
        options,
        answer,
        [f"{studio.files.path(one.file)}  seed {one.recipe and one.recipe.seed}  {one.caption}" for one in artworks],
    )
    return _ending(job, reasons)


def _find(options: argparse.Namespace) -> int:
    from studio.domain.artwork import Query

    studio = _studio()
    if not (1 <= options.limit <= 1_000):
        raise BadInput("limit", "The limit must be between 1 and 1,000.")
    words = ((" ".join(options.words), 1.0),) if options.words else ()
    without = tuple((text, -1.0) for text in options.without)
    like = tuple((_like(studio, text), 1.0) for text in options.like)
    hits = studio.search(Query(words=words + without, like=like, limit=options.limit))
    rows = [
        {
            "id": hit.artwork.id,
            "path": str(studio.files.path(hit.artwork.file)),
            "score": hit.score,
            "caption": hit.artwork.caption,
        }
        for hit in hits
    ]
    _answer(options, {"hits": rows}, [f"{_score(row['score'])}  {row['path']}  {row['caption']}" for row in rows])
    return DONE


def _caption(options: argparse.Namespace) -> int:
    from studio.safety.intake import read_file

    studio = _studio()
    job = _wait(studio, studio.caption(data=read_file(options.file)))
    if job.state == "done":
        _answer(options, {"caption": job.result["caption"]}, [job.result["caption"]])
    return _ending(job, [job.error] if job.error else [])


def _import(options: argparse.Namespace) -> int:
    studio = _studio()
    job = _wait(studio, studio.import_folder(options.folder))
    answer = {
        name: job.result.get(name, empty) for name, empty in (("imported", 0), ("duplicates", 0), ("skipped", []))
    }
    lines = [f"{answer['imported']} imported, {answer['duplicates']} already here, {len(answer['skipped'])} skipped."]
    _answer(options, answer, lines + [f"  {skip['name']!r}: {skip['reason']}" for skip in answer["skipped"]])
    return _ending(job, [job.error] if job.error else [])


def _queue(options: argparse.Namespace) -> int:
    names = ("id", "kind", "state", "done", "total", "error")
    rows = [{name: getattr(job, name) for name in names} for job in _studio().queue.list(limit=options.limit)]
    _answer(
        options, {"jobs": rows}, [f"{row['id']:>6}  {row['kind']:<8} {row['state']:<12} {row['error']}" for row in rows]
    )
    return DONE


def _packs(options: argparse.Namespace) -> int:
    studio = _studio()
    rows = []
    for pack in studio.shelf.packs():
        rows.append(
            {
                "id": pack.id,
                "name": pack.manifest.name,
                "family": pack.manifest.family,
                "licence": pack.manifest.licence,
                "folder": str(pack.folder),
                "roles": sorted(pack.manifest.roles),
                "bytes": sum(studio.shelf.sizes(pack).values()),
                "missing": studio.shelf.missing(pack),
            }
        )
    lines = [
        f"{row['id']:<12} {row['bytes'] / 2**20:6.1f} MiB  {'incomplete' if row['missing'] else 'ready'}"
        for row in rows
    ]
    _answer(options, {"packs": rows}, lines)
    return DONE


def _check(options: argparse.Namespace) -> int:
    problems = _studio().check()
    _answer(options, {"ok": not problems, "problems": problems}, problems or ["All is well."])
    return FAILED if problems else DONE


def _worker(options: argparse.Namespace) -> int:
    from studio.places import default_home, open_home
    from studio.workshop.worker import main as work

    return work(open_home(default_home()))


def _run(options: argparse.Namespace) -> int:
    from studio.ui.serve import serve

    return serve(port=options.port, browser=not options.no_browser)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _studio() -> Studio:
    from studio.app import open_studio

    return open_studio()


def _wait(studio: Studio, job: Job) -> Job:
    """Wait for a job, telling a person at a terminal how far it is; Ctrl+C cancels it."""
    live = sys.stderr.isatty()

    def tell(job: Job) -> None:
        if live:
            left = studio.seconds_left(job)
            eta = f", about {left:.0f} s left" if left else ""
            print(f"\r\033[K{job.stage or job.state} {job.done}/{job.total}{eta}", end="", file=sys.stderr, flush=True)

    try:
        return studio.wait(job.id, on_change=tell)
    except KeyboardInterrupt:
        studio.cancel(job.id)
        studio.wait(job.id, timeout=30)
        raise
    finally:
        if live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _ending(job: Job, reasons: list[str]) -> int:
    for reason in reasons:
        _say(reason)
    return ENDINGS.get(job.state, FAILED)


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    try:
        if not cross:
            raise ValueError
        return int(width), int(height)
    except ValueError as error:
        raise BadInput("size", f"The size must look like 128x128, in pixels; {text!r} does not.") from error


def _out_folder(out: Path | None) -> Path | None:
    """The folder to copy to, made now, so that a wrong one is said before anything is painted."""
    if out is None:
        return None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput("out", f"{out} cannot be used as a folder ({error.strerror}).") from error
    return out


def _like(studio: Studio, text: str) -> str:
    """A reference to an artwork by its number, or to a file handed in."""
    from studio.safety.intake import read_file

    if text.isdecimal() and not Path(text).exists():
        if int(text) not in studio.gallery.many([int(text)]):
            raise BadInput("like", f"There is no artwork {text} in the gallery.")
        return f"id:{int(text)}"
    return f"sha:{studio.upload(read_file(Path(text)))}"


def _artwork(studio: Studio, artwork: Artwork) -> dict[str, Any]:
    recipe = artwork.recipe
    return {
        "id": artwork.id,
        "path": str(studio.files.path(artwork.file)),
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


def _answer(options: argparse.Namespace, answer: dict[str, Any], lines: list[str]) -> None:
    if options.json:
        _print_json(answer)
    else:
        for line in lines:
            print(line)


def _print_json(answer: dict[str, Any]) -> None:
    print(json.dumps(answer, ensure_ascii=False))


def _score(score: float | None) -> str:
    return "     " if score is None else f"{score:.3f}"


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
