"""The terminal's words for everything a recipe can wear: which recipe they become, on a real shelf of tiny packs."""

import io
import json
from types import SimpleNamespace

import pytest
from galleries import imported
from PIL import Image

from studio import cli
from studio.app import Studio
from studio.domain.recipe import Lora, Recipe
from studio.packs.manifest import OWN, SUMS, Manifest, Mode, manifest_text
from studio.terminal import painting

MODES = {"sketch": Mode(4, 1.5, "lcm", "quick"), "balanced": Mode(20, 7.0, "euler")}


def add(studio, id, kind, roles, family="sd1", **more):
    """A pack of a few bytes: what is looked at before anything is queued is its description and its files' names."""
    folder = studio.shelf.home / id
    folder.mkdir(parents=True)
    manifest = Manifest(id, id.upper(), "", family, "", "", roles, kind=kind, sizes=((64, 64),), **more)
    (folder / OWN).write_text(manifest_text(manifest), encoding="utf-8")
    (folder / "w.safetensors").write_bytes(b"weights")
    (folder / SUMS).write_text(f"{'0' * 64}  w.safetensors\n")


@pytest.fixture
def studio(home, monkeypatch):
    made = Studio(home)
    made.supervisor.ensure = lambda: None  # nothing is painted here
    add(made, "painter", "painter", {"painter": "."}, modes=MODES)
    for id in ("quick", "ink"):
        add(made, id, "lora", {"lora": "w.safetensors"})
    add(made, "word", "embedding", {"embedding": "w.safetensors"})
    add(made, "bright", "vae", {"vae": "."})
    add(made, "reader", "adapter", {"image-encoder": "."}, family="any")
    add(made, "eye", "adapter", {"adapter": "w.safetensors"}, needs=("reader",))
    add(made, "big", "lora", {"lora": "w.safetensors"}, family="sdxl")
    add(made, "larger", "upscaler", {"upscaler": "w.safetensors"}, family="any")
    monkeypatch.setattr(painting, "open_home_studio", lambda: made)
    yield made
    made.close()


@pytest.fixture
def queued(studio, monkeypatch, gate):
    """The recipe that a command queues; the picture of the fixture is artwork 1."""
    stream = io.BytesIO()
    Image.new("RGB", (96, 64), "teal").save(stream, "PNG")
    cleared, _ = gate.file(stream.getvalue())
    artwork = imported(studio.gallery, cleared, source_name="x.png")
    assert artwork.id == 1

    def end(_, job):
        studio.queue.cancel(job.id)
        return studio.job(job.id)

    monkeypatch.setattr(painting, "wait", end)

    def queued(*words):
        code = cli.main([*words, "--pack", "painter", "--json"])
        (job,) = studio.queue.list(limit=1)
        assert code == 130, "it was queued, and cancelled by this test"
        return Recipe.from_dict(job.payload["recipe"])

    return SimpleNamespace(recipe=queued, artwork=artwork, studio=studio)


def test_everything_that_is_worn_reaches_the_recipe(queued):
    recipe = queued.recipe(
        "paint", "a star", "--lora", "ink:0.6", "--lora", "quick", "--embedding", "word", "--vae", "bright",
        "--clip-skip", "2", "--hires", "2", "--hires-strength", "0.3",
    )  # fmt: skip
    assert recipe.loras == (Lora("ink", 0.6), Lora("quick", 1.0)) and recipe.embeddings == ("word",)
    assert (recipe.vae, recipe.clip_skip, recipe.hires, recipe.hires_strength) == ("bright", 2, 2.0, 0.3)
    assert (recipe.steps, recipe.guidance, recipe.reference) == (20, 7.0, None)


def test_a_mode_is_a_start_and_what_is_said_beside_it_counts_more(queued):
    recipe = queued.recipe("paint", "a star", "--mode", "sketch", "--lora", "ink")
    assert (recipe.steps, recipe.guidance, recipe.sampler) == MODES["sketch"][:3]
    assert recipe.loras == (Lora("ink"), Lora("quick"))
    recipe = queued.recipe("paint", "a star", "--mode", "Sketch", "--steps", "6", "--lora", "quick:0.5")
    assert recipe.steps == 6 and recipe.sampler == "lcm" and recipe.loras == (Lora("quick", 0.5),)
    assert queued.recipe("paint", "a star", "--mode", "balanced").loras == ()


def test_a_reference_is_an_artwork_and_the_adapter_that_fits_reads_it(queued):
    recipe = queued.recipe("paint", "a star", "--reference", "1", "--reference-weight", "0.9")
    assert (recipe.reference, recipe.reference_weight, recipe.adapter) == (queued.artwork.sha256, 0.9, "eye")


def test_an_upscaler_is_named_or_is_the_one_that_is_here(queued):
    for words in (["--upscaler", "larger"], ["--method", "model"]):
        recipe = queued.recipe("enlarge", "1", "--factor", "4", *words)
        assert (recipe.method, recipe.upscaler, recipe.factor) == ("model", "larger", 4)
        assert recipe.source == queued.artwork.sha256
    recipe = queued.recipe("enlarge", "1", "--lora", "ink")
    assert (recipe.method, recipe.upscaler, recipe.loras) == ("repaint", "", (Lora("ink"),))


@pytest.mark.parametrize(
    ("code", "field", "words"),
    [
        (2, "mode", ["paint", "a star", "--mode", "fine"]),
        (2, "loras", ["paint", "a star", "--lora", "ink:much"]),
        (2, "loras", ["paint", "a star", "--lora", "ink:9"]),
        (2, "loras", ["paint", "a star", "--lora", "ink", "--lora", "ink:0.5"]),
        (2, "loras", ["paint", "a star", "--lora", "big"]),
        (2, "loras", ["paint", "a star", "--lora", "word"]),
        (4, None, ["paint", "a star", "--lora", "gone"]),
        (2, "embeddings", ["paint", "a star", "--embedding", "ink"]),
        (2, "clip_skip", ["paint", "a star", "--clip-skip", "0"]),
        (2, "reference", ["paint", "a star", "--adapter", "eye"]),
        (2, "reference", ["paint", "a star", "--reference-weight", "0.5"]),
        (2, "reference_weight", ["paint", "a star", "--reference", "1", "--reference-weight", "5"]),
        (2, "adapter", ["paint", "a star", "--reference", "1", "--adapter", "ink"]),
        (2, "file", ["paint", "a star", "--reference", "/nothing/here.png"]),
        (2, "upscaler", ["enlarge", "1", "--upscaler", "larger", "--method", "lanczos"]),
        (2, "upscaler", ["enlarge", "1", "--upscaler", "ink"]),
        (4, None, ["enlarge", "1", "--upscaler", "gone"]),
        (2, "method", ["enlarge", "1", "--method", "magic"]),
    ],
    ids=lambda value: " ".join(value[2:]) if isinstance(value, list) else "",
)
def test_what_cannot_be_worn_is_said_and_nothing_is_queued(queued, capsys, code, field, words):
    assert cli.main([*words, "--pack", "painter", "--json"]) == code
    said = json.loads(capsys.readouterr().out)["error"]
    assert said["field"] == field and said["message"].endswith(".")
    assert queued.studio.queue.list(limit=5) == []


def test_several_adapters_are_listed_and_none_is_said(studio, queued, capsys):
    add(studio, "eye-2", "adapter", {"adapter": "w.safetensors"}, needs=("reader",))
    assert cli.main(["paint", "a star", "--reference", "1", "--pack", "painter", "--json"]) == 2
    assert "eye, eye-2" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert cli.main(["paint", "a star", "--reference", "1", "--json"]) == 4
    assert "fits Storybook" in json.loads(capsys.readouterr().out)["error"]["message"]
