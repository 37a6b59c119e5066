"""What a model's folder is: diffusers' or transformers' layout. It reads JSON and headers; it never runs what lies there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.packs.header import BadWeights, read_header
from studio.packs.kinds import FileKind
from studio.packs.variants import list_of_shards, weights_of
from studio.packs.weights import describe, describe_header

INDEX = "model_index.json"
MOST_JSON = 4 << 20  # bytes of a description or of a list of shards; real ones are below 200 KB
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5")
PIPELINES = ("StableDiffusion", "LatentConsistencyModel")
# Every class that a folder of Stable Diffusion may name, by library. Anything else is never looked for, let alone loaded.
CLASSES = {
    "diffusers": ("UNet2DConditionModel", "AutoencoderKL", "AutoencoderTiny", "ControlNetModel", "ControlNetUnionModel"),
    "transformers": (
        "CLIPTextModel", "CLIPTextModelWithProjection", "CLIPTokenizer", "CLIPTokenizerFast", "CLIPImageProcessor",
        "CLIPFeatureExtractor", "CLIPVisionModelWithProjection",
    ),
    "stable_diffusion": ("StableDiffusionSafetyChecker",),
}  # fmt: skip
NEEDED = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
OPTIONAL = ("safety_checker", "feature_extractor", "image_encoder")  # Easel has its own, or does without
WITHOUT_WEIGHTS = {"tokenizer": "vocab.json", "tokenizer_2": "vocab.json", "scheduler": "scheduler_config.json"}


def is_model(folder: Path) -> bool:
    """Whether a folder is one model: a pipeline, or a part with its config and weights. One that cannot be read is none."""
    try:
        if (folder / INDEX).is_file():
            return True
        return (folder / "config.json").is_file() and any(
            path.suffix in (".safetensors", *PICKLES) for path in folder.iterdir() if path.is_file()
        )
    except OSError:
        return False


def describe_folder(folder: Path) -> FileKind:
    """What a model's folder is. Never raises: one that cannot be used has `why_not`, and `missing` where files are."""
    try:
        code = sorted(path.name for path in folder.rglob("*.py"))
        found = _pipeline(folder) if (folder / INDEX).is_file() else _part(folder)
    except _Bad as error:
        return FileKind(layout="diffusers", why_not=f"{folder.name} {error}", missing=error.missing)
    except OSError as error:
        return FileKind(layout="diffusers", why_not=f"{folder.name} cannot be read ({error.strerror or error}).")
    if code and not found.why_not:
        found = replace(
            found,
            why_not=f"{folder.name} contains code ({code[0]}), which Easel never runs; a model that needs none is complete"
            " without it. Take the code away if you know that it is not needed.",
        )
    return found


class _Bad(Exception):
    def __init__(self, sentence: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.missing = missing


def _pipeline(folder: Path) -> FileKind:
    index = _json(folder, INDEX)
    name = str(index.get("_class_name", ""))
    if not name.startswith(PIPELINES):
        raise _Bad(f"is a {name or 'pipeline without a name'}, which Easel does not paint with.")
    parts = {part: value for part, value in index.items() if not part.startswith("_") and isinstance(value, list)}
    if index.get("custom_pipeline") or len(str(index.get("_class_name"))) > 100:
        raise _Bad("asks for a pipeline of its own code, which Easel never runs.")
    missing: list[str] = []
    for part, value in parts.items():
        library, made = (str(one) if one else "" for one in [*value, None, None][:2])
        if not made:
            continue  # the pipeline does without it
        allowed = CLASSES.get(library, ())
        if made not in allowed and not (library == "diffusers" and made.endswith("Scheduler")):
            raise _Bad(f"names a class that is not known here ({part}: {library}.{made}); nothing of it is loaded.")
        if part not in OPTIONAL:
            missing += _lacks(folder, part)
    missing += [f"{part}/" for part in NEEDED if part not in parts]
    if missing:
        raise _Bad(_lacking(folder, missing), tuple(missing))
    unet = _described(folder / "unet")
    if not unet.family:
        raise _Bad("has a UNet of a family that Easel does not paint with.")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return replace(unet, kind="painter", layout="diffusers", why_not="", bytes=size)


def _lacks(folder: Path, part: str) -> list[str]:
    """The files of a part that are not there, by the names that are looked for."""
    inside = folder / part
    if part in WITHOUT_WEIGHTS:
        wanted = WITHOUT_WEIGHTS[part]
        whole = (inside / wanted).is_file() or (part.startswith("tokenizer") and (inside / "tokenizer.json").is_file())
        return [] if whole else [f"{part}/{wanted}"]
    lacking = [] if (inside / "config.json").is_file() else [f"{part}/config.json"]
    if not weights_of(inside):
        stem = "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"
        lacking.append(f"{part}/{stem}.safetensors")
    return lacking + [f"{part}/{name}" for name in _shards(inside) if not (inside / name).is_file()]


def _lacking(folder: Path, missing: list[str]) -> str:
    part = missing[0].partition("/")[0]
    pickles = [path.name for path in (folder / part).glob("*") if path.suffix in PICKLES] if part else []
    if missing[0].endswith(".safetensors") and pickles:
        return (
            f"lacks {missing[0]}: it has the weights only as a pickle ({pickles[0]}), which could run code and is never"
            " loaded. Look for a version with safetensors."
        )
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"is incomplete: it lacks {missing[0]}{more}. Download the whole folder again."


def _part(folder: Path) -> FileKind:
    """A ControlNet, VAE, encoder, captioner ... on its own."""
    config = _json(folder, "config.json")
    if "auto_map" in config:
        raise _Bad("needs code of its own (auto_map), which Easel never runs.")
    missing = [name for name in _shards(folder) if not (folder / name).is_file()]
    if missing:
        raise _Bad(_lacking(folder, missing), tuple(missing))
    if not weights_of(folder):
        lacking = ["model.safetensors" if "architectures" in config else "diffusion_pytorch_model.safetensors"]
        pickles = [path.name for path in folder.glob("*") if path.suffix in PICKLES]
        only = f": it has the weights only as a pickle ({pickles[0]}), which is never loaded" if pickles else ""
        raise _Bad(f"lacks its weights as safetensors{only}. Look for a version that has them.", tuple(lacking))
    return replace(_described(folder), layout="diffusers")


def _described(folder: Path) -> FileKind:
    """What the weights of one part are; shards are read as one."""
    files = weights_of(folder)
    shards = [folder / name for name in _shards(folder)]
    if not shards:
        return describe(files[0])
    try:
        headers = [read_header(path) for path in shards]
    except BadWeights:
        return next(found for path in shards if (found := describe(path)).why_not)
    tensors = {key: tensor for header in headers for key, tensor in header.tensors.items()}
    whole = replace(headers[0], tensors=tensors, bytes=sum(header.bytes for header in headers))
    return describe_header(whole, folder.name)


def _shards(folder: Path) -> list[str]:
    """The files that a list of shards names, where there is one; raises _Bad when it names one outside the folder."""
    listed = list_of_shards(folder)
    if listed is None:
        return []
    named = _json(folder, listed).get("weight_map")
    names = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
    if any("/" in name or "\\" in name or name.startswith(".") for name in names):
        raise _Bad(f"has a list of files ({listed}) that names one outside the folder.")
    return names


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        if path.stat().st_size > MOST_JSON:
            raise ValueError("it is too large")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _Bad(f"is incomplete: it lacks {name}. Download the whole folder again.", (name,)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _Bad(f"has a {name} that cannot be read ({error}). Download it again.") from error
    if not isinstance(data, dict):
        raise _Bad(f"has a {name} that is no description. Download it again.")
    return data
