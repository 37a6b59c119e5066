"""ComfyUI's graph: from the sampler that began the picture to its words, numbers, model and size; it runs no node.

A graph is {id: {"class_type": ..., "inputs": {name: value, or [id, output] for a link}}}. It is a stranger's: it may lead in
circles, share nodes so that walks grow without end, or be of any size; every walk here has a budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from studio.gallery.foreign import workflow
from studio.gallery.foreign.samplers import by_name
from studio.gallery.foreign.told import FindLora, Foreign, Worn, no_lora, with_recipe
from studio.gallery.foreign.values import as_object, as_part, model_name, number, pixels, whole, words
from studio.safety.contents import EXIF_KEY

NODES = 20_000  # the most that a graph may have to be walked
_INPUTS = 500  # of a node that are looked at
_PASSES = 20
_VISITS = 2_000  # nodes that are looked at for one text
_DEPTH = 100
_SAVES, _SHOWS = re.compile(r"save", re.IGNORECASE), re.compile(r"preview", re.IGNORECASE)
_PICTURES = ("latent", "sample", "image", "pixels")  # names of inputs that bring the picture itself
_BYSTANDERS = ("clip", "vae", "model", "image", "latent", "control_net", "mask", "pixels", "samples", "style")
_TEXTS = (
    "text",
    "prompt",
    "populated_text",
    "wildcard_text",
    "string",
    "value",
    "input_string",
    "t5xxl",
    "clip_l",
    "text_0",
)
_PIECES = re.compile(r"(?:text|string|str|prompt|conditioning|input)_?(?:[a-z]|to|from|\d{1,2})")
_NUMBERS = ("value", "int", "float", "number", "seed", "noise_seed", "steps", "cfg", "guidance", "width", "height", "a")
_FILES = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "checkpoint", "gguf_name", "ckpt")
# Graphs of these nodes alone say everything that there is to say; any other node may have had a hand in the picture
_PLAIN = {
    "KSampler", "CheckpointLoaderSimple", "CLIPTextEncode", "EmptyLatentImage", "EmptySD3LatentImage", "VAEDecode", "SaveImage",
    "PreviewImage", "LoraLoader", "LoraLoaderModelOnly", "CLIPSetLastLayer",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """One node: its class and its inputs."""

    kind: str
    inputs: dict[str, Any]


Graph = dict[str, Node]


def read(text: dict[str, str], *, lora: FindLora = no_lora) -> Foreign | None:
    """What ComfyUI's graph says; None where there is none."""
    graph = _graph(_told_by(text, "prompt")) or _graph(workflow.as_prompt(_told_by(text, "workflow")))
    if not graph:
        return None
    sampler = _first_pass(graph)
    if sampler is None:  # an enlarged photograph, say: the graph is there, and nothing was painted
        return Foreign(tool="comfy", prompt=_lone_words(graph))
    inputs = graph[sampler].inputs
    guider = _at(graph, inputs.get("guider"))
    said = guider.inputs if guider else inputs
    sigmas, noise = _at(graph, inputs.get("sigmas")), _at(graph, inputs.get("noise"))
    named = _at(graph, inputs.get("sampler"))
    model, loras = _model(graph, said.get("model"))
    plan = (sigmas or graph[sampler]).inputs
    told = Foreign(
        tool="comfy",
        prompt=_words(graph, said.get("positive", said.get("conditioning", said.get("cond1"))), "positive"),
        negative=_words(graph, said.get("negative"), "negative"),
        seed=_seed(graph, (noise.inputs if noise else inputs)),
        model=model,
        sampler=by_name(
            _name(graph, (named.inputs if named else inputs).get("sampler_name")), _name(graph, plan.get("scheduler"))
        ),
        steps=whole(_number(graph, plan.get("steps")), 1, 10_000),
        guidance=_guidance(graph, said),
        size=_size(graph, inputs),
        loras=loras,
    )
    return _with_recipe(graph, sampler, told, lora)


def _told_by(text: dict[str, str], what: str) -> dict[str, Any]:
    """The JSON of "prompt" or "workflow": a text chunk of a PNG, or a field of EXIF that begins with the word (WebP, JPEG)."""
    found = as_object(text.get(what))
    for key, value in text.items():
        if not found and (key.startswith(EXIF_KEY) or key == "UserComment"):
            name, _, body = value.partition(":")
            if name.strip().lower() == what:
                found = as_object(body)
    if not found and what in (around := as_object(text.get("UserComment") or text.get("comment"))):
        inner = around[what]
        found = inner if isinstance(inner, dict) else as_object(inner)
    return found


def _graph(body: dict[str, Any]) -> Graph:
    if len(body) > NODES:
        return {}
    return {
        str(id): Node(words(node.get("class_type"), 200), _few(as_part(node.get("inputs"))))
        for id, node in body.items()
        if isinstance(node, dict) and isinstance(node.get("class_type"), str)
    }


def _few(inputs: dict[str, Any]) -> dict[str, Any]:
    return inputs if len(inputs) <= _INPUTS else dict(list(inputs.items())[:_INPUTS])


def _link(graph: Graph, value: object) -> str | None:
    """The node that a link leads to."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
        return str(value[0]) if str(value[0]) in graph else None
    return None


def _at(graph: Graph, value: object) -> Node | None:
    id = _link(graph, value)
    return graph[id] if id is not None else None


def _upstream(graph: Graph, starts: list[str], only: tuple[str, ...] = ()) -> Iterator[str]:
    """Nodes that lead to these, nearest first, each once; `only` follows inputs whose names hold one of these words."""
    seen, row = set(starts), list(starts)
    while row:
        nearer, row = row, []
        for id in nearer:
            yield id
            for name, value in graph[id].inputs.items():
                other = _link(graph, value)
                if other is not None and other not in seen and (not only or any(word in name for word in only)):
                    seen.add(other)
                    row.append(other)


def _samples(node: Node) -> bool:
    has = node.inputs.keys()
    return (
        bool(has & {"positive", "guider"})
        and bool(has & {"seed", "noise_seed", "noise"})
        and bool(has & {"steps", "sigmas"})
    )


def _ends(graph: Graph) -> Iterator[list[str]]:
    """Where to begin to look, best first: what is saved, what is shown, what nothing else uses, anything."""
    yield [id for id, node in graph.items() if _SAVES.search(node.kind)]
    yield [id for id, node in graph.items() if _SHOWS.search(node.kind)]
    used = {_link(graph, value) for node in graph.values() for value in node.inputs.values()}
    yield [id for id in graph if id not in used]
    yield list(graph)


def _first_pass(graph: Graph) -> str | None:
    """The sampler that made the picture out of noise: later ones only made it larger or mended it."""
    first = next((id for ends in _ends(graph) for id in _upstream(graph, ends) if _samples(graph[id])), None)
    seen: set[str] = set()
    while first is not None and len(seen) < _PASSES:
        seen.add(first)
        before = [id for id in _upstream(graph, [first], _PICTURES) if id not in seen and _samples(graph[id])]
        if not before:
            break
        first = before[-1]
    return first


def _words(graph: Graph, value: object, side: str) -> str:
    return words(_text(graph, value, side, frozenset(), [_VISITS])).strip()


def _text(graph: Graph, value: object, side: str, path: frozenset[str], left: list[int]) -> str:
    """The words that an input stands for; `side` says which of two a node that holds both should give."""
    if isinstance(value, str):
        return words(value)
    id = _link(graph, value)
    left[0] -= 1
    if id is None or id in path or left[0] < 0 or len(path) >= _DEPTH:
        return ""
    if graph[id].kind == "ConditioningZeroOut":  # takes all meaning out
        return ""
    return next((found for found in _said(graph, graph[id].inputs, side, path | {id}, left) if found), "")


def _said(graph: Graph, inputs: dict[str, Any], side: str, path: frozenset[str], left: list[int]) -> Iterator[str]:
    """What a node's inputs say, the likeliest first."""
    if side in inputs:
        yield _text(graph, inputs[side], side, path, left)
        return
    both = [_text(graph, inputs[key], side, path, left) for key in ("text_g", "text_l") if key in inputs]
    yield "\n".join(dict.fromkeys(part for part in both if part))  # SDXL's two encoders are mostly told the same
    for key in (f"text_{side}", f"{side}_prompt", f"prompt_{side}", *_TEXTS):
        if key in inputs:
            yield _text(graph, inputs[key], side, path, left)
    pieces = [_text(graph, inputs[key], side, path, left) for key in sorted(inputs) if _PIECES.fullmatch(key)]
    between = inputs.get("delimiter", inputs.get("separator", ", "))
    yield words((between if isinstance(between, str) else ", ").join(part for part in pieces if part))
    for key, one in inputs.items():
        if isinstance(one, list) and not key.startswith(_BYSTANDERS):
            yield _text(graph, one, side, path, left)


def _lone_words(graph: Graph) -> str:
    """The words of the only node that holds any for a model."""
    found = {_words(graph, node.inputs.get("text"), "positive") for node in graph.values() if "TextEncode" in node.kind}
    return found.pop() if len(found) == 1 else ""


def _guidance(graph: Graph, said: dict[str, Any]) -> float | None:
    """The scale of the guider; where it has none, what the model itself was told (Flux)."""
    if "cfg" in said:
        return number(_number(graph, said["cfg"]))
    told = _link(graph, said.get("conditioning", said.get("positive")))
    for id in _upstream(graph, [told] if told else []):
        if "guidance" in graph[id].inputs:
            return number(_number(graph, graph[id].inputs["guidance"]))
    return None


def _number(graph: Graph, value: object) -> Any:
    """The number that an input stands for, through nodes that only hold one."""
    for _ in range(_DEPTH):
        node = _at(graph, value)
        if node is None:
            return value
        value = next((node.inputs[key] for key in _NUMBERS if key in node.inputs), None)
    return None


def _name(graph: Graph, value: object) -> str:
    for _ in range(_DEPTH):
        node = _at(graph, value)
        if node is None:
            break
        keys = ("sampler_name", "scheduler", "value", "string", "text")
        value = next((node.inputs[key] for key in keys if key in node.inputs), None)
    return words(value, 100)


def _seed(graph: Graph, inputs: dict[str, Any]) -> int | None:
    return whole(_number(graph, inputs.get("seed", inputs.get("noise_seed"))))


def _model(graph: Graph, value: object) -> tuple[str, tuple[Worn, ...]]:
    """The checkpoint behind an input, and the LoRAs on the way to it, the first that was put on first."""
    loras: list[Worn] = []
    seen: set[str] = set()
    id = _link(graph, value)
    found = ""
    while id is not None and id not in seen:
        seen.add(id)
        inputs = graph[id].inputs
        loras += reversed(list(_loras(inputs)))
        found = next((model_name(inputs[key]) for key in _FILES if model_name(inputs.get(key))), "")
        if found:
            break
        keys = [key for key in inputs if "model" in key.lower() or key in ("pipe", "basic_pipe", "any_01")]
        id = next((other for key in keys if (other := _link(graph, inputs[key])) is not None), None)
    return found, tuple({one.name: one for one in reversed(loras)}.values())


def _loras(inputs: dict[str, Any]) -> Iterator[Worn]:
    named, weight = (
        model_name(inputs.get("lora_name")),
        number(inputs.get("strength_model", inputs.get("lora_model_strength"))),
    )
    if named not in ("", "None") and weight is not None:
        yield Worn(named, weight)
    for value in inputs.values():  # a loader of many: {"on": true, "lora": "ink.safetensors", "strength": 0.8}
        body = as_part(value)
        named, weight = model_name(body.get("lora")), number(body.get("strength"))
        if body.get("on") is True and named not in ("", "None") and weight is not None:
            yield Worn(named, weight)


def _size(graph: Graph, inputs: dict[str, Any]) -> tuple[int, int] | None:
    """The size of the empty picture that the sampler began with."""
    starts = [other for key, value in inputs.items() if "latent" in key and (other := _link(graph, value)) is not None]
    for id in _upstream(graph, starts, _PICTURES):
        inside = graph[id].inputs
        for across, down in (("width", "height"), ("empty_latent_width", "empty_latent_height")):
            found = pixels(_number(graph, inside.get(across)), _number(graph, inside.get(down)))
            if found:
                return found
    return None


def _with_recipe(graph: Graph, sampler: str, told: Foreign, lora: FindLora) -> Foreign:
    """With a recipe where the whole graph is one that a recipe can say."""
    ends = next(ends for ends in _ends(graph) if ends)
    nodes = [graph[id] for id in _upstream(graph, ends)]
    if any(node.kind not in _PLAIN for node in nodes) or sum(map(_samples, nodes)) != 1:
        return told
    if number(graph[sampler].inputs.get("denoise", 1)) != 1 or any(
        node.inputs.get("batch_size", 1) != 1 for node in nodes
    ):
        return told
    skips = {node.inputs.get("stop_at_clip_layer") for node in nodes if node.kind == "CLIPSetLastLayer"}
    skip = -(whole(next(iter(skips)), -12, -1) or 0) if len(skips) == 1 else 1
    if len(skips) > 1 or skip < 1:
        return told
    return replace(with_recipe(told, lora=lora, clip_skip=skip))
