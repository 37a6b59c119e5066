"""The picture checker: scores each forbidden concept against its threshold. It only measures; the gate decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image

from studio.workshop.paint import device as devices
from studio.workshop.vision.pixels import Preparation, read_preparation
from studio.workshop.vision.provoking import provoke

BATCH = 16
SPECIAL_CARE = 0.01  # what diffusers' own forward adds to every concept once a special-care one is near


class PictureChecker:
    """A StableDiffusionSafetyChecker, asked for its scores instead of its yes or no; safe to call from both lanes.

    diffusers' forward throws the scores away and lets NaN and missing concepts pass; so its parts are used, not its forward.
    """

    def __init__(self, model: Any, preparation: Preparation, *, concepts: dict[int, str], name: str) -> None:
        self.name = name
        self._model, self._preparation, self._concepts = model, preparation, concepts
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, pictures: list[Image.Image]) -> list[dict[str, float]]:
        """For each picture: concept -> cosine minus threshold."""
        scores: list[dict[str, float]] = []
        for pixels in self._preparation.batches(pictures, BATCH):
            with self._lock:
                scores += self._scores(pixels.to(self._model.device))
        return scores

    def provoked(self) -> Image.Image:
        """A picture of coloured noise that this checker forbids, found by following its own gradients.

        A self-test for a checker whose real positives nobody may ship. It goes through everything that a painted picture goes
        through, so weights that are missing, NaN or all alike find none. Raises ValueError.
        """

        def score(pixels: torch.Tensor) -> torch.Tensor:
            every = self._seen(pixels) @ _unit(self._model.concept_embeds).T - self._model.concept_embeds_weights
            return every[0, list(self._concepts)].max()

        with self._lock:
            return provoke(score, self._preparation, device=self._model.device)

    def _seen(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self._model.visual_projection(self._model.vision_model(pixels)[1]).float())

    def _scores(self, pixels: torch.Tensor) -> list[dict[str, float]]:
        model = self._model
        seen = self._seen(pixels)
        care = seen @ _unit(model.special_care_embeds).T - model.special_care_embeds_weights
        concepts = seen @ _unit(model.concept_embeds).T - model.concept_embeds_weights
        concepts = concepts + SPECIAL_CARE * (care > 0).any(dim=1, keepdim=True)
        return [{name: row[index] for index, name in self._concepts.items()} for row in concepts.tolist()]


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(vectors.float())


def load_checker(folder: Path, *, name: str, preparation: Path, concepts: Sequence[str] = ()) -> PictureChecker:
    """Load a checker from a local folder. `concepts` names its rows in order; those without a name are numbered."""
    loaded: Any = StableDiffusionSafetyChecker.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    model, info = loaded
    if info["missing_keys"]:  # they would be random, and a random concept lets everything pass
        raise ValueError(f"the checker's weights lack {', '.join(sorted(info['missing_keys'])[:3])}")
    names = [*concepts, *(f"concept {index + 1}" for index in range(len(concepts), model.concept_embeds.shape[0]))]
    # A row whose threshold no cosine reaches is a spare one and says nothing; one that is no number stays, and blocks.
    used = {index: names[index] for index, limit in enumerate(model.concept_embeds_weights.tolist()) if not limit > 1}
    if not used:
        raise ValueError("no concept of the checker can ever be found")
    return PictureChecker(model.to(devices.device()).eval(), read_preparation(preparation), concepts=used, name=name)
