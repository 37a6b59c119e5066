"""Painters that bring no checker are watched by the checker pack they need, and by no other; without it all is blocked."""

import shutil

import pytest
from PIL import Image

from studio.domain.errors import Refused
from studio.packs.manifest import SUMS, read_manifest
from studio.packs.shelf import Shelf
from studio.places import ASSETS
from studio.workshop.models import Models

STORYBOOK = ASSETS / "storybook"


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    """A painter without a checker, beside Storybook with its own."""
    made = Shelf(catalogue=ASSETS / "packs", places=(tmp_path / "packs", ASSETS))
    folder = made.home / "sd15"
    folder.mkdir(parents=True)
    (folder / SUMS).write_text("")
    return made


def checker_pack(shelf: Shelf) -> None:
    """The catalogue's checker pack, with Storybook's small checker in it."""
    folder = shelf.home / ".fetching" / "checker-compvis"
    for part in ("safety_checker", "feature_extractor"):
        shutil.copytree(STORYBOOK / part, folder / part)
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    (folder / SUMS).write_text("".join(f"{'0' * 64}  {path}\n" for path in paths))
    shelf.accept(folder, read_manifest(ASSETS / "packs" / "checker-compvis.toml"))


def test_without_its_checker_a_painter_shows_nothing_and_with_it_at_once(shelf):
    models = Models(shelf)
    grey = Image.new("RGB", (128, 128), "grey")
    with pytest.raises(Refused):  # Storybook's own checker does not step in
        models.gate("sd15", caution=0.0).picture(grey)
    checker_pack(shelf)
    gate = models.gate("sd15", caution=0.0)
    assert gate.picture(grey).verdict.allowed
    assert models.gate("checker-compvis", caution=0.0) is gate, "one checker is loaded once for all who need it"


def test_a_checker_of_photographs_finds_a_picture_that_it_forbids(shelf):
    checker_pack(shelf)
    checker = Models(shelf).gate("sd15", caution=0.0)._checker
    picture = checker.provoked()
    (flagged, blank) = checker([picture, Image.new("RGB", picture.size, "grey")])
    assert max(flagged.values()) > 0 > max(blank.values())


@pytest.mark.parametrize(
    ("part", "value"),
    [("concept_embeds", float("nan")), ("concept_embeds", 0.0), ("visual_projection.weight", 0.0)],
)
def test_a_checker_whose_weights_say_nothing_shuts_the_gate(shelf, part, value):
    from safetensors.torch import load_file, save_file

    checker_pack(shelf)
    file = shelf.home / "checker-compvis" / "safety_checker" / "model.safetensors"
    held = load_file(file)
    held[part] = held[part] * 0 + value
    save_file(held, file)
    gate = Models(shelf).gate("sd15", caution=0.0)
    assert "everything is blocked" in gate.ready()
    with pytest.raises(Refused):
        gate.picture(Image.new("RGB", (128, 128), "grey"))
