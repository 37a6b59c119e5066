"""The header of a safetensors file, and what a file is that is none. It reads a few kilobytes and never loads a tensor."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

# safetensors' own limit; a header of Stable Diffusion XL with a thousand notes is under a megabyte
MOST_HEADER = 100_000_000
MOST_SHAPE = 16  # dimensions of a tensor
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
# What a file begins with -> what it is and what to do
_AGAIN = "Download it again, and see that the file itself is saved, not the page about it."
_PICKLE = "It could run code when it is opened, so it is never loaded. Look for the .safetensors of the same model."
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs",
     "is a Git LFS pointer: a note that names the real file. Run `git lfs pull`, or download the file itself."),
    (b"GGUF", "is a GGUF file, a layout for language models. Look for the .safetensors of the same model."),
    (b"PK\x05\x06", "is an empty zip archive. " + _AGAIN),
    (b"\x1f\x8b", "is a gzip archive. Unpack it first."),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive. Unpack it first."),
    (b"Rar!", "is a RAR archive. Unpack it first."),
    (b"\x89HDF", "is an HDF5 file, a layout of TensorFlow. Look for the .safetensors of the same model."),
    (b"\x89PNG", "is a picture, the preview of a model perhaps. The weights lie beside it."),
    (b"\xff\xd8\xff", "is a picture, the preview of a model perhaps. The weights lie beside it."),
    (b"%PDF", "is a PDF document. " + _AGAIN),
)  # fmt: skip


class BadWeights(Exception):
    """A file is no usable safetensors file: a sentence without its subject, such as "is empty (0 bytes). ..."."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a header: its type as safetensors names it, its shape, its bytes."""

    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class Header:
    """What a safetensors file holds, and the notes its maker left in it."""

    tensors: Mapping[str, Tensor]
    notes: Mapping[str, str] = field(default_factory=dict)
    bytes: int = 0


def read_header(path: Path) -> Header:
    """Read and check the header of a safetensors file; raises BadWeights with the likely cause and the remedy."""
    try:
        # A FIFO or a device would wait for ever: the kind of file is asked for before it is opened
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadWeights("is not a file.")
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            beginning = stream.read(512)
            length = int.from_bytes(beginning[:8], "little")
            _look_at(beginning, size, length)
            stream.seek(8)
            text = stream.read(length)
    except OSError as error:
        raise BadWeights(f"cannot be read ({error.strerror or error}). Look whether it is there and yours.") from error
    if len(text) < length:
        raise BadWeights(_truncated(8 + length - size, size))
    return _header(text, size)


def _look_at(beginning: bytes, size: int, length: int) -> None:
    """Raise BadWeights when the first bytes show that the file is something else."""
    if size == 0:
        raise BadWeights("is empty (0 bytes): a download that never began, or a full disk. Download it again.")
    # An honest header's length may begin like any other kind of file: 60 is "<"
    if beginning[8:9] == b"{" and 2 <= length <= MOST_HEADER:
        return
    start = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, sentence in _BEGINNINGS:
        if start.startswith(mark) or beginning.startswith(mark):
            raise BadWeights(sentence)
    if beginning.startswith(b"PK\x03\x04"):
        torch = b".pkl" in beginning or b"/data" in beginning or b"archive" in beginning
        raise BadWeights(
            f"is a pickle (PyTorch's zip), whatever its name says. {_PICKLE}"
            if torch
            else f"is a zip archive. Unpack it first; if it is PyTorch's, it is a pickle. {_PICKLE}"
        )
    if beginning[:1] == b"\x80" and beginning[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise BadWeights(f"is a pickle, whatever its name says. {_PICKLE}")
    if start[:1] == b"<":
        raise BadWeights(
            f"is a web page (HTML), most likely a login or an error page saved in place of the file. {_AGAIN}"
        )
    if start[:1] in (b"{", b"["):
        raise BadWeights(f"is plain JSON, most likely an error message saved in place of the file. {_AGAIN}")
    if size < 10:
        raise BadWeights(_truncated(10 - size, size))
    if length > MOST_HEADER:
        raise BadWeights(
            f"claims a header of {length:,} bytes (at most {MOST_HEADER:,} is allowed): it is no safetensors file, or it"
            " is damaged. Download it again."
        )
    raise BadWeights("does not begin as a safetensors file does: it is another kind of file, or damaged.")


def _header(text: bytes, size: int) -> Header:
    try:
        data = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadWeights(
            f"has a header that cannot be read ({_brief(error)}): it is damaged. Download it again."
        ) from error
    notes = data.pop("__metadata__", {})
    notes = {str(key): str(value) for key, value in notes.items()} if isinstance(notes, dict) else {}
    tensors: dict[str, Tensor] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in data.items():
        tensor, begin = _tensor(name, entry)
        tensors[name] = tensor
        spans.append((begin, begin + tensor.bytes, name))
    spans.sort()
    end, before = 0, ""
    for begin, stop, name in spans:
        if begin < end:
            raise BadWeights(
                f"has tensors that overlap ({_short(before)} and {_short(name)}): it is damaged or forged."
            )
        if begin > end:
            raise BadWeights(f"has a hole before {_short(name)}: it is damaged or forged. Download it again.")
        end, before = stop, name
    held = size - 8 - len(text)
    if end > held:
        raise BadWeights(_truncated(end - held, size))
    if end < held:
        raise BadWeights(f"is {held - end:,} bytes longer than its header says: it is damaged. Download it again.")
    if not tensors:
        raise BadWeights("holds no tensor at all. Download it again.")
    return Header(tensors, notes, size)


def _tensor(name: str, entry: Any) -> tuple[Tensor, int]:
    """The tensor and where its bytes begin; raises BadWeights."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        whole = False
    if not whole or len(shape) > MOST_SHAPE or end < begin:
        raise BadWeights(f"has a header that describes {_short(name)} wrongly: it is damaged. Download it again.")
    if dtype not in BITS:
        raise BadWeights(f"holds numbers of a kind that is not known here ({_short(str(dtype))}).")
    if prod(shape) * BITS[dtype] != (end - begin) * 8:
        raise BadWeights(f"has a header whose sizes contradict each other at {_short(name)}: it is damaged or forged.")
    return Tensor(dtype, shape, end - begin), begin


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands in it twice")
    return made


def _truncated(missing: int, size: int) -> str:
    return f"ends {missing:,} bytes too early (it has {size:,}): the download was cut off. Download it again."


def _short(name: str) -> str:
    clean = "".join(sign if sign.isprintable() else "?" for sign in name)
    return clean if len(clean) <= 60 else clean[:57] + "..."


def _brief(error: Exception) -> str:
    return type(error).__name__ if isinstance(error, RecursionError) else str(error).partition(":")[0][:60]
