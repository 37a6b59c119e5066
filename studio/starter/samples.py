"""Draws the small example picture of each kind of control map, from one Storybook scene; it loads no model.

`python -m studio.starter.samples` writes `assets/samples/controls/<kind>.webp`. Regions need a pack and have none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from studio.domain.control import parameters_of
from studio.places import ASSETS
from studio.starter.scenes import render, sample_scene
from studio.workshop.annotate.annotators import PLAIN
from studio.workshop.annotate.drawing import draw_pose, grey

FOLDER = ASSETS / "samples" / "controls"
SIZE = 128  # pixels
SEED = 7_001


def draw_samples(folder: Path = FOLDER) -> None:
    """Write one picture for each kind that needs no model, and for pose and depth from the scene's own truth."""
    seed = next(
        seed for seed in range(SEED, SEED + 100) if len(sample_scene(seed).things) == 1 and sample_scene(seed).person
    )
    scene = sample_scene(seed)
    assert scene.person is not None
    made = render(scene, SIZE)
    picture = Image.fromarray(made.picture)
    maps: dict[str, np.ndarray] = {
        kind: np.asarray(draw(picture, parameters_of(kind, {}))) for kind, draw in PLAIN.items()
    }
    maps["pose"] = draw_pose([tuple((x, y) for x, y, _ in scene.person.keypoints)], SIZE, SIZE)
    maps["depth"] = grey(made.depth)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, drawn in maps.items():
        Image.fromarray(drawn).save(folder / f"{kind}.webp", quality=85, method=6)


if __name__ == "__main__":
    draw_samples()
