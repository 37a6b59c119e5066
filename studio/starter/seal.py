"""Puts finished parts into the starter pack and seals it with its words and the SHA-256 of every file; it trains nothing."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from studio.packs.manifest import SUMS, WORDS
from studio.starter.captions import wordings
from studio.starter.scenes import sample_scene

SCENES = 20_000  # every word of the grammar turns up within the first few hundred


def seal(folder: Path, *, scenes: int = SCENES) -> None:
    """Write words.txt and SHA256SUMS into the pack's folder; the order is fixed, so the same files give the same bytes."""
    write_words(folder, scenes)
    write_sums(folder)


def ship(exports: Path, folder: Path, *, scenes: int = SCENES) -> list[str]:
    """Move copies of the parts in `exports`, one folder each, into the pack, seal it, ship the packs beside it; their names.

    The slow part comes first, so that the pack and its sums disagree for a moment only.
    """
    write_words(folder, scenes)
    waiting = folder.with_name(f".{folder.name}-new")
    shutil.rmtree(waiting, ignore_errors=True)
    parts = sorted(path for path in exports.iterdir() if (path / "config.json").exists() and path.name[0] != ".")
    for part in parts:
        shutil.copytree(part, waiting / part.name)
    for part in parts:
        (folder / part.name).mkdir(exist_ok=True)
        for file in sorted((waiting / part.name).iterdir()):
            file.replace(folder / part.name / file.name)
    write_sums(folder)
    shutil.rmtree(waiting, ignore_errors=True)
    return [part.name for part in parts] + ship_packs(exports / "packs", folder.parent)


def ship_packs(exports: Path, assets: Path) -> list[str]:
    """Make a pack of each folder in `exports`, weights alone, beside the starter pack, whole at once; returns their ids."""
    folders = sorted(path for path in exports.glob("*") if any(path.glob("*.safetensors")))
    for folder in folders:
        waiting = assets / f".{folder.name}-new"
        shutil.rmtree(waiting, ignore_errors=True)
        waiting.mkdir()
        for file in sorted(folder.glob("[!.]*.safetensors")):
            shutil.copyfile(file, waiting / file.name)
        write_sums(waiting)
        shutil.rmtree(assets / folder.name, ignore_errors=True)
        waiting.replace(assets / folder.name)
    return [folder.name for folder in folders]


def write_words(folder: Path, scenes: int) -> None:
    """Write every word that a caption of so many scenes uses."""
    words: set[str] = set()
    for seed in range(scenes):
        for wording in wordings(sample_scene(seed)):
            words.update(re.findall(r"[a-z']+", wording.lower()))
    (folder / WORDS).write_text("\n".join(sorted(words)) + "\n", encoding="utf-8")


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of every file of the pack."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (SUMS, "READY")
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    from studio.places import ASSETS

    seal(ASSETS / "storybook")
