"""Trains the picture half of Storybook's CLIP beside the frozen text half; it never changes a text state."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModel,
)

from studio.starter.captions import Saying, say, say_place
from studio.starter.loop import (
    PACK,
    WORKDIR,
    Optimisers,
    Plan,
    Progress,
    autocast,
    export_model,
    fit,
    pick_device,
    save_atomically,
)
from studio.starter.optimise import descend
from studio.starter.parts.eyes import (
    MEAN,
    PIXELS,
    PROJECTION,
    STD,
    WIDTH,
    Questions,
    choose,
    encode,
    look_around,
    prepare,
    prepare_rough,
    vision_config,
)
from studio.starter.parts.truth import Truth, agrees, saying_rows, scene_rows, seeded, truth_of
from studio.starter.scenes import CALIBRATION_SEEDS, TRAIN_SEEDS, Scene

BATCH = 64
SKULL_EVERY = 20  # one training scene in twenty shows the sign, so that the checker finds it in the same tower
# Less than half of the 144 patches teach nearly as much as all of them and take less than half the time; the end of the
# training sees all of them, as the shipped tower does.
FEW, FEW_SHARE = 64, 0.65
QUEUE = 1024  # pictures and captions of past steps, kept as further wrong answers
EYES = WORKDIR / "eyes" / "tower.pt"
PROJECTED = WORKDIR / "text" / "projected"  # where the text trainer leaves its projection


def train_eyes(minutes: float, *, rate: float = 1e-3, batch: int = BATCH) -> None:
    """Teach the tower to see, before any word: what each patch shows and every fact of the scene."""
    torch.manual_seed(11)
    generator = torch.Generator().manual_seed(11)
    tower, questions = CLIPVisionModel(vision_config()), Questions()
    look_around(tower, generator)
    device = pick_device()
    model = nn.ModuleDict({"tower": tower, "questions": questions}).to(device)
    optimiser = Optimisers(model, rate=rate, muon_rate=3 * rate, muon_for=".layers.")
    exam = truth_of(seeded(CALIBRATION_SEEDS, 0, 256, forbidden_every=SKULL_EVERY))

    def step(progress: Progress) -> Mapping[str, float]:
        truth = truth_of(seeded(TRAIN_SEEDS, progress.samples, batch, forbidden_every=SKULL_EVERY))
        generator.manual_seed(progress.step)
        pixels = prepare_rough(truth.pictures, generator)
        kept = choose(truth, FEW, generator).to(device)
        with autocast(device):
            states = encode(tower, pixels.to(device), kept)
            loss, figures = questions(states, tower.post_layernorm(states[:, 0]), truth.to(device), kept)
        descend(model, optimiser, loss)
        return {"loss": float(loss.detach()), **_known(figures)}

    def export() -> None:
        save_atomically({"tower": tower.state_dict(), "questions": questions.state_dict()}, EYES)

    plan = Plan("eyes", minutes, rate, batch, warmup=40, anneal=0.6, floor=0.05)
    parts = {"model": model}
    fit(
        plan, parts=parts, optimiser=optimiser, step=step, evaluate=lambda: _seen(tower, questions, exam), export=export
    )


def _known(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if not math.isnan(value)}


@torch.no_grad()
def _seen(tower: CLIPVisionModel, questions: Questions, truth: Truth) -> dict[str, float]:
    """How many facts the tower reads on scenes it was not trained on, all patches in."""
    device = tower.embeddings.class_embedding.device
    states = encode(tower, prepare(truth.pictures).to(device))
    loss, figures = questions(states, tower.post_layernorm(states[:, 0]), truth.to(device), None)
    return {"loss": float(loss), **_known(figures)}


def assemble() -> CLIPModel:
    """Put the shipped text half and an empty picture tower into one CLIPModel."""
    text = CLIPTextModel.from_pretrained(PACK / "text_encoder", dtype=torch.float32)
    config = CLIPConfig(
        text_config={**text.config.to_dict(), "projection_dim": PROJECTION},
        vision_config=vision_config().to_dict(),
        projection_dim=PROJECTION,
        logit_scale_init_value=2.6592,
    )
    clip = CLIPModel(config)
    clip.text_model.load_state_dict(text.state_dict())
    if (PROJECTED / "model.safetensors").exists():
        clip.text_projection.load_state_dict(
            CLIPTextModelWithProjection.from_pretrained(PROJECTED).text_projection.state_dict()
        )
    return clip


def short_saying(scene: Scene, rng: random.Random) -> Saying:
    """What somebody might type to find this scene: a place, one word, a few facts."""
    if rng.random() < 0.15:
        return say_place(scene, rng)
    return say(scene, rng, keep=rng.choice((0.0, 0.0, 0.3, 0.6)))


@torch.no_grad()
def pooled_words(clip: CLIPModel, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> torch.Tensor:
    """Return the frozen text half's pooled states, (n, width), before the projection."""
    batch = tokenizer(list(texts), padding="longest", truncation=True, max_length=77, return_tensors="pt")
    ids = batch.input_ids.to(clip.logit_scale.device)
    return clip.text_model(input_ids=ids).pooler_output


class Memory:
    """The last so many rows of some tensors, as further wrong answers for the contrast."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.rows: tuple[torch.Tensor, ...] = ()

    def add(self, *rows: torch.Tensor) -> None:
        old = self.rows or tuple(row[:0].detach() for row in rows)
        self.rows = tuple(torch.cat([a, b.detach()])[-self.room :] for a, b in zip(old, rows, strict=True))


def contrast(
    clip: CLIPModel,
    memory: Memory,
    *,
    pictures: torch.Tensor,
    full: torch.Tensor,
    short: torch.Tensor,
    shown: torch.Tensor,
    said: torch.Tensor,
) -> torch.Tensor:
    """Pull pictures to their captions, and every short saying to all pictures that it is true of.

    pictures (n, p) unit embeddings; full, short (n, width) pooled words; shown, said (n, 16) rows of the scenes and sayings.
    """
    scale = clip.logit_scale.exp().clamp(max=60)
    old_pictures, old_full, old_shown = memory.rows or (pictures[:0].detach(), full[:0], shown[:0])
    all_shown = torch.cat([shown, old_shown])
    all_pictures = torch.cat([pictures, old_pictures])
    captions = F.normalize(clip.text_projection(torch.cat([full, old_full])), dim=-1)
    asked = F.normalize(clip.text_projection(short), dim=-1)
    same = (shown[:, None] == all_shown[None]).all(-1)  # scenes with equal facts are equally right
    true = agrees(said, all_shown)
    loss = spread(pictures @ captions.T * scale, same)
    loss = loss + spread(captions[: len(pictures)] @ all_pictures.T * scale, same)
    return loss + spread(asked @ all_pictures.T * scale, true)


def spread(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against all right answers alike; logits and right (n, m)."""
    return -((logits.log_softmax(1) * right).sum(1) / right.sum(1).clamp(min=1)).mean()


def train_clip(minutes: float, *, from_shipped: bool, rate: float = 1e-3, batch: int = BATCH) -> None:
    """Teach the tower the words: it starts from `eyes` (or from the shipped tower) and learns all patches at once."""
    torch.manual_seed(12)
    generator = torch.Generator().manual_seed(12)
    tokenizer = CLIPTokenizer.from_pretrained(PACK / "tokenizer")
    questions = Questions()
    eyes = torch.load(EYES, weights_only=True) if EYES.exists() else None
    if from_shipped:
        clip = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32)
    elif eyes is None:
        raise FileNotFoundError("The picture tower cannot see yet; run: python -m studio.starter.train eyes")
    else:
        clip = assemble()
        clip.vision_model.load_state_dict(eyes["tower"])
        nn.init.normal_(clip.visual_projection.weight, std=WIDTH**-0.5)
    if eyes is not None:
        questions.load_state_dict(eyes["questions"])
    clip.text_model.requires_grad_(False)
    device = pick_device()
    model = nn.ModuleDict({"clip": clip, "questions": questions}).to(device)
    optimiser = Optimisers(model, rate=rate, muon_rate=3 * rate, muon_for=".layers.")
    exam = seeded(CALIBRATION_SEEDS, 0, 400)
    memory = Memory(QUEUE)

    def step(progress: Progress) -> Mapping[str, float]:
        start = 5_000_000 + progress.samples  # not the pictures that the eyes saw
        drawn = seeded(TRAIN_SEEDS, start, batch, forbidden_every=SKULL_EVERY)
        rng = random.Random(start)
        generator.manual_seed(progress.step)
        truth = truth_of(drawn)
        early = progress.seconds < minutes * 60 * FEW_SHARE
        kept = choose(truth, FEW, generator).to(device) if early else None
        pixels = prepare_rough(truth.pictures, generator).to(device)
        sayings = [short_saying(scene, rng) for scene in drawn]
        words = pooled_words(clip, tokenizer, [say(scene, rng).text for scene in drawn] + [s.text for s in sayings])
        full, short = words[:batch], words[batch:]
        shown, said = scene_rows(drawn).to(device), saying_rows(sayings).to(device)
        with autocast(device):
            states = encode(clip.vision_model, pixels, kept)
            pooled = clip.vision_model.post_layernorm(states[:, 0])
            pictures = F.normalize(clip.visual_projection(pooled).float(), dim=-1)
            pulled = contrast(clip, memory, pictures=pictures, full=full, short=short, shown=shown, said=said)
            asked, figures = questions(states, pooled, truth.to(device), kept)
        memory.add(pictures, full, shown)
        descend(model, optimiser, pulled + asked)
        return {"contrast": float(pulled.detach()), "asked": float(asked.detach()), **_known(figures)}

    plan = Plan("clip", minutes, rate, batch, warmup=40, anneal=0.7, floor=0.02)
    fit(
        plan,
        parts={"model": model},
        optimiser=optimiser,
        step=step,
        evaluate=lambda: recall(clip, tokenizer, exam),
        export=lambda: export(clip, questions),
        export_seconds=300,
    )


@torch.no_grad()
def recall(clip: CLIPModel, tokenizer: CLIPTokenizer, drawn: Sequence[Scene]) -> dict[str, float]:
    """Return recall@1 and @10 of captions among the pictures of scenes; a picture with the same facts counts."""
    shown = scene_rows(drawn)
    pictures = []
    for start in range(0, len(drawn), 100):
        pixels = prepare(truth_of(drawn[start : start + 100]).pictures).to(clip.logit_scale.device)
        pictures.append(clip.get_image_features(pixel_values=pixels).pooler_output)
    seen = F.normalize(torch.cat(pictures), dim=-1)
    rng = random.Random(3)
    said = F.normalize(clip.text_projection(pooled_words(clip, tokenizer, [say(s, rng).text for s in drawn])), dim=-1)
    same = (shown[:, None] == shown[None]).all(-1)
    best = (said @ seen.T).topk(10, dim=1).indices.cpu()
    hits = same.gather(1, best)
    return {"recall@1": float(hits[:, 0].float().mean()), "recall@10": float(hits.any(1).float().mean())}


def export(clip: CLIPModel, questions: Questions) -> None:
    """Write assets/storybook/clip and the image processor; keep the questions for the next training."""
    export_model(clip, PACK / "clip")
    CLIPTokenizer.from_pretrained(PACK / "tokenizer").save_pretrained(PACK / "clip")
    processor().save_pretrained(PACK / "clip")
    processor().save_pretrained(PACK / "feature_extractor")
    state = {"tower": clip.vision_model.state_dict(), "questions": questions.state_dict()}
    save_atomically(state, WORKDIR / "clip" / "tower.pt")


def processor() -> CLIPImageProcessor:
    """The shipped image processor: the whole picture squeezed to 96 x 96. Cropping would let a sign at the edge go unseen."""
    return CLIPImageProcessor(
        size={"height": PIXELS, "width": PIXELS},
        do_center_crop=False,
        image_mean=list(MEAN),
        image_std=list(STD),
        resample=3,
    )
