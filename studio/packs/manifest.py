"""Manifest, Source and Pack: the description of a set of weights, installed or not. It never loads or fetches one."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from studio.domain.errors import PackMissing
from studio.domain.recipe import SAMPLERS

SUMS = "SHA256SUMS"  # one "hash  path" line a file, as `sha256sum` writes it
WORDS = "words.txt"  # every word the pack was taught, one a line; absent for packs that know a whole language
STARTER = "storybook"  # the pack that ships with the studio
OWN = "easel.toml"  # the description of a pack that the user brought, in the pack's own folder

# Kind -> what the Shelf page calls those packs
KINDS = {
    "painter": "Painters",
    "controls": "ControlNets",
    "annotator": "Annotators",
    "lora": "LoRAs",
    "adapter": "Picture prompts",
    "vae": "VAEs",
    "embedding": "Embeddings",
    "captioner": "Captioners",
    "encoder": "Encoders",
    "checker": "Checkers",
    "upscaler": "Upscalers",
}
# Family -> what people call it. Parts fit painters of their own family only; "any" fits all.
FAMILIES = {
    "storybook": "Storybook",
    "sd1": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "Stable Diffusion XL",
    "any": "every family",
}
# What a role's folder or file is; those of ControlNets are "control-" and the kind of map
ROLES = {
    "painter": "paints",
    "tokenizer": "reads prompts",
    "vae": "turns latents into pictures",
    "preview-vae": "makes previews",
    "lora": "changes a painter",
    "embedding": "a word of its own",
    "adapter": "lets a picture be part of the prompt",
    "image-encoder": "reads the picture of a prompt",
    "encoder": "finds pictures",
    "captioner": "describes pictures",
    "answerer": "answers questions about pictures",
    "checker": "checks pictures",
    "pose": "finds joints",
    "depth": "finds depth",
    "segmenter": "finds things by words",
    "segments": "says what regions are",
    "upscaler": "enlarges pictures",
}
MODES = {"sketch": "Sketch", "balanced": "Balanced", "fine": "Fine"}
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_LISTS = ("can", "cannot", "examples", "needs", "trigger_words")


class Mode(NamedTuple):
    """One position of the switch Sketch, Balanced, Fine. `lora` is the id of the pack that makes so few steps possible.

    `without` stands in while that pack is not here; with none, choosing the mode says what is missing.
    """

    steps: int
    guidance: float
    sampler: str
    lora: str = ""
    without: Mode | None = None


@dataclass(frozen=True)
class SourceFile:
    """One file of a repository and where it goes in the pack.

    `bytes` is about right (0 = unknown; the hub says before anything is fetched); an empty `sha256` means "what the hub
    says". With `convert` the file is a pickle that is turned into safetensors once, at install, as `to`.
    """

    path: str
    to: str = ""
    bytes: int = 0
    sha256: str = ""
    convert: bool = False

    @property
    def target(self) -> str:
        """Its path inside the pack."""
        return self.to or self.path


@dataclass(frozen=True)
class Source:
    """Where a pack's files come from: a repository of the hub, "owner/name", at a branch, tag or commit."""

    repo: str
    files: tuple[SourceFile, ...]
    revision: str = "main"

    @property
    def bytes(self) -> int:
        """About how much has to be fetched; files of unknown size count nothing."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class Manifest:
    """What a pack is and what it can do; read from one TOML file in `assets/packs/`, or from the pack's own `easel.toml`.

    `roles` maps a role (painter, encoder, captioner, checker, tokenizer) to a folder, or a single file, inside the pack.
    `sizes` are the (width, height) pairs worth offering, in pixels. `steps`, `guidance` and `sampler` are where a newcomer
    should begin; a pack that paints nothing keeps the defaults. `place` is the folder of files used where they lie, outside
    the home folder; then the pack's own folder holds this description and nothing else.
    """

    id: str
    name: str
    description: str
    family: str
    licence: str
    licence_note: str
    roles: dict[str, str]
    sizes: tuple[tuple[int, int], ...] = ((512, 512),)
    steps: int = 20
    guidance: float = 7.0
    sampler: str = "dpm++ 2m karras"
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    concepts: dict[str, str] = field(default_factory=dict)  # the checker's concept -> plain words
    kind: str = "painter"
    licence_link: str = ""
    source: Source | None = None
    needs: tuple[str, ...] = ()  # ids of other packs
    trigger_words: tuple[str, ...] = ()  # of a LoRA or an embedding
    modes: dict[str, Mode] = field(default_factory=dict)  # of MODES
    place: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """The size the pack paints best, (width, height) in pixels."""
        return self.sizes[0]

    def fits(self, other: Manifest) -> bool:
        """Whether this and another pack can be used together."""
        return "any" in (self.family, other.family) or self.family == other.family

    def among(self, here: Collection[str]) -> Manifest:
        """The same where only these packs are installed: a mode whose LoRA is not among them is done without."""
        modes = {
            name: mode.without if mode.without is not None and mode.lora not in here else mode
            for name, mode in self.modes.items()
        }
        return self if modes == self.modes else replace(self, modes=modes)


@dataclass(frozen=True)
class Pack:
    """A manifest and the folder its weights live in. `home` is the pack's own folder where that is another one."""

    manifest: Manifest
    folder: Path
    home: Path | None = None

    @property
    def id(self) -> str:
        """The manifest's id."""
        return self.manifest.id

    @property
    def own(self) -> Path:
        """The folder of the pack's lists and description: the weights' own, but for a pack used in place."""
        return self.home or self.folder

    def role(self, name: str) -> Path:
        """The folder, or the single file, that plays a role; raises PackMissing when the pack has none or it is gone."""
        inside = self.manifest.roles.get(name)
        if inside is None:
            raise PackMissing(f"Pack {self.id} has no {name}; choose a pack that does on the Shelf page.")
        place = self.folder / inside
        if not (place.is_dir() or (place.is_file() and place.suffix == ".safetensors")):
            remedy = "put it back, or remove the pack" if self.manifest.place else "install it again"
            raise PackMissing(f"Pack {self.id} lacks {inside}, its {name}; {remedy} on the Shelf page.")
        return place

    def preparation(self, role: str) -> Path:
        """The folder that says how a role wants its pictures: the role's own, or the pipeline's feature extractor."""
        place = self.role(role)
        own = any((place / name).exists() for name in ("preprocessor_config.json", "processor_config.json"))
        return place if own else self.folder / "feature_extractor"

    def hashes(self) -> dict[str, str]:
        """What every file should hash to: path inside the pack -> SHA-256. Raises PackMissing without a list."""
        try:
            lines = (self.own / SUMS).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError as error:
            if not self.folder.is_dir():
                raise PackMissing(
                    f"The folder of pack {self.id}, {self.folder}, is not there; is its disk connected?"
                ) from error
            raise PackMissing(f"Pack {self.id} lacks {SUMS}, the list of its files; install it again.") from error
        return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines if line.strip())}

    def words(self) -> frozenset[str]:
        """The words the pack was taught, lower case; empty when it knows a whole language."""
        path = self.folder / WORDS
        return frozenset(path.read_text(encoding="utf-8").split()) if path.exists() else frozenset()


def read_manifest(path: Path) -> Manifest:
    """Read one TOML description; raises PackMissing with the file's name when it cannot be read."""
    try:
        return manifest_of(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        name = path.name if path.name != OWN else f"{path.parent.name}/{OWN}"
        remedy = "restore it from the repository" if path.name != OWN else "bring the pack again on the Shelf page"
        raise PackMissing(f"The description {name} cannot be read ({error}); {remedy}.") from error


def manifest_of(data: dict[str, Any]) -> Manifest:
    """Make a Manifest of what a TOML file holds; raises ValueError, KeyError or TypeError, saying what is wrong."""
    data = dict(data)
    if "sizes" in data:
        data["sizes"] = tuple((int(width), int(height)) for width, height in data["sizes"])
    for name in _LISTS:
        if isinstance(data.get(name), str):
            raise TypeError(f"{name} is a list of texts")
        data[name] = tuple(str(one) for one in data.get(name, ()))
    if "source" in data:
        data["source"] = _source(data["source"])
    data["modes"] = {name: _mode(name, values) for name, values in data.get("modes", {}).items()}
    manifest = Manifest(**data)
    _check(manifest)
    return manifest


def inside(path: str) -> bool:
    """Whether a path of a description stays inside the pack: relative, in POSIX form, without `..`."""
    parts = PurePosixPath(path)
    return bool(path) and "\\" not in path and ":" not in path and not parts.is_absolute() and ".." not in parts.parts


def _check(manifest: Manifest) -> None:
    if not isinstance(manifest.id, str) or not _ID.fullmatch(manifest.id):
        raise ValueError(f"the id {manifest.id!r} is not lower case letters, digits, dots and dashes")
    for name, known in (("kind", KINDS), ("family", FAMILIES), ("sampler", SAMPLERS)):
        if getattr(manifest, name) not in known:
            raise ValueError(f"{name} {getattr(manifest, name)!r} is not one of {', '.join(known)}")
    for one in fields(manifest):
        if one.type == "str" and not isinstance(getattr(manifest, one.name), str):
            raise TypeError(f"{one.name} is a text")
    if not manifest.sizes:
        raise ValueError("sizes is empty")
    for role, folder in manifest.roles.items():
        if not inside(folder):
            raise ValueError(f"the role {role} lies outside the pack")


def _source(data: dict[str, Any]) -> Source:
    files = tuple(SourceFile(path=one) if isinstance(one, str) else SourceFile(**one) for one in data["files"])
    if not _REPO.fullmatch(data["repo"]):
        raise ValueError(f"the repository {data['repo']!r} is not of the form owner/name")
    if not files:
        raise ValueError("the source names no file")
    for file in files:
        if not inside(file.path) or not inside(file.target):
            raise ValueError(f"the file {file.path!r} lies outside the pack")
    if len({file.target for file in files}) < len(files):
        raise ValueError("two files of the source have the same place in the pack")
    return Source(**{**data, "files": files})


def _mode(name: str, values: Any) -> Mode:
    if name not in MODES:
        raise ValueError(f"there is no mode {name!r}; it is one of {', '.join(MODES)}")
    mode = Mode(*values)
    if mode.sampler not in SAMPLERS:
        raise ValueError(f"the mode {name} names {mode.sampler!r}, which is no sampler")
    without = None if mode.without is None else _mode(name, mode.without)
    return Mode(int(mode.steps), float(mode.guidance), mode.sampler, str(mode.lora), without)


def manifest_text(manifest: Manifest) -> str:
    """The manifest as TOML, for a pack's own `easel.toml`; `manifest_of` reads it back to an equal one."""
    plain: list[str] = []
    tables: list[str] = []
    for one in fields(manifest):
        value = getattr(manifest, one.name)
        if value is None or value in ((), {}, "") or one.name == "source":
            continue
        if isinstance(value, dict):
            tables += ["", f"[{one.name}]", *(f"{_toml(key)} = {_toml(item)}" for key, item in value.items())]
        else:
            plain.append(f"{one.name} = {_toml(value)}")
    for name in ("licence", "licence_note", "description"):  # these have no default, so they are said even when empty
        if not getattr(manifest, name):
            plain.append(f'{name} = ""')
    if manifest.source is not None:
        tables += ["", "[source]", f"repo = {_toml(manifest.source.repo)}"]
        tables += [f"revision = {_toml(manifest.source.revision)}"]
        for file in manifest.source.files:
            tables += ["", "[[source.files]]"]
            tables += [
                f"{part.name} = {_toml(getattr(file, part.name))}"
                for part in fields(file)
                if getattr(file, part.name) not in ("", 0, False)
            ]
    if not manifest.roles:
        tables += ["", "[roles]"]
    return "\n".join([*plain, *tables]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value if item is not None) + "]"
    if isinstance(value, str):  # JSON's escapes are TOML's, but for a lone surrogate and DEL
        clean = value.encode("utf-8", "replace").decode("utf-8")
        return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
