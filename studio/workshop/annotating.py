"""The two tasks of the look lane that draw: a control map of a picture, and a mask of what words name. All through the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.control import ControlMap, kind_of, parameters_of
from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.domain.pose import Figure, figures_of
from studio.domain.verdict import Cleared
from studio.gallery.metadata import read_map
from studio.safety.gate import Gate
from studio.safety.intake import open_picture
from studio.workshop.annotate.annotators import Drawn, annotate
from studio.workshop.annotate.drawing import draw_pose
from studio.workshop.describe import describe, small
from studio.workshop.paint.fit import rgb
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools


def draw_map(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Draw a control map, or take a ready one; with `keep` it becomes an artwork.

    The payload is what Studio.annotate makes. Returns preview (a name), width, height, figures, artwork (its number or None)
    and note (a sentence for the person, or ""). Raises BadInput, PackMissing, Refused.
    """
    payload = job.payload
    kind = kind_of(str(payload["kind"])).name
    pack_id = str(payload.get("pack") or tools.settings().pack)
    report.stage("looking")
    gate = tools.gate(pack_id, waiting=report.check)
    source = _source(str(payload.get("source") or ""), gate, tools)
    parent = source.artwork
    as_is = payload.get("as_is") is True
    parameters = {} if as_is else parameters_of(kind, dict(payload.get("parameters") or {}))

    def draw(seen: Image.Image) -> Drawn:
        return annotate(seen, kind, parameters, models=tools.models, pack_id=pack_id, waiting=report.check)

    drawn = _drawn(payload, source, draw)
    ready = as_is and parent is not None and parent.map is not None and parent.map.kind == kind
    overlay = str(payload.get("overlay") or "")
    if overlay:
        drawn = Drawn(_overlaid(drawn.picture, gate.file(tools.files.spooled(overlay))[0]), drawn.figures, drawn.note)
    report.check()
    cleared = gate.picture(drawn.picture)
    made: int | None = None
    if payload.get("keep") is True:
        known = ControlMap(kind, parameters, drawn.figures, as_is)
        # A map of the gallery that is used as it is stays that one artwork
        made = parent.id if ready and parent is not None and not overlay else _keep(cleared, known, parent, job, tools)
        describe([(made, small(cleared.picture))], tools=tools, pack_id=pack_id, waiting=report.check, captions=False)
    return {
        "preview": tools.files.preview(cleared, f"map-{job.id}"),
        "width": drawn.picture.width,
        "height": drawn.picture.height,
        "figures": ControlMap(kind, figures=drawn.figures).to_dict()["figures"],
        "artwork": made,
        "note": drawn.note,
    }


def find_by_words(job: Job, report: JobReport, tools: Tools) -> dict[str, Any]:
    """Find what words name in a picture: white in the mask where it is.

    Returns preview (the mask's name, "" when nothing fits), width, height, share of the picture (0 to 1) and note.
    """
    words = str(job.payload["words"]).strip()
    pack_id = str(job.payload.get("pack") or tools.settings().pack)
    report.stage("looking")
    gate = tools.gate(pack_id, waiting=report.check)
    picture = _source(str(job.payload["source"]), gate, tools).picture
    if picture is None:
        raise BadInput("source", "Choose the picture to look in first.")
    seer = tools.models.seer("segmenter", pack_id, waiting=report.check)
    from studio.workshop.annotate.regions import selected

    mask = selected(seer(picture, words))
    report.check()
    share = float(mask.mean())
    result = {"preview": "", "width": picture.width, "height": picture.height, "share": share, "note": ""}
    if share == 0:
        return result | {"note": f"Nothing like “{words}” was found here; try other words, or brush it."}
    shown = Image.fromarray(np.repeat(mask.astype(np.uint8)[..., None] * 255, 3, axis=2))
    return result | {"preview": tools.files.preview(gate.picture(shown), f"mask-{job.id}")}


@dataclass(frozen=True)
class Source:
    """What a payload names: the picture (RGB), its artwork where it has one, and what is known of it if it is a map."""

    picture: Image.Image | None = None
    artwork: Artwork | None = None
    map: ControlMap | None = None


def _source(name: str, gate: Gate, tools: Tools) -> Source:
    """Open what a payload names: an artwork whose file is still the one that was checked, or an upload through the gate."""
    kind, _, value = name.partition(":")
    if kind == "id":
        artwork = tools.gallery.get(int(value))
        try:
            data = tools.gallery.data(artwork)
        except BadInput:
            data = b""
        if not (data and artwork.verdict.allowed):
            raise BadInput(
                "source",
                f"The file of artwork {artwork.id} is gone or was changed; `python -m studio check` says more.",
            )
        return Source(rgb(open_picture(data).picture), artwork, artwork.map)
    if kind == "sha":
        cleared, intake = gate.file(tools.files.spooled(value))
        own = read_map(intake.text)  # a map of ours that was saved and brought back
        return Source(rgb(cleared.picture), None, own[0] if own else None)
    return Source()


def _drawn(payload: dict[str, Any], source: Source, draw: Callable[[Image.Image], Drawn]) -> Drawn:
    """The map: of figures that were placed, a ready one, or one drawn from the picture."""
    if payload.get("figures") is not None:
        placed = figures_of(payload["figures"])
        return Drawn(_pose_of(placed, payload, source.picture), placed)
    if source.picture is None:
        raise BadInput("source", "Choose a picture first, or place figures in the pose editor.")
    if payload.get("as_is") is True:
        known = source.map
        return Drawn(source.picture, known.figures if known is not None and known.kind == payload["kind"] else ())
    return draw(source.picture)


def _pose_of(figures: tuple[Figure, ...], payload: dict[str, Any], picture: Image.Image | None) -> Image.Image:
    """The map of figures that somebody placed: as large as the picture they were placed on, else as asked."""
    size = picture.size if picture is not None else payload.get("size")
    if not size:
        raise BadInput("size", "Say how large the map should be: there is no picture to take the size from.")
    return Image.fromarray(draw_pose(figures, int(size[0]), int(size[1])))


def _overlaid(map: Image.Image, strokes: Cleared) -> Image.Image:
    """The map with what was brushed over it."""
    layer = strokes.picture.convert("RGBA")
    if layer.size != map.size:
        layer = layer.resize(map.size, Image.Resampling.BILINEAR)
    whole = map.convert("RGBA")
    whole.alpha_composite(layer)
    return whole.convert("RGB")


def _keep(cleared: Cleared, known: ControlMap, parent: Artwork | None, job: Job, tools: Tools) -> int:
    parents = [parent.sha256] if parent is not None else []
    return tools.gallery.add(cleared, kind="map", map=known, parents=parents, job=job.id).id
