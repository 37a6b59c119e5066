"""What a file of weights is, from its header alone: kind, family, precision, size. It loads no tensor and runs nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from studio.packs import networks
from studio.packs.header import BadWeights, Header, read_header
from studio.packs.kinds import NAMES, FileKind, foreign_base
from studio.packs.loras import lora
from studio.packs.manifest import FAMILIES, Manifest

PRECISIONS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "F64": "fp64", "F8_E4M3": "fp8", "F8_E5M2": "fp8"}
# Who is asked what weights are; the first who knows says it
_TELLING = (
    networks.adapter, lora, networks.painter, networks.controls, networks.unet, networks.vae, networks.embedding,
    networks.others,
)  # fmt: skip


def describe(path: Path) -> FileKind:
    """What a file is. Never raises: a file that is no usable weights has `why_not`, a sentence that names it."""
    try:
        header = read_header(path)
    except BadWeights as error:
        try:
            size = path.stat().st_size if path.is_file() else 0
        except OSError:
            size = 0
        return FileKind(bytes=size, why_not=f"{path.name} {error}")
    return describe_header(header, path.name)


def describe_header(header: Header, name: str) -> FileKind:
    """What weights with this header are; `name` is for the sentences, and for the guess where nothing else tells."""
    keys = header.tensors
    for tell in _TELLING:
        found = tell(keys, header.notes, name)
        if found is not None:
            break
    else:
        found = foreign_base(keys, name) or FileKind(
            why_not=f"{name} holds weights of a kind that is not known here. Look at the page it came from for what it is."
        )
    return replace(found, precision=precision_of(header), bytes=header.bytes)


def precision_of(header: Header) -> str:
    """The precision of most of the bytes."""
    weight: Counter[str] = Counter()
    for tensor in header.tensors.values():
        weight[tensor.dtype] += tensor.bytes
    (dtype, _), *_ = weight.most_common(1)
    return PRECISIONS.get(dtype, dtype.lower())


def unfit(found: FileKind | Manifest, painter: Manifest) -> str:
    """Why something cannot be used with a painter, in a sentence; "" when it can."""
    family = found.family
    if not family or "any" in (family, painter.family) or family == painter.family:
        return ""
    what = NAMES.get(found.kind, "weights") if isinstance(found, FileKind) else found.name
    return (
        f"{what[:1].upper() + what[1:]} for {FAMILIES.get(family, family)} cannot be used with {painter.name}, which is"
        f" {FAMILIES.get(painter.family, painter.family)}. Choose a painter of {FAMILIES.get(family, family)}, or take it out."
    )
