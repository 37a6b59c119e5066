"""A cleared picture becomes an artwork: its file first, then its row; what fails between the two is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.domain.artwork import KINDS, Artwork
from studio.domain.errors import BadInput, EaselError
from studio.domain.verdict import Cleared, require_cleared
from studio.gallery.coming import incoming
from studio.gallery.coming.importing import shown_name
from studio.gallery.coming.incoming import NOTHING, OURS, Arrival, Coming
from studio.gallery.keeping import lineage
from studio.gallery.metadata import KEY
from studio.gallery.rows import storable

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery


def add(gallery: Gallery, cleared: Cleared, coming: Coming) -> Artwork:
    """Keep a cleared picture: file first, then row, so that a crash leaves at worst a file that the sweep settles.

    The same bytes twice are the same artwork; one that lay in the bin comes back. Raises BadInput for a kind that is none, and
    StorageFull with nothing left behind.
    """
    arrival = stage(gallery, cleared, coming)
    try:
        return gallery.get(insert(gallery, arrival)[0])
    except BaseException:
        withdraw(gallery, arrival)
        raise


def stage(gallery: Gallery, cleared: Cleared, coming: Coming) -> Arrival:
    """The first half of `add`: file and thumbnail are written, the row is not; `settle` writes it, or `withdraw` undoes it.

    Of a picture that stays where it lies only the thumbnail is written.
    """
    cleared = require_cleared(cleared)
    if coming.kind not in KINDS:
        raise BadInput("kind", f"There is no kind of artwork named {coming.kind!r}; choose one of {', '.join(KINDS)}.")
    if (coming.kind == "map") != (coming.map is not None):
        raise BadInput("map", "A control map must say of what kind it is, and nothing else may.")
    coming, verdict = _completed(coming), cleared.verdict.to_dict()
    says = incoming.inscribed(coming, verdict)
    if coming.facts is not None and coming.facts.place is not None:
        written = gallery.files.refer(cleared, sha=coming.source_sha256 or "", size=coming.size)
    else:
        written = gallery.files.write(cleared, text=says.text, xmp=says.xmp, anew=says.anew)
    arrival = Arrival(written, verdict, coming)
    try:
        from studio.gallery.likeness import appearance  # here: numpy, which the front does not need

        whole = gallery.files.thumb(cleared, written.sha256)
        return replace(arrival, look=appearance.of(whole))
    except BaseException:
        withdraw(gallery, arrival)
        raise


def settle(gallery: Gallery, arrivals: Sequence[Arrival]) -> list[tuple[int, bool]]:
    """The second half of `add`, for several at once: all rows or none; of each its number, and whether it is new."""
    with gallery.database.transaction():
        return [insert(gallery, arrival) for arrival in arrivals]


def insert(gallery: Gallery, arrival: Arrival) -> tuple[int, bool]:
    """Write one row, and put away the file that it had under another name; its number, and whether it is new."""
    coming, written = arrival.coming, arrival.written
    if coming.map is not None:
        parent = next(iter(gallery.by_names(coming.parents).values()), None)
        arrival = replace(arrival, coming=replace(coming, caption=incoming.map_words(coming.map, parent)))
    old, copied = None, coming.facts is None or coming.facts.place is None
    if copied and coming.source_sha256 not in (None, written.sha256):
        old = gallery.by_sha(coming.source_sha256 or "")
    told = incoming.insert(gallery.database, arrival)
    gallery.files.from_bin(written.file)  # where the same picture lay in the bin, one copy is enough
    if old is not None and gallery.by_sha(old.sha256) is None:
        gallery.files.drop(old.file)  # it has another name now, and its thumbnail too
    return told


def withdraw(gallery: Gallery, arrival: Arrival) -> None:
    """After a failure: take what `stage` wrote away again, unless an artwork has it."""
    try:
        if gallery.by_sha(arrival.written.sha256) is None:
            gallery.files.drop(arrival.written.file)
    except EaselError:
        pass  # the sweep at the next start settles it


def _completed(coming: Coming) -> Coming:
    """The same as a row may hold it, with the parents that the recipe names, and with who made it."""
    painted = coming.kind in ("painted", "proposal") and coming.recipe is not None
    parents = dict.fromkeys([*coming.parents, *lineage.named(coming.recipe)])
    ours = coming.kind != "imported" or KEY in coming.text
    return replace(
        coming,
        prompt=storable(coming.recipe.prompt if painted and coming.recipe else coming.prompt),
        parents=tuple(parents) if coming.kind != "mask" else (),
        source_name=shown_name(coming.source_name),
        tags=incoming.tag_names(coming.tags),
        facts=coming.facts or (OURS if ours else NOTHING),
    )
