"""Upscalers: tiny random ones of both makes on a real shelf, through the real job; tiles, factors, Cancel, NaN and memory."""

import dataclasses
import io
from types import SimpleNamespace

import numpy as np
import pytest
from galleries import imported
from painting import Steps, kept, scene
from PIL import Image

from studio.app import Studio
from studio.domain.errors import BadInput, Cancelled, Failed, NotNumbers, PackMissing
from studio.domain.recipe import Recipe
from studio.gallery.metadata import parameters, read_recipe, write_text
from studio.packs.bring import bring, one
from studio.packs.parts import check_parts
from studio.workshop import heavy
from studio.workshop.tools import Tools

heavy.prepare()

import tiny  # noqa: E402
import torch  # noqa: E402

from studio.workshop.paint import upscale  # noqa: E402
from studio.workshop.paint.upscale import Upscaler, load_upscaler, passes  # noqa: E402

CPU = torch.device("cpu")


def nearest(times):
    """An upscaler that repeats pixels, so that every tile is where it should be or is seen not to be."""
    return lambda pixels: torch.nn.functional.interpolate(pixels, scale_factor=times, mode="nearest")


def enlarge(source, factor=2, **fields):
    inputs, (name,) = kept(source)
    fields = {"method": "model", "upscaler": "some", **fields}
    return Recipe("", task="enlarge", source=name, factor=factor, **fields), inputs


def painted(net, times, source, factor=2, report=None, **fields):
    recipe, inputs = enlarge(source, factor, **fields)
    return list(Upscaler(net, factor=times, where=CPU).paint(recipe, inputs, report or Steps()))


# --- tiles and factors --------------------------------------------------------------------------------------------------


def test_a_factor_is_reached_from_the_models_own():
    assert [passes(*pair) for pair in ((2, 2), (2, 4), (3, 2), (3, 4), (4, 2), (4, 4), (8, 4))] == [
        [2], [2, 2], [2], [2, 2], [2], [4], [4],
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(40, 24), (300, 170)], ids=["one tile", "many tiles"])
def test_tiles_lie_where_they_belong(size):
    source = scene(size)
    (made,) = painted(nearest(2), 2, source)
    assert made.picture.size == (2 * size[0], 2 * size[1])
    assert np.array_equal(
        np.asarray(made.picture), np.asarray(source.resize(made.picture.size, Image.Resampling.NEAREST))
    )
    (made,) = painted(nearest(2), 2, source, 4)
    expected = np.asarray(source.resize((4 * size[0], 4 * size[1]), Image.Resampling.NEAREST))
    assert np.array_equal(np.asarray(made.picture), expected)


def test_a_larger_model_is_brought_down_tile_by_tile():
    source = Image.new("RGB", (200, 150), (10, 120, 240))
    (made,) = painted(nearest(4), 4, source)
    assert made.picture.size == (400, 300) and made.picture.getextrema() == ((10, 10), (120, 120), (240, 240))


def test_no_seam_where_tiles_differ_in_tone():
    """Each tile a little brighter than the last: neighbours fade into each other, and no column jumps."""
    calls = []

    def drifting(pixels):
        calls.append(1)
        return nearest(2)(pixels) * 0 + 0.3 + 0.02 * len(calls)

    (made,) = painted(drifting, 2, scene((300, 100)))
    row = np.asarray(made.picture)[100, :, 0].astype(int)
    assert len(calls) > 2 and row[-1] - row[0] >= 10 and np.abs(np.diff(row)).max() <= 1


def test_transparency_stays_and_every_seed_has_its_picture():
    source = scene((60, 40), "RGBA")
    source.putalpha(Image.linear_gradient("L").resize((60, 40)))
    made = painted(nearest(2), 2, source, seed=7, count=2)
    assert [one.seed for one in made] == [7, 8] and made[0].picture.mode == "RGBA"
    alpha = np.asarray(made[0].picture.getchannel("A")).astype(int)
    assert alpha[0].max() < 10 and alpha[-1].min() > 245


# --- what goes wrong ----------------------------------------------------------------------------------------------------


def test_progress_counts_tiles_and_cancel_is_heard_between_them():
    steps = Steps(draft=True)
    painted(nearest(2), 2, scene((300, 100)), 4, report=steps)
    total = steps.seen[0][1]
    assert steps.seen == [(done, total) for done in range(total + 1)] and total > 10
    assert all(max(draft.size) <= 256 for draft in steps.drafts) and len(steps.drafts) == total
    steps = Steps(stop_at=3)
    with pytest.raises(Cancelled):
        painted(nearest(2), 2, scene((300, 100)), report=steps)
    assert len(steps.seen) == 3


def test_what_is_no_number_is_never_a_picture():
    with pytest.raises(NotNumbers, match="NaN"):
        painted(lambda pixels: nearest(2)(pixels) * torch.nan, 2, scene((40, 40)))


def test_memory_that_runs_out_makes_the_tiles_smaller_and_then_says_so():
    seen = []

    def small_card(pixels, most=64):
        seen.append(pixels.shape[-1])
        if pixels.shape[-1] > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
        return nearest(2)(pixels)

    source = scene((200, 90))
    (made,) = painted(small_card, 2, source)
    assert seen[0] == upscale.TILE and max(seen[1:]) == 64
    assert np.array_equal(np.asarray(made.picture), np.asarray(source.resize((400, 180), Image.Resampling.NEAREST)))
    with pytest.raises(Failed, match="too little memory"):
        painted(lambda pixels: small_card(pixels, most=1), 2, source)
    with pytest.raises(RuntimeError, match="something else"):
        painted(lambda pixels: (_ for _ in ()).throw(RuntimeError("something else")), 2, source)


def test_sources_that_cannot_be_enlarged_are_named():
    with pytest.raises(BadInput, match="8 by 8 is the least"):
        painted(nearest(2), 2, scene((40, 4)))
    recipe, _ = enlarge(scene((40, 40)))
    with pytest.raises(BadInput, match="no longer in the gallery"):
        list(Upscaler(nearest(2), factor=2, where=CPU).paint(recipe, {}, Steps()))


# --- the recipe ---------------------------------------------------------------------------------------------------------


def test_a_recipe_names_its_upscaler_and_nothing_else_does():
    recipe, _ = enlarge(scene((40, 40)), upscaler="upscaler-swin2sr-x2")
    assert Recipe.from_json(recipe.to_json()) == recipe
    for fields in (
        {"upscaler": ""},
        {"method": "lanczos"},
        {"upscaler": "Not A Name"},
        {"task": "create", "factor": 1, "prompt": "a star"},
    ):
        with pytest.raises(BadInput) as error:
            dataclasses.replace(recipe, **fields)
        assert error.value.field == "upscaler", fields


def test_a_file_says_what_enlarged_it():
    recipe, _ = enlarge(scene((40, 40)), 4, upscaler="real")
    assert "Postprocess upscale by: 4, Postprocess upscaler: real" in parameters(recipe, model="Storybook")
    text = write_text(recipe, extras={})
    assert read_recipe(SimpleNamespace(text=text))[0] == recipe


# --- models and packs ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A Swin2SR that doubles, as a folder, and a Real-ESRGAN that quadruples, as a file, as people have them."""
    root = tmp_path_factory.mktemp("upscalers")
    tiny.swin2sr().save_pretrained(root / "swin2sr x2")
    tiny.saved(tiny.esrgan(), root / "RealESRGAN_x4.safetensors")
    return root


@pytest.mark.parametrize(("name", "factor"), [("swin2sr x2", 2), ("RealESRGAN_x4.safetensors", 4)])
def test_both_makes_are_loaded_and_enlarge(models, name, factor):
    upscaler = load_upscaler(models / name)
    assert upscaler.factor == factor
    recipe, inputs = enlarge(scene((41, 30)), 4)
    (made,) = upscaler.paint(recipe, inputs, Steps())
    assert made.picture.size == (164, 120) and np.asarray(made.picture).std() > 1


def test_what_is_no_upscaler_is_named(models, tmp_path):
    tiny.saved({"some.weight": torch.zeros(2, 2)}, tmp_path / "strange.safetensors")
    with pytest.raises(PackMissing, match="not known here"):
        load_upscaler(tmp_path / "strange.safetensors")
    tiny.saved(tiny.esrgan(up=0), tmp_path / "same.safetensors")
    with pytest.raises(PackMissing, match="enlarges none"):
        load_upscaler(tmp_path / "same.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PackMissing, match="holds 0"):
        load_upscaler(tmp_path / "folder")
    (tmp_path / "folder" / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(PackMissing, match="is a vit"):
        load_upscaler(tmp_path / "folder")


@pytest.fixture
def studio(home):
    made = Studio(home)
    made.supervisor.ensure = lambda: None  # these tests do the jobs themselves
    yield made
    made.close()


@pytest.mark.parametrize("name", ["swin2sr x2", "RealESRGAN_x4.safetensors"])
def test_a_brought_upscaler_enlarges_through_the_job_and_no_painter_is_loaded(studio, models, name):
    from fakes import work

    pack = bring(studio.shelf, one(models / name), copy=True)
    assert pack.manifest.kind == "upscaler" and list(pack.manifest.roles) == ["upscaler"]
    tools = Tools(studio.home)
    stream = io.BytesIO()
    Image.new("RGB", (48, 32), (90, 140, 200)).save(stream, "PNG")
    cleared, _ = tools.gate("storybook").file(stream.getvalue())
    source = imported(tools.gallery, cleared, source_name="x.png")
    recipe = Recipe("", task="enlarge", source=source.sha256, factor=2, method="model", upscaler=pack.id)
    job = studio.paint(recipe)
    assert job.payload["source_size"] == [48, 32], "what it takes is foretold from that"
    studio.queue.cancel(job.id)
    outcome = work(tools, "paint", {**job.payload, "keep": True})
    assert outcome.state == "done", outcome.error
    (made,) = tools.gallery.many(outcome.result["artworks"]).values()
    assert studio.repeat(made.id).payload["source_size"] == [48, 32], "and a repeat of it takes as long"
    assert (made.width, made.height) == (96, 64) and made.recipe == recipe
    assert not any(role == "painter" for role, _ in tools.models._held), "an upscaler needs no painter"


def test_what_is_not_there_or_is_no_upscaler_is_said_before_anything_is_queued(studio, models):
    recipe, _ = enlarge(scene((40, 40)), upscaler="gone")
    with pytest.raises(PackMissing, match="gone"):
        check_parts(studio.shelf, recipe)
    with pytest.raises(BadInput, match="is no upscaler") as error:
        check_parts(studio.shelf, dataclasses.replace(recipe, upscaler="storybook"))
    assert error.value.field == "upscaler"
