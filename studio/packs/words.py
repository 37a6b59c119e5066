"""What a pack's model will see of a prompt: tokens counted, the cut shown, strange words marked. Loads no model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from studio.packs.manifest import Pack

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LIMIT = 77  # CLIP's context, with its two marks
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?", re.UNICODE)


@dataclass(frozen=True)
class PromptReading:
    """What the model will see. `tokens` counts the two marks too; `seen + unseen` is the prompt, character for character."""

    tokens: int
    limit: int
    seen: str
    unseen: str
    unknown: tuple[str, ...]


def read_prompt(pack: Pack, text: str) -> PromptReading:
    """Read a prompt as the pack's tokenizer does; `unknown` are words the pack was never taught, in order, once each."""
    encoding = _tokenizer(pack.role("tokenizer") / "tokenizer.json").encode(text, add_special_tokens=False)
    room = LIMIT - 2
    cut = len(text) if len(encoding.ids) <= room else encoding.offsets[room][0]
    known = pack.words()
    unknown: dict[str, str] = {}
    if known:
        for word in _WORD.findall(text):
            if word.lower() not in known:
                unknown.setdefault(word.lower(), word)
    return PromptReading(
        tokens=len(encoding.ids) + 2, limit=LIMIT, seen=text[:cut], unseen=text[cut:], unknown=tuple(unknown.values())
    )


@lru_cache(maxsize=8)
def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
