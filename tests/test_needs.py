"""What a recipe takes in memory: read from headers and configs, more for more, and nothing where nothing can be told."""

import math
import shutil
import subprocess
import sys

import pytest
import tiny
import weights

from studio.domain.control import Control
from studio.domain.recipe import Lora, Recipe
from studio.packs import geometry
from studio.packs.manifest import Manifest
from studio.packs.needs import Place, needs, painted_at_once
from studio.packs.shelf import open_shelf
from studio.places import ASSETS, ROOT

HASH = "0" * 64
GB = 1 << 30
CPU, GPU = Place("cpu", 16 * GB), Place("cuda", 16 * GB)


@pytest.fixture
def shelf(home):
    return open_shelf(home)


def total(shelf, place=CPU, **fields):
    found = needs(Recipe("a ball", **fields), shelf, place)
    assert found is not None
    return found.total


def bring(home, manifest, folder=None):
    """A pack of the user's own, from a folder of weights."""
    place = home / "packs" / manifest.id
    if folder is not None:
        shutil.copytree(folder, place)
    place.mkdir(parents=True, exist_ok=True)
    (place / "SHA256SUMS").write_text("", encoding="utf-8")
    from studio.packs.manifest import manifest_text

    (place / "easel.toml").write_text(manifest_text(manifest), encoding="utf-8")
    return place


def own(id, family, *, roles=None, **more):
    return Manifest(
        id=id,
        name=id,
        description="",
        family=family,
        licence="",
        licence_note="",
        roles=roles or {"painter": "."},
        **more,
    )


def test_weights_are_those_of_the_files(shelf):
    found = needs(Recipe("a ball"), shelf, CPU)
    bytes_of = {key.rsplit("/", 1)[-1]: size for key, size in found.parts.items()}
    for part in ("unet", "vae"):
        (file,) = (ASSETS / "storybook" / part).glob("*.safetensors")
        assert (
            1.8 < bytes_of[part] / file.stat().st_size <= 2.0
        )  # fp16 in the file, all of it but its header; fp32 here
    assert found.weights == sum(bytes_of.values()) and found.total > found.weights


def test_half_precision_halves_the_painter_and_fp16_files_double_on_a_cpu(shelf, home):
    full, half = (needs(Recipe("a ball"), shelf, place).parts for place in (CPU, GPU))
    unet = str(ASSETS / "storybook" / "unet")
    assert half[unet] * 2 == full[unet]
    import numpy as np
    from safetensors.numpy import save_file

    pack = ASSETS / "storybook"
    place = bring(home, own("halved", "storybook"), None)
    for part in ("unet", "vae", "text_encoder"):
        shutil.copytree(pack / part, place / part)
    save_file({"a": np.zeros((4, 1000), np.float16)}, place / "unet" / "diffusion_pytorch_model.safetensors")
    parts = needs(Recipe("a ball", pack="halved"), shelf, CPU).parts
    assert parts[str(place / "unet")] == 16_000


@pytest.mark.parametrize("place", [CPU, GPU], ids=["cpu", "gpu"])
def test_more_of_anything_takes_more(shelf, place):
    least = total(shelf, place, guidance=1.0)
    usual = total(shelf, place)
    assert least <= usual <= total(shelf, place, count=4) <= total(shelf, place, width=256, height=256, count=4)
    large = {"width": 512, "height": 512}
    assert total(shelf, place, **large) < total(shelf, place, width=768, height=768)
    pose = (Control("pose", HASH),)
    assert total(shelf, place, controls=pose) > usual
    assert total(shelf, place, controls=(*pose, Control("depth", HASH))) > total(shelf, place, controls=pose)


def test_a_step_of_several_takes_more_and_a_control_without_weight_nothing(shelf):
    def step(**fields):
        return needs(Recipe("a ball", **fields), shelf, CPU).step

    assert step(guidance=1.0) < step() < step(count=4) < step(count=8)
    assert step(controls=(Control("pose", HASH, weight=0.0),)) == step()
    assert step(task="vary", source=HASH, strength=0.5) == step()


def test_enlarging_counts_the_net_that_it_asks_for_by_itself(shelf):
    def enlarging(**fields):
        return needs(Recipe("a ball", task="enlarge", source=HASH, factor=2, **fields), shelf, CPU)

    net = str(ASSETS / "storybook" / "controlnet_canny")
    kept, plain = enlarging(strength=0.5), needs(Recipe("a ball"), shelf, CPU)
    assert kept.parts[net] > 0 and net not in plain.parts
    assert enlarging(strength=0.5, controls=(Control("canny", HASH),)).parts == kept.parts, "each once"
    for same in (enlarging(strength=0.0), enlarging(method="lanczos")):
        assert net not in same.parts


def test_a_lora_takes_its_weights_and_makes_steps_dearer(shelf, home, heavy):
    place = bring(home, own("shiny", "storybook", roles={"lora": "lora.safetensors"}, kind="lora"))
    import torch

    tiny.saved({"unet.lora_A.weight": torch.zeros(8, 100)}, place / "lora.safetensors")
    plain, worn = (needs(Recipe("a ball", loras=loras), shelf, CPU) for loras in ((), (Lora("shiny"),)))
    assert worn.weights - plain.weights == 3200 and worn.step > plain.step
    assert needs(Recipe("a ball", loras=(Lora("shiny", 0.0),)), shelf, CPU).weights == plain.weights
    assert needs(Recipe("a ball", loras=(Lora("gone"),)), shelf, CPU) is None


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_family_can_be_told(family, shelf, home, heavy, tmp_path):
    kind = {"lcm": "sd1"}.get(family, family.split("-")[0])
    bring(home, own("whole", kind), tiny.folder(family, tmp_path))
    recipe = Recipe("a ball", pack="whole", width=512, height=512)
    found = needs(recipe, shelf, GPU)
    numbers = sum(tensor.numel() for part in ("unet", "vae", "text_encoder", "text_encoder_2")
                  if (net := getattr(tiny.pipe(family), part, None)) is not None for tensor in net.parameters())  # fmt: skip
    assert found is not None and found.step > 0
    beside = sum(found.parts[key] for key in found.beside)
    vae = sum(tensor.numel() for tensor in tiny.pipe(family).vae.parameters())
    upcast = 2 * vae if kind == "sdxl" else 0  # its decoder is kept in fp32
    assert found.weights - beside == pytest.approx(2 * numbers + upcast, rel=0.02)


@pytest.mark.parametrize("family", weights.WIDTHS)
def test_a_painter_in_one_file_is_read_by_its_parts(family, shelf, home):
    place = bring(home, own("single", family, roles={"painter": "one.safetensors"}))
    shapes = weights.single_file(family)
    weights.write(place / "one.safetensors", shapes)
    found = needs(Recipe("a ball", pack="single", width=512, height=512), shelf, CPU)
    expected = 4 * sum(math.prod(shape) for shape in shapes.values())
    assert found.weights - sum(found.parts[key] for key in found.beside) == expected
    assert found.step > 100 << 20  # of the family's own geometry, which ships with us


@pytest.mark.parametrize("harm", ["gone", "empty", "config", "pickle"])
def test_a_broken_pack_tells_nothing_and_breaks_nothing(shelf, home, harm):
    place = bring(home, own("broken", "storybook"), None)
    for part in ("unet", "vae", "text_encoder"):
        shutil.copytree(ASSETS / "storybook" / part, place / part)
    recipe = Recipe("a ball", pack="broken")
    assert needs(recipe, shelf, CPU) is not None
    file = place / "unet" / "diffusion_pytorch_model.safetensors"
    if harm == "gone":
        shutil.rmtree(place / "unet")
    elif harm == "config":
        (place / "unet" / "config.json").write_text("[]", encoding="utf-8")
    else:
        file.write_bytes(b"" if harm == "empty" else b"\x80\x02}q\x00.")
    assert needs(recipe, shelf, CPU) is None
    assert needs(Recipe("a ball", pack="nowhere"), shelf, CPU) is None


def test_of_several_versions_of_the_weights_one_counts(tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    for name, count in (("model.safetensors", 10), ("model.fp16.safetensors", 10), ("model.non_ema.safetensors", 10)):
        save_file({"a": np.zeros(count, np.float32)}, tmp_path / name)
    assert geometry.whole(tmp_path).numbers == 10
    save_file({"a": np.zeros(7, np.float32)}, tmp_path / "model.safetensors")
    assert geometry.whole(tmp_path).numbers == 7  # a file that changed is read again


def test_offload_takes_less_and_paints_one_by_one(shelf):
    recipe = Recipe("a ball", count=8, width=512, height=512)
    for place in (CPU, GPU):
        usual, saved = (needs(recipe, shelf, place, offload=offload) for offload in (False, True))
        assert saved.total < usual.total and saved.at_once == 1 and saved.parts == usual.parts


def test_a_very_large_picture_is_decoded_in_tiles_so_that_it_takes_less_than_its_area_says():
    vae = geometry.config(ASSETS / "configs" / "sd1" / "vae" / "config.json")
    from studio.packs.needs import _decoding

    one, many = (_decoding(vae, side * side, 4, tiled=False) for side in (1024, 2048))
    assert many < one < _decoding(vae, 1280 * 1280, 4, tiled=False)


def test_what_the_worker_holds_counts_as_room():
    place = Place("cuda", 100, 1000, {"a": 40, "b": 30}, frozenset({"b"}))
    assert place.has_for({"a": 40, "c": 5}) == 170  # b leaves when another pack is painted with
    assert place.has_for({"a": 10}) == 140
    assert Place("cpu", 100, 1000, {"a": 40, "b": 30}).has_for({"a": 40}) == 140


def test_the_figures_are_those_the_painter_splits_by(heavy):
    import torch

    from studio.packs import needs as ours
    from studio.workshop.paint import device, larger

    for name in ("CPU_PIXELS", "MPS_PIXELS", "CUDA_BYTES_PER_PIXEL", "DECODING", "MOST_DECODING"):
        assert getattr(ours, name) == getattr(device, name), name
    assert ours.LARGEST_TILE == larger.LARGEST_TILE
    for pixels in (1 << 10, 1 << 14, 1 << 17, 1 << 20):
        told = painted_at_once("cpu", pixels=pixels, count=8, free=0)
        assert told == device.batch_size(torch.device("cpu"), pixels=pixels, count=8)


def test_the_same_look_twice_reads_no_file_again(shelf, monkeypatch):
    recipe = Recipe("a ball", controls=(Control("pose", HASH),))
    first = needs(recipe, shelf, CPU)
    monkeypatch.setattr(geometry, "read_header", lambda path: pytest.fail(f"{path} was read again"))
    assert needs(recipe, shelf, CPU) == first


def test_it_needs_no_torch():
    program = "import sys, studio.jobs.memory, studio.packs.needs; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
