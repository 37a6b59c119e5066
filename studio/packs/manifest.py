"""Manifest and Pack: the description of an installed set of weights. It never loads one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.domain.errors import PackMissing

SUMS = "SHA256SUMS"  # one "hash  path" line a file, as `sha256sum` writes it
WORDS = "words.txt"  # every word the pack was taught, one a line; absent for packs that know a whole language


@dataclass(frozen=True)
class Manifest:
    """What a pack is and what it can do; read from one TOML file in `assets/packs/`.

    `roles` maps a role (painter, encoder, captioner, checker, tokenizer) to a folder inside the pack. `sizes` are the
    (width, height) pairs worth offering, in pixels. `steps`, `guidance` and `sampler` are where a newcomer should begin.
    """

    id: str
    name: str
    description: str
    family: str
    licence: str
    licence_note: str
    sizes: tuple[tuple[int, int], ...]
    steps: int
    guidance: float
    sampler: str
    roles: dict[str, str]
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    concepts: dict[str, str] = field(default_factory=dict)  # the checker's concept -> plain words

    @property
    def size(self) -> tuple[int, int]:
        """The size the pack paints best, (width, height) in pixels."""
        return self.sizes[0]


@dataclass(frozen=True)
class Pack:
    """A manifest and the folder its weights live in."""

    manifest: Manifest
    folder: Path

    @property
    def id(self) -> str:
        """The manifest's id."""
        return self.manifest.id

    def role(self, name: str) -> Path:
        """The folder that plays a role; raises PackMissing when the pack has none or the folder is gone."""
        inside = self.manifest.roles.get(name)
        if inside is None:
            raise PackMissing(f"Pack {self.id} has no {name}; choose a pack that does on the Shelf page.")
        folder = self.folder / inside
        if not folder.is_dir():
            raise PackMissing(f"Pack {self.id} lacks {inside}/, its {name}; install it again on the Shelf page.")
        return folder

    def hashes(self) -> dict[str, str]:
        """What every file should hash to: path inside the pack -> SHA-256. Raises PackMissing without a list."""
        try:
            lines = (self.folder / SUMS).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError as error:
            raise PackMissing(f"Pack {self.id} lacks {SUMS}, the list of its files; install it again.") from error
        return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines if line.strip())}

    def words(self) -> frozenset[str]:
        """The words the pack was taught, lower case; empty when it knows a whole language."""
        path = self.folder / WORDS
        return frozenset(path.read_text(encoding="utf-8").split()) if path.exists() else frozenset()


def read_manifest(path: Path) -> Manifest:
    """Read one TOML description; raises PackMissing with the file's name when it cannot be read."""
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        data["sizes"] = tuple((int(width), int(height)) for width, height in data["sizes"])
        for name in ("can", "cannot", "examples"):
            data[name] = tuple(data.get(name, ()))
        return Manifest(**data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackMissing(
            f"The description {path.name} cannot be read ({error}); restore it from the repository."
        ) from error
