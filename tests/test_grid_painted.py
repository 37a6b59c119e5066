"""A grid painted by the real worker: its artworks and contact sheet, from the terminal too."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from studio.domain.errors import BadInput, Refused
from studio.domain.grid import Grid
from studio.domain.grid_axis import Axis, read_axis
from studio.domain.recipe import Recipe
from studio.safety.provenance import read_source_type
from studio.workshop.contact import compose, layout

ROOT = Path(__file__).parent.parent


def settled(studio, held):
    """The grid's cells, once all have ended."""
    for square in studio.grids.squares(held):
        studio.wait(square.job.id, timeout=300)
    return studio.grids.squares(held)


def test_two_by_two_are_four_artworks_and_a_checked_sheet(shared_studio):
    base = Recipe("a large red star at night", seed=21, steps=4)
    grid = Grid(base, read_axis("words", "star, heart"), read_axis("steps", "4, 8"))
    held = shared_studio.grids.start(grid)
    squares = settled(shared_studio, held)
    artworks = shared_studio.gallery.many([square.artwork for square in squares])
    assert len(artworks) == 4 and {artwork.kind for artwork in artworks.values()} == {"painted"}
    for square in squares:
        recipe = artworks[square.artwork].recipe
        assert (recipe.prompt, recipe.steps, recipe.seed) == (square.recipe.prompt, square.recipe.steps, 21)
        assert shared_studio.grids.of_artwork(square.artwork) == (held.id, square.column, square.row)
    progress = shared_studio.grids.progress(squares)
    assert (progress.done, progress.all, progress.live, progress.missing) == (4, 4, 0, 0)
    assert shared_studio.grids.foretold(grid) > 0
    job = shared_studio.wait(shared_studio.submit("sheet", {"sheet": held.id}).id, timeout=120)
    assert job.state == "done", job.error
    assert job.result["verdict"]["allowed"] is True and job.result["verdict"]["margin"] > 0
    with Image.open(shared_studio.files.preview_path(job.result["preview"])) as sheet:
        assert sheet.size == (job.result["width"], job.result["height"]) and min(sheet.size) > 2 * 128
        assert read_source_type(sheet.info["xmp"]) == "trainedAlgorithmicMedia"


def test_a_cell_that_the_gate_refuses_says_why_and_the_sheet_goes_on_without_it(shared_studio):
    base = Recipe("a skull sign on a beach", seed=5)
    held = shared_studio.grids.start(Grid(base, read_axis("words", "skull sign, star")))
    refused, kept = settled(shared_studio, held)
    assert refused.job.state == "refused" and refused.artwork is None and refused.job.result["refused"]
    assert kept.artwork is not None
    assert shared_studio.grids.paint_missing(held.id) == 0  # it would be refused again
    shared_studio.gallery.delete(kept.artwork)
    job = shared_studio.wait(shared_studio.submit("sheet", {"sheet": held.id}).id, timeout=120)
    assert job.state == "failed" and job.result["field"] == "grid" and "paint them first" in job.error


def test_the_terminal_waits_and_tells_each_cell(shared_studio, tmp_path):
    answer = subprocess.run(
        [
            sys.executable, "-m", "studio", "grid", "a large white boat at sea", "--x", "steps=4,6", "--y", "guidance=2-4[2]",
            "--seed", "9", "--offload", "--out", tmp_path / "out", "--json",
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "EASEL_HOME": str(shared_studio.home)},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert said["grid"]["x"] == {"field": "steps", "values": [4, 6]}
    assert [(one["column"], one["row"]) for one in said["cells"]] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert said["cells"][3]["values"] == {"steps": "6", "guidance": "4"}
    ids = [one["artwork"]["id"] for one in said["cells"]]
    held = shared_studio.grids.get(said["grid"]["id"])
    squares = shared_studio.grids.squares(held)
    assert set(ids) == {square.artwork for square in squares} and all(one.job.payload["offload"] for one in squares)
    assert len(list((tmp_path / "out").iterdir())) == 4


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("steps", ["--x", "steps=0"]),
        ("grid", ["--x", "steps"]),
        ("field", ["--x", "mood=1"]),
        ("count", ["--x", "steps=4,8", "--count", "2"]),
        ("words", ["--x", "words=moon,sun"]),
        ("grid", ["--x", "steps=4,8", "--y", "steps=4,8"]),
    ],
)
def test_a_grid_that_cannot_be_is_bad_input_at_the_terminal(home, monkeypatch, capsys, field, words):
    from studio.cli import main

    monkeypatch.setenv("EASEL_HOME", str(home))
    assert main(["grid", "a red star", *words, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["field"] == field


# --- the sheet by itself ----------------------------------------------------------------------------------------------


def colours(grid, size=(64, 64)):
    return {
        (cell.column, cell.row): Image.new("RGB", size, (40 * cell.column, 60 * cell.row, 90)) for cell in grid.cells
    }


def test_every_picture_stands_on_the_sheet_in_its_own_place():
    grid = Grid(Recipe("a red star"), Axis("steps", (4, 8, 16)), Axis("guidance", (2.0, 4.0)))
    pictures = colours(grid)
    sheet = compose(grid, pictures)
    places = layout(grid.shape, (176, 176), rows_named=True)
    assert sheet.size == places.size
    for (column, row), picture in pictures.items():
        middle = [
            places.corner[side] + (column, row)[side] * (places.cell[side] + 10) + places.cell[side] // 2
            for side in (0, 1)
        ]
        assert sheet.getpixel(tuple(middle)) == picture.getpixel((0, 0))


@pytest.mark.parametrize("size", [(64, 64), (2048, 512), (64, 640)])
@pytest.mark.parametrize("words", ["star", "☃ 狐 " * 80, "x" * 900])
def test_any_grid_fits_on_a_sheet(size, words):
    base = dataclasses.replace(Recipe("star"), prompt=f"star {words}"[:4_000])
    for grid in (
        Grid(base, Axis("seed", tuple(range(100)))),
        Grid(base, Axis("words", ("star", words + "!")), Axis("seed", tuple(range(50)))),
    ):
        pictures = dict(list(colours(grid, size).items())[:3])  # the rest are not painted
        sheet = compose(grid, pictures)
        assert max(sheet.size) <= 6_400 and sheet.mode == "RGB"


def test_a_sheet_of_nothing_is_a_sentence(shared_studio):
    with pytest.raises(BadInput, match="no grid"):
        shared_studio.grids.get(10**9)


def test_a_sheet_that_the_gate_does_not_let_through_leaves_no_pixel(home, gate):
    from fakes import FakeChecker, FakeModels, FakePainter, work

    from studio.jobs.grids import Grids
    from studio.workshop.tools import Tools

    class Strict(FakeChecker):
        """Lets single pictures through, and nothing with the colour of our paper."""

        def __call__(self, pictures):
            shown = [picture.convert("RGB").getpixel((1, 1)) == (0xF7, 0xF2, 0xE8) for picture in pictures]
            return [{"magenta": 0.5 if paper else score["magenta"], "never": -1.0}
                    for paper, score in zip(shown, super().__call__(pictures), strict=True)]  # fmt: skip

    gate._checker = Strict()
    tools = Tools(home, models=FakeModels(gate, FakePainter()))
    held = Grids(
        database=tools.database, queue=tools.queue, worded=lambda recipe, styles: (recipe, {}),
        ready=lambda recipe: None, awake=lambda: None,
    ).start(Grid(Recipe("a star"), Axis("seed", (4, 5))))  # fmt: skip
    for id, seed in enumerate((4, 5)):
        artwork = tools.gallery.add(gate.picture(FakePainter().picture(seed, (64, 64))), Recipe("a star", seed=seed))
        tools.queue.finish(tools.queue.claim("paint", "w").id, "done", result={"artworks": [artwork.id]})
        assert artwork.id == id + 1
    with pytest.raises(Refused):
        work(tools, "sheet", {"sheet": held.id})
    assert list((home / "previews").iterdir()) == []
    gate._checker = FakeChecker()
    assert (home / "previews" / work(tools, "sheet", {"sheet": held.id}).result["preview"]).exists()
    tools.database.close()


def test_a_sheet_of_several_packs_passes_the_gate_of_each(home, gate, known_positive, monkeypatch):
    """A pack's checker knows what that pack can paint: one made for drawings would let a photograph pass."""
    from fakes import FakeChecker, FakeModels, FakePainter, work

    from studio.jobs.grids import Grids
    from studio.safety.gate import Gate
    from studio.workshop.tools import Tools

    class Stern(FakeChecker):
        """Lets nothing through."""

        def __call__(self, pictures):
            return [{"magenta": 0.5, "never": -1.0} for _ in pictures]

    stern = Gate(checker=Stern(), labels={"magenta": "magenta"}, known_positive=known_positive)
    models = FakeModels(gate, FakePainter())
    monkeypatch.setattr(models, "gate", lambda pack, **_: stern if pack == "photographs" else gate)
    tools = Tools(home, models=models)
    held = Grids(
        database=tools.database, queue=tools.queue, worded=lambda recipe, styles: (recipe, {}),
        ready=lambda recipe: None, awake=lambda: None,
    ).start(Grid(Recipe("a star"), Axis("pack", ("storybook", "photographs"))))  # fmt: skip
    for seed in (4, 5):
        artwork = tools.gallery.add(gate.picture(FakePainter().picture(seed, (64, 64))), Recipe("a star", seed=seed))
        tools.queue.finish(tools.queue.claim("paint", "w").id, "done", result={"artworks": [artwork.id]})
        if seed == 4:
            assert (home / "previews" / work(tools, "sheet", {"sheet": held.id}).result["preview"]).exists()
    before = len(list((home / "previews").iterdir()))
    with pytest.raises(Refused):
        work(tools, "sheet", {"sheet": held.id})
    assert len(list((home / "previews").iterdir())) == before
    tools.database.close()


def test_what_is_transparent_lies_on_white_and_a_file_that_is_gone_is_a_sentence(home, gate):
    from fakes import FakeModels, FakePainter, work

    from studio.jobs.grids import Grids
    from studio.workshop.tools import Tools

    tools = Tools(home, models=FakeModels(gate, FakePainter()))
    held = Grids(
        database=tools.database, queue=tools.queue, worded=lambda recipe, styles: (recipe, {}),
        ready=lambda recipe: None, awake=lambda: None,
    ).start(Grid(Recipe("a star"), Axis("seed", (4, 5))))  # fmt: skip
    clear = Image.new("RGBA", (200, 200), (10, 20, 200, 0))
    artwork = tools.gallery.add(gate.picture(clear), Recipe("a star", seed=4))
    tools.queue.finish(tools.queue.claim("paint", "w").id, "done", result={"artworks": [artwork.id]})
    assert tools.stored(artwork).mode == "RGBA"
    result = work(tools, "sheet", {"sheet": held.id}).result
    left, top = layout((2, 1), (200, 200), rows_named=False).corner
    with Image.open(tools.files.preview_path(result["preview"])) as sheet:
        assert min(sheet.convert("RGB").getpixel((left + 100, top + 100))) > 250
    tools.gallery.path(artwork).unlink()
    with pytest.raises(BadInput, match="file is gone or damaged"):
        work(tools, "sheet", {"sheet": held.id})
    tools.database.close()
