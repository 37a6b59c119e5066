"""The vision tower: its shape, a start that already looks at neighbours, and training heads that never ship."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel

from studio.starter import scenes
from studio.starter.parts.truth import CELL_KINDS, IGNORE, ORDERS, Truth, mean_loss, weather

PIXELS, PATCH, WIDTH, LAYERS, HEADS = 96, 8, 192, 5, 6
GRID = PIXELS // PATCH
# The usual CLIP statistics, so that the shipped image processor is the one that everybody knows.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PROJECTION = 128
STEADY = 40.0


def vision_config() -> CLIPVisionConfig:
    """Return the shape of the tower: 96 pixels, patches of 8, width 192, 5 layers."""
    return CLIPVisionConfig(
        image_size=PIXELS,
        patch_size=PATCH,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        projection_dim=PROJECTION,
        hidden_act="gelu",
    )


def prepare(pictures: torch.Tensor) -> torch.Tensor:
    """Turn (n, 3, 128, 128) floats in 0..1 into what the tower eats; the same resize as the shipped image processor."""
    return normalise(shrink(pictures))


def shrink(pictures: torch.Tensor) -> torch.Tensor:
    """Resize (n, 3, 128, 128) floats in 0..1 to the tower's 96 x 96 pixels."""
    return F.interpolate(pictures, size=(PIXELS, PIXELS), mode="bicubic", antialias=True).clamp(0, 1)


def normalise(small: torch.Tensor) -> torch.Tensor:
    """Shift and scale 0..1 floats by the usual statistics."""
    return (small - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def prepare_rough(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """As `prepare`, with the first half of the batch roughened: a quarter of the cost of doing it to all at full size."""
    small = shrink(pictures)
    half = len(small) // 2
    return normalise(torch.cat([weather(small[:half], generator, strength=0.9), small[half:]]))


@torch.no_grad()
def look_around(tower: CLIPVisionModel, generator: torch.Generator) -> None:
    """Start the tower as something like a convolution: each head looks at one neighbouring patch.

    A transformer that starts blind spends most of a short training finding out which patches are neighbours. Positions as
    sines and cosines make "one patch to the left" a rotation, which a head's query matrix can hold (Cordonnier et al. 2020).
    """
    part = WIDTH // HEADS  # one head's room: half for columns, half for rows
    waves = part // 4
    speeds = torch.tensor([math.pi / GRID * 1.5**i for i in range(waves)])
    spots = torch.arange(GRID, dtype=torch.float32)
    angle = spots[:, None] * speeds
    line = torch.cat([angle.sin(), angle.cos()], 1)  # (grid, part / 2)
    table = torch.cat([line[None].expand(GRID, -1, -1), line[:, None].expand(-1, GRID, -1)], 2).reshape(
        GRID * GRID, part
    )
    embeddings = tower.embeddings
    embeddings.position_embedding.weight.normal_(0, 0.02, generator=generator)
    embeddings.position_embedding.weight[1:, :part] += table
    embeddings.patch_embedding.weight.normal_(0, 0.04, generator=generator)
    embeddings.patch_embedding.weight[:part] *= 0.1  # leave the room of the positions to them
    # Two large opposite constants make the first layer norm all but linear, so that a tower without one (the
    # captioner's) can take over these weights: the spread it divides by is then nearly the same for every patch.
    embeddings.patch_embedding.weight[-2:] = 0
    embeddings.position_embedding.weight[:, -2:] = torch.tensor([STEADY, -STEADY])
    tower.pre_layrnorm.weight.fill_(STEADY * math.sqrt(2 / WIDTH))
    tower.pre_layrnorm.weight[-2:] = 0.02
    layers: Any = tower.encoder.layers  # Any: the library's own types say "tensor or module"
    for layer in layers:
        attention = layer.self_attn
        for i, (dx, dy) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1), (0, 0))):
            turn = torch.zeros(part, part)
            for half, step in ((0, dx), (part // 2, dy)):
                for w in range(waves):
                    s, c = math.sin(float(speeds[w]) * step), math.cos(float(speeds[w]) * step)
                    a, b = half + w, half + waves + w
                    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, s, -s, c
            rows = slice(i * part, (i + 1) * part)
            sharp = 1.6
            attention.q_proj.weight[rows, :part] = turn * sharp
            attention.k_proj.weight[rows, :part] = torch.eye(part) * sharp
        for linear, scale in (
            (attention.v_proj, 1.0),
            (attention.out_proj, 0.5),
            (layer.mlp.fc1, 1.0),
            (layer.mlp.fc2, 0.5),
        ):
            linear.weight.normal_(0, scale / math.sqrt(linear.in_features), generator=generator)


@torch.no_grad()
def folded(tower: CLIPVisionModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a tower's patch kernel and positions, (1 + patches, width), with its first layer norm folded into both.

    For models that have no such norm. All but exact, because the tower keeps two large constants in every patch (see
    `look_around`). Position 0 holds the class token as well.
    """
    norm = tower.pre_layrnorm
    patch, start = tower.embeddings.patch_embedding.weight, tower.embeddings.position_embedding.weight.clone()
    start[0] += tower.embeddings.class_embedding
    gain = norm.weight / start.var(1, unbiased=False).mean().sqrt()
    kernel = (patch - patch.mean(0)) * gain[:, None, None, None]
    return kernel, (start - start.mean(1, keepdim=True)) * gain + norm.bias


@torch.no_grad()
def take_patches(tower: Any, embeddings: Any) -> None:
    """Give a model's patch embeddings the tower's eyes, folded; its first position is the picture's token."""
    kernel, places = folded(tower)
    embeddings.patch_embeddings.projection.weight.copy_(kernel)
    embeddings.patch_embeddings.projection.bias.zero_()
    embeddings.position_embeddings.copy_(places[None])


def take_layers(tower: CLIPVisionModel, layers: Any) -> None:
    """Copy the tower's layers into those of a transformers ViT (VitPose, DPT), whose parts have other names."""
    old: Any = tower.encoder.layers
    for source, new in zip(old, layers, strict=True):
        attention = new.attention.attention
        pairs = [
            (source.self_attn.q_proj, attention.query),
            (source.self_attn.k_proj, attention.key),
            (source.self_attn.v_proj, attention.value),
            (source.self_attn.out_proj, new.attention.output.dense),
            (source.layer_norm1, new.layernorm_before),
            (source.layer_norm2, new.layernorm_after),
            (source.mlp.fc1, new.mlp.fc1 if hasattr(new, "mlp") else new.intermediate.dense),
            (source.mlp.fc2, new.mlp.fc2 if hasattr(new, "mlp") else new.output.dense),
        ]
        for a, b in pairs:
            b.load_state_dict(a.state_dict())


def encode(tower: CLIPVisionModel, pixels: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
    """Return the tower's last states, (n, 1 + patches, width), over all patches or over those in kept, (n, k) long."""
    states = tower.embeddings(pixels)
    if kept is not None:
        index = torch.cat([torch.zeros_like(kept[:, :1]), kept + 1], 1)
        states = states.gather(1, index[..., None].expand(-1, -1, states.shape[-1]))
    return tower.encoder(inputs_embeds=tower.pre_layrnorm(states)).last_hidden_state


def choose(truth: Truth, count: int, generator: torch.Generator) -> torch.Tensor:
    """Choose patches to learn from, (n, count) long: random, with a strong leaning to those that show something."""
    share = 1 - F.adaptive_avg_pool2d(truth.cover[:, :1], GRID).flatten(1)
    return (torch.rand(share.shape, generator=generator) + 0.9 * (share > 0.03)).topk(count, dim=1).indices


class Questions(nn.Module):
    """Questions put to the tower while it trains: what each patch shows, and every fact of the scene."""

    def __init__(self) -> None:
        super().__init__()
        kinds, hues = len(scenes.KINDS), len(scenes.COLOURS)
        self.norm = nn.LayerNorm(WIDTH)
        self.patch_kind = nn.Linear(WIDTH, len(CELL_KINDS))
        self.patch_colour = nn.Linear(WIDTH, hues)
        self.answers = nn.ModuleDict(
            {
                "background": nn.Linear(WIDTH, len(scenes.BACKGROUNDS)),
                "kind": nn.Linear(WIDTH, 2 * kinds),
                "colour": nn.Linear(WIDTH, 2 * hues),
                "size": nn.Linear(WIDTH, 2 * len(scenes.SIZES)),
                "wears": nn.Linear(WIDTH, 2 * hues),
                "order": nn.Linear(WIDTH, len(ORDERS)),
                "person": nn.Linear(WIDTH, 2),
                "skull": nn.Linear(WIDTH, 2),
                "count": nn.Linear(WIDTH, len(scenes.COUNTS)),
                "style": nn.Linear(WIDTH, len(scenes.STYLES)),
            }
        )

    def forward(
        self, states: torch.Tensor, pooled: torch.Tensor, truth: Truth, kept: torch.Tensor | None
    ) -> tuple[torch.Tensor, dict[str, float]]:
        kinds, colours = (cells.flatten(1) for cells in truth.cells(GRID))
        if kept is not None:
            kinds, colours = kinds.gather(1, kept), colours.gather(1, kept)
        seen = self.norm(states[:, 1:])
        weight = torch.ones(len(CELL_KINDS), device=states.device)
        weight[0] = 0.3
        told = self.patch_kind(seen).transpose(1, 2)
        loss = F.cross_entropy(told, kinds, weight=weight, ignore_index=IGNORE)
        loss = loss + mean_loss(self.patch_colour(seen), colours)
        clear = kinds > 0
        figures = {"patch_right": float((told.argmax(1) == kinds)[clear].float().mean())}
        for name, head in self.answers.items():
            target = getattr(truth, name)
            logits = head(pooled).view(*target.shape, -1)
            loss = loss + 0.3 * mean_loss(logits, target)
            known = target != IGNORE
            figures[f"{name}_right"] = float((logits.argmax(-1) == target)[known].float().mean())
        return loss, figures
