"""Packs: manifests, the shelf, what is missing, what does not verify, and what a prompt looks like to the model."""

import hashlib
from pathlib import Path

import pytest

from studio.domain.errors import PackMissing
from studio.packs.manifest import read_manifest
from studio.packs.shelf import Shelf
from studio.packs.words import read_prompt
from studio.places import ASSETS

CATALOGUE = ASSETS / "packs"


@pytest.fixture
def shelf(tmp_path):
    """A shelf with one small pack of real files under the storybook description."""
    folder = tmp_path / "storybook"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "weights.safetensors").write_bytes(b"w" * 3_000_000)
    (folder / "model_index.json").write_bytes(b"{}")
    lines = []
    for path in ("model_index.json", "unet/weights.safetensors"):
        lines.append(f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
    return Shelf(catalogue=CATALOGUE, places=(tmp_path,))


def test_every_description_in_the_catalogue_can_be_read():
    manifests = [read_manifest(path) for path in CATALOGUE.glob("*.toml")]
    assert {manifest.id for manifest in manifests} >= {"storybook"}
    for manifest in manifests:
        assert manifest.examples and manifest.can and manifest.cannot


def test_a_broken_description_is_named(tmp_path):
    (tmp_path / "odd.toml").write_text("id = 3\nnonsense = true\n")
    with pytest.raises(PackMissing, match=r"odd\.toml"):
        read_manifest(tmp_path / "odd.toml")


def test_an_unknown_pack_is_said_with_those_that_are_here(shelf):
    with pytest.raises(PackMissing, match="installed: storybook"):
        shelf.get("sdxl")


def test_a_missing_file_is_named_before_anything_is_loaded(shelf):
    pack = shelf.whole("storybook")
    (pack.folder / "unet" / "weights.safetensors").unlink()
    assert shelf.missing(pack) == ["unet/weights.safetensors"]
    with pytest.raises(PackMissing, match="unet/weights"):
        shelf.whole("storybook")


def test_one_flipped_byte_is_found(shelf):
    pack = shelf.get("storybook")
    seen = []
    assert shelf.verify(pack, lambda done, total: seen.append((done, total))) == []
    assert seen[-1][0] == seen[-1][1] == sum(shelf.sizes(pack).values())
    weights = pack.folder / "unet" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[1_234_567] ^= 1
    weights.write_bytes(data)
    problems = shelf.verify(pack)
    assert len(problems) == 1 and "unet/weights.safetensors" in problems[0]


def test_a_role_the_pack_lacks_is_a_sentence(shelf):
    pack = shelf.get("storybook")
    with pytest.raises(PackMissing, match="captioner"):
        pack.role("captioner")
    with pytest.raises(PackMissing, match="Shelf"):
        pack.role("juggler")


@pytest.fixture(scope="module")
def storybook():
    return Shelf(catalogue=CATALOGUE, places=(ASSETS,)).whole("storybook")


def test_the_shipped_pack_verifies(storybook):
    assert Shelf(catalogue=CATALOGUE, places=(ASSETS,)).verify(storybook) == []
    files = [path for path in storybook.folder.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < 16 * 2**20
    listed = set(storybook.hashes()) | {"SHA256SUMS"}
    assert {path.relative_to(storybook.folder).as_posix() for path in files} == listed


@pytest.mark.parametrize("manifest", [read_manifest(path) for path in CATALOGUE.glob("*.toml")], ids=lambda m: m.id)
def test_the_examples_use_only_words_the_pack_knows(storybook, manifest):
    for example in manifest.examples:
        reading = read_prompt(storybook, example)
        assert reading.unknown == () and reading.unseen == "", example


def test_a_long_prompt_is_cut_where_the_model_stops_seeing(storybook):
    text = "a large red star above a small blue house at night, " * 20
    reading = read_prompt(storybook, text)
    assert reading.tokens > reading.limit
    assert reading.seen + reading.unseen == text
    assert read_prompt(storybook, reading.seen).tokens <= reading.limit
    assert len(reading.unseen) > len(text) / 2


def test_words_the_pack_never_learned_are_marked(storybook):
    assert read_prompt(storybook, "a red Bicycle and a blue house, bicycle").unknown == ("Bicycle",)


def test_strange_text_is_read_without_complaint(storybook):
    for text in ("", "🦊🦊", "<img onerror=x>", "\x00\x07", "שלום", "(((" * 50):
        reading = read_prompt(storybook, text)
        assert reading.seen + reading.unseen == text


def test_packs_are_found_in_the_home_folder_first(tmp_path):
    (tmp_path / "storybook").mkdir()
    shelf = Shelf(catalogue=CATALOGUE, places=(tmp_path, ASSETS))
    assert shelf.get("storybook").folder == Path(tmp_path / "storybook")
