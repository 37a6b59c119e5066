"""With what a recipe's picture is made: every pack that has a hand in it, and its files' hashes. It loads none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.domain.errors import BadInput, EaselError, PackMissing
from studio.domain.recipe import Recipe
from studio.domain.record import SETTINGS, Part
from studio.packs import parts
from studio.packs.controls import check_controls, control, keeper
from studio.packs.manifest import Pack
from studio.packs.shelf import Shelf

# What a pipeline loads of its folder; a pack's captioner or checker may change and the picture stays
_PIPELINE = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
_WEIGHTS = ".safetensors"


def making(shelf: Shelf, recipe: Recipe, *, half: bool = False) -> tuple[Part, ...]:
    """The parts of a recipe on this shelf, the painter first; raises PackMissing or BadInput where one is not there.

    `half` says that the device computes in half precision, for which some packs need another VAE.
    """
    pack = shelf.get(recipe.pack)
    hashes = {} if recipe.upscaler else painter_hashes(pack)  # an upscaler asks no painter
    found = [Part("painter", pack.id, pack.manifest.name, hashes)]
    vae = parts.own_vae(shelf, pack) if half else None
    if vae is not None:
        found.append(_of_folder(shelf, vae, "VAE"))
    kinds = [one.kind for one in recipe.controls if one.weight > 0]
    for kind in dict.fromkeys([*kinds, *filter(None, [keeper(shelf, recipe)])]):
        folder = control(shelf, pack, kind)
        if folder is not None:
            found.append(_of_folder(shelf, folder, f"ControlNet, {kind}"))
    for role, id in worn(recipe):
        one = parts.part(shelf, recipe.pack, role, id)
        found.append(Part(parts.PARTS[role].label, one.id, one.manifest.name, role_hashes(one, role)))
        if role == "adapter":
            reader = parts.reader(shelf, one)
            hashes = role_hashes(reader, "image-encoder")
            found.append(Part("picture reader", reader.id, reader.manifest.name, hashes))
    return tuple(found)


def worn(recipe: Recipe) -> list[tuple[str, str]]:
    """The role and id of each pack that a recipe puts on its painter, or enlarges with."""
    named = [("lora", lora.name) for lora in recipe.loras] + [("embedding", id) for id in recipe.embeddings]
    return named + [(role, getattr(recipe, role)) for role in ("vae", "adapter", "upscaler") if getattr(recipe, role)]


def check_making(shelf: Shelf, recipe: Recipe) -> None:
    """Raise PackMissing or BadInput, naming everything that a recipe needs and that is not here or does not fit."""
    asked: list[Callable[[], Any]] = [
        lambda: shelf.whole(recipe.pack),
        lambda: check_controls(shelf, recipe),
        *(_asking(shelf, recipe.pack, role, id) for role, id in worn(recipe)),
    ]
    wrong: list[EaselError] = []
    for one in asked:
        try:
            one()
        except (PackMissing, BadInput) as error:
            if str(error) not in map(str, wrong):
                wrong.append(error)
        if wrong and one is asked[0] and recipe.pack not in {pack.id for pack in shelf.packs()}:
            break  # nothing fits a pack that is not here
    sentences = " ".join(map(str, wrong))
    first = next((error for error in wrong if isinstance(error, BadInput)), None)
    if any(isinstance(error, PackMissing) for error in wrong):
        raise PackMissing(sentences)
    if first is not None:
        raise BadInput(first.field, sentences)


def _asking(shelf: Shelf, painter: str, role: str, id: str) -> Callable[[], Any]:
    def ask() -> None:
        found = parts.part(shelf, painter, role, id)
        if role == "adapter":
            parts.file(parts.reader(shelf, found), "image-encoder")

    return ask


def painter_hashes(pack: Pack) -> dict[str, str]:
    """The hashes of what a pack paints with: each file of weights by itself, everything small in one."""
    place = pack.manifest.roles.get("painter", ".")
    all = pack.hashes()
    if place in all:  # one file holds everything
        return {place: all[place]}
    start = "" if place == "." else f"{place}/"
    held = {}
    for path, digest in all.items():
        first, _, rest = path.removeprefix(start).partition("/")
        if path.startswith(start) and (first in _PIPELINE if rest else first == "model_index.json"):
            held[path] = digest
    return _compact(held)


def role_hashes(pack: Pack, role: str) -> dict[str, str]:
    """The hashes of what plays one role in a pack."""
    place = pack.manifest.roles.get(role, "")
    inside = {
        path: digest for path, digest in pack.hashes().items() if place in (".", path) or path.startswith(f"{place}/")
    }
    return _compact(inside)


def _of_folder(shelf: Shelf, folder: Path, role: str) -> Part:
    """The part that lies in a folder of some installed pack."""
    for pack in shelf.packs():
        if folder.is_relative_to(pack.folder):
            place = folder.relative_to(pack.folder).as_posix()
            inside = {path: one for path, one in pack.hashes().items() if place == "." or path.startswith(f"{place}/")}
            return Part(role, pack.id, pack.manifest.name, _compact(inside))
    raise PackMissing(f"The folder {folder.name} belongs to no installed pack; see the Shelf page.")


def _compact(hashes: dict[str, str]) -> dict[str, str]:
    """Weights by path, and one hash over all small files: they are many, and say little by themselves."""
    weights = {path: one for path, one in hashes.items() if path.endswith(_WEIGHTS)}
    small = sorted(f"{one}  {path}" for path, one in hashes.items() if path.endswith((".json", ".txt")))
    if small:
        weights[SETTINGS] = hashlib.sha256("\n".join(small).encode()).hexdigest()
    return weights
