"""The job "export": chosen pictures as files, as a zip or on contact sheets, for a folder or a download. It changes nothing."""

from __future__ import annotations

import contextlib
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from studio.domain.amounts import counted
from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput
from studio.domain.export import Export
from studio.domain.job import Job
from studio.gallery.carriers import Label, dress
from studio.gallery.encoding import encoded
from studio.gallery.files import write_pdf
from studio.gallery.leaving import exporting, naming, sheets
from studio.gallery.leaving.labels import mark_of
from studio.gallery.leaving.placing import Folder, part_name
from studio.safety.intake import open_picture
from studio.safety.provenance import EDITED, GENERATED, VOCABULARY, xmp_packet
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

DOWNLOADS = "exports"  # the folder below home where what is offered as a download lies
AT_ONCE = 200  # rows that are read together
LISTED = 200  # pictures that stayed here, with their reasons
PATHS = 20  # paths that are told
KEPT_SECONDS = 86_400.0  # of a download
SWEPT_SECONDS = 7 * 86_400.0  # so long the folder of an interrupted export is looked at again


@dataclass
class Tally:
    """What became of an export so far, as its result tells it."""

    to: str
    download: bool
    done: int = 0
    written: int = 0
    already: int = 0
    bytes: int = 0
    files: int = 0
    paths: list[str] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def wrote(self, path: Path, *, pictures: int, new: bool) -> None:
        """Count a file that lies in its place."""
        self.written += pictures if new else 0
        self.already += 0 if new else pictures
        self.files += 1
        self.bytes += path.stat().st_size if new else 0
        if len(self.paths) < PATHS:
            self.paths.append(str(path))

    def leave(self, id: int, reason: str) -> None:
        """Count a picture that stays here."""
        self.left_out.append({"id": id, "reason": reason})

    def result(self) -> dict[str, Any]:
        """As the job's row holds it."""
        left = self.left_out[:LISTED]
        return {**vars(self), "paths": list(self.paths), "left_out": left, "left_out_count": len(self.left_out)}


def export(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Export the payload's pictures ("ids", "choice", "to"); returns what became of them, as `Tally.result` says it.

    Cancelled or killed it leaves whole files or none: of a folder those that were done, of a zip or a PDF nothing. What cannot
    leave is left out with its reason. Raises Failed where the disk is full or gone, BadInput where no picture can leave.
    """
    choice = Export.from_dict(job.payload.get("choice"))
    ids = [int(id) for id in job.payload.get("ids", ())]
    to, name = _target(job, choice, tools)
    folder = Folder(to, home=tools.home, job=job.id)
    tally = Tally(str(to), download=not job.payload.get("to"))
    began = time.monotonic()
    report.stage("exporting")
    folder.open()
    try:
        way = {"zip": _zip, "sheet": _sheet, "pdf": _pdf}.get(choice.shape, _files)
        way(_Run(job, report, tools, choice, ids, folder, name, tally))
    finally:
        folder.drop()
        report.result = tally.result()
    if not tally.files:
        reason = tally.left_out[0]["reason"] if tally.left_out else "There is no such picture in the gallery."
        raise BadInput("ids", reason)
    tools.queue.record_timing(f"export:{choice.shape}:{choice.format}", float(len(ids)), time.monotonic() - began)
    return report.result


def _target(job: Job, choice: Export, tools: Tools) -> tuple[Path, str]:
    """The folder, and the name that the one file shall have where one was given."""
    given = str(job.payload.get("to", ""))
    if not given:
        return tools.home / DOWNLOADS / str(job.id), ""
    path = Path(given)
    if path.suffix.lower() in {"zip": (".zip",), "pdf": (".pdf",), "sheet": (".png",)}.get(choice.shape, ()):
        return path.parent, path.stem
    return path, ""


@dataclass(frozen=True)
class _Run:
    """One run of the job, with all that it needs."""

    job: Job
    report: JobReport
    tools: Tools
    choice: Export
    ids: Sequence[int]
    folder: Folder
    name: str
    tally: Tally

    def artworks(self) -> Iterator[tuple[Artwork, bytes]]:
        """Each picture that may leave, with the bytes that were cleared; the others are left out. Tells how far it is."""
        for start in range(0, len(self.ids), AT_ONCE):
            batch = self.ids[start : start + AT_ONCE]
            found = self.tools.gallery.many(batch)
            for id in batch:
                self.report.result = self.tally.result()
                self.report(self.tally.done, len(self.ids))
                self.tally.done += 1
                if id not in found:
                    self.tally.leave(id, f"There is no picture {id}.")
                    continue
                artwork = found[id]
                try:
                    reason = exporting.stays(artwork)
                    if reason:
                        raise BadInput("artwork", reason)
                    data = self.tools.files.unchanged(artwork.file, place=artwork.place)
                except BadInput as error:
                    self.tally.leave(id, str(error))
                    continue
                yield artwork, data

    def leaving(self) -> Iterator[tuple[Artwork, exporting.Leaving]]:
        """Each picture with its file as it leaves."""
        for artwork, data in self.artworks():
            try:
                yield artwork, exporting.leaving(artwork, data, self.choice)
            except BadInput as error:
                self.tally.leave(artwork.id, str(error))

    def stem(self, artwork: Artwork) -> str:
        """The name of a picture's file, without its ending."""
        return naming.stem(artwork, self.choice.names, number=self.tally.done)

    def title(self, what: str) -> str:
        """The name of the one file that holds them all."""
        count = len(self.ids)
        return self.name or f"easel-{datetime.now():%Y-%m-%d}-{count}-{what}{'s' * (count != 1)}"


def _files(run: _Run) -> None:
    for artwork, left in run.leaving():
        path, new = run.folder.put(left.data, run.stem(artwork), left.ending)
        run.tally.wrote(path, pictures=1, new=new)


def _zip(run: _Run) -> None:
    """Stored, not deflated: pictures are as small as they get."""
    names: set[str] = set()
    with run.folder.writing() as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for artwork, left in run.leaving():
            name = naming.unlike(run.stem(artwork), left.ending, taken=lambda one: naming.folded(one) in names)
            names.add(naming.folded(name))
            made = datetime.fromtimestamp(max(artwork.created_at, 315_576_000.0))  # a zip's time begins with 1980
            entry = zipfile.ZipInfo(name, date_time=made.timetuple()[:6])
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, left.data)
    if names:
        path, new = run.folder.settle(run.title("picture"), ".zip")
        run.tally.wrote(path, pictures=len(names), new=new)


def _sheet(run: _Run) -> None:
    shape = sheets.shape_of(len(run.ids), paged=False)
    cells, marks = _cells(run, shape)
    if not cells:
        return
    shape = sheets.shape_of(len(cells), paged=False)
    page = sheets.compose(cells, shape, title=_heading(len(cells)), foot=_foot(marks))
    cleared = _checked(run, page)
    label = Label(xmp=xmp_packet(_whole_mark(marks)) if _whole_mark(marks) else b"")
    path, new = run.folder.put(dress(encoded(cleared, "png"), label), run.title("picture"), ".png")
    run.tally.wrote(path, pictures=len(cells), new=new)


def _pdf(run: _Run) -> None:
    pages = _Pages(run)
    with run.folder.writing():
        write_pdf(run.folder.part, pages(), title="Contact sheet", dpi=sheets.DPI, keywords=_keywords(run))
    if pages.count:
        path, new = run.folder.settle(run.title("picture"), ".pdf")
        run.tally.wrote(path, pictures=pages.count, new=new)


def _keywords(run: _Run) -> str:
    """A PDF says what made its pictures as its keyword; what it holds is counted before its first page is drawn."""
    total = exporting.tally(run.tools.database, run.ids, run.choice)
    if not total.marked:
        return ""
    return VOCABULARY + (GENERATED if total.marked == total.pictures else EDITED)


class _Pages:
    """The pages of a PDF, drawn one after the other; `count` pictures stand on them so far."""

    def __init__(self, run: _Run) -> None:
        self.count = 0
        self._run = run
        self._shape = sheets.shape_of(len(run.ids), paged=True)
        self._each = self._shape.columns * self._shape.rows
        self._of = -(-len(run.ids) // self._each)

    def __call__(self) -> Iterator[Image.Image]:
        cells: list[sheets.Cell] = []
        marks: dict[int, str] = {}
        for artwork, data in self._run.artworks():
            cells.append(_cell(self._run, self._shape, artwork, data, marks))
            self.count += 1
            if len(cells) == self._each:
                yield self._page(cells, marks)
                cells, marks = [], {}
        if cells:
            yield self._page(cells, marks)

    def _page(self, cells: list[sheets.Cell], marks: dict[int, str]) -> Image.Image:
        page = -(-self.count // self._each)
        title = _heading(len(self._run.ids)) if page == 1 else ""
        foot = "  ·  ".join(filter(None, (f"{page} of {self._of}" if self._of > 1 else "", _foot(marks))))
        return _checked(self._run, sheets.compose(cells, self._shape, title=title, foot=foot))


def _cells(run: _Run, shape: sheets.Shape) -> tuple[list[sheets.Cell], dict[int, str]]:
    marks: dict[int, str] = {}
    return [_cell(run, shape, artwork, data, marks) for artwork, data in run.artworks()], marks


def _cell(run: _Run, shape: sheets.Shape, artwork: Artwork, data: bytes, marks: dict[int, str]) -> sheets.Cell:
    intake = open_picture(data)
    marks[artwork.id] = mark_of(artwork, intake.text)
    heading, words = sheets.words_of(artwork, spoken=run.choice.metadata != "none")
    return sheets.Cell(sheets.small(intake.picture, shape), heading, words)


def _checked(run: _Run, page: Image.Image) -> Image.Image:
    """A sheet is a new picture, and passes the gate like any other."""
    run.report.stage("checking")
    cleared = run.tools.gate(run.tools.settings().pack, waiting=run.report.check).picture(page)
    run.report.stage("exporting")
    return cleared.picture


def _heading(count: int) -> str:
    return f"{counted(count)}, {datetime.now():%-d %B %Y}"


def _foot(marks: dict[int, str]) -> str:
    """What a sheet says of how its pictures came to be."""
    made = sum(mark in (GENERATED, EDITED) for mark in marks.values())
    if not made:
        return ""
    if made == len(marks):
        return "Made by a model" if made == 1 else "All of these pictures were made by a model"
    return f"{made} of these pictures {'was' if made == 1 else 'were'} made by a model"


def _whole_mark(marks: dict[int, str]) -> str:
    """IPTC's term for the sheet: generated where all of it is, a composite where some of it is."""
    kinds = set(marks.values())
    if kinds == {GENERATED}:
        return GENERATED
    return EDITED if kinds & {GENERATED, EDITED} else ""


def sweep(tools: Tools) -> None:
    """Take away what a killed export left half done, and downloads of yesterday; what an export writes now stays."""
    rows = tools.database.read(
        "SELECT id, json_extract(payload, '$.to') AS place FROM jobs WHERE kind = 'export' AND created_at > ?"
        " AND state IN ('interrupted', 'failed', 'cancelled')",
        time.time() - SWEPT_SECONDS,
    )
    for row in rows:
        if row["place"]:
            for folder in (Path(row["place"]), Path(row["place"]).parent):
                with contextlib.suppress(OSError):
                    (folder / part_name(tools.home, row["id"])).unlink(missing_ok=True)
    downloads = tools.home / DOWNLOADS
    with contextlib.suppress(OSError):
        entries = list(downloads.iterdir())  # before it is asked who writes: no later folder is among them
        rows = tools.database.read("SELECT id FROM jobs WHERE kind = 'export' AND state = 'running'")
        running = {str(row["id"]) for row in rows}
        for entry in entries:
            if entry.name in running:
                continue
            if time.time() - entry.stat().st_mtime > KEPT_SECONDS or next(entry.glob(".easel-*.part"), None):
                shutil.rmtree(entry, ignore_errors=True)
