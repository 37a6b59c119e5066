"""Trains Storybook's mask by words, a CLIPSeg decoder over the pack's frozen towers; it never changes an embedding."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    CLIPModel,
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
    CLIPSegProcessor,
    CLIPTokenizer,
    ViTImageProcessor,
)

from studio.measure.metrics import iou
from studio.starter.captions import COLOUR_WORDS, KIND_WORDS, PERSON_WORDS, SIZE_WORDS, plural
from studio.starter.loop import PACK, Optimisers, Plan, Progress, autocast
from studio.starter.optimise import descend
from studio.starter.parts.eyes import MEAN, PIXELS, STD, prepare
from studio.starter.parts.rough import Painted, Sight, pupil, sights, teach, to_unit, weathered
from studio.starter.parts.truth import seeded
from studio.starter.scenes import (
    CALIBRATION_SEEDS,
    COLOURS,
    KINDS,
    LABEL_FIRST,
    LABEL_PERSON,
    SIZES,
    Person,
    Scene,
    render,
)

ASKED = 3  # questions put to each picture: the towers' share of the work is done once for all of them
CLOTHES = ("shirt", "trousers")
NOTHING = 0.004  # of the picture: a mask smaller than this is none


def make_clipseg() -> CLIPSegForImageSegmentation:
    """A fresh decoder over the towers of the pack's CLIP; masks come at half of the tower's 96 pixels."""
    clip: Any = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32)
    config = CLIPSegConfig(
        text_config=clip.config.text_config.to_dict(),
        vision_config=clip.config.vision_config.to_dict(),
        projection_dim=clip.config.projection_dim,
        extract_layers=[0, 2, 4],
        reduce_dim=96,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=384,
        use_complex_transposed_convolution=True,
    )
    model: Any = CLIPSegForImageSegmentation(config)
    model.clip.load_state_dict(clip.state_dict())
    _calm(model.decoder)
    model.clip.requires_grad_(False)
    return model


def _calm(decoder: Any) -> None:
    """Start the decoder with answers of about one: the library's own start gave logits of 700.

    The tower's states have a spread of about 5, the words' embeddings a length of about 16.
    """
    for reduce in decoder.reduces:
        nn.init.normal_(reduce.weight, std=0.2 * reduce.in_features**-0.5)
    for film in (decoder.film_mul, decoder.film_add):
        nn.init.normal_(film.weight, std=0.03)
    nn.init.ones_(decoder.film_mul.bias)
    layers: Any = decoder.transposed_convolution
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            rows = layer.in_channels * (9 if isinstance(layer, nn.Conv2d) else 1)
            nn.init.normal_(layer.weight, std=(2 / rows) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    nn.init.constant_(decoder.transposed_convolution[-1].bias, -2.0)  # most of a picture is not what was asked for


def processor() -> CLIPSegProcessor:
    """The shipped processor: the whole picture squeezed to 96 x 96, and the pack's own tokenizer."""
    size = {"height": PIXELS, "width": PIXELS}
    images = ViTImageProcessor(size=size, image_mean=list(MEAN), image_std=list(STD), resample=3)
    return CLIPSegProcessor(images, CLIPTokenizer.from_pretrained(PACK / "tokenizer"))


@dataclass(frozen=True)
class Question:
    """Words, and where in the picture they are true: (H, W) bool, all False where nothing fits."""

    words: str
    mask: np.ndarray


def thing_question(sight: Sight, rng: random.Random) -> Question:
    """Ask for a thing by kind, often with its colour and size; a quarter of the answers is that there is none."""
    things = sight.scene.things
    if things and rng.random() < 0.8:
        thing = rng.choice(things)
        kind, colour, size = thing.kind, thing.colour, thing.size
    else:
        kind, colour, size = rng.choice(KINDS), rng.choice(COLOURS), rng.choice(SIZES)
    with_colour, with_size = rng.random() < 0.65, rng.random() < 0.25
    if with_colour and rng.random() < 0.15:
        colour = rng.choice(COLOURS)
    mask = np.zeros(sight.truth.labels.shape, bool)
    for i, thing in enumerate(things):
        fits = (
            thing.kind == kind and (not with_colour or thing.colour == colour) and (not with_size or thing.size == size)
        )
        mask |= (sight.truth.labels == LABEL_FIRST + i) & fits
    many = any(thing.count > 1 for thing in things)
    words = [rng.choice(("the", "a", ""))]
    words += [rng.choice(SIZE_WORDS[size])] if with_size else []
    words += [rng.choice(COLOUR_WORDS.get(colour, (colour,)))] if with_colour else []
    word = rng.choice(KIND_WORDS.get(kind, (kind,)))
    words.append(plural(word) if rng.random() < (0.5 if many else 0.05) else word)
    return Question(" ".join(word for word in words if word), mask)


def person_question(sight: Sight, rng: random.Random) -> Question:
    """Ask for the person, whether there is one or not."""
    mask = sight.truth.labels == LABEL_PERSON
    words = f"{rng.choice(('the ', 'a ', ''))}{rng.choice(PERSON_WORDS)}"
    person = sight.scene.person
    if person is not None and rng.random() < 0.15:
        words += f" in a {person.shirt} shirt"
    return Question(words, mask)


def clothes_question(sight: Sight, rng: random.Random) -> Question:
    """Ask for a piece of clothing: it is where the picture changes when its colour does."""
    piece = rng.choice(CLOTHES)
    person = sight.scene.person
    if person is None:
        colour = rng.choice(COLOURS)
        mask = np.zeros(sight.truth.labels.shape, bool)
    else:
        colour = getattr(person, piece)
        mask = where_worn(sight.scene, piece)
    return Question(rng.choice((f"the {piece}", piece, f"the {colour} {piece}", f"{colour} {piece}")), mask)


def where_worn(scene: Scene, piece: str) -> np.ndarray:
    """Where a person's shirt or trousers show, (128, 128) bool."""
    assert scene.person is not None

    def in_colour(person: Person, colour: str) -> np.ndarray:
        changed = (
            dataclasses.replace(person, shirt=colour)
            if piece == "shirt"
            else dataclasses.replace(person, trousers=colour)
        )
        return render(dataclasses.replace(scene, person=changed)).picture

    dark, bright = in_colour(scene.person, "brown"), in_colour(scene.person, "white")
    worn: np.ndarray = np.abs(dark.astype(np.int16) - bright).max(2) > 60
    return worn


def questions(sight: Sight, rng: random.Random) -> list[Question]:
    """The questions about one picture."""
    found = []
    for _ in range(ASKED):
        draw = rng.random()
        if draw < (0.3 if sight.scene.person else 0.08):
            found.append(person_question(sight, rng))
        elif draw < (0.5 if sight.scene.person else 0.11):
            found.append(clothes_question(sight, rng))
        else:
            found.append(thing_question(sight, rng))
    return found


def mask_loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and the share that is missed (Dice), so that a small thing counts as much as a large one; (n, h, w)."""
    told = logits.sigmoid()
    overlap = (2 * (told * mask).sum((1, 2)) + 5) / (told.sum((1, 2)) + mask.sum((1, 2)) + 5)
    return 3 * F.binary_cross_entropy_with_logits(logits, mask) + (1 - overlap).mean()


def masks_of(model: Any, pixels: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """The decoder's logits, (n * ASKED, 48, 48), for prepared pictures (n, 3, 96, 96) and embeddings (n * ASKED, 128)."""
    with torch.no_grad():
        states = model.clip.vision_model(pixel_values=pixels, output_hidden_states=True).hidden_states
        taken = [states[i + 1].repeat_interleave(ASKED, 0) for i in model.extract_layers]
    logits: torch.Tensor = model.decoder(taken, words).logits
    return logits


@torch.no_grad()
def embed(model: Any, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> torch.Tensor:
    """The frozen text tower's projected embeddings of texts, (n, 128), as the ordinary class takes them."""
    batch = tokenizer(list(texts), padding=True, truncation=True, max_length=77, return_tensors="pt").to(model.device)
    found: torch.Tensor = model.clip.get_text_features(
        batch.input_ids, attention_mask=batch.attention_mask
    ).pooler_output
    return found


def train_clipseg(minutes: float, *, from_shipped: bool, rate: float = 1e-3, batch: int = 24) -> None:
    """Train the decoder on drawn, roughened and decoded scenes, three questions to each."""
    model = pupil("clipseg", make_clipseg, seed=33, from_shipped=from_shipped)
    if from_shipped:  # over the CLIP as it is now: the shipped decoder may have learned over a former one
        model.clip.load_state_dict(CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32).state_dict())
    model.clip.requires_grad_(False)  # the shipped weights come without this mark
    device = model.device
    tokenizer = CLIPTokenizer.from_pretrained(PACK / "tokenizer")
    optimiser = Optimisers(model, rate=rate, muon_rate=rate, muon_for="decoder.layers.")
    painted = Painted()
    generator = torch.Generator()

    def step(progress: Progress) -> Mapping[str, float]:
        seen = sights(painted, progress.step, batch, persons=0.4, first=6_000_000)
        rng = random.Random(progress.step)
        asked = [question for sight in seen for question in questions(sight, rng)]
        generator.manual_seed(progress.step)
        pixels = prepare(weathered(to_unit(np.stack([sight.picture for sight in seen])), generator)).to(device)
        truth = torch.from_numpy(np.stack([question.mask for question in asked])).float()[:, None]
        words = embed(model, tokenizer, [question.words for question in asked])
        with autocast(device):
            logits = masks_of(model, pixels, words).float()
        loss = mask_loss(logits, F.interpolate(truth, size=logits.shape[1:], mode="area")[:, 0].to(device))
        descend(model, optimiser, loss)
        return {"loss": float(loss.detach())}

    exam = [Sight(s, made.picture, made) for s in seeded(CALIBRATION_SEEDS, 520_000, 60) for made in (render(s),)]

    plan = Plan("clipseg", minutes, rate, batch, warmup=40, anneal=0.6, save_seconds=120)
    teach(
        plan, model=model, optimiser=optimiser, step=step, evaluate=lambda: examine(model, exam), processor=processor()
    )


@torch.no_grad()
def segment(model: Any, prepare_both: Any, pictures: Sequence[np.ndarray], words: Sequence[str]) -> np.ndarray:
    """Where the words are true, (n, h, w) floats 0..1, at the size of the pictures (n, h, w, 3 uint8)."""
    found = []
    for start in range(0, len(words), 40):
        some = list(pictures[start : start + 40])
        batch = prepare_both(text=list(words[start : start + 40]), images=some, padding=True, return_tensors="pt")
        logits = model(**batch.to(model.device)).logits
        # One picture comes back without its batch axis from some versions
        level = logits.view(len(some), 1, *logits.shape[-2:]).sigmoid()
        found.append(F.interpolate(level, size=some[0].shape[:2], mode="bilinear")[:, 0])
    masks: np.ndarray = torch.cat(found).cpu().numpy()
    return masks


def examine(model: Any, seen: Sequence[Sight]) -> dict[str, float]:
    """Overlap with the truth for things, persons and clothes that are there, and how often absent ones get no mask."""
    model.eval()
    rng = random.Random(5)
    rows: dict[str, list[float]] = {"thing": [], "person": [], "clothes": [], "absent": []}
    asked = [
        (name, sight, ask(sight, rng))
        for sight in seen
        for name, ask in (("thing", thing_question), ("person", person_question), ("clothes", clothes_question))
    ]
    told = segment(model, processor(), [sight.picture for _, sight, _ in asked], [q.words for _, _, q in asked]) > 0.5
    for (name, _, question), mask in zip(asked, told, strict=True):
        if question.mask.any():
            rows[name].append(iou(mask, question.mask))
        else:
            rows["absent"].append(float(mask.mean() < NOTHING))
    model.train()
    return {name: float(np.mean(values)) for name, values in rows.items()}
