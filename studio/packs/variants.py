"""Which weights of a model's folder are meant where it holds several variants (fp16) or shards. It opens none of them."""

from __future__ import annotations

import re
from pathlib import Path

# model.fp16.safetensors, model.fp16-00001-of-00002.safetensors, model-00001-of-00002.fp16.safetensors (older)
_WEIGHTS = re.compile(r"[\w-]+?(\.(?P<variant>\w+))?(-\d+-of-\d+(\.(?P<older>\w+))?)?\.safetensors", re.ASCII)
# model.safetensors.index.json, model.safetensors.index.fp16.json
_LIST = re.compile(r"[\w.-]+\.safetensors\.index(\.(?P<variant>\w+))?\.json", re.ASCII)


def weights_of(folder: Path) -> list[Path]:
    """The safetensors files of one part, those of full precision first where there are several variants."""
    found = folder.glob("*.safetensors") if folder.is_dir() else ()
    return sorted(found, key=lambda path: (path.name.count("."), path.name))


def variants_of(folder: Path) -> list[str]:
    """The variants that one part's weights are there in: "" is full precision, which comes first; then "fp16" and others."""
    matches = [_WEIGHTS.fullmatch(path.name) for path in weights_of(folder)]
    return sorted({match["variant"] or match["older"] or "" if match else "" for match in matches})


def variant_of(folder: Path) -> str | None:
    """The variant to load of a part, or of a whole pipeline: None for full precision, where every part has that.

    What diffusers and transformers call `variant`. Of a pipeline whose parts differ, those without the variant are loaded as
    they are.
    """
    whole = (folder / "model_index.json").is_file()  # beside it may lie the same model as one file
    parts = [path for path in sorted(folder.iterdir()) if weights_of(path)] if whole else [folder]
    only = [found for part in parts if (found := variants_of(part)) and "" not in found]
    if not only:
        return None
    shared = set(only[0]).intersection(*only)
    return sorted(shared or set(only[0]))[0]


def list_of_shards(folder: Path) -> str | None:
    """The name of the list of the shards that are loaded of one part; None where its weights are one file."""
    wanted = variant_of(folder) if folder.is_dir() and weights_of(folder) else None
    lists = sorted(folder.glob("*.safetensors.index*.json")) if folder.is_dir() else []
    matches = [(path.name, match["variant"]) for path in lists if (match := _LIST.fullmatch(path.name))]
    meant = [name for name, variant in matches if variant == wanted]
    if not meant and not weights_of(folder):
        meant = [name for name, _ in matches]
    return meant[0] if meant else None
