"""What a picture is painted with beside its pack, as told at the terminal: mode, LoRAs, VAE, reference, upscaler."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from studio.domain.errors import BadInput, PackMissing
from studio.domain.recipe import CLIP_SKIP_RANGE, METHODS, Lora
from studio.packs import parts
from studio.packs.manifest import MODES

if TYPE_CHECKING:
    from studio.packs.manifest import Manifest
    from studio.packs.shelf import Shelf

LATER = "0" * 64  # stands for a file that is not brought in yet, so that everything else can be checked before


def options_of(verb: argparse.ArgumentParser) -> None:
    """The options that everything that paints has."""
    verb.add_argument("--mode", metavar="NAME", help=f"steps, guidance and sampler at once: {', '.join(MODES)}")
    verb.add_argument(
        "--lora", action="append", default=[], metavar="ID[:WEIGHT]", help="wear a LoRA of the shelf; repeatable"
    )
    verb.add_argument(
        "--embedding", action="append", default=[], metavar="ID", help="know a word of the shelf; repeatable"
    )
    verb.add_argument("--vae", default="", metavar="ID", help="turn latents into pixels with another one")
    verb.add_argument(
        "--clip-skip",
        type=int,
        default=1,
        metavar="N",
        help=f"{CLIP_SKIP_RANGE[0]} reads the text encoder's last layer",
    )
    verb.add_argument("--reference", metavar="FILE_OR_ID", help="a picture that is read beside the prompt")
    verb.add_argument("--reference-weight", type=float, metavar="X", help="how much it says, 0 to 2")
    verb.add_argument("--adapter", metavar="ID", help="the IP-Adapter that reads it (default: the one that fits)")


def fields(options: argparse.Namespace, shelf: Shelf, pack: Manifest) -> dict[str, Any]:
    """Steps, guidance, sampler and parts of a recipe, the pack's own where nothing is said; raises BadInput and PackMissing.

    The reference is LATER while it is not brought in.
    """
    mode = _mode(options.mode, pack)
    loras = {lora.name: lora for lora in map(_lora, options.lora)}
    if len(loras) < len(options.lora):
        raise BadInput("loras", "A LoRA is named twice; give it one weight.")
    if mode is not None and mode.lora:
        loras.setdefault(mode.lora, Lora(mode.lora))
    usual = pack if mode is None else mode
    made: dict[str, Any] = {
        "steps": usual.steps if options.steps is None else options.steps,
        "guidance": usual.guidance if options.guidance is None else options.guidance,
        "sampler": usual.sampler if options.sampler is None else options.sampler.lower(),
        "loras": tuple(loras.values()),
        "embeddings": tuple(dict.fromkeys(options.embedding)),
        "vae": options.vae,
        "clip_skip": options.clip_skip,
    }
    return made | _reference(options, shelf, pack)


def enlarging(options: argparse.Namespace, shelf: Shelf) -> dict[str, Any]:
    """The method of enlarging and its upscaler: naming one means that method, and the method alone the first that is here."""
    method = (options.method or ("model" if options.upscaler else next(iter(METHODS)))).lower()
    upscaler = options.upscaler
    if method == "model" and not upscaler:
        here = parts.upscalers(shelf.packs(), shelf.get(options.pack).manifest)
        if not here:
            raise PackMissing("No pack on this machine is an upscaler; install one on the Shelf page, or use repaint.")
        upscaler = here[0].id
    return {"method": method, "upscaler": upscaler}


def _mode(name: str | None, pack: Manifest) -> Any:
    if name is None:
        return None
    if name.lower() not in pack.modes:
        has = ", ".join(pack.modes) or "none"
        raise BadInput("mode", f"{pack.name} has no mode {name!r} (it has: {has}); say --steps and --sampler instead.")
    return pack.modes[name.lower()]


def _lora(text: str) -> Lora:
    """A LoRA from "id" or "id:0.8"; raises BadInput."""
    id, _, weight = text.partition(":")
    try:
        return Lora(id, float(weight) if weight else 1.0)
    except ValueError as error:
        raise BadInput("loras", f"A LoRA looks like lcm-sd15:0.8; {text!r} does not.") from error


def _reference(options: argparse.Namespace, shelf: Shelf, pack: Manifest) -> dict[str, Any]:
    if not options.reference:
        for name in ("adapter", "reference_weight"):
            if getattr(options, name) is not None:
                shown = name.replace("_", "-")
                raise BadInput("reference", f"--{shown} is about a reference picture; name it with --reference.")
        return {}
    made: dict[str, Any] = {"reference": LATER, "adapter": options.adapter or _adapter(shelf, pack)}
    return made | ({} if options.reference_weight is None else {"reference_weight": options.reference_weight})


def _adapter(shelf: Shelf, pack: Manifest) -> str:
    """The one IP-Adapter that fits a painter; raises PackMissing for none and BadInput for several."""
    fitting = [
        one.id for one in shelf.packs() if "adapter" in one.manifest.roles and pack.fits(one.manifest)
    ]  # fmt: skip
    if not fitting:
        raise PackMissing(
            f"No IP-Adapter on this machine fits {pack.name}, so nothing can read the reference; install one on the Shelf page."
        )
    if len(fitting) > 1:
        raise BadInput("adapter", f"Several IP-Adapters fit; choose with --adapter: {', '.join(fitting)}.")
    return fitting[0]
