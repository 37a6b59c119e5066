"""What keeps a run of the editors' page from going on, until it is let go: the page waits for it, a route lets go. No tests."""

from __future__ import annotations

import gc
import threading

PATIENCE = 60  # seconds that a run is held at most
let_go, held = threading.Event(), threading.Event()


def hold() -> None:
    """Wait here, where a run cannot be interrupted."""
    let_go.clear()
    _wait()


def at_the_end() -> None:
    """Wait when this run has ended and its thread has not looked for the next: Streamlit collects garbage in between."""
    thread = threading.get_ident()

    def collecting(phase: str, told: dict[str, int]) -> None:
        if threading.get_ident() == thread and phase == "start" and told["generation"] == 2:
            gc.callbacks.remove(collecting)
            _wait()

    let_go.clear()
    gc.callbacks.append(collecting)


def _wait() -> None:
    held.set()
    let_go.wait(PATIENCE)
    held.clear()
