"""Counts the model's steps over all passes and batches of a recipe, and reports them; it knows nothing of pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Progress:
    """Adds up steps whatever number of calls a sampler makes of a step (Heun makes nearly two).

    `expect` every batch before the first begins, so that the total never moves; `report` may raise Cancelled.
    """

    def __init__(self, report: Any) -> None:
        self._report = report
        self._done = self._total = self._within = 0

    def expect(self, batches: int, steps: int) -> None:
        """So many batches of so many steps will come."""
        self._total += batches * steps

    def step(self, draft: Callable[[], Any] | None = None) -> None:
        """One step of a batch is done."""
        self._within += 1
        self._report(self._done + self._within, self._total, draft)

    def finish(self) -> None:
        """A batch is through."""
        self._done += self._within
        self._within = 0

    def restart(self) -> None:
        """The batch begins again, smaller or in another precision; what it had done does not count."""
        self._within = 0

    def again(self) -> None:
        """Nothing new; a moment to hear Cancel."""
        self._report(self._done + self._within, max(1, self._total))
