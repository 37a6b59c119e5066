"""Painters that bring no checker are watched by the checker pack they need, and by no other; without it all is blocked."""

import json
import shutil

import pytest
from PIL import Image

from studio.domain.errors import Refused
from studio.packs.manifest import SUMS, read_manifest
from studio.packs.shelf import Shelf
from studio.places import ASSETS
from studio.workshop import checking
from studio.workshop.checking import Checkers
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


def second_checker(shelf: Shelf, *, labels: tuple[str, str] = ("normal", "nsfw")) -> None:
    """The catalogue's second checker: a tiny random classifier in the layout of its repository."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(0)
    folder = shelf.home / ".fetching" / "checker-falconsai"
    config = ViTConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8,
        id2label=dict(enumerate(labels)),
    )  # fmt: skip
    model = ViTForImageClassification(config).eval()
    with torch.no_grad():  # a tower that was never taught is too dull to be provoked
        model.classifier.weight.mul_(100)
        model.classifier.bias.copy_(torch.tensor([1.0, -1.0]))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    (folder / SUMS).write_text("".join(f"{'0' * 64}  {path}\n" for path in paths))
    shelf.accept(folder, read_manifest(ASSETS / "packs" / "checker-falconsai.toml"))


def test_a_second_checker_looks_as_well_and_either_can_refuse(shelf):
    checker_pack(shelf)
    second_checker(shelf)
    gate = Models(shelf).gate("sd15", caution=0.0)
    assert gate.ready() == "" and "nsfw" in gate.facts()["concepts"]
    first, second = gate._checker._checkers
    for forbidden in (first.provoked(), second.provoked()):
        with pytest.raises(Refused) as refused:
            gate.picture(forbidden)
        assert refused.value.verdict.reasons
    assert max(first([second.provoked()])[0].values()) < 0, "the first alone would have let it pass"
    assert "nsfw" not in Models(shelf).gate("storybook", caution=0.0).facts()["concepts"]


def test_a_second_checker_that_does_not_work_shuts_the_gate(shelf):
    checker_pack(shelf)
    second_checker(shelf, labels=("cat", "dog"))
    assert "do not say what is forbidden" in Models(shelf).gate("sd15", caution=0.0).ready()
    second_checker(shelf)
    (shelf.home / "checker-falconsai" / "model.safetensors").write_bytes(b"")
    assert "everything is blocked" in Models(shelf).gate("sd15", caution=0.0).ready()


def test_a_checker_that_is_repaired_opens_the_gate_and_one_that_breaks_shuts_it(shelf):
    checker_pack(shelf)
    file = shelf.home / "checker-compvis" / "safety_checker" / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    models = Models(shelf)
    gate = models.gate("sd15", caution=0.0)
    assert "could not be loaded" in gate.ready()
    assert models.gate("sd15", caution=0.0) is gate, "the same files are not tried again at once"
    file.write_bytes(whole)
    healed = models.gate("sd15", caution=0.0)
    assert healed.ready() == "" and healed.picture(Image.new("RGB", (128, 128), "grey")).verdict.allowed
    assert models.gate("sd15", caution=0.0) is healed, "what works is not loaded again"
    file.write_bytes(b"")
    assert "everything is blocked" in models.gate("sd15", caution=0.0).ready(), "files that broke since then shut it"
    file.unlink()
    assert "everything is blocked" in models.gate("sd15", caution=0.0).ready()
    checker_pack(shelf)  # installed again
    assert models.gate("sd15", caution=0.0).ready() == ""


def test_a_checker_that_did_not_load_is_tried_again_after_a_while(shelf, monkeypatch):
    """What was wrong may not have been its files: a device that was full, a disk that was away."""
    checker_pack(shelf)
    models = Models(shelf)
    with monkeypatch.context() as patch:
        patch.setattr("studio.workshop.vision.checker.read_preparation", lambda *_: 1 / 0)
        assert "division by zero" in models.gate("sd15", caution=0.0).ready()
    assert "division by zero" in models.gate("sd15", caution=0.0).ready()
    monkeypatch.setattr(checking, "AGAIN_SECONDS", 0.0)
    assert models.gate("sd15", caution=0.0).ready() == ""


def test_of_two_scores_the_higher_counts_and_a_nan_is_never_lost():
    class Says:
        def __init__(self, score: float) -> None:
            self.name, self.score = "says", score

        def __call__(self, pictures):
            return [{"nsfw": self.score} for _ in pictures]

    nan = float("nan")
    for one, two, told in ((-0.2, 0.1, 0.1), (0.1, -0.2, 0.1), (nan, -0.1, nan), (nan, 0.1, nan), (-0.1, nan, nan)):
        (answer,) = Checkers([Says(one), Says(two)])([Image.new("RGB", (8, 8))])
        assert str(answer["nsfw"]) == str(told)
