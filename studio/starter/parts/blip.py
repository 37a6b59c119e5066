"""Trains Storybook's captioner, a small BLIP whose eyes start as the picture tower's; it only ever says plain captions."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    BlipTextConfig,
    BlipVisionConfig,
    CLIPModel,
    CLIPVisionModel,
)

from studio.starter import scenes
from studio.starter.captions import PLACES, STYLE_OPENINGS, plain
from studio.starter.loop import PACK, Optimisers, Plan, Progress, autocast, export_model, fit, pick_device
from studio.starter.optimise import descend
from studio.starter.parts.eyes import HEADS, LAYERS, MEAN, PATCH, PIXELS, STD, WIDTH, folded, prepare, prepare_rough
from studio.starter.parts.truth import IGNORE, seeded, truth_of
from studio.starter.scenes import CALIBRATION_SEEDS, OPPOSITE, TRAIN_SEEDS, Scene

BATCH = 64
LONGEST = 40  # tokens; the longest plain caption has 31
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]")
FEATURES = 4000  # pictures whose patch states are kept in memory while only the words learn: 220 MB
# Of the time: words alone, everything, words again. The words learn five times quicker over states computed once.
SHARES = (0.4, 0.25, 0.35)


def told(scene: Scene) -> str:
    """Return the one caption of a scene: plain, the left or upper thing first, since order of mention cannot be seen."""
    if scene.relation in ("right of", "below"):
        scene = dataclasses.replace(scene, things=scene.things[::-1], relation=OPPOSITE[scene.relation])
    return plain(scene)


def make_tokenizer() -> BertTokenizer:
    """Build the WordPiece vocabulary of the plain grammar."""
    return tokenizer_of(
        {word for seed in range(6000) for word in told(scenes.sample_scene(seed, forbidden=seed % 20 == 0)).split()}
    )


def tokenizer_of(words: set[str]) -> BertTokenizer:
    """Build a WordPiece vocabulary of these words, with single letters so that every English word has tokens."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
    pieces = [*SPECIAL, *sorted(words - set(letters)), *letters, *(f"##{c}" for c in letters)]
    tokenizer = BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=LONGEST + 24)
    tokenizer.add_special_tokens({"extra_special_tokens": ["[DEC]", "[ENC]"]})
    return tokenizer


def make_blip(tokenizer: BertTokenizer, clip: CLIPModel | None) -> BlipForConditionalGeneration:
    """Build the captioner; with a CLIP, its eyes are that tower's."""
    ids = {name: SPECIAL.index(name) for name in SPECIAL}  # the vocabulary begins with them
    text = BlipTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        encoder_hidden_size=WIDTH,
        intermediate_size=576,
        num_hidden_layers=3,
        num_attention_heads=6,
        max_position_embeddings=LONGEST + 24,
        projection_dim=WIDTH,
        bos_token_id=ids["[DEC]"],
        eos_token_id=ids["[SEP]"],
        sep_token_id=ids["[SEP]"],
        pad_token_id=ids["[PAD]"],
    )
    vision = BlipVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        image_size=PIXELS,
        patch_size=PATCH,
        projection_dim=WIDTH,
        hidden_act="gelu",
        initializer_range=0.02,
    )
    config = BlipConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH, image_text_hidden_size=WIDTH
    )
    blip = BlipForConditionalGeneration(config)
    if clip is not None:
        take_eyes(blip, clip.vision_model)
    return blip


@torch.no_grad()
def take_eyes(blip: BlipForConditionalGeneration, tower: CLIPVisionModel) -> None:
    """Copy a CLIP tower into BLIP's layout: q, k and v in one matrix, and the first layer norm folded."""
    eyes: Any = blip.vision_model  # Any: the library's own types say "tensor or module"
    layers: Any = tower.encoder.layers
    kernel, places = folded(tower)
    eyes.embeddings.patch_embedding.weight.copy_(kernel)
    eyes.embeddings.patch_embedding.bias.zero_()
    eyes.embeddings.class_embedding.zero_()
    eyes.embeddings.position_embedding.copy_(places[None])
    for old, new in zip(layers, eyes.encoder.layers, strict=True):
        attention = (old.self_attn.q_proj, old.self_attn.k_proj, old.self_attn.v_proj)
        new.self_attn.qkv.weight.copy_(torch.cat([linear.weight for linear in attention]))
        new.self_attn.qkv.bias.copy_(torch.cat([linear.bias for linear in attention]))
        new.self_attn.projection.load_state_dict(old.self_attn.out_proj.state_dict())
        for name in ("layer_norm1", "layer_norm2", "mlp"):
            getattr(new, name).load_state_dict(getattr(old, name).state_dict())
    eyes.post_layernorm.load_state_dict(tower.post_layernorm.state_dict())


@torch.no_grad()
def take_words(blip: Any, tokenizer: BertTokenizer) -> None:
    """Start from the shipped captioner's words, each in its new place; words that it lacked stay as they are."""
    shipped: Any = BlipForConditionalGeneration.from_pretrained(PACK / "blip", dtype=torch.float32)
    old = BertTokenizer.from_pretrained(PACK / "blip").get_vocab()
    pairs = [(index, old[piece]) for piece, index in tokenizer.get_vocab().items() if piece in old]
    rows, known = (torch.tensor(part) for part in zip(*pairs, strict=True))
    state, taught = blip.text_decoder.state_dict(), shipped.text_decoder.state_dict()
    for name, value in taught.items():
        if value.shape[:1] == (len(old),):  # what has a row for every piece
            state[name][rows] = value[known]
        elif state[name].shape == value.shape:
            state[name].copy_(value)
    blip.text_decoder.load_state_dict(state)


def spoken(tokenizer: BertTokenizer, drawn: Sequence[Scene]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return token ids, attention mask and labels of the scenes' captions, each (n, length) long."""
    batch = tokenizer([told(scene) for scene in drawn], padding="longest", return_tensors="pt")
    ids = batch.input_ids
    ids[:, 0] = SPECIAL.index("[DEC]")
    return ids, batch.attention_mask, ids.masked_fill(batch.attention_mask == 0, IGNORE)


def caption_loss(
    blip: BlipForConditionalGeneration, states: torch.Tensor, words: tuple[torch.Tensor, ...]
) -> torch.Tensor:
    """Return the mean cross-entropy of the captions' words, given patch states (n, patches, width)."""
    ids, mask, labels = (part.to(states.device) for part in words)
    logits = blip.text_decoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=states).logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE)


def train_blip(minutes: float, *, from_shipped: bool, rate: float = 1e-3, batch: int = BATCH) -> None:
    """Train the captioner: the words alone over fixed patch states, then everything, then the words over what is seen now."""
    torch.manual_seed(14)
    tokenizer = make_tokenizer()
    blip: Any = make_blip(tokenizer, CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32))
    if from_shipped:
        take_words(blip, tokenizer)
    blip = blip.to(pick_device())
    exam = seeded(CALIBRATION_SEEDS, 0, 200)
    first, all_of_it, last = (minutes * share for share in SHARES)
    plan = Plan("blip-words", first, rate, batch, warmup=60, anneal=0.6, floor=0.1)
    _learn_words(blip, tokenizer, plan, start=6_500_000)
    plan = Plan("blip", all_of_it, rate / 2, batch, warmup=40, anneal=0.7, floor=0.1)
    _learn_everything(blip, tokenizer, plan, start=7_000_000)
    plan = Plan("blip-words-again", last, 1.5 * rate, batch, warmup=15, anneal=0.85)
    _learn_words(blip, tokenizer, plan, start=6_300_000)
    print(json.dumps(examine(blip, tokenizer, exam)))
    export(blip, tokenizer)


def _learn_everything(blip: Any, tokenizer: BertTokenizer, plan: Plan, *, start: int) -> None:
    """Teach eyes and words together, new pictures at each step."""
    optimiser = Optimisers(blip, rate=plan.rate, muon_rate=plan.rate, muon_for=".layer")
    generator = torch.Generator()

    def step(progress: Progress) -> Mapping[str, float]:
        drawn = seeded(TRAIN_SEEDS, start + progress.samples, plan.batch, forbidden_every=20)
        pixels = prepare_rough(truth_of(drawn).pictures, generator.manual_seed(progress.step))
        with autocast(blip.device):
            states = blip.vision_model(pixel_values=pixels.to(blip.device)).last_hidden_state
            loss = caption_loss(blip, states, spoken(tokenizer, drawn))
        descend(blip, optimiser, loss)
        return {"loss": float(loss.detach())}

    fit(plan, parts={"blip": blip}, optimiser=optimiser, step=step)


def _learn_words(blip: Any, tokenizer: BertTokenizer, plan: Plan, *, start: int) -> None:
    """Teach only the words, over patch states that are computed once: five times quicker than seeing anew at each step."""
    optimiser = Optimisers(blip.text_decoder, rate=plan.rate, muon_rate=2 * plan.rate, muon_for=".layer.")
    drawn = seeded(TRAIN_SEEDS, start, FEATURES, forbidden_every=20)
    kept: list[torch.Tensor] = []
    generator = torch.Generator()

    def see() -> None:
        with torch.no_grad():
            for begin in range(0, FEATURES, plan.batch):
                part = drawn[begin : begin + plan.batch]
                pixels = prepare_rough(truth_of(part).pictures, generator.manual_seed(begin))
                kept.append(blip.vision_model(pixel_values=pixels.to(blip.device)).last_hidden_state.half())

    def step(progress: Progress) -> Mapping[str, float]:
        if not kept:
            see()
            kept[:] = [torch.cat(kept)]
        rows = random.Random(progress.step).sample(range(FEATURES), plan.batch)
        loss = caption_loss(blip, kept[0][rows].float(), spoken(tokenizer, [drawn[i] for i in rows]))
        descend(blip.text_decoder, optimiser, loss)
        return {"loss": float(loss.detach())}

    fit(plan, parts={"blip": blip}, optimiser=optimiser, step=step)


@torch.no_grad()
def describe(blip: BlipForConditionalGeneration, tokenizer: BertTokenizer, pixels: torch.Tensor) -> list[str]:
    """Return captions of prepared pictures, (n, 3, 96, 96)."""
    ids = blip.generate(pixel_values=pixels.to(blip.device), max_new_tokens=LONGEST, num_beams=1, do_sample=False)
    return tokenizer.batch_decode(ids, skip_special_tokens=True)


@dataclasses.dataclass(frozen=True)
class Heard:
    """The facts of a plain caption: (kind, colour) of its things in order and the relation of the first to the second, its
    place, the shirt of its person, how many there are of its first thing, and its style."""

    things: tuple[tuple[str, str | None], ...]
    relation: str | None
    background: str | None
    shirt: str | None
    person: bool
    count: int
    style: str


def hear(caption: str) -> Heard:
    """Read the facts back from a caption; words that are no facts are passed over."""
    background = next((name for name, words in PLACES.items() if words[0] in caption), None)
    text = caption.replace(PLACES[background][0], "") if background else caption
    shirt = re.search(rf"\b({'|'.join(scenes.COLOURS)}) shirt", text)
    found = re.findall(rf"\b(?:({'|'.join(scenes.COLOURS)}) )?({'|'.join(scenes.KINDS)})(?:s|es)?\b", text)
    things = tuple((kind, colour or None) for colour, kind in found)
    count = next((i for i, word in enumerate(scenes.COUNTS) if re.search(rf"\b{word}\b", text)), 0) + 1
    style = next((name for name in scenes.STYLES[1:] if text.startswith(STYLE_OPENINGS[name][0])), scenes.STYLES[0])
    relation = next((word for word in scenes.RELATIONS if word in text), None)
    return Heard(things, relation, background, shirt[1] if shirt else None, "person" in text, count, style)


def marks(scene: Scene, caption: str) -> dict[str, bool | None]:
    """Return which facts of a scene a caption gets right; kind and colour only if those of every thing are.

    relation: both kinds stand where the caption says, in whichever order it names them.
    """
    heard = hear(caption)
    asked = [(thing.kind, thing.colour) for thing in scene.things]
    order = ([kind for kind, _ in asked], scene.relation)
    turned = (order[0][::-1], OPPOSITE.get(str(scene.relation)))
    return {
        "kind": sorted(k for k, _ in heard.things) == sorted(k for k, _ in asked) if asked else None,
        "colour": sorted(str(c) for _, c in heard.things) == sorted(c for _, c in asked) if asked else None,
        "relation": ([k for k, _ in heard.things], heard.relation) in (order, turned) if scene.relation else None,
        "background": heard.background == scene.background,
        "shirt": heard.shirt == scene.person.shirt if scene.person else None,
        "count": heard.count == scene.things[0].count if len(scene.things) == 1 else None,
        "style": heard.style == scene.style,
    }


def examine(blip: BlipForConditionalGeneration, tokenizer: BertTokenizer, drawn: Sequence[Scene]) -> dict[str, float]:
    """Return the share of captions with each fact right, and the share that are right to the word."""
    blip.eval()
    texts: list[str] = []
    for start in range(0, len(drawn), 50):
        texts += describe(blip, tokenizer, prepare(truth_of(drawn[start : start + 50]).pictures))
    blip.train()
    rows = [marks(scene, text) for scene, text in zip(drawn, texts, strict=True)]
    figures = {}
    for name in rows[0]:
        known = [row[name] for row in rows if row[name] is not None]
        figures[name + "_right"] = sum(bool(k) for k in known) / len(known)
    figures["exact"] = sum(t == told(s) for s, t in zip(drawn, texts, strict=True)) / len(drawn)
    return figures


def export(blip: BlipForConditionalGeneration, tokenizer: BertTokenizer) -> None:
    """Write assets/storybook/blip: weights, configs, processor and tokenizer."""
    export_model(blip, PACK / "blip")
    size = {"height": PIXELS, "width": PIXELS}
    images = BlipImageProcessor(size=size, image_mean=list(MEAN), image_std=list(STD), resample=3)
    BlipProcessor(images, tokenizer).save_pretrained(PACK / "blip")
