"""Brings the user's own models onto the shelf: a file, a folder, or all that another tool has. It loads none of them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.domain.control import CONTROLS, UNION, UNION_INPUTS
from studio.domain.errors import BadInput
from studio.durable import check_room
from studio.packs.folders import PICKLES, describe_folder, is_model
from studio.packs.kinds import FileKind
from studio.packs.manifest import FAMILIES, KINDS, SUMS, Manifest, Pack
from studio.packs.shelf import CHUNK, Progress, Shelf
from studio.packs.weights import describe

MOST = 2_000  # models that are looked at below one folder
DEEPEST = 6  # folders below the one that was named
SMALLEST = 1_024  # bytes; what is below is a note of another tool, not weights
# Kind of file -> (kind of pack, its role)
ROLES = {
    "painter": ("painter", "painter"),
    "lora": ("lora", "lora"),
    "adapter": ("adapter", "adapter"),
    "image-encoder": ("adapter", "image-encoder"),
    "vae": ("vae", "vae"),
    "preview-vae": ("vae", "preview-vae"),
    "embedding": ("embedding", "embedding"),
    "encoder": ("encoder", "encoder"),
    "captioner": ("captioner", "captioner"),
    "answerer": ("captioner", "answerer"),
    "checker": ("checker", "checker"),
    "upscaler": ("upscaler", "upscaler"),
    "controls": ("controls", "control-"),
}
# What people write into the name of a ControlNet -> the kind of map
_NAMED = (
    ("openpose", "pose"), ("pose", "pose"), ("depth", "depth"), ("canny", "canny"), ("lineart", "lineart"),
    ("softedge", "softedge"), ("hed", "softedge"), ("pidi", "softedge"), ("scribble", "scribble"), ("sketch", "scribble"),
    ("tile", "tile"), ("normal", "normal"), ("seg", "segmentation"), ("shuffle", "shuffle"), ("inpaint", "inpaint"),
)  # fmt: skip
PAINTING = {
    "sd1": {"sizes": ((512, 512), (768, 512), (512, 768)), "steps": 25, "guidance": 7.0},
    "sd2": {"sizes": ((768, 768), (512, 512), (1024, 768)), "steps": 25, "guidance": 7.0},
    "sdxl": {"sizes": ((1024, 1024), (1216, 832), (832, 1216)), "steps": 30, "guidance": 6.0},
}
CHECKER = "checker-compvis"  # what looks at the pictures of a painter that the user brought
# Where other tools keep their models, below the user's own folder
USUAL = (
    "stable-diffusion-webui/models", "stable-diffusion-webui-forge/models", "automatic/models", "ComfyUI/models",
    "invokeai/models", "Fooocus/models", ".cache/huggingface/hub",
)  # fmt: skip
NOTE = "You brought it: its licence is the one it came with, so look there before you publish or sell."


@dataclass(frozen=True)
class Found:
    """A model on this machine: where it is, what it is, and a name for it. `control` is a ControlNet's kind of map, or ""."""

    path: Path
    what: FileKind
    name: str
    control: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be brought as it is."""
        return not self.what.why_not

    @property
    def asks(self) -> tuple[str, ...]:
        """What only the user can say: "family", "control"."""
        family = ("family",) if not self.what.family else ()
        control = ("control",) if self.what.kind == "controls" and not self.control else ()
        return family + control if self.usable else ()

    def to_dict(self) -> dict[str, Any]:
        """What a page shows of it, JSON-ready."""
        return {
            "path": str(self.path), "name": self.name, "label": self.what.label, "kind": self.what.kind,
            "family": self.what.family, "sure": self.what.sure, "bytes": self.what.bytes, "control": self.control,
            "why_not": self.what.why_not, "asks": list(self.asks),
        }  # fmt: skip


def usual_places(user: Path) -> list[Path]:
    """The folders below a user's own where other tools keep models on this machine; none is opened."""
    return [place for name in USUAL if (place := user / name).is_dir()]


def look(path: Path, *, report: Progress | None = None) -> list[Found]:
    """Every model at a path: the file or folder itself, or all below a folder, such as another tool's `models`.

    Links are followed for files, never for folders, so that there is no circle. Raises BadInput when nothing is there.
    `report(done, total)` counts models and may raise.
    """
    path = _there(path)
    paths, found = list(_models(path)), []
    for number, one in enumerate(paths):
        if report is not None:
            report(number, len(paths))
        found.append(_found(one))
    if not found:
        raise BadInput("path", f"There is no model at {path}: neither a .safetensors file nor a folder of diffusers.")
    return sorted(found, key=lambda one: (not one.usable, one.what.kind, one.name.lower()))


def one(path: Path) -> Found:
    """The one model at a path; raises BadInput when there is none, or a folder of many."""
    path = _there(path)
    if path.is_dir() and not is_model(path):
        raise BadInput("path", f"{path} is no model but a folder; look inside it, and choose.")
    return _found(path)


def _there(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        raise BadInput("path", f"{path} does not begin at the root of a disk; give the whole path.")
    try:
        if not path.exists():
            raise BadInput("path", f"There is nothing at {path}; look at the spelling.")
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # not ours to read, a NUL in it, links that go round
        raise BadInput("path", f"{str(path)[:200]!r} cannot be looked at ({error}).") from error


def _models(path: Path) -> Iterator[Path]:
    if path.is_file() or is_model(path):
        yield path
        return
    seen = 0
    for folder, names, files in os.walk(path):
        here = Path(folder)
        names[:] = sorted(name for name in names if not name.startswith("."))
        if len(here.relative_to(path).parts) >= DEEPEST:
            names[:] = []
        whole = [name for name in names if is_model(here / name)]
        names[:] = [name for name in names if name not in whole]
        wanted = [name for name in sorted(files) if name.endswith((".safetensors", *PICKLES)) and name[0] != "."]
        for name in (*whole, *wanted):
            one = here / name
            if name in wanted and one.suffix in PICKLES and _small(one):
                continue
            yield one
            seen += 1
            if seen >= MOST:
                return


def _small(path: Path) -> bool:
    try:
        return path.stat().st_size < SMALLEST
    except OSError:
        return True


def _found(path: Path) -> Found:
    what = describe_folder(path) if path.is_dir() else describe(path)
    name = path.name if path.is_dir() else path.stem
    if not what.why_not and what.kind not in ROLES:
        what = replace(what, why_not=f"{path.name} is {what.label}, which has to come as a pack of the Shelf page.")
    control = ""
    if what.kind == "controls":
        lowered = name.lower() if len(name) > 3 and name != "diffusion_pytorch_model" else path.parent.name.lower()
        control = "union" if what.union else next((kind for mark, kind in _NAMED if mark in lowered), "")
    return Found(path, what, _title(name), control)


def bring(
    shelf: Shelf,
    found: Found,
    *,
    copy: bool,
    name: str = "",
    family: str = "",
    control: str = "",
    report: Progress | None = None,
) -> Pack:
    """Put a model on the shelf: copied into the home folder, or used where it lies.

    `family` and `control` answer what `found.asks`. Every byte is hashed, so that a change shows. Raises BadInput, with the
    field's name, and StorageFull; `report(done, total)` counts bytes and may raise Cancelled: then nothing is left behind.
    """
    if found.what.why_not:
        raise BadInput("path", found.what.why_not)
    manifest = _manifest(shelf, found, name=name.strip() or found.name, family=family, control=control)
    files = _files(found.path)
    total = sum(path.stat().st_size for path in files.values())
    if copy:
        shelf.home.mkdir(parents=True, exist_ok=True)
        check_room(shelf.home, total, what=manifest.name)
    else:
        place = found.path if found.path.is_dir() else found.path.parent
        manifest = replace(manifest, place=str(place))
    staging = shelf.home / f".bringing-{manifest.id}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        sums, done = [], 0
        for inside, path in files.items():
            digest = hashlib.sha256()
            target = staging / inside if copy else None
            for chunk in _pour(path, target):
                digest.update(chunk)
                done += len(chunk)
                if report is not None:
                    report(done, total)
            sums.append(f"{digest.hexdigest()}  {inside}\n")
        (staging / SUMS).write_text("".join(sums), encoding="utf-8")
        return shelf.accept(staging, manifest)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _pour(path: Path, target: Path | None) -> Iterator[bytes]:
    """The bytes of a file, written into another on the way where there is one."""
    if target is None:
        with path.open("rb") as source:
            while chunk := source.read(CHUNK):
                yield chunk
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source, target.open("xb") as copy:
        while chunk := source.read(CHUNK):
            copy.write(chunk)
            yield chunk
        copy.flush()
        os.fsync(copy.fileno())


def _files(path: Path) -> dict[str, Path]:
    """Path inside the pack -> file: the file itself, or what a folder of weights needs; no pickle and no code."""
    if path.is_file():
        return {path.name: path}
    kept = (".safetensors", ".json", ".txt", ".model")
    inside = {
        one.relative_to(path).as_posix(): one for one in sorted(path.rglob("*")) if one.suffix in kept and one.is_file()
    }
    return {name: one for name, one in inside.items() if not name.startswith(".")}


def _manifest(shelf: Shelf, found: Found, *, name: str, family: str, control: str) -> Manifest:
    what = found.what
    kind, role = ROLES[what.kind]
    if family and what.sure and what.family and family != what.family:
        raise BadInput(
            "family",
            f"{found.path.name} is {what.label}; it cannot be brought as one for {FAMILIES.get(family, family)}.",
        )
    family = family or what.family
    if family not in FAMILIES or family == "storybook":
        raise BadInput("family", f"Say which family {found.name} is for: {', '.join(list(FAMILIES.values())[1:-1])}.")
    place = "." if found.path.is_dir() else found.path.name
    roles = {role: place}
    if what.kind == "controls":
        roles = {f"control-{one}": place for one in _controls(found, control)}
    if kind == "painter" and (found.path / "tokenizer").is_dir():
        roles["tokenizer"] = "tokenizer"
    painting = PAINTING.get(family, {}) if kind == "painter" else {}
    fills = what.kind == "painter" and what.channels == 9
    return Manifest(
        id=_free_id(shelf, name), name=name[:80], kind=kind, family=family,
        description=f"{KINDS[kind][:-1]} for {FAMILIES[family]}, brought by you{', made to fill masks' if fills else ''}.",
        licence="Its own", licence_note=NOTE, roles=roles, trigger_words=what.words,
        needs=(CHECKER,) if kind == "painter" else (),
        **painting,  # type: ignore[arg-type]
    )  # fmt: skip


def _controls(found: Found, control: str) -> tuple[str, ...]:
    control = control or found.control
    if control == "union":
        return tuple(kind for kind, number in UNION.items() if number < UNION_INPUTS)
    if control not in (*CONTROLS, "inpaint"):
        raise BadInput("control", f"Say which kind of map {found.name} follows: {', '.join(CONTROLS)} or inpaint.")
    return (control,)


def _title(name: str) -> str:
    """A name fit to be shown, from a file's."""
    plain = "".join(sign if sign.isprintable() and unicodedata.category(sign) != "Cf" else " " for sign in name)
    return re.sub(r"[_\s]+", " ", plain).strip()[:80] or "Model"


def _free_id(shelf: Shelf, name: str) -> str:
    """An id of its own: of the name's letters and digits, with a number where it is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48] or "model"
    taken = {one.id for one in shelf.catalogue()} | {pack.id for pack in shelf.packs()} | set(shelf.broken())
    if shelf.home.is_dir():
        taken |= {path.name for path in shelf.home.iterdir()}
    return next(id for id in (stem, *(f"{stem}-{number}" for number in range(2, 10_000))) if id not in taken)
