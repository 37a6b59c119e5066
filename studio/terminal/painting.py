"""`paint` and `enlarge`: words and files at the terminal become a recipe, and its pictures are kept at once."""

from __future__ import annotations

import argparse
import dataclasses
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.errors import BadInput
from studio.domain.recipe import REPAINT_STRENGTH, Recipe
from studio.phrases.wording import bare
from studio.terminal import guiding, wearing
from studio.terminal.answers import copy_out, ending, facts, open_home_studio, out_folder, respond, size_of, wait

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.packs.manifest import Manifest

STRENGTHS = {"vary": 0.55, "inpaint": 1.0, "outpaint": 1.0, "enlarge": REPAINT_STRENGTH}  # where nothing else is said
SIDES = ("left", "top", "right", "bottom")
_LATER = wearing.LATER


def paint(options: argparse.Namespace) -> int:
    """Paint from words, follow control maps, or vary, fill or extend a source; returns the exit code."""
    studio = open_home_studio()
    return _painted(options, studio, *wished(options, studio))


def drafted(options: argparse.Namespace, studio: Studio) -> tuple[Recipe, list[guiding.Asked], Manifest]:
    """The recipe that is asked for before any file is opened: stand-ins for its pictures, its controls, its pack.

    Raises BadInput.
    """
    task = _task(options)
    asked = [guiding.read_control(text, options.balance) for text in options.control]
    manifest = studio.shelf.get(options.pack).manifest
    fields: dict[str, Any] = {
        **_fields(options, studio, manifest),
        "prompt": options.prompt,
        "task": task,
        "count": options.count,
        "strength": STRENGTHS.get(task, 1.0) if options.strength is None else options.strength,
        "extend": _extend(options.extend) if options.extend else (0, 0, 0, 0),
        "hires": options.hires,
        "controls": tuple(one.control(_LATER) for one in asked),
        "source": _LATER if options.source else None,
        "mask": _LATER if options.mask or options.select is not None else None,
    }
    for name in ("feather", "hires_strength"):
        if getattr(options, name) is not None:
            fields[name] = getattr(options, name)
    return Recipe(**fields), asked, manifest


def wished(options: argparse.Namespace, studio: Studio) -> tuple[Recipe, bytes | None, Path | None]:
    """The recipe that `paint` is asked for, its mask and the folder to copy to; raises BadInput before anything is drawn."""
    recipe, asked, manifest = drafted(options, studio)
    studio.worded(recipe, options.style)  # and what is wrong with its words
    guiding.check_files(
        studio, recipe, asked, source=options.source, mask=options.mask, select=options.select,
        reference=options.reference,
    )  # fmt: skip
    out = out_folder(options.out)
    source = guiding.bring(studio, options.source) if options.source else None
    size = (recipe.width, recipe.height)
    if source is not None and options.size is None:
        size = nearest(manifest, (source.width, source.height))
    mask = None
    if source is not None and options.mask:
        mask = guiding.mask_for(source, options.mask)
    elif source is not None and options.select:
        mask = guiding.mask_of_words(studio, source, options.select, options.pack)
    recipe = dataclasses.replace(
        recipe,
        width=size[0],
        height=size[1],
        source=source.sha256 if source else None,
        reference=_reference(options, studio),
        mask=guiding.name_of(mask) if mask else None,
        controls=tuple(one.control(guiding.map_for(studio, one, size, options.pack).sha256) for one in asked),
    )
    return recipe, mask, out


def enlarge(options: argparse.Namespace) -> int:
    """Make a picture larger; returns the exit code."""
    studio = open_home_studio()
    manifest = studio.shelf.get(options.pack).manifest
    recipe = Recipe(
        **_fields(options, studio, manifest),
        **wearing.enlarging(options, studio.shelf),
        prompt=options.prompt or "",
        task="enlarge",
        source=_LATER,
        factor=options.factor,
        strength=STRENGTHS["enlarge"] if options.strength is None else options.strength,
    )
    guiding.check_files(studio, recipe, [], source=options.file, reference=options.reference)
    out = out_folder(options.out)
    source = guiding.bring(studio, options.file)
    width, height = nearest(manifest, (source.width, source.height))
    prompt = bare(source.prompt or source.caption) if options.prompt is None else options.prompt
    recipe = dataclasses.replace(
        recipe, source=source.sha256, reference=_reference(options, studio), width=width, height=height, prompt=prompt
    )
    return _painted(options, studio, recipe, None, out)


def _painted(options: argparse.Namespace, studio: Studio, recipe: Recipe, mask: bytes | None, out: Any) -> int:
    job = wait(studio, studio.paint(recipe, mask=mask, keep=True, styles=options.style, offload=options.offload))
    artworks = list(studio.gallery.many(job.result.get("artworks", [])).values())
    copy_out(studio, artworks, out)
    reasons = [reason for verdict in job.result.get("refused", []) for reason in verdict["reasons"]]
    if job.error and job.error not in reasons:
        reasons.append(job.error)
    state = {"id": job.id, "state": job.state, "seconds": job.seconds, "reasons": reasons}
    body: dict[str, Any] = {"job": state, "artworks": [facts(studio, artwork) for artwork in artworks]}
    lines = [f"{studio.gallery.path(one)}  seed {one.recipe and one.recipe.seed}  {one.caption}" for one in artworks]
    outside = job.result.get("outside")
    if outside is not None:
        body["outside"] = outside
        lines += [f"Artwork {id}: {count:,} pixels changed outside the mask." for id, count in outside.items()]
    respond(options, body, lines)
    return ending(job, reasons)


def _reference(options: argparse.Namespace, studio: Studio) -> str | None:
    return guiding.bring(studio, options.reference).sha256 if options.reference else None


def _fields(options: argparse.Namespace, studio: Studio, shown: Manifest) -> dict[str, Any]:
    """The fields that every recipe has; the pack's own where nothing is said."""
    width, height = size_of(options.size) if getattr(options, "size", None) else shown.size
    return {
        "negative": options.negative,
        "pack": options.pack,
        "width": width,
        "height": height,
        **wearing.fields(options, studio.shelf, shown),
        "seed": secrets.randbelow(2**32) if options.seed is None else options.seed,
    }


def _task(options: argparse.Namespace) -> str:
    if not options.source:
        for name in ("mask", "select", "extend", "strength", "feather"):
            if getattr(options, name) is not None:
                raise BadInput("source", f"--{name} is about a picture; name it with --source.")
        return "create"
    masked = options.mask or options.select is not None
    if options.mask and options.select is not None:
        raise BadInput("select", "A mask is a file or is found by words; give --mask or --select, not both.")
    if masked and options.extend:
        raise BadInput("extend", "A picture is filled or extended, not both at once; run it twice.")
    if options.feather is not None and not masked:
        raise BadInput("feather", "--feather blends inside a mask's edge; name the mask with --mask or --select.")
    return "inpaint" if masked else "outpaint" if options.extend else "vary"


def _extend(text: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in pixels from "left=64,top=32"; raises BadInput."""
    pixels = dict.fromkeys(SIDES, 0)
    for part in text.split(","):
        side, _, number = part.strip().partition("=")
        if side not in pixels or not (number.isascii() and number.isdecimal()):
            raise BadInput("extend", f"An extension looks like left=64,top=32 ({', '.join(SIDES)}); {part!r} does not.")
        pixels[side] = int(number)
    return pixels["left"], pixels["top"], pixels["right"], pixels["bottom"]


def nearest(manifest: Manifest, shape: tuple[int, int]) -> tuple[int, int]:
    """The pack's size whose shape is nearest to a picture's, of which `shape` is width and height."""
    return min(manifest.sizes, key=lambda size: abs(size[0] / size[1] - shape[0] / shape[1]))
