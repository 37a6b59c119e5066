"""From prompts to the states that guide a painter: weights, stretches of 77 tokens, clip skip, embeddings. It paints nothing.

A weight moves a token's states away from those of an empty prompt (or towards them), by that factor. Other studios multiply the
states themselves and then bring their mean back; that divides by a mean which is close to zero for SDXL's encoders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain.errors import BadInput
from studio.domain.prompting import cut, passages


@dataclass(frozen=True)
class Said:
    """What one picture is told, without its prompt (first) and with it.

    states: (2, 77 k, d). pooled: (2, p), what SDXL is told besides. picture: (2, 1, d) or (2, 1, t, d), what a reference
    picture says.
    """

    states: torch.Tensor
    pooled: torch.Tensor | None = None
    picture: torch.Tensor | None = None

    @property
    def length(self) -> int:
        """Tokens, all stretches together; pictures of one batch have the same."""
        return int(self.states.shape[1])


@dataclass(frozen=True)
class Stretch:
    """75 tokens at most, the weight of each, and the vectors that stand where an embedding is spoken of."""

    ids: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    vectors: Mapping[int, torch.Tensor] = field(default_factory=dict)


# An embedding's words -> its vectors for each text encoder, (n, d); None for an encoder that it says nothing to
Embeddings = Mapping[str, tuple[torch.Tensor | None, ...]]


def say(
    pipe: Any,
    negative: str,
    prompt: str,
    *,
    clip_skip: int = 1,
    embeddings: Embeddings | None = None,
    long: bool = True,
) -> Said:
    """What a pipeline's text encoders make of a negative prompt and a prompt; raises BadInput for a clip skip too deep.

    Without `long` everything after 77 tokens is cut, as CLIP does; for models that were never taught more.
    """
    large = getattr(pipe, "tokenizer_2", None) is not None
    encoders = [(pipe.tokenizer, pipe.text_encoder)] + ([(pipe.tokenizer_2, pipe.text_encoder_2)] if large else [])
    both = (negative, prompt)
    layer = clip_skip + 1 if large else clip_skip  # SDXL was trained on the last layer but one
    cut = []
    for number, (tokenizer, _) in enumerate(encoders):
        spoken = {words: given[number] for words, given in (embeddings or {}).items() if number < len(given)}
        cut.append([stretches(text, tokenizer, spoken, long=long) for text in both])
    most = max(len(rows) for texts in cut for rows in texts)
    states, pooled = [], None
    for texts, (tokenizer, encoder) in zip(cut, encoders, strict=True):
        rows = [one for text in texts for one in [*text, *[Stretch()] * (most - len(text))]]
        made, pooled = _encode(rows, tokenizer, encoder, layer, normed=not large)
        states.append(made.reshape(2, -1, made.shape[-1]))
    told = torch.cat(states, dim=-1)
    pooled = None if pooled is None else pooled[::most]
    if large and not negative and pipe.config.force_zeros_for_empty_prompt:
        silent = torch.tensor([0.0, 1.0], dtype=told.dtype, device=told.device)
        told = told * silent[:, None, None]
        pooled = pooled * silent[:, None] if pooled is not None else None
    return Said(told, pooled)


def stretches(
    text: str, tokenizer: Any, vectors: Mapping[str, torch.Tensor | None] | None = None, *, long: bool = True
) -> list[Stretch]:
    """A prompt as stretches of at most 75 tokens, one at least; each BREAK begins another."""
    room = tokenizer.model_max_length - 2
    commas = tokenizer(",", add_special_tokens=False).input_ids
    comma = commas[0] if len(commas) == 1 else -1
    found = []
    for passage in passages(text):
        tokens: list[tuple[int, float, torch.Tensor | None]] = []
        for part in passage:
            for piece, given in _spoken(part.text, vectors or {}):
                if given is None:
                    ids = tokenizer(piece, add_special_tokens=False).input_ids
                    tokens += [(id, part.weight, None) for id in ids]
                else:
                    tokens += [(0, part.weight, vector) for vector in given]
        if not long:
            found.append(_stretch(tokens[:room]))
            break
        ends = cut([id == comma and vector is None for id, _, vector in tokens], room)
        found += [_stretch(tokens[start:end]) for start, end in ends if end > start or not found]
    return found


def _stretch(tokens: Sequence[tuple[int, float, torch.Tensor | None]]) -> Stretch:
    return Stretch(
        tuple(id for id, _, _ in tokens),
        tuple(weight for _, weight, _ in tokens),
        {at: vector for at, (_, _, vector) in enumerate(tokens) if vector is not None},
    )


def _spoken(text: str, vectors: Mapping[str, torch.Tensor | None]) -> Iterator[tuple[str, torch.Tensor | None]]:
    """The text in pieces: words as they are, and embeddings where they are spoken of."""
    known = {words.lower(): given for words, given in vectors.items() if given is not None}
    if not known:
        yield text, None
        return
    names = "|".join(re.escape(words) for words in sorted(known, key=len, reverse=True))
    start = 0
    for found in re.finditer(rf"(?<!\w)(?:{names})(?!\w)", text, re.IGNORECASE):
        yield text[start : found.start()], None
        yield found.group(), known[found.group().lower()]
        start = found.end()
    yield text[start:], None


def _encode(
    rows: Sequence[Stretch], tokenizer: Any, encoder: Any, layer: int, *, normed: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(n, 77, d) states of n stretches, weighed, and (n, p) pooled ones where the encoder has such."""
    made, pooled = _states(rows, tokenizer, encoder, layer, normed=normed)
    if any(weight != 1 for row in rows for weight in row.weights):
        empty, _ = _states([Stretch()], tokenizer, encoder, layer, normed=normed)
        weights = torch.ones(made.shape[:2], dtype=made.dtype, device=made.device)
        for index, row in enumerate(rows):
            weights[index, 1 : 1 + len(row.weights)] = torch.tensor(row.weights, dtype=made.dtype)
        weighed = weights[..., None] != 1
        made = torch.where(weighed, empty + (made - empty) * weights[..., None], made)
    return made, pooled


def _states(
    rows: Sequence[Stretch], tokenizer: Any, encoder: Any, layer: int, *, normed: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    length = tokenizer.model_max_length
    begin, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    ids = torch.full((len(rows), length), pad)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids) + 2] = torch.tensor([begin, *row.ids, end])
    where = next(encoder.parameters()).device
    layers = encoder.config.num_hidden_layers
    if layer > layers:
        raise BadInput("clip_skip", f"The text encoder of this pack has {layers} layers; choose a smaller clip skip.")
    deep = layer > 1 or not normed
    with _put_in(encoder, {index: row.vectors for index, row in enumerate(rows) if row.vectors}):
        told = encoder(ids.to(where), output_hidden_states=True) if deep else encoder(ids.to(where))
    pooled = told[0] if not normed and told[0].ndim == 2 else None
    if not deep:
        return told[0], pooled
    states = told.hidden_states[-layer]
    if normed:
        states = getattr(encoder, "text_model", encoder).final_layer_norm(states)
    return states, pooled


@contextmanager
def _put_in(encoder: Any, vectors: Mapping[int, Mapping[int, torch.Tensor]]) -> Iterator[None]:
    """Let an embedding's vectors stand where its tokens are; the encoder's own table is not touched."""
    if not vectors:
        yield
        return

    def put(_module: Any, _given: Any, made: torch.Tensor) -> torch.Tensor:
        made = made.clone()
        for index, places in vectors.items():
            for place, vector in places.items():
                made[index, place + 1] = vector.to(made)
        return made

    handle = encoder.get_input_embeddings().register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()
