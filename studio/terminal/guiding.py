"""`annotate`, and the files that guide a painting: each goes through the gate in a job. It paints nothing."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.control import Control, kind_of
from studio.domain.errors import BadInput, BadPicture, Failed, Refused
from studio.domain.job import Job
from studio.domain.pose import from_openpose
from studio.domain.recipe import Recipe
from studio.domain.verdict import Verdict
from studio.terminal.answers import copy_out, must_be_done, open_home_studio, out_folder, respond, say, wait

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.domain.artwork import Artwork

ASPECT = 0.03  # a mask may have been drawn over a smaller copy of the picture, whose sides were rounded


@dataclass(frozen=True)
class Asked:
    """One `--control`: its kind, the file or artwork that it names, and how it is to be followed."""

    kind: str
    file: str
    weight: float
    start: float
    end: float
    balance: str

    def control(self, sha256: str) -> Control:
        """The control that uses the map of this name; raises BadInput for a number out of range."""
        return Control(self.kind, sha256, weight=self.weight, start=self.start, end=self.end, balance=self.balance)


def read_control(text: str, balance: str) -> Asked:
    """Read "pose=figure.png:0.8:0:0.5": kind, file, then weight, start and end where they are given. Raises BadInput."""
    kind, equals, rest = text.partition("=")
    if not (equals and rest):
        raise BadInput("controls", f"A control looks like pose=figure.png:0.8:0:1; {text!r} does not.")
    numbers: list[float] = []
    while len(numbers) < 3 and not Path(rest).exists():
        before, colon, last = rest.rpartition(":")
        try:
            number = float(last)
        except ValueError:
            break
        if not (colon and before):
            break
        numbers, rest = [number, *numbers], before
    weight, start, end = [*numbers, *(1.0, 0.0, 1.0)[len(numbers) :]]
    return Asked(kind_of(kind).name, rest, weight, start, end, balance)


def check_files(
    studio: Studio,
    recipe: Recipe,
    asked: list[Asked],
    *,
    source: str | None = None,
    mask: Path | None = None,
    select: str | None = None,
    reference: str | None = None,
) -> None:
    """What can be said before anything is queued: packs and parts, controls, words, files that cannot be read, artworks."""
    from studio.commissions import selectable
    from studio.packs.controls import check_controls
    from studio.packs.parts import check_parts

    if select is not None:
        selectable(select)
    studio.shelf.whole(recipe.pack)
    check_controls(studio.shelf, recipe)
    check_parts(studio.shelf, recipe)
    for text in [*(one.file for one in asked), *filter(None, (source, str(mask or ""), reference))]:
        if _number(text) is None:
            _read(text)
        else:
            _artwork(studio, text)
    for one in asked:
        if one.file.lower().endswith(".json"):
            _figures(one, (recipe.width, recipe.height))


def annotate(options: argparse.Namespace) -> int:
    """Draw a control map of a file or an artwork, and keep it; returns the exit code."""
    studio = open_home_studio()
    parameters = dict(_setting(text) for text in options.set)
    _check_kind(studio, options.kind, parameters, options.pack)
    if _number(options.file) is None:
        _read(options.file)
    out = out_folder(options.out)
    source = bring(studio, options.file)
    made = wait(
        studio,
        studio.annotate(f"id:{source.id}", options.kind, parameters=parameters, keep=True, pack=options.pack),
    )
    artwork = _map_of(studio, made)
    copy_out(studio, [artwork], out)
    figures = artwork.map.to_dict()["figures"] if artwork.map is not None else []
    path, note = str(studio.gallery.path(artwork)), str(made.result.get("note") or "")
    told = {"id": artwork.id, "path": path, "sha256": artwork.sha256, "kind": options.kind}
    told |= {"width": artwork.width, "height": artwork.height, "figures": figures}
    respond(options, {"map": told, "note": note}, [f"{path}  {artwork.caption}", *([note] if note else [])])
    return 0


def bring(studio: Studio, text: str) -> Artwork:
    """The artwork that a number names, or that a file is once it came in through the gate.

    Raises BadInput, BadPicture, Refused.
    """
    from studio.safety.intake import sha256

    if _number(text) is not None:
        return _artwork(studio, text)
    data = _read(text)
    known = studio.gallery.has_source(sha256(data))
    if known is None:
        job = wait(studio, studio.import_files([(data, Path(text).name)]))
        skipped = job.result.get("skipped") or []
        if skipped:
            reason = f"{Path(text).name}: {skipped[0]['reason']}"
            raise Refused(Verdict(False, (reason,))) if skipped[0].get("refused") else BadPicture(reason)
        must_be_done(job)
        known = next(iter(job.result.get("ids") or []), None) or studio.gallery.has_source(sha256(data))
    if known is None:
        raise Failed(f"{Path(text).name} did not arrive in the gallery; see the Queue page.")
    return studio.gallery.get(known)


def size_of(studio: Studio, text: str) -> tuple[int, int]:
    """Width and height in pixels of what `bring` would bring, without bringing it; raises BadInput and BadPicture."""
    from studio.safety.intake import open_picture

    if _number(text) is None:
        return open_picture(_read(text)).size
    artwork = _artwork(studio, text)
    return artwork.width, artwork.height


def named(studio: Studio, text: str) -> tuple[int | None, bytes | None]:
    """The number of the artwork that a text names, or else the bytes of the file; raises BadInput and BadPicture."""
    return (None, _read(text)) if _number(text) is None else (_artwork(studio, text).id, None)


def map_for(studio: Studio, asked: Asked, size: tuple[int, int], pack: str) -> Artwork:
    """The map that a control names: an artwork, a picture taken as it is, or figures drawn at this size."""
    if _number(asked.file) is not None:
        artwork = _artwork(studio, asked.file)
        if artwork.kind == "map":
            return artwork
        job = studio.annotate(f"id:{artwork.id}", asked.kind, as_is=True, keep=True, pack=pack)
    elif asked.file.lower().endswith(".json"):
        job = studio.annotate("", asked.kind, figures=_figures(asked, size), size=size, keep=True, pack=pack)
    else:
        source = f"sha:{studio.upload(_read(asked.file))}"
        job = studio.annotate(source, asked.kind, as_is=True, keep=True, pack=pack)
    return _map_of(studio, wait(studio, job))


def mask_for(source: Artwork, file: Path) -> bytes:
    """Any picture as a mask for this source: a grey PNG of its size, white where it is painted; says when it was resized.

    Raises BadPicture for a file that is no picture, BadInput for an empty mask or one of another shape.
    """
    from PIL import Image

    from studio.gallery.encoding import plain_png
    from studio.safety.intake import open_picture

    picture = open_picture(_read(str(file))).picture
    if picture.mode == "RGBA":  # where a mask is transparent it paints nothing
        ground = Image.new("RGBA", picture.size, "black")
        picture = Image.alpha_composite(ground, picture)
    grey, size = picture.convert("L"), (source.width, source.height)
    if grey.size != size:
        sizes = f"{grey.width} by {grey.height} pixels and the source {size[0]} by {size[1]}"
        if abs(grey.width / grey.height / (size[0] / size[1]) - 1) > ASPECT:
            raise BadInput("mask", f"The mask is {sizes}; it must have the source's shape.")
        say(f"The mask is {sizes}; it is brought to the source's size.")
        grey = grey.resize(size, Image.Resampling.NEAREST)
    if grey.getbbox() is None:
        raise BadInput("mask", "The mask is empty: it is black everywhere. White is what will be painted.")
    return plain_png(grey)


def mask_of_words(studio: Studio, source: Artwork, words: str, pack: str) -> bytes:
    """What words name in a source, as a mask, found as the Guide page finds it; says how much of the picture it is.

    Raises BadInput when nothing of that was found.
    """
    from studio.gallery.keeping.selections import mask_file, selection

    job = wait(studio, studio.select(f"id:{source.id}", words, pack=pack))
    must_be_done(job)
    if not job.result.get("share"):
        raise BadInput("select", f"Nothing of {words!r} was found in the picture; try other words, or give a --mask.")
    try:
        found = studio.files.preview_path(str(job.result.get("preview", ""))).read_bytes()
    except OSError as error:
        raise Failed("What was found could not be read; run it once more.") from error
    mask, share = mask_file(selection(found, (source.width, source.height)))
    say(f"{words!r} is {share:.0%} of the picture.")
    return mask


def name_of(data: bytes) -> str:
    """The name that a recipe knows a file by."""
    from studio.safety.intake import sha256

    return sha256(data)


def _map_of(studio: Studio, job: Job) -> Artwork:
    must_be_done(job)
    made = job.result.get("artwork")
    if type(made) is not int:
        raise Failed(str(job.result.get("note") or "No map was drawn; see the Queue page."))
    return studio.gallery.get(made)


def _check_kind(studio: Studio, kind: str, parameters: dict[str, float], pack: str | None) -> None:
    from studio.domain.control import parameters_of
    from studio.packs.controls import check_annotator

    parameters_of(kind_of(kind).name, parameters)
    check_annotator(studio.shelf, kind, pack or studio.settings.pack)


def _figures(asked: Asked, size: tuple[int, int]) -> Any:
    if asked.kind != "pose":
        raise BadInput("controls", "Only a pose can be read from a JSON file.")
    text = _read(asked.file).decode("utf-8", errors="replace")
    return from_openpose(text, width=size[0], height=size[1])


def _setting(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    words = {"on": 1.0, "true": 1.0, "yes": 1.0, "off": 0.0, "false": 0.0, "no": 0.0}
    try:
        return name, words[value.lower()] if value.lower() in words else float(value)
    except ValueError as error:
        raise BadInput(name or "set", f"A setting looks like low=80; {text!r} does not.") from error


def _number(text: str) -> int | None:
    """The number of an artwork, unless there is a file of that name."""
    plain = text.isascii() and text.isdecimal() and len(text) <= 18
    return int(text) if plain and not Path(text).exists() else None


def _artwork(studio: Studio, text: str) -> Artwork:
    artwork = studio.gallery.get(int(text))
    if artwork.deleted_at is not None:
        raise BadInput("source", f"Artwork {text} is in the bin; take it out first.")
    return artwork


def _read(text: str) -> bytes:
    from studio.safety.intake import read_file

    try:
        return read_file(Path(text))
    except BadPicture as error:
        raise BadPicture(f"{text}: {error}") from error
