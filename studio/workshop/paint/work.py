"""One recipe being painted: inputs, guides, batches and progress, for the tasks to paint through; it decides no geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.domain.control import Control
from studio.domain.errors import BadInput, Failed, PackMissing
from studio.domain.prompting import pictures
from studio.domain.recipe import Recipe
from studio.workshop.paint import controls, fit, samplers, steps
from studio.workshop.paint import device as devices
from studio.workshop.paint.controls import Guide
from studio.workshop.paint.drafts import Show
from studio.workshop.paint.progress import Progress
from studio.workshop.paint.steps import Piece, Walk

if TYPE_CHECKING:
    from studio.workshop.paint.painter import StablePainter


def picture_of(inputs: Mapping[str, Any], sha: str | None, what: str) -> Image.Image:
    """An input picture by its hash; raises BadInput when it did not come along."""
    picture = inputs.get(sha) if sha else None
    if not isinstance(picture, Image.Image):
        raise BadInput(
            "controls" if "map" in what else what, f"The {what} is no longer in the gallery; choose another one."
        )
    return picture


def large_enough(source: Image.Image) -> Image.Image:
    """The same picture; raises BadInput when it is too small to see anything in."""
    if min(source.size) < fit.SMALLEST:
        raise BadInput(
            "source",
            f"The source is {source.width} by {source.height} pixels; {fit.SMALLEST} by {fit.SMALLEST} is the least.",
        )
    return source


class Work:
    """One recipe being painted: its inputs, what its prompt says, its guides, its progress. The tasks paint through it."""

    # How cells outside of a mask are put back; bench/editing.py compares: until this share of the steps, and how many rings
    # of cells around the mask are left free as well
    hold = 1.0
    grow = 0

    def __init__(self, painter: StablePainter, recipe: Recipe, inputs: Mapping[str, Any], report: Any) -> None:
        self.painter, self.recipe, self._inputs = painter, recipe, inputs
        self.pipe = painter.pipe
        self.progress = Progress(report)
        self.note = ""  # what the user should know of how it was painted
        self._alone = False
        self.seeds = [recipe.seed + index for index in range(recipe.count)]
        self.working = (recipe.width, recipe.height)
        self.outfit = painter.outfit(recipe)
        self._words = {one.seed: (one.negative.strip(), one.prompt.strip()) for one in pictures(recipe)}
        used = [control for control in recipe.controls if control.weight > 0]
        self.maps = [self.picture(control.source, "control map") for control in used]
        self.guides = [*self._guides(used)]

    def picture(self, sha: str | None, what: str) -> Image.Image:
        """An input picture by its hash; raises BadInput when it did not come along."""
        return picture_of(self._inputs, sha, what)

    def source(self) -> Image.Image:
        """The picture to work on; raises BadInput when it is too small to see anything in."""
        return large_enough(self.picture(self.recipe.source, "source"))

    def save_memory(self) -> None:
        """Paint one picture at a time, in the way that needs less memory, because somebody asked for that."""
        self._alone = True
        if self.painter.save_memory():
            self.note = "Painted in a slower way that needs less memory, as asked."

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
        self, pieces: Sequence[Piece], *, strength: float = 1.0, words: bool = True, show: Show
    ) -> Iterator[Image.Image]:
        """Paint pieces of one size, in order, as many at once as fit; `show` makes a draft of a piece one of the whole.

        Without `words` the model only goes on with what it sees; neither prompt nor guidance has a say.
        """
        pixels = (pieces[0].size[1] * self.pipe.vae_scale_factor, pieces[0].size[0] * self.pipe.vae_scale_factor)
        size, done = self._at_once(pixels, len(pieces)), 0
        while done < len(pieces):
            part = pieces[done : done + size]
            made = self._attempt(part, partial(self._walk, strength, part, words), show)
            if made is not None:
                done += len(part)
                yield from made
                continue
            devices.give_back(self.painter.where)
            self.progress.restart()
            if size > 1:
                left, before = len(pieces) - done, size
                size = max(1, size // 2)
                self.progress.expect(-(-left // size) + left // -before, len(self._ready(strength)[1]))
                self.note = "Memory ran out, so the pictures were painted fewer at once."
            elif self.painter.save_memory():
                self.note = "Memory ran out, so this was painted in a slower way that needs less."
            else:
                raise Failed(
                    "There is too little memory for this picture: choose a smaller size, close other programs that use the"
                    " GPU, or choose a smaller pack."
                )

    def _attempt(self, part: Sequence[Piece], how: Callable[[], Walk], show: Show) -> list[Image.Image] | None:
        """Paint a batch; None when memory ran out. Nothing that was computed is held any more when it returns."""
        try:
            return self.painter.batch(part, how, self.progress, show, self.outfit)
        except (RuntimeError, MemoryError) as error:
            if not devices.out_of_memory(error):
                raise
            return None

    def _guides(self, used: Sequence[Control]) -> list[Guide]:
        kinds = tuple(dict.fromkeys(control.kind for control in used))
        nets = self.painter.controls(kinds, waiting=self.progress.again)
        return [controls.guide(nets[control.kind], control, self.pipe.unet) for control in used]

    def _at_once(self, size: fit.Size, count: int) -> int:
        if self._alone:
            return 1
        if len({self.painter.length(*words, outfit=self.outfit) for words in self._words.values()}) > 1:
            return 1  # wildcards made prompts of several lengths, and what is told to a batch has one
        return devices.batch_size(self.painter.where, pixels=size[0] * size[1], count=count)

    def _ready(self, strength: float) -> tuple[Any, Any]:
        return samplers.ready(
            self.recipe.sampler,
            self.painter.config,
            steps=self.recipe.steps,
            strength=strength,
            device=self.painter.where,
        )

    def _walk(self, strength: float, pieces: Sequence[Piece], words: bool) -> Walk:
        texts = [self._words[self.recipe.seed if one.seed is None else one.seed] for one in pieces]
        texts = texts if words else [("", "")] * len(pieces)
        said = [self.painter.say(*one, clip_skip=self.recipe.clip_skip, outfit=self.outfit) for one in texts]
        if self.outfit.adapter is not None:
            said = self.painter.show(said, self.picture(self.recipe.reference, "reference"))
        guidance = self.recipe.guidance if any(texts[0]) else 1.0  # nothing said: nothing to be guided by
        scheduler, times = self._ready(strength)
        return Walk(said, guidance, scheduler, times, strength, tuple(self.guides), self.hold, self.grow)
