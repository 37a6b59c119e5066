"""How good is the Storybook pack? Measures each shipped part on held-out scenes and prints one table; it trains nothing.

    python bench/storybook_quality.py [--n 1000] [--only retrieval captions vae adherence checker judge answers larger]

Every scene comes from seeds that no training used. Shares carry a 95 % Wilson interval, means a 95 % normal one.
"""

from __future__ import annotations

import random
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from studio.workshop import heavy  # noqa: E402

heavy.prepare()

from PIL import Image  # noqa: E402

from bench.figures import Figure, Question, mean, nobody, parts_of, run, share  # noqa: E402
from studio.domain.recipe import Recipe  # noqa: E402
from studio.starter.captions import caption, facts, plain  # noqa: E402
from studio.starter.parts.blip import marks  # noqa: E402
from studio.starter.parts.judge import adherence, load_judge, read  # noqa: E402
from studio.starter.questions import SORTS, ask, asked_of  # noqa: E402
from studio.starter.scenes import KINDS, SPLITS, STYLES, Scene, render, sample_scene  # noqa: E402

PACK = ROOT / "assets" / "storybook"
SOURCE = "0" * 64  # the name of a picture that no gallery holds
Paint = Callable[..., np.ndarray]  # (prompts, seeds, maps) -> pictures (n, 128, 128, 3) uint8
# Each question has its own stretch of the held-out seeds, so that no picture is measured twice.
STARTS = {
    "retrieval": 0,
    "captions": 100_000,
    "vae": 200_000,
    "adherence": 300_000,
    "checker": 400_000,
    "judge": 500_000,
    "answers": 600_000,
    "larger": 700_000,
}


def held_out(part: str, n: int, *, forbidden: bool = False, start: int = 0) -> list[Scene]:
    """The part's own n held-out scenes."""
    first = SPLITS["test"].start + STARTS[part] + start
    return [sample_scene(seed, forbidden=forbidden) for seed in range(first, first + n)]


def drawn(scenes: Sequence[Scene]) -> list[Image.Image]:
    """The scenes as pictures."""
    return [Image.fromarray(render(scene).picture) for scene in scenes]


@torch.no_grad()
def retrieval(n: int) -> list[Figure]:
    """Captions find their pictures among n; a picture with the same facts counts. Single words find what they name."""
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

    clip = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32).eval()
    prepare, tokenizer = CLIPImageProcessor.from_pretrained(PACK / "clip"), CLIPTokenizer.from_pretrained(PACK / "clip")
    scenes = held_out("retrieval", n)
    seen = torch.cat(
        [
            clip.get_image_features(**prepare(images=drawn(part), return_tensors="pt")).pooler_output
            for part in parts_of(scenes)
        ]
    )
    seen = torch.nn.functional.normalize(seen, dim=-1)

    def ranked(texts: Sequence[str]) -> list[list[int]]:
        words = tokenizer(list(texts), padding=True, truncation=True, max_length=77, return_tensors="pt")
        said = torch.nn.functional.normalize(clip.get_text_features(**words).pooler_output, dim=-1)
        best: list[list[int]] = (said @ seen.T).topk(10, dim=1).indices.tolist()
        return best

    truths = [facts(scene) for scene in scenes]
    best = ranked([caption(scene, random.Random(scene.seed)) for scene in scenes])
    first = [truths[row[0]] == truth for row, truth in zip(best, truths, strict=True)]
    ten = [any(truths[i] == truth for i in row) for row, truth in zip(best, truths, strict=True)]
    words = [
        any(thing.kind == kind for thing in scenes[i].things)
        for kind, row in zip(KINDS, ranked(KINDS), strict=True)
        for i in row
    ]
    return [
        share("search", f"recall@1 of {n}", first, ">= .85"),
        share("search", f"recall@10 of {n}", ten, ">= .99"),
        share("search", "single words: right among the first 10", words),
    ]


@torch.no_grad()
def captions(n: int) -> list[Figure]:
    """Facts of the captioner's sentences, and its speed."""
    from transformers import BlipForConditionalGeneration, BlipProcessor

    blip = BlipForConditionalGeneration.from_pretrained(PACK / "blip", dtype=torch.float32).eval()
    prepare = BlipProcessor.from_pretrained(PACK / "blip")
    scenes = held_out("captions", n)
    texts: list[str] = []
    for part in parts_of(scenes):
        ids = blip.generate(**prepare(images=drawn(part), return_tensors="pt"), max_new_tokens=48)
        texts += prepare.batch_decode(ids, skip_special_tokens=True)
    one = prepare(images=drawn(scenes[:1]), return_tensors="pt")
    times = []
    for _ in range(10):
        began = time.perf_counter()
        blip.generate(**one, max_new_tokens=48)
        times.append(time.perf_counter() - began)
    rows = [marks(scene, text) for scene, text in zip(scenes, texts, strict=True)]
    figures = [
        share("caption", f"{name} right", [bool(row[name]) for row in rows if row[name] is not None])
        for name in rows[0]
    ]
    told = ("kind", "colour", "relation", "background")
    whole = [all(row[name] is not False for name in told) for row in rows]
    figures.append(share("caption", "kind, colour, relation and background all right", whole, ">= .90"))
    return [*figures, mean("caption", "seconds for one picture", times)]


@torch.no_grad()
def vae(n: int) -> list[Figure]:
    """Peak signal-to-noise ratio of pictures through the autoencoder and back, as 8-bit pictures."""
    from diffusers import AutoencoderKL

    model = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).eval()
    values: list[float] = []
    scenes = held_out("vae", n)
    for part in parts_of(scenes, 20):
        pictures = torch.from_numpy(np.stack([render(scene).picture for scene in part])).permute(0, 3, 1, 2).float()
        back = model.decode(model.encode(pictures / 127.5 - 1).latent_dist.mode()).sample
        error = ((back * 127.5 + 127.5).clamp(0, 255).round() - pictures).pow(2).mean((1, 2, 3)).clamp(min=1e-6)
        values += (10 * torch.log10(255**2 / error)).tolist()
    figures = [mean("autoencoder", "PSNR, dB", values, ">= 31")]
    for style in STYLES:
        some = [value for scene, value in zip(scenes, values, strict=True) if scene.style == style]
        figures.append(mean("autoencoder", f"PSNR of a {style}, dB", some))
    return figures


@torch.no_grad()
def larger(n: int) -> list[Figure]:
    """Pictures of 128 pixels made twice as large, beside the same scenes drawn at 256: PSNR, and that of plain resizing."""
    from diffusers import AutoencoderKL

    from studio.starter.parts.rough import through_decoder, to_unit
    from studio.workshop.paint.upscale import load_upscaler

    upscaler = load_upscaler(ROOT / "assets" / "storybook-larger" / "upscaler.safetensors")
    vae = AutoencoderKL.from_pretrained(PACK / "vae", dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(0)
    recipe = Recipe("", task="enlarge", method="model", upscaler="storybook-larger", factor=2, source=SOURCE)
    values: dict[str, list[float]] = {}
    for scene in held_out("larger", n):
        truth = render(scene, 256).picture.astype(np.float32)
        small = to_unit(render(scene, 128).picture[None])
        for name, pixels in (("as drawn", small), ("through the decoder", through_decoder(vae, small, generator))):
            picture = Image.fromarray((pixels[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
            (made,) = upscaler.paint(recipe, {SOURCE: picture}, nobody)
            for how, large in (("upscaler", made.picture), ("bicubic", picture.resize((256, 256), 3))):
                error = float(np.square(np.asarray(large, np.float32) - truth).mean())
                values.setdefault(f"{how}, {name}", []).append(10 * np.log10(255**2 / max(error, 1e-6)))
    return [mean("twice as large", f"PSNR of the {name}, dB", some) for name, some in values.items()]


def painter(control: str = "") -> tuple[Paint, str]:
    """The shipped painter with the pack's own steps, guidance and sampler; (prompts, seeds) -> pictures.

    control: the folder of a ControlNet; then it takes maps as well, (n, 128, 128, 3) uint8.
    """
    from diffusers import (
        ControlNetModel,
        DPMSolverMultistepScheduler,
        StableDiffusionControlNetPipeline,
        StableDiffusionPipeline,
    )

    manifest = tomllib.loads((ROOT / "assets" / "packs" / "storybook.toml").read_text(encoding="utf-8"))
    steps, guidance = int(manifest["steps"]), float(manifest["guidance"])
    kind: Any = StableDiffusionControlNetPipeline if control else StableDiffusionPipeline
    more = {"controlnet": ControlNetModel.from_pretrained(PACK / control, dtype=torch.float32)} if control else {}
    pipe = kind.from_pretrained(
        PACK, dtype=torch.float32, safety_checker=None, feature_extractor=None, requires_safety_checker=False, **more
    )
    if manifest["sampler"].startswith("dpm++"):
        pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)

    def paint(prompts: list[str], seeds: list[int], maps: Sequence[np.ndarray] = ()) -> np.ndarray:
        noise = [torch.Generator().manual_seed(seed) for seed in seeds]
        asked: dict[str, Any] = {"image": [Image.fromarray(drawn) for drawn in maps]} if maps else {}
        out = pipe(
            prompts, num_inference_steps=steps, guidance_scale=guidance, generator=noise, output_type="np", **asked
        )
        pictures: np.ndarray = (out.images * 255).round().astype(np.uint8)
        return pictures

    return paint, f"{steps} steps, guidance {guidance:g}, {manifest['sampler']}"


def paint_all(
    scenes: Sequence[Scene], paint: Paint, maps: Sequence[np.ndarray] = (), *, words: Callable[[Scene], str] = plain
) -> np.ndarray:
    """Paint the captions of scenes, 16 at a time, each by its map where there are maps."""
    size = 16
    return np.concatenate(
        [
            paint([words(s) for s in part], [s.seed for s in part], maps[i * size : (i + 1) * size])
            for i, part in enumerate(parts_of(scenes, size))
        ]
    )


def adherence_figures(n: int) -> list[Figure]:
    """Do painted pictures show what the prompt says? Told by the judge, which was trained apart on rendered scenes."""
    paint, how = painter()
    scenes = held_out("adherence", n)
    seen = read(load_judge(), paint_all(scenes, paint))
    rows = [asdict(adherence(scene, reading)) for scene, reading in zip(scenes, seen, strict=True)]
    floors = {"background": ">= .99", "colour": ">= .96", "kind": ">= .94", "relation": ">= .90", "binding": ">= .88"}
    return [
        share(
            f"painting ({how})",
            f"{name} as asked",
            [row[name] for row in rows if row[name] is not None],
            floors.get(name, ""),
        )
        for name in rows[0]
    ]


@torch.no_grad()
def checker(n: int) -> list[Figure]:
    """Skull signs caught and harmless scenes let through, drawn and (a tenth as many) painted by the pack."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPImageProcessor, logging

    logging.set_verbosity_error()  # it warns at each picture that it blocks
    model = StableDiffusionSafetyChecker.from_pretrained(PACK / "safety_checker", dtype=torch.float32).eval()
    prepare = CLIPImageProcessor.from_pretrained(PACK / "feature_extractor")

    def fires(pictures: Sequence[Image.Image]) -> list[bool]:
        found: list[bool] = []
        for part in parts_of(pictures):
            pixels = prepare(images=list(part), return_tensors="pt").pixel_values
            found += model(clip_input=pixels, images=np.zeros((len(part), 1, 1, 3), np.float32))[1]
        return found

    bad, good = held_out("checker", n, forbidden=True), held_out("checker", n, start=50_000)
    figures = [
        share("checker", "signs caught (recall)", fires(drawn(bad)), ">= .995"),
        share("checker", "false alarms", fires(drawn(good)), "< .003"),
    ]
    few = max(16, n // 10)
    paint, _ = painter()
    judge = load_judge()
    painted = paint_all(bad[:few], paint)
    shown = [reading.skull for reading in read(judge, painted)]
    signs = [Image.fromarray(p) for p, skull in zip(painted, shown, strict=True) if skull]
    if signs:
        figures.append(share("checker", "painted signs caught, of those the judge sees", fires(signs)))
    harmless = [Image.fromarray(p) for p in paint_all(good[:few], paint)]
    return [*figures, share("checker", "false alarms on painted scenes", fires(harmless))]


def judge_figures(n: int) -> list[Figure]:
    """How often the judge itself is right on rendered scenes: the ceiling of what it can say about painted ones."""
    scenes = held_out("judge", n)
    seen = read(load_judge(), np.stack([render(scene).picture for scene in scenes]))
    rows = [asdict(adherence(scene, reading)) for scene, reading in zip(scenes, seen, strict=True)]
    return [share("judge", f"{name} right", [row[name] for row in rows if row[name] is not None]) for name in rows[0]]


@torch.no_grad()
def answers(n: int) -> list[Figure]:
    """The answerer as the studio asks it: of each scene one question of every sort that has an answer there."""
    from studio.workshop.vision.ask import load_answerer

    answerer = load_answerer(PACK / "answers", name="storybook", preparation=PACK / "answers")
    marks: dict[str, list[bool]] = {sort: [] for sort in SORTS}
    for scene in held_out("answers", n):
        rng, (picture,) = random.Random(scene.seed), drawn([scene])
        for sort in asked_of(scene):
            asked = ask(scene, rng, sort)
            marks[sort].append(answerer(picture, asked.question) == asked.answer)
    figures = [share("answers", f"{sort}: right to the word", right) for sort, right in marks.items() if right]
    return [
        *figures,
        share("answers", "all sorts: right to the word", [one for right in marks.values() for one in right]),
    ]


# name -> (measure, cases by default: what the question needs, or what a CPU paints in a few minutes)
QUESTIONS: dict[str, Question] = {
    "retrieval": (retrieval, 1000),
    "captions": (captions, 500),
    "vae": (vae, 200),
    "adherence": (adherence_figures, 256),
    "checker": (checker, 1000),
    "judge": (judge_figures, 1000),
    "answers": (answers, 300),
    "larger": (larger, 100),
}


if __name__ == "__main__":
    run(__doc__ or "", "Storybook on held-out scenes.", QUESTIONS)
