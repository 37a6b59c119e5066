"""Will it come out the same here? Painted once more and compared: with the real starter pack, and where something differs."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import FORBIDDEN, FakeModels, FakePainter, work
from PIL import Image

from studio.domain.artwork import Query
from studio.domain.errors import BadInput, Cancelled, PackMissing, Refused
from studio.domain.job import Job
from studio.domain.recipe import Lora, Recipe
from studio.domain.record import Part, Record
from studio.gallery.encoding import plain_png
from studio.gallery.keeping.records import record_at
from studio.gallery.metadata import KEY
from studio.safety.intake import open_picture
from studio.workshop.ports import Painted
from studio.workshop.spools import spent
from studio.workshop.tools import Tools

RECIPE = Recipe("a red star", steps=1, seed=5)


class Changing(FakePainter):
    """Paints as FakePainter does, and `shift` levels brighter in `share` of the rows."""

    def __init__(self, shift=0, share=1.0, size=None):
        super().__init__()
        self.shift, self.share, self.size = shift, share, size

    def paint(self, recipe, inputs, report):
        for one in super().paint(recipe, inputs, report):
            pixels = np.asarray(one.picture).astype(int)
            pixels[: round(len(pixels) * self.share)] += self.shift
            picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            yield Painted(picture.resize(self.size) if self.size else picture, one.seed)


@pytest.fixture
def painter():
    return Changing()


@pytest.fixture
def tools(home, gate, painter):
    made = Tools(home, models=FakeModels(gate, painter))
    yield made
    made.database.close()


@pytest.fixture
def artwork(tools):
    result = work(tools, "paint", {"recipe": RECIPE.to_dict()}).result
    return tools.gallery.get(result["artworks"][0])


def again(tools, artwork, **more):
    return work(tools, "repeat", {"artwork": artwork.id, **more}).result


def with_record(tools, gate, artwork, record):
    """The same picture as it would stand in the gallery with another record."""
    picture = open_picture(tools.gallery.path(artwork).read_bytes()).picture
    return tools.gallery.add(gate.picture(picture), artwork.recipe, record=record)


def test_the_same_pixels_are_said_and_nothing_is_saved(tools, artwork):
    result = again(tools, artwork)
    assert result["same"] is True and result["sentence"] == "The same to the last pixel."
    assert result["measured"]["largest"] == 0 and result["measured"]["psnr"] is None and result["differences"] == []
    assert "preview" not in result and "spool" not in result
    assert tools.gallery.count(Query()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((2, 1.0), "Nearly the same: no pixel differs by more than 2 of 255."),
        ((5, 1.0), "too little to see"),
        ((40, 0.25), "Different: 25% of its pixels differ visibly, by up to 40 of 255."),
    ],
)
def test_what_differs_is_measured_and_shown(tools, artwork, painter, change, words):
    shift, share = painter.shift, painter.share = change
    result = again(tools, artwork)
    assert words in result["sentence"] and result["same"] is False
    measured = result["measured"]
    assert (
        measured["largest"] == shift and 0.5 * shift * share <= measured["mean"] <= shift * share
    )  # some channels end at 255
    assert measured["psnr"] > 10 and json.loads(json.dumps(result)) == result
    assert tools.files.preview_path(result["preview"]).exists()
    assert tools.gallery.count(Query()) == 1, "it is not saved unless somebody asks"


def test_another_size_is_said(tools, artwork, painter):
    painter.size = (32, 48)
    assert "it is 32 × 48 pixels here and was" in again(tools, artwork)["sentence"]


def test_what_came_out_is_kept_when_somebody_asks(tools, gate, artwork, painter):
    painter.shift = 40
    result = again(tools, artwork)
    kept = again(tools, artwork, keep=result["spool"], record=result["record"])["artworks"]
    (new,) = [tools.gallery.get(id) for id in kept]
    assert new.id != artwork.id and new.kind == "painted" and new.recipe == artwork.recipe
    assert new.note == f"no. {artwork.id} painted again" and new.caption
    assert record_at(tools.gallery.path(new)).parts[0].pack == "storybook"
    pixels = [
        np.asarray(open_picture(tools.gallery.path(one).read_bytes()).picture).astype(int) for one in (artwork, new)
    ]
    assert (pixels[1] - pixels[0]).max() == 40
    job = Job(1, "repeat", "paint", "running", {"artwork": artwork.id, "keep": result["spool"]})
    assert spent(job, "done", tools.gallery) == [result["spool"]] and spent(job, "cancelled", tools.gallery) == []
    tools.files.unspool(result["spool"])
    with pytest.raises(BadInput, match="gone by now"):
        again(tools, artwork, keep=result["spool"])


def test_what_is_kept_goes_through_the_gate_again(tools, artwork):
    spool = tools.files.spool(plain_png(Image.new("RGB", (64, 64), FORBIDDEN)))
    with pytest.raises(Refused):
        again(tools, artwork, keep=spool)
    assert tools.gallery.count(Query()) == 1


def test_a_picture_that_the_gate_refuses_is_neither_shown_nor_kept(tools, artwork, painter):
    painter.forbidden = (RECIPE.seed,)
    with pytest.raises(Refused):
        again(tools, artwork)
    assert not [*(tools.home / "previews").glob("repeat-*")] and not [*(tools.home / "incoming").iterdir()]


def test_why_it_differs_is_told(tools, gate, artwork, painter):
    painter.shift = 40
    here = record_at(tools.gallery.path(artwork))
    first = dataclasses.replace(here.parts[0], hashes={**here.parts[0].hashes})
    weights = next(path for path in first.hashes if path.startswith("unet/"))
    first = Part("painter", first.pack, first.name, {**first.hashes, weights: "f" * 64})
    there = Record((first,), versions={**here.versions, "torch": "1.0"}, device="NVIDIA H200", kind="cuda")
    result = again(tools, with_record(tools, gate, artwork, there.to_dict()))
    assert [one["label"] for one in result["differences"]] == [weights, "Device", "torch"]
    assert "because the pack's files differ; it was painted on another device (NVIDIA H200)" in result["sentence"]
    unknown = again(tools, with_record(tools, gate, artwork, {}))
    assert "its file does not say with what it was painted" in unknown["sentence"]


def test_what_was_painted_with_memory_saved_is_painted_so_again(tools, gate, artwork, painter):
    asked, paint = [], painter.paint

    def painting(recipe, inputs, report, **how):
        asked.append(how)
        for one in paint(recipe, inputs, report):
            yield dataclasses.replace(one, saving=bool(how))

    painter.paint = painting
    painter.shift = 40
    saved = {**record_at(tools.gallery.path(artwork)).to_dict(), "saving": True}
    result = again(tools, with_record(tools, gate, artwork, saved))
    assert asked == [{"offload": True}] and result["differences"] == [] and result["record"]["saving"] is True
    again(tools, artwork)
    assert asked[1:] == [{}]


def test_blocks_that_were_compiled_there_alone_are_a_reason(tools, gate, artwork, painter):
    painter.shift = 40
    saved = record_at(tools.gallery.path(artwork)).to_dict()
    assert saved["compiled"] is False and saved["joined"] is False
    result = again(tools, with_record(tools, gate, artwork, {**saved, "compiled": True}))
    assert [one["label"] for one in result["differences"]] == ["Compiled"]
    assert "because the painter's blocks were compiled there and not here" in result["sentence"]


def test_the_threads_of_the_walk_itself_are_compared(tools, gate, artwork, painter):
    painter.shift, paint = 40, painter.paint
    painter.where, painter.dtype = SimpleNamespace(type="cpu"), "torch.float32"
    painter.paint = lambda *told, **how: (dataclasses.replace(one, threads=1) for one in paint(*told, **how))
    saved = {**record_at(tools.gallery.path(artwork)).to_dict()}
    for threads, labels in ((1, []), (8, ["Threads"])):
        there = {**saved, "device": {"kind": "cpu", "threads": threads}}
        result = again(tools, with_record(tools, gate, artwork, there))
        assert [one["label"] for one in result["differences"]] == labels


def test_memory_that_runs_out_only_here_is_a_difference(tools, artwork, painter):
    paint = painter.paint
    painter.paint = lambda *told: (dataclasses.replace(one, saving=True) for one in paint(*told))
    painter.shift = 40
    result = again(tools, artwork)
    assert [one["label"] for one in result["differences"]] == ["Memory"] and result["record"]["saving"] is True


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"pack": "sdxl"}, (PackMissing, "'sdxl'")),
        ({"loras": (Lora("sparkle"),)}, (PackMissing, "'sparkle'")),
        ({"task": "vary", "source": "0" * 64}, (BadInput, "source is not in the gallery")),
        ({"prompt": "child porn"}, (Refused, "never painted")),
    ],
)
def test_what_is_missing_is_said_before_anything_is_painted(tools, gate, painter, change, error):
    recipe = dataclasses.replace(RECIPE, **change)
    artwork = tools.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), recipe)
    painter.paint = None  # it must not be asked
    with pytest.raises(error[0], match=error[1]):
        again(tools, artwork)


def test_without_a_recipe_or_its_own_file_there_is_nothing_to_compare(tools, gate, artwork):
    bare = tools.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), kind="imported")
    with pytest.raises(BadInput, match="without a recipe"):
        again(tools, bare)
    tools.gallery.path(artwork).write_bytes(b"changed")
    with pytest.raises(BadInput, match="file is gone or damaged"):
        again(tools, artwork)


def test_a_record_is_read_from_the_file_alone_and_never_raises(tools, gate, artwork, tmp_path):
    assert record_at(tools.gallery.path(artwork)).parts[0].name == "Storybook"
    assert record_at(tmp_path / "gone.png") is None
    for name, text in (("a", "[1"), ("b", "[1]"), ("c", json.dumps({"record": 5})), ("d", "[" * 90_000)):
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text(KEY, text)
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png", pnginfo=info)
        assert record_at(tmp_path / f"{name}.png") is None
    (tmp_path / "e.png").write_bytes(b"no picture")
    assert record_at(tmp_path / "e.png") is None


# --- with the real starter pack and its worker --------------------------------------------------------------------------


def repeated(studio, id):
    job = studio.wait(studio.repeat(id).id, timeout=240)
    assert job.state == "done", job.error
    return job.result


def painted(studio, recipe, **more):
    job = studio.wait(studio.paint(recipe, **more).id, timeout=240)
    assert job.state == "done", job.error
    return [studio.gallery.get(id) for id in job.result["artworks"]]


def test_storybook_comes_out_the_same_alone_and_from_a_batch(shared_studio):
    studio = shared_studio
    recipe = Recipe("a large red star at night", steps=3, seed=90, sampler="euler a")
    (single,) = painted(studio, recipe)
    result = repeated(studio, single.id)
    assert result["same"] is True and result["differences"] == []
    batch = painted(studio, dataclasses.replace(recipe, count=3, seed=91))
    result = repeated(studio, batch[2].id)
    assert result["measured"]["largest"] <= 2 and [one["label"] for one in result["differences"]] == ["At once"]
    job = studio.queue.list((), ("repeat",))[0]
    assert studio.foretold(recipe) is not None and job.payload["recipe"]["seed"] == 93


def test_storybook_comes_out_the_same_from_a_source_and_a_mask(shared_studio):
    from PIL import ImageDraw

    from studio.safety.intake import sha256

    studio = shared_studio
    (source,) = painted(studio, Recipe("a blue house on a sunny day", steps=3, seed=95))
    grey = Image.new("L", (source.width, source.height))
    ImageDraw.Draw(grey).rectangle((20, 20, 70, 70), 255)
    mask = plain_png(grey)
    fill = Recipe("a red star", task="inpaint", source=source.sha256, mask=sha256(mask), steps=3, seed=96, strength=1.0)
    (filled,) = painted(studio, fill, mask=mask, keep=True)
    assert repeated(studio, filled.id)["same"] is True


def test_the_front_says_what_is_missing_and_queues_nothing(shared_studio, gate):
    studio = shared_studio
    before = studio.queue.count((), ("repeat",))
    recipe = dataclasses.replace(RECIPE, pack="nowhere", loras=(Lora("sparkle"),))
    artwork = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), (1, 90, 3))), recipe)
    with pytest.raises(PackMissing, match="'nowhere'"):
        studio.repeat(artwork.id)
    bare = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), (1, 90, 4))), kind="imported")
    with pytest.raises(BadInput, match="without a recipe"):
        studio.repeat(bare.id)
    with pytest.raises(BadInput, match="nothing of that job"):
        studio.keep_repeat(studio.submit("warm", {}).id)
    assert studio.queue.count((), ("repeat",)) == before


def test_a_repetition_can_be_cancelled(tools, artwork, painter):
    def paint(recipe, inputs, report):
        raise Cancelled("Cancelled.")
        yield

    painter.paint = paint
    with pytest.raises(Cancelled):
        again(tools, artwork)
