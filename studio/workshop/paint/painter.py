"""Paints recipes with one Stable Diffusion pack, which may wait in RAM; it decides nothing about safety and saves nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from PIL import Image

from studio.domain.control import CONTROLS
from studio.domain.errors import NotNumbers, PackMissing
from studio.domain.recipe import Recipe
from studio.workshop.paint import device as devices
from studio.workshop.paint import outfit as outfits
from studio.workshop.paint import prompts, steps, tasks
from studio.workshop.paint.controls import Guide
from studio.workshop.paint.outfit import Outfit, Wardrobe
from studio.workshop.paint.preview import Preview
from studio.workshop.paint.progress import Progress
from studio.workshop.paint.prompts import Said
from studio.workshop.paint.speed import Speed
from studio.workshop.paint.steps import Piece, Walk
from studio.workshop.paint.threads import alone, one_thread, threads
from studio.workshop.paint.work import Work
from studio.workshop.ports import Controls, Painted, Parts

DRAFT_LATENTS = 32  # a draft is decoded from at most this many latents a side: 256 pixels
MOST_SAID = 64  # prompts whose states are kept; of SDXL with long prompts each is about 1 MB
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2", "image_encoder")


class StablePainter:
    """One pack's pipeline, held in memory. One batch at a time: schedulers and tokenizers are not thread-safe.

    `find_controls` gives the pack's ControlNets of some kinds and raises PackMissing for one that it does not have;
    `find_parts` the files of LoRAs and the like, `find_preview` the folder of a tiny VAE for drafts where one is installed.
    Without `long_prompts` a prompt is cut after 77 tokens. `pipe` may lie in RAM: it is brought to `where` when it paints.
    """

    def __init__(
        self,
        pipe: Any,
        *,
        config: dict[str, Any],
        where: torch.device,
        find_controls: Controls | None = None,
        find_parts: Parts | None = None,
        find_preview: Callable[[], Path | None] | None = None,
        long_prompts: bool = True,
    ) -> None:
        self.pipe = pipe
        self.where = where
        self.config = config
        self._find_controls = find_controls
        self._find_parts = find_parts
        self._long = long_prompts
        self._wardrobe = Wardrobe(pipe)
        self._speed = Speed(pipe, where)
        self._preview = Preview(find_preview)
        self._said: OrderedDict[Any, Said] = OrderedDict()
        self._lock = Lock()
        self._moving = Lock()
        self._painting = 0  # recipes that are being painted now
        self._here = pipe.device.type == where.type
        self._threads = 0  # that the last walk computed with; 0 on a GPU
        self._parts = False  # too large for the device: only the part at work is there
        self._saving = False

    @torch.inference_mode()
    def paint(
        self, recipe: Recipe, inputs: Mapping[str, Any], report: Any, *, offload: bool = False
    ) -> Iterator[Painted]:
        """Yield the recipe's pictures; see ports.Painter. As many as fit are painted at once, with `offload` one."""
        self._threads = 0
        with self._on_device():
            work = Work(self, recipe, inputs, report)
            if offload:
                work.save_memory()
            self._preview.look()
            try:
                for painted in tasks.PAINT[recipe.task](work):
                    yield replace(
                        painted, note=work.note, saving=self._saving, joined=self._speed.joined,
                        compiled=self._speed.compiled, threads=self._threads,
                    )  # fmt: skip
            finally:
                self._usual_memory()
                self._speed.done()

    @property
    def weights(self) -> int:
        """Bytes of its parts' weights, wherever they are."""
        return sum(
            devices.bytes_of(part) for part in self.pipe.components.values() if isinstance(part, torch.nn.Module)
        )

    def rest(self) -> bool:
        """Give the device's memory back and wait in RAM; False while it paints. Whoever lets it paint again brings it back."""
        with self._moving:
            if self._painting:
                return False
            if self._here:
                self._said.clear()
                self._preview.drop()
                self._speed.bare()
                self._wardrobe.wear(Outfit())  # a VAE that is not worn just now would stay behind
                self.pipe.remove_all_hooks()
                self.pipe.to("cpu")
                self._here = self._parts = False
            return True

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        with self._moving:
            if not self._here:
                self._parts = not devices.whole(devices.free(self.where), self.weights)
                self._settle()
                self._here = True
            self._painting += 1
        try:
            yield
        finally:
            with self._moving:
                self._painting -= 1

    def _settle(self) -> None:
        """To the device, whole or part by part."""
        if self._parts:
            self.pipe.enable_model_cpu_offload(device=self.where)
        else:
            self.pipe.to(self.where)

    def save_memory(self) -> bool:
        """From now until the recipe's end hold on the device only the part at work, and decode in tiles.

        False when that is done already, so that there is nothing left to save.
        """
        if self._saving:
            return False
        self._saving = True
        if self.where.type != "cpu" and not self._parts:
            self._speed.bare()
            self.pipe.enable_model_cpu_offload(device=self.where)
        return True

    def _usual_memory(self) -> None:
        if not self._saving:
            return
        self._saving = False
        if self.where.type != "cpu" and not self._parts:
            self.pipe.remove_all_hooks()
            self.pipe.to(self.where)

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

    def outfit(self, recipe: Recipe) -> Outfit:
        """What the recipe wants put on, found; raises BadInput or PackMissing."""
        return outfits.outfit(recipe, self._find_parts)

    def say(self, negative: str, prompt: str, *, clip_skip: int, outfit: Outfit) -> Said:
        """What the text encoders make of the two prompts, in the outfit that is worn; kept for the next time."""
        key = (negative, prompt, clip_skip, outfit.loras, outfit.embeddings, outfit.stamp, self.pipe.text_encoder.dtype)
        if key not in self._said:
            self._said[key] = prompts.say(
                self.pipe, negative, prompt, clip_skip=clip_skip, embeddings=self._wardrobe.embeddings(outfit),
                long=self._long,
            )  # fmt: skip
            while len(self._said) > MOST_SAID:
                self._said.popitem(last=False)
        self._said.move_to_end(key)
        return self._said[key]

    def length(self, negative: str, prompt: str, *, outfit: Outfit) -> int:
        """How many stretches of tokens the longer of the two prompts has."""
        first = {words: given[0] for words, given in self._wardrobe.embeddings(outfit).items()}
        tokenizer = self.pipe.tokenizer
        return max(len(prompts.stretches(text, tokenizer, first, long=self._long)) for text in (negative, prompt))

    def show(self, said: Sequence[Said], reference: Image.Image) -> list[Said]:
        """The same, and what the IP-Adapter that is worn reads in a reference picture."""
        (seen,) = self.pipe.prepare_ip_adapter_image_embeds([reference.convert("RGB")], None, self.where, 1, True)
        return [replace(one, picture=seen) for one in said]

    def batch(
        self,
        pieces: Sequence[Piece],
        how: Callable[[], Walk],
        progress: Progress,
        show: Any,
        outfit: Outfit | None = None,
    ) -> list[Any]:
        """Paint pieces of one size at once; where half precision overflowed, once more in fp32."""
        outfit = outfit or Outfit()
        cells = sum(high * wide for high, wide in (one.size for one in pieces))
        small = alone(self.where, weights=devices.bytes_of(self.pipe.unet), cells=cells)
        with self._lock, one_thread(small):
            self._threads = threads(self.where)
            if outfit.dressed:
                self._speed.bare()
            self._wardrobe.wear(outfit, progress.again)
            if hasattr(self.pipe.vae, "use_tiling"):
                high, wide = (side * self.pipe.vae_scale_factor for side in pieces[0].size)
                self.pipe.vae.use_tiling = self._saving or devices.tiled(self.pipe.vae, pixels=high * wide)
            states = [one.generator.get_state() for one in pieces]
            try:
                walk = how()
                shape = (len(pieces), pieces[0].size, walk.guidance > 1, walk.said[0].states.shape, outfit.dressed)
                self._speed.ready(shape, joined=not (outfit.dressed or self._saving or self._parts))
                return self._batch(pieces, walk, progress, show)
            except NotNumbers:
                if self.pipe.unet.dtype == torch.float32:
                    raise
            except (RuntimeError, MemoryError):
                self._again(pieces, states)
                raise
            self._speed.bare()
            usual = {name: part.dtype for name in _PARTS if (part := getattr(self.pipe, name, None)) is not None}
            progress.restart()
            self._again(pieces, states)
            guides = how().guides
            self._to(guides, dict.fromkeys(usual, torch.float32))
            try:
                return self._batch(pieces, how(), progress, show)
            finally:
                self._to(guides, usual)

    def _again(self, pieces: Sequence[Piece], states: Sequence[torch.Tensor]) -> None:
        """Let samplers that draw noise on the way draw the same once more."""
        for one, state in zip(pieces, states, strict=True):
            one.generator.set_state(state)

    def _to(self, guides: Sequence[Guide], kinds: Mapping[str, torch.dtype]) -> None:
        for name, dtype in kinds.items():
            getattr(self.pipe, name).to(dtype=dtype)
        for one in guides:
            one.net.to(dtype=kinds["unet"])

    def _batch(self, pieces: Sequence[Piece], how: Walk, progress: Progress, show: Any) -> list[Image.Image]:
        progress.again()  # before the first step: encoding a large source takes its time as well

        def after(_step: int, _steps: int, guess: torch.Tensor) -> None:
            progress.step(lambda: show(pieces[0], self._draft(guess)))

        latents = steps.walk(self.pipe, pieces, how, after)
        pictures = []
        for one in latents.split(1):  # one by one: Cancel is heard after each
            pictures.append(steps.decode(self.pipe.vae, one))
            progress.again()
        progress.finish()
        return pictures

    @torch.inference_mode()
    def _draft(self, latents: torch.Tensor) -> Image.Image:
        """The first picture of the batch as it is now, small; by a tiny VAE where one is installed."""
        first = latents[:1]
        longest = max(first.shape[-2:])
        if longest > DRAFT_LATENTS:
            first = torch.nn.functional.interpolate(first, scale_factor=DRAFT_LATENTS / longest, mode="area")
        return steps.decode(self._preview.vae(self.pipe) or self.pipe.vae, first)
