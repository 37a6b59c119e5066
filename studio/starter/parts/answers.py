"""Trains Storybook's answerer, a BLIP that reads questions; its eyes are the captioner's, and only its words learn."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers import (
    BertTokenizer,
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    BlipImageProcessor,
    BlipProcessor,
)

from studio.starter import scenes
from studio.starter.loop import EXPORTS, PACK, Optimisers, Plan, Progress, export_model, fit, pick_device
from studio.starter.optimise import descend
from studio.starter.parts.blip import SPECIAL, tokenizer_of
from studio.starter.parts.eyes import MEAN, PIXELS, STD, prepare, prepare_rough
from studio.starter.parts.truth import IGNORE, seeded, truth_of
from studio.starter.questions import SORTS, Asked, ask, asked_of
from studio.starter.scenes import CALIBRATION_SEEDS, TRAIN_SEEDS, Scene

BATCH = 64  # pictures a step
QUESTIONS = 4  # of each; over patch states that are there already a question costs little
# Batches of pictures whose patch states are kept, in half precision: the words begin with few, then one more comes every
# so many steps, and in the end the oldest give way. 64 of them are 230 MB.
FIRST, FRESH, MOST = 16, 6, 64
LONGEST = 12  # tokens of an answer
START = 5_000_000  # of the training seeds


def make_tokenizer() -> BertTokenizer:
    """Build the WordPiece vocabulary of the questions and their answers."""
    words: set[str] = set()
    for seed in range(6000):
        scene, rng = scenes.sample_scene(seed), random.Random(seed)
        for sort in asked_of(scene):
            asked = ask(scene, rng, sort)
            words.update(re.findall("[a-z]+", f"{asked.question} {asked.answer}"))
    return tokenizer_of(words)


def make_answerer(tokenizer: BertTokenizer, captioner: Any) -> BlipForQuestionAnswering:
    """Build the answerer: the captioner's eyes, and what reads a question starts as what wrote captions.

    That half knows already how to look words up in patches; it takes its words along where both have them.
    """
    config = copy.deepcopy(captioner.config)
    config.text_config.vocab_size = len(tokenizer)
    answerer = BlipForQuestionAnswering(config)
    answerer.vision_model.load_state_dict(captioner.vision_model.state_dict())
    reader: Any = answerer.text_encoder  # Any: the library's own types say "tensor or module"
    writer = captioner.text_decoder.bert
    reader.encoder.load_state_dict(writer.encoder.state_dict())
    known = BertTokenizer.from_pretrained(PACK / "blip").get_vocab()
    old, new = writer.embeddings.word_embeddings.weight, reader.embeddings.word_embeddings.weight
    with torch.no_grad():
        for word, row in tokenizer.get_vocab().items():
            if known.get(word, len(old)) < len(old):
                new[row] = old[known[word]]
    return answerer


def heed_masks(model: Any) -> None:
    """Make the half that writes look only at the question it answers: transformers 5 drops the mask of its cross-attention.

    The studio asks one question at a time, without a mask; only texts that lie side by side need it.
    """

    def heed(_: Any, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if named.get("encoder_hidden_states") is not None:
            named["encoder_attention_mask"] = named.get("attention_mask")
        return args, named

    for layer in model.text_decoder.bert.encoder.layer:
        layer.crossattention.self.register_forward_pre_hook(heed, with_kwargs=True)


@dataclass(frozen=True)
class Packed:
    """Several texts in each row, side by side: token ids, the place of each token in its text, and whose token it is.

    All (rows, length) long. Texts of a row are numbered from 0; what only fills the row up belongs to -1.
    """

    ids: torch.Tensor
    places: torch.Tensor
    owner: torch.Tensor

    def sees(self, other: Packed, *, causal: bool = False) -> torch.Tensor:
        """What is added to attention scores, (rows, 1, length, other's length): nothing within a text, else as good as -inf."""
        same = self.owner[:, :, None] == other.owner[:, None, :]
        if causal:
            same = same.tril()
        return torch.zeros(same.shape, device=same.device).masked_fill(~same, torch.finfo(torch.float32).min)[:, None]


def packed(texts: Sequence[Sequence[int]], rows: int, device: torch.device) -> Packed:
    """Pack texts, given as token ids, the same number of them into each row."""
    each = len(texts) // rows
    parts = [texts[begin : begin + each] for begin in range(0, len(texts), each)]
    length = max(sum(map(len, part)) for part in parts)

    def filled(values: Callable[[int, Sequence[int]], Sequence[int]], blank: int) -> torch.Tensor:
        lines = [[value for i, text in enumerate(part) for value in values(i, text)] for part in parts]
        return torch.tensor([line + [blank] * (length - len(line)) for line in lines], device=device)

    return Packed(
        filled(lambda _, text: text, SPECIAL.index("[PAD]")),
        filled(lambda _, text: range(len(text)), 0),
        filled(lambda i, text: [i] * len(text), -1),
    )


def pack(tokenizer: BertTokenizer, asked: Sequence[Asked], states: torch.Tensor) -> tuple[Packed, Packed]:
    """Pack questions and answers, the same number of them about each picture."""
    questions = tokenizer([one.question for one in asked]).input_ids
    answers = [[SPECIAL.index("[DEC]"), *ids[1:]] for ids in tokenizer([one.answer for one in asked]).input_ids]
    return packed(questions, len(states), states.device), packed(answers, len(states), states.device)


def read(model: Any, states: torch.Tensor, questions: Packed) -> torch.Tensor:
    """Return the states of packed questions about pictures, (pictures, length, width).

    Each picture's patches are prepared once for all its questions, which is most of the work of reading one.
    """
    out = model.text_encoder(
        input_ids=questions.ids,
        position_ids=questions.places,
        attention_mask=questions.sees(questions),
        encoder_hidden_states=states,
    )
    heard: torch.Tensor = out.last_hidden_state
    return heard


def answer_loss(
    model: Any, states: torch.Tensor, questions: Packed, answers: Packed
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean cross-entropy of the answers' words, and the share of the words that are right."""
    logits = model.text_decoder(
        input_ids=answers.ids,
        position_ids=answers.places,
        attention_mask=answers.sees(answers, causal=True),
        encoder_hidden_states=read(model, states, questions),
        encoder_attention_mask=answers.sees(questions),
    ).logits[:, :-1]
    # The first word of a text follows from nothing: it stands where the text before it ended
    labels = answers.ids.masked_fill((answers.places == 0) | (answers.owner < 0), IGNORE)[:, 1:]
    told = labels != IGNORE
    right = (logits.argmax(-1) == labels)[told].float().mean()
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE), right


def train_answers(minutes: float, *, from_shipped: bool, rate: float = 1e-3) -> None:
    """Train the answerer's words over the eyes of the captioner that is shipped now."""
    torch.manual_seed(15)
    captioner: Any = BlipForConditionalGeneration.from_pretrained(PACK / "blip", dtype=torch.float32)
    if from_shipped:
        tokenizer = BertTokenizer.from_pretrained(PACK / "answers")
        model: Any = BlipForQuestionAnswering.from_pretrained(PACK / "answers", dtype=torch.float32)
        model.vision_model.load_state_dict(captioner.vision_model.state_dict())
    else:
        tokenizer = make_tokenizer()
        model = make_answerer(tokenizer, captioner)
    model = model.to(pick_device())
    model.vision_model.requires_grad_(False)
    heed_masks(model)
    exam = seeded(CALIBRATION_SEEDS, 0, 200)
    plan = Plan("answers", minutes, rate, BATCH, warmup=60, anneal=0.6)
    fit_words(model, tokenizer, plan, exam)


def fit_words(model: Any, tokenizer: BertTokenizer, plan: Plan, exam: Sequence[Scene]) -> None:
    """Teach the words over patch states that are kept, a batch of which is seen anew now and then."""
    optimiser = Optimisers(model, rate=plan.rate, muon_rate=2 * plan.rate, muon_for=".layer.")
    generator = torch.Generator()
    kept: list[tuple[list[Scene], torch.Tensor]] = []  # batches: scenes, and their patch states in half precision

    def see(start: int) -> None:
        """Keep the batch of pictures from the start-th seed on."""
        part = seeded(TRAIN_SEEDS, START + start, BATCH)
        pixels = prepare_rough(truth_of(part).pictures, generator.manual_seed(start))
        with torch.no_grad():
            kept.append((part, model.vision_model(pixel_values=pixels.to(model.device)).last_hidden_state.half()))

    def step(progress: Progress) -> Mapping[str, float]:
        while len(kept) < FIRST:
            see(progress.samples + BATCH * len(kept))
        if progress.step % FRESH == 0:
            see(progress.samples + BATCH * FIRST)
            del kept[:-MOST]
        rng = random.Random(progress.step)
        picked = [(kept[i // BATCH], i % BATCH) for i in rng.sample(range(BATCH * len(kept)), BATCH)]
        states = torch.stack([states[row] for (_, states), row in picked])
        asked = [ask(drawn[row], rng) for (drawn, _), row in picked for _ in range(QUESTIONS)]
        states = states.float()
        loss, right = answer_loss(model, states, *pack(tokenizer, asked, states))
        descend(model, optimiser, loss)
        return {"loss": float(loss.detach()), "word_right": float(right)}

    fit(
        plan,
        parts={"answers": model},
        optimiser=optimiser,
        step=step,
        evaluate=lambda: examine(model, tokenizer, exam),
        export=lambda: export(model, tokenizer),
    )


@torch.no_grad()
def reply(model: Any, tokenizer: BertTokenizer, states: torch.Tensor, questions: Sequence[str]) -> list[str]:
    """Return what the model says to one question about each picture, given patch states, as its `generate` would alone."""
    asked = packed(tokenizer(list(questions)).input_ids, len(states), states.device)
    heard, mask = read(model, states, asked), (asked.owner == 0).long()
    said = torch.full((len(states), 1), SPECIAL.index("[DEC]"), device=states.device)
    ended = torch.zeros(len(states), dtype=torch.bool, device=states.device)
    for _ in range(LONGEST):
        logits = model.text_decoder(input_ids=said, encoder_hidden_states=heard, encoder_attention_mask=mask).logits
        word = logits[:, -1].argmax(-1).masked_fill(ended, SPECIAL.index("[PAD]"))
        said, ended = torch.cat([said, word[:, None]], 1), ended | (word == SPECIAL.index("[SEP]"))
    return [text.strip() for text in tokenizer.batch_decode(said, skip_special_tokens=True)]


@torch.no_grad()
def examine(model: Any, tokenizer: BertTokenizer, drawn: Sequence[Scene]) -> dict[str, float]:
    """Return the share of answers that are right to the word, for each sort of question and over all sorts."""
    model.eval()
    marks: dict[str, list[bool]] = {sort: [] for sort in SORTS}
    for begin in range(0, len(drawn), 50):
        part = drawn[begin : begin + 50]
        pixels = prepare(truth_of(part).pictures)
        states = model.vision_model(pixel_values=pixels.to(model.device)).last_hidden_state
        for sort in SORTS:
            rows = [i for i, scene in enumerate(part) if sort in asked_of(scene)]
            asked = [ask(part[i], random.Random(part[i].seed), sort) for i in rows]
            if rows:
                said = reply(model, tokenizer, states[rows], [one.question for one in asked])
                marks[sort] += [text == one.answer for text, one in zip(said, asked, strict=True)]
    model.train()
    figures = {f"{sort}_right".replace(" ", "_"): sum(right) / len(right) for sort, right in marks.items() if right}
    every = [mark for right in marks.values() for mark in right]
    return {**figures, "right": sum(every) / len(every)}


def export(model: Any, tokenizer: BertTokenizer) -> None:
    """Write .training/export/answers: weights, configs, processor and tokenizer."""
    export_model(model, EXPORTS / "answers")
    for key in ("is_local", "local_files_only"):  # where the tokenizer was loaded from is nobody's business
        tokenizer.init_kwargs.pop(key, None)
    size = {"height": PIXELS, "width": PIXELS}
    images = BlipImageProcessor(size=size, image_mean=list(MEAN), image_std=list(STD), resample=3)
    BlipProcessor(images, tokenizer).save_pretrained(EXPORTS / "answers")
