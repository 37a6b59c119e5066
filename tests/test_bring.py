"""The user's own models on the shelf: a file, a folder, another tool's models; copied or used where they lie."""

import hashlib
from pathlib import Path

import pytest
import weights

from studio import durable
from studio.domain.errors import BadInput, Cancelled, PackMissing, StorageFull
from studio.packs.bring import Found, bring, look, one
from studio.packs.controls import controls_of
from studio.packs.shelf import Shelf
from studio.places import ASSETS


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(catalogue=ASSETS / "packs", places=(tmp_path / "home" / "packs", tmp_path / "ships"))


@pytest.fixture
def tool(tmp_path) -> Path:
    """The models of another tool, in its own folders, with what lies beside them."""
    models = tmp_path / "webui" / "models"
    weights.write(models / "Stable-diffusion" / "dreamer_v8.safetensors", weights.single_file("sd1"))
    weights.write(models / "Stable-diffusion" / "filler-inpainting.safetensors", weights.single_file("sd1", channels=9))
    weights.write(
        models / "Lora" / "clay.safetensors", weights.lora("sdxl"), notes={"modelspec.trigger_phrase": "clay"}
    )
    weights.write(models / "VAE" / "soft-vae.safetensors", weights.vae(layout="original"))
    weights.write(models / "ControlNet" / "control_v11p_sd15_openpose.safetensors", weights.control("sd1"))
    weights.write(models / "ControlNet" / "mystery.safetensors", weights.control("sd1", layout="original"))
    weights.write(models / "embeddings" / "easy.safetensors", {"emb_params": (4, 768)})
    weights.pipeline(models / "diffusers" / "portrait", "sdxl")
    (models / "Stable-diffusion" / "old.ckpt").write_bytes(b"\x80\x02" + b"x" * 2_000)
    (models / "Stable-diffusion" / "dreamer_v8.png").write_bytes(b"\x89PNG")
    (models / "Lora" / "cut.safetensors").write_bytes(b"")
    (models / "loop").symlink_to(models)
    return models


def named(found: list[Found]) -> dict[str, Found]:
    return {model.path.name: model for model in found}


def test_all_that_another_tool_has_is_found_and_named(tool):
    found = named(look(tool))
    assert {name: (model.what.kind, model.what.family) for name, model in found.items() if model.usable} == {
        "dreamer_v8.safetensors": ("painter", "sd1"),
        "filler-inpainting.safetensors": ("painter", "sd1"),
        "clay.safetensors": ("lora", "sdxl"),
        "soft-vae.safetensors": ("vae", "sd1"),
        "control_v11p_sd15_openpose.safetensors": ("controls", "sd1"),
        "mystery.safetensors": ("controls", "sd1"),
        "easy.safetensors": ("embedding", "sd1"),
        "portrait": ("painter", "sdxl"),
    }
    assert "is a pickle" in found["old.ckpt"].what.why_not and "empty" in found["cut.safetensors"].what.why_not
    assert found["control_v11p_sd15_openpose.safetensors"].control == "pose"
    assert found["mystery.safetensors"].asks == ("control",) and found["clay.safetensors"].asks == ()
    assert found["dreamer_v8.safetensors"].name == "dreamer v8"


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("name", ["dreamer_v8.safetensors", "portrait"])
def test_a_painter_is_brought_and_verified(shelf, tool, name, copy):
    found = named(look(tool))[name]
    before = {path: path.stat().st_mtime_ns for path in tool.rglob("*") if path.is_file()}
    pack = bring(shelf, found, copy=copy)
    assert shelf.state(pack.id) == "installed" and shelf.verify(pack) == [] and pack.role("painter").exists()
    assert pack.manifest.kind == "painter" and pack.manifest.needs == ("checker-compvis",)
    inside = list((shelf.home / pack.id).rglob("*.safetensors"))
    assert bool(inside) == copy and (pack.home is None) == copy
    assert {path: path.stat().st_mtime_ns for path in tool.rglob("*") if path.is_file()} == before
    assert shelf.get(pack.id) == pack
    shelf.remove(pack.id)
    assert shelf.packs() == [] and found.path.exists()


def test_a_change_of_a_file_used_in_place_shows(shelf, tool):
    pack = bring(shelf, named(look(tool))["dreamer_v8.safetensors"], copy=False)
    file = pack.role("painter")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    (said,) = shelf.verify(pack)
    assert "SHA-256 differs" in said and "install" not in said
    file.unlink()
    with pytest.raises(PackMissing, match="put it back"):
        shelf.whole(pack.id)


def test_a_lora_keeps_its_trigger_words_and_its_family(shelf, tool):
    pack = bring(shelf, named(look(tool))["clay.safetensors"], copy=True, name="Clay toys")
    assert (pack.id, pack.manifest.trigger_words, pack.manifest.family) == ("clay-toys", ("clay",), "sdxl")
    expected = hashlib.sha256((tool / "Lora" / "clay.safetensors").read_bytes()).hexdigest()
    assert pack.hashes() == {"clay.safetensors": expected}


def test_a_controlnet_that_does_not_say_its_kind_is_asked_for_it(shelf, tool):
    found = named(look(tool))
    with pytest.raises(BadInput, match="which kind of map") as caught:
        bring(shelf, found["mystery.safetensors"], copy=False)
    assert caught.value.field == "control"
    assert controls_of(bring(shelf, found["mystery.safetensors"], copy=False, control="depth")) == ("depth",)
    assert controls_of(bring(shelf, found["control_v11p_sd15_openpose.safetensors"], copy=False)) == ("pose",)


def test_a_family_that_nobody_can_tell_is_asked_for(shelf, tmp_path):
    stem = "lora_unet_mid_block_attentions_0_proj_in"
    path = weights.write(
        tmp_path / "odd.safetensors", {f"{stem}.lora_down.weight": (2, 8), f"{stem}.lora_up.weight": (8, 2)}
    )
    found = one(path)
    assert found.asks == ("family",)
    for family in ("", "nonsense", "storybook"):
        with pytest.raises(BadInput, match="Say which family"):
            bring(shelf, found, copy=True, family=family)
    assert bring(shelf, found, copy=True, family="sd2").manifest.family == "sd2"


def test_a_file_is_not_brought_as_one_of_another_family(shelf, tool):
    with pytest.raises(
        BadInput, match="is a painter for Stable Diffusion 1, fp16; it cannot be brought as one for Stable"
    ):
        bring(shelf, named(look(tool))["dreamer_v8.safetensors"], copy=False, family="sdxl")
    assert bring(shelf, named(look(tool))["soft-vae.safetensors"], copy=False, family="sdxl").manifest.family == "sdxl"


def test_names_are_made_safe_and_never_clash(shelf, tmp_path):
    ids = []
    for name in ("sd15", "../../evil", "A  b", "a_b", "\u202eGNP\u202c", "." * 8, "x" * 200, "\U0001f98a"):
        path = weights.write(tmp_path / "some.safetensors", weights.lora("sd1"))
        pack = bring(shelf, one(path), copy=True, name=name)
        assert pack.folder.parent == shelf.home and "\u202e" not in pack.id
        ids.append(pack.id)
    assert ids[:4] == ["sd15-2", "evil", "a-b", "a-b-2"] and len(set(ids)) == len(ids)
    assert {pack.id for pack in shelf.packs()} == set(ids) and shelf.broken() == {}


def test_a_wrong_file_is_refused_with_its_sentence(shelf, tmp_path):
    path = tmp_path / "page.safetensors"
    path.write_text("<!doctype html><title>Log in</title>")
    with pytest.raises(BadInput, match="web page"):
        bring(shelf, one(path), copy=True)
    for wrong, says in (
        (tmp_path / "nowhere", "nothing at"),
        (Path("here"), "whole path"),
        (tmp_path, "is no model but"),
    ):
        with pytest.raises(BadInput, match=says):
            one(wrong)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no model"):
        look(tmp_path / "empty")


def test_places_that_cannot_be_read_cost_the_others_nothing(shelf, tool):
    closed = tool / "Private"
    (closed / "inner").mkdir(parents=True)
    (tool / "Lora" / "round.safetensors").symlink_to(tool / "Lora" / "round.safetensors")
    closed.chmod(0)  # root reads it all the same, and finds nothing in it
    try:
        found = named(look(tool))
    finally:
        closed.chmod(0o700)
    assert found["dreamer_v8.safetensors"].usable and "cannot be read" in found["round.safetensors"].what.why_not
    for strange in ("/a\0b", "/" + "x" * 5_000):
        with pytest.raises(BadInput):
            look(Path(strange))


def test_a_cancelled_copy_leaves_nothing(shelf, tool):
    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        bring(shelf, named(look(tool))["portrait"], copy=True, report=stop)
    assert list(shelf.home.iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_copied(shelf, tool, monkeypatch):
    monkeypatch.setattr(durable, "ROOM", 2**60)
    with pytest.raises(StorageFull, match="GB free"):
        bring(shelf, named(look(tool))["portrait"], copy=True)
    assert list(shelf.home.iterdir()) == []
    assert bring(shelf, named(look(tool))["portrait"], copy=False).id == "portrait"


def test_no_pickle_and_no_code_comes_along(shelf, tmp_path):
    folder = weights.pipeline(tmp_path / "model")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.txt").write_text("secret")
    pack = bring(shelf, one(folder), copy=True)
    assert {Path(path).suffix for path in pack.hashes()} == {".safetensors", ".json", ".txt"}
    assert not any(path.startswith(".") for path in pack.hashes())
