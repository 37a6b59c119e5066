"""Styles: words that are put around a prompt, by a name; and the table of them that other studios write. It stores nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from studio.domain.errors import BadInput
from studio.domain.recipe import PROMPT_LIMIT

PLACE = "{prompt}"
NAME_LIMIT = 60  # characters
MOST_STYLES = 2_000
_HEADS = {"prompt": ("prompt", "text"), "negative": ("negative_prompt", "negative_text")}  # newer and older names


@dataclass(frozen=True)
class Style:
    """A style: its words stand around the prompt where they say `{prompt}`, else after it. Raises BadInput."""

    name: str
    prompt: str = ""
    negative: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip() or self.name != self.name.strip() or not self.name.isprintable():
            raise BadInput("style", "A style needs a name, such as: oil painting.")
        if len(self.name) > NAME_LIMIT:
            raise BadInput("style", f"The name of a style has at most {NAME_LIMIT} characters.")
        for text in (self.prompt, self.negative):
            if len(text) > PROMPT_LIMIT:
                raise BadInput("style", f"The words of a style have at most {PROMPT_LIMIT:,} characters.")
            if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
                raise BadInput("style", "The words of this style hold a broken character; delete it.")
        if not self.prompt.strip() and not self.negative.strip():
            raise BadInput("style", "A style needs words for the prompt, or for what should not be there.")


def styled(prompt: str, negative: str, styles: Sequence[Style]) -> tuple[str, str]:
    """Prompt and negative prompt with the styles put on, one after another."""
    for style in styles:
        prompt, negative = _put(prompt, style.prompt), _put(negative, style.negative)
    return prompt, negative


def _put(text: str, words: str) -> str:
    if PLACE in words:
        return words.replace(PLACE, text)
    return (
        ", ".join(part for part in (text.strip().removesuffix(","), words.strip()) if part) if words.strip() else text
    )


def read_styles(text: str) -> tuple[list[Style], list[str]]:
    """The styles of a styles.csv, and a sentence for each line that is none; raises BadInput where it is no such table."""
    try:
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=False))
    except csv.Error as error:
        raise BadInput("styles", f"This is no table of styles ({error}).") from error
    heads = {head.strip().lower() for row in rows[:1] for head in row if isinstance(head, str)}
    if "name" not in heads or not heads & set(_HEADS["prompt"]):
        raise BadInput(
            "styles",
            "This is no table of styles; its first line should be: name,prompt,negative_prompt. Choose styles.csv.",
        )
    if len(rows) > MOST_STYLES:
        raise BadInput("styles", f"This table has {len(rows):,} styles; {MOST_STYLES:,} is the most.")
    made: dict[str, Style] = {}
    left: list[str] = []
    for number, row in enumerate(rows, start=2):
        told = {str(head).strip().lower(): value for head, value in row.items() if isinstance(value, str)}
        words = {field: next((told[head] for head in heads if told.get(head)), "") for field, heads in _HEADS.items()}
        name = " ".join(told.get("name", "").split())
        if name.lower() == "none" or not (name or any(words.values())) or not any(words.values()):
            continue  # A1111 writes an empty style named None, and lines that only part a list
        try:
            made[name] = Style(name, words["prompt"], words["negative"])
        except BadInput as error:
            left.append(f"Line {number}: {error}")
    return list(made.values()), left


def write_styles(styles: Sequence[Style]) -> str:
    """The table that `read_styles` reads, and other studios too."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "prompt", "negative_prompt"])
    writer.writerows([style.name, style.prompt, style.negative] for style in styles)
    return out.getvalue()
