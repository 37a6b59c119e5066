"""Which LoRAs, VAEs, IP-Adapters and embeddings fit a painter, said in words and before anything runs. It loads no weight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from studio.domain.errors import BadInput, PackMissing
from studio.domain.recipe import Recipe
from studio.packs.manifest import FAMILIES, Manifest, Pack
from studio.packs.shelf import Shelf


class Kind(NamedTuple):
    """What a part is called, and the field of a recipe that names it."""

    label: str
    field: str


# Role of a pack -> what it is
PARTS = {
    "lora": Kind("LoRA", "loras"),
    "vae": Kind("VAE", "vae"),
    "adapter": Kind("IP-Adapter", "adapter"),
    "image-encoder": Kind("picture reader of an IP-Adapter", "adapter"),
    "embedding": Kind("embedding", "embeddings"),
    "upscaler": Kind("upscaler", "upscaler"),
}


def part(shelf: Shelf, painter: str, role: str, id: str) -> Pack:
    """The pack of a part; raises PackMissing where it is not there, BadInput where it does not fit the painter's pack."""
    own, found = shelf.get(painter), shelf.get(id)
    label, field = PARTS[role]
    if role not in found.manifest.roles:
        raise BadInput(field, f"Pack {found.manifest.name} is no {label}; choose another one.")
    if not own.manifest.fits(found.manifest):
        theirs, ours = (FAMILIES[pack.manifest.family] for pack in (found, own))
        raise BadInput(
            field,
            f"{found.manifest.name} was made for {theirs}, and {own.manifest.name} is of {ours}; take it out, or choose a pack"
            f" of {theirs}.",
        )
    file(found, role)
    return found


def file(pack: Pack, role: str) -> Path:
    """The file that plays a role, or the folder for roles that take one; raises PackMissing."""
    place = pack.role(role)
    if role in ("vae", "image-encoder", "upscaler") or place.is_file():
        return place
    files = sorted(place.glob("*.safetensors"))
    if len(files) != 1:
        raise PackMissing(
            f"Pack {pack.id} should hold one safetensors file as its {PARTS[role].label} and holds {len(files)}; install it"
            " again on the Shelf page."
        )
    return files[0]


def upscalers(packs: Sequence[Pack], painter: Manifest) -> list[Pack]:
    """The packs that enlarge beside a painter: first what was made for pictures of its family, then what fits any."""
    found = [pack for pack in packs if "upscaler" in pack.manifest.roles and painter.fits(pack.manifest)]
    return sorted(found, key=lambda pack: pack.manifest.family != painter.family)


def reader(shelf: Shelf, adapter: Pack) -> Pack:
    """The pack that reads an IP-Adapter's reference: the adapter itself, one that it needs, or any that can."""
    near = [adapter, *(pack for pack in shelf.packs() if pack.id in adapter.manifest.needs), *shelf.packs()]
    for pack in near:
        if "image-encoder" in pack.manifest.roles:
            return pack
    raise PackMissing(
        f"{adapter.manifest.name} needs the pack that reads pictures for it"
        f" ({', '.join(adapter.manifest.needs) or 'an image encoder'}); install it on the Shelf page."
    )


def words(pack: Pack) -> tuple[str, ...]:
    """What an embedding answers to in a prompt: the pack's trigger words, or its id."""
    return pack.manifest.trigger_words or (pack.id,)


def check_parts(shelf: Shelf, recipe: Recipe) -> None:
    """Raise PackMissing or BadInput when something that the recipe puts on its pack is not there or does not fit."""
    asked = [("lora", lora.name) for lora in recipe.loras] + [("embedding", name) for name in recipe.embeddings]
    asked += [(role, getattr(recipe, role)) for role in ("vae", "adapter", "upscaler") if getattr(recipe, role)]
    for role, id in asked:
        found = part(shelf, recipe.pack, role, id)
        if role == "adapter":
            file(reader(shelf, found), "image-encoder")


def own_vae(shelf: Shelf, painter: Pack) -> Path | None:
    """The VAE that a pack needs beside its own, where it is installed."""
    for pack in shelf.packs():
        if pack.id in painter.manifest.needs and "vae" in pack.manifest.roles and painter.manifest.fits(pack.manifest):
            return pack.role("vae")
    return None


def preview_vae(shelf: Shelf, painter: Pack) -> Path | None:
    """The tiny VAE for drafts of a painter's family, where one is installed; the first by name, of several."""
    for pack in shelf.packs():
        if "preview-vae" in pack.manifest.roles and pack.manifest.family == painter.manifest.family:
            try:
                return pack.role("preview-vae")
            except PackMissing:  # a disk that is not connected: drafts do without
                continue
    return None


def tokenizers(shelf: Shelf, painter: Pack) -> Path | None:
    """The folder of a painter of the same family in diffusers' layout, for one in a single file, whose words it reads."""
    for pack in (painter, *shelf.packs()):
        if pack.manifest.family == painter.manifest.family and "painter" in pack.manifest.roles:
            place = pack.folder / pack.manifest.roles["painter"]
            if (place / "tokenizer").is_dir():
                return place
    return None
