"""The terminal: the same verbs as the pages. JSON goes to stdout, everything else to stderr; it loads no model itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.control import BALANCES, KINDS
from studio.domain.errors import BadInput, EaselError
from studio.domain.recipe import FACTORS, METHODS, SAMPLERS
from studio.terminal import (
    asking,
    bringing,
    duplicating,
    exporting,
    foretelling,
    grids,
    guiding,
    painting,
    phrasing,
    reindexing,
    repeating,
    shelving,
    tagging,
    wearing,
)
from studio.terminal.answers import (
    CANCELLED,
    DONE,
    FAILED,
    must_be_done,
    open_home_studio,
    print_json,
    respond,
    say,
    wait,
)

if TYPE_CHECKING:  # the studio itself is opened only once the words are understood, so that --help is instant
    from studio.app import Studio


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input, 3 refused, 4 pack missing, 5 failed, 130 cancelled."""
    options = _parser().parse_args(words)
    try:
        code: int = options.verb(options)
        return code
    except KeyboardInterrupt:
        say("Cancelled.")
        return CANCELLED
    except BrokenPipeError:
        return FAILED
    except EaselError as error:
        say(str(error))
        if getattr(options, "json", False):
            print_json({"error": {"message": str(error), "field": getattr(error, "field", None)}})
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

    for name, paints, says in (
        ("paint", painting.paint, "Paint a picture from words; or vary, fill or extend one."),
        ("forecast", foretelling.forecast, "Say what painting a picture would take, in memory and time."),
    ):
        _painting(one := verb(name, paints, says))
        _offload(one)
    grid = verb(
        "grid", grids.grid, "Paint one recipe along one or two of its fields, a picture for each pair of values."
    )
    _painting(grid)
    _offload(grid)
    grids.options_of(grid)
    annotate = verb("annotate", guiding.annotate, "Draw a control map of a picture: its pose, depth, edges ...")
    annotate.add_argument("file", metavar="FILE_OR_ID")
    annotate.add_argument("--kind", required=True, metavar="K", help=", ".join(KINDS))
    annotate.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; repeatable")
    annotate.add_argument("--pack", metavar="ID", help="whose models look (default: as in the settings)")
    annotate.add_argument("--out", type=Path, metavar="DIR", help="also copy the map here")

    enlarge = verb("enlarge", painting.enlarge, "Make a picture 2 or 4 times as large.")
    enlarge.add_argument("file", metavar="FILE_OR_ID")
    enlarge.add_argument("--factor", type=int, default=2, metavar="N", help=" or ".join(str(one) for one in FACTORS))
    enlarge.add_argument("--method", metavar="NAME", help=f"{', '.join(METHODS)} (default: repaint)")
    enlarge.add_argument("--upscaler", default="", metavar="ID", help="the pack that enlarges, by the method model")
    enlarge.add_argument("--prompt", metavar="T", help="what it shows (default: what is known of it)")
    _settings(enlarge)
    _offload(enlarge)

    again = verb("repeat", repeating.repeat, "Will it come out the same here? Paint an artwork again and compare.")
    again.add_argument("id", metavar="ID", help="an artwork's number in the gallery")
    again.add_argument("--keep", action="store_true", help="keep what was painted, where a pixel of it differs")

    _finding(verb("find", _find, "Find pictures in the gallery by meaning, by words and by filters."))
    verb("caption", _caption, "Say what is in a picture.").add_argument("file", type=Path, metavar="FILE")
    ask = verb("ask", asking.ask, "Answer a question about a picture.")
    ask.add_argument("file", metavar="FILE_OR_ID")
    ask.add_argument("question", metavar="QUESTION")
    bringing.options_of(verb("import", bringing.bring, "Bring every picture of a folder into the gallery."))
    bringing.folder_options(verb("folders", bringing.folders, "List the watched folders, or look at them again."))
    duplicating.options_of(verb("duplicates", duplicating.duplicates, "Find copies of one picture, and which to keep."))
    verb("queue", _queue, "List the jobs, newest first.").add_argument("--limit", type=int, default=50, metavar="N")
    verb("packs", shelving.packs, "List the packs on this machine.").add_argument(
        "--all", action="store_true", help="also those that can be installed"
    )
    verb("install", shelving.install, "Install a pack from the hub, or go on where it stopped.").add_argument(
        "id", metavar="ID", help="as `packs --all` lists it"
    )
    verb("styles", phrasing.styles, "List the styles, or bring in a styles.csv.").add_argument(
        "--import", dest="table", type=Path, metavar="FILE", help="a styles.csv, as other studios write it"
    )
    verb("wildcards", phrasing.wildcards, "List the wildcard files, or the lines of one.").add_argument(
        "name", nargs="?", metavar="NAME"
    )
    exporting.options_of(
        verb("export", exporting.export, "Copy pictures out: files, a zip, contact sheets; what leaves is said first."),
        verb("bin", exporting.bin, "Say what lies in the bin; restore it, or delete it for good."),
    )
    tagging.options_of(
        verb("tag", tagging.tag, "Tag, rate, mark, note or collect many pictures at once."),
        verb("undo", tagging.undo, "Undo what was done to pictures by hand, also days later."),
    )
    _upkeep(verb)
    verb("worker", _worker, "Run the worker (started by whoever first needs it).", json=False)
    run = verb("run", _run, "Open the studio in the browser, on this machine only.", json=False)
    run.add_argument("--port", type=int, default=8501, metavar="N", help="the first free port from here on")
    run.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser


def _upkeep(verb: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]) -> None:
    """What looks after a gallery."""
    verb("check", _check, "Check database, files, hashes and index; change nothing.")
    verb("reindex", reindexing.reindex, "Read what the search model has not read yet, and sort it for quick searches.")


def _painting(paint: argparse.ArgumentParser) -> None:
    """What `paint` can be told."""
    paint.add_argument("prompt", metavar="PROMPT")
    _settings(paint)
    paint.add_argument("--count", type=int, default=1, metavar="K", help="how many pictures, 1 to 8")
    paint.add_argument("--size", metavar="WxH", help="pixels, such as 128x128 (default: the pack's)")
    paint.add_argument("--hires", type=float, default=1.0, metavar="X", help="paint once more, that much larger")
    paint.add_argument("--hires-strength", type=float, metavar="X", help="how much of it is painted anew, 0 to 1")
    paint.add_argument(
        "--control", action="append", default=[], metavar="KIND=FILE[:WEIGHT[:START[:END]]]",
        help=f"follow a map: a picture, an artwork's number, or OpenPose's JSON; repeatable; {', '.join(KINDS)}",
    )  # fmt: skip
    paint.add_argument("--balance", default="balanced", choices=tuple(BALANCES), help="what matters more")
    paint.add_argument("--source", metavar="FILE_OR_ID", help="the picture to vary, fill or extend")
    paint.add_argument("--mask", type=Path, metavar="FILE", help="fill the source where this picture is white")
    paint.add_argument("--select", metavar="WORDS", help="fill what these words name in the source")
    paint.add_argument("--feather", type=int, metavar="N", help="pixels that blend inside the mask's edge")
    paint.add_argument("--extend", metavar="SIDE=N,...", help="extend the source: left=64,top=32,right=..,bottom=..")


def _finding(find: argparse.ArgumentParser) -> None:
    """What `find` can be told."""
    find.add_argument(
        "words", nargs="*", metavar="WORDS",
        help="as in the gallery's search box, best in one pair of quotes: 'red boat -people date:2026-10.. rating:>=3'",
    )  # fmt: skip
    find.add_argument("--like", action="append", default=[], metavar="FILE_OR_ID", help="like this picture; repeatable")
    find.add_argument("--without", action="append", default=[], metavar="WORDS", help="unlike these words; repeatable")
    find.add_argument("--limit", type=int, default=20, metavar="N")


def _settings(verb: argparse.ArgumentParser) -> None:
    """What everything that paints can be told."""
    verb.add_argument("--negative", default="", metavar="T", help="what should not be there")
    verb.add_argument("--style", action="append", default=[], metavar="NAME", help="as `styles` lists it; repeatable")
    verb.add_argument("--strength", type=float, metavar="X", help="how much of a source changes, 0 to 1")
    verb.add_argument("--seed", type=int, metavar="N", help="same recipe and seed, same picture (default: a new one)")
    verb.add_argument("--steps", type=int, metavar="N")
    verb.add_argument("--guidance", type=float, metavar="X")
    verb.add_argument("--sampler", metavar="NAME", help=", ".join(SAMPLERS))
    verb.add_argument("--pack", default="storybook", metavar="ID")
    wearing.options_of(verb)
    verb.add_argument("--out", type=Path, metavar="DIR", help="also copy the pictures here")


def _offload(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--offload", action="store_true", help="need less memory and more time")


def _find(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from studio.gallery.finding.language import read
    from studio.gallery.keeping import collections

    studio = open_home_studio()
    if not (1 <= options.limit <= 1_000):
        raise BadInput("limit", "The limit must be between 1 and 1,000.")
    asked = read(" ".join(options.words))
    for note in asked.notes:
        say(note)
    without = tuple((text, -1.0) for text in options.without)
    like = tuple((_like(studio, text), 1.0) for text in options.like)
    query = collections.unfolded(studio.database, asked.query)
    query = replace(query, words=query.words + without, like=query.like + like, limit=options.limit)
    hits = studio.search(query, told=say)
    rows: list[dict[str, Any]] = [
        {
            "id": hit.artwork.id,
            "path": str(studio.gallery.path(hit.artwork)),
            "score": hit.score,
            "caption": hit.artwork.caption,
            "why": hit.why.to_dict() if hit.why else None,
        }
        for hit in hits
    ]
    respond(options, {"hits": rows}, [f"{_score(row['score'])}  {row['path']}  {row['caption']}" for row in rows])
    return DONE


def _caption(options: argparse.Namespace) -> int:
    from studio.safety.intake import read_file

    studio = open_home_studio()
    job = wait(studio, studio.caption(data=read_file(options.file)))
    must_be_done(job)
    respond(options, {"caption": job.result["caption"]}, [job.result["caption"]])
    return DONE


def _queue(options: argparse.Namespace) -> int:
    names = ("id", "kind", "state", "done", "total", "error")
    rows = [{name: getattr(job, name) for name in names} for job in open_home_studio().queue.list(limit=options.limit)]
    respond(
        options, {"jobs": rows}, [f"{row['id']:>6}  {row['kind']:<8} {row['state']:<12} {row['error']}" for row in rows]
    )
    return DONE


def _check(options: argparse.Namespace) -> int:
    problems = open_home_studio().check()
    respond(options, {"ok": not problems, "problems": problems}, problems or ["All is well."])
    return FAILED if problems else DONE


def _worker(options: argparse.Namespace) -> int:
    from studio.places import default_home, open_home
    from studio.workshop.worker import main as work

    return work(open_home(default_home()))


def _run(options: argparse.Namespace) -> int:
    from studio.ui.serve import serve

    return serve(port=options.port, browser=not options.no_browser)


def _like(studio: Studio, text: str) -> str:
    """A reference to an artwork by its number, or to a file handed in."""
    from studio.safety.intake import read_file

    if text.isdecimal() and not Path(text).exists():
        if int(text) not in studio.gallery.many([int(text)]):
            raise BadInput("like", f"There is no artwork {text} in the gallery.")
        return f"id:{int(text)}"
    return f"sha:{studio.upload(read_file(Path(text)))}"


def _score(score: float | None) -> str:
    return "     " if score is None else f"{score:.3f}"
