"""Axis: a field of a recipe and the values that it takes along a grid, read as people type them. It makes no recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from studio.domain import grid_values
from studio.domain.control import CONTROLS
from studio.domain.errors import BadInput
from studio.domain.recipe import SAMPLERS

Value = int | float | str | tuple[int, int]


class Field(NamedTuple):
    """A field that an axis can run along: what it is called, how its values are read, and an example of them as typed."""

    title: str
    reads: str  # whole, number, sampler, size, name or words
    example: str


FIELDS: Mapping[str, Field] = {
    "steps": Field("Steps", "whole", "4, 8, 16 or 10-30 (+5)"),
    "guidance": Field("Guidance", "number", "2, 4, 7.5 or 1-9 [5]"),
    "sampler": Field("Sampler", "sampler", "euler a, dpm++ 2m"),
    "seed": Field("Seed", "whole", "1, 2, 3 or 1-6"),
    "words": Field("Words", "words", "star, house, boat"),
    "size": Field("Size", "size", "128x128, 192x128"),
    "pack": Field("Pack", "name", "storybook, sd15"),
    "vae": Field("VAE", "name", "own, and the names of VAEs"),
    "clip_skip": Field("Clip skip", "whole", "1, 2"),
    "hires": Field("Second pass", "number", "1, 1.5, 2"),
    "strength": Field("Strength", "number", "0.3, 0.5, 0.7 or 0.2-1 [5]"),
    "reference_weight": Field("Reference", "number", "0.3, 0.6, 1"),
}
_PARTS: Mapping[str, Field] = {
    "lora": Field("Weight of {}", "number", "0, 0.5, 1 or 0-1 [5]"),
    "control": Field("{}", "number", "0.5, 1 or 0-1 [5]"),
}
OWN_VAE = "own"  # how the painter's own VAE, an empty name in a recipe, is typed


def field_of(name: str) -> Field:
    """What is known of a field by its name: one of FIELDS, `lora:<pack>` or `control:<kind>`; raises BadInput."""
    part, colon, which = name.partition(":")
    if colon and part in _PARTS and which:
        return _PARTS[part]._replace(title=part_title(part, which))
    if name not in FIELDS:
        raise BadInput(
            "field", f"A grid cannot vary {name[:40]!r}; choose one of {', '.join(FIELDS)}, lora:NAME, control:KIND."
        )
    return FIELDS[name]


def part_title(part: str, which: str) -> str:
    """What the weight of a LoRA or of a kind of control is called."""
    shown = f"{CONTROLS[which].label} control" if part == "control" and which in CONTROLS else which
    return _PARTS[part].title.format(shown)


@dataclass(frozen=True)
class Axis:
    """A field and the values that it takes, at least one, each once; `read_axis` makes one of what somebody typed.

    A size is (width, height) in pixels. Of "words" the first value stands in the prompt and the others come in its place.
    Raises BadInput, naming the field.
    """

    field: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        reads = field_of(self.field).reads
        if not self.values:
            raise BadInput(self.field, f"There are no values; type some, such as {self._example}.")
        if len(self.values) > grid_values.MOST_VALUES:
            raise BadInput(self.field, f"That is more than {grid_values.MOST_VALUES} values; a grid holds no more.")
        if not all(_fits(value, reads) for value in self.values):
            raise BadInput(self.field, f"A value of the {self.title.lower()} is of the wrong kind.")
        if len(set(self.values)) < len(self.values):
            raise BadInput(self.field, f"A value of the {self.title.lower()} stands twice; each makes one picture.")
        if reads == "words" and (len(self.values) < 2 or not str(self.values[0]).strip()):
            raise BadInput(
                self.field,
                "Type first the words that stand in the prompt, then what comes in their place: star, house, boat.",
            )

    @property
    def title(self) -> str:
        """What the field is called."""
        return field_of(self.field).title

    @property
    def _example(self) -> str:
        return field_of(self.field).example

    @property
    def labels(self) -> tuple[str, ...]:
        """The heading of each value."""
        return tuple(label(self.field, value) for value in self.values)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return {"field": self.field, "values": [list(one) if isinstance(one, tuple) else one for one in self.values]}

    @classmethod
    def from_dict(cls, data: Any) -> Axis:
        """Read `to_dict` back; raises BadInput."""
        try:
            values = tuple(tuple(one) if isinstance(one, list) else one for one in data["values"])
            return cls(data["field"], values)
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput("grid", f"What is kept of this grid's axes cannot be read ({error}).") from error


def label(field: str, value: Value) -> str:
    """A value as a heading: "7.5", "DPM++ 2M", "128 × 96"."""
    if isinstance(value, tuple):
        return f"{value[0]} × {value[1]}"
    if field == "sampler":
        return SAMPLERS.get(str(value), str(value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or (OWN_VAE if field == "vae" else "(nothing)")


def read_axis(field: str, text: str, *, names: Mapping[str, str] | None = None) -> Axis:
    """The axis that somebody asks for: a field, and its values as typed; a value that stands twice counts once.

    `names`: what a pack or VAE is called -> its id, in small letters; a name that is not among them counts as an id. Raises
    BadInput with a sentence for what cannot be read.
    """
    reads = field_of(field).reads
    values: list[Value]
    if reads in ("whole", "number"):
        found = grid_values.numbers(text, _spoken(field), whole=reads == "whole")
        values = [int(one) if reads == "whole" else float(one) for one in found]
    else:
        read = _READERS[reads]
        values = [read(one, field, names or {}) for one in grid_values.split(text, field)]
    return Axis(field, tuple(dict.fromkeys(values)))


def _spoken(field: str) -> str:
    return field.partition(":")[0]


def _sampler(text: str, field: str, names: Mapping[str, str]) -> str:
    wanted = text.strip().lower()
    for name, other in SAMPLERS.items():
        if wanted in (name, other.lower()):
            return name
    raise BadInput(field, f"There is no sampler named {text[:40]!r}; choose some of {', '.join(SAMPLERS)}.")


def _size(text: str, field: str, names: Mapping[str, str]) -> tuple[int, int]:
    read = re.fullmatch(r"\s*(\d{1,6})\s*[x×X*]\s*(\d{1,6})\s*", text)
    if read is None:
        raise BadInput(field, f"A size looks like 128x128, in pixels; {text[:40]!r} does not.")
    return int(read.group(1)), int(read.group(2))


def _name(text: str, field: str, names: Mapping[str, str]) -> str:
    wanted = text.strip()
    if field == "vae" and wanted.lower() in (OWN_VAE, ""):
        return ""
    return names.get(wanted.lower(), wanted)


def _words(text: str, field: str, names: Mapping[str, str]) -> str:
    return text


_READERS: Mapping[str, Callable[[str, str, Mapping[str, str]], Value]] = {
    "sampler": _sampler,
    "size": _size,
    "name": _name,
    "words": _words,
}


def _fits(value: Any, reads: str) -> bool:
    if isinstance(value, bool):
        return False
    if reads == "whole":
        return isinstance(value, int)
    if reads == "number":
        return isinstance(value, int | float) and math.isfinite(value)
    if reads == "size":
        return isinstance(value, tuple) and len(value) == 2 and all(type(side) is int for side in value)
    return isinstance(value, str)
