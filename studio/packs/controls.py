"""Which packs can follow which control maps, and draw them, in words and before anything runs. It loads no weight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studio.domain.control import CONTROLS, kind_of
from studio.domain.errors import PackMissing
from studio.domain.recipe import Recipe
from studio.packs.manifest import Pack
from studio.packs.shelf import Shelf

CONTROL = "control-"  # how the roles of ControlNets begin; the kind follows
# What keeps a tile that is painted once more to what it was, the better one first
KEEPERS = ("tile", "canny")


def controls_of(pack: Pack) -> tuple[str, ...]:
    """The kinds of maps that a pack has a ControlNet for, in the order of the table."""
    return tuple(kind for kind in CONTROLS if CONTROL + kind in pack.manifest.roles)


def control(shelf: Shelf, pack: Pack, kind: str) -> Path | None:
    """The folder of the ControlNet for a kind: the pack's own, else that of an installed pack that fits it; None for none.

    Nets for one kind come before a union of many, which is larger.
    """
    fitting = [one for one in shelf.packs() if one.id != pack.id and one.manifest.kind == "controls"]
    fitting = sorted(
        (one for one in fitting if pack.manifest.fits(one.manifest)), key=lambda one: len(controls_of(one))
    )
    for one in (pack, *fitting):
        if kind in controls_of(one):
            return one.role(CONTROL + kind)
    return None


def keeper(shelf: Shelf, recipe: Recipe) -> str:
    """The kind of the ControlNet that enlarging asks for by itself, the first of KEEPERS that the pack has; empty for none."""
    if recipe.task != "enlarge" or recipe.method != "repaint" or recipe.strength == 0:
        return ""
    pack = shelf.get(recipe.pack)
    return next((kind for kind in KEEPERS if control(shelf, pack, kind) is not None), "")


def can_follow(shelf: Shelf, pack: Pack) -> tuple[str, ...]:
    """The kinds of maps that a pack can follow here, with its own ControlNets and with other packs' that fit it."""
    others = [one for one in shelf.packs() if one.manifest.kind == "controls" and pack.manifest.fits(one.manifest)]
    return tuple(kind for kind in CONTROLS if any(kind in controls_of(one) for one in (pack, *others)))


def check_controls(shelf: Shelf, recipe: Recipe) -> None:
    """Raise PackMissing when the recipe's pack cannot follow one of its controls; says what it has and who has the rest."""
    if not recipe.controls:
        return
    pack = shelf.get(recipe.pack)
    has = can_follow(shelf, pack)
    for kind in dict.fromkeys(one.kind for one in recipe.controls):
        if control(shelf, pack, kind) is not None:  # raises where its folder is gone
            continue
        name, label = pack.manifest.name, CONTROLS[kind].label.lower()
        others = [one.manifest.name for one in shelf.packs() if kind in controls_of(one)]
        held = f"{name} has controls for {_and([CONTROLS[one].label.lower() for one in has])}"
        if not has:
            held = f"{name} has no controls"
        remedy = (
            f"{label} needs a pack such as {_and(others)}" if others else f"no pack on this machine has one for {label}"
        )
        raise PackMissing(f"{held}; {remedy}. Take that control out, or choose another pack on the Shelf page.")


def check_annotator(shelf: Shelf, kind: str, pack_id: str) -> None:
    """Raise PackMissing when a map of this kind needs a model that neither this pack nor another here has."""
    role = kind_of(kind).needs
    packs = [shelf.get(pack_id), *shelf.packs()]
    if role and not any(role in pack.manifest.roles for pack in packs):
        raise PackMissing(
            f"No pack on this machine finds the {CONTROLS[kind].label.lower()} of a picture (its part {role!r}); see the"
            " Shelf page, or use a ready map."
        )


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
