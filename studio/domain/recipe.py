"""Recipe: everything that decides a picture, frozen, checked and serialisable. It never loads a model or a file."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from studio.domain.control import Control
from studio.domain.errors import BadInput

VERSION = 1
# Task -> what the button that does it says
TASKS = {"create": "Paint", "vary": "Vary", "inpaint": "Fill", "outpaint": "Extend", "enlarge": "Enlarge"}
# Our name -> what it is called elsewhere. The painter holds the scheduler classes.
SAMPLERS = {
    "dpm++ 2m": "DPM++ 2M",
    "dpm++ 2m karras": "DPM++ 2M Karras",
    "dpm++ 2m exponential": "DPM++ 2M Exponential",
    "dpm++ 2m sgm uniform": "DPM++ 2M SGM Uniform",
    "dpm++ 2m sde": "DPM++ 2M SDE",
    "dpm++ 2m sde karras": "DPM++ 2M SDE Karras",
    "dpm++ 2m sde exponential": "DPM++ 2M SDE Exponential",
    "dpm++ 2m sde sgm uniform": "DPM++ 2M SDE SGM Uniform",
    "dpm++ 3m": "DPM++ 3M",
    "dpm++ 3m karras": "DPM++ 3M Karras",
    "dpm++ 3m exponential": "DPM++ 3M Exponential",
    "dpm++ 2s": "DPM++ 2S",
    "dpm++ 2s karras": "DPM++ 2S Karras",
    "dpm++ sde": "DPM++ SDE",
    "dpm++ sde karras": "DPM++ SDE Karras",
    "dpm2": "DPM2",
    "dpm2 karras": "DPM2 Karras",
    "dpm2 a": "DPM2 a",
    "dpm2 a karras": "DPM2 a Karras",
    "euler": "Euler",
    "euler karras": "Euler Karras",
    "euler exponential": "Euler Exponential",
    "euler sgm uniform": "Euler SGM Uniform",
    "euler a": "Euler a",
    "euler a sgm uniform": "Euler a SGM Uniform",
    "heun": "Heun",
    "heun karras": "Heun Karras",
    "lms": "LMS",
    "lms karras": "LMS Karras",
    "deis": "DEIS",
    "deis karras": "DEIS Karras",
    "unipc": "UniPC",
    "unipc karras": "UniPC Karras",
    "unipc sgm uniform": "UniPC SGM Uniform",
    "ddim": "DDIM",
    "ddim sgm uniform": "DDIM SGM Uniform",
    "pndm": "PLMS",
    "lcm": "LCM",
}
PROMPT_LIMIT = 4_000  # characters; a 77-token model sees about 300 of them
SIZE_RANGE = (64, 2_048)  # pixels
SIZE_STEP = 8  # the VAE's factor
STEPS_RANGE = (1, 150)
GUIDANCE_RANGE = (0.0, 30.0)
COUNT_RANGE = (1, 8)
FEATHER_RANGE = (0, 64)  # pixels
EXTEND_LIMIT = 1_024  # pixels on each side
FACTORS = (2, 4)
# How to enlarge: our name -> what it does. `repaint` paints each tile once more, so that detail is made up, not only stretched.
# `model` asks an upscaler, a small network made for nothing else.
METHODS = {"repaint": "Repaint", "model": "Upscaler", "lanczos": "Lanczos", "bicubic": "Bicubic", "nearest": "Nearest"}
HIRES_RANGE = (1.0, 4.0)
# Of a second, larger pass and of enlarging, where nothing else is said; from .35 on Storybook makes up fragments
REPAINT_STRENGTH = 0.2
MOST_CONTROLS = 6
MOST_LORAS = 8
MOST_EMBEDDINGS = 8
CLIP_SKIP_RANGE = (1, 12)
SEED_LIMIT = 2**63  # exclusive; what SQLite and torch both hold
_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Lora:
    """One LoRA in a recipe: its name on the shelf and its weight (-2 to 2)."""

    name: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and -2 <= self.weight <= 2):
            raise BadInput("loras", "A LoRA's weight must be between -2 and 2.")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a picture.

    Sizes are pixels (multiples of 8), `guidance` is the classifier-free guidance scale, `strength` the share of noise put on
    the source (0 to 1). `source` and `mask` are SHA-256 names. With `count` above 1 picture i is painted with seed + i.

    `width` and `height` are the size of what is created or varied. A filled picture has its source's size, an extended one
    that and `extend` (left, top, right, bottom pixels), an enlarged one its source's times `factor`; for these three `width`
    and `height` are the piece that the model works on at a time. White in the mask is painted; `feather` pixels inside its
    edge are blended. `hires` above 1 paints a created picture once more, that much larger, at `hires_strength`.

    `loras`, `embeddings`, `vae` and `adapter` name packs; an empty `vae` is the painter's own. An embedding is spoken of in the
    prompt by its own words. `clip_skip` counts as other studios do: 1 reads the text encoder's last layer, 2 the one before.
    `reference` is the SHA-256 of a picture that the `adapter` (an IP-Adapter) reads beside the prompt, `reference_weight` how
    much it says (0 to 2). `upscaler` names the pack that enlarges where the method is "model"; then no painter is asked.
    Raises BadInput, naming the field, for any value out of range.
    """

    prompt: str
    negative: str = ""
    task: str = "create"
    pack: str = "storybook"
    width: int = 128
    height: int = 128
    steps: int = 20
    guidance: float = 4.0
    sampler: str = "dpm++ 2m"
    seed: int = 0
    count: int = 1
    strength: float = 1.0
    source: str | None = None
    mask: str | None = None
    controls: tuple[Control, ...] = ()
    loras: tuple[Lora, ...] = ()
    feather: int = 4
    extend: tuple[int, int, int, int] = (0, 0, 0, 0)
    factor: int = 1
    method: str = "repaint"
    hires: float = 1.0
    hires_strength: float = REPAINT_STRENGTH
    clip_skip: int = 1
    vae: str = ""
    embeddings: tuple[str, ...] = ()
    reference: str | None = None
    reference_weight: float = 0.6
    adapter: str = ""
    upscaler: str = ""

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        _check_text("negative", self.negative)
        if not self.prompt.strip() and self.task != "enlarge":
            raise BadInput("prompt", "The prompt is empty; say in a few words what to paint.")
        if self.task not in TASKS:
            raise BadInput("task", f"There is no task named {self.task!r}; choose one of {', '.join(TASKS)}.")
        if not (isinstance(self.pack, str) and _NAME.fullmatch(self.pack)):
            raise BadInput("pack", f"{self.pack!r} is not the name of a pack; the Shelf page lists them.")
        for name in ("width", "height"):
            _check_int(name, getattr(self, name), *SIZE_RANGE, unit=" pixels")
            if getattr(self, name) % SIZE_STEP:
                raise BadInput(name, f"The {name} must be a multiple of {SIZE_STEP}; {getattr(self, name)} is not.")
        _check_int("steps", self.steps, *STEPS_RANGE)
        _check_number("guidance", self.guidance, *GUIDANCE_RANGE)
        _check_number("strength", self.strength, 0.0, 1.0)
        _check_int("count", self.count, *COUNT_RANGE)
        if self.sampler not in SAMPLERS:
            raise BadInput(
                "sampler", f"There is no sampler named {self.sampler!r}; choose one of {', '.join(SAMPLERS)}."
            )
        _check_int("seed", self.seed, 0, SEED_LIMIT - COUNT_RANGE[1])
        for name in ("source", "mask", "reference"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and _HASH.fullmatch(value)):
                raise BadInput(name, f"The {name} must be the SHA-256 of a picture in the gallery.")
        if len(self.controls) > MOST_CONTROLS:
            raise BadInput("controls", f"There are {len(self.controls)} controls; {MOST_CONTROLS} is the most.")
        _check_int("feather", self.feather, *FEATHER_RANGE, unit=" pixels")
        _check_number("hires", self.hires, *HIRES_RANGE)
        _check_number("hires_strength", self.hires_strength, 0.0, 1.0)
        self._check_parts()
        self._check_task()

    def _check_parts(self) -> None:
        """What is put on the pack for this picture."""
        if len(self.loras) > MOST_LORAS:
            raise BadInput("loras", f"There are {len(self.loras)} LoRAs; {MOST_LORAS} is the most.")
        if len({lora.name for lora in self.loras}) < len(self.loras):
            raise BadInput("loras", "A LoRA is named twice; give it one weight.")
        if not isinstance(self.embeddings, tuple):
            raise BadInput("embeddings", "The embeddings must be a list of names of packs.")
        if len(self.embeddings) > MOST_EMBEDDINGS:
            raise BadInput("embeddings", f"There are {len(self.embeddings)} embeddings; {MOST_EMBEDDINGS} is the most.")
        named = [("embeddings", name) for name in self.embeddings]
        named += [(field, getattr(self, field)) for field in ("vae", "adapter", "upscaler") if getattr(self, field)]
        for field, name in named:
            if not (isinstance(name, str) and _NAME.fullmatch(name)):
                raise BadInput(field, f"{name!r} is not the name of a pack; the Shelf page lists them.")
        _check_int("clip_skip", self.clip_skip, *CLIP_SKIP_RANGE)
        _check_number("reference_weight", self.reference_weight, 0.0, 2.0)
        if self.reference is not None and not self.adapter:
            raise BadInput("adapter", "To use a reference picture, choose the IP-Adapter that reads it.")
        if self.adapter and self.reference is None:
            raise BadInput("reference", "The IP-Adapter has nothing to read; choose a reference picture.")

    def _check_task(self) -> None:
        """What the task needs, and what it has no use for."""
        if self.task != "create" and self.source is None:
            raise BadInput("source", f"To {TASKS[self.task].lower()} a picture, choose the source first.")
        if self.task == "inpaint" and self.mask is None:
            raise BadInput("mask", "To fill a part of a picture, brush a mask over it first.")
        if len(self.extend) != 4:
            raise BadInput("extend", "A picture is extended on four sides: left, top, right, bottom.")
        for side in self.extend:
            _check_int("extend", side, 0, EXTEND_LIMIT, unit=" pixels")
            if side % SIZE_STEP:
                raise BadInput("extend", f"A picture is extended by multiples of {SIZE_STEP} pixels; {side} is none.")
        if any(self.extend) != (self.task == "outpaint"):
            raise BadInput("extend", "To extend a picture, say on which side and by how much; nothing else uses that.")
        if self.method not in METHODS:
            raise BadInput("method", f"There is no way to enlarge named {self.method!r}: {', '.join(METHODS)}.")
        if self.method == "model" and not self.upscaler:
            raise BadInput("upscaler", "To enlarge with an upscaler, choose which; the Shelf page has some.")
        if self.upscaler and (self.method != "model" or self.task != "enlarge"):
            raise BadInput("upscaler", "An upscaler only enlarges, by the method of that name; take it out.")
        if (self.factor in FACTORS) != (self.task == "enlarge") or self.factor not in (1, *FACTORS):
            raise BadInput("factor", "A picture is enlarged by 2 or 4; nothing else has a factor.")
        if self.hires > 1 and self.task != "create":
            raise BadInput("hires", "Only a picture made from words alone has a second, larger pass; enlarge this one.")

    def with_seed(self, seed: int) -> Recipe:
        """The recipe of one picture of this batch."""
        return dataclasses.replace(self, seed=seed, count=1)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict with the format's version."""
        return {"version": VERSION, **dataclasses.asdict(self)}

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, so that equal recipes are equal bytes."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        """Read a recipe back; raises BadInput for unknown keys, a newer version or any bad value."""
        if not isinstance(data, dict):
            raise BadInput("recipe", "A recipe must be a JSON object.")
        fields = dict(data)
        version = fields.pop("version", VERSION)
        if version != VERSION:
            raise BadInput("version", f"This recipe is of version {version!r}; this Easel reads version {VERSION}.")
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        if unknown:
            raise BadInput(unknown[0], f"A recipe has no field named {unknown[0]!r}.")
        if "prompt" not in fields:
            raise BadInput("prompt", "The recipe has no prompt.")
        try:
            if "controls" in fields:
                fields["controls"] = tuple(Control(**control) for control in fields["controls"])
            if "extend" in fields:
                fields["extend"] = tuple(fields["extend"])
            if "loras" in fields:
                fields["loras"] = tuple(Lora(**lora) for lora in fields["loras"])
            if isinstance(fields.get("embeddings"), list):
                fields["embeddings"] = tuple(fields["embeddings"])
        except TypeError as error:
            raise BadInput(
                "controls", f"A control, LoRA or extension of this recipe cannot be read ({error})."
            ) from error
        return cls(**fields)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read `to_json` back; raises BadInput."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise BadInput("recipe", f"The recipe is not JSON ({error}).") from error
        return cls.from_dict(data)


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadInput(field, f"The {field} must be text.")
    if len(value) > PROMPT_LIMIT:
        raise BadInput(field, f"The {field} has {len(value):,} characters; {PROMPT_LIMIT:,} is the most it can have.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput(field, f"The {field} holds a broken character at place {error.start + 1}; delete it.") from error


def _check_int(field: str, value: object, low: int, high: int, *, unit: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(field, f"The {field} must be a whole number between {low:,} and {high:,}{unit}.")
    if not low <= value <= high:
        shown = f"{value:,}" if abs(value) < 10**20 else "this number"
        raise BadInput(field, f"The {field} must be between {low:,} and {high:,}{unit}; {shown} is not.")


def _check_number(field: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(field, f"The {field} must be a number between {low:g} and {high:g}.")
    if not low <= value <= high:
        raise BadInput(field, f"The {field} must be between {low:g} and {high:g}; {value:g} is not.")
