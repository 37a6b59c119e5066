"""How artworks are related and how they differ, in plain words: for the tree and the comparison. It draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.domain.artwork import Artwork, Relative
from studio.domain.control import BALANCES, CONTROLS, Control
from studio.domain.recipe import METHODS, SAMPLERS, TASKS, Recipe
from studio.gallery.keeping.lineage import Lineage

ROLES = {"source": "Source", "mask": "Mask", "made from": "Made from"}
NOTHING = "—"


def role(name: str) -> str:
    """What a relative was used as, in a word: "Source", "Pose"."""
    return ROLES.get(name) or (CONTROLS[name].label if name in CONTROLS else name[:1].upper() + name[1:])


def made(artwork: Artwork) -> str:
    """How an artwork came to be, in a word or two: "Fill", "Pose map", "Imported"."""
    if artwork.kind == "map":
        return f"{CONTROLS[artwork.map.kind].label} map" if artwork.map is not None else "Map"
    if artwork.kind == "mask":
        return "Mask"
    if artwork.recipe is None:
        return "Imported" if artwork.kind == "imported" else "Painted"
    return TASKS[artwork.recipe.task]


def tree(lineage: Lineage) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Nodes and edges as the tree wants them. What was deleted for good has a number below 0, and cannot be opened."""
    ids = {
        node.sha256: node.artwork.id if node.artwork is not None else -place
        for place, node in enumerate(lineage.nodes, start=1)
    }
    nodes = [
        {
            "id": ids[node.sha256],
            "src": f"/thumbs/{node.artwork.id}" if node.artwork is not None else "",
            "alt": node.artwork.alt if node.artwork is not None else "Deleted",
            "label": made(node.artwork) if node.artwork is not None else "Deleted",
            "gone": node.artwork is None,
        }
        for node in lineage.nodes
    ]
    edges = [
        {"from": ids[edge.parent], "to": ids[edge.child], "role": role(edge.role)}
        for edge in lineage.edges
        if edge.parent in ids and edge.child in ids
    ]
    return nodes, edges


def control_words(control: Control) -> str:
    """One control in a few words: "Pose, weight 0.8, 0 to 80 %"."""
    said = [CONTROLS[control.kind].label]
    if control.weight != 1:
        said.append(f"weight {control.weight:g}")
    if (control.start, control.end) != (0, 1):
        said.append(f"{control.start:.0%} to {control.end:.0%}")
    if control.balance != "balanced":
        said.append(BALANCES[control.balance][:1].lower() + BALANCES[control.balance][1:])
    return ", ".join(said)


def fields(recipe: Recipe | None) -> dict[str, str]:
    """A recipe's fields in words, in the order a painter asks for them; only what its task uses."""
    if recipe is None:
        return {}
    said = {
        "Task": TASKS[recipe.task],
        "Prompt": recipe.prompt or NOTHING,
        "Without": recipe.negative or NOTHING,
        "Pack": recipe.pack,
        "Size": f"{recipe.width} × {recipe.height}",
        "Steps": str(recipe.steps),
        "Guidance": f"{recipe.guidance:g}",
        "Sampler": SAMPLERS[recipe.sampler],
        "Seed": str(recipe.seed),
    }
    if recipe.task != "create":
        said["Strength"] = f"{recipe.strength:g}"
    if recipe.task == "inpaint":
        said["Feather"] = f"{recipe.feather} pixels"
    if any(recipe.extend):
        left, top, right, bottom = recipe.extend
        sides = (("left", left), ("up", top), ("right", right), ("down", bottom))
        said["Extended"] = ", ".join(f"{name} {count}" for name, count in sides if count)
    if recipe.factor > 1:
        how = f"with {recipe.upscaler}" if recipe.upscaler else METHODS[recipe.method]
        said["Enlarged"] = f"{recipe.factor}× {how}"
    if recipe.hires > 1:
        said["Second pass"] = f"{recipe.hires:g}×, strength {recipe.hires_strength:g}"
    if recipe.controls:
        said["Guided by"] = "; ".join(control_words(control) for control in recipe.controls)
    if recipe.loras:
        said["LoRA"] = ", ".join(f"{lora.name} {lora.weight:g}" for lora in recipe.loras)
    if recipe.reference:
        said["Reference"] = f"weight {recipe.reference_weight:g}, read by {recipe.adapter}"
    return said


def differences(one: Recipe | None, two: Recipe | None) -> list[tuple[str, str, str]]:
    """Where two recipes differ: label, the first one's value, the second one's; empty when they say the same."""
    before, after = fields(one), fields(two)
    labels = [*before, *(label for label in after if label not in before)]
    return [
        (label, before.get(label, NOTHING), after.get(label, NOTHING))
        for label in labels
        if before.get(label) != after.get(label)
    ]


def comparable(parents: Sequence[Relative], children: Sequence[Relative]) -> list[tuple[str, Artwork]]:
    """Whom a picture can be compared with at once, nearest first: its source, what it was made from, its maps, its children."""
    order = {"source": 0, "made from": 1}
    found: dict[int, tuple[str, Artwork]] = {}
    for relative in sorted(parents, key=lambda one: order.get(one.role, 2)):
        if relative.artwork is not None and relative.role != "mask":
            found.setdefault(relative.artwork.id, (role(relative.role), relative.artwork))
    for relative in children:
        if relative.artwork is not None and relative.artwork.kind != "mask":
            found.setdefault(relative.artwork.id, ("Led to", relative.artwork))
    return list(found.values())
