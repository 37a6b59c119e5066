"""How many planted copies are found among pictures of the picture book, and how many pairs are wrong; JSON lines out.

python bench/duplicates.py --scenes 600 --planted 60     a copy of each kind is made of each of the first 60 scenes
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from studio.gallery.likeness import appearance, copies, pairing
from studio.starter.scenes import TEST_SEEDS, render, sample_scene

SIDE, THUMB, AT_ONCE = 256, 192, 256


def smaller(picture: Image.Image, share: float) -> Image.Image:
    side = round(picture.width * share)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def recompressed(picture: Image.Image, quality: int, form: str) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = picture.size
    return picture.crop(
        (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    )


KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": lambda one: smaller(one, 0.5),
    "a quarter of the size": lambda one: smaller(one, 0.25),
    "JPEG, quality 30": lambda one: recompressed(one, 30, "JPEG"),
    "WebP, quality 50": lambda one: recompressed(one, 50, "WEBP"),
    "4 % cut off each side": lambda one: cropped(one, 0.04, 0.04, 0.04, 0.04),
    "8 % cut off each side": lambda one: cropped(one, 0.08, 0.08, 0.08, 0.08),
    "15 % cut off one side": lambda one: cropped(one, 0.15, 0, 0, 0),
    "cropped, half size, JPEG": lambda one: recompressed(
        smaller(cropped(one, 0.04, 0.04, 0.04, 0.04), 0.5), 50, "JPEG"
    ),
    "a tenth brighter": lambda one: one.point([min(255, round(value * 1.1)) for value in range(256)] * 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=600)
    parser.add_argument("--planted", type=int, default=60)
    options = parser.parse_args()
    pictures = [
        Image.fromarray(render(sample_scene(TEST_SEEDS[0] + seed), SIDE).picture) for seed in range(options.scenes)
    ]
    own = list(range(options.scenes))  # the scene that each picture shows
    kind = [""] * options.scenes
    for name, change in KINDS.items():
        for scene in range(options.planted):
            pictures.append(change(pictures[scene]))
            own.append(scene)
            kind.append(name)
    seen, sights = [], []
    for picture in pictures:
        thumb = picture.copy()
        thumb.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
        seen.append(appearance.read(appearance.of(picture).data))
        sights.append(copies.sight(thumb))
    hashes = np.array([hash for hash, _ in seen if hash is not None], dtype=np.uint64)  # type: ignore[misc]
    began = time.process_time()
    pairs = pairing.pairs(np.arange(len(pictures)), hashes, np.stack([vector for _, vector in seen]))  # type: ignore[misc]
    paired = time.process_time() - began
    linked, wrong = [], []
    began = time.process_time()
    for start in range(0, len(pairs), AT_ONCE):
        part = pairs[start : start + AT_ONCE]
        told = copies.compare_all([(sights[one], sights[other]) for one, other in part])
        for (one, other), agreement in zip(part, told, strict=True):
            if agreement.copies:
                (linked if own[one] == own[other] else wrong).append((one, other))
    compared = time.process_time() - began
    from studio.gallery.likeness.duplicates import components

    group = {id: number for number, ids in enumerate(components(linked)) for id in ids}
    for name in KINDS:
        planted = [place for place, one in enumerate(kind) if one == name]
        found = sum(place in group and group[place] == group.get(own[place]) for place in planted)
        print(
            json.dumps(
                {"copy": name, "planted": len(planted), "found": found, "recall": round(found / len(planted), 3)}
            )
        )
    print(
        json.dumps(
            {
                "pictures": len(pictures), "pairs": len(pairs), "right": len(linked), "wrong": len(wrong),
                "precision": round(len(linked) / max(1, len(linked) + len(wrong)), 4),
                "pairing_cpu_s": round(paired, 2), "compared_per_cpu_s": round(len(pairs) / max(compared, 1e-9)),
            }
        )
    )  # fmt: skip
    for one, other in wrong[:20]:
        print(json.dumps({"wrong": [own[one], own[other]], "copies": [kind[one], kind[other]]}))


if __name__ == "__main__":
    main()
