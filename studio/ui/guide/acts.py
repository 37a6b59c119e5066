"""What the buttons of the Guide page do: choose a source, paint, keep, discard, go on. Each raises a sentence; none draws."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput, EaselError
from studio.domain.job import Job
from studio.domain.pose import Figure, from_openpose, presets
from studio.domain.recipe import Recipe
from studio.packs.controls import CONTROL, can_follow
from studio.packs.manifest import Manifest
from studio.safety.intake import sha256
from studio.ui import forms as shared
from studio.ui.guide import desk, forms, maps, masks
from studio.ui.guide import sheet as sheets
from studio.ui.guide.sheet import RESULT, Pending

_DISCARDED = "guide_discarded"


# --- the source ---------------------------------------------------------------------------------------------------------


def take(studio: Studio, manifest: Manifest, id: int) -> None:
    """Make an artwork the source, or use it as a control where it is a map; raises BadInput when it is gone."""
    artwork = studio.gallery.get(id)
    if artwork.kind == "map" and artwork.map is not None:
        use_map(studio, manifest, artwork)
        return
    desk.put(forms.fields_from(artwork, manifest, desk.fields(), desk.sheet().filled))
    desk.change(sheets.with_source(desk.sheet(), id), filled=forms.prompt_for(artwork))
    st.query_params.pop("job", None)


def use_map(studio: Studio, manifest: Manifest, artwork: Artwork) -> None:
    """Use a map of the gallery as a control; the picture it was drawn from becomes the source where there is none."""
    if not desk.sheet().source:
        parent = next((one.artwork for one in studio.gallery.parents(artwork.id) if one.artwork is not None), None)
        if parent is not None and parent.deleted_at is None:
            take(studio, manifest, parent.id)
    if not any(aid.ready == artwork.id for aid in desk.sheet().aids):
        kind = artwork.map.kind if artwork.map is not None else "tile"
        desk.change(sheets.add_aid(desk.sheet(), kind, ready=artwork.id))
    if desk.fields()["task"] not in sheets.GUIDED:
        desk.put({"task": "create"})


def follow_address(studio: Studio, manifest: Manifest) -> None:
    """What the address asks for: ?source=12 takes that picture, &task=inpaint chooses what to do, ?job=3,4 shows results.

    A source is asked for once: another one may be chosen afterwards, and a refresh must not bring the first one back.
    """
    asked = st.query_params.pop("source", "")
    task = st.query_params.pop("task", "")
    if asked.isascii() and asked.isdecimal() and len(asked) <= 18:
        take(studio, manifest, int(asked))
    if task in forms.MODES:
        desk.put({"task": task})
        desk.change(view=sheets.MASK if task == "inpaint" else sheets.SOURCE)
    named = st.query_params.get("job", "")
    if named and named != ",".join(str(id) for id in desk.sheet().jobs):
        show_jobs([job.id for job in jobs_named(studio, named)])
    elif not named and desk.sheet().jobs:
        st.query_params["job"] = ",".join(str(id) for id in desk.sheet().jobs)


def leave_source() -> None:
    """No source any more."""
    desk.change(sheets.with_source(desk.sheet(), 0))
    st.query_params.pop("job", None)


def bring(studio: Studio, manifest: Manifest, data: bytes, name: str) -> None:
    """A file from this person's disk or clipboard: it is checked and put into the gallery, and becomes the source.

    One that the gallery has already becomes it at once: to bring it in again would bring nothing.
    """
    known = studio.gallery.has_source(sha256(data))
    if known is not None:
        take(studio, manifest, known)
        return
    desk.change(arriving=studio.import_files([(data, name)]).id)


def begin_with(studio: Studio, recipe: Recipe) -> None:
    """Paint a picture from words to begin with; it becomes the source."""
    desk.change(arriving=studio.paint(recipe).id)


def forget_arriving() -> None:
    """What was on its way is not waited for any more."""
    desk.change(arriving=0)


def select(studio: Studio, adding: bool) -> None:
    """Find what the words name in the source; it becomes the mask, or is added to it."""
    now = desk.fields()
    if not now["select"].strip():
        raise BadInput("select", "Say what to select, such as: the red star.")
    job = studio.select(f"id:{desk.sheet().source}", now["select"].strip(), pack=now["pack"])
    desk.change(selecting=job.id, adding=adding, view=sheets.MASK)


# --- controls -----------------------------------------------------------------------------------------------------------


def add(kind: str) -> None:
    """One more control, drawn from the source; a pose without a source begins with a standing figure."""
    lying = desk.sheet()
    figures = [presets()["Standing"]] if kind == "pose" and not lying.source else None
    desk.change(sheets.add_aid(lying, kind, figures=figures))


def pose_from_nothing() -> None:
    """A figure on an empty picture, to be moved."""
    desk.put({"task": "create"})
    add("pose")


def set_aid(id: int, changes: dict[str, Any]) -> None:
    """Change a control."""
    desk.change(sheets.change_aid(desk.sheet(), id, **changes))


def redraw(id: int) -> None:
    """Draw its map once more, from the picture."""
    aid = desk.sheet().aid(id)
    if aid is not None:
        set_aid(id, {"figures": None, "asked": "", "job": 0, "revision": aid.revision + 1})


def remove(id: int) -> None:
    """Take a control away; it can be put back."""
    desk.change(sheets.remove_aid(desk.sheet(), id))


def put_back() -> None:
    """The control that was removed last, again."""
    desk.change(sheets.put_back(desk.sheet()))


def look_at(view: str) -> None:
    """Put something else on the stage."""
    desk.change(view=view)


def bring_map(studio: Studio, id: int, data: bytes) -> None:
    """A ready map from a file: it is checked and kept, and then used as it is. OpenPose's JSON becomes figures."""
    aid = desk.sheet().aid(id)
    if aid is None:
        return
    if data.lstrip()[:1] in (b"{", b"["):
        if aid.kind != "pose":
            raise BadInput("controls", "This is a JSON file; only a pose can be read from one.")
        place(id, from_openpose(data.decode("utf-8", errors="replace")))
        return
    source = f"sha:{studio.upload(data)}"
    job = studio.annotate(source, aid.kind, as_is=True, keep=True, pack=desk.fields()["pack"])
    set_aid(id, {"bringing": job.id, "revision": aid.revision + 1})


def place(id: int, figures: tuple[Figure, ...]) -> None:
    """Other figures in the pose editor than those that lie there, as one step that it can undo."""
    aid = desk.sheet().aid(id)
    if aid is not None:
        set_aid(id, {"figures": figures, "ready": 0, "overlay": "", "revision": aid.revision + 1})


def lent(studio: Studio, manifest: Manifest) -> tuple[str, ...]:
    """The roles that other packs' ControlNets, which fit a painter, play for it."""
    return tuple(CONTROL + kind for kind in can_follow(studio.shelf, studio.shelf.get(manifest.id)))


# --- the button ---------------------------------------------------------------------------------------------------------


def paint(studio: Studio, manifest: Manifest, roles: dict[str, tuple[str, ...]], wish: str) -> None:
    """The button: check everything, draw and keep the maps that are not kept yet, and then paint, under the key `wish`."""
    desk.hear()
    now, lying = desk.fields(), desk.sheet()
    guided = lying.aids if now["task"] in sheets.GUIDED else ()
    for aid in guided:
        lack = forms.lacks(aid.kind, roles, manifest.name)
        if lack:
            raise BadInput("controls", lack)
    found = {aid.id: maps.figure_count(studio, aid, lying, now) for aid in guided}
    forms.check(now, lying, desk.source_of(studio), found)
    seed = shared.seed_for(now)
    waiting = {
        aid.id: maps.draw(studio, aid, lying, now, keep=True).id
        for aid in guided
        if maps.kept(studio, aid, lying, now) is None
    }
    desk.put({"seed": str(seed)})
    pending = Pending(wish, seed, dict(desk.fields()), waiting, lying.source, lying.mask, lying.aids)
    desk.change(pending=pending, jobs=(), view=RESULT)
    st.query_params.pop("job", None)
    if not waiting:
        begin(studio)


def begin(studio: Studio) -> None:
    """Queue what the pending press asks for; every map it needs is kept by now. Raises what keeps it from being queued."""
    pending = desk.sheet().pending
    if pending is None:
        return
    try:
        begun = _queued(studio, pending)
    except EaselError:
        desk.change(pending=None)
        raise
    desk.change(pending=None)  # not before: a run that is stopped halfway begins again, with the same keys
    show_jobs([job.id for job in begun])


def _queued(studio: Studio, pending: Pending) -> list[Job]:
    lying, source = pending.sheet, maps.artwork_of(studio, pending.source)
    asked: Any = pending.fields
    mask = masks.decoded(lying.mask) if asked["task"] == "inpaint" else b""
    controls = []
    for aid in lying.aids if asked["task"] in sheets.GUIDED else ():
        kept = maps.kept(studio, aid, lying, asked)
        if kept is None:
            raise BadInput("controls", "A map is not there any more; press the button again.")
        controls.append(aid.control(kept.sha256))
    recipes = forms.recipes_of(
        asked, source, seed=pending.seed, mask=sha256(mask) if mask else None, controls=tuple(controls)
    )
    return [
        studio.paint(recipe, key=f"{pending.key}-{place}", mask=mask or None, offload=asked.get("offload") is True)
        for place, recipe in enumerate(recipes)
    ]


def show_jobs(ids: list[int]) -> None:
    """Put jobs on the stage of this tab, and their numbers into the address."""
    desk.change(jobs=tuple(ids), view=RESULT if ids else desk.sheet().view)
    if ids:
        st.query_params["job"] = ",".join(str(id) for id in ids)
    else:
        st.query_params.pop("job", None)


def jobs_named(studio: Studio, address: str) -> list[Job]:
    """The paint jobs that an address such as "12,13" names; those that are not there are left out."""
    found = []
    for text in address.split(",")[:16]:
        if text.isascii() and text.isdecimal() and len(text) <= 18:
            try:
                job = studio.job(int(text))
            except EaselError:
                continue
            if job.kind == "paint":
                found.append(job)
    return found


# --- results ------------------------------------------------------------------------------------------------------------


def keep_result(studio: Studio, id: int) -> None:
    """A proposal becomes an artwork of the gallery."""
    studio.keep(id)


def discard(studio: Studio, id: int) -> None:
    """Into the bin with it, with a way back."""
    studio.discard(id)
    st.session_state[_DISCARDED] = id


def discarded() -> int:
    """What was discarded last and can be brought back; 0 when there is nothing."""
    return int(st.session_state.get(_DISCARDED, 0))


def bring_back(studio: Studio, id: int) -> None:
    """Undo a Discard."""
    studio.restore(id)
    st.session_state.pop(_DISCARDED, None)


def go_on_from(studio: Studio, manifest: Manifest, id: int) -> None:
    """Keep a result and make it the source."""
    if studio.gallery.get(id).kind == "proposal":
        studio.keep(id)
    take(studio, manifest, id)


def again(studio: Studio, jobs: list[Job], wish: str) -> None:
    """The same wishes with a new seed, under the key `wish`."""
    seed, brushed = shared.new_seed(), masks.decoded(desk.sheet().mask)
    begun = []
    for place, job in enumerate(jobs):
        recipe = dataclasses.replace(Recipe.from_dict(job.payload["recipe"]), seed=seed)
        # a job that ended early may not have brought its mask into the gallery; the one on the page may be it
        mask = brushed if brushed and sha256(brushed) == recipe.mask else None
        offload = desk.fields()["offload"]
        begun.append(studio.paint(recipe, key=f"{wish}-{place}", mask=mask, offload=offload).id)
    show_jobs(begun)
