"""What a fresh worker loads before anybody asks, most wanted first; it makes no picture that anybody sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from studio.domain.recipe import Recipe
from studio.packs.needs import Glance, Place, needs
from studio.workshop.tools import Tools


def warm(tools: Tools) -> Iterator[str]:
    """Load the pack of the settings, part by part; yields the device's name after each, so that the caller may stop."""
    from studio.workshop import heavy

    heavy.prepare()
    from studio.workshop.measuring import tell
    from studio.workshop.paint import device as devices

    where = devices.device()
    name = devices.name(where)
    tell(tools, where)  # so that the pages can foretell what a picture takes
    yield name
    pack_id = tools.settings().pack
    tools.gate(pack_id)
    yield name
    painter = tools.models.painter(pack_id)
    yield name
    manifest = tools.models.shelf.get(pack_id).manifest
    width, height = manifest.size
    # One step: the first run of a process sets up kernels and memory for half a second
    for _ in painter.paint(Recipe("a ball", pack=pack_id, width=width, height=height, steps=1), {}, _nobody):
        yield name
    encoder = tools.models.encoder(pack_id)
    tools.vectors(encoder.name).refresh()  # or the first search would wait for it
    yield name
    tools.models.captioner(pack_id)
    usual = Recipe("a ball", pack=pack_id, width=width, height=height)
    tell(tools, where, needs(usual, Glance(tools.models.shelf), Place(where.type, 0)))
    yield name


def _nobody(done: int, total: int, draft: Any = None) -> None:
    """Hear a report and do nothing."""
