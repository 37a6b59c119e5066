"""The pictures that a recipe uses, by hash, opened for the painter; each was checked when it came in. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

from studio.domain.artwork import Artwork
from studio.domain.control import CONTROLS
from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.gallery.keeping import lineage
from studio.safety.intake import Intake, open_picture

Find = Callable[[str], Artwork | None]


def check(recipe: Recipe, *, find: Find, coming: Collection[str] = ()) -> None:
    """Raise BadInput when a picture that the recipe names is not there to be used; every one of them is named.

    `coming` are names of masks that travel along with the job.
    """
    field, sentences = "", []
    for role, name in lineage.uses(recipe):
        sentence = "" if name in coming else _lacks(role, find(name))
        if sentence and sentence not in sentences:
            sentences.append(sentence)
            field = field or _field(role)
    if sentences:
        raise BadInput(field, " ".join(sentences))


def opened(recipe: Recipe, *, find: Find, read: Callable[[Artwork], bytes]) -> dict[str, Intake]:
    """The files that a recipe names, decoded, by hash; raises BadInput as `check` does, and for a file that was changed."""
    check(recipe, find=find)
    found: dict[str, Intake] = {}
    for role, name in lineage.uses(recipe):
        if name not in found:
            found[name] = _open(role, find(name), read)
    return found


def _open(role: str, artwork: Artwork | None, read: Callable[[Artwork], bytes]) -> Intake:
    if artwork is not None:
        with suppress(BadInput):
            return open_picture(read(artwork))
    raise BadInput(
        _field(role),
        f"The file of the {_word(role)} is gone or was changed; choose another, or ask `python -m studio check`.",
    )


def _lacks(role: str, artwork: Artwork | None) -> str:
    word = _word(role)
    if artwork is None or not artwork.verdict.allowed:
        remedy = "brush it again" if role == "mask" else "choose another"
        return f"The {word} is not in the gallery any more; {remedy}."
    if artwork.deleted_at is not None and role != "mask":  # nobody sees masks in the bin, so nobody could take one out
        return f"The {word} is in the bin; take it out on the Gallery page, or choose another."
    if artwork.gone_at is not None:
        return (
            f"The file of the {word} is gone from its folder; put it back and scan the folder again, or choose another."
        )
    return ""


def _field(role: str) -> str:
    return role if role in ("source", "mask", "reference") else "controls"


def _word(role: str) -> str:
    return f"{CONTROLS[role].label.lower()} map" if role in CONTROLS else role
