"""`forecast`: what painting a recipe would take here, in memory and seconds, and how it could take less. It queues nothing."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from studio.domain.amounts import amount, duration
from studio.domain.errors import Failed
from studio.terminal import guiding, painting
from studio.terminal.answers import DONE, open_home_studio, respond

if TYPE_CHECKING:
    from studio.domain.recipe import Recipe
    from studio.jobs.memory import Way


def forecast(options: argparse.Namespace) -> int:
    """Say what a wish would take; 0 also where it does not fit. Raises Failed where nothing is known yet."""
    studio = open_home_studio()
    recipe, _, manifest = painting.drafted(options, studio)
    source_size = guiding.size_of(studio, options.source) if options.source else None
    if source_size is not None and options.size is None:  # as `paint` does
        width, height = painting.nearest(manifest, source_size)
        recipe = dataclasses.replace(recipe, width=width, height=height)
    recipe = studio.worded(recipe, options.style).recipe
    foresight = studio.foresight()
    told = foresight.forecast(recipe, offload=options.offload, source_size=source_size)
    if told is None:
        raise Failed(
            f"Nothing can be said of the pack {recipe.pack}; verify it on the Shelf page."
            if foresight.place
            else "Nothing is known of this machine yet; paint one picture, or open the studio, and ask again."
        )
    ways = [] if told.fits else foresight.ways(recipe, offload=options.offload, source_size=source_size)
    body = {
        "fits": told.fits, "needed": told.needed, "free": told.free, "seconds": told.seconds, "device": told.kind,
        "learned": told.learned,
        "ways": [
            {"kind": way.kind, "needed": way.needed, "width": way.recipe.width, "height": way.recipe.height,
             "count": way.recipe.count, "hires": way.recipe.hires, "offload": way.offload}
            for way in ways
        ],
    }  # fmt: skip
    time = f", about {duration(told.seconds)}" if told.seconds is not None else ""
    lines = [f"About {amount(told.needed)} of {amount(told.free)} of free memory{time}."]
    if not told.fits:
        lines.append("It may not fit in memory." + (" What would help:" if ways else ""))
    lines += [f"  {_said(way, recipe)} (about {amount(way.needed)})" for way in ways]
    respond(options, body, lines)
    return DONE


def _said(way: Way, before: Recipe) -> str:
    """The options that a way is asked for with."""
    recipe = way.recipe
    words = ["--offload"] if way.offload else []
    if recipe.hires != before.hires:
        words.append("without --hires")
    if (recipe.width, recipe.height) != (before.width, before.height):
        words.append(f"--size {recipe.width}x{recipe.height}")
    if recipe.count != before.count:
        words.append(f"--count {recipe.count}")
    return " ".join(words)
