"""`import` and `folders`: pictures brought in from folders, by copies or watched where they lie. It opens no picture."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.gallery.coming.folders import Folder
from studio.terminal.answers import DONE, ending, open_home_studio, respond, wait

if TYPE_CHECKING:
    from studio.app import Studio

COUNTS = ("imported", "duplicates", "moved", "back", "gone")


def options_of(verb: argparse.ArgumentParser) -> None:
    """What `import` can be told."""
    verb.add_argument("folder", type=Path, metavar="FOLDER")
    verb.add_argument(
        "--watch", action="store_true", help="copy nothing: its pictures stay where they are, and are looked at again"
    )
    verb.add_argument("--report", type=Path, metavar="FILE", help="write what was left out, and why, as CSV")


def folder_options(verb: argparse.ArgumentParser) -> None:
    """What `folders` can be told."""
    verb.add_argument("--rescan", action="store_true", help="look at each of them again")
    verb.add_argument("--stop", type=Path, metavar="FOLDER", help="watch this one no longer; its pictures stay")


def bring(options: argparse.Namespace) -> int:
    """Import a folder, or watch it; returns the exit code."""
    report = options.report
    if report is not None and not report.absolute().parent.is_dir():
        raise BadInput("report", f"{report.absolute().parent} is not a folder.")
    studio = open_home_studio()
    job = wait(studio, studio.import_folder(options.folder, watch=options.watch))
    skipped = job.result.get("skipped", [])
    if report is not None:
        _keep(studio, job, report)
    answer = _answer(job)
    lines = [_line(job.result), *(f"  {one['name']!r}: {one['reason']}" for one in skipped)]
    if options.watch:
        lines.append(looked_at(studio.settings.rescan_minutes))
    respond(options, {**answer, "skipped": skipped}, lines)
    return ending(job, [job.error] if job.error else [])


def looked_at(minutes: int) -> str:
    """When a watched folder is looked at again, as the settings say."""
    if not minutes:
        return "It is looked at again when you say so: folders --rescan."
    often = "minute" if minutes == 1 else f"{minutes:,} minutes"
    return f"It is looked at again every {often} while Easel is open and rests, and at once with folders --rescan."


def _keep(studio: Studio, job: Job, place: Path) -> None:
    """Write the whole report, also of more files than the job's result names."""
    from studio.gallery.coming import folders as known
    from studio.gallery.coming.importing import report

    lines = known.all_left_out(studio.database, job.payload, job.result)
    try:
        place.write_text(report(lines), encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput("report", f"{place} cannot be written ({error.strerror}); what came in stays.") from error


def folders(options: argparse.Namespace) -> int:
    """List the watched folders, look at them again, or watch one no longer; returns the exit code."""
    studio = open_home_studio()
    if options.stop is not None:
        wanted = str(options.stop.expanduser().resolve())
        known = {one.path: one.id for one in studio.folders()}
        if wanted not in known:
            raise BadInput("folder", f"{wanted} is not watched.")
        studio.stop_watching(known[wanted])
    code, scans = DONE, {}
    if options.rescan:
        for folder in studio.folders():
            job = wait(studio, studio.rescan(folder.id))
            scans[folder.id] = _answer(job)
            code = max(code, ending(job, [job.error] if job.error else []))
    listed = studio.folders()
    rows: list[dict[str, Any]] = [
        one.to_dict() | ({"scan": scans[one.id]} if one.id in scans else {}) for one in listed
    ]
    lines = [_about(one) for one in listed] or ["No folder is watched; `import --watch FOLDER` does."]
    respond(options, {"folders": rows}, lines)
    return code


def _answer(job: Job) -> dict[str, Any]:
    counts = {name: job.result.get(name, 0) for name in COUNTS}
    return {**counts, "left_out": job.result.get("left_out", len(job.result.get("skipped", [])))}


def _line(result: dict[str, Any]) -> str:
    left_out = result.get("left_out", len(result.get("skipped", [])))
    more = "".join(f", {result[name]} {said}" for name, said in _MORE if result.get(name))
    return (
        f"{result.get('imported', 0)} imported, {result.get('duplicates', 0)} already here{more}, {left_out} skipped."
    )


_MORE = (("moved", "moved"), ("back", "back again"), ("gone", "gone"))


def _about(folder: Folder) -> str:
    when = f"{datetime.fromtimestamp(folder.scanned_at):%Y-%m-%d %H:%M}" if folder.scanned_at else "not scanned yet"
    more = [f"{folder.files} files", f"{folder.left_out} left out" if folder.left_out else ""]
    more += [f"{folder.gone} gone" if folder.gone else "", folder.note]
    return f"{folder.path}  {when}  {', '.join(filter(None, more))}"
