"""What other tools call the samplers, in our words where we have any; it knows names alone and paints nothing."""

from __future__ import annotations

from studio.domain.recipe import SAMPLERS
from studio.gallery.foreign.values import name

_LABELS = {label.lower(): known for known, label in SAMPLERS.items()}
# k-diffusion's names, as ComfyUI, SwarmUI, Fooocus, InvokeAI and NovelAI use them. Left out are those that do something else
# than the nearest of ours: dpmpp_2s_ancestral and dpmpp_3m_sde add noise, ours of the similar names do not.
_BASES = {
    "euler": "euler", "euler_ancestral": "euler a", "euler_a": "euler a", "heun": "heun", "lms": "lms", "ddim": "ddim",
    "dpm_2": "dpm2", "dpm_2_ancestral": "dpm2 a", "kdpm_2": "dpm2", "kdpm_2_a": "dpm2 a", "dpmpp_2m": "dpm++ 2m",
    "dpmpp_2m_sde": "dpm++ 2m sde", "dpmpp_2m_sde_gpu": "dpm++ 2m sde", "dpmpp_sde": "dpm++ sde", "dpmpp_sde_gpu": "dpm++ sde",
    "uni_pc": "unipc", "unipc": "unipc", "deis": "deis", "lcm": "lcm", "pndm": "pndm", "plms": "pndm", "dpmpp_3m": "dpm++ 3m",
    "dpmpp_2s": "dpm++ 2s",
}  # fmt: skip
_SCHEDULES = {"": "", "normal": "", "native": "", "automatic": "", "uniform": "", "karras": " karras",
              "exponential": " exponential", "sgm_uniform": " sgm uniform", "sgm uniform": " sgm uniform"}  # fmt: skip


def by_label(label: object, schedule: object = "") -> str:
    """Our name for a sampler as A1111 labels it ("DPM++ 2M Karras"); newer versions tell the schedule apart from it."""
    shown, plan = name(label), name(schedule)
    own = _LABELS.get(shown.lower() + _SCHEDULES.get(plan.lower(), f" {plan.lower()}"))
    return own or " ".join(part for part in (shown, plan) if part)


def by_name(sampler: object, schedule: object = "") -> str:
    """Our name for a sampler of k-diffusion ("k_dpmpp_2m" and "karras"); its own where we have none."""
    shown, plan = name(sampler), name(schedule)
    base = _BASES.get(shown.lower().removeprefix("k_").removeprefix("sample_"))
    ending = _SCHEDULES.get(plan.lower())
    if base is not None and ending is not None and base + ending in SAMPLERS:
        return base + ending
    return " ".join(part for part in (shown, plan) if part)


def by_invoke(scheduler: object) -> str:
    """Our name for InvokeAI's: an ending "_k" means Karras."""
    shown = name(scheduler)
    if shown.endswith("_k"):
        own = by_name(shown.removesuffix("_k"), "karras")
        return own if own in SAMPLERS else shown
    return by_name(shown)
