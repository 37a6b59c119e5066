"""Work on packs that needs no other machine: look for the user's own models, bring them, verify packs, move them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.packs.bring import bring, look, one
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools


def scan(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Say what models are at payload["path"]: {"path", "found": a list of what `Found.to_dict` gives}. Raises BadInput."""
    report.stage("looking")

    def tell(done: int, total: int) -> None:
        report(done, total)

    found = look(Path(str(job.payload["path"])), report=tell)
    return {"path": job.payload["path"], "found": [model.to_dict() for model in found]}


def bring_model(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Bring the model at payload["path"], as a copy or used in place; returns pack and name. Raises BadInput, StorageFull."""
    payload = job.payload
    found = one(Path(str(payload["path"])))
    report.stage(f"copying {found.name}" if payload.get("copy") else f"reading {found.name}")
    pack = bring(
        tools.models.shelf,
        found,
        copy=payload.get("copy") is True,
        name=str(payload.get("name", "")),
        family=str(payload.get("family", "")),
        control=str(payload.get("control", "")),
        report=report,
    )
    return {"pack": pack.id, "name": pack.manifest.name}


def verify_pack(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Hash every file of payload["pack"]; "problems" has a sentence for each that is not what it should be."""
    shelf = tools.models.shelf
    pack = shelf.get(str(job.payload["pack"]))
    report.stage(f"hashing {pack.manifest.name}")
    return {"pack": pack.id, "problems": shelf.verify(pack, report)}


def move_pack(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Move payload["pack"] into the folder payload["to"], or home again where that is empty."""
    shelf = tools.models.shelf
    pack = shelf.get(str(job.payload["pack"]))
    to = str(job.payload.get("to", "")).strip()
    if to and not Path(to).expanduser().is_absolute():
        raise BadInput("to", f"{to} does not begin at the root of a disk; give the whole path.")
    report.stage(f"moving {pack.manifest.name}")
    moved = shelf.move(pack.id, Path(to) if to else shelf.home, report)
    return {"pack": pack.id, "folder": str(moved.folder)}
