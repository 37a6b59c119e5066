"""Presses of a page's buttons in one tab: one press is one wish, however slow the machine is. It queues nothing itself."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st


def new_key() -> str:
    """A key that no other press has: two tabs never share one."""
    return f"press-{secrets.token_hex(12)}"


@dataclass
class Presses:
    """The key that the page's buttons are drawn with now, and the press that was noted and is not served yet.

    A double click or a held key sends a press twice, and Streamlit may stop any run halfway, a callback too. So the callback
    only notes what is wished (`note` touches no session state, where a run can be stopped), under the key that its button was
    drawn with; the next run serves it, and a run that was stopped is served again under the same key, which the queue knows.
    Only then a new key is dealt: a second press on a page that was not redrawn carries the old one, and is no new wish.
    """

    key: str = field(default_factory=new_key)
    _wish: Callable[[str], None] | None = None

    def note(self, key: str, wish: Callable[[str], None]) -> None:
        """Remember what is wished; for `on_click`, with the key that the button was drawn with. An old key is ignored."""
        if key == self.key and self._wish is None:
            self._wish = wish

    @property
    def waiting(self) -> bool:
        """Whether a press was noted and not served."""
        return self._wish is not None

    def serve(self) -> None:
        """Do what is wished, with its key, and deal a new one. An error ends the press; a run that is stopped does not."""
        if self._wish is None:
            return
        try:
            self._wish(self.key)
        except Exception:  # Streamlit's own way to stop a run is not an Exception, so that press waits for the next run
            self._wish = None
            raise
        self._wish, self.key = None, new_key()


def presses(page: str) -> Presses:
    """The presses of a page in this tab."""
    held: Presses = st.session_state.setdefault(f"{page}_presses", Presses())
    return held
