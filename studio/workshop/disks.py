"""Asks disks that may never answer, in threads that can be left behind. It knows nothing of pictures and writes nothing.

A network folder whose server is away, or a disk that is dying, can hold whoever asks it for hours, and nobody can end such a
wait from outside. So it is asked in a thread of its own; when that shows no sign of life for a while it is left to itself, the
scan ends with a sentence, and neither the lane nor the heartbeat waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from studio.domain.errors import EaselError

Answer = TypeVar("Answer")
SIGN_SECONDS = 60.0  # without one more folder or file; a network disk that wakes up takes 10 to 20
READ_SECONDS = 240.0  # for one file whole: 128 MiB at half a MiB a second; less than a lane may show no sign of life
LOOK_SECONDS = 0.25  # between two looks whether the job should stop


class Unanswered(EaselError):
    """A disk did not answer in time."""


class Disk:
    """The disk of one folder. `waiting` is called meanwhile and raises when the job should stop.

    `ask` raises Unanswered, at once where an earlier question is still open or was given up. Safe to use from threads.
    """

    def __init__(
        self, path: str, *, waiting: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._waiting, self._clock = path, waiting, clock
        self._given_up = any(thread.name == self._left_name for thread in threading.enumerate())

    @property
    def _left_name(self) -> str:
        """What a thread is called that was left behind, so that nobody sends another one after it while it hangs."""
        return f"no answer from {self._path}"

    def ask(self, question: Callable[[Callable[[], None]], Answer]) -> Answer:
        """What `question(alive)` answers, which calls `alive` at every file or folder it looked at."""
        return self._ask(question, SIGN_SECONDS, self._waiting)

    def read(self, question: Callable[[], Answer]) -> Answer:
        """What `question()` answers: the reading of one file, from any thread."""
        return self._ask(lambda alive: question(), READ_SECONDS, lambda: None)

    def _ask(
        self, question: Callable[[Callable[[], None]], Answer], patience: float, waiting: Callable[[], None]
    ) -> Answer:
        if self._given_up:
            raise self._unanswered()
        answers: SimpleQueue[tuple[list[Answer], BaseException | None]] = SimpleQueue()
        signs, left = [self._clock()], threading.Event()

        def alive() -> None:
            signs[0] = self._clock()
            if left.is_set():  # nobody waits for the answer any more
                raise self._unanswered()

        def look() -> None:
            try:
                answers.put(([question(alive)], None))
            except BaseException as trouble:  # told to whoever asked
                answers.put(([], trouble))

        thread = threading.Thread(target=look, name=f"disk of {self._path}", daemon=True)
        thread.start()
        while True:
            try:
                answer, trouble = answers.get(timeout=LOOK_SECONDS)
            except Empty:
                try:
                    waiting()
                    if self._clock() - signs[0] > patience:
                        thread.name, self._given_up = self._left_name, True
                        raise self._unanswered() from None
                except BaseException:
                    left.set()
                    raise
                continue
            if trouble is not None:
                raise trouble
            return answer[0]

    def _unanswered(self) -> Unanswered:
        return Unanswered(
            f"The disk of {self._path} does not answer; is it plugged in, or the network up? Its pictures stay in the gallery."
        )
