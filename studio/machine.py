"""This machine and what is installed on it, as facts to show; it measures nothing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

LIBRARIES = ("torch", "diffusers", "transformers", "streamlit", "safetensors", "pillow", "faiss-cpu")


def machine() -> dict[str, Any]:
    """Python's version, the kind of machine, and the version of each library that decides a picture or a page."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {sys.platform}",
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
