"""What the workshop asks of a model, as protocols; the real ones need weights, the tests' ones do not. No model is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from studio.domain.recipe import Recipe
from studio.safety.gate import Checker

__all__ = ["Answerer", "Captioner", "Checker", "Controls", "Encoder", "Painted", "Painter", "Parts"]


@dataclass(frozen=True)
class Painted:
    """One picture as the model made it, not yet checked, and the seed that makes it alone again.

    `note` is a sentence on how it was painted where that was not as usual, because memory ran out. `saving` says that it was
    painted in the way that needs less memory; `joined` and `compiled` that its attention's projections were joined and its
    blocks compiled, which is quicker and changes the last digits, as the number of a CPU's threads does (0 on a GPU).
    """

    picture: Image.Image
    seed: int
    note: str = ""
    saving: bool = False
    joined: bool = False
    compiled: bool = False
    threads: int = 0


class Painter(Protocol):
    """Paints recipes with one pack."""

    def paint(
        self, recipe: Recipe, inputs: Mapping[str, Any], report: Any, *, offload: bool = False
    ) -> Iterator[Painted]:
        """Yield `recipe.count` pictures, picture i with seed + i.

        `inputs` are the pictures that the recipe names by SHA-256: source, mask, maps. What a mask does not cover comes back
        exactly as it was. `report(step, total, draft)` is called after every step and raises Cancelled. With `offload` it is
        painted in a slower way that needs less memory, and each picture's note says so. Raises NotNumbers, BadInput,
        PackMissing for a control that the pack does not have, Failed.
        """
        ...


class Controls(Protocol):
    """Finds the ControlNets of one pack."""

    def __call__(self, kinds: Sequence[str], *, waiting: Callable[[], None] | None = None) -> Mapping[str, Any]:
        """Kind -> net, each loaded once; raises PackMissing, naming the kind. `waiting` may raise Cancelled."""
        ...


class Parts(Protocol):
    """Finds what other packs put on a painter: LoRAs, VAEs, IP-Adapters, embeddings."""

    def file(self, role: str, id: str) -> Path:
        """The file or folder that plays a role in a pack; raises PackMissing, or BadInput where it does not fit the painter."""
        ...

    def words(self, id: str) -> tuple[str, ...]:
        """The words that an embedding answers to in a prompt."""
        ...


class Captioner(Protocol):
    """Describes pictures."""

    name: str

    def __call__(self, pictures: list[Image.Image]) -> list[str]:
        """One caption for each RGB picture."""
        ...


class Answerer(Protocol):
    """Answers questions about pictures. A pack has one by naming its folder as the role `answerer`."""

    name: str

    def __call__(self, picture: Image.Image, question: str) -> str:
        """What it says to one question about an RGB picture, in a few words; "" where it has none."""
        ...


class Encoder(Protocol):
    """Puts pictures and words into one space. `name` is the pack and a hash: vectors of another name do not compare."""

    name: str

    def pictures(self, pictures: list[Image.Image]) -> np.ndarray:
        """(n, d) float32, unit length, for RGB pictures."""
        ...

    def words(self, texts: list[str]) -> np.ndarray:
        """(n, d) float32, unit length."""
        ...
