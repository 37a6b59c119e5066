"""Export: what somebody wants to take out of the gallery, and in which dress. Nothing here reads a disk."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from studio.domain.errors import BadInput

SHAPES = {  # what comes out -> what a person calls it
    "files": "Files",
    "zip": "Zip",
    "sheet": "Contact sheet",
    "pdf": "PDF",
}
FORMATS = {"same": "As they are", "png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
METADATA = {"all": "Everything", "recipe": "Recipe only", "none": "Nothing"}
FIELDS = ("date", "time", "id", "prompt", "caption", "seed", "model", "name", "number")  # of a pattern of names
PATTERN = "{date}_{id}_{prompt}"
PATTERN_LIMIT = 200  # characters
QUALITY = (1, 100)
SHEET_LIMITS = {"sheet": 200, "pdf": 2_000}  # pictures; beyond that cells would be too small, or too many pages to turn
_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Export:
    """How pictures leave: as what, in which format, with which words in their files and under which names.

    `quality` is of JPEG and WebP. `gps` lets the place of a photograph travel, whatever `metadata` says; serial numbers of
    cameras never do. Raises BadInput, naming the field.
    """

    shape: str = "files"
    format: str = "same"
    quality: int = 90
    metadata: str = "recipe"
    gps: bool = False
    names: str = PATTERN

    def __post_init__(self) -> None:
        for field, known in (("shape", SHAPES), ("format", FORMATS), ("metadata", METADATA)):
            if getattr(self, field) not in known:
                raise BadInput(
                    field, f"There is no {field} {getattr(self, field)!r}; choose one of {', '.join(known)}."
                )
        if type(self.quality) is not int or not QUALITY[0] <= self.quality <= QUALITY[1]:
            raise BadInput("quality", f"The quality goes from {QUALITY[0]} to {QUALITY[1]}.")
        check_pattern(self.names)

    @property
    def is_sheet(self) -> bool:
        """Whether the pictures are laid out on sheets instead of leaving themselves."""
        return self.shape in SHEET_LIMITS

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: object) -> Export:
        """Read `to_dict` back; what another version wrote beside it is left out. Raises BadInput."""
        known = {field.name for field in dataclasses.fields(cls)}
        body = data if isinstance(data, dict) else {}
        return cls(**{name: value for name, value in body.items() if name in known})


def check_pattern(pattern: str) -> None:
    """Raise BadInput for a pattern of names that is empty, too long, or has a field that there is not."""
    if not isinstance(pattern, str) or not pattern.strip():
        raise BadInput("names", f"Say how the files should be named, such as {PATTERN}.")
    if len(pattern) > PATTERN_LIMIT:
        raise BadInput("names", f"The pattern of names has more than {PATTERN_LIMIT} characters.")
    strange = [field for field in _FIELD.findall(pattern) if field not in FIELDS]
    if strange:
        raise BadInput("names", f"Names have no field {{{strange[0][:40]}}}; there are {', '.join(FIELDS)}.")


def filled(pattern: str, values: dict[str, str]) -> str:
    """The pattern with its fields filled in; what is no field stays as it is."""
    return _FIELD.sub(lambda found: values.get(found[1], found[0]), pattern)
