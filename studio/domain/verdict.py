"""Verdict and Cleared: what the gate decides, and the proof that it did. Nothing here decides anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, final

from PIL import Image

SEAL: Final = object()  # imported by studio/safety/gate.py alone (tests/test_architecture.py)


@dataclass(frozen=True)
class Verdict:
    """What the gate thinks of a prompt or a picture.

    `margin` is how far the closest score stays below its threshold (negative: above, so refused), in the checker's units
    (cosine); None where nothing was measured. `scores` names each score over its threshold's distance.
    """

    allowed: bool
    reasons: tuple[str, ...] = ()
    margin: float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    checker: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return {
            "allowed": self.allowed,
            "reasons": list(self.reasons),
            "margin": self.margin,
            "scores": dict(self.scores),
            "checker": self.checker,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        """Read `to_dict` back. A missing `allowed` reads as refused."""
        return cls(
            allowed=data.get("allowed") is True,
            reasons=tuple(data.get("reasons", ())),
            margin=data.get("margin"),
            scores=dict(data.get("scores", {})),
            checker=data.get("checker", ""),
        )


@final
class Cleared:
    """A picture that the gate let through; only the gate can make one.

    Holds its own immutable copy of the pixels, so that nobody can paint over a picture after it was checked.
    `original`, where given, is the very file the pixels were decoded from (still pictures only), kept byte for byte, and its
    SHA-256.
    """

    __slots__ = ("_mode", "_original", "_pixels", "_seal", "_size", "_verdict")
    _mode: str
    _size: tuple[int, int]
    _pixels: bytes
    _verdict: Verdict
    _original: tuple[bytes, str] | None

    def __init__(
        self, picture: Image.Image, verdict: Verdict, *, seal: object, original: tuple[bytes, str] | None = None
    ) -> None:
        if seal is not SEAL:
            raise TypeError("Only the gate can clear a picture; hand it to Gate.picture().")
        if not verdict.allowed:
            raise TypeError("A refused picture cannot be cleared.")
        for name, value in (
            ("_mode", picture.mode),
            ("_size", picture.size),
            ("_pixels", picture.tobytes()),
            ("_verdict", verdict),
            ("_original", original),
            ("_seal", seal),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("A cleared picture cannot be changed; clear the new one instead.")

    def __init_subclass__(cls) -> None:
        raise TypeError("Cleared cannot be subclassed.")

    def __reduce__(self) -> str:
        raise TypeError("A cleared picture cannot be pickled; save it in the gallery.")

    @property
    def picture(self) -> Image.Image:
        """A fresh copy of the pixels, mode RGB or RGBA."""
        return Image.frombytes(self._mode, self._size, self._pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._size

    @property
    def verdict(self) -> Verdict:
        """Why it was let through, and by what margin."""
        return self._verdict

    @property
    def original(self) -> bytes | None:
        """The file it came from, byte for byte, or None for a painted picture."""
        return self._original[0] if self._original else None

    @property
    def original_sha256(self) -> str:
        """The SHA-256 of `original`; empty for a painted picture."""
        return self._original[1] if self._original else ""


def require_cleared(value: object) -> Cleared:
    """Return `value` if the gate made it; otherwise TypeError. Every writer calls this first."""
    if type(value) is not Cleared or getattr(value, "_seal", None) is not SEAL:
        raise TypeError("This door takes pictures that the gate has cleared, and nothing else.")
    return value
