"""Paints recipes with one Stable Diffusion pack; it decides nothing about safety and saves nothing."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from PIL import Image

from studio.domain.control import CONTROLS
from studio.domain.errors import NotNumbers, PackMissing
from studio.domain.recipe import Recipe
from studio.workshop.paint import device as devices
from studio.workshop.paint import steps, tasks
from studio.workshop.paint.controls import Guide
from studio.workshop.paint.progress import Progress
from studio.workshop.paint.steps import Piece, Walk
from studio.workshop.paint.work import Work
from studio.workshop.ports import Controls, Painted

DRAFT_LATENTS = 32  # a draft is decoded from at most this many latents a side: 256 pixels


class StablePainter:
    """One pack's pipeline, held in memory. One batch at a time: schedulers and tokenizers are not thread-safe.

    `find_controls` gives the pack's ControlNets of some kinds and raises PackMissing for one that it does not have.
    """

    def __init__(
        self, pipe: Any, *, config: dict[str, Any], where: torch.device, find_controls: Controls | None = None
    ) -> None:
        self.pipe = pipe
        self.where = where
        self.config = config
        self._find_controls = find_controls
        self._lock = Lock()

    @torch.inference_mode()
    def paint(self, recipe: Recipe, inputs: Mapping[str, Any], report: Any) -> Iterator[Painted]:
        """Yield the recipe's pictures; see ports.Painter. As many as fit are painted at once."""
        yield from tasks.PAINT[recipe.task](Work(self, recipe, inputs, report))

    def controls(self, kinds: Sequence[str], *, waiting: Callable[[], None]) -> Mapping[str, Any]:
        """The pack's ControlNets of these kinds; raises PackMissing."""
        if not kinds:
            return {}
        if self._find_controls is None:
            raise PackMissing(
                f"This pack has no ControlNet for {CONTROLS[kinds[0]].label.lower()}; choose a pack that has one on the"
                " Shelf page."
            )
        return self._find_controls(kinds, waiting=waiting)

    def batch(self, pieces: Sequence[Piece], how: Callable[[], Walk], progress: Progress, show: Any) -> list[Any]:
        """Paint pieces of one size at once; where half precision overflowed, once more in fp32."""
        with self._lock:
            states = [one.generator.get_state() for one in pieces]
            try:
                return self._batch(pieces, how(), progress, show)
            except NotNumbers:
                usual = self.pipe.unet.dtype
                if usual == torch.float32:
                    raise
            progress.restart()
            for one, state in zip(pieces, states, strict=True):
                one.generator.set_state(state)
            self._to(how().guides, torch.float32)
            try:
                return self._batch(pieces, how(), progress, show)
            finally:
                self._to(how().guides, usual)

    def _to(self, guides: Sequence[Guide], dtype: torch.dtype) -> None:
        self.pipe.to(dtype=dtype)
        for one in guides:
            one.net.to(dtype=dtype)

    def _batch(self, pieces: Sequence[Piece], how: Walk, progress: Progress, show: Any) -> list[Image.Image]:
        progress.again()  # before the first step: encoding a large source takes its time as well

        def after(_step: int, _steps: int, guess: torch.Tensor) -> None:
            progress.step(lambda: show(pieces[0], self._draft(guess)))

        latents = steps.walk(self.pipe, pieces, how, after)
        pictures = []
        for one in latents.split(1):  # one by one: Cancel is heard after each
            pictures.append(steps.decode(self.pipe, one))
            progress.again()
        progress.finish()
        return pictures

    @torch.inference_mode()
    def _draft(self, latents: torch.Tensor) -> Image.Image:
        """The first picture of the batch as it is now, small."""
        first = latents[:1]
        longest = max(first.shape[-2:])
        if longest > DRAFT_LATENTS:
            first = torch.nn.functional.interpolate(first, scale_factor=DRAFT_LATENTS / longest, mode="area")
        return steps.decode(self.pipe, first)


def load_painter(folder: Path, *, find_controls: Controls | None = None) -> StablePainter:
    """Load a pipeline from a local folder in diffusers' layout, safetensors only; no code of the folder runs."""
    where = devices.device()
    with warnings.catch_warnings():
        # It wants another steps_offset and sets it; the schedulers here are made from the pack's own file instead
        warnings.filterwarnings("ignore", message="(?s).*steps_offset", category=FutureWarning)
        pipe = StableDiffusionPipeline.from_pretrained(
            str(folder),
            dtype=devices.dtype(where),
            safety_checker=None,  # the pipeline's own fails open; the gate calls the checker itself
            feature_extractor=None,
            requires_safety_checker=False,
            local_files_only=True,
            use_safetensors=True,
        ).to(where)
    pipe.set_progress_bar_config(disable=True)
    pipe.unet.to(memory_format=torch.channels_last)
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    return StablePainter(pipe, config=config, where=where, find_controls=find_controls)


def load_control(folder: Path) -> Any:
    """Load a ControlNet from a local folder in diffusers' layout, safetensors only."""
    where = devices.device()
    net = ControlNetModel.from_pretrained(
        str(folder), dtype=devices.dtype(where), local_files_only=True, use_safetensors=True
    )
    return net.to(where).to(memory_format=torch.channels_last).eval()
