"""A child process that reads one pickle as numbers only, writes them as safetensors and ends. No code of the file ever runs."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

CODE, UNFIT = 3, 4  # exit codes: the file wants to run something; it holds no weights
SECONDS = 600  # of real time; the child ends itself, should whoever started it be gone
# Under these names trainers wrap the weights themselves
WRAPPERS = ("state_dict", "params_ema", "params", "model_state_dict", "model", "module", "net")


def main(words: list[str]) -> int:
    """Convert words[0] into words[1]; returns 0, or with one line on stderr 3 (it holds code) or 4 (no weights)."""
    source, target = Path(words[0]), Path(words[1])
    signal.alarm(SECONDS)
    most = 4 * source.stat().st_size + (1 << 26)  # halves may become floats; nothing honest grows more
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pickle

    import torch
    from safetensors.torch import save_file

    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # its own words are an essay on how to run the file all the same
        print("it holds more than numbers", file=sys.stderr)
        return CODE
    except MemoryError:
        raise
    except Exception as error:  # what is no pickle at all ends in any of a dozen ways
        print(str(error).splitlines()[0][:200] if str(error) else type(error).__name__, file=sys.stderr)
        return UNFIT
    tensors = tensors_in(loaded, torch.Tensor)
    if not tensors:
        print("there is no tensor in it", file=sys.stderr)
        return UNFIT
    partial = target.with_name(f".tmp-{target.name}")
    # A copy each: what shares memory cannot be written, and what is a view would drag its whole along
    save_file(
        {name: one.detach().clone().contiguous() for name, one in tensors.items()}, partial, metadata={"format": "pt"}
    )
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(target)
    return 0


def tensors_in(loaded: Any, kind: type) -> dict[str, Any]:
    """The weights by name: those of the dictionary itself, or of the well-known wrapper around them; nothing else counts."""
    while isinstance(loaded, dict):
        found = {str(name): one for name, one in loaded.items() if isinstance(one, kind)}
        if found:
            return found
        loaded = next((loaded[name] for name in WRAPPERS if isinstance(loaded.get(name), dict)), None)
    return {}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
