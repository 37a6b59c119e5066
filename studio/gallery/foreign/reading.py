"""One door to all that a file says of how it came to be: asks each tool's reader in turn, and never raises."""

from __future__ import annotations

from dataclasses import replace

from studio.gallery.foreign import a1111, comfy, exif, fooocus, invoke, novelai, own, swarm, xmp
from studio.gallery.foreign.told import FindLora, Foreign, no_lora
from studio.gallery.foreign.values import as_object, words
from studio.safety.intake import Intake

# The surest first: ours says all; the next three have words that no other has; A1111's text is what many write beside their own
_READERS = (swarm.read, fooocus.read, invoke.read, novelai.read, comfy.read, a1111.read)


def read(intake: Intake, *, lora: FindLora = no_lora) -> Foreign:
    """All that a file says; `lora` knows which LoRA of the shelf goes by a name. Its `rest` is the file's text, verbatim."""
    text = dict(intake.text)
    told = own.read(text) or _other(text, lora)
    if not told.tool and not told.prompt:
        hidden = novelai.stealth(intake.picture)
        if hidden:
            text[novelai.STEALTH_KEY] = hidden
            told = novelai.read(text, lora=lora) or a1111.read({"parameters": hidden}, lora=lora) or told
    return replace(xmp.read(text, exif.read(text, told)), rest=text)


def _other(text: dict[str, str], lora: FindLora) -> Foreign:
    for reader in _READERS:
        told = reader(text, lora=lora)
        if told is not None:
            return _filled(told, text, lora) if told.tool == "comfy" else told
    return Foreign(prompt=_loose(text))


def _filled(told: Foreign, text: dict[str, str], lora: FindLora) -> Foreign:
    """ComfyUI's graph, with what a node that saves wrote beside it in A1111's words, where the graph leaves a gap."""
    beside = a1111.read(text, lora=lora)
    if beside is None:
        return told
    gaps = {
        name: getattr(beside, name)
        for name in ("prompt", "negative", "seed", "model", "sampler", "steps", "guidance", "size", "loras")
        if getattr(told, name) in (None, "", ())
    }
    return replace(told, **gaps)


def _loose(text: dict[str, str]) -> str:
    """The prompt of a tool that has no reader here, where it goes by that name; "" else."""
    for key in ("parameters", "UserComment", "invokeai_metadata", "prompt"):
        body = as_object(text.get(key))
        for name in ("prompt", "positive_prompt"):
            if isinstance(body.get(name), str):
                return words(body[name])
    said = text.get("prompt", "")
    return "" if said.lstrip().startswith(("{", "[")) else words(said)
