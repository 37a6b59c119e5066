"""Shelf: the packs on this machine, what they lack and whether their files are what they should be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from studio.domain.errors import PackMissing
from studio.packs.manifest import Pack, read_manifest
from studio.places import ASSETS

CHUNK = 1 << 20


class Shelf:
    """Looks packs up by id.

    `catalogue` holds one TOML file a pack; `places` are the folders searched, in order, for a folder of the pack's id.
    """

    def __init__(self, *, catalogue: Path, places: tuple[Path, ...]) -> None:
        self._catalogue = catalogue
        self._places = places

    def packs(self) -> list[Pack]:
        """Every pack of the catalogue that has a folder here, in the catalogue's order of file names."""
        found = []
        for path in sorted(self._catalogue.glob("*.toml")):
            manifest = read_manifest(path)
            folder = next((place / manifest.id for place in self._places if (place / manifest.id).is_dir()), None)
            if folder is not None:
                found.append(Pack(manifest, folder))
        return found

    def get(self, id: str) -> Pack:
        """The pack of that id; raises PackMissing, naming those that are there."""
        packs = self.packs()
        for pack in packs:
            if pack.id == id:
                return pack
        here = ", ".join(pack.id for pack in packs) or "none"
        raise PackMissing(f"There is no pack named {id!r} on this machine (installed: {here}); see the Shelf page.")

    def whole(self, id: str) -> Pack:
        """The pack of that id with every file present; raises PackMissing, naming what is not."""
        pack = self.get(id)
        missing = self.missing(pack)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise PackMissing(f"Pack {pack.id} lacks {missing[0]}{more}; install it again on the Shelf page.")
        return pack

    def missing(self, pack: Pack) -> list[str]:
        """Files that the pack's list names and its folder does not hold."""
        return [path for path in pack.hashes() if not (pack.folder / path).is_file()]

    def sizes(self, pack: Pack) -> dict[str, int]:
        """Bytes of each part: the first folder of the path -> bytes of the files below it that are there."""
        sizes: dict[str, int] = {}
        for path in pack.hashes():
            file = pack.folder / path
            if file.is_file():
                part = path.partition("/")[0]
                sizes[part] = sizes.get(part, 0) + file.stat().st_size
        return sizes

    def verify(self, pack: Pack, report: Callable[[int, int], None] | None = None) -> list[str]:
        """Hash every file against the list; one sentence for each that differs. `report(done, total)` counts bytes."""
        hashes = pack.hashes()
        total = sum((pack.folder / path).stat().st_size for path in hashes if (pack.folder / path).is_file())
        problems, done = [], 0
        for path, expected in hashes.items():
            file = pack.folder / path
            if not file.is_file():
                problems.append(f"{path} is missing; install {pack.id} again.")
                continue
            digest = hashlib.sha256()
            with file.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    done += len(chunk)
                    if report is not None:
                        report(done, total)
            if digest.hexdigest() != expected:
                problems.append(f"{path} is not the file it should be (SHA-256 differs); install {pack.id} again.")
        return problems


def open_shelf(home: Path) -> Shelf:
    """The packs installed in the home folder and those that ship with the studio, the former first."""
    return Shelf(catalogue=ASSETS / "packs", places=(home / "packs", ASSETS))
