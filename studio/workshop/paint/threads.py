"""How many threads of a CPU a walk computes with; it chooses no device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController

# Bytes of a UNet's weights times latent cells of all pictures at once. A step that is smaller is over before other threads have
# woken (docs/decisions/device-policy.md); one of Stable Diffusion 1.5 at 512 pixels is a thousand times as large.
ALONE = 15_000_000_000


def alone(where: torch.device, *, weights: int, cells: int) -> bool:
    """Whether one thread is quicker than many. By size alone, not by trying, so that a recipe comes out the same again."""
    return where.type == "cpu" and weights * cells < ALONE


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """In here this thread computes without others; torch.set_num_threads would also tell threads that begin meanwhile."""
    torch.get_num_threads()  # a thread's first question sets its number, and would undo what was set before it
    with _openmp().limit(limits=1) if wanted else nullcontext():
        yield


def threads(where: torch.device) -> int:
    """How many this thread computes with now; 0 for a GPU."""
    return torch.get_num_threads() if where.type == "cpu" else 0


@cache
def _openmp() -> Any:
    return ThreadpoolController().select(user_api="openmp")
