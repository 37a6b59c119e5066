"""What may be put on a painter on the pages that paint: its low-step modes, LoRAs, embeddings and VAEs. It draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.packs.manifest import MODES, Manifest, Mode, Pack
from studio.ui.forms import Fields


def painters(packs: Sequence[Pack]) -> dict[str, Manifest]:
    """The packs that paint, by id."""
    return {pack.id: pack.manifest for pack in packs if "painter" in pack.manifest.roles}


def fitting(packs: Sequence[Pack], manifest: Manifest, role: str) -> dict[str, str]:
    """The packs with this role that fit a painter: id -> name. What the painter brings itself is not among them."""
    return {
        pack.id: pack.manifest.name
        for pack in packs
        if pack.id != manifest.id and role in pack.manifest.roles and manifest.fits(pack.manifest)
    }


def offered(found: dict[str, str], used: Sequence[str]) -> dict[str, str]:
    """What can be chosen, and what is chosen already though it is not here (a recipe from elsewhere brought it)."""
    return found | {id: f"{id} (not installed)" for id in used if id and id not in found}


def mode_of(fields: Fields, manifest: Manifest) -> str | None:
    """The name of the mode that the fields stand in, None when they were set by hand."""
    for name, mode in manifest.modes.items():
        loras = _without_modes(fields["loras"], manifest) + ([mode.lora] if mode.lora else [])
        if (fields["steps"], fields["guidance"], fields["sampler"]) == mode[:3] and set(fields["loras"]) == set(loras):
            return name
    return None


def in_mode(fields: Fields, manifest: Manifest, name: str) -> dict[str, Any]:
    """The fields that change when a mode is chosen: the LoRA that another one needed goes, its own comes."""
    mode: Mode = manifest.modes[name]
    loras = _without_modes(fields["loras"], manifest) + ([mode.lora] if mode.lora else [])
    return {"steps": mode.steps, "guidance": float(mode.guidance), "sampler": mode.sampler, "loras": loras}


def mode_label(name: str, seconds: float | None) -> str:
    """What the switch says: the mode, and what it takes here where that was measured."""
    if seconds is None:
        return MODES[name]
    return f"{MODES[name]} · {seconds:.1f} s" if seconds < 10 else f"{MODES[name]} · {round(seconds)} s"


def _without_modes(loras: Sequence[str], manifest: Manifest) -> list[str]:
    brought = {mode.lora for mode in manifest.modes.values()}
    return [id for id in loras if id not in brought]
