"""The scheduler behind each sampler's name, and which of its times are walked; a table, and nothing that runs."""

from __future__ import annotations

from typing import Any

import diffusers

# Name -> diffusers class and what to set on top of the pack's own scheduler config. diffusers' page "Schedulers" lists
# the same pairs for the names other tools use.
TABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "dpm++ 2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": False}),
    "dpm++ 2m karras": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler a": ("EulerAncestralDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "lcm": ("LCMScheduler", {}),
}


def scheduler(sampler: str, config: Any) -> Any:
    """A fresh scheduler; one for each run, because they keep state and are not thread-safe."""
    name, settings = TABLE[sampler]
    return getattr(diffusers, name).from_config(config, **settings)


def ready(sampler: str, config: Any, *, steps: int, strength: float, device: Any = "cpu") -> tuple[Any, Any]:
    """A scheduler set to so many steps, and the times to walk: the last `strength` (above 0 to 1) of them, at least one.

    Which times those are is counted as diffusers' image-to-image pipelines count them.
    """
    fresh = scheduler(sampler, config)
    if sampler == "lcm" and steps > fresh.config.original_inference_steps:  # it refuses more than it was distilled from
        fresh.register_to_config(original_inference_steps=steps)
    fresh.set_timesteps(steps, device=device)
    first = steps - max(1, min(int(steps * strength), steps))
    begin = first * fresh.order
    if hasattr(fresh, "set_begin_index"):
        fresh.set_begin_index(begin)
    return fresh, fresh.timesteps[begin:]
