"""Trains Storybook's ControlNets for pose, depth and edges beside the frozen painter; one trainer, three kinds of maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ControlNetModel, UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn

from studio.starter.loop import EXPORTS, PACK, Plan, Progress, autocast, fit, pick_device
from studio.starter.optimise import Average, Optimisers
from studio.starter.scenes import Scene, render
from studio.starter.shards import PER_SHARD, WORDINGS, Library, Words, shard_scene
from studio.starter.unet import Model, build_scheduler, export_average, noised, painting_loss
from studio.workshop.annotate.drawing import canny, draw_pose, grey

SIZE = 128
WIDTHS = (8, 16, 32, 64)  # of the layers that bring a map to the latents' 16x16
EMPTY = 0.4  # the share of prompts left empty, so that the map itself must steer
WRONG = 0.1  # and of prompts that tell of another scene: where word and map disagree, the map decides the place
FOCUS = 6.0  # a latent cell that the map speaks about counts 1 + 6 times as much as another


def pose_map(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """The person's skeleton; in a third of the cases some joints are hidden, as an annotator or a user leaves them."""
    assert scene.person is not None
    hidden: set[int] = set()
    if rng.random() < 0.33:
        hidden = {int(i) for i in rng.choice([*range(2, 18)], int(rng.integers(1, 5)), replace=False)}
    points = scene.person.keypoints
    figure = tuple(None if i in hidden else (x, y) for i, (x, y, _) in enumerate(points))
    return draw_pose([figure], SIZE, SIZE)


def depth_map(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """The scene's depth, often as a depth model gives it: stretched to the full range, soft, noisy or in few steps."""
    depth = render(scene, SIZE).depth
    stretched = (depth - depth.min()) / max(float(np.ptp(depth)), 1e-6)
    depth = stretched if rng.random() < 0.5 else depth * rng.uniform(0.85, 1.15)
    if rng.random() < 0.5:
        depth = cv2.GaussianBlur(depth, (0, 0), float(rng.uniform(0.4, 2.0)))
    if rng.random() < 0.3:
        depth = depth + rng.normal(0, rng.uniform(0, 0.05), depth.shape)
    if rng.random() < 0.2:
        steps = rng.integers(8, 32)
        depth = np.round(depth * steps) / steps
    return grey(depth)


def canny_map(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """The picture's edges at thresholds around the usual ones, now and then of a softened picture."""
    picture = render(scene, SIZE).picture
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.0)))
    low = int(rng.integers(60, 140))
    return canny(Image.fromarray(picture), low, low + int(rng.integers(60, 140)))


@dataclass(frozen=True)
class Kind:
    """A kind of map: the pack's folder for its ControlNet, what draws it, whether only scenes with a person
    have one, and the folder of the kind to start from."""

    folder: str
    draw: Callable[[Scene, np.random.Generator], np.ndarray]
    persons: bool = False
    start: str = ""


KINDS = {
    "control-pose": Kind("controlnet_pose", pose_map, persons=True),
    "control-depth": Kind("controlnet_depth", depth_map, start="controlnet_pose"),
    "control-canny": Kind("controlnet_canny", canny_map, start="controlnet_pose"),
}


def focus(maps: Tensor, cover: Tensor, *, persons: bool) -> Tensor:
    """How much each latent cell counts, (N, 1, 16, 16): for a pose the cells about the limbs, else those with things."""
    if not persons:
        return 1 + FOCUS * cover
    drawn = F.max_pool2d((maps.amax(1, keepdim=True) > 0.1).float(), 8)
    return 1 + FOCUS * F.max_pool2d(drawn, 3, 1, 1) + cover


def noisy_times(count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Times spread over the whole schedule, the noisy end twice as densely as the middle: there the structure is decided."""
    slots = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    return (slots.sqrt() * steps).long().clamp(max=steps - 1)


class Lessons:
    """Scenes of the shards with their maps, words and latents; the maps are drawn as they are needed."""

    def __init__(self, kind: Kind, device: torch.device) -> None:
        self.kind, self.device = kind, device
        self.library = Library()
        if self.library.refresh() == 0:
            raise SystemExit("No shards in .training/shards; run `python -m studio.starter.train shards` first.")
        self.nothing = Words(device).states([""])
        self.places = [(name, row) for name in self.library.shards for row in range(PER_SHARD)]
        if kind.persons:
            self.places = [p for p in self.places if shard_scene(int(p[0][:4]), p[1]).person is not None]

    def batch(self, number: int, count: int) -> tuple[Tensor, ...]:
        """The number-th batch: latents, cover, text states, maps (N, 3, 128, 128) in 0..1."""
        rng = np.random.default_rng(number)
        places = [self.places[int(i)] for i in rng.integers(0, len(self.places), count)]
        latents, cover, states = self.library.take([(*place, int(rng.integers(0, WORDINGS))) for place in places])
        drawn = [self.kind.draw(shard_scene(int(name[:4]), row), rng) for name, row in places]
        maps = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 255
        draw = torch.from_numpy(rng.random(count))[:, None, None]
        states = torch.where(draw < EMPTY, self.nothing.cpu(), states)
        states = torch.where(draw > 1 - WRONG, states.roll(1, 0), states)
        return tuple(part.to(self.device) for part in (latents, cover, states, maps))


def steered(control: Model, unet: Model, x: Tensor, times: Tensor, states: Tensor, maps: Tensor) -> Tensor:  # noqa: PLR0917
    """What the painter answers with the map's word in its ear."""
    down, middle = control(x, times, encoder_hidden_states=states, controlnet_cond=maps, return_dict=False)
    told: Tensor = unet(
        x,
        times,
        encoder_hidden_states=states,
        down_block_additional_residuals=down,
        mid_block_additional_residual=middle,
        return_dict=False,
    )[0]
    return told.float()


def start_from(folder: Path | None, unet: Model, kind: Kind) -> Model:
    """The weights to begin with: those in `folder`, else another kind's where there are any, else the painter's own.

    A fresh ControlNet hears its map through layers that begin at zero behind layers that begin faint, and for edges 5,000
    samples taught it next to nothing. One that obeys a map already only has to learn another kind of drawing.
    """
    if folder is None and kind.start:
        known = [room / kind.start for room in (EXPORTS, PACK)]
        folder = next((path for path in known if (path / "config.json").exists()), None)
    if folder is not None:
        return ControlNetModel.from_pretrained(folder, dtype=torch.float32)
    control: Model = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=WIDTHS)
    embedding = control.controlnet_cond_embedding
    for layer in (embedding.conv_in, *embedding.blocks):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return control


def train_control(part: str, minutes: float, *, from_shipped: bool, rate: float = 1e-3) -> None:
    """Train one kind of ControlNet on the shards at hand; the painter stays as it is."""
    torch.manual_seed(41)
    kind = KINDS[part]
    device = pick_device()
    unet: Model = UNet2DConditionModel.from_pretrained(PACK / "unet", dtype=torch.float32).to(device).eval()
    unet.requires_grad_(False)
    unet.to(memory_format=torch.channels_last)
    control = start_from(PACK / kind.folder if from_shipped else None, unet, kind)
    control.to(device, memory_format=torch.channels_last).train()
    optimiser = Optimisers(control, rate=rate, muon_rate=rate, muon_for="_block")
    average = Average(control, 0.998)
    shown: Model = ControlNetModel.from_config(control.config).to(device)
    alphas = build_scheduler().alphas_cumprod.to(device)
    lessons = Lessons(kind, device)
    batch = 32 if device.type == "cpu" else 256
    generator = torch.Generator()

    def prepared(number: int, count: int) -> tuple[Any, ...]:
        latents, cover, states, maps = lessons.batch(number, count)
        generator.manual_seed(number)
        noise = torch.randn(latents.shape, generator=generator).to(device)
        times = noisy_times(count, len(alphas), generator).to(device)
        x, target = noised(latents, noise, times, alphas)
        x = x.contiguous(memory_format=torch.channels_last)
        return (x, times, states, maps), target, focus(maps, cover, persons=kind.persons)

    def step(progress: Progress) -> Mapping[str, float]:
        inputs, target, weight = prepared(progress.step + 1, batch)
        with autocast(device):
            out = steered(control, unet, *inputs)
        loss, plain = painting_loss(out, target, weight, inputs[1], alphas)
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(control.parameters(), 1.0)
        optimiser.step()
        average.update(control)
        return {"loss": loss.item(), "mse": plain.item(), "norm": norm.item()}

    @torch.no_grad()
    def examine() -> dict[str, float]:
        # How much of the painter's error the map takes away; the noise and the scenes are the same each time.
        shown.load_state_dict(average.weights)
        inputs, target, weight = prepared(10**9, 96)
        free = unet(*inputs[:2], encoder_hidden_states=inputs[2]).sample
        with_map = steered(shown, unet, *inputs)
        losses = [painting_loss(out, target, weight, inputs[1], alphas)[0].item() for out in (free, with_map)]
        return {"free": losses[0], "with_map": losses[1]}

    plan = Plan(part, minutes, rate, batch, warmup=100, anneal=0.6, save_seconds=150)
    fit(
        plan,
        parts={"model": control, "average": average},
        optimiser=optimiser,
        step=step,
        evaluate=examine,
        export=lambda: export_average(average, shown, EXPORTS / kind.folder),
        export_seconds=300,
    )
