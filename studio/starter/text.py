"""Trains Storybook's tokenizer and text tower until the words can be read back as exact facts; it sees no picture."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from studio.starter.captions import SLOTS, Saying, say, say_place
from studio.starter.loop import PACK, WORKDIR, Plan, Progress, autocast, export_model, fit, pick_device
from studio.starter.optimise import Average, Optimisers
from studio.starter.scenes import TEST_SEEDS, TRAIN_SEEDS, sample_scene

ENTRIES = 4096
TOKENS = 77
WIDTH = 128
PROJECTED = WORKDIR / "text" / "projected"  # the tower with its projection, for whoever trains a picture tower to it
# English that the grammar lacks but people type, so that common words are one or two tokens and not eight.
COMMON = (
    "the of and to in is that it was for on are with as his they at be this from have or by one had not but what all were "
    "when we there can an your which their said if do will each about how up out them then she many some so these would "
    "other into has more her two like him see time could no make than first been its who now people my made over did down "
    "only way find use may water long little very after words called just where most know cat dog horse bird cow sheep "
    "mountain forest river lake city street castle bridge tower garden apple banana cake pizza train plane bicycle rocket "
    "robot dragon unicorn king queen princess knight pirate dinosaur elephant lion tiger bear monkey rabbit mouse frog "
    "grey gray black cyan gold silver beautiful cute photo photograph painting realistic cartoon bright dark light "
    "morning noon rain storm fog cloud sun moon space planet glass wood stone metal paper portrait landscape style"
)


def train_tokenizer(folder: Path = PACK / "tokenizer", scenes: int = 20_000) -> CLIPTokenizer:
    """Learn a byte-level BPE with CLIP's layout and save it; at most ENTRIES entries, 77 tokens, lower case."""
    rng = random.Random(0)
    lines = [text for seed in range(scenes) for text in (say(sample_scene(seed, forbidden=seed % 25 == 0), rng).text,)]
    lines += [COMMON] * 20
    model = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>"))
    shipped = CLIPTokenizer()  # its normaliser and splitter are the ones that will be used
    model.normalizer = shipped.backend_tokenizer.normalizer or normalizers.Lowercase()
    model.pre_tokenizer = shipped.backend_tokenizer.pre_tokenizer
    model.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=ENTRIES - 258, initial_alphabet=sorted(alphabet), end_of_word_suffix="</w>", show_progress=False
    )
    model.train_from_iterator(lines, trainer)
    learned = json.loads(model.to_str())["model"]
    pairs = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learned["merges"]]
    pieces = sorted(alphabet)
    names = pieces + [p + "</w>" for p in pieces] + ["".join(pair) for pair in pairs]
    names = [*dict.fromkeys(names), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={name: i for i, name in enumerate(names)},
        merges=pairs,  # type: ignore[arg-type]  # pairs are what the backend takes
        model_max_length=TOKENS,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """The tower: width 128, 4 layers, 4 heads."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


class Readouts(nn.Module):
    """Reads every fact slot from all token states, from the pooled state and from the projection; never shipped."""

    def __init__(self) -> None:
        super().__init__()
        self.choices = [len(values) + 1 for values in SLOTS.values()]
        self.query = nn.Parameter(torch.randn(len(SLOTS), WIDTH) * 0.1)
        self.look = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.dense = nn.ModuleList(nn.Linear(WIDTH, n) for n in self.choices)
        self.pooled = nn.Linear(WIDTH, sum(self.choices))
        self.projected = nn.Linear(WIDTH, sum(self.choices))
        self.scale = nn.Parameter(torch.tensor(2.5))

    def forward(self, states: Tensor, pooled: Tensor, embeds: Tensor) -> list[list[Tensor]]:
        """Logits as [reader][slot]: dense (from all states), pooled, projected."""
        queries = self.query.expand(len(states), -1, -1)
        seen, _ = self.look(queries, states, states, need_weights=False)
        seen = F.normalize(seen + queries, dim=-1) * WIDTH**0.5
        dense = [head(seen[:, i]) for i, head in enumerate(self.dense)]
        unit = F.normalize(embeds, dim=-1) * 8
        return [
            dense,
            list(self.pooled(pooled).split(self.choices, 1)),
            list(self.projected(unit).split(self.choices, 1)),
        ]


def sayings(seeds: Sequence[int], rng: random.Random) -> list[Saying]:
    """Two sentences a scene: mostly two full wordings; often partial ones; now and then only the place, or nothing."""
    made: list[Saying] = []
    for seed in seeds:
        scene = sample_scene(seed, forbidden=rng.random() < 0.05)
        draw = rng.random()
        if draw < 0.55:
            made += [say(scene, rng), say(scene, rng)]
        elif draw < 0.94:
            made += [say(scene, rng, keep=rng.uniform(0.2, 0.95)) for _ in range(2)]
        elif draw < 0.99:
            made += [say_place(scene, rng), say_place(scene, rng)]
        else:
            made += [Saying("", ()), say(scene, rng)]
    return made


def fact_losses(readings: Sequence[Sequence[Tensor]], targets: Tensor) -> list[Tensor]:
    """The mean cross-entropy over all slots, for each reader; targets: (N, slots), 0 where nothing is stated."""
    return [
        torch.stack([F.cross_entropy(logits, targets[:, i]) for i, logits in enumerate(reading)]).mean()
        for reading in readings
    ]


def read_right(reading: Sequence[Tensor], targets: Tensor) -> Tensor:
    """Which slots one reader gets right, (N, slots) bool."""
    return torch.stack([logits.argmax(1) == targets[:, i] for i, logits in enumerate(reading)], 1)


def same_meaning_loss(embeds: Tensor, meanings: Sequence[tuple[object, ...]], scale: Tensor) -> Tensor:
    """Supervised contrastive loss over meanings (Khosla et al. 2020): same facts together, others apart."""
    numbers: dict[tuple[object, ...], int] = {}
    label = torch.tensor([numbers.setdefault(m, len(numbers)) for m in meanings], device=embeds.device)
    unit = F.normalize(embeds.float(), dim=-1)
    logits = unit @ unit.T * scale.exp().clamp(max=50)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    same = (label[:, None] == label[None]) & ~itself
    logp = logits.masked_fill(itself, -1e9).log_softmax(1)
    has = same.any(1)
    return -((logp * same).sum(1) / same.sum(1).clamp_min(1))[has].mean()


@dataclass(frozen=True)
class TextOptions:
    """What the command line chooses."""

    minutes: float
    from_shipped: bool
    rate: float = 2e-3


def train_text(options: TextOptions) -> None:  # noqa: PLR0915  one recipe, read from top to bottom
    """Train the tower against the facts of sentences; export it, and the same with its projection for the picture tower."""
    torch.manual_seed(0)
    device = pick_device()
    tokenizer = CLIPTokenizer.from_pretrained(PACK / "tokenizer")
    model = CLIPTextModelWithProjection(text_config(tokenizer))
    if options.from_shipped:
        shipped = CLIPTextModel.from_pretrained(PACK / "text_encoder", dtype=torch.float32)
        model.text_model.load_state_dict(shipped.state_dict())
    readouts = Readouts()
    both = nn.ModuleDict({"tower": model, "readouts": readouts}).to(device)
    optimiser = Optimisers(both, rate=options.rate, muon_rate=options.rate, muon_for=".layers.")
    average = Average(both, 0.99)
    shown = nn.ModuleDict({"tower": CLIPTextModelWithProjection(model.config), "readouts": Readouts()}).to(device)
    scenes = 80 if device.type == "cpu" else 512
    plan = Plan("text", options.minutes, options.rate, batch=2 * scenes, warmup=100, anneal=0.4, save_seconds=120)

    def read(modules: Any, said: Sequence[Saying], full: bool) -> tuple[list[list[Tensor]], Tensor, Tensor]:
        padding = {"padding": "max_length"} if full else {"padding": "longest"}
        batch = tokenizer([s.text for s in said], truncation=True, max_length=TOKENS, return_tensors="pt", **padding)
        out = modules["tower"](input_ids=batch.input_ids.to(device))
        ids = batch.input_ids.to(device)
        first_end = (ids == tokenizer.eos_token_id).int().argmax(1)
        states = out.last_hidden_state
        pooled = states[torch.arange(len(ids), device=device), first_end]
        targets = torch.tensor([s.targets() for s in said], device=device)
        return modules["readouts"](states, pooled, out.text_embeds), out.text_embeds, targets

    def step(progress: Progress) -> Mapping[str, float]:
        rng = random.Random(progress.step * 7 + 1)
        said = sayings([rng.randrange(len(TRAIN_SEEDS)) for _ in range(scenes)], rng)
        with autocast(device):
            readings, embeds, targets = read(both, said, progress.step % 8 == 0)
            losses = fact_losses(readings, targets)
            together = same_meaning_loss(embeds, [s.meaning() for s in said], readouts.scale)
        total = 1.5 * losses[0] + 1.5 * losses[1] + 1.5 * losses[2] + 0.05 * together
        optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        average.update(both)
        names = ("dense", "pooled", "projected")
        return {n: v.item() for n, v in zip(names, losses, strict=True)} | {"together": together.item()}

    @torch.no_grad()
    def evaluate() -> Mapping[str, float]:
        shown.load_state_dict(average.weights)
        shown.eval()
        rng = random.Random(5)
        said = [say(sample_scene(seed), rng) for seed in TEST_SEEDS[:500]]
        readings, _, targets = read(shown, said, True)
        figures = {}
        told = {"kind1", "colour1", "kind2", "colour2", "relation", "shirt", "trousers"}
        for name, reading in zip(("dense", "pooled", "projected"), readings, strict=True):
            right = read_right(reading, targets)
            figures[f"{name}_all_facts"] = right.all(1).float().mean().item()
            figures |= {
                f"{name}_{slot}": right[targets[:, i] > 0, i].float().mean().item()
                for i, slot in enumerate(SLOTS)
                if slot in told
            }
        return figures

    def export() -> None:
        shown.load_state_dict(average.weights)
        tower: Any = shown["tower"]
        flat = CLIPTextModel(tower.config)
        flat.load_state_dict(tower.text_model.state_dict())
        export_model(flat, PACK / "text_encoder")
        tower.save_pretrained(PROJECTED)

    fit(
        plan,
        parts={"both": both, "average": average},
        optimiser=optimiser,
        step=step,
        evaluate=evaluate,
        export=export,
        export_seconds=300,
    )
