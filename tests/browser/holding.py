"""What keeps a run of the editors' page from going on, until it is let go: the page waits for it, a route lets go. No tests."""

from __future__ import annotations

import gc
import threading

from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.state import SafeSessionState

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


def before_it_hears() -> None:
    """Wait in the next run that somebody asks for, when it has taken what was pressed and not heard it yet."""
    hear = SafeSessionState.on_script_will_rerun

    def later(state: SafeSessionState, pressed: WidgetStates | None, **more: object) -> None:
        SafeSessionState.on_script_will_rerun = hear  # type: ignore[method-assign]
        _wait()
        hear(state, pressed, **more)  # type: ignore[arg-type]

    let_go.clear()
    SafeSessionState.on_script_will_rerun = later  # type: ignore[method-assign, assignment]


def _wait() -> None:
    held.set()
    let_go.wait(PATIENCE)
    held.clear()
