"""One painter for every family: what diffusers' own pipelines paint, on tiny random models; a batch equals its singles."""

import numpy as np
import pytest
import tiny
from painting import NoControls, Steps, kept, mask, one, pixels, scene

from studio.domain.control import Control
from studio.domain.errors import BadInput, PackMissing
from studio.domain.recipe import Recipe

PROMPT, NEGATIVE = "a large red star at night", "a blue ball"
SIZE = {"width": tiny.SIZE, "height": tiny.SIZE + 16}


@pytest.fixture(scope="session")
def painters(heavy, tmp_path_factory):
    """Family -> its painter, loaded from its folder, once."""
    from studio.workshop.paint.load import load_painter

    root, made = tmp_path_factory.mktemp("tiny"), {}

    def painter(family):
        if family not in made:
            made[family] = load_painter(tiny.folder(family, root), find_controls=NoControls())
        return made[family]

    return painter


def ours(painter, **fields):
    return one(painter, Recipe(**{"prompt": PROMPT, "steps": 3, "seed": 3, "sampler": "ddim", **SIZE, **fields}))


def theirs(family, sampler="ddim", *, kind=None, **call):
    """What diffusers' own pipeline paints with the same parts."""
    import torch

    from studio.workshop.paint import samplers

    pipe = tiny.pipe(family)
    parts = {**pipe.components, "scheduler": samplers.scheduler(sampler, tiny.scheduler_config(family))}
    kind = kind or type(pipe)
    more = {"requires_safety_checker": False} if "XL" not in kind.__name__ else {"add_watermarker": False}
    if kind.__name__ == "StableDiffusionXLPipeline":
        more["force_zeros_for_empty_prompt"] = True
    controlnet = call.pop("controlnet", None)
    if controlnet is not None:
        more["controlnet"] = controlnet
    mine = kind(**parts, **more)
    mine.set_progress_bar_config(disable=True)
    asked = {"prompt": PROMPT, "num_inference_steps": 3, "guidance_scale": 4.0, **SIZE, **call}
    return np.asarray(mine(**asked, generator=torch.Generator().manual_seed(3)).images[0]).astype(int)


@pytest.mark.parametrize("sampler", ["ddim", "euler a", "dpm++ 2m karras"])
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_it_paints_what_diffusers_pipeline_paints(painters, family, sampler):
    made = ours(painters(family), negative=NEGATIVE, sampler=sampler)
    wanted = theirs(family, sampler, negative_prompt=NEGATIVE)
    assert made.shape == (SIZE["height"], SIZE["width"], 3) and made.std() > 1
    assert np.abs(made - wanted).max() <= 1


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_without_a_negative_prompt_and_without_guidance(painters, family):
    assert np.abs(ours(painters(family)) - theirs(family)).max() <= 1
    assert np.abs(ours(painters(family), guidance=1.0) - theirs(family, guidance_scale=1.0)).max() <= 1


@pytest.mark.parametrize("steps", [1, 2])
def test_turbo_needs_no_guidance_and_one_step(painters, steps):
    made = ours(painters("sdxl-turbo"), guidance=0.0, steps=steps, sampler="euler a")
    wanted = theirs("sdxl-turbo", "euler a", guidance_scale=0.0, num_inference_steps=steps)
    assert np.abs(made - wanted).max() <= 1


def test_a_distilled_model_is_told_its_guidance(painters):
    made = ours(painters("lcm"), guidance=8.0, sampler="lcm")
    assert np.abs(made - theirs("lcm", "lcm", guidance_scale=8.0)).max() <= 1
    assert not np.array_equal(made, ours(painters("lcm"), guidance=2.0, sampler="lcm"))


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_controlnets(painters, family):
    import diffusers

    net, shown = tiny.control(family), scene((SIZE["width"], SIZE["height"]), seed=9)
    painter = painters(family)
    painter._find_controls.nets["pose"] = net
    inputs, (sha,) = kept(shown)
    recipe = Recipe(
        PROMPT, steps=3, seed=3, sampler="ddim", **SIZE, controls=(Control("pose", sha, weight=0.6, end=0.7),)
    )
    kind = (
        diffusers.StableDiffusionXLControlNetPipeline
        if family == "sdxl"
        else diffusers.StableDiffusionControlNetPipeline
    )
    wanted = theirs(
        family, kind=kind, controlnet=net, image=shown, controlnet_conditioning_scale=0.6, control_guidance_end=0.7
    )
    made = one(painter, recipe, inputs)
    assert np.abs(made - wanted).max() <= 1 and np.abs(made - ours(painter)).max() > 1


def test_the_union_follows_each_of_its_kinds(painters):
    import diffusers

    net, shown = tiny.union(), scene((SIZE["width"], SIZE["height"]), seed=9)
    painter = painters("sdxl")
    inputs, (sha,) = kept(shown)
    made = {}
    for kind, number in (("pose", 0), ("canny", 3)):
        painter._find_controls.nets[kind] = net
        controls = (Control(kind, sha, weight=0.8),)
        made[kind] = one(painter, Recipe(PROMPT, steps=2, seed=3, sampler="ddim", **SIZE, controls=controls), inputs)
        wanted = theirs(
            "sdxl", kind=diffusers.StableDiffusionXLControlNetUnionPipeline, controlnet=net, control_image=[shown],
            control_mode=[number], controlnet_conditioning_scale=0.8, num_inference_steps=2,
        )  # fmt: skip
        assert np.abs(made[kind] - wanted).max() <= 1
    assert not np.array_equal(made["pose"], made["canny"])
    painter._find_controls.nets["tile"] = net
    with pytest.raises(BadInput, match="has not learned tile"):
        one(painter, Recipe(PROMPT, controls=(Control("tile", sha),), **SIZE), inputs)


@pytest.mark.parametrize(("family", "net"), [("sd1", "sdxl"), ("sdxl", "sd1")])
def test_a_control_for_another_base_is_said(painters, family, net):
    painter = painters(family)
    painter._find_controls.nets["depth"] = tiny.control(net)
    inputs, (sha,) = kept(scene())
    with pytest.raises(BadInput, match="made for another base model"):
        one(painter, Recipe(PROMPT, controls=(Control("depth", sha),), **SIZE), inputs)
    assert ours(painter).shape == (SIZE["height"], SIZE["width"], 3)


@pytest.mark.parametrize("family", ["sd1-inpainting", "sdxl-inpainting"])
def test_inpainting_models_see_the_mask(painters, family, monkeypatch):
    import diffusers
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    size = (SIZE["width"], SIZE["height"])
    source, area = scene(size), mask(size, (16, 16, 48, 56))
    kind = diffusers.StableDiffusionXLInpaintPipeline if "sdxl" in family else diffusers.StableDiffusionInpaintPipeline
    inputs, (source_hash, mask_hash) = kept(source, area)
    recipe = Recipe(
        PROMPT, task="inpaint", source=source_hash, mask=mask_hash, steps=3, seed=3, sampler="ddim", feather=0, **SIZE
    )
    made = one(painters(family), recipe, inputs)
    old = np.asarray(source).astype(int)
    assert np.array_equal(made[np.asarray(area) == 0], old[np.asarray(area) == 0])
    # Theirs draws the masked picture's latents from the VAE's spread, ours takes the likeliest
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())
    wanted = theirs(family, kind=kind, image=source, mask_image=area, strength=1.0)
    inside = np.asarray(area) > 0
    assert np.abs(made - wanted)[inside].max() <= 2 and np.abs(made - old)[inside].mean() > 5


@pytest.mark.parametrize("sampler", ["euler a", "dpm++ sde karras"])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_batch_of_four_is_its_four_singles(painters, family, sampler):
    painter = painters(family)
    recipe = Recipe(PROMPT, steps=2, seed=20, count=4, sampler=sampler, guidance=3.0, **SIZE)
    batch = list(painter.paint(recipe, {}, Steps()))
    assert [painted.seed for painted in batch] == [20, 21, 22, 23]
    for painted in batch:
        assert np.abs(one(painter, recipe.with_seed(painted.seed)) - pixels(painted)).max() <= 1
    assert np.abs(pixels(batch[0]) - pixels(batch[1])).max() > 1


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_batch_of_four_from_a_source_is_its_four_singles(painters, family):
    painter = painters(family)
    inputs, (sha, area) = kept(
        scene((SIZE["width"], SIZE["height"])), mask((SIZE["width"], SIZE["height"]), (8, 8, 50, 50))
    )
    for more in ({"task": "vary"}, {"task": "inpaint", "mask": area}):
        recipe = Recipe(PROMPT, steps=3, seed=50, count=4, sampler="euler a", strength=0.7, source=sha, **more, **SIZE)
        batch = list(painter.paint(recipe, inputs, Steps()))
        for painted in batch:
            assert np.abs(one(painter, recipe.with_seed(painted.seed), inputs) - pixels(painted)).max() <= 1
        assert np.abs(pixels(batch[0]) - pixels(batch[1])).max() > 1


# Between the passes a picture is rounded to whole levels, and the second one makes more of a level than it was
@pytest.mark.parametrize(("second", "most"), [({}, 1), ({"hires": 1.5, "hires_strength": 0.6}, 4)])
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_batch_of_four_under_a_control_is_its_four_singles(painters, family, second, most):
    painter = painters(family)
    painter._find_controls.nets["pose"] = tiny.control(family)
    inputs, (sha,) = kept(scene((SIZE["width"], SIZE["height"]), seed=9))
    recipe = Recipe(
        PROMPT, steps=2, seed=60, count=4, sampler="euler a", controls=(Control("pose", sha, weight=0.6),), **SIZE, **second
    )  # fmt: skip
    for painted in list(painter.paint(recipe, inputs, Steps())):
        assert np.abs(one(painter, recipe.with_seed(painted.seed), inputs) - pixels(painted)).max() <= most


@pytest.mark.parametrize("words", ["a {red|green} {star|ball}", "a {star|" + "red and blue " * 40 + "}"])
def test_wildcards_give_each_picture_its_words_and_singles_stay_equal(painters, words):
    from studio.domain.prompting import pictures

    painter = painters("sd1")
    recipe = Recipe(words, steps=2, seed=30, count=4, **SIZE)
    steps = Steps()
    batch = list(painter.paint(recipe, {}, steps))
    assert steps.seen[-1][0] == steps.seen[-1][1]
    for painted, alone in zip(batch, pictures(recipe), strict=True):
        assert "{" not in alone.prompt
        assert np.abs(one(painter, alone) - pixels(painted)).max() <= 1
        assert np.array_equal(one(painter, recipe.with_seed(painted.seed)), one(painter, alone))


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_vary_and_hires_work_in_every_family(painters, family):
    painter = painters(family)
    inputs, (sha,) = kept(scene((SIZE["width"], SIZE["height"])))
    made = one(painter, Recipe(PROMPT, task="vary", source=sha, strength=0.5, steps=4, **SIZE), inputs)
    assert made.shape == (SIZE["height"], SIZE["width"], 3)
    large = one(painter, Recipe(PROMPT, steps=2, hires=1.5, hires_strength=0.6, **SIZE))
    assert large.shape == (120, 96, 3)


def test_a_folder_of_another_kind_is_refused_and_nothing_of_it_runs(heavy, tmp_path):
    from studio.workshop.paint.load import load_painter

    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    for name in ('{"_class_name": ["evil", "Pipe"]}', '{"_class_name": "FluxPipeline"}', "[]", "no json"):
        (folder / "model_index.json").write_text(name)
        with pytest.raises(PackMissing):
            load_painter(folder)
    assert not (tmp_path / "canary").exists()
