"""The tiny VAE that drafts are decoded with, loaded when somebody watches; the finished picture never comes near it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.workshop.paint.outfit import load_vae
from studio.workshop.turns import turn

logger = logging.getLogger(__name__)


class Preview:
    """Looks once a recipe whether a tiny VAE is installed, and loads it when the first draft is asked for."""

    def __init__(self, find: Callable[[], Path | None] | None = None) -> None:
        self._find = find
        self._place: Path | None = None
        self._loaded: tuple[Path, Any] | None = None

    def look(self) -> None:
        """Find out where it is now; one that was removed is let go."""
        self._place = None if self._find is None else self._find()
        if self._loaded is not None and self._loaded[0] != self._place:
            self._loaded = None

    def drop(self) -> None:
        """Give its memory back."""
        self._loaded = None

    def vae(self, pipe: Any) -> Any | None:
        """The tiny VAE where the pipeline computes; None where there is none, or one that does not fit or load."""
        if self._place is None:
            return None
        if self._loaded is None:
            self._loaded = (self._place, self._load(self._place, pipe))
        return self._loaded[1]

    def _load(self, place: Path, pipe: Any) -> Any | None:
        try:
            with turn():
                made = load_vae(place, like=pipe.vae)
        except Exception as error:  # whatever is wrong with it: drafts come from the painter's own VAE then
            logger.warning("the tiny VAE %s does not load, so drafts take longer: %s", place.name, str(error)[:200])
            return None
        if made.config.latent_channels != pipe.vae.config.latent_channels:
            logger.warning("the tiny VAE %s is of another family than the painter", place.name)
            return None
        return made.to(pipe._execution_device, pipe.unet.dtype)
