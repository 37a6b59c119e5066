"""The scheduler behind each sampler's name, and which of its times are walked; a table, and nothing that runs."""

from __future__ import annotations

from typing import Any

import diffusers

# Name -> diffusers class and what to set on top of the pack's own scheduler config. diffusers' page "Schedulers" lists
# the same pairs for the names other tools use.
_BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dpm++ 2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++ 2m sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpm++ 3m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 3}),
    "dpm++ 2s": ("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++ sde": ("DPMSolverSinglestepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2 a": ("KDPM2AncestralDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "ddim": ("DDIMScheduler", {"clip_sample": False}),  # latents are not within 1; not every pack's config says so
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "lcm": ("LCMScheduler", {}),
}
# How the times, or the noise at them, are spread
_SPREADS: dict[str, dict[str, Any]] = {
    "": {},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "sgm uniform": {"timestep_spacing": "trailing"},
}
# Which spreads people know of which sampler. A plain name keeps what the pack's own config says of the times; only the
# noise's spread is said, because the name with "karras" is another one.
_SPREAD: dict[str, tuple[str, ...]] = {
    "dpm++ 2m": ("karras", "exponential", "sgm uniform"),
    "dpm++ 2m sde": ("karras", "exponential", "sgm uniform"),
    "dpm++ 3m": ("karras", "exponential"),
    "dpm++ 2s": ("karras",),
    "dpm++ sde": ("karras",),
    "dpm2": ("karras",),
    "dpm2 a": ("karras",),
    "euler": ("karras", "exponential", "sgm uniform"),
    "euler a": ("sgm uniform",),
    "heun": ("karras",),
    "lms": ("karras",),
    "deis": ("karras",),
    "unipc": ("karras", "sgm uniform"),
    "ddim": ("sgm uniform",),
}
_NO_NOISE_SPREAD = ("EulerAncestralDiscreteScheduler", "DDIMScheduler", "PNDMScheduler", "LCMScheduler")


def _table() -> dict[str, tuple[str, dict[str, Any]]]:
    made = {}
    for base, (kind, settings) in _BASES.items():
        for spread in ("", *_SPREAD.get(base, ())):
            plain = {} if kind in _NO_NOISE_SPREAD else {"use_karras_sigmas": False}
            made[f"{base} {spread}".strip()] = (kind, {**settings, **plain, **_SPREADS[spread]})
    return made


TABLE = _table()


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
