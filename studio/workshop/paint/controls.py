"""How ControlNets steer a painter: several at once, each with its weight, its stretch of the steps and its balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from studio.domain.control import CONTROLS, UNION, Control
from studio.domain.errors import BadInput

# Each block nearer to the picture counts for this much less when the map and the prompt disagree. The figure is the one of
# the ControlNet authors' "guess mode" (github.com/lllyasviel/ControlNet, gradio_canny2image.py:
# `strength * (0.825 ** float(12 - i))`), and of the control modes of sd-webui-controlnet, whose names ours are.
SOFTNESS = 0.825


@dataclass(frozen=True)
class Guide:
    """One ControlNet at work: the net, and how the recipe uses it."""

    net: Any
    control: Control

    def active(self, step: int, steps: int) -> bool:
        """Whether it has a say in step 0..steps-1; counted as diffusers counts `control_guidance_start` and `_end`."""
        begins, ends = step / steps, (step + 1) / steps
        return self.control.weight > 0 and begins >= self.control.start and ends <= self.control.end

    @property
    def conditional_only(self) -> bool:
        """Whether the half without the prompt is left alone, so that guidance strengthens the map as well.

        The same modes' "control is more important". Nets that pool their map over the picture ask for it always.
        """
        return self.control.balance == "control" or bool(self.net.config.global_pool_conditions)

    def shown(self, maps: torch.Tensor) -> dict[str, Any]:
        """The maps as the net wants them, (n, 3, H, W); a union is told of which kind they are as well."""
        if "num_control_type" not in self.net.config:
            return {"controlnet_cond": maps}
        kinds = torch.zeros(len(maps), self.net.config.num_control_type, device=maps.device, dtype=maps.dtype)
        number = UNION[self.control.kind]
        kinds[:, number] = 1
        return {"controlnet_cond": [maps], "control_type": kinds, "control_type_idx": [number]}

    def scales(self, count: int) -> list[float]:
        """The weight of each of `count` residuals, the outermost first and the middle block's last."""
        if self.control.balance == "balanced":
            return [self.control.weight] * count
        return [self.control.weight * SOFTNESS ** (count - 1 - i) for i in range(count)]


def guide(net: Any, control: Control, unet: Any) -> Guide:
    """A guide whose net fits the painter; raises BadInput where it was made for another base model."""
    for name in ("cross_attention_dim", "block_out_channels", "layers_per_block"):
        if name in net.config and _same(net.config[name]) != _same(unet.config[name]):
            raise BadInput(
                "controls",
                f"The ControlNet for {CONTROLS[control.kind].label.lower()} was made for another base model; choose the one"
                " that belongs to this pack.",
            )
    if UNION.get(control.kind, 99) >= net.config.get("num_control_type", 100):
        raise BadInput(
            "controls",
            f"This pack's ControlNet has not learned {CONTROLS[control.kind].label.lower()}; take that control out.",
        )
    return Guide(net, control)


def stack(maps: Sequence[Image.Image], like: torch.Tensor) -> torch.Tensor:
    """Maps of one size as (n, 3, H, W) in 0..1, as ControlNets want them."""
    import numpy as np

    values = torch.from_numpy(np.stack([np.asarray(one) for one in maps])).permute(0, 3, 1, 2)
    return (values.float() / 255).to(like.device, like.dtype)


def residuals(
    guides: Sequence[Guide],
    maps: Sequence[torch.Tensor],
    latents: torch.Tensor,
    time: torch.Tensor,
    states: torch.Tensor,
    *,
    guided: bool,
    step: int,
    steps: int,
    added: Mapping[str, Any] | None = None,
) -> tuple[list[torch.Tensor] | None, torch.Tensor | None]:
    """What is added to the UNet's down blocks and its middle block; (None, None) where no guide has a say.

    latents, states, added: as the UNet gets them; when `guided` the first half is without the prompt. maps: (n, 3, H, W) for
    each guide, n pictures.
    """
    total: list[torch.Tensor] | None = None
    for one, shown in zip(guides, maps, strict=True):
        if not one.active(step, steps):
            continue
        alone = guided and one.conditional_only
        seen, said = (latents.chunk(2)[1], states.chunk(2)[1]) if alone else (latents, states)
        told = {name: (added or {})[name] for name in ("text_embeds", "time_ids") if name in (added or {})}
        if alone:
            told = {name: given.chunk(2)[1] for name, given in told.items()}
        down, middle = one.net(
            seen,
            time,
            encoder_hidden_states=said,
            added_cond_kwargs=told or None,
            return_dict=False,
            **one.shown(shown if alone or not guided else torch.cat([shown, shown])),
        )
        parts = [*down, middle]
        parts = [part * scale for part, scale in zip(parts, one.scales(len(parts)), strict=True)]
        if alone:
            parts = [torch.cat([torch.zeros_like(part), part]) for part in parts]
        total = parts if total is None else [a + b for a, b in zip(total, parts, strict=True)]
    return (None, None) if total is None else (total[:-1], total[-1])


def _same(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value
