"""Paints recipes with one Stable Diffusion pack; it decides nothing about safety and saves nothing."""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from PIL import Image

from studio.domain.control import CONTROLS, Control
from studio.domain.errors import BadInput, Failed, NotNumbers, PackMissing
from studio.domain.recipe import Recipe
from studio.workshop.paint import controls, fit, samplers, steps, tasks
from studio.workshop.paint import device as devices
from studio.workshop.paint.controls import Guide
from studio.workshop.paint.progress import Progress
from studio.workshop.paint.prompts import encode
from studio.workshop.paint.steps import Piece, Walk
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


class Work:
    """One recipe being painted: its inputs, what its prompt says, its guides, its progress. The tasks paint through it."""

    def __init__(self, painter: StablePainter, recipe: Recipe, inputs: Mapping[str, Any], report: Any) -> None:
        self.painter, self.recipe, self._inputs = painter, recipe, inputs
        self.pipe = painter.pipe
        self.progress = Progress(report)
        self.seeds = [recipe.seed + index for index in range(recipe.count)]
        self.working = (recipe.width, recipe.height)
        self._states: torch.Tensor | None = None
        used = [control for control in recipe.controls if control.weight > 0]
        self.maps = [self.picture(control.source, "control map") for control in used]
        self.guides = [*self._guides(used)]

    def picture(self, sha: str | None, what: str) -> Image.Image:
        """An input picture by its hash; raises BadInput when it did not come along."""
        picture = self._inputs.get(sha) if sha else None
        if not isinstance(picture, Image.Image):
            raise BadInput(
                "controls" if "map" in what else what, f"The {what} is no longer in the gallery; choose another one."
            )
        return picture

    def source(self) -> Image.Image:
        """The picture to work on; raises BadInput when it is too small to see anything in."""
        picture = self.picture(self.recipe.source, "source")
        if min(picture.size) < fit.SMALLEST:
            raise BadInput(
                "source",
                f"The source is {picture.width} by {picture.height} pixels; {fit.SMALLEST} by {fit.SMALLEST} is the least.",
            )
        return picture

    def add_guide(self, kind: str, *, weight: float) -> bool:
        """Let a ControlNet of the pack help whose maps the task makes itself; False when the pack has none."""
        control = Control(kind=kind, source="0" * 64, weight=weight)
        try:
            self.guides += self._guides([control])
        except PackMissing:
            return False
        return True

    def views(self, frame: fit.Size, view: fit.View) -> tuple[Image.Image, ...]:
        """The recipe's maps as they lie under a view of a canvas of size `frame`."""
        return tuple(fit.window(one, frame=frame, view=view) for one in self.maps)

    def piece(self, seed: int, view: fit.View, frame: fit.Size, *, start: Any = None, mask: Any = None) -> Piece:
        """A piece of a view with its seed's noise and its part of the maps."""
        return steps.piece(self.pipe, seed, view.size, start=start, mask=mask, maps=self.views(frame, view))

    def expect(self, pieces: int, size: fit.Size, *, strength: float = 1.0) -> None:
        """Announce a pass before anything is painted, so that the progress is one over all passes."""
        if strength > 0 and pieces:
            self.progress.expect(-(-pieces // self._at_once(size, pieces)), len(self._ready(strength)[1]))

    def run(
        self, pieces: Sequence[Piece], *, strength: float = 1.0, show: Callable[[Piece, Image.Image], Image.Image]
    ) -> Iterator[Image.Image]:
        """Paint pieces of one size, in order, as many at once as fit; `show` makes a draft of a piece one of the whole."""
        pixels = (pieces[0].size[1] * self.pipe.vae_scale_factor, pieces[0].size[0] * self.pipe.vae_scale_factor)
        size, done = self._at_once(pixels, len(pieces)), 0
        while done < len(pieces):
            part = pieces[done : done + size]
            try:
                made = self.painter.batch(part, lambda: self._walk(strength), self.progress, show)
            except torch.cuda.OutOfMemoryError as error:
                gc.collect()
                torch.cuda.empty_cache()
                self.progress.restart()
                if size == 1:
                    raise Failed(
                        "The GPU has too little memory for this picture: choose a smaller size, close other programs"
                        " that use the GPU, or choose a smaller pack."
                    ) from error
                size = max(1, size // 2)
                self.progress.expect(1, len(self._ready(strength)[1]))
                continue
            done += len(part)
            yield from made

    def _guides(self, used: Sequence[Control]) -> list[Guide]:
        kinds = tuple(dict.fromkeys(control.kind for control in used))
        nets = self.painter.controls(kinds, waiting=self.progress.again)
        return [controls.guide(nets[control.kind], control, self.pipe.unet) for control in used]

    def _at_once(self, size: fit.Size, count: int) -> int:
        return devices.batch_size(self.painter.where, pixels=size[0] * size[1], count=count)

    def _ready(self, strength: float) -> tuple[Any, Any]:
        return samplers.ready(
            self.recipe.sampler,
            self.painter.config,
            steps=self.recipe.steps,
            strength=strength,
            device=self.painter.where,
        )

    def _walk(self, strength: float) -> Walk:
        if self._states is None:
            self._states = encode(
                [self.recipe.negative, self.recipe.prompt],
                tokenizer=self.pipe.tokenizer,
                text_encoder=self.pipe.text_encoder,
            )
        scheduler, times = self._ready(strength)
        return Walk(self._states, self.recipe.guidance, scheduler, times, strength, tuple(self.guides))


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
