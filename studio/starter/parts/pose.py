"""Trains Storybook's pose model, a small VitPose on the picture tower's weights; it finds joints and never draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from transformers import (
    CLIPModel,
    VitPoseBackboneConfig,
    VitPoseConfig,
    VitPoseForPoseEstimation,
    VitPoseImageProcessor,
)

from studio.domain.pose import JOINTS as NAMES
from studio.measure.metrics import Point, near_joints
from studio.starter.loop import PACK, Optimisers, Plan, Progress, autocast
from studio.starter.optimise import descend
from studio.starter.parts.eyes import (
    HEADS,
    LAYERS,
    MEAN,
    PATCH,
    PIXELS,
    STD,
    WIDTH,
    normalise,
    take_layers,
    take_patches,
)
from studio.starter.parts.rough import Painted, Sight, pupil, sights, teach, to_unit, weathered
from studio.starter.parts.truth import SIZE, seeded
from studio.starter.scenes import CALIBRATION_SEEDS, LABEL_PERSON, Rendering, Scene, render
from studio.workshop.annotate.pose import FEWEST, SURE

JOINTS = len(NAMES)
CELLS = 24  # the side of a heatmap: two cells to a patch
SPREAD = 1.0  # of a joint's bump, in cells; the processor finds its middle between cells (DARK, Zhang et al. 2020)
MARGIN = 1.25  # the processor widens every box by this
WHOLE = MARGIN * SIZE
OpenPose = tuple[tuple[float, float], ...]


def make_pose() -> VitPoseForPoseEstimation:
    """A pose model whose eyes are the picture tower's: 96 pixels, patches of 8, and one convolution for the bumps."""
    backbone_of: Any = VitPoseBackboneConfig  # Any: the library types its configs by their declared fields alone
    backbone = backbone_of(
        image_size=(PIXELS, PIXELS),
        patch_size=(PATCH, PATCH),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        out_indices=[LAYERS],
    )
    scale = CELLS // (PIXELS // PATCH)
    config_of: Any = VitPoseConfig
    model: Any = VitPoseForPoseEstimation(
        config_of(backbone_config=backbone, num_labels=JOINTS, use_simple_decoder=True, scale_factor=scale)
    )
    model.config.id2label = dict(enumerate(NAMES))
    model.config.label2id = {name: i for i, name in enumerate(NAMES)}
    tower = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32).vision_model
    embeddings = model.backbone.embeddings
    take_patches(tower, embeddings)
    with torch.no_grad():
        embeddings.position_embeddings[:, 0].zero_()  # VitPose adds this one to every patch
    take_layers(tower, model.backbone.encoder.layer)
    model.backbone.layernorm.load_state_dict(tower.post_layernorm.state_dict())
    return model


def processor() -> VitPoseImageProcessor:
    """The shipped processor: a box, widened by a quarter, to 96 x 96 pixels."""
    size = {"height": PIXELS, "width": PIXELS}
    return VitPoseImageProcessor(size=size, image_mean=list(MEAN), image_std=list(STD))


@dataclass(frozen=True)
class Lesson:
    """A picture (H, W, 3 uint8), the figures to be found in its window, and the window: centre and side in pixels."""

    picture: np.ndarray
    figures: tuple[OpenPose, ...]
    window: tuple[float, float, float]


def joints_of(scene: Scene) -> OpenPose:
    """A person's joints as fractions of the picture."""
    if scene.person is None:
        raise ValueError(f"The scene of seed {scene.seed} holds no person.")
    return tuple((x, y) for x, y, _ in scene.person.keypoints)


def beside(sight: Sight, other: Sight, rng: np.random.Generator) -> tuple[Sight, OpenPose] | None:
    """Paste another scene's person beside this one's; None where there is no room. Returns the picture and the newcomer."""
    mine, theirs = joints_of(sight.scene), joints_of(other.scene)
    gap = rng.uniform(0.3, 0.46) * rng.choice((-1, 1))
    step = round((mine[1][0] + gap - theirs[1][0]) * SIZE)
    moved = tuple((x + step / SIZE, y) for x, y in theirs)
    if not all(0.01 < x < 0.99 for x, _ in moved):
        return None
    mask = Image.fromarray((other.truth.labels == LABEL_PERSON).astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(3))
    picture = Image.fromarray(sight.picture)
    picture.paste(Image.fromarray(other.picture), (step, 0), mask)
    shifted = np.zeros_like(sight.truth.labels)
    cut = np.asarray(mask)[:, max(0, -step) : SIZE - max(0, step)]
    shifted[:, max(0, step) : SIZE + min(0, step)] = cut
    labels = np.where(shifted > 0, np.uint8(LABEL_PERSON), sight.truth.labels)
    return replace(sight, picture=np.asarray(picture), truth=replace(sight.truth, labels=labels)), moved


def window_about(figure: OpenPose, rng: np.random.Generator) -> tuple[float, float, float]:
    """A square window about a figure, as a box drawn by hand or by a mask would give after widening."""
    points = np.array(figure) * SIZE
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) * MARGIN * rng.uniform(1.05, 1.4)
    middle = (low + high) / 2 + rng.uniform(-0.06, 0.06, 2) * side
    return float(middle[0]), float(middle[1]), side


def lesson(sight: Sight, others: Sequence[Sight], rng: np.random.Generator) -> Lesson:
    """Half of the windows are the whole picture or wider, half are about one figure; sometimes a second one stands by."""
    figures: tuple[OpenPose, ...] = (joints_of(sight.scene),) if sight.scene.person else ()
    if figures and others and rng.random() < 0.22:
        pair = beside(sight, others[int(rng.integers(0, len(others)))], rng)
        if pair is not None:
            sight, figures = pair[0], (*figures, pair[1])
    draw = rng.random()
    if figures and draw < 0.45:
        figure = figures[int(rng.integers(0, len(figures)))]
        return Lesson(sight.picture, (figure,), window_about(figure, rng))
    if draw < 0.8:
        return Lesson(sight.picture, figures, (SIZE / 2, SIZE / 2, WHOLE))
    x, y = SIZE / 2 + rng.uniform(-0.1, 0.1, 2) * SIZE
    return Lesson(sight.picture, figures, (float(x), float(y), WHOLE * rng.uniform(0.95, 1.5)))


def cut(pictures: torch.Tensor, windows: Sequence[tuple[float, float, float]]) -> torch.Tensor:
    """The windows of pictures, (n, 3, h, w) to (n, 3, 96, 96), as the processor warps them; black outside."""
    steps = torch.arange(PIXELS, dtype=torch.float32)
    spots = []
    for x, y, side in windows:
        line = steps * side / (PIXELS - 1) - side / 2
        spots.append(torch.stack([(x + line)[None].expand(PIXELS, -1), (y + line)[:, None].expand(-1, PIXELS)], 2))
    far = torch.tensor([pictures.shape[3] - 1, pictures.shape[2] - 1])
    return F.grid_sample(pictures, torch.stack(spots) / far * 2 - 1, align_corners=True)


def bumps(lessons: Sequence[Lesson]) -> torch.Tensor:
    """What the model should answer, (n, 18, 24, 24): a bump 1 high at each joint in the window, of all its figures."""
    out = np.zeros((len(lessons), JOINTS, CELLS, CELLS), np.float32)
    line = np.arange(CELLS, dtype=np.float32)
    for i, each in enumerate(lessons):
        x0, y0, side = each.window
        for figure in each.figures:
            spots = (np.array(figure) * SIZE - (x0, y0) + side / 2) * (CELLS - 1) / side
            across = np.exp(-((line - spots[:, :1]) ** 2) / (2 * SPREAD**2))
            down = np.exp(-((line - spots[:, 1:]) ** 2) / (2 * SPREAD**2))
            np.maximum(out[i], down[:, :, None] * across[:, None, :], out=out[i])
    return torch.from_numpy(out)


def bump_loss(told: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared error, in which the few cells with a joint count as much as the many without."""
    return ((1 + 12 * target) * (told - target).square()).sum((2, 3)).mean()


def train_pose(minutes: float, *, from_shipped: bool, rate: float = 1e-3, batch: int = 32) -> None:
    """Train on drawn, roughened and decoded scenes; a quarter show nobody."""
    model = pupil("pose", make_pose, seed=31, from_shipped=from_shipped)
    device = model.device
    optimiser = Optimisers(model, rate=rate, muon_rate=2 * rate, muon_for=".layer.")
    painted = Painted()
    generator = torch.Generator()

    def step(progress: Progress) -> Mapping[str, float]:
        rng = np.random.default_rng(progress.step)
        seen = sights(painted, progress.step, batch, persons=0.76)
        people = [sight for sight in seen if sight.scene.person]
        lessons = [lesson(sight, people, rng) for sight in seen]
        pictures = weathered(
            to_unit(np.stack([each.picture for each in lessons])), generator.manual_seed(progress.step)
        )
        pixels = normalise(cut(pictures, [each.window for each in lessons]))
        with autocast(device):
            told = model(pixels.to(device)).heatmaps.float()
        loss = bump_loss(told, bumps(lessons).to(device))
        descend(model, optimiser, loss)
        return {"loss": float(loss.detach())}

    exam = [scene for scene in seeded(CALIBRATION_SEEDS, 500_000, 320) if scene.person][:80]
    empty = [scene for scene in seeded(CALIBRATION_SEEDS, 500_000, 160) if scene.person is None][:80]

    plan = Plan("pose", minutes, rate, batch, warmup=40, anneal=0.6, save_seconds=120)
    teach(
        plan,
        model=model,
        optimiser=optimiser,
        step=step,
        evaluate=lambda: examine(model, exam, empty),
        processor=processor(),
    )


@torch.no_grad()
def find(
    model: Any, prepare: Any, pictures: Sequence[np.ndarray], boxes: Sequence[Sequence[float]] = ()
) -> list[list[tuple[float, float, float]]]:
    """Joints in pixels and how sure the model is, for pictures (H, W, 3 uint8).

    boxes: one (left, top, width, height) in pixels for each; without them the whole picture is the box.
    """
    found: list[list[tuple[float, float, float]]] = []
    for start in range(0, len(pictures), 40):
        some = [Image.fromarray(picture) for picture in pictures[start : start + 40]]
        whole = [[0.0, 0.0, float(picture.width), float(picture.height)] for picture in some]
        about = [[list(box)] for box in boxes[start : start + 40] or whole]
        pixels = prepare(some, boxes=about, return_tensors="pt").pixel_values
        told = model(pixels.to(model.device))
        for (result,) in prepare.post_process_pose_estimation(told, boxes=about):
            joints = zip(result["keypoints"].tolist(), result["scores"].tolist(), strict=True)
            found.append([(x, y, sure) for (x, y), sure in joints])
    return found


def sure_points(joints: Sequence[tuple[float, float, float]], least: float = SURE) -> list[Point]:
    """The joints that the model is sure of, None for the others."""
    return [(x, y) if sure >= least else None for x, y, sure in joints]


def is_figure(joints: Sequence[tuple[float, float, float]]) -> bool:
    """Whether the model saw anybody: it is sure of as many joints as make a figure in the studio."""
    return sum(point is not None for point in sure_points(joints)) >= FEWEST


def examine(model: Any, people: Sequence[Scene], empty: Sequence[Scene]) -> dict[str, float]:
    """PCK on scenes with a person, and how loud the model is about scenes without."""
    model.eval()
    prepare = processor()
    rendered: list[Rendering] = [render(scene) for scene in people]
    found = find(model, prepare, [made.picture for made in rendered])
    figures = {}
    for share in (0.05, 0.1):
        marks = [
            near_joints(sure_points(joints), [(x * SIZE, y * SIZE) for x, y in joints_of(scene)], share)
            for joints, scene in zip(found, people, strict=True)
        ]
        figures[f"pck@{share}"] = float(np.mean([mark for row in marks for mark in row]))
    figures["sure"] = float(np.mean([np.mean([joint[2] for joint in joints]) for joints in found]))
    nobody = find(model, prepare, [render(scene).picture for scene in empty])
    levels = [float(np.mean([joint[2] for joint in joints])) for joints in nobody]
    model.train()
    return figures | {"nobody_mean": float(np.mean(levels)), "nobody_most": max(levels)}
