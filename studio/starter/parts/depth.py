"""Trains Storybook's depth model, a small DPT on the picture tower's weights: 1 is near, 0 is far, no unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPModel, DPTConfig, DPTForDepthEstimation, DPTImageProcessor

from studio.measure.metrics import depth_errors, spearman
from studio.starter.loop import PACK, Optimisers, Plan, Progress, autocast
from studio.starter.optimise import descend
from studio.starter.parts.eyes import HEADS, LAYERS, MEAN, PATCH, PIXELS, STD, WIDTH, prepare, take_layers, take_patches
from studio.starter.parts.rough import Painted, pupil, sights, teach, to_unit, weathered
from studio.starter.parts.truth import seeded
from studio.starter.scenes import CALIBRATION_SEEDS, Scene, render


def make_depth() -> DPTForDepthEstimation:
    """A depth model whose eyes are the picture tower's; its answer has the 96 pixels of its question."""
    model: Any = DPTForDepthEstimation(
        DPTConfig(
            image_size=PIXELS,
            patch_size=PATCH,
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * WIDTH,
            layer_norm_eps=1e-5,
            backbone_out_indices=[1, 2, 3, 4],
            # The usual factors are for patches of 16; these end at the picture's own size with patches of 8.
            reassemble_factors=[2, 1, 0.5, 0.25],
            neck_hidden_sizes=[48, 64, 96, 96],
            fusion_hidden_size=48,
            readout_type="ignore",
            use_auxiliary_head=False,
            is_hybrid=False,
        )
    )
    tower = CLIPModel.from_pretrained(PACK / "clip", dtype=torch.float32).vision_model
    embeddings = model.dpt.embeddings
    take_patches(tower, embeddings)
    with torch.no_grad():
        embeddings.cls_token.zero_()  # it is in position 0 already
        # The library's start of .02 lets next to nothing through ten layers
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d) and name.startswith(("neck", "head")):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if "residual_layer" in name or "reassemble" in name:
                    module.weight.mul_(0.2)  # what is added up many times begins small
        model.head.head[-2].weight.mul_(0.05)
        model.head.head[-2].bias.fill_(0.3)  # the last step is a ReLU: it must be awake at the start
    take_layers(tower, model.dpt.encoder.layer)
    return model


def processor() -> DPTImageProcessor:
    """The shipped processor: the whole picture squeezed to 96 x 96, as the tower is used to."""
    size = {"height": PIXELS, "width": PIXELS}
    return DPTImageProcessor(size=size, keep_aspect_ratio=False, image_mean=list(MEAN), image_std=list(STD), resample=3)


def depth_loss(told: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The absolute error of depths (n, 96, 96) and of their steps, so that outlines stay sharp."""
    error = told - truth
    return error.abs().mean() + 0.5 * (error.diff(dim=2).abs().mean() + error.diff(dim=1).abs().mean())


def train_depth(minutes: float, *, from_shipped: bool, rate: float = 1e-3, batch: int = 24) -> None:
    """Train on drawn, roughened and decoded scenes."""
    model = pupil("depth", make_depth, seed=32, from_shipped=from_shipped)
    device = model.device
    optimiser = Optimisers(model, rate=rate, muon_rate=rate, muon_for=".layer.")
    painted = Painted()
    generator = torch.Generator()

    def step(progress: Progress) -> Mapping[str, float]:
        seen = sights(painted, progress.step, batch, persons=0.4, first=5_000_000)
        generator.manual_seed(progress.step)
        pixels = prepare(weathered(to_unit(np.stack([sight.picture for sight in seen])), generator))
        depth = torch.from_numpy(np.stack([sight.truth.depth for sight in seen]))
        truth = F.interpolate(depth[:, None], size=(PIXELS, PIXELS), mode="area")[:, 0].to(device)
        with autocast(device):
            told = model(pixels.to(device)).predicted_depth.float()
        loss = depth_loss(told, truth)
        descend(model, optimiser, loss)
        return {"loss": float(loss.detach())}

    exam = seeded(CALIBRATION_SEEDS, 510_000, 60)

    plan = Plan("depth", minutes, rate, batch, warmup=40, anneal=0.6, save_seconds=120)
    teach(
        plan, model=model, optimiser=optimiser, step=step, evaluate=lambda: examine(model, exam), processor=processor()
    )


@torch.no_grad()
def estimate(model: Any, prepare: Any, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Depths of pictures of one size, (n, h, w, 3) uint8 to (n, h, w) floats, at the pictures' own size."""
    found = []
    for start in range(0, len(pictures), 40):
        some = list(pictures[start : start + 40])
        told = model(prepare(some, return_tensors="pt").pixel_values.to(model.device))
        sizes = [picture.shape[:2] for picture in some]
        found += [each["predicted_depth"] for each in prepare.post_process_depth_estimation(told, target_sizes=sizes)]
    depths: np.ndarray = torch.stack(found).cpu().numpy()
    return depths


def examine(model: Any, scenes: Sequence[Scene]) -> dict[str, float]:
    """Errors and rank correlation on scenes that no training saw."""
    model.eval()
    rendered = [render(scene) for scene in scenes]
    depths = estimate(model, processor(), [made.picture for made in rendered])
    rows = [depth_errors(found, made.depth) for found, made in zip(depths, rendered, strict=True)]
    ranks = [spearman(found, made.depth) for found, made in zip(depths, rendered, strict=True)]
    model.train()
    error, near = np.mean(rows, axis=0)
    return {"abs_error": float(error), "delta1": float(near), "spearman": float(np.mean(ranks))}
