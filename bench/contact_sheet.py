"""Paints 64 prompts with the shipped pack and lays them out on one sheet, docs/storybook.webp, each over its words.

    python bench/contact_sheet.py [--out FILE] [--first N]

Through the studio's own painter with the pack's steps, guidance and sampler, one picture a prompt and no choosing: the seed of
a prompt is its place in the list. Every picture goes through the gate; what it refuses stays an empty place.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageDraw  # noqa: E402

from studio.workshop import heavy  # noqa: E402

heavy.prepare()

from bench.storybook_modes import shelf  # noqa: E402
from studio.domain.recipe import Recipe  # noqa: E402
from studio.domain.verdict import Cleared  # noqa: E402
from studio.gallery.leaving.lettering import INK, PAPER, QUIET, WASH, broken, paste, typeface, write  # noqa: E402
from studio.packs.manifest import Manifest  # noqa: E402
from studio.workshop.models import Models  # noqa: E402

OUT = ROOT / "docs" / "storybook.webp"
MOST = 600_000  # bytes
ACROSS, SIDE, GAP, MARGIN, HEAD = 8, 192, 18, 36, 76  # pixels
WORDS, LINE, LINES = 17, 20, 4  # of a caption: its size and its lines
PROMPTS = (
    # every kind, in every colour, in every place
    "a large red ball on a beach", "a small blue box in the snow", "a large yellow star at night",
    "a small pink heart at sunset", "a large orange house in a meadow", "a large green tree on a sunny day",
    "a large white boat at sea", "a small orange fish at sea",
    "a large yellow flower in a meadow", "a large red mushroom in the snow", "a small purple umbrella on a beach",
    "a large blue car in a desert", "a large brown cat on a sunny day", "a small pink bird at sunset",
    "a large green apple in the snow", "a large red rocket at night",
    # one above, beside or below another
    "a large red star above a small blue house at night", "a small white bird above a large green tree on a sunny day",
    "a small orange fish left of a large pink umbrella on a beach",
    "a large purple box right of a small yellow ball in a desert",
    "a small red heart below a large white boat at sunset", "a large orange cat left of a small blue car in a meadow",
    "a small green apple right of a large brown mushroom in the snow",
    "a small yellow flower below a large purple rocket at night",
    # people
    "a person in a red shirt and blue trousers in a meadow",
    "a girl with blond hair in a pink shirt and white trousers at sunset",
    "a man with black hair and dark skin wearing a yellow shirt and brown trousers on a beach",
    "a child with red hair in a green shirt and purple trousers in the snow",
    "a person in a red shirt and blue trousers next to a large green tree in the snow",
    "a woman in a white shirt and orange trousers beside a small red car in a desert",
    "a boy in a blue shirt and brown trousers with a large yellow star at night",
    "a figure in a purple shirt and green trousers near a large pink umbrella by the sea",
    # how many
    "two red balls on a beach", "three small blue stars at night", "two green apples in a meadow", "three pink birds at sunset",
    "three white boats at sea", "two orange cats in the snow", "three yellow flowers on a sunny day",
    "two purple hearts in a desert",
    # how it is drawn
    "a pencil sketch of a large orange cat on a beach", "pixel art of a large red rocket at night",
    "a pencil sketch of a large green tree in a meadow", "pixel art of a large blue house in the snow",
    "a pencil sketch of a person in a red shirt and blue trousers at sea", "pixel art of two yellow stars at sunset",
    "a large brown mushroom in a desert, pencil drawing", "a small white bird on a sunny day, pixel art",
    # as people type
    "a red star", "blue house", "night", "at the beach", "a cat", "a person", "three birds", "sun at sunset",
    "tiny purple fish, ocean", "big car, desert", "a green box above a ball", "AN ORANGE APPLE IN WINTER",
    "pixel art", "a rocket in the dark", "a toadstool and a bird in the grass", "a child with a parasol by the sea",
)  # fmt: skip


def painted(prompts: Sequence[str], models: Models, manifest: Manifest) -> list[Cleared | None]:
    """A picture of each prompt with the pack's own settings that the gate let through; None where it did not."""
    painter, gate = models.painter(manifest.id), models.gate(manifest.id, caution=0.0)
    if gate.ready():
        raise SystemExit(gate.ready())
    width, height = manifest.size
    made: list[Cleared | None] = []
    for seed, prompt in enumerate(prompts):
        recipe = Recipe(
            prompt=prompt, width=width, height=height, steps=manifest.steps, guidance=manifest.guidance,
            sampler=manifest.sampler, seed=seed, pack=manifest.id,
        )  # fmt: skip
        gate.prompt(recipe)
        (one,) = painter.paint(recipe, {}, lambda *_: None)
        (decided,) = gate.pictures([one.picture])
        made.append(decided if isinstance(decided, Cleared) else None)
        print(f"{seed + 1} of {len(prompts)}  {prompt}{'' if made[-1] else '  (refused)'}", file=sys.stderr, flush=True)
    return made


def composed(prompts: Sequence[str], pictures: Sequence[Cleared | None], title: str, facts: str) -> Image.Image:
    """The sheet: a title, and the pictures in rows with their prompts below; a row is as high as its longest prompt."""
    font = typeface(WORDS)
    lines = [min(LINES, len(broken(prompt, font, SIDE))) for prompt in prompts]
    tops = [MARGIN + HEAD]
    for start in range(0, len(prompts), ACROSS):
        tops.append(tops[-1] + SIDE + 8 + LINE * max(lines[start : start + ACROSS]) + GAP)
    size = (2 * MARGIN + ACROSS * (SIDE + GAP) - GAP, tops[-1] - GAP + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    write(draw, title, (MARGIN, MARGIN - 8), size[0] - 2 * MARGIN, lines=1, font=typeface(30), ink=INK)
    write(draw, facts, (MARGIN, MARGIN + 34), size[0] - 2 * MARGIN, lines=1, font=typeface(18), ink=QUIET)
    for number, (prompt, cleared) in enumerate(zip(prompts, pictures, strict=True)):
        left, top = MARGIN + number % ACROSS * (SIDE + GAP), tops[number // ACROSS]
        if cleared is None:
            draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), fill=WASH)
        else:
            paste(sheet, cleared.picture, (left, top), (SIDE, SIDE))
        write(draw, prompt, (left, top + SIDE + 6), SIDE, lines=LINES, font=font, ink=INK, line=LINE)
    return sheet


def encoded(sheet: Image.Image, most: int = MOST) -> bytes:
    """The sheet as WebP, as good as fits into so many bytes."""
    for quality in (92, 88, 84, 80, 75, 70, 60, 50):
        held = io.BytesIO()
        sheet.save(held, "WEBP", quality=quality, method=6)
        if held.tell() <= most:
            return held.getvalue()
    raise SystemExit(f"The sheet does not fit into {most} bytes.")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--first", type=int, default=len(PROMPTS), help="only so many prompts, for a look")
    options = parser.parse_args(arguments)
    models = Models(shelf())
    manifest = models.shelf.get("storybook").manifest
    prompts = PROMPTS[: options.first]
    pictures = painted(prompts, models, manifest)
    facts = (
        f"{len(prompts)} prompts, one picture each, none chosen · seeds 0 to {len(prompts) - 1} · {manifest.steps} steps,"
        f" guidance {manifest.guidance:g}, {manifest.sampler} · {manifest.size[0]} by {manifest.size[1]} pixels, enlarged"
    )
    data = encoded(composed(prompts, pictures, f"{manifest.name}, the starter pack", facts))
    options.out.write_bytes(data)
    print(f"{options.out}: {len(data):,} bytes, {sum(one is None for one in pictures)} refused")


if __name__ == "__main__":
    main()
