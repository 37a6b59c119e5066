"""Finds a picture that a checker forbids, by following the checker's own gradients: its self-test. It keeps no picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image

from studio.workshop.vision.pixels import Preparation

PROVOKED = 0.03  # how far over its limit a provoked picture is, so that rounding to 8 bits does not undo it
STEPS, PACE = 100, 6 / 255  # the pace is of each pixel and step; most towers need about ten steps


def provoke(
    score: Callable[[torch.Tensor], torch.Tensor], preparation: Preparation, *, device: torch.device
) -> Image.Image:
    """A square of coloured noise whose score passes PROVOKED, by signed gradient steps (Goodfellow et al., arXiv 1412.6572).

    `score` takes (1, 3, side, side), prepared, and gives one number, above 0 for what is forbidden. Weights that are missing,
    NaN or all alike lead nowhere: raises ValueError.
    """
    side = preparation.side
    noise = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, side, side, generator=noise) * 0.2 + 0.4
    mean, std = (torch.tensor(part).reshape(1, 3, 1, 1) for part in (preparation.mean, preparation.std))
    with torch.enable_grad():
        for _ in range(STEPS):
            picture.requires_grad_(True)
            near = score(((picture - mean) / std).to(device))
            if not bool(torch.isfinite(near)):
                raise ValueError("its scores are not numbers")
            if float(near.detach()) > PROVOKED:
                values = (picture.detach()[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
                return Image.fromarray(values.numpy())
            (slope,) = torch.autograd.grad(near, picture)
            picture = (picture.detach() + PACE * slope.sign()).clamp(0, 1)
    raise ValueError("nothing that it would forbid could be found")
