"""Painting over pictures, as the worker runs it: masks that travel, proposals, what changed outside, uploads cleared away."""

import dataclasses

import numpy as np
import pytest
from fakes import FORBIDDEN, FakeModels, FakePainter, work
from PIL import Image, ImageDraw

from studio.domain.artwork import Query
from studio.domain.control import ControlMap
from studio.domain.errors import BadInput, Refused
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.gallery.encoding import plain_png
from studio.jobs.lock import Lock
from studio.measure.pictures import differing
from studio.safety.intake import sha256
from studio.workshop.ports import Painted
from studio.workshop.spools import spent
from studio.workshop.tools import Tools
from studio.workshop.worker import Worker

SIDE = 48


class Filler(FakePainter):
    """Fills the mask with one colour, or extends with it; `spill` pixels of the rest change too."""

    def __init__(self, spill=0):
        super().__init__()
        self.spill = spill

    def paint(self, recipe, inputs, report):
        source = inputs[recipe.source]
        for seed in range(recipe.seed, recipe.seed + recipe.count):
            report(1, 1)
            left, top, right, bottom = recipe.extend
            picture = Image.new(source.mode, (source.width + left + right, source.height + top + bottom), "teal")
            picture.paste(source, (left, top))
            if recipe.mask:
                picture.paste("teal", mask=inputs[recipe.mask].convert("L").point(lambda grey: 255 * (grey > 0)))
            for place in range(self.spill):
                picture.putpixel((left + place, top), (1, 2, 3 + place))
            yield Painted(picture, seed)


@pytest.fixture
def filler():
    return Filler()


@pytest.fixture
def tools(home, gate, filler):
    made = Tools(home, models=FakeModels(gate, filler))
    yield made
    made.database.close()


@pytest.fixture
def source(tools, gate):
    """A picture with a pattern, as painted."""
    picture = Image.fromarray(np.arange(SIDE * SIDE * 3, dtype=np.uint32).reshape(SIDE, SIDE, 3).astype(np.uint8) // 2)
    return tools.gallery.add(gate.picture(picture), Recipe("a house"))


def brushed(size=(SIDE, SIDE), box=(10, 10, 20, 20)):
    """A mask as the front writes it."""
    grey = Image.new("L", size)
    ImageDraw.Draw(grey).rectangle(box, 255)
    return plain_png(grey)


def fill(source, mask, **more):
    return Recipe("a sun", task="inpaint", source=source.sha256, mask=sha256(mask), steps=1, **more)


def payload(recipe, *spools, keep=False):
    return {"recipe": recipe.to_dict(), "spools": list(spools), "keep": keep}


def test_a_mask_travels_with_its_job_and_becomes_an_artwork_of_the_same_name(tools, source):
    mask = brushed()
    recipe = fill(source, mask, count=2)
    result = work(tools, "paint", payload(recipe, tools.files.spool(mask))).result
    made = tools.gallery.many(result["artworks"])
    assert [one.kind for one in made.values()] == ["proposal", "proposal"] and tools.gallery.count(Query()) == 1
    assert result["outside"] == {str(id): 0 for id in result["artworks"]}
    kept = tools.gallery.by_sha(sha256(mask))
    assert kept.kind == "mask" and tools.gallery.path(kept).read_bytes() == mask
    assert {one.role for id in made for one in tools.gallery.parents(id)} == {"source", "mask"}


def test_what_is_kept_at_once_is_no_proposal_and_create_never_is(tools, source):
    mask = brushed()
    done = work(tools, "paint", payload(fill(source, mask), tools.files.spool(mask), keep=True)).result
    assert tools.gallery.get(done["artworks"][0]).kind == "painted"
    tools.models._painter = FakePainter()
    done = work(tools, "paint", payload(Recipe("a star", steps=1))).result
    assert tools.gallery.get(done["artworks"][0]).kind == "painted" and "outside" not in done


@pytest.mark.parametrize("spill", [1, 7])
def test_pixels_changed_outside_are_counted_on_the_saved_file(tools, source, filler, spill):
    filler.spill = spill
    mask = brushed()
    result = work(tools, "paint", payload(fill(source, mask), tools.files.spool(mask))).result
    assert list(result["outside"].values()) == [spill]
    extended = Recipe("a sea", task="outpaint", source=source.sha256, extend=(8, 16, 0, 0), steps=1)
    result = work(tools, "paint", payload(extended)).result
    assert list(result["outside"].values()) == [spill]
    made = tools.gallery.get(result["artworks"][0])
    assert (made.width, made.height) == (SIDE + 8, SIDE + 16)


def test_a_mask_brushed_on_a_smaller_copy_counts_at_the_sources_size(tools, source):
    mask = brushed((24, 24), (4, 4, 11, 11))

    class Careful(Filler):
        def paint(self, recipe, inputs, report):
            large = inputs[recipe.mask].convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            yield from super().paint(recipe, {**inputs, recipe.mask: large}, report)

    tools.models._painter = Careful()
    result = work(tools, "paint", payload(fill(source, mask), tools.files.spool(mask))).result
    assert list(result["outside"].values()) == [0]


def test_transparency_and_a_picture_of_the_wrong_size_are_counted_too(tools, gate):
    see_through = Image.new("RGBA", (SIDE, SIDE), (10, 20, 30, 90))
    source = tools.gallery.add(gate.picture(see_through), Recipe("glass"))
    mask = brushed()

    class Flat(FakePainter):
        def paint(self, recipe, inputs, report):
            yield Painted(inputs[recipe.source].convert("RGB"), recipe.seed)
            yield Painted(Image.new("RGB", (8, 8)), recipe.seed + 1)

    tools.models._painter = Flat()
    result = work(tools, "paint", payload(fill(source, mask, count=2), tools.files.spool(mask))).result
    assert sorted(result["outside"].values()) == [SIDE * SIDE - 121, SIDE * SIDE]


def test_a_job_run_again_finds_its_mask_in_the_gallery(tools, source):
    mask = brushed()
    spool = tools.files.spool(mask)
    first = work(tools, "paint", payload(fill(source, mask), spool)).result
    tools.files.unspool(spool)
    assert work(tools, "paint", payload(fill(source, mask), spool)).result["artworks"] == first["artworks"]
    gone = brushed(box=(1, 1, 2, 2))
    with pytest.raises(BadInput, match=r"mask of this job is gone; brush it again") as raised:
        work(tools, "paint", payload(fill(source, gone), f"{sha256(gone)}-00000000"))
    assert raised.value.field == "mask"


def test_a_mask_that_cannot_be_used_says_so_and_loses_nothing(tools, source):
    animated = Image.new("L", (SIDE, SIDE), 255)
    for data, words in (
        (b"no picture at all", "cannot be used: This is not a picture"),
        (brushed()[:-20], "cut short"),
        (brushed() + b"more", "plain picture with nothing beside"),
    ):
        with pytest.raises(BadInput, match=words) as raised:
            work(tools, "paint", payload(fill(source, data), tools.files.spool(data)))
        assert raised.value.field == "mask"
    forbidden = plain_png(Image.new("RGB", animated.size, FORBIDDEN))
    with pytest.raises(Refused, match="The mask was refused"):
        work(tools, "paint", payload(fill(source, forbidden), tools.files.spool(forbidden)))
    assert tools.gallery.count(Query(kind="mask")) == 0 and tools.gallery.get(source.id) == source


def test_a_source_that_went_meanwhile_is_a_sentence_before_anything_is_painted(tools, source, filler):
    mask = brushed()
    spool = tools.files.spool(mask)
    tools.gallery.delete(source.id)
    with pytest.raises(BadInput, match="source is in the bin"):
        work(tools, "paint", payload(fill(source, mask), spool))
    tools.gallery.restore(source.id)
    assert work(tools, "paint", payload(fill(source, mask), spool)).state == "done"


def test_maps_are_found_by_meaning_and_never_captioned_by_a_model(tools, gate, source):
    made = tools.gallery.add(
        gate.picture(Image.new("RGB", (32, 32), "red")), kind="map", map=ControlMap("canny", {"low": 9.0}),
        parents=[source.sha256],
    )  # fmt: skip
    proposal = tools.gallery.add(
        gate.picture(Image.new("RGB", (32, 32), (250, 5, 5))),
        Recipe("x", task="vary", source=source.sha256),
        kind="proposal",
    )
    hits = [id for id, _ in work(tools, "find", {"words": [["red", 1.0]]}).result["hits"]]
    assert hits[0] == made.id and proposal.id not in hits
    tools.gallery.keep(proposal.id)
    assert proposal.id in [id for id, _ in work(tools, "find", {"words": [["red", 1.0]]}).result["hits"]]
    folder = tools.home.parent / "folder"
    folder.mkdir()
    (folder / "map.png").write_bytes(tools.gallery.path(made).read_bytes())
    tools.gallery.delete(made.id)
    tools.gallery.empty_bin()
    (id,) = work(tools, "import", {"folder": str(folder)}).result["ids"]
    back = tools.gallery.get(id)
    assert (back.kind, back.map, back.sha256) == ("map", made.map, made.sha256)
    assert back.caption == "edges map of a house" and back.caption_by == "easel"
    assert [one.sha256 for one in tools.gallery.parents(id)] == [source.sha256]


# --- uploads --------------------------------------------------------------------------------------------------------------


def ended(tools, state, kind, body):
    """A job of this kind, waited for by nobody, in its last state."""
    return dataclasses.replace(Job(1, kind, "paint", "running", body), state=state)


def test_which_uploads_go_when_a_job_ends(tools, source):
    mask = brushed()
    spool = tools.files.spool(mask)
    body = payload(fill(source, mask), spool)
    for state, gone in (("done", [spool]), ("refused", [spool]), ("failed", []), ("cancelled", [])):
        assert spent(ended(tools, state, "paint", body), state, tools.gallery) == gone
    work(tools, "paint", body)  # now the mask is an artwork: nobody needs the upload any more
    assert spent(ended(tools, "cancelled", "paint", body), "cancelled", tools.gallery) == [spool]
    drawn = {"source": f"sha:{spool}", "overlay": "b-1", "keep": False}
    assert spent(ended(tools, "done", "annotate", drawn), "done", tools.gallery) == ["b-1"]  # more previews may follow
    assert spent(ended(tools, "done", "annotate", {**drawn, "keep": True}), "done", tools.gallery) == ["b-1", spool]
    assert spent(ended(tools, "done", "find", {"like": [[f"sha:{spool}", 1]]}), "done", tools.gallery) == []
    assert spent(ended(tools, "done", "paint", {"recipe": {}}), "done", tools.gallery) == []  # a job of an older Easel


def test_masks_of_jobs_that_may_run_again_survive_a_restart(tools, source):
    import os

    spools = {}
    for place, state in enumerate(("waiting", "interrupted", "cancelled", "failed", "done")):
        mask = brushed(box=(place, place, place + 3, place + 3))
        spools[state] = tools.files.spool(mask)
        job = tools.queue.submit("paint", payload(fill(source, mask), spools[state]))
        tools.database.write("UPDATE jobs SET state = ? WHERE id = ?", state, job.id)
    for name in spools.values():
        os.utime(tools.home / "incoming" / name, (0, 0))
    tools.gallery.sweep()
    left = {path.name for path in (tools.home / "incoming").iterdir()}
    assert left == set(spools.values()) - {spools["done"]}


def test_the_worker_takes_a_finished_jobs_mask_away(home, tools, source):
    mask = brushed()
    spool = tools.files.spool(mask)
    job = tools.queue.submit("paint", payload(fill(source, mask), spool))
    worker = Worker(home, lock=Lock(home), name="w", warm_up=False)
    worker._tools = tools
    from studio.workshop.tasks import TASKS

    worker._tasks = TASKS
    worker._run(tools.queue.claim("paint", "w"), worker._lanes[0])
    assert tools.queue.get(job.id).state == "done", tools.queue.get(job.id).error
    assert list((home / "incoming").iterdir()) == []
    again = tools.queue.again(job.id)
    worker._run(tools.queue.claim("paint", "w"), worker._lanes[0])
    assert tools.queue.get(again.id).state == "done"


def test_differing_pixels_are_counted_once_each():
    one = np.zeros((4, 5, 3), np.uint8)
    two = one.copy()
    two[0, 0] = 9
    two[3, 4, 2] = 1
    assert differing(one, two) == 2 and differing(one, one) == 0
    where = np.zeros((4, 5), bool)
    where[0] = True
    assert differing(one, two, where=where) == 1
    with pytest.raises(ValueError, match="shapes"):
        differing(one, two[:2])
    with pytest.raises(ValueError, match="mask"):
        differing(one, two, where=where[:2])
