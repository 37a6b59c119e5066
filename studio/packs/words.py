"""What a pack's model will see of a prompt: tokens counted, the cut shown, strange words marked. Loads no model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from studio.domain.errors import PackMissing
from studio.domain.prompting import Part, chosen, cut, passages, plain
from studio.packs.manifest import Pack

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LIMIT = 77  # CLIP's context, with its two marks
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?", re.UNICODE)


@dataclass(frozen=True)
class PromptReading:
    """What the model will see. `tokens` counts the marks too; `seen + unseen` is the prompt, character for character.

    `limit` is 77 for each stretch that the prompt takes; a pack that was taught long prompts sees all of it.
    """

    tokens: int
    limit: int
    seen: str
    unseen: str
    unknown: tuple[str, ...]


def read_prompt(pack: Pack, text: str) -> PromptReading:
    """Read a prompt as the pack's tokenizer does; `unknown` are words the pack was never taught, in order, once each.

    Weights are no words, and of wildcards those of seed 0 are read.
    """
    tokens = _counter(pack)
    spoken = chosen(text, 0)
    read = passages(spoken)
    counted = [[token for part in passage for token in tokens(part)] for passage in read]
    stretches, seen = [], len(text)
    if pack.manifest.family == "storybook":  # it was never taught more than one stretch
        total = sum(map(len, counted))
        stretches = [total]
        if total > LIMIT - 2 and spoken == text:
            seen = [token for passage in counted for token in passage][LIMIT - 2].place
        elif len(counted) > 1 and spoken == text and counted[1]:
            seen = counted[1][0].place
    else:
        for passage in counted:
            ends = cut([token.comma for token in passage], LIMIT - 2)
            stretches += [end - start for start, end in ends if end > start or not stretches]
    known = pack.words()
    unknown: dict[str, str] = {}
    if known:
        for word in _WORD.findall(plain(spoken)):
            if word.lower() not in known:
                unknown.setdefault(word.lower(), word)
    return PromptReading(
        tokens=sum(stretches) + 2 * len(stretches),
        limit=LIMIT * len(stretches),
        seen=text[:seen],
        unseen=text[seen:],
        unknown=tuple(unknown.values()),
    )


class _Token(NamedTuple):
    """Where a token begins in the prompt, and whether it is a comma."""

    place: int
    comma: bool


def _counter(pack: Pack) -> Callable[[Part], list[_Token]]:
    """What cuts a part of a prompt into tokens: the pack's tokenizer, or for packs without one an estimate by words."""
    if "tokenizer" not in pack.manifest.roles:
        return _estimated
    try:
        tokenizer = _tokenizer(pack.role("tokenizer"))
    except (OSError, ValueError) as error:
        raise PackMissing(f"The tokenizer of {pack.id} cannot be read ({error}); install its pack again.") from error

    def count(part: Part) -> list[_Token]:
        offsets = tokenizer.encode(part.text, add_special_tokens=False).offsets
        return [_Token(part.places[start], part.text[start:end].strip() == ",") for start, end in offsets]

    return count


def _estimated(part: Part) -> list[_Token]:
    """About as many tokens as CLIP's tokenizer makes: one for a short word or a sign, one more for each eight letters."""
    made = []
    for found in re.finditer(r"[^\W_]+|[^\w\s]", part.text):
        places = range(found.start(), found.end(), 8)
        made += [_Token(part.places[place], found.group() == ",") for place in places]
    return made


@lru_cache(maxsize=8)
def _tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a folder, in today's single file or in CLIP's two of old; raises OSError or ValueError."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    if (folder / "tokenizer.json").is_file():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines if not line.startswith("#version")]
    merges = [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", unk_token="<|endoftext|>")
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    return tokenizer
