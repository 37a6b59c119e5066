"""What the fields of the Guide page mean: fields and sheet to recipes, sizes, labels and sentences. It draws nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from studio.domain.amounts import counted
from studio.domain.artwork import Artwork
from studio.domain.control import CONTROLS, Control
from studio.domain.errors import BadInput
from studio.domain.recipe import (
    EXTEND_LIMIT,
    FACTORS,
    FEATHER_RANGE,
    METHODS,
    REPAINT_STRENGTH,
    SIZE_STEP,
    TASKS,
    Recipe,
)
from studio.packs.manifest import Manifest
from studio.ui import forms
from studio.ui.guide import masks
from studio.ui.guide.sheet import GUIDED, Aid, Sheet

# Task -> what the page calls it; the button says what TASKS says
MODES = {"create": "Guide", **{task: verb for task, verb in TASKS.items() if task != "create"}}
STRENGTHS = {"A touch": 0.3, "Half": 0.55, "Mostly new": 0.8}
SERIES = (2, 6)  # how many strengths may be tried at once
SIDES = {"Left": 0, "Up": 1, "Right": 2, "Down": 3}  # side -> its place in a recipe's `extend`
WHOLE = 0.995  # a mask that covers this share covers all
FIRST_KINDS = ("pose", "depth", "canny")  # shown first; the other kinds are under More
PLACEHOLDER = "0" * 64  # stands for the map that is still to be drawn, so that the rest can be checked before


class GuideFields(forms.Fields):
    """What the Guide page holds, as typed: what Create holds, and what each task adds to it."""

    task: str
    fill: str
    strength: float
    several: bool
    strength_to: float
    series: int
    fill_strength: float
    feather: int
    select: str
    sides: list[str]
    extend_by: int
    factor: int
    method: str
    upscaler: str
    enlarge_strength: float


def defaults(manifest: Manifest) -> GuideFields:
    """Where a newcomer begins with this pack."""
    return {
        **forms.defaults(manifest),
        "task": "create",
        "fill": "",
        "strength": STRENGTHS["Half"],
        "several": False,
        "strength_to": STRENGTHS["Mostly new"],
        "series": 3,
        "fill_strength": 1.0,
        "feather": 4,
        "select": "",
        "sides": ["Right"],
        "extend_by": 64,
        "factor": FACTORS[0],
        "method": next(iter(METHODS)),
        "upscaler": "",
        "enlarge_strength": REPAINT_STRENGTH,
    }


_OFFERED: dict[str, Sequence[Any]] = {"task": tuple(MODES), "factor": FACTORS, "method": tuple(METHODS)}
_BOUNDS = {
    "strength": (0.0, 1.0),
    "strength_to": (0.0, 1.0),
    "series": SERIES,
    "fill_strength": (0.0, 1.0),
    "feather": FEATHER_RANGE,
    "extend_by": (SIZE_STEP, EXTEND_LIMIT),
    "enlarge_strength": (0.0, 1.0),
}


def restore(draft: Mapping[str, Any] | None, manifest: Manifest) -> GuideFields:
    """The fields of a kept draft; what cannot be used any more becomes the default, and the rest stays."""
    kept = dict(draft) if isinstance(draft, Mapping) else {}
    fields: dict[str, Any] = {**defaults(manifest), **forms.restore(kept, manifest)}
    for name in ("fill", "select", "upscaler"):
        if isinstance(kept.get(name), str):
            fields[name] = kept[name]
    for name, offered in _OFFERED.items():
        if kept.get(name) in offered:
            fields[name] = kept[name]
    for name, (low, high) in _BOUNDS.items():
        value, default = kept.get(name), fields[name]
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            fields[name] = type(default)(value)
    fields["several"] = kept.get("several") is True
    if isinstance(kept.get("sides"), list):
        fields["sides"] = [side for side in SIDES if side in kept["sides"]]
    return fields  # type: ignore[return-value]


# --- what the source brings along ---------------------------------------------------------------------------------------


def prompt_for(artwork: Artwork) -> str:
    """The words for a whole picture: its recipe's where they spoke of all of it, else its caption."""
    recipe = artwork.recipe
    if recipe is not None and recipe.task in ("create", "vary") and recipe.prompt:
        return recipe.prompt
    return artwork.caption or artwork.prompt or (recipe.prompt if recipe else "")


def size_near(sizes: Sequence[tuple[int, int]], width: int, height: int) -> tuple[int, int]:
    """The offered size whose shape is nearest to the given one; the first of equals, for it is what the pack does best."""
    return min(sizes, key=lambda size: abs(size[0] / size[1] - width / height))


def fields_from(artwork: Artwork, manifest: Manifest, before: GuideFields, filled: str) -> dict[str, Any]:
    """The fields that change when this picture becomes the source.

    `filled` is what the last source brought along: a prompt that somebody typed or changed is never replaced.
    """
    changes: dict[str, Any] = {"size": forms.size_name(*size_near(manifest.sizes, artwork.width, artwork.height))}
    if before["prompt"].strip() in ("", filled.strip()):
        changes["prompt"] = prompt_for(artwork)
    return changes


# --- fields to recipes ------------------------------------------------------------------------------------------------


def paints(task: str, method: str) -> bool:
    """Whether the task asks the model; an ordinary resampler does not."""
    return task != "enlarge" or method == "repaint"


def methods(upscalers: Collection[str]) -> dict[str, str]:
    """How a picture can be enlarged here, method -> label; an upscaler only where one is installed."""
    return {name: label for name, label in METHODS.items() if name != "model" or upscalers}


def with_upscaler(fields: GuideFields, upscalers: Collection[str]) -> dict[str, Any]:
    """The fields that change so that what is chosen is here: the first upscaler, or another way where there is none."""
    if not upscalers:
        return {"method": next(iter(METHODS))} if fields["method"] == "model" else {}
    return {} if fields["upscaler"] in upscalers else {"upscaler": next(iter(upscalers))}


def extension(fields: GuideFields) -> tuple[int, int, int, int]:
    """Pixels on the left, top, right and bottom; raises BadInput when no side is chosen."""
    if not fields["sides"]:
        raise BadInput("extend", "Choose at least one side to extend.")
    sides = [0, 0, 0, 0]
    for side in fields["sides"]:
        sides[SIDES[side]] = max(SIZE_STEP, round(fields["extend_by"] / SIZE_STEP) * SIZE_STEP)
    return sides[0], sides[1], sides[2], sides[3]


def strengths(fields: GuideFields) -> list[float]:
    """The strengths to vary with: one, or several at even distances between the two chosen ones."""
    if not fields["several"]:
        return [fields["strength"]]
    low, high = sorted((fields["strength"], fields["strength_to"]))
    if high - low < 0.01:
        raise BadInput("strength", "The two strengths are the same; pull them apart, or switch the series off.")
    count = fields["series"]
    return [round(low + (high - low) * place / (count - 1), 2) for place in range(count)]


def strength_word(strength: float) -> str | None:
    """The word that means exactly this strength, if one does."""
    return next((word for word, value in STRENGTHS.items() if abs(value - strength) < 0.005), None)


def recipes_of(
    fields: GuideFields, source: Artwork | None, *, seed: int, mask: str | None, controls: tuple[Control, ...]
) -> list[Recipe]:
    """The recipes that the page asks for, one a job; raises BadInput, naming the field.

    `mask` is the SHA-256 of the mask's file. Only a series of strengths gives more than one.
    """
    task = fields["task"]
    if task == "create" and not controls and not fields["reference"]:
        raise BadInput("controls", "Nothing guides this picture yet; add a pose, depth or edges first.")
    width, height = forms.size_of(fields["size"])
    asked: dict[str, Any] = {
        "prompt": fields["fill"] if task == "inpaint" else fields["prompt"],
        "negative": fields["negative"],
        "task": task,
        "pack": fields["pack"],
        "width": width,
        "height": height,
        "steps": fields["steps"],
        "guidance": fields["guidance"],
        "sampler": fields["sampler"],
        "seed": seed,
        "count": fields["count"],
        "source": source.sha256 if source is not None and task != "create" else None,
        "controls": controls if task in GUIDED else (),
        **(forms.parts_of(fields) if paints(task, fields["method"]) else {}),
    }
    if task == "inpaint":
        if not fields["fill"].strip():
            raise BadInput("fill", "Say in a few words what should be there.")
        asked |= {"mask": mask, "feather": fields["feather"], "strength": fields["fill_strength"]}
    elif task == "outpaint":
        asked["extend"] = extension(fields)
    elif task == "enlarge":
        asked |= {
            "factor": fields["factor"],
            "method": fields["method"],
            "upscaler": fields["upscaler"] if fields["method"] == "model" else "",
            "strength": fields["enlarge_strength"],
            "count": 1,
        }
    if task == "vary":
        steps = strengths(fields)
        count = 1 if len(steps) > 1 else fields["count"]
        return [Recipe(**{**asked, "strength": strength, "count": count}) for strength in steps]
    return [Recipe(**asked)]


def check(fields: GuideFields, sheet: Sheet, source: Artwork | None, found: Mapping[int, int | None]) -> None:
    """Everything that can be said before anything is queued; raises BadInput, naming the field.

    `found` is aid id -> the number of figures in its pose, where that is known.
    """
    controls: tuple[Control, ...] = ()
    if fields["task"] in GUIDED:
        for aid in sheet.aids:
            check_aid(aid, source is not None, found.get(aid.id))
        controls = tuple(aid.control(PLACEHOLDER) for aid in sheet.aids)
    if fields["task"] == "inpaint" and source is not None and not masks.share(sheet.mask):
        raise BadInput("mask", "The mask is empty; brush over what should change, or select it by words.")
    recipes_of(fields, source, seed=0, mask=PLACEHOLDER if sheet.mask else None, controls=controls)


def check_aid(aid: Aid, has_source: bool, figures: int | None) -> None:
    """Whether this aid has something to draw its map from; raises BadInput."""
    label = CONTROLS[aid.kind].label
    if aid.ready:
        return
    if aid.kind == "pose" and (figures == 0 or aid.figures == ()):
        raise BadInput("controls", "The pose has no figure; place one in the editor, or remove the pose.")
    if not has_source and aid.figures is None:
        raise BadInput("controls", f"{label} needs a picture to be drawn from; choose a source or use a ready map.")


# --- what the page says -------------------------------------------------------------------------------------------------


def button_label(fields: GuideFields) -> str:
    """What the button will do: "Vary 3"."""
    verb = TASKS[fields["task"]]
    count = fields["count"]
    if fields["task"] == "vary" and fields["several"]:
        count = fields["series"]
    elif fields["task"] == "enlarge":
        return f"{verb} {fields['factor']}×"
    return verb if count == 1 else f"{verb} {count}"


def mask_words(share: float) -> str:
    """One line on the mask: nothing yet, how much, or all of it."""
    if share <= 0:
        return "Nothing is masked yet. Brush over what should change."
    if share >= WHOLE:
        return "The mask covers the whole picture, so all of it will be painted anew."
    return f"{share:.0%} of the picture will be painted anew." if share >= 0.01 else "A spot of the picture is masked."


def outside_words(changed: int | None, task: str) -> str:
    """What was measured on the saved file: "0 pixels changed outside the mask", or of the picture that was extended."""
    if changed is None:
        return ""
    where = "in what was there" if task == "outpaint" else "outside the mask"
    return f"{counted(changed, 'pixel')} changed {where}"


def enlarged_words(source: Artwork, factor: int) -> str:
    """One line on the size before and after."""
    return f"{source.width} × {source.height} becomes {source.width * factor:,} × {source.height * factor:,} pixels."


def lacks(kind: str, roles: Mapping[str, Sequence[str]], pack: str) -> str:
    """Why this kind cannot guide the chosen pack: a sentence, or nothing when it can.

    `roles` is the name of each installed pack -> the roles it has; `pack` is the name of the chosen one.
    """
    role = f"control-{kind}"
    if role in roles.get(pack, ()):
        return ""
    others = [name for name, held in roles.items() if role in held and "painter" in held]
    if others:
        return f"{pack} has no ControlNet for this kind; {', '.join(others)} has one: choose it under More."
    return "Needs a pack with a ControlNet for it; none here has one. The Shelf page lists packs."


def blind(kind: str, roles: Mapping[str, Sequence[str]]) -> str:
    """Why a map of this kind cannot be found in a picture here: a sentence, or nothing when it can."""
    needs = CONTROLS[kind].needs
    if not needs or any(needs in held for held in roles.values()):
        return ""
    if kind == "pose":
        return "No pack here finds poses; place a figure in the editor or use a ready map."
    return f"No pack here draws it from a picture (it needs the part {needs!r}); use a ready map."
