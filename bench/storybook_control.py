"""Does Storybook paint what its control maps ask for? Measures the guiding parts on held-out scenes; it trains nothing.

    python bench/storybook_control.py [--n 96] [--only pose depth canny joints depths masks] [--out FILE]

Each picture is painted with and without its map, from the same prompt and the same seed. What is measured is never the
ControlNet's own opinion: joints by the pose model, colours along the limbs, depth by the depth model, edges by Canny. The
last three questions measure those models themselves on rendered scenes, as drawn and through the painter's decoder.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from studio.workshop import heavy  # noqa: E402

heavy.prepare()

from PIL import Image  # noqa: E402

from bench.figures import Figure, Question, mean, run, share  # noqa: E402
from bench.storybook_quality import PACK, paint_all, painter  # noqa: E402
from studio.measure.metrics import depth_errors, edge_f1, iou, near_joints, spearman  # noqa: E402
from studio.starter.captions import PLACES, plain  # noqa: E402
from studio.starter.parts import depth as depths_part  # noqa: E402
from studio.starter.parts import pose as pose_part  # noqa: E402
from studio.starter.parts import segment as segment_part  # noqa: E402
from studio.starter.parts.rough import Sight, through_decoder, to_unit  # noqa: E402
from studio.starter.scenes import SPLITS, Scene, render, sample_scene  # noqa: E402
from studio.starter.shapes import PALETTE  # noqa: E402
from studio.workshop.annotate.drawing import canny, draw_pose, grey  # noqa: E402

SIZE = 128
START = {"pose": 600_000, "depth": 620_000, "canny": 640_000, "joints": 660_000, "depths": 680_000, "masks": 700_000}
LIKE = 80.0  # two colours nearer than this, in RGB, pass for the same: half of the way between the nearest two of the palette
# What each limb wears: pairs of joints, shoulder to wrist and hip to ankle
ARMS, LEGS = ((2, 3), (3, 4), (5, 6), (6, 7)), ((8, 9), (9, 10), (11, 12), (12, 13))


def held_out(name: str, n: int, *, person: bool | None = None) -> list[Scene]:
    """The question's own n held-out scenes; with `person`, only those that do or do not hold one."""
    found: list[Scene] = []
    seed = SPLITS["test"].start + START[name]
    while len(found) < n:
        scene = sample_scene(seed)
        seed += 1
        if person is None or (scene.person is not None) == person:
            found.append(scene)
    return found


def open_pose() -> tuple[Any, Any]:
    """The shipped pose model and its processor."""
    from transformers import VitPoseForPoseEstimation, VitPoseImageProcessor

    folder = PACK / "pose"
    model = VitPoseForPoseEstimation.from_pretrained(folder, dtype=torch.float32).eval()
    return model, VitPoseImageProcessor.from_pretrained(folder)


def open_depth() -> tuple[Any, Any]:
    """The shipped depth model and its processor."""
    from transformers import DPTForDepthEstimation, DPTImageProcessor

    folder = PACK / "depth"
    return DPTForDepthEstimation.from_pretrained(folder, dtype=torch.float32).eval(), DPTImageProcessor.from_pretrained(
        folder
    )


def compared(part: str, what: str, *, on: Sequence[float], off: Sequence[float], floor: float) -> list[Figure]:
    """With the map, without it, and the difference picture by picture."""
    return [
        mean(part, f"{what}, with the map", on, f">= {floor:.2f}"),
        mean(part, f"{what}, without it", off),
        mean(part, f"{what}, difference", [a - b for a, b in zip(on, off, strict=True)], ">= 0.25"),
    ]


def placeless(scene: Scene) -> str:
    """The plain caption without its place, which a depth map shows by itself."""
    return plain(scene).replace(PLACES[scene.background][0], "").strip()


def both(
    scenes: Sequence[Scene], folder: str, maps: Sequence[np.ndarray], words: Callable[[Scene], str] = plain
) -> tuple[np.ndarray, np.ndarray, str]:
    """The scenes' prompts painted with their maps and without, from the same seeds."""
    guided, how = painter(folder)
    free, _ = painter()
    return paint_all(scenes, guided, maps, words=words), paint_all(scenes, free, words=words), how


def joint_shares(found: Sequence[Any], scenes: Sequence[Scene], reach: float) -> list[float]:
    """For each picture the share of its scene's joints that were found near their place."""
    return [
        float(
            np.mean(
                near_joints(
                    pose_part.sure_points(joints),
                    [(x * SIZE, y * SIZE) for x, y in pose_part.joints_of(scene)],
                    reach,
                )
            )
        )
        for joints, scene in zip(found, scenes, strict=True)
    ]


def dressed(picture: np.ndarray, scene: Scene) -> float:
    """The share of the limbs drawn that shows the shirt's or the trousers' colour, 0..1; hands and feet left out."""
    assert scene.person is not None
    joints = np.array(pose_part.joints_of(scene)) * SIZE
    right = []
    for pairs, colour in ((ARMS, scene.person.shirt), (LEGS, scene.person.trousers)):
        for a, b in pairs:
            steps = np.linspace(0, 0.75, 8)[:, None]  # the last quarter of a forearm is the hand
            x, y = (joints[a] + steps * (joints[b] - joints[a])).round().astype(int).clip(0, SIZE - 1).T
            gap = np.linalg.norm(picture[y, x].astype(float) - PALETTE[colour], axis=1)
            right += (gap < LIKE).tolist()
    return float(np.mean(right))


def pose(n: int) -> list[Figure]:
    """Figures stand where their skeletons do: joints, and colours along the limbs."""
    scenes = held_out("pose", n, person=True)
    maps = [draw_pose([pose_part.joints_of(scene)], SIZE, SIZE) for scene in scenes]
    on, off, how = both(scenes, "controlnet_pose", maps)
    model, prepare = open_pose()
    shares = [joint_shares(pose_part.find(model, prepare, list(painted)), scenes, 0.1) for painted in (on, off)]
    worn = [[dressed(picture, scene) for picture, scene in zip(p, scenes, strict=True)] for p in (on, off)]
    ceiling = [dressed(render(scene).picture, scene) for scene in scenes]
    part = f"pose ({how})"
    return [
        *compared(part, "PCK@0.1", on=shares[0], off=shares[1], floor=0.85),
        mean(part, "limbs in the asked colours, with the map", worn[0]),
        mean(part, "limbs in the asked colours, without it", worn[1]),
        mean(part, "limbs in the asked colours, as rendered", ceiling),
    ]


def depth(n: int) -> list[Figure]:
    """Near and far lie where the map says."""
    scenes = held_out("depth", n)
    maps = [grey(render(scene).depth) for scene in scenes]
    painted = {
        what: both(scenes, "controlnet_depth", maps, words)
        for what, words in (
            ("whole captions", plain),
            ("captions without the place", placeless),
            ("no words", lambda _: ""),
        )
    }
    model, prepare = open_depth()

    def ranks(pictures: Sequence[np.ndarray]) -> list[float]:
        # Maps against maps: in 256 greys a sky is one far distance, and not the order of its rounding errors.
        found = depths_part.estimate(model, prepare, pictures)
        return [spearman(grey(a)[..., 0], b[..., 0]) for a, b in zip(found, maps, strict=True)]

    figures = []
    for what, (on, off, how) in painted.items():
        name = f"depth ({how}), {what}"
        figures += compared(name, "rank correlation", on=ranks(list(on)), off=ranks(list(off)), floor=0.8)
    # How much there is to win: what the judge itself can see, and how alike two scenes are anyway (sky above, ground below)
    best = ranks([render(scene).picture for scene in scenes])
    chance = [spearman(a[..., 0], b[..., 0]) for a, b in zip(maps, [*maps[1:], maps[0]], strict=True)]
    return [
        *figures,
        mean("depth", "rank correlation of the rendered scenes themselves, by the depth model", best),
        mean("depth", "rank correlation of two scenes' maps", chance),
    ]


def edges(n: int) -> list[Figure]:
    """Outlines run where the map draws them."""
    scenes = held_out("canny", n)
    asked = [canny(Image.fromarray(render(scene).picture)) for scene in scenes]
    on, off, how = both(scenes, "controlnet_canny", asked)
    scores = [
        [
            edge_f1(canny(Image.fromarray(p))[..., 0] > 0, drawn[..., 0] > 0, 2)
            for p, drawn in zip(painted, asked, strict=True)
        ]
        for painted in (on, off)
    ]
    return compared(f"edges ({how})", "edge F1 within 2 pixels", on=scores[0], off=scores[1], floor=0.65)


def views(scenes: Sequence[Scene]) -> dict[str, list[np.ndarray]]:
    """The scenes as drawn, and through the painter's decoder with noise on the latents."""
    from diffusers import AutoencoderKL

    drawn = [render(scene).picture for scene in scenes]
    vae: Any = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(77)
    decoded: list[np.ndarray] = []
    for start in range(0, len(drawn), 40):
        out = through_decoder(vae, to_unit(np.stack(drawn[start : start + 40])), generator)
        decoded += list((out * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    return {"as drawn": drawn, "through the decoder": decoded}


def pairs(model: Any, prepare: Any, scenes: Sequence[Scene]) -> list[float]:
    """The share of joints found of two figures side by side, picture by picture; the boxes are the joints' own, a bit wider."""
    rng = np.random.default_rng(5)
    seen = [Sight(scene, made.picture, made) for scene in scenes for made in (render(scene),)]
    shares = []
    for first, second in zip(seen[::2], seen[1::2], strict=False):
        made = pose_part.beside(first, second, rng)
        if made is None:
            continue
        asked = [np.array(figure) * SIZE for figure in (pose_part.joints_of(first.scene), made[1])]
        boxes = [[*(a.min(0) - 6), *(np.ptp(a, axis=0) + 12)] for a in asked]
        found = pose_part.find(model, prepare, [made[0].picture] * 2, boxes)
        marks = [
            near_joints(pose_part.sure_points(joints), [(float(x), float(y)) for x, y in a], 0.1)
            for joints, a in zip(found, asked, strict=True)
        ]
        shares.append(float(np.mean(marks)))
    return shares


def joints(n: int) -> list[Figure]:
    """The pose model alone: joints of persons, and silence about scenes without one."""
    model, prepare = open_pose()
    people, nobody = held_out("joints", n, person=True), held_out("joints", n, person=False)
    figures = []
    for name, pictures in views(people).items():
        found = pose_part.find(model, prepare, pictures)
        for reach in (0.05, 0.1):
            figures.append(mean("pose model", f"PCK@{reach:g} {name}", joint_shares(found, people, reach)))
        figures.append(share("pose model", f"person found {name}", [pose_part.is_figure(one) for one in found]))
    figures.append(mean("pose model", "PCK@0.1 of two figures, a box about each", pairs(model, prepare, people)))
    for name, pictures in views(nobody).items():
        alarms = [pose_part.is_figure(one) for one in pose_part.find(model, prepare, pictures)]
        figures.append(share("pose model", f"figure seen where there is none, {name}", alarms))
    return figures


def depths(n: int) -> list[Figure]:
    """The depth model alone."""
    model, prepare = open_depth()
    scenes = held_out("depths", n)
    truth = [render(scene).depth for scene in scenes]
    figures = []
    for name, pictures in views(scenes).items():
        found = depths_part.estimate(model, prepare, pictures)
        rows = [depth_errors(a, b) for a, b in zip(found, truth, strict=True)]
        figures += [
            mean("depth model", f"absolute error {name}", [error for error, _ in rows]),
            mean("depth model", f"delta 1 {name}", [near for _, near in rows if not np.isnan(near)]),
            mean(
                "depth model", f"rank correlation {name}", [spearman(a, b) for a, b in zip(found, truth, strict=True)]
            ),
        ]
    return figures


def masks(n: int) -> list[Figure]:
    """Masks by words: overlap with what the words name, and no mask for what is not there."""
    from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

    model = CLIPSegForImageSegmentation.from_pretrained(PACK / "clipseg", dtype=torch.float32).eval()
    prepare = CLIPSegProcessor.from_pretrained(PACK / "clipseg")
    scenes = held_out("masks", n)
    kinds: dict[str, Callable[[Sight, random.Random], segment_part.Question]] = {
        "a thing": segment_part.thing_question,
        "the person": segment_part.person_question,
        "clothes": segment_part.clothes_question,
    }
    figures = []
    for name, pictures in views(scenes).items():
        seen = [Sight(s, p, render(s)) for s, p in zip(scenes, pictures, strict=True)]
        absent: list[bool] = []
        for kind, ask in kinds.items():
            rng = random.Random(9)
            asked = [ask(sight, rng) for sight in seen]
            told = segment_part.segment(model, prepare, pictures, [question.words for question in asked]) > 0.5
            pairs = list(zip(told, asked, strict=True))
            overlaps = [iou(mask, question.mask) for mask, question in pairs if question.mask.any()]
            figures.append(mean("masks by words", f"IoU of {kind} {name}", overlaps))
            absent += [bool(mask.mean() < segment_part.NOTHING) for mask, question in pairs if not question.mask.any()]
        figures.append(share("masks by words", f"no mask for what is not there, {name}", absent))
    return figures


QUESTIONS: dict[str, Question] = {
    "pose": (pose, 96),
    "depth": (depth, 96),
    "canny": (edges, 96),
    "joints": (joints, 300),
    "depths": (depths, 300),
    "masks": (masks, 200),
}


if __name__ == "__main__":
    run(__doc__ or "", "Storybook's control maps on held-out scenes.", QUESTIONS)
