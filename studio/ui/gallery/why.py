"""Why a search found a picture, as a person says it: one line of plain text. Strangers' words stay text; it draws nothing."""

from __future__ import annotations

from studio.domain.artwork import Why

FIELDS = {"prompt": "prompt", "caption": "caption", "remark": "note", "tags": "tags", "name": "file name"}
WORDS_SHOWN = 3
EXCERPT = 90  # characters


def line(why: Why | None) -> str:
    """What stands under a picture that was searched for; "" where there is nothing to say.

    Such as: “boat” in its caption: a red boat at night · likeness 0.31. What a cosine means is the encoder's own, so it is
    told as a number and never as much or little.
    """
    if why is None:
        return ""
    parts = [_told(why)] if why.words else []
    if why.meaning is not None:
        parts.append(f"likeness {_number(why.meaning)}")
    if why.look is not None:
        parts.append(f"look {_number(why.look)}")
    if why.colour is not None:
        parts.append(f"{round(why.colour * 100)} % of these colours")
    if why.recipe:
        parts.append(f"same {', '.join(why.recipe)}")
    text = " · ".join(parts)
    return text[:1].upper() + text[1:]


def _told(why: Why) -> str:
    found = [(FIELDS.get(field, field), words) for field, words in why.words]
    field, words = found[0]
    said = ", ".join(f"“{word}”" for word in words[:WORDS_SHOWN])
    also = f" and {found[1][0]}" if len(found) > 1 else ""
    excerpt = why.excerpt if len(why.excerpt) <= EXCERPT else f"{why.excerpt[: EXCERPT - 1]}…"
    return f"{said} in its {field}{also}" + (f": {excerpt}" if excerpt and field != "tags" else "")


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # adding 0 takes the minus from -0.00
