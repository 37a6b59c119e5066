"""One run of a page after another, so that no press is lost between two. It mends two moments of the pinned Streamlit.

Why, and with which tests: docs/decisions/one-run-after-another.md.
"""

from __future__ import annotations

from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
from streamlit.runtime.scriptrunner import ScriptRunner, get_script_run_ctx

_interrupt = ScriptRunner._maybe_handle_execution_control_request


def hear_first() -> None:
    """From now on a run may be interrupted only where it draws: what was pressed for it is heard first, to the end."""
    ScriptRunner._maybe_handle_execution_control_request = _interrupt_drawing  # type: ignore[method-assign, assignment]


def _interrupt_drawing(runner: ScriptRunner) -> None:
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or context.has_script_started:
        _interrupt(runner)


def begin() -> None:
    """Draw from the top of the page on. A thread that ran only a part of it last would go on drawing in that part's place."""
    context_dg_stack.set(get_default_dg_stack_value())
