"""The only reader and writer of styles: those that ship, and over them those of the user, in the database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from studio.database import Database
from studio.domain.amounts import listed
from studio.domain.errors import BadInput
from studio.domain.style import Style, read_styles, write_styles
from studio.places import ASSETS

SHIPPED = ASSETS / "styles.csv"
BYTES = 4_000_000


class Styles:
    """The styles of one home folder, by name. A user's style hides the shipped one of its name; deleted ones come back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Style]:
        """Every style that can be chosen: the shipped ones first, then the user's, each in the order of the alphabet."""
        shipped = {style.name: style for style in _shipped()}
        own = {row["name"]: row for row in self._database.read("SELECT * FROM styles")}
        gone = {name for name, row in own.items() if row["deleted_at"] is not None}
        here = {name: _style(dict(row)) for name, row in own.items() if name not in gone}
        first = [here.pop(name, style) for name, style in shipped.items() if name not in gone]
        return first + sorted(here.values(), key=lambda style: style.name.casefold())

    def named(self, names: Sequence[str]) -> list[Style]:
        """These styles, in this order; raises BadInput for one that is not there, with those that are."""
        here = {style.name: style for style in self.all()}
        same = {name.casefold(): style for name, style in here.items()}
        found = []
        for name in dict.fromkeys(names):
            style = here.get(name) or same.get(name.casefold())
            if style is None:
                near = get_close_matches(name, here, n=1, cutoff=0.6)
                guess = f" Did you mean {near[0]}?" if near else ""
                raise BadInput("styles", f"There is no style {name!r}.{guess} There are: {listed(list(here))}.")
            found.append(style)
        return found

    def save(self, style: Style, *, seen: Style | None = None) -> None:
        """Keep a style. `seen` is the one that was changed, None for a new one.

        Raises BadInput where somebody else changed it meanwhile, or where the name is taken.
        """
        with self._database.transaction():
            here = {one.name: one for one in self.all()}
            known = {name.casefold(): one for name, one in here.items()}
            old = seen.name if seen is not None else ""
            if seen is not None and here.get(old) != seen:
                raise BadInput("styles", f"The style {old} was changed or deleted elsewhere; open it again.")
            taken = known.get(style.name.casefold())
            if taken is not None and taken.name != old:
                raise BadInput(
                    "styles", f"There is a style {taken.name} already; choose another name, or edit that one."
                )
            if old and old != style.name:
                self._put(here[old], deleted_at=time.time())
            self._put(style)

    def remove(self, name: str) -> None:
        """Take a style away; `restore` brings it back. Raises BadInput where there is none."""
        with self._database.transaction():
            (style,) = self.named([name])
            self._put(style, deleted_at=time.time())

    def restore(self, name: str) -> None:
        """Bring back a style that was taken away; raises BadInput where there is none to bring back."""
        changed = self._database.write(
            "UPDATE styles SET deleted_at = NULL WHERE name = ? AND deleted_at IS NOT NULL", name
        ).rowcount
        if not changed:
            raise BadInput("styles", f"There is no style {name} to bring back.")

    def bring(self, data: bytes) -> tuple[list[str], list[str]]:
        """Take in a styles.csv: the names that are new, and a sentence for each line that is no style.

        One that is here already word for word is left out; where only its name is taken, it gets a number.
        """
        if len(data) > BYTES:
            raise BadInput(
                "styles", f"This file is too large for a table of styles; {BYTES // 1_000_000} MB is the most."
            )
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput("styles", "This file is not UTF-8 text; save it as UTF-8 (CSV) and try again.") from error
        styles, left = read_styles(text)
        added = []
        with self._database.transaction():
            here = {style.name.casefold(): style for style in self.all()}
            for style in styles:
                name, number = style.name, 1
                while (held := here.get(name.casefold())) is not None and not _same(held, style):
                    number += 1
                    name = f"{style.name[:54]} {number}"
                if held is None:
                    fresh = Style(name, style.prompt, style.negative)
                    self._put(fresh)
                    here[name.casefold()] = fresh
                    added.append(name)
        return added, left

    def table(self) -> str:
        """All styles as a styles.csv."""
        return write_styles(self.all())

    def _put(self, style: Style, *, deleted_at: float | None = None) -> None:
        self._database.write(
            "INSERT OR REPLACE INTO styles (name, prompt, negative, updated_at, deleted_at) VALUES (?, ?, ?, ?, ?)",
            style.name, style.prompt, style.negative, time.time(), deleted_at,
        )  # fmt: skip


def _shipped() -> list[Style]:
    return read_styles(SHIPPED.read_text(encoding="utf-8"))[0]


def _same(one: Style, other: Style) -> bool:
    return (one.prompt, one.negative) == (other.prompt, other.negative)


def _style(row: Mapping[str, Any]) -> Style:
    return Style(row["name"], row["prompt"], row["negative"])
