"""Names of files that leave: from a pattern, safe on every system, and no two alike. It touches no disk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath

from studio.domain.artwork import Artwork
from studio.domain.export import filled

BYTES = 120  # of a name without its ending: with "-12345" and ".webp" it fits the 143 of an encrypted home, the least there is
WORDS = 60  # characters of a prompt or a caption that go into a name
_KEPT_OUT = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')  # what Windows or a shell takes for something else
_BLANKS = re.compile(r"[\s_]+")
_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    "conin$",
    "conout$",
    *(f"{one}{n}" for one in ("com", "lpt") for n in "0123456789¹²³"),
}


def stem(artwork: Artwork, pattern: str, *, number: int) -> str:
    """The name of an artwork's file without its ending, by a pattern; `number` counts the files of one export from 1.

    One part of a path, at most 121 bytes of UTF-8; never empty, hidden, a device of Windows, or one that reads otherwise.
    """
    when = datetime.fromtimestamp(artwork.taken_at if artwork.taken_at is not None else artwork.created_at)
    recipe = artwork.recipe
    seed = artwork.seed if artwork.seed is not None else recipe.seed if recipe else None
    values = {
        "date": f"{when:%Y-%m-%d}",
        "time": f"{when:%H-%M-%S}",
        "id": str(artwork.id),
        "prompt": _short(artwork.prompt),
        "caption": _short(artwork.caption),
        "seed": "" if seed is None else str(seed),
        "model": _short(artwork.model or (recipe.pack if recipe else "")),
        "name": _short(PurePosixPath(artwork.source_name.replace("\\", "/")).stem),
        "number": f"{number:04d}",
    }
    return safe(filled(pattern, values)) or f"picture-{artwork.id}"


def safe(text: str) -> str:
    """Text as one part of a path that every system takes; empty when nothing of it can be kept."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    # Cc, Cs, Co, Cn and line ends go, and of the formats (Cf) all but the joiner that holds an emoji together: the others
    # turn the direction of reading, so that a name ends otherwise than it seems to
    text = "".join(
        " " if one.isspace() else one
        for one in text
        if one.isspace() or one == "\u200d" or unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    text = _BLANKS.sub("_", _KEPT_OUT.sub("_", text))
    text = _cut(text.strip("._- \u200d"), BYTES).rstrip("._- \u200d")
    return f"_{text}" if text.partition(".")[0].strip("_ ").lower() in _DEVICES else text


def unlike(name: str, ending: str, *, taken: Callable[[str], bool]) -> str:
    """`name` with its ending, and where that is taken with -2, -3 ... before it."""
    found, count = f"{name}{ending}", 1
    while taken(found):
        count += 1
        found = f"{name}-{count}{ending}"
    return found


def folded(name: str) -> str:
    """What a file system that makes no difference between capitals and accents' spellings holds two names by."""
    return unicodedata.normalize("NFC", name).casefold()


def _short(text: str) -> str:
    words = _BLANKS.sub(" ", text.strip())
    if len(words) <= WORDS:
        return words
    cut = words[: WORDS + 1].rpartition(" ")[0]
    return cut if len(cut) > WORDS // 2 else words[:WORDS]


def _cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, never half a character."""
    return text.encode()[:most].decode("utf-8", "ignore")
