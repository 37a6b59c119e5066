"""Shelf: the packs on this machine and those that could be, what they lack, whether their files are what they should be."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from studio.domain.errors import BadInput, Failed, PackMissing
from studio.durable import check_room, put_in_place, sync_folder, take_away, write_durably
from studio.packs.manifest import OWN, SUMS, Manifest, Pack, inside, manifest_text, read_manifest
from studio.places import ASSETS

CHUNK = 1 << 20
FETCHING = ".fetching"  # below the packs: a folder for each pack on its way
SOURCE = "easel-source.json"  # beside a pack that came from the hub: from where, which commit, when
Progress = Callable[[int, int], None]


class Shelf:
    """Looks packs up by id.

    `catalogue` holds one TOML file a pack, named by its id; `places` are the folders searched, in order, for a folder of
    the pack's id. What is installed or brought goes into the first of them; the last ships with the studio.
    """

    def __init__(self, *, catalogue: Path, places: tuple[Path, ...]) -> None:
        self._catalogue = catalogue
        self._places = places

    @property
    def home(self) -> Path:
        """The folder that packs are installed in."""
        return self._places[0]

    def catalogue(self) -> list[Manifest]:
        """Every pack that ships or can be installed, in the order of file names."""
        return [_read(path, path.stat().st_mtime_ns) for path in sorted(self._catalogue.glob("*.toml"))]

    def manifest(self, id: str) -> Manifest:
        """The description of an installed pack or of one of the catalogue; raises PackMissing."""
        known = {manifest.id: manifest for manifest in self.catalogue()}
        for pack in self.packs():
            known[pack.id] = pack.manifest
        if id not in known:
            raise PackMissing(f"There is no pack named {id!r}; see the Shelf page for those that there are.")
        return known[id]

    def packs(self) -> list[Pack]:
        """Every pack that is installed: those of the catalogue in the order of file names, then those that the user brought."""
        found = [pack for pack, _ in self._folders() if isinstance(pack, Pack)]
        here = {pack.id for pack in found}
        return [replace(pack, manifest=pack.manifest.among(here)) for pack in found]

    def broken(self) -> dict[str, str]:
        """Folders that look like packs and cannot be read: name -> a sentence. The other packs work."""
        return {folder.name: str(error) for error, folder in self._folders() if not isinstance(error, Pack)}

    def _folders(self) -> Iterator[tuple[Pack | PackMissing, Path]]:
        known = sorted(path.stem for path in self._catalogue.glob("*.toml"))
        for id in known:
            folder = next((place / id for place in self._places if (place / id).is_dir()), None)
            if folder is not None:
                path = self._catalogue / f"{id}.toml"
                yield _opened(_read(path, path.stat().st_mtime_ns), folder), folder
        for place in self._places:
            for path in sorted(place.glob(f"*/{OWN}")):
                folder = path.parent
                if folder.name in known or folder.name.startswith("."):
                    continue
                try:
                    manifest = _read(path, path.stat().st_mtime_ns)
                    if manifest.id != folder.name:
                        raise PackMissing(f"The folder {folder.name} holds the pack {manifest.id}; name it so again.")
                    yield _opened(manifest, folder), folder
                except PackMissing as error:
                    yield error, folder

    def get(self, id: str) -> Pack:
        """The pack of that id; raises PackMissing, naming those that are there."""
        packs = self.packs()
        for pack in packs:
            if pack.id == id:
                return pack
        here = ", ".join(pack.id for pack in packs) or "none"
        raise PackMissing(f"There is no pack named {id!r} on this machine (installed: {here}); see the Shelf page.")

    def state(self, id: str) -> str:
        """ "installed", "partial" (on its way, or with files missing) or "absent"."""
        pack = next((pack for pack in self.packs() if pack.id == id), None)
        if pack is None:
            return "partial" if (self.home / FETCHING / id).is_dir() else "absent"
        try:
            return "partial" if self.missing(pack) else "installed"
        except PackMissing:
            return "partial"

    def coming(self) -> list[str]:
        """The ids of packs of the catalogue that are on their way."""
        folder = self.home / FETCHING
        here = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        return [id for id in here if (self._catalogue / f"{id}.toml").is_file()]

    def holder(self, role: str, pack_id: str) -> Pack | None:
        """Who plays a role for a pack: itself, or the first installed pack that it needs. None when nobody does."""
        pack = self.get(pack_id)
        packs = {one.id: one for one in self.packs()}
        for one in (pack, *(packs[id] for id in pack.manifest.needs if id in packs)):
            if role in one.manifest.roles:
                return one
        return None

    def lacks(self, manifest: Manifest) -> list[Manifest]:
        """Packs that it needs and that are not installed, theirs included, each before the one that needs it."""
        found: dict[str, Manifest] = {}

        def visit(one: Manifest, above: tuple[str, ...]) -> None:
            for id in one.needs:
                if id not in above and id not in found and self.state(id) != "installed":
                    need = self.manifest(id)
                    visit(need, (*above, id))
                    found[id] = need

        visit(manifest, (manifest.id,))
        return list(found.values())

    def dependents(self, id: str) -> list[Manifest]:
        """Installed packs that need this one."""
        return [pack.manifest for pack in self.packs() if id in pack.manifest.needs]

    def whole(self, id: str) -> Pack:
        """The pack of that id with every file present; raises PackMissing, naming what is not."""
        pack = self.get(id)
        missing = self.missing(pack)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise PackMissing(f"Pack {pack.id} lacks {missing[0]}{more}; {_again(pack)} on the Shelf page.")
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

    def verify(self, pack: Pack, report: Progress | None = None) -> list[str]:
        """Hash every file against the list; one sentence for each that differs. `report(done, total)` counts bytes."""
        hashes = pack.hashes()
        total = sum((pack.folder / path).stat().st_size for path in hashes if (pack.folder / path).is_file())
        problems, done = [], 0
        for path, expected in hashes.items():
            file = pack.folder / path
            if not file.is_file():
                problems.append(f"{path} is missing; {_again(pack)}.")
                continue
            digest = hashlib.sha256()
            with file.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    done += len(chunk)
                    if report is not None:
                        report(done, total)
            if digest.hexdigest() != expected:
                problems.append(f"{path} is not the file it should be (SHA-256 differs); {_again(pack)}.")
        return problems

    # --- putting packs in and taking them out ---------------------------------------------------------------------------

    def removable(self, pack: Pack) -> bool:
        """Whether it can be removed and moved: not what ships with the studio."""
        return self._link(pack).parent == self.home

    def accept(self, folder: Path, manifest: Manifest) -> Pack:
        """Put a finished folder, whose list names every file, in its place; what stood there before goes.

        Files that the list does not name are deleted. Raises PackMissing when the list or a file of it is missing.
        """
        pack = Pack(manifest, folder)
        hashes = pack.hashes()
        strange = [path for path in hashes if not inside(path)]
        missing = [] if manifest.place else self.missing(pack)
        if strange or missing:
            raise PackMissing(f"Pack {manifest.id} is not complete: {(strange + missing)[0]}. Install it again.")
        for path in folder.rglob("*"):
            if path.is_file() and path.relative_to(folder).as_posix() not in {*hashes, SUMS, SOURCE, OWN}:
                path.unlink()
        if not (self._catalogue / f"{manifest.id}.toml").is_file():
            write_durably(folder / OWN, manifest_text(manifest))
        target = self.home / manifest.id
        sync_folder(folder)
        put_in_place(folder, target)
        return _opened(manifest, target)

    def remove(self, id: str) -> None:
        """Delete a pack. Of one used in place only the description goes. Raises BadInput for what ships with the studio."""
        pack = self.get(id)
        if not self.removable(pack):
            raise BadInput("pack", f"{pack.manifest.name} ships with Easel and stays.")
        link = self._link(pack)
        for folder in dict.fromkeys((pack.folder, link) if pack.home is None else (link,)):
            take_away(folder)

    def move(self, id: str, to: Path, report: Progress | None = None) -> Pack:
        """Move a pack's files into a folder of another disk, each byte compared with the list; a note of where stays here.

        Into `home` it comes back. Raises BadInput, StorageFull, Failed. `report(done, total)` may raise Cancelled; then, and
        whenever it fails, everything is as it was.
        """
        pack = self.get(id)
        link, to = self._link(pack), to.expanduser().resolve()
        target = to / id
        if not self.removable(pack) or pack.home is not None:
            where = "ships with Easel" if pack.home is None else "lies where another tool keeps it"
            raise BadInput("pack", f"{pack.manifest.name} {where}, so it is not moved.")
        if not to.is_dir() or not os.access(to, os.W_OK):
            raise BadInput("to", f"{to} is no folder that Easel can write in; make it first, or choose another.")
        if to.is_relative_to(link.resolve()) or target == pack.folder.resolve() or (target.exists() and target != link):
            raise BadInput("to", f"{target} is there already; choose another folder.")
        staging = to / f".moving-{id}"
        shutil.rmtree(staging, ignore_errors=True)
        try:
            self._copy(pack, staging, report)
            write_durably(staging / OWN, manifest_text(replace(pack.manifest, place="")))
            sync_folder(staging)
            put_in_place(staging, target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        if target != link:
            note = self.home / f".note-{id}"
            shutil.rmtree(note, ignore_errors=True)
            note.mkdir()
            write_durably(note / OWN, manifest_text(replace(pack.manifest, place=str(target))))
            put_in_place(note, link)
        if pack.folder not in (link, target):
            take_away(pack.folder)
        return self.get(id)

    def _copy(self, pack: Pack, to: Path, report: Progress | None) -> None:
        hashes = pack.hashes()
        total = sum((pack.folder / path).stat().st_size for path in hashes)
        check_room(to.parent, total, what=pack.manifest.name)
        done = 0
        for path, expected in hashes.items():
            digest = hashlib.sha256()
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            with (pack.folder / path).open("rb") as source, (to / path).open("xb") as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    if report is not None:
                        report(done, total)
                target.flush()
                os.fsync(target.fileno())
            if digest.hexdigest() != expected:
                raise Failed(f"{path} is not the file it should be (SHA-256 differs); {_again(pack)}, then move it.")
        for name in (SUMS, SOURCE):
            if (pack.folder / name).is_file():
                write_durably(to / name, (pack.folder / name).read_text(encoding="utf-8"))

    def _link(self, pack: Pack) -> Path:
        """The pack's folder among the packs of the home folder, whether or not its weights lie there."""
        if (self.home / pack.id).is_dir():
            return self.home / pack.id
        return pack.own


def open_shelf(home: Path) -> Shelf:
    """The packs installed in the home folder and those that ship with the studio, the former first.

    EASEL_CATALOGUE names a folder of descriptions to use instead of those that ship.
    """
    catalogue = Path(os.environ.get("EASEL_CATALOGUE") or ASSETS / "packs")
    return Shelf(catalogue=catalogue, places=(home / "packs", ASSETS))


def _opened(manifest: Manifest, folder: Path) -> Pack:
    """The pack of a folder, which may be only a note of where its files lie."""
    note = folder / OWN
    place = manifest.place or (_read(note, note.stat().st_mtime_ns).place if note.is_file() else "")
    if not place:
        return Pack(manifest, folder)
    manifest = replace(manifest, place=place)
    if (folder / SUMS).is_file():  # used where another tool keeps it
        return Pack(manifest, Path(place), folder)
    return Pack(replace(manifest, place=""), Path(place))  # moved by us


def _again(pack: Pack) -> str:
    """What to do about a file of a pack that is not as it should be."""
    if pack.home is not None:
        return f"put it back in {pack.folder}, or remove {pack.id}"
    return f"install {pack.id} again"


@lru_cache(maxsize=512)
def _read(path: Path, _changed: int) -> Manifest:
    return read_manifest(path)
