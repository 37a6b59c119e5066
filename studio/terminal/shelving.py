"""The terminal's words about packs: list them, install them. What they do is the studio's."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from studio.domain.amounts import amount
from studio.domain.errors import PackMissing
from studio.terminal.answers import DONE, ending, open_home_studio, respond, wait

if TYPE_CHECKING:
    from studio.packs.manifest import Manifest, Pack
    from studio.packs.shelf import Shelf


def packs(options: argparse.Namespace) -> int:
    """The packs on this machine; with --all also those that can be installed."""
    studio = open_home_studio()
    here = studio.shelf.packs()
    rows = [_installed(studio.shelf, pack) for pack in here]
    if options.all:
        known = {pack.id for pack in here}
        rows += [_absent(studio.shelf, one) for one in studio.shelf.catalogue() if one.id not in known]
    wide = max((len(row["id"]) for row in rows), default=0)
    lines = [f"{row['id']:<{wide}}  {row['state']:<9}  {amount(row['bytes']):>8}  {row['name']}" for row in rows]
    respond(options, {"packs": rows}, lines)
    return DONE


def install(options: argparse.Namespace) -> int:
    """Install a pack from the hub, going on where an earlier time stopped; Ctrl+C pauses."""
    studio = open_home_studio()
    job = wait(studio, studio.install(options.id))
    body: dict[str, Any] = {"pack": options.id, "job": job.id, "state": job.state, "error": job.error}
    lines = []
    if job.state == "done":
        body |= {name: job.result.get(name) for name in ("repo", "commit", "bytes")}
        body["folder"] = str(studio.shelf.get(options.id).folder)
        lines = [f"{job.result['name']} is on the shelf ({amount(job.result['bytes'])}): {body['folder']}"]
    respond(options, body, lines)
    return ending(job, [job.error] if job.error else [])


def _installed(shelf: Shelf, pack: Pack) -> dict[str, Any]:
    try:
        size, missing = sum(shelf.sizes(pack).values()), shelf.missing(pack)
    except PackMissing as error:  # it has no list of its files
        size, missing = 0, [str(error)]
    return {
        **_about(pack.manifest),
        "state": "partial" if missing else "installed",
        "folder": str(pack.folder),
        "bytes": size,
        "missing": missing,
    }


def _absent(shelf: Shelf, manifest: Manifest) -> dict[str, Any]:
    size = manifest.source.bytes if manifest.source else 0
    return {**_about(manifest), "state": shelf.state(manifest.id), "folder": None, "bytes": size, "missing": []}


def _about(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "name": manifest.name,
        "kind": manifest.kind,
        "family": manifest.family,
        "licence": manifest.licence,
        "roles": sorted(manifest.roles),
        "needs": list(manifest.needs),
    }
