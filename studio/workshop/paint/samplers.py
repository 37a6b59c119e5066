"""The scheduler behind each sampler's name; a table, and nothing that runs."""

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


def predicts_clean(sampler: str) -> bool:
    """Whether its `model_outputs` hold the model's guess of the finished latents: the best draft there is."""
    return sampler.startswith("dpm++") or sampler == "unipc"
