"""Which packs can follow which control maps, and draw them, in words and before anything runs. It loads no weight."""

from __future__ import annotations

from collections.abc import Sequence

from studio.domain.control import CONTROLS, kind_of
from studio.domain.errors import PackMissing
from studio.domain.recipe import Recipe
from studio.packs.manifest import Pack
from studio.packs.shelf import Shelf

CONTROL = "control-"  # how the roles of ControlNets begin; the kind follows


def controls_of(pack: Pack) -> tuple[str, ...]:
    """The kinds of maps that a pack has a ControlNet for, in the order of the table."""
    return tuple(kind for kind in CONTROLS if CONTROL + kind in pack.manifest.roles)


def check_controls(shelf: Shelf, recipe: Recipe) -> None:
    """Raise PackMissing when the recipe's pack cannot follow one of its controls; says what it has and who has the rest."""
    if not recipe.controls:
        return
    pack = shelf.get(recipe.pack)
    has = controls_of(pack)
    for kind in dict.fromkeys(control.kind for control in recipe.controls):
        if kind in has:
            pack.role(CONTROL + kind)  # raises where its folder is gone
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
