"""Writes what the shelf reads of the starter pack: every word it was taught, and the SHA-256 of every file. Trains nothing."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from studio.packs.manifest import SUMS, WORDS
from studio.starter.captions import wordings
from studio.starter.scenes import sample_scene

SCENES = 20_000  # every word of the grammar turns up within the first few hundred


def seal(folder: Path, *, scenes: int = SCENES) -> None:
    """Write words.txt and SHA256SUMS into the pack's folder; the order is fixed, so the same files give the same bytes."""
    words: set[str] = set()
    for seed in range(scenes):
        for wording in wordings(sample_scene(seed)):
            words.update(re.findall(r"[a-z']+", wording.lower()))
    (folder / WORDS).write_text("\n".join(sorted(words)) + "\n", encoding="utf-8")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (SUMS, "READY")
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    from studio.places import ASSETS

    seal(ASSETS / "storybook")
