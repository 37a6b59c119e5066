"""Where things are: what ships with the studio, and the one home folder. It keeps nothing there itself."""

from __future__ import annotations

import os
from pathlib import Path

from studio.domain.errors import StorageBroken

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"


def default_home() -> Path:
    """EASEL_HOME, or the usual place for a user's data."""
    chosen = os.environ.get("EASEL_HOME")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "easel"


def open_home(home: Path) -> Path:
    """Make the home folder if need be and return it; raises StorageBroken when it cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = home / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise StorageBroken(
            f"The home folder {home} cannot be written ({error.strerror}); set EASEL_HOME to a folder that can."
        ) from error
    return home.resolve()
