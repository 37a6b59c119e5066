"""What makes a painter quick, and where it is held: the policy in numbers, and its mechanics on tiny networks."""

import gc
import weakref

import numpy as np
import pytest
import tiny
from painting import Steps, one

from studio.domain.recipe import Recipe
from studio.packs.manifest import Manifest, Pack

GIB = 1 << 30
RECIPE = Recipe("a large red star", width=tiny.SIZE, height=tiny.SIZE, steps=2, seed=3)


@pytest.fixture(scope="module")
def folder(heavy, tmp_path_factory):
    return tiny.folder("sd1", tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def devices(heavy):
    from studio.workshop.paint import device

    return device


def load(folder, **more):
    from studio.workshop.paint.load import load_painter

    return load_painter(folder, **more)


# ---------------------------------------------------------------- policy


def test_the_precision_follows_the_device_and_what_the_weights_are_kept_in(devices, monkeypatch):
    import torch

    cpu, gpu, apple = (torch.device(name) for name in ("cpu", "cuda", "mps"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (8, 0))
    assert devices.dtype(cpu, kept="bf16") == devices.dtype(cpu, kept="fp16") == torch.float32
    assert devices.dtype(gpu, kept="fp16") == devices.dtype(gpu, kept="fp32") == devices.dtype(gpu) == torch.float16
    assert devices.dtype(gpu, kept="bf16") == torch.bfloat16
    assert devices.dtype(apple, kept="bf16") == torch.float16
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    assert devices.dtype(gpu, kept="bf16") == torch.float16


def test_an_autoencoder_that_overflows_gets_fp32_and_none_gets_bf16(devices):
    import torch

    half, brain, full = torch.float16, torch.bfloat16, torch.float32
    assert devices.vae_dtype(half, overflows=True) == devices.vae_dtype(brain, overflows=True) == full
    assert devices.vae_dtype(half, overflows=False) == devices.vae_dtype(brain, overflows=False) == half
    assert devices.vae_dtype(full, overflows=False) == full


@pytest.mark.parametrize(
    ("free", "weights", "whole"),
    [
        (8 * GIB, 2 * GIB, True),  # SD 1.5 on a card of 8 GB
        (8 * GIB, 6.9 * GIB, False),  # SDXL on the same
        (24 * GIB, 6.9 * GIB, True),
        (3 * GIB, 2.1 * GIB, False),  # what is left would not do to compute in
        (4 * GIB, 2 * GIB, True),
    ],
)
def test_a_pipeline_goes_whole_where_it_fits_with_room_to_compute(devices, free, weights, whole):
    assert devices.whole(int(free), int(weights)) is whole


def test_projections_are_joined_where_memory_is_plenty_and_blocks_compiled_on_cuda_alone(devices):
    import torch

    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert devices.fuses(gpu, free=5 * GIB) and not devices.fuses(gpu, free=3 * GIB)
    assert not devices.fuses(cpu, free=500 * GIB)
    assert devices.compiles(gpu) and not devices.compiles(cpu)


def test_channels_lie_last_where_that_was_quicker(devices):
    import torch

    cpu, gpu, apple = (torch.device(name) for name in ("cpu", "cuda", "mps"))
    last, usual = torch.channels_last, torch.contiguous_format
    assert devices.order(gpu, weights=4 * GIB) == devices.order(cpu, weights=GIB // 16) == last
    assert devices.order(cpu, weights=4 * GIB) == devices.order(apple, weights=GIB // 16) == usual


def test_the_least_recently_used_go_until_the_rest_fits(devices):
    held = {"old": 4, "middle": 2, "new": 3}
    assert devices.leaving(held, 9) == []
    assert devices.leaving(held, 8) == ["old"]
    assert devices.leaving(held, 4) == ["old", "middle"]
    assert devices.leaving(held, 0) == ["old", "middle"]  # the one that was asked for stays, whatever it weighs
    assert devices.leaving({}, 0) == []
    assert devices.budget(4 * GIB, free=12 * GIB) == 8 * GIB


def test_every_attention_is_torchs_own(folder):
    """What diffusers takes on torch 2, unless somebody sets another: scaled_dot_product_attention."""
    from diffusers.models.attention_processor import AttnProcessor2_0

    painter = load(folder)
    found = [*painter.pipe.unet.attn_processors.values(), *painter.pipe.vae.attn_processors.values()]
    assert found and all(type(each) is AttnProcessor2_0 for each in found)


# ---------------------------------------------------------------- joined and compiled


@pytest.fixture
def quick(folder, devices, monkeypatch):
    """A painter that does on this device what it does on CUDA, but for the compiler's last stage."""
    monkeypatch.setattr(devices, "fuses", lambda *_, **__: True)
    monkeypatch.setattr(devices, "compiles", lambda *_: True)
    painter = load(folder, find_parts=Parts(folder.parent))
    painter._speed._backend = "eager"
    return painter


class Parts:
    """Gives one LoRA."""

    def __init__(self, root):
        self.root = root

    def file(self, role, id):
        return tiny.saved(tiny.lora("sd1"), self.root / f"{id}.safetensors")

    def words(self, id):
        return ()


def joined(painter):
    return sum(hasattr(part, "to_qkv") or hasattr(part, "to_kv") for part in painter.pipe.unet.modules())


def compiled(painter):
    return sum(part._compiled_call_impl is not None for part in painter.pipe.unet.modules())


def test_joined_projections_paint_the_same_and_are_gone_in_a_lora(quick, folder):
    from studio.domain.recipe import Lora

    plain = load(folder, find_parts=Parts(folder.parent))
    expected, dressed = one(plain, RECIPE), Recipe.from_dict({**RECIPE.to_dict(), "seed": 9})
    dressed = Recipe(**{**vars(dressed), "loras": (Lora("styled"),)})
    (bare,) = quick.paint(RECIPE, {}, Steps())
    assert np.abs(np.asarray(bare.picture).astype(int) - expected).max() <= 1 and bare.joined and not bare.compiled
    assert joined(quick) == len(quick.pipe.unet.attn_processors)
    (worn,) = quick.paint(dressed, {}, Steps())
    assert np.abs(np.asarray(worn.picture).astype(int) - one(plain, dressed)).max() <= 1 and not worn.joined
    assert joined(quick) == 0
    assert not np.array_equal(one(plain, dressed), one(plain, RECIPE.with_seed(9)))
    assert np.abs(one(quick, RECIPE) - expected).max() <= 1 and joined(quick)


def test_blocks_are_compiled_for_a_shape_that_comes_again_and_for_no_other(quick, folder):
    expected = one(load(folder), RECIPE)
    assert np.abs(one(quick, RECIPE) - expected).max() <= 1 and compiled(quick) == 0
    assert np.abs(one(quick, RECIPE) - expected).max() <= 1
    blocks = compiled(quick)
    (again,) = quick.paint(RECIPE, {}, Steps())
    assert again.compiled and again.joined
    assert blocks == sum(type(part).__name__ == "BasicTransformerBlock" for part in quick.pipe.unet.modules()) > 0
    one(quick, Recipe(**{**vars(RECIPE), "width": 128}))
    assert compiled(quick) == 0
    assert np.abs(one(quick, RECIPE.with_seed(3)) - expected).max() <= 1 and compiled(quick) == blocks


def test_what_does_not_compile_runs_as_it_did_and_that_is_said_once(quick, folder, caplog):
    def broken(*_):
        raise RuntimeError("there is no compiler here")

    quick._speed._backend = broken
    expected = one(load(folder), RECIPE)
    with caplog.at_level("WARNING"):
        for _ in range(3):
            assert np.abs(one(quick, RECIPE) - expected).max() <= 1
    assert sum("do not compile here" in record.message for record in caplog.records) == 1
    assert compiled(quick) == 0
    (painted,) = quick.paint(RECIPE, {}, Steps())
    assert painted.compiled is False and painted.joined is True


def test_memory_that_runs_out_in_a_compiled_block_is_not_taken_for_a_broken_compiler(quick):
    def full(*_):
        raise RuntimeError("CUDA out of memory")

    from studio.workshop.paint.speed import _Tried

    with pytest.raises(RuntimeError, match="out of memory"):
        _Tried(quick._speed, None, full)()
    assert not quick._speed._failed


def test_a_painter_that_was_compiled_leaves_nothing_behind(folder, devices, monkeypatch):
    monkeypatch.setattr(devices, "compiles", lambda *_: True)
    painter = load(folder)
    painter._speed._backend = "eager"
    for _ in range(2):
        one(painter, RECIPE)
    assert compiled(painter)
    left = weakref.ref(painter.pipe.unet)
    del painter
    gc.collect()
    assert left() is None


# ---------------------------------------------------------------- drafts


@pytest.fixture
def watched(folder, tmp_path):
    """A painter with a tiny VAE for drafts, and where that lies."""
    tiny.tiny_vae().save_pretrained(tmp_path / "taesd")
    found = [tmp_path / "taesd"]
    return load(folder, find_preview=lambda: found[0]), found


def test_drafts_come_from_the_tiny_vae_and_the_picture_never_does(watched, folder):
    painter, found = watched
    plain, own, tinys, gone = load(folder), Steps(draft=True), Steps(draft=True), Steps(draft=True)
    expected = one(plain, RECIPE, report=own)
    assert np.array_equal(one(painter, RECIPE, report=tinys), expected)
    assert len(tinys.drafts) == len(own.drafts) > 0
    assert not np.array_equal(np.asarray(tinys.drafts[0]), np.asarray(own.drafts[0]))
    found[0] = None  # removed: from the next picture on drafts are the painter's own
    assert np.array_equal(one(painter, RECIPE, report=gone), expected)
    assert np.array_equal(np.asarray(gone.drafts[0]), np.asarray(own.drafts[0]))


def test_a_tiny_vae_that_does_not_load_costs_no_picture(watched, folder, caplog):
    painter, found = watched
    (found[0] / "config.json").write_text("{}", encoding="utf-8")
    steps, own = Steps(draft=True), Steps(draft=True)
    assert np.array_equal(one(painter, RECIPE, report=steps), one(load(folder), RECIPE, report=own))
    assert np.array_equal(np.asarray(steps.drafts[0]), np.asarray(own.drafts[0]))
    assert "does not load" in caplog.text


def test_nobody_who_watches_means_nothing_is_loaded(watched):
    painter, _ = watched
    one(painter, RECIPE)
    assert painter._preview._loaded is None


# ---------------------------------------------------------------- who is held where


class Packs:
    """Three tiny packs, as a shelf gives them; it counts how often one is read."""

    def __init__(self, folder, root):
        self._packs = {id: Pack(Manifest(id, id, "", "sd1", "", "", {"painter": "."}), folder) for id in "abc"}
        tiny.tiny_vae().save_pretrained(root / "taesd")
        self._preview = Pack(
            Manifest("taesd", "T", "", "sd1", "", "", {"preview-vae": "."}, kind="vae"), root / "taesd"
        )

    def get(self, id):
        return self._packs[id]

    whole = get

    def packs(self):
        return [*self._packs.values(), self._preview]

    def sizes(self, pack):
        return {"unet": 0}


@pytest.fixture
def models(folder, tmp_path, monkeypatch):
    from studio.workshop.models import Models
    from studio.workshop.paint import load

    made, real = [], load.load_painter
    monkeypatch.setattr(load, "load_painter", lambda *told, **named: made.append(1) or real(*told, **named))
    models = Models(Packs(folder, tmp_path))
    models.loads = made
    return models


def test_the_packs_tiny_vae_reaches_its_painter(models, tmp_path):
    assert models.painter("a")._preview._find() == tmp_path / "taesd"


def test_painters_stay_as_long_as_they_fit_their_share_and_a_switch_back_reads_nothing(models, devices, monkeypatch):
    first = models.painter("a")
    parts = (first.pipe.unet, first.pipe.vae, first.pipe.text_encoder)
    saved = sum(one.nbytes for part in parts for one in part.state_dict().values())
    assert saved <= first.weights < saved + 4096  # and the numbers of the tokens' places, which are not saved
    monkeypatch.setattr(devices, "budget", lambda held, *, free: 2 * first.weights)
    second = models.painter("b")
    assert models.painter("a") is first and len(models.loads) == 2
    models.painter("c")  # b was used least recently
    assert models.painter("a") is first and len(models.loads) == 3
    assert models.painter("b") is not second and len(models.loads) == 4


def test_one_that_is_coming_makes_room_before_it_is_read(models, devices, monkeypatch):
    models.painter("a")
    monkeypatch.setattr(devices, "budget", lambda held, *, free: 1000)
    monkeypatch.setattr(models.shelf, "sizes", lambda _: {"unet": 999})
    left = weakref.ref(models.painter("a"))
    reading = models.shelf.whole

    def load_of_b(*_, **__):
        gc.collect()
        assert left() is None, "the old one is still there while the new one is read"
        raise MemoryError

    assert reading("b").id == "b"
    monkeypatch.setattr("studio.workshop.paint.load.load_painter", load_of_b)
    with pytest.raises(MemoryError):
        models.painter("b")


def test_one_painter_is_on_the_device_and_a_switch_moves_without_reading(models, devices, monkeypatch):
    """On a CPU the device is RAM, so what is looked at is where each was told to go."""
    moves = []
    monkeypatch.setattr(devices, "apart", lambda *_: True)
    first, second = models.painter("a"), models.painter("b")
    for name, painter in (("a", first), ("b", second)):
        monkeypatch.setattr(painter.pipe, "to", lambda where, name=name: moves.append((name, str(where))))
    expected = one(first, RECIPE)
    moves.clear()
    assert models.painter("b") is second and moves == [("a", "cpu")] and not first._here
    assert second._here and models.painter("a") is first and moves[1:] == [("b", "cpu")]
    assert np.array_equal(one(first, RECIPE), expected)
    assert moves[2:] == [("a", "cpu")] and first._here and len(models.loads) == 2


def test_one_that_paints_does_not_leave_the_device(models, devices, monkeypatch):
    monkeypatch.setattr(devices, "apart", lambda *_: True)
    first = models.painter("a")
    painting = first.paint(Recipe(**{**vars(RECIPE), "count": 2}), {}, Steps())
    next(painting)
    models.painter("b")
    assert first._here
    painting.close()
    models.painter("b")
    assert not first._here


def test_one_that_is_too_large_goes_part_by_part(models, devices, monkeypatch):
    painter, asked = models.painter("a"), []
    monkeypatch.setattr(devices, "free", lambda *_: painter.weights)
    monkeypatch.setattr(painter.pipe, "enable_model_cpu_offload", lambda device: asked.append(str(device)))
    assert painter.rest() and not painter._here
    one(painter, RECIPE)
    assert asked == ["cpu"] and painter._here and painter._parts
    assert painter.rest() and not painter._parts


def test_twenty_rounds_of_three_packs_leave_nothing_behind(models, devices, monkeypatch):
    import torch

    monkeypatch.setattr(devices, "apart", lambda *_: True)
    size = models.painter("a").weights
    monkeypatch.setattr(devices, "budget", lambda held, *, free: 2 * size)
    monkeypatch.setattr(devices, "give_back", lambda *_: None)  # it collects garbage, which is done once a round below

    def held():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    recipe = Recipe(**{**vars(RECIPE), "steps": 1})
    counts = []
    gc.collect()
    gc.freeze()  # what the libraries brought is not looked through again in every round
    try:
        for number in range(20):
            for id in "abc"[: 2 + number % 2]:
                one(models.painter(id), recipe, report=Steps(draft=True))
            counts.append(held())
    finally:
        gc.unfreeze()
    assert max(counts[4:]) <= max(counts[:4])
    assert len(models._held) == 2


def test_what_is_worn_is_taken_off_when_a_painter_rests(folder, tmp_path):
    """Another VAE lies beside the pipeline's own, which would stay on the device."""
    from studio.workshop.paint.outfit import Outfit

    painter = load(folder)
    own = painter.pipe.vae
    tiny.vae().save_pretrained(tmp_path / "vae")
    painter._wardrobe.wear(Outfit(vae=tmp_path / "vae"))
    one(painter, RECIPE)
    painter._wardrobe.wear(Outfit(vae=tmp_path / "vae"))
    assert painter._said and painter.pipe.vae is not own
    assert painter.rest()
    assert painter.pipe.vae is own and not painter._said
