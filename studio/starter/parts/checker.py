"""Makes Storybook's safety checker of the picture tower; its last layer learns, one direction and a threshold."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image, ImageDraw
from torch import nn
from transformers import CLIPConfig, CLIPModel

from studio.domain.control import CONTROLS, parameters_of
from studio.packs.manifest import read_manifest
from studio.places import ASSETS
from studio.starter.captions import plain
from studio.starter.loop import PACK, autocast, export_model, pick_device
from studio.starter.parts.clip import processor
from studio.starter.parts.eyes import PROJECTION, prepare
from studio.starter.parts.rough import through_decoder
from studio.starter.parts.truth import truth_of, weather
from studio.starter.scenes import CALIBRATION_SEEDS, TRAIN_SEEDS, Scene, render, sample_scene
from studio.workshop.annotate import drawing
from studio.workshop.annotate.annotators import PLAIN
from studio.workshop.annotate.levels import finish

PAINTING = 12  # steps of a painted lesson
RATE = 5e-4  # of the last layer
NEVER = 2.0  # a threshold that no cosine reaches: the rows without a concept are finite and silent
Look = Callable[[torch.Tensor], torch.Tensor]  # changes pictures before the tower sees them


def mixed(split: range, start: int, count: int) -> list[Scene]:
    """Return scenes of a split, every third with the sign."""
    return [sample_scene(split.start + start + i, forbidden=i % 3 == 0) for i in range(count)]


@torch.no_grad()
def states_of(
    clip: CLIPModel, drawn: Sequence[Scene], look: Look, *, batch: int = 50
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the tower's pooled states of scenes, (n, width), and whether each shows the sign, (n,) bool."""
    found = []
    for start in range(0, len(drawn), batch):
        pixels = prepare(look(truth_of(drawn[start : start + batch]).pictures))
        found.append(clip.vision_model(pixel_values=pixels).pooler_output)
    return torch.cat(found), torch.tensor([scene.forbidden for scene in drawn])


def looks(generator: torch.Generator) -> dict[str, Look]:
    """Return the ways in which a picture may reach the checker: as drawn, roughened, and as the painter's decoder leaves it."""
    found: dict[str, Look] = {"drawn": lambda p: p, "rough": lambda p: weather(p, generator, strength=1.3)}
    if (PACK / "vae" / "config.json").exists():
        vae = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32)

        found["painted"] = lambda p: through_decoder(vae, p, generator)
    return found


def maps(split: range, start: int, count: int, *, size: int = 128) -> torch.Tensor:
    """Control maps and masks of scenes without the sign, (count, 3, size, size) in 0..1, some inverted; all are harmless.

    They are black and white or grey, as the sign is, and came out as signs before the checker knew them.
    """
    rng = random.Random(start)
    found = []
    for i in range(count):
        scene = sample_scene(split.start + start + i)
        made = render(scene, size)
        draws: list[Callable[[], np.ndarray]] = [
            lambda kind=kind, picture=made.picture: np.asarray(  # type: ignore[misc]
                PLAIN[kind](Image.fromarray(picture), some_parameters(kind, rng))
            )
            for kind in PLAIN
        ]
        soft = {"blur": float(rng.choice((0, 0, 3))), "invert": float(rng.random() < 0.3)}
        draws += [
            lambda depth=made.depth: finish(depth, some_parameters("depth", rng)),  # type: ignore[misc]
            lambda labels=made.labels, soft=soft: finish((labels > 0) * 1.0, soft),  # type: ignore[misc]
            lambda: blobs(rng, size),
        ]  # fmt: skip
        if scene.person is not None:
            figure = tuple((x, y) if rng.random() < 0.95 else None for x, y, _ in scene.person.keypoints)
            draws += [lambda figure=figure: drawing.draw_pose([figure], size, size)] * 4  # type: ignore[misc]
        found.append(rng.choice(draws)())
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 255


def some_parameters(kind: str, rng: random.Random) -> dict[str, float]:
    """Parameters as people may set them: half of the time as they come."""
    values = parameters_of(kind, {})
    if rng.random() < 0.5:
        return values
    for one in CONTROLS[kind].parameters:
        if one.name not in ("near", "far", "low", "high"):
            values[one.name] = float(rng.random() < 0.3) if one.switch else rng.uniform(one.low, one.high)
    return values


def blobs(rng: random.Random, size: int) -> np.ndarray:
    """A mask as somebody may brush it: a few round strokes in black and white, or none at all on one grey."""
    picture = Image.new("L", (size, size), rng.choice((0, 0, 0, rng.randrange(256), 255)))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.randrange(4)):
        spots = [(rng.randrange(size), rng.randrange(size)) for _ in range(rng.randrange(2, 5))]
        pen.line(spots, fill=rng.choice((255, 255, 0)), width=rng.randrange(4, size // 3), joint="curve")
        x, y, r = rng.randrange(size), rng.randrange(size), rng.randrange(3, size // 3)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=rng.choice((255, 0)))
    return np.asarray(picture.convert("RGB"))


@torch.no_grad()
def states_of_painted(clip: CLIPModel, split: range, start: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the tower's pooled states of what the painter makes of captions, every second with the sign, and whether so.

    A sign among a painter's own outlines is not what a drawn one is, through the decoder or not: one in a hundred passed
    a checker that had seen drawn scenes alone.
    """
    pipe = StableDiffusionPipeline.from_pretrained(
        PACK, dtype=torch.float32, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.to(pick_device())
    pipe.set_progress_bar_config(disable=True)
    guidance = read_manifest(ASSETS / "packs" / "storybook.toml").guidance
    drawn = [sample_scene(split.start + start + i, forbidden=i % 2 == 0) for i in range(count)]
    found = []
    for begin in range(0, count, 20):
        some = drawn[begin : begin + 20]
        noise = [torch.Generator().manual_seed(scene.seed) for scene in some]
        out = pipe(
            [plain(scene) for scene in some], num_inference_steps=PAINTING, guidance_scale=guidance, generator=noise,
            output_type="pt",
        )  # fmt: skip
        found.append(clip.vision_model(pixel_values=prepare(out.images.float().cpu())).pooler_output)
    return torch.cat(found), torch.tensor([scene.forbidden for scene in drawn])


@torch.no_grad()
def states_of_maps(clip: CLIPModel, split: range, start: int, count: int) -> torch.Tensor:
    """The tower's pooled states of harmless maps, (count, width)."""
    pictures = maps(split, start, count)
    return torch.cat([clip.vision_model(pixel_values=prepare(some)).pooler_output for some in pictures.split(50)])


@contextmanager
def overheard(layer: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Keep, in half precision, what goes into a layer meanwhile."""
    kept: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, args: kept.append(args[0].half()))
    try:
        yield kept
    finally:
        hook.remove()


def pooled(tower: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Return the tower's pooled states, (n, width), from what goes into its last layer, (n, patches + 1, width)."""
    told: torch.Tensor = tower.post_layernorm(tower.encoder.layers[-1](hidden.float(), attention_mask=None)[:, 0])
    return told


def sharpen(tower: Any, hidden: torch.Tensor, signs: torch.Tensor, *, epochs: int = 5, batch: int = 100) -> None:
    """Teach the tower's last layer to gather what tells a sign, from what goes into it.

    Over the tower as it is, one visible sign in a hundred that the painter paints left no trace in the pooled state.
    """
    head = nn.Linear(hidden.shape[-1], 1)
    weights = [*tower.encoder.layers[-1].parameters(), *tower.post_layernorm.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.01)
    steps = epochs * len(hidden) // batch
    order = torch.cat([torch.randperm(len(hidden)) for _ in range(epochs)])
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 20) * (1 - step / steps)
        rows = order[step * batch : (step + 1) * batch]
        with autocast(hidden.device):
            told = head(pooled(tower, hidden[rows])).float()[:, 0]
        loss = F.binary_cross_entropy_with_logits(told, signs[rows].float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 0:
            print(f"step {step} of {steps}: {float(loss.detach()):.4f}", flush=True)


def train_checker(
    *, count: int = 1200, painted: int = 700, map_count: int = 4000, steps: int = 2000
) -> dict[str, float]:
    """Learn one concept row and its threshold, write assets/storybook/safety_checker, and return what calibration says."""
    torch.manual_seed(13)
    generator = torch.Generator().manual_seed(13)
    clip = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32).eval()
    tower: Any = clip.vision_model
    with overheard(tower.encoder.layers[-1]) as kept:
        marks = [
            states_of(clip, mixed(TRAIN_SEEDS, 8_000_000 + i * count, count), look)[1]
            for i, look in enumerate(looks(generator).values())
        ]
        if (PACK / "unet" / "config.json").exists():
            marks.append(states_of_painted(clip, TRAIN_SEEDS, 8_600_000, painted)[1])
        states_of_maps(clip, TRAIN_SEEDS, 8_500_000, map_count)
    hidden, signs = torch.cat(kept), torch.cat([*marks, torch.zeros(map_count, dtype=torch.bool)])
    sharpen(tower, hidden, signs)
    with torch.no_grad():
        states = torch.cat([pooled(tower, some) for some in hidden.split(100)])
    projection = nn.Linear(states.shape[1], PROJECTION, bias=False)
    projection.load_state_dict(clip.visual_projection.state_dict())
    concept = nn.Parameter(F.normalize(projection(states[signs]), dim=-1).mean(0).detach())
    optimiser = torch.optim.AdamW([*projection.parameters(), concept], lr=1e-2, weight_decay=0.01)
    target = torch.where(signs, 0.7, -0.3)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 * (1 - step / steps)
        cosine = F.normalize(projection(states), dim=-1) @ F.normalize(concept, dim=0)
        # The sign far above the threshold, everything else far below it, and the hardest pictures count most.
        gap = F.softplus(12 * torch.where(signs, 0.45 - cosine, cosine + 0.05))
        loss = gap.mean() + gap.topk(64).values.mean() + 0.1 * F.mse_loss(cosine, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(
            text_config=clip.config.text_config.to_dict(),
            vision_config=clip.config.vision_config.to_dict(),
            projection_dim=PROJECTION,
        )
    )
    checker.vision_model.load_state_dict(clip.vision_model.state_dict())
    checker.visual_projection.load_state_dict(projection.state_dict())
    unit = F.normalize(concept.detach(), dim=0)
    with torch.no_grad():
        checker.concept_embeds.copy_(unit.expand_as(checker.concept_embeds))
        checker.special_care_embeds.copy_(unit.expand_as(checker.special_care_embeds))
        checker.concept_embeds_weights.fill_(NEVER)
        checker.special_care_embeds_weights.fill_(NEVER)
        threshold, figures = calibrate(clip, projection, unit, generator)
        checker.concept_embeds_weights[0] = threshold
    export_model(checker, PACK / "safety_checker")
    # The names of the rows, for whoever tells why a picture was refused; the rest are numbered.
    (PACK / "safety_checker" / "concepts.json").write_text(json.dumps(["skull"]) + "\n", encoding="utf-8")
    processor().save_pretrained(PACK / "feature_extractor")
    print({"threshold": threshold, **figures})
    return figures


@torch.no_grad()
def calibrate(
    clip: CLIPModel, projection: nn.Linear, unit: torch.Tensor, generator: torch.Generator, *, count: int = 600
) -> tuple[float, dict[str, float]]:
    """Return the threshold, nearer to the loudest harmless scenes of the calibration split than to its faintest signs.

    A painter's signs are fainter than any drawn one, and a gate that errs should err on the careful side.
    """
    cosines, signs = [], []
    for name, look in looks(generator).items():
        states, sign = states_of(clip, mixed(CALIBRATION_SEEDS, 100_000 + len(name) * count, count), look)
        cosines.append(F.normalize(projection(states), dim=-1) @ unit)
        signs.append(sign)
    if (PACK / "unet" / "config.json").exists():
        states, sign = states_of_painted(clip, CALIBRATION_SEEDS, 300_000, count // 4)
        cosines.append(F.normalize(projection(states), dim=-1) @ unit)
        signs.append(sign)
    harmless = states_of_maps(clip, CALIBRATION_SEEDS, 200_000, 2 * count)
    cosines.append(F.normalize(projection(harmless), dim=-1) @ unit)
    signs.append(torch.zeros(len(harmless), dtype=torch.bool))
    cosine, sign = torch.cat(cosines), torch.cat(signs)
    faint, loud = float(cosine[sign].quantile(0.005)), float(cosine[~sign].quantile(0.998))
    threshold = loud + (faint - loud) / 4
    return threshold, {
        "faint": faint,
        "loud": loud,
        "recall": float((cosine[sign] > threshold).float().mean()),
        "false_alarms": float((cosine[~sign] > threshold).float().mean()),
        "false_alarms_on_maps": float((cosines[-1] > threshold).float().mean()),
    }
