"""This machine and what is installed on it, as facts to show; it changes nothing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

LIBRARIES = ("torch", "diffusers", "transformers", "streamlit", "safetensors", "pillow", "faiss-cpu")
# Where Linux keeps what a container may use: the limit, what is used of it, and the notes that say how much of that are files
# which would be given back at once. The second version of control groups first.
_GROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
GROUPS = Path("/sys/fs/cgroup")


def machine() -> dict[str, Any]:
    """Python's version, the kind of machine, and the version of each library that decides a picture or a page."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {sys.platform}",
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def memory() -> tuple[int, int]:
    """Bytes of main memory that a program could still have, and all there is; of a container what it may use."""
    whole = psutil.virtual_memory()
    free, total = int(whole.available), int(whole.total)
    for limit, used in _limits(GROUPS):
        free, total = min(free, max(0, limit - used)), min(total, limit)
    return free, total


def _limits(groups: Path) -> list[tuple[int, int]]:
    """The limits of the container that this process runs in, each with what is used of it in bytes; none without any."""
    found = []
    for limit, used, notes, word in _GROUPS:
        try:
            most = int((groups / limit).read_text())  # the word "max" where there is no limit
            taken = int((groups / used).read_text())
            stated = dict(line.split() for line in (groups / notes).read_text().splitlines())
            found.append((most, max(0, taken - int(stated.get(word, 0)))))
        except (OSError, ValueError):
            continue
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
