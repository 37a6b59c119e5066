"""Paints recipes with one Stable Diffusion pack; it decides nothing about safety and saves nothing."""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from studio.domain.errors import BadInput, Failed, NotNumbers
from studio.domain.recipe import Recipe
from studio.workshop.paint import device as devices
from studio.workshop.paint import samplers
from studio.workshop.paint.prompts import encode
from studio.workshop.ports import Painted

DRAFT_LATENTS = 32  # a draft is decoded from at most this many latents a side: 256 pixels


class StablePainter:
    """One pack's pipeline, held in memory. One recipe at a time: schedulers and tokenizers are not thread-safe."""

    def __init__(self, pipe: Any, *, config: dict[str, Any], where: torch.device) -> None:
        self.pipe = pipe
        self.where = where
        self._config = config
        self._lock = Lock()

    @torch.inference_mode()
    def paint(self, recipe: Recipe, inputs: Mapping[str, Any], report: Any) -> Iterator[Painted]:
        """Yield the recipe's pictures; see ports.Painter. A batch as large as fits is painted at once."""
        if recipe.task != "create":
            raise BadInput("task", f"This painter cannot {recipe.task} yet; it creates pictures from words.")
        seeds = [recipe.seed + index for index in range(recipe.count)]
        size = devices.batch_size(self.where, pixels=recipe.width * recipe.height, count=recipe.count)
        done = 0
        while done < len(seeds):
            batch = seeds[done : done + size]
            try:
                with self._lock:
                    pictures = self._numbers(recipe, batch, _Steps(report, before=done, size=size, count=len(seeds)))
            except torch.cuda.OutOfMemoryError as error:
                gc.collect()
                torch.cuda.empty_cache()
                if size == 1:
                    raise Failed(
                        "The GPU has too little memory for this picture: choose a smaller size, close other programs"
                        " that use the GPU, or choose a smaller pack."
                    ) from error
                size = max(1, size // 2)
                continue
            done += len(batch)
            for picture, seed in zip(pictures, batch, strict=True):
                yield Painted(picture, seed)

    def _numbers(self, recipe: Recipe, seeds: list[int], steps: _Steps) -> list[Image.Image]:
        """Paint a batch; where half precision overflowed, once more in fp32."""
        try:
            return self._batch(recipe, seeds, steps)
        except NotNumbers:
            usual = self.pipe.unet.dtype
            if usual == torch.float32:
                raise
        self.pipe.to(dtype=torch.float32)
        try:
            return self._batch(recipe, seeds, steps)
        finally:
            self.pipe.to(dtype=usual)

    def _batch(self, recipe: Recipe, seeds: list[int], steps: _Steps) -> list[Image.Image]:
        pipe = self.pipe
        pipe.scheduler = samplers.scheduler(recipe.sampler, self._config)
        negative, states = encode(
            [recipe.negative, recipe.prompt], tokenizer=pipe.tokenizer, text_encoder=pipe.text_encoder
        ).chunk(2)

        def after_step(pipe: Any, index: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
            latents = kept["latents"]
            if not bool(torch.isfinite(latents).all()):
                raise NotNumbers("The model produced no numbers (NaN); try another seed, sampler or a lower guidance.")
            steps(index + 1, pipe.num_timesteps, lambda: self._draft(_clean(pipe, recipe, latents)))
            return {}

        latents = pipe(
            prompt_embeds=states,
            negative_prompt_embeds=negative,
            width=recipe.width,
            height=recipe.height,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance,
            num_images_per_prompt=len(seeds),
            # Noise comes from the CPU, a generator for each picture: the same on every device, alone or in a batch.
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            output_type="latent",
            callback_on_step_end=after_step,
        ).images
        pictures = []
        for one in latents.split(1):  # one by one: Cancel is heard after each
            pictures.append(self._decode(one))
            steps.again()
        return pictures

    def _decode(self, latents: torch.Tensor) -> Image.Image:
        vae = self.pipe.vae
        decoded = vae.decode(
            latents.to(vae.dtype) / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
        ).sample
        if not bool(torch.isfinite(decoded).all()):
            raise NotNumbers("The model produced no numbers (NaN) when decoding; try another seed or a lower guidance.")
        pixels = ((decoded[0].float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy(), "RGB")

    @torch.inference_mode()
    def _draft(self, latents: torch.Tensor) -> Image.Image:
        """The first picture of the batch as it is now, small."""
        first = latents[:1]
        longest = max(first.shape[-2:])
        if longest > DRAFT_LATENTS:
            first = torch.nn.functional.interpolate(first, scale_factor=DRAFT_LATENTS / longest, mode="area")
        return self._decode(first)


class _Steps:
    """Adds the steps of all batches up, whatever number of calls a sampler makes of a step (Heun makes nearly two)."""

    def __init__(self, report: Any, *, before: int, size: int, count: int) -> None:
        self._report = report
        self._earlier = -(-before // size)
        self._batches = self._earlier + -(-(count - before) // size)
        self._last = (0, 1)

    def __call__(self, step: int, steps: int, draft: Callable[[], Image.Image]) -> None:
        self._last = (self._earlier * steps + step, self._batches * steps)
        self._report(*self._last, draft)

    def again(self) -> None:
        self._report(*self._last)


def _clean(pipe: Any, recipe: Recipe, latents: torch.Tensor) -> torch.Tensor:
    outputs = getattr(pipe.scheduler, "model_outputs", None)
    if samplers.predicts_clean(recipe.sampler) and outputs and outputs[-1] is not None:
        return outputs[-1]
    return latents


def load_painter(folder: Path) -> StablePainter:
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
    return StablePainter(pipe, config=config, where=where)
