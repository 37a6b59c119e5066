"""Imports files and folders through the gate, one by one; a bad file costs one line, and a second run does only the rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from studio.domain.errors import BadInput, BadPicture, Refused
from studio.domain.job import Job
from studio.gallery.importing import files_below, shown_name
from studio.gallery.metadata import read_map, read_parents, read_recipe
from studio.phrases.wording import find_lora
from studio.safety.gate import Gate
from studio.safety.intake import read_file, sha256
from studio.workshop.describe import describe, small
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

AT_ONCE = 16  # captions and vectors are made for so many pictures together


def import_pictures(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Import the payload's files or folder; returns imported, ids, duplicates and skipped (name, reason, refused).

    Known by the SHA-256 of each file's bytes: what is in the gallery already is counted as a duplicate and not opened again.
    """
    pack_id = tools.settings().pack
    report.stage("loading")
    gate = tools.gate(pack_id, waiting=report.check)
    if gate.ready():
        raise Refused(gate.blocked())
    items = _items(job.payload, tools)
    ids: list[int] = []
    duplicates = 0
    skipped: list[dict[str, Any]] = []
    fresh: list[tuple[int, Image.Image]] = []
    report.stage("importing")
    for index, (name, read) in enumerate(items):
        report.result = {"imported": len(ids), "ids": ids, "duplicates": duplicates, "skipped": skipped}
        report(index, len(items))
        try:
            added = _one(name, read(), gate=gate, tools=tools, job=job)
        except (BadPicture, BadInput, Refused) as error:
            skipped.append({"name": name, "reason": str(error), "refused": isinstance(error, Refused)})
            continue
        if added is None:
            duplicates += 1
            continue
        ids.append(added[0])
        fresh.append(added)
        if len(fresh) == AT_ONCE:
            describe(fresh, tools=tools, pack_id=pack_id, waiting=report.check)
            fresh.clear()
    report.stage("captioning")
    describe(fresh, tools=tools, pack_id=pack_id, waiting=report.check)
    return {"imported": len(ids), "ids": ids, "duplicates": duplicates, "skipped": skipped}


def _one(name: str, data: bytes, *, gate: Gate, tools: Tools, job: Job) -> tuple[int, Image.Image] | None:
    """Bring one file in; None if it was there already."""
    if tools.gallery.has_source(sha256(data)) is not None:
        return None
    cleared, intake = gate.file(data)
    recipe, prompt, _ = read_recipe(intake, lora=lambda name: find_lora(tools.models.shelf, name))
    mapped = read_map(intake.text)  # one of our own control maps comes back as what it was
    artwork = tools.gallery.add(
        cleared, recipe, kind="map" if mapped else "imported", prompt=prompt, source_name=name,
        source_sha256=intake.sha256, note=intake.note, job=job.id, text=intake.text, map=mapped[0] if mapped else None,
        parents=read_parents(intake.text),
    )  # fmt: skip
    return artwork.id, small(cleared.picture)


def _items(payload: dict[str, Any], tools: Tools) -> list[tuple[str, Callable[[], bytes]]]:
    """(shown name, function that reads the bytes) for each file."""
    if "folder" in payload:
        folder = Path(payload["folder"])
        return [(shown_name(os.fspath(path.relative_to(folder))), _reader(path)) for path in files_below(folder)]
    return [(shown_name(str(file["name"])), _spooled(tools, str(file["spool"]))) for file in payload["files"]]


def _reader(path: Path) -> Callable[[], bytes]:
    return lambda: read_file(path)


def _spooled(tools: Tools, name: str) -> Callable[[], bytes]:
    return lambda: tools.files.spooled(name)
