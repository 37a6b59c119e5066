"""Packs: manifests, the shelf, what is missing, what does not verify, and what a prompt looks like to the model."""

import hashlib
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from studio.domain.control import KINDS
from studio.domain.errors import BadInput, Cancelled, Failed, PackMissing
from studio.packs.manifest import (
    MODES,
    ROLES,
    Manifest,
    Mode,
    Pack,
    Source,
    SourceFile,
    manifest_of,
    manifest_text,
    read_manifest,
)
from studio.packs.shelf import Shelf
from studio.packs.words import _tokenizer as read_tokenizer
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


LCM = read_manifest(CATALOGUE / "lcm-sd15.toml")
MANIFESTS = [read_manifest(path) for path in sorted(CATALOGUE.glob("*.toml"))]
# What can be installed with one click
PROMISED = {
    "sd15", "sd15-inpainting", "sd-turbo", "sdxl", "sdxl-turbo", "lcm-sd15", "lcm-sdxl", "control-sdxl-union",
    "annotator-openpose", "annotator-depth-anything", "ip-adapter-sd15", "ip-adapter-sdxl", "taesd-sd1", "taesd-sdxl",
    "blip-base", "blip-large", "blip-vqa", "blip2-opt", "git-base-coco", "clip-b32", "clip-l14", "siglip2-base",
    "checker-compvis", "checker-falconsai",
    *(f"control-sd15-{kind}" for kind in ("pose", "depth", "canny", "lineart", "softedge", "scribble", "tile", "inpaint")),
}  # fmt: skip


def test_the_catalogue_has_what_was_promised_once_each():
    ids = [manifest.id for manifest in MANIFESTS]
    assert set(ids) >= PROMISED | {"storybook"} and len(set(ids)) == len(ids)
    assert [path.stem for path in sorted(CATALOGUE.glob("*.toml"))] == ids, "a description is named by its id"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.id)
def test_every_description_says_what_somebody_needs_to_choose(manifest):
    assert manifest.description.endswith(".") and manifest.licence and manifest.licence_note.endswith(".")
    assert manifest.roles and all(role in ROLES or role.startswith("control-") for role in manifest.roles)
    kinds = {role.removeprefix("control-") for role in manifest.roles if role.startswith("control-")}
    assert kinds <= {*KINDS, "inpaint"}
    assert set(manifest.needs) <= {one.id for one in MANIFESTS}
    for need in (one for one in MANIFESTS if one.id in manifest.needs):
        assert need.fits(manifest), f"{manifest.id} needs {need.id} of another family"
    if manifest.kind == "painter":
        assert manifest.examples and manifest.can and manifest.cannot
        assert not manifest.modes or set(manifest.modes) == set(MODES)
        for mode in manifest.modes.values():
            assert not mode.lora or next(one for one in MANIFESTS if one.id == mode.lora).family == manifest.family
    else:
        assert "painter" not in manifest.roles


@pytest.mark.parametrize("manifest", [one for one in MANIFESTS if one.source], ids=lambda manifest: manifest.id)
def test_every_source_names_files_that_can_be_fetched_and_no_pickle_that_is_kept(manifest):
    assert manifest.licence_link.startswith("https://")
    for file in manifest.source.files:
        assert Path(file.target).suffix in (".safetensors", ".json", ".txt"), f"{file.target} would be a pickle"
        assert file.convert == (Path(file.path).suffix in (".pth", ".bin", ".pt", ".ckpt")), file.path
    targets = {file.target for file in manifest.source.files}
    assert any(target.endswith(".safetensors") for target in targets)
    for role, place in manifest.roles.items():
        here = place in targets or place == "." or any(target.startswith(f"{place}/") for target in targets)
        assert here, f"the role {role} of {manifest.id} has no file"
    assert manifest.kind == "painter" or manifest.source.bytes > 1_000_000


def test_what_ships_needs_nothing_from_anywhere():
    assert [one.id for one in MANIFESTS if one.source is None] == [
        "storybook-kite", "storybook-larger", "storybook-sketch", "storybook",
    ]  # fmt: skip


def test_a_mode_does_without_a_lora_that_is_not_here(tmp_path):
    (tmp_path / "storybook").mkdir()
    shelf = Shelf(catalogue=CATALOGUE, places=(tmp_path,))
    assert shelf.get("storybook").manifest.modes["sketch"] == Mode(8, 3.0, "dpm++ 2m")
    (tmp_path / "storybook-sketch").mkdir()
    quick = shelf.get("storybook").manifest.modes["sketch"]
    assert quick == Mode(4, 1.0, "ddim", "storybook-sketch", Mode(8, 3.0, "dpm++ 2m"))
    pack = read_manifest(CATALOGUE / "storybook-sketch.toml")
    assert (pack.steps, pack.guidance, pack.sampler) == quick[:3] and pack.fits(shelf.get("storybook").manifest)
    there = read_manifest(CATALOGUE / "sd15.toml")
    assert there.among(()).modes["sketch"].lora == "lcm-sd15", "where nothing stands in, it is said what is missing"


def test_a_mode_with_a_stand_in_survives_being_written(storybook):
    manifest = read_manifest(CATALOGUE / "storybook.toml")
    assert manifest_of(tomllib.loads(manifest_text(manifest))) == manifest
    with pytest.raises(ValueError, match="no sampler"):
        manifest_of(
            {**tomllib.loads(manifest_text(manifest)), "modes": {"fine": [4, 1.0, "lcm", "x", [8, 4.0, "odd"]]}}
        )


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


def test_the_examples_use_only_words_the_pack_knows(storybook):
    for example in storybook.manifest.examples:
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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "../evil"}, "id"),
        ({"id": "Big"}, "id"),
        ({"kind": "juggler"}, "kind"),
        ({"family": "sd9"}, "family"),
        ({"sampler": "magic"}, "sampler"),
        ({"can": "one text"}, "can"),
        ({"sizes": []}, "sizes"),
        ({"name": 3}, "name"),
        ({"roles": {"painter": "../elsewhere"}}, "outside"),
        ({"roles": {"painter": "/etc"}}, "outside"),
        ({"modes": {"quick": [1, 1.0, "lcm"]}}, "quick"),
        ({"modes": {"fine": [1, 1.0, "magic"]}}, "magic"),
        ({"source": {"repo": "http://x", "files": ["a"]}}, "owner/name"),
        ({"source": {"repo": "a/b", "files": []}}, "no file"),
        ({"source": {"repo": "a/b", "files": ["../../a"]}}, "outside"),
        ({"source": {"repo": "a/b", "files": [{"path": "a", "to": "C:\\b"}]}}, "outside"),
        ({"source": {"repo": "a/b", "files": ["a", {"path": "b", "to": "a"}]}}, "same place"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_description_that_makes_no_sense_is_a_sentence(tmp_path, change, says):
    data = {"id": "a", "name": "A", "description": "", "family": "sd1", "licence": "", "licence_note": "", "roles": {}}
    assert manifest_of(data).kind == "painter"
    with pytest.raises((ValueError, TypeError, KeyError), match=says):
        manifest_of({**data, **change})


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.id)
def test_a_description_written_and_read_is_the_same(manifest):
    assert manifest_of(tomllib.loads(manifest_text(manifest))) == manifest


def test_strange_text_survives_a_description():
    strange = 'a "quoted" \\ back\nslash \x00 \x7f \u202e 🦊'
    source = Source("a/b", (SourceFile("c", bytes=3, convert=True),))
    manifest = replace(LCM, name=strange, concepts={strange: strange}, source=source)
    assert manifest_of(tomllib.loads(manifest_text(manifest))) == manifest
    lone = manifest_text(replace(manifest, name="\ud800", roles={}))
    assert tomllib.loads(lone)["name"] == "?"


def installed(shelf_home: Path, manifest: Manifest, files: dict[str, bytes]) -> Path:
    """A finished folder on its way, as the fetcher leaves it."""
    folder = shelf_home / ".fetching" / manifest.id
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    (folder / "SHA256SUMS").write_text(sums)
    return folder


FILES = {"pytorch_lora_weights.safetensors": b"w" * 2_000_000}


@pytest.fixture
def home(tmp_path):
    """A shelf with nothing on it, in a home folder of its own."""
    return Shelf(catalogue=CATALOGUE, places=(tmp_path / "packs", tmp_path / "ships"))


def test_a_pack_goes_from_absent_over_partial_to_installed(home):
    assert home.state("lcm-sd15") == "absent" and home.packs() == []
    folder = installed(home.home, LCM, FILES)
    (folder / "fetch.json").write_text("{}")
    assert home.state("lcm-sd15") == "partial"
    pack = home.accept(folder, LCM)
    assert home.state("lcm-sd15") == "installed" and not folder.exists()
    assert pack.role("lora").name == "pytorch_lora_weights.safetensors"
    assert sorted(path.name for path in pack.folder.iterdir()) == ["SHA256SUMS", "pytorch_lora_weights.safetensors"]
    assert home.verify(pack) == []
    (pack.folder / "pytorch_lora_weights.safetensors").unlink()
    assert home.state("lcm-sd15") == "partial"


def test_what_is_not_complete_is_never_a_pack(home):
    folder = installed(home.home, LCM, FILES)
    (folder / "pytorch_lora_weights.safetensors").unlink()
    with pytest.raises(PackMissing, match="not complete: pytorch_lora"):
        home.accept(folder, LCM)
    (folder / "SHA256SUMS").write_text("0  ../../evil\n")
    with pytest.raises(PackMissing, match="not complete"):
        home.accept(folder, LCM)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(PackMissing, match="SHA256SUMS"):
        home.accept(folder, LCM)
    assert home.packs() == [] and home.state("lcm-sd15") == "partial"


def test_installing_again_replaces_what_was_there(home):
    home.accept(installed(home.home, LCM, FILES), LCM)
    pack = home.accept(installed(home.home, LCM, {"pytorch_lora_weights.safetensors": b"new"}), LCM)
    assert (pack.folder / "pytorch_lora_weights.safetensors").read_bytes() == b"new"
    assert [path.name for path in home.home.iterdir() if path.name != ".fetching"] == ["lcm-sd15"]


def test_a_pack_is_removed_and_what_depends_on_it_is_known_before(home):
    checker = read_manifest(CATALOGUE / "checker-compvis.toml")
    painter = read_manifest(CATALOGUE / "sd15.toml")
    home.accept(installed(home.home, checker, {"safety_checker/model.safetensors": b"w"}), checker)
    home.accept(installed(home.home, painter, {"unet/diffusion_pytorch_model.safetensors": b"w"}), painter)
    assert [one.id for one in home.dependents("checker-compvis")] == ["sd15"]
    assert home.holder("checker", "sd15").id == "checker-compvis" and home.holder("captioner", "sd15") is None
    home.remove("checker-compvis")
    assert home.state("checker-compvis") == "absent" and [one.id for one in home.lacks(painter)] == ["checker-compvis"]
    assert not (home.home / "checker-compvis").exists()


def test_what_ships_is_not_removed(storybook, tmp_path):
    shelf = Shelf(catalogue=CATALOGUE, places=(tmp_path / "packs", ASSETS))
    with pytest.raises(BadInput, match="ships with Easel"):
        shelf.remove("storybook")
    with pytest.raises(BadInput, match="ships with Easel"):
        shelf.move("storybook", tmp_path)
    assert shelf.state("storybook") == "installed"


def test_a_pack_moves_to_another_disk_and_back(home, tmp_path):
    disk = tmp_path / "other disk"
    disk.mkdir()
    first = home.accept(installed(home.home, LCM, FILES), LCM).folder
    seen = []
    moved = home.move("lcm-sd15", disk, lambda done, total: seen.append(done))
    assert moved.folder == disk / "lcm-sd15" and home.verify(moved) == [] and seen[-1] == 2_000_000
    assert [path.name for path in first.iterdir()] == ["easel.toml"] and home.state("lcm-sd15") == "installed"
    with pytest.raises(BadInput, match="is there already"):
        home.move("lcm-sd15", disk)
    back = home.move("lcm-sd15", home.home)
    assert back.folder == first and home.verify(back) == [] and list(disk.iterdir()) == []


def test_a_move_that_is_cancelled_or_meets_a_wrong_byte_changes_nothing(home, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    pack = home.accept(installed(home.home, LCM, FILES), LCM)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        home.move("lcm-sd15", disk, stop)
    (pack.folder / "pytorch_lora_weights.safetensors").write_bytes(b"x" * 2_000_000)
    with pytest.raises(Failed, match="SHA-256 differs"):
        home.move("lcm-sd15", disk)
    assert list(disk.iterdir()) == [] and home.get("lcm-sd15").folder == pack.folder
    with pytest.raises(BadInput, match="no folder"):
        home.move("lcm-sd15", tmp_path / "nowhere")


def test_a_pack_whose_disk_is_gone_says_so_and_can_be_removed(home, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    home.accept(installed(home.home, LCM, FILES), LCM)
    home.move("lcm-sd15", disk)
    disk.rename(tmp_path / "unplugged")
    assert home.state("lcm-sd15") == "partial"
    with pytest.raises(PackMissing, match="is its disk connected"):
        home.whole("lcm-sd15")
    home.remove("lcm-sd15")
    assert home.state("lcm-sd15") == "absent"


def test_a_folder_that_is_no_pack_leaves_the_others_usable(home):
    home.accept(installed(home.home, LCM, FILES), LCM)
    for name, text in (("odd", "id = 3"), ("renamed", manifest_text(replace(LCM, id="other"))), (".hidden", "x")):
        (home.home / name).mkdir()
        (home.home / name / "easel.toml").write_text(text)
    assert [pack.id for pack in home.packs()] == ["lcm-sd15"]
    assert sorted(home.broken()) == ["odd", "renamed"] and "odd/easel.toml" in home.broken()["odd"]


@pytest.fixture
def clip(tmp_path):
    """A painter's pack with CLIP's tokenizer as the repositories of 2022 have it: a small vocabulary, and no tokenizer.json."""
    letters = [*"abcdefghijklmnopqrstuvwxyz,.'!0123456789"]
    merges = ["r e", "re d</w>", "s t", "st a", "sta r</w>"]
    made = ["re", "red</w>", "st", "sta", "star</w>"]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), *made, "<|startoftext|>", "<|endoftext|>"]
    folder = tmp_path / "sd15" / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return Pack(read_manifest(CATALOGUE / "sd15.toml"), tmp_path / "sd15")


def test_a_prompt_is_read_with_a_vocabulary_and_merges_alone(clip):
    assert read_prompt(clip, "a Red  star, red").tokens == 2 + 5
    long = "red star, " * 40
    reading = read_prompt(clip, long)
    assert reading.tokens == 2 * 2 + 120 and (reading.seen, reading.unseen) == (long, "")
    assert reading.limit == 2 * 77
    (clip.folder / "tokenizer" / "merges.txt").unlink()
    read_tokenizer.cache_clear()
    with pytest.raises(PackMissing, match="install its pack again"):
        read_prompt(clip, "a star")


def test_clips_own_reading_is_the_same(clip):
    from transformers import CLIPTokenizer

    folder = clip.folder / "tokenizer"
    other = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    for text in ("a red star", "Red, STAR!", "it's 42 stars", "red\n\tstar...", ""):
        assert read_prompt(clip, text).tokens == len(other(text).input_ids), text


def test_a_painter_without_a_tokenizer_is_counted_by_words(clip):
    bare = replace(clip, manifest=replace(clip.manifest, roles={"painter": "some.safetensors"}))
    reading = read_prompt(bare, "a red star, at night")
    assert (reading.tokens, reading.unseen) == (2 + 6, "")
    long = "one two " * 60
    reading = read_prompt(bare, long)
    assert (reading.seen, reading.unseen) == (long, "") and reading.tokens == 2 * 2 + 120
