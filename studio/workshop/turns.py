"""Whose turn it is to load: one thread of the process at a time. It loads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock

# Of the whole process, whoever loads: while weights are read, or a LoRA is put on, transformers, diffusers, accelerate and peft
# replace methods of torch.nn.Module for every thread. A model that is loaded meanwhile would get empty weights or none.
LOADING = RLock()
SECONDS = 0.2  # from one look to the next, while another thread loads


@contextmanager
def turn(waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """In here no other thread loads. `waiting` is called now and then until it is this one's turn; it may raise Cancelled."""
    while not LOADING.acquire(timeout=SECONDS):
        if waiting is not None:
            waiting()
    try:
        yield
    finally:
        LOADING.release()
