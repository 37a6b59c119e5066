"""Control: the kinds of control maps, one use of a map in a recipe, and what a map is. It never draws or loads one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from studio.domain.errors import BadInput
from studio.domain.pose import Figure, figures_of

BALANCES = {
    "balanced": "Balanced",
    "prompt": "The prompt matters more",
    "control": "The control matters more",
}


# Which of a union's inputs a kind of map is; as its makers number them (huggingface.co/xinsir/controlnet-union-sdxl-1.0)
UNION = {
    "pose": 0, "depth": 1, "softedge": 2, "scribble": 2, "canny": 3, "lineart": 3, "normal": 4, "segmentation": 5, "tile": 6,
}  # fmt: skip
UNION_INPUTS = 6  # that every union has; later ones have more


@dataclass(frozen=True)
class Parameter:
    """One slider or switch of an annotator: `low` to `high` in steps; a switch runs from 0 to 1 in steps of 1."""

    name: str
    label: str
    low: float
    high: float
    default: float
    step: float = 1.0
    help: str = ""

    @property
    def switch(self) -> bool:
        """Whether it is on or off."""
        return (self.low, self.high, self.step) == (0, 1, 1)


@dataclass(frozen=True)
class Kind:
    """What a kind of map is: its label, one line, the pack role it `needs` ("" for none), its annotator's parameters."""

    name: str
    label: str
    explanation: str
    needs: str = ""
    parameters: tuple[Parameter, ...] = ()


def _switch(name: str, label: str, help: str = "") -> Parameter:
    return Parameter(name, label, 0, 1, 0, 1, help)


_INVERT = _switch("invert", "Invert", "Swap light and dark.")
_BLUR = Parameter("blur", "Blur", 0, 8, 0, 0.5, "Smooths the map, in pixels.")
_CONTRAST = Parameter("contrast", "Contrast", 0.2, 3, 1, 0.1, "Above 1 pulls near and far, or strong and weak, apart.")
_THRESHOLD = Parameter("threshold", "Threshold", 0, 255, 0, 1, "Weaker lines go; 0 keeps all.")

_KINDS = (
    Kind("pose", "Pose", "Where a figure's joints are: paints a figure in the same pose.", "pose"),
    Kind(
        "depth", "Depth", "What is near and what is far: keeps the room and the shapes.", "depth",
        (
            Parameter("near", "Near", 0, 1, 1, 0.05, "Everything nearer than this counts as nearest."),
            Parameter("far", "Far", 0, 1, 0, 0.05, "Everything farther than this counts as farthest."),
            _CONTRAST, _BLUR, _INVERT,
        ),
    ),
    Kind(
        "canny", "Edges", "Thin, hard outlines: keeps every contour.", "",
        (
            Parameter("low", "Weak edges", 0, 255, 100, 1, "Lower finds more of them."),
            Parameter("high", "Strong edges", 0, 255, 200, 1, "Lines begin where an edge is this strong."),
            _BLUR, _INVERT,
        ),
    ),
    Kind(
        "lineart", "Line art", "Soft drawn lines, as with a pencil.", "",
        (
            Parameter("sigma", "Softness", 1, 10, 6, 0.5, "How wide a neighbourhood a line stands out from."),
            Parameter("intensity", "Strength", 1, 24, 8, 1, "Higher hides weak lines."),
            _CONTRAST, _INVERT,
        ),
    ),
    Kind(
        "softedge", "Soft edges", "Broad, blurred outlines: keeps the composition, frees the detail.", "",
        (_CONTRAST, Parameter("blur", "Blur", 0, 8, 2, 0.5, "Smooths the map, in pixels."), _THRESHOLD, _INVERT),
    ),
    Kind(
        "scribble", "Scribble", "A few rough strokes, as drawn by hand.", "",
        (Parameter("threshold", "Threshold", 0, 255, 96, 1, "Weaker lines go."), _INVERT),
    ),
    Kind("normal", "Surface", "Which way each surface faces, from the depth.", "depth", (_BLUR,)),
    Kind("segmentation", "Regions", "What each region is, by colour.", "segments"),
    Kind("shuffle", "Shuffle", "The colours and mood, with the shapes stirred.", "",
         (Parameter("amount", "Stirring", 16, 512, 256, 16, "How far things move, in pixels of a picture 512 wide."),)),
    Kind("tile", "Tile", "The picture itself, blurred: adds detail and keeps the rest.", "",
         (Parameter("blur", "Blur", 0, 16, 2, 0.5, "How much detail is taken away first."),)),
)  # fmt: skip
CONTROLS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
KINDS = tuple(CONTROLS)


def kind_of(name: str) -> Kind:
    """The kind of that name; raises BadInput, naming those there are."""
    if name not in CONTROLS:
        raise BadInput("controls", f"There is no control named {name!r}; choose one of {', '.join(KINDS)}.")
    return CONTROLS[name]


def parameters_of(name: str, given: dict[str, Any]) -> dict[str, float]:
    """Every parameter of a kind, the given ones checked, the rest by default; raises BadInput, naming the parameter."""
    kind = kind_of(name)
    values = {parameter.name: float(parameter.default) for parameter in kind.parameters}
    for key, value in given.items():
        parameter = next((one for one in kind.parameters if one.name == key), None)
        if parameter is None:
            known = ", ".join(values) or "none"
            raise BadInput(key, f"{kind.label} has no setting named {key!r} (it has: {known}).")
        number = float(value) if isinstance(value, bool) and parameter.switch else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise BadInput(key, f"{parameter.label} must be a number between {parameter.low:g} and {parameter.high:g}.")
        if not parameter.low <= number <= parameter.high:
            raise BadInput(
                key, f"{parameter.label} must be between {parameter.low:g} and {parameter.high:g}; {number:g} is not."
            )
        values[key] = float(number)
    return values


@dataclass(frozen=True)
class Control:
    """One control map in a recipe.

    `source` is the SHA-256 of the map's file; `weight` runs from 0 to 2; `start` and `end` are fractions of the steps, 0 to
    1. `balance` says what wins where prompt and map disagree.
    """

    kind: str
    source: str
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    balance: str = "balanced"

    def __post_init__(self) -> None:
        kind_of(self.kind)
        for name in ("weight", "start", "end"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise BadInput("controls", f"A control's {name} must be a number.")
        if not 0 <= self.weight <= 2:
            raise BadInput("controls", "A control's weight must be between 0 and 2.")
        if not 0 <= self.start < self.end <= 1:
            raise BadInput("controls", "A control must start before it ends, both between 0 and 1.")
        if self.balance not in BALANCES:
            raise BadInput("controls", f"A control's balance is one of {', '.join(BALANCES)}.")


@dataclass(frozen=True)
class ControlMap:
    """What is known of a map beside its pixels: its kind, the annotator's parameters, and a pose's figures.

    An empty `parameters` with `as_is` means that somebody brought the map along ready made.
    """

    kind: str
    parameters: dict[str, float] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    as_is: bool = False

    def __post_init__(self) -> None:
        kind_of(self.kind)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        figures = [[list(point) if point else None for point in figure] for figure in self.figures]
        return {"kind": self.kind, "parameters": dict(self.parameters), "figures": figures, "as_is": self.as_is}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ControlMap:
        """Read `to_dict` back; raises BadInput."""
        try:
            return cls(
                kind=data["kind"],
                parameters={str(name): float(value) for name, value in data.get("parameters", {}).items()},
                figures=figures_of(data.get("figures", [])),
                as_is=data.get("as_is") is True,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput("map", f"What is kept of this control map cannot be read ({error}).") from error
