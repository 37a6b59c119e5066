"""Makes torch, diffusers and transformers ready to be imported: offline, quiet and whole. It loads no weights."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import Any

# Both are set before the first import, because the libraries read them then. The studio opens local folders only, so the
# first part holds whatever the caller's own environment says.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DIFFUSERS_DISABLE_REMOTE_CODE": "1",
}
HABITS = {
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that wait for each other must sleep, not spin: on a busy machine spinning made a picture 15 times slower
    "OMP_WAIT_POLICY": "PASSIVE",
}


def prepare() -> None:
    """Import torch, diffusers and transformers (7 to 10 s of CPU the first time); call it before importing a model's module."""
    os.environ.update(OFFLINE)
    for name, value in HABITS.items():
        os.environ.setdefault(name, value)
    import torch

    mend_torchvision(torch)
    with warnings.catch_warnings():
        # What these libraries say about their own insides on import is not for the studio's log.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        import diffusers
        import transformers

    diffusers.utils.logging.set_verbosity_error()  # "you have disabled the safety checker": the gate is ours
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def mend_torchvision(torch: Any) -> None:
    """Define the two operators that torchvision's import asks for, where a CPU torch meets the stock torchvision wheel.

    `import torchvision` then dies with "operator torchvision::nms does not exist" although nobody calls it. The operators
    themselves still raise when called. Does nothing where they exist.
    """
    for name in ("nms", "qnms"):
        try:
            getattr(torch.ops.torchvision, name)
        except (AttributeError, RuntimeError):
            _define(torch, name)


@cache  # a Library takes its operators away when it is collected; the cache keeps it
def _define(torch: Any, name: str) -> Any:
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
