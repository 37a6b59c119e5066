"""ControlNets at work: no weight is no effect, start and end, balance, several at once, any shape of map, what is missing."""

import numpy as np
import pytest
from painting import PROMPT, Steps, kept, mask, one, scene, storybook
from PIL import Image

from studio.domain.control import Control
from studio.domain.errors import BadInput, PackMissing
from studio.domain.recipe import Recipe


@pytest.fixture(scope="module")
def painter():
    """The painter with three made-up ControlNets: one that has learned nothing, and two that push."""
    made = storybook()  # first: it makes the libraries ready to be imported

    import torch
    from diffusers import ControlNetModel

    for seed, kind in enumerate(("tile", "pose", "depth")):
        torch.manual_seed(seed)
        net = ControlNetModel.from_unet(made.pipe.unet, conditioning_embedding_out_channels=(8, 16, 32, 64)).eval()
        if kind != "tile":
            for block in (
                *net.controlnet_down_blocks,
                net.controlnet_mid_block,
                net.controlnet_cond_embedding.conv_out,
            ):
                torch.nn.init.normal_(block.weight, std=0.2)
        made._find_controls.nets[kind] = net
    yield made
    made._find_controls.nets.clear()


def guided(*controls, maps=None, task="create", **fields):
    """A recipe with controls on one map."""
    inputs, hashes = kept(*(maps or [scene(seed=9)]))
    used = tuple(
        Control(**{"kind": "pose", "source": hashes[min(i, len(hashes) - 1)], **one}) for i, one in enumerate(controls)
    )
    return Recipe(PROMPT, task=task, controls=used, **{"steps": 4, "seed": 3, **fields}), inputs


@pytest.fixture(scope="module")
def plain(painter):
    return one(painter, Recipe(PROMPT, steps=4, seed=3))


@pytest.mark.parametrize("control", [{"weight": 0.0}, {"kind": "tile"}, {"kind": "tile", "balance": "control"}])
def test_no_weight_and_nothing_learned_change_not_a_bit(painter, plain, control):
    assert np.array_equal(one(painter, *guided(control)), plain)


def test_a_control_changes_the_picture_and_more_weight_changes_more(painter, plain):
    changes = [np.abs(one(painter, *guided({"weight": weight})) - plain).mean() for weight in (0.0, 0.2, 1.0)]
    assert changes[0] == 0 and changes[1] > 0.1 and changes[2] > changes[1]


def test_it_starts_and_ends_when_told(painter, monkeypatch):
    net, calls = painter._find_controls.nets["pose"], []
    real = net.forward
    monkeypatch.setattr(net, "forward", lambda *a, **k: (calls.append(round(float(a[1]))), real(*a, **k))[1])
    times = {}
    for start, end in ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (0.3, 0.4)):
        calls.clear()
        one(painter, *guided({"start": start, "end": end}))
        times[start, end] = list(calls)
    everything = times[0.0, 1.0]
    assert len(everything) == 4 and everything == sorted(everything, reverse=True)
    assert times[0.0, 0.5] == everything[:2] and times[0.5, 1.0] == everything[2:]
    assert times[0.3, 0.4] == []  # no step of four lies in it


def test_balance_changes_what_wins(painter, plain):
    made = {balance: one(painter, *guided({"balance": balance})) for balance in ("balanced", "prompt", "control")}
    pushed = {balance: np.abs(picture - plain).mean() for balance, picture in made.items()}
    assert pushed["prompt"] < pushed["balanced"]
    assert not np.array_equal(made["control"], made["prompt"]) and not np.array_equal(made["control"], made["balanced"])


def test_soft_weights_are_those_of_guess_mode(painter):
    from studio.workshop.paint.controls import Guide

    net = painter._find_controls.nets["pose"]
    soft = Guide(net, Control("pose", "0" * 64, weight=2.0, balance="prompt")).scales(13)
    assert soft[-1] == 2.0 and soft[0] == pytest.approx(2 * 0.825**12) and soft == sorted(soft)
    assert set(Guide(net, Control("pose", "0" * 64, weight=0.5)).scales(13)) == {0.5}


def test_the_half_without_the_prompt_is_left_alone_when_the_control_matters_more(painter):
    import torch

    from studio.workshop.paint.controls import Guide, residuals

    net = painter._find_controls.nets["pose"]
    latents, states = torch.randn(4, 8, 16, 16), torch.randn(4, 77, 128)
    shown = [torch.rand(2, 3, 128, 128)]
    guide = Guide(net, Control("pose", "0" * 64, balance="control"))
    with torch.inference_mode():
        down, middle = residuals([guide], shown, latents, torch.tensor(500), states, guided=True, step=0, steps=2)
    assert middle.shape[0] == 4 and not middle[:2].any() and middle[2:].any()
    assert all(not part[:2].any() for part in down) and down[0][2:].any()


def test_without_guidance_there_is_one_half(painter):
    first, second = (one(painter, *guided({"balance": balance}, guidance=1.0)) for balance in ("prompt", "control"))
    assert np.array_equal(first, second)


def test_several_add_up_and_their_order_does_not_matter(painter, plain):
    maps = [scene(seed=9), scene(seed=10)]
    pose, depth = {"kind": "pose", "weight": 0.3}, {"kind": "depth", "weight": 0.3}
    both = one(painter, *guided(pose, depth, maps=maps))
    turned = one(painter, *guided(depth, pose, maps=maps[::-1]))
    assert np.abs(both - turned).max() <= 1
    assert not np.array_equal(both, one(painter, *guided(pose, maps=maps)))


def test_it_walks_as_diffusers_own_pipeline_does(painter):
    import torch
    from diffusers import MultiControlNetModel, StableDiffusionControlNetPipeline

    from studio.workshop.paint import samplers

    nets = painter._find_controls.nets
    maps = [scene(seed=9), scene(seed=10)]
    parts = {**painter.pipe.components, "scheduler": samplers.scheduler("dpm++ 2m", painter.config)}
    pipe = StableDiffusionControlNetPipeline(
        **parts, controlnet=MultiControlNetModel([nets["pose"], nets["depth"]]), requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        PROMPT, image=maps, num_inference_steps=4, guidance_scale=4.0, controlnet_conditioning_scale=[0.7, 0.4],
        control_guidance_start=[0.0, 0.25], control_guidance_end=[0.75, 1.0],
        generator=torch.Generator().manual_seed(3),
    ).images[0]  # fmt: skip
    recipe, inputs = guided(
        {"kind": "pose", "weight": 0.7, "end": 0.75}, {"kind": "depth", "weight": 0.4, "start": 0.25}, maps=maps
    )
    assert np.abs(one(painter, recipe, inputs) - np.asarray(theirs).astype(int)).max() <= 1


@pytest.mark.parametrize("size", [(128, 128), (333, 90), (40, 200), (1024, 1024)])
def test_a_map_of_any_size_covers_the_picture(painter, size):
    recipe, inputs = guided({}, maps=[scene(size)], width=192, height=128, steps=1)
    assert one(painter, recipe, inputs).shape == (128, 192, 3)


def test_a_map_is_cut_as_the_source_is():
    from studio.workshop.paint import fit

    big = scene((600, 400))
    view = fit.View((100, 80, 228, 208), (128, 128))
    exact = fit.window(big, frame=(600, 400), view=view)
    assert np.array_equal(np.asarray(exact), np.asarray(big.crop(view.box)))
    half = fit.window(big.resize((300, 200), Image.Resampling.BOX), frame=(600, 400), view=view)
    assert np.abs(np.asarray(half).astype(int) - np.asarray(exact)).mean() < 8  # grain apart
    square = fit.window(big, frame=(200, 200), view=fit.View((0, 0, 200, 200), (200, 200)))
    middle = big.crop((100, 0, 500, 400)).resize((200, 200), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(square).astype(int) - np.asarray(middle)).max() <= 6


@pytest.mark.parametrize("task", ["vary", "inpaint"])
def test_controls_work_in_every_task(painter, task):
    inputs, (source, area) = kept(scene(), mask())
    more = {"task": task, "source": source, "strength": 0.7, **({"mask": area} if task == "inpaint" else {})}
    recipe, maps = guided({"weight": 1.0}, **more)
    bare, _ = guided(**more)
    assert not np.array_equal(one(painter, recipe, inputs | maps), one(painter, bare, inputs))


def test_a_pack_without_the_control_says_so_before_anything_is_painted(painter):
    steps = Steps()
    with pytest.raises(PackMissing, match="shuffle"):
        one(painter, *guided({"kind": "shuffle"}), report=steps)
    assert steps.seen == []


def test_a_map_that_is_gone_is_said(painter):
    recipe, _ = guided({})
    with pytest.raises(BadInput, match="control map is no longer"):
        one(painter, recipe, {})


def test_a_control_for_another_base_model_is_said_in_words(painter, monkeypatch):
    from diffusers import ControlNetModel

    other = ControlNetModel(
        block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=32, norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    )  # fmt: skip
    monkeypatch.setitem(painter._find_controls.nets, "canny", other)
    with pytest.raises(BadInput, match="another base model"):
        one(painter, *guided({"kind": "canny"}))


def test_the_shelfs_controls_are_loaded_once_and_go_with_their_painter(heavy, monkeypatch, tmp_path):
    from studio.packs.manifest import Manifest, Pack
    from studio.workshop import models

    def pack(id):
        roles = {"painter": ".", "control-pose": "pose"}
        (tmp_path / id / "pose").mkdir(parents=True)
        return Pack(Manifest(id, id.upper(), "", "sd1", "", "", roles), tmp_path / id)

    packs = {id: pack(id) for id in ("one", "two", "three")}
    get = lambda _, id: packs[id]  # noqa: E731
    shelf = type("S", (), {"get": get, "whole": get, "packs": lambda _: [], "sizes": lambda *_: {}})()
    loaded = []
    made = type("Net", (), {"parameters": lambda _: (), "buffers": lambda _: ()})
    painter = lambda _, *, find_controls, **__: type("P", (), {"weights": 60, "controls": find_controls})()  # noqa: E731
    monkeypatch.setattr("studio.workshop.paint.load.load_control", lambda folder: loaded.append(folder) or made())
    monkeypatch.setattr("studio.workshop.paint.load.load_painter", painter)
    monkeypatch.setattr("studio.workshop.paint.device.budget", lambda *_, **__: 130)
    held = models.Models(shelf)
    find = held.painter("one").controls
    net = find(("pose",))["pose"]
    assert find(("pose",))["pose"] is net and loaded == [tmp_path / "one" / "pose"]
    with pytest.raises(PackMissing, match=r"Pack ONE has no ControlNet for depth \(it has: Pose\)"):
        find(("depth",))
    for other in ("two", "three"):
        held.painter(other)
    assert held.controls("one", ("pose",))["pose"] is not net
