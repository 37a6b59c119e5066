"""What files are at this moment, by name, node, size and time, so that one installed anew is noticed. It reads none of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[tuple[str, int, int, int], ...]


def stamp(places: Iterable[Path | None]) -> Stamp:
    """The stamp of files and of all files in folders; () for what is not there. Asked at every job, so it opens nothing."""
    found: list[tuple[str, int, int, int]] = []
    for place in dict.fromkeys(place for place in places if place is not None):
        try:
            files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
            held = [(str(path), path.stat()) for path in files]
        except OSError:  # gone, or going just now
            continue
        found += [(path, one.st_ino, one.st_size, one.st_mtime_ns) for path, one in held]
    return tuple(found)
