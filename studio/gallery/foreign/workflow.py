"""ComfyUI's drawing of a graph, for files that carry no graph: turned into one as far as its nodes are known, and never run."""

from __future__ import annotations

from typing import Any

from studio.gallery.foreign.values import as_part

# The drawing holds values in the order of a node's fields, without their names; "" is a field of the page alone
_FIELDS = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "CLIPTextEncode": ("text",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "RandomNoise": ("noise_seed", ""),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "PrimitiveNode": ("value", ""),
}
_OFF = (2, 4)  # modes of nodes that were muted or bypassed


def as_prompt(drawing: dict[str, Any]) -> dict[str, Any]:
    """The drawing as a graph; empty for anything else. Fields of nodes that are not known here have no value in it."""
    nodes, links = drawing.get("nodes"), drawing.get("links")
    if not isinstance(nodes, list) or not isinstance(links, list):
        return {}
    source = {}
    for link in links:  # [id, from node, from output, to node, to input, kind]
        if isinstance(link, list) and len(link) >= 5 and all(isinstance(part, int) for part in link[:3]):
            source[link[0]] = [str(link[1]), link[2]]
    return {
        str(node["id"]): {"class_type": node.get("type"), "inputs": _inputs(node, source)}
        for node in map(as_part, nodes)
        if isinstance(node.get("id"), int | str) and node.get("mode") not in _OFF
    }


def _inputs(node: dict[str, Any], source: dict[int, list[Any]]) -> dict[str, Any]:
    values = node.get("widgets_values")
    kind = node.get("type")
    fields = _FIELDS.get(kind, ()) if isinstance(kind, str) else ()
    found = dict(zip(fields, values, strict=False)) if isinstance(values, list) else dict(as_part(values))
    found.pop("", None)
    drawn = node.get("inputs")
    for one in map(as_part, drawn if isinstance(drawn, list) else []):
        link, name = one.get("link"), one.get("name")
        if isinstance(name, str) and isinstance(link, int) and link in source:
            found[name] = source[link]
    return found
