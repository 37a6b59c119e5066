"""Vary and inpaint with the starter pack: not a pixel outside of the mask, repeatable, cancelled at any stage."""

import numpy as np
import pytest
from painting import PROMPT, Steps, kept, mask, one, pixels, scene, storybook
from PIL import Image

from studio.domain.errors import BadInput, Cancelled
from studio.domain.recipe import Recipe


@pytest.fixture(scope="module")
def painter():
    return storybook()


def inpaint(source, area, *, prompt=PROMPT, **fields):
    inputs, (source_hash, mask_hash) = kept(source, area)
    fields = {"steps": 2, "seed": 4, **fields}
    return Recipe(prompt, task="inpaint", source=source_hash, mask=mask_hash, **fields), inputs


def vary(source, **fields):
    inputs, (source_hash,) = kept(source)
    return Recipe(PROMPT, task="vary", source=source_hash, **{"steps": 4, "seed": 4, **fields}), inputs


def test_vary_changes_more_with_more_strength(painter):
    source = scene()
    changes = []
    for strength in (0.0, 0.3, 0.6, 1.0):
        recipe, inputs = vary(source, strength=strength, steps=10)
        changes.append(np.abs(one(painter, recipe, inputs) - np.asarray(source).astype(int)).mean())
    assert changes[0] == 0 and changes == sorted(changes) and changes[3] > changes[1] + 10


def test_at_full_strength_nothing_of_the_source_shines_through(painter):
    recipe, inputs = vary(scene(), strength=1.0)
    again, others = vary(Image.new("RGB", (128, 128), "white"), strength=1.0)
    assert np.array_equal(one(painter, recipe, inputs), one(painter, again, others))


@pytest.mark.parametrize("size", [(128, 128), (300, 90), (50, 61)])
def test_a_source_of_any_size_is_brought_to_the_recipes(painter, size):
    recipe, inputs = vary(scene(size, "RGBA"), width=192, height=128, strength=0.3)
    (painted,) = painter.paint(recipe, inputs, Steps())
    assert painted.picture.size == (192, 128) and painted.picture.mode == "RGB"


@pytest.mark.parametrize("sampler", ["dpm++ 2m", "euler a"])
@pytest.mark.parametrize("task", [vary, inpaint])
def test_each_picture_of_a_batch_can_be_made_alone(painter, task, sampler):
    given = (scene(), mask()) if task is inpaint else (scene(),)
    recipe, inputs = task(*given, count=3, strength=0.6, sampler=sampler)
    batch = list(painter.paint(recipe, inputs, Steps()))
    assert [painted.seed for painted in batch] == [4, 5, 6]
    for painted in batch:
        assert np.abs(one(painter, recipe.with_seed(painted.seed), inputs) - pixels(painted)).max() <= 3
    assert np.abs(pixels(batch[0]) - pixels(batch[1])).max() > 3


@pytest.mark.parametrize("feather", [0, 16])
@pytest.mark.parametrize(
    ("size", "mode", "box"),
    [
        ((128, 128), "RGB", (40, 40, 90, 90)),
        ((125, 131), "RGBA", (0, 0, 50, 60)),
        ((501, 403), "RGB", (230, 201, 299, 260)),
        ((90, 700), "RGBA", (3, 611, 88, 699)),
    ],
)
def test_outside_of_the_mask_every_pixel_is_the_sources(painter, size, mode, box, feather):
    source, area = scene(size, mode), mask(size, box)
    recipe, inputs = inpaint(source, area, feather=feather)
    (painted,) = painter.paint(recipe, inputs, Steps())
    assert painted.picture.size == size and painted.picture.mode == mode
    old, new, outside = np.asarray(source), np.asarray(painted.picture), np.asarray(area) == 0
    assert np.array_equal(old[outside], new[outside])
    inside = np.abs(old[..., :3].astype(int) - new[..., :3])[~outside]
    assert (inside.max(axis=-1) > 0).mean() > 0.8
    if mode == "RGBA":
        assert np.array_equal(old[..., 3], new[..., 3])


def test_the_feather_lies_inside_of_the_mask_alone():
    from studio.workshop.paint import masks

    area = np.asarray(mask())
    hard, soft = masks.blend(area, 0), masks.blend(area, 10)
    assert set(np.unique(hard)) == {0, 1} and soft[65, 65] == 1
    assert (soft[area == 0] == 0).all() and 0 < soft[65, 40] < soft[65, 44] < soft[65, 49] < 1
    at_the_border = masks.blend(np.asarray(mask(box=(0, 0, 64, 128))), 10)
    assert at_the_border[64, 0] == 1 and at_the_border[0, 20] == 1 and at_the_border[64, 63] < 0.2


def test_a_hole_that_is_filled_can_be_seen(painter):
    source = scene(mode="RGBA")
    source.paste((0, 0, 0, 0), (30, 30, 100, 100))
    recipe, inputs = inpaint(source, mask(), feather=0)
    (painted,) = painter.paint(recipe, inputs, Steps())
    alpha = np.asarray(painted.picture)[..., 3]
    assert (alpha[40:90, 40:90] == 255).all() and alpha[35, 35] == 0


def test_full_strength_paints_something_new_in_the_mask(painter):
    plain = Image.new("RGB", (128, 128), (90, 140, 200))
    recipe, inputs = inpaint(plain, mask(box=(20, 20, 108, 108)), steps=8, feather=0, strength=1.0)
    other, others = inpaint(plain, mask(box=(20, 20, 108, 108)), steps=8, feather=0, strength=1.0, seed=77)
    first, second = one(painter, recipe, inputs), one(painter, other, others)
    assert np.abs(first - second)[20:108, 20:108].mean() > 5
    assert np.abs(first - np.asarray(plain).astype(int))[20:108, 20:108].mean() > 20


def test_a_mask_over_everything_paints_everything(painter):
    source = scene()
    recipe, inputs = inpaint(source, mask(box=(0, 0, 128, 128)))
    assert (np.abs(one(painter, recipe, inputs) - np.asarray(source).astype(int)).max(axis=-1) > 0).mean() > 0.9


@pytest.mark.parametrize(
    ("source", "area", "field", "words"),
    [
        (scene(), Image.new("L", (128, 128)), "mask", "empty"),
        (scene(), mask((128, 60), (0, 0, 20, 20)), "mask", "128 by 60"),
        (scene((7, 300)), mask((7, 300), (0, 0, 7, 50)), "source", "7 by 300"),
    ],
)
def test_what_cannot_be_filled_is_said(painter, source, area, field, words):
    recipe, inputs = inpaint(source, area)
    with pytest.raises(BadInput, match=words) as raised:
        one(painter, recipe, inputs)
    assert raised.value.field == field


def test_an_input_that_is_gone_is_said(painter):
    recipe, _ = inpaint(scene(), mask())
    with pytest.raises(BadInput, match="source is no longer"):
        one(painter, recipe, {})


def test_a_mask_drawn_on_a_smaller_copy_fits(painter):
    from studio.workshop.paint import masks

    source = scene((300, 201))
    small = mask((150, 100), (20, 20, 60, 60))
    recipe, inputs = inpaint(source, small)
    outside = np.asarray(masks.prepare(small, source.size)) == 0
    new = one(painter, recipe, inputs)
    assert 0.8 < outside.mean() < 0.99
    assert np.array_equal(new[outside], np.asarray(source).astype(int)[outside])


def test_a_soft_mask_lets_the_source_shine_through():
    from studio.workshop.paint import masks

    source, painted = Image.new("RGB", (64, 64), "black"), Image.new("RGB", (64, 64), "white")
    grey = Image.new("L", (64, 64))
    grey.paste(128, (10, 10, 50, 50))
    mixed = masks.paste(source, painted, box=(0, 0, 64, 64), share=masks.blend(np.asarray(grey), 0))
    assert mixed.getpixel((30, 30)) == (128, 128, 128) and mixed.getpixel((5, 5)) == (0, 0, 0)


def test_a_mask_without_words_for_its_mode_is_read():
    from studio.workshop.paint import masks

    see_through = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    see_through.paste((255, 255, 255, 255), (4, 4, 9, 9))
    assert masks.area(masks.prepare(see_through, (32, 32))) == (4, 4, 9, 9)
    assert masks.area(masks.prepare(mask((32, 32), (1, 2, 3, 4)).convert("1"), (32, 32))) == (1, 2, 3, 4)


def test_a_big_source_is_worked_on_in_part_only(painter, monkeypatch):
    source, area = Image.new("RGB", (6000, 5000), (80, 120, 60)), Image.new("L", (6000, 5000))
    area.paste(255, (4000, 3000, 4090, 3050))
    recipe, inputs = inpaint(source, area, steps=1)
    sizes = []
    real = Image.Image.convert
    monkeypatch.setattr(Image.Image, "convert", lambda self, *a, **k: (sizes.append(self.size), real(self, *a, **k))[1])
    (painted,) = painter.paint(recipe, inputs, Steps())
    assert painted.picture.size == (6000, 5000)
    assert painted.picture.getpixel((3999, 3000)) == (80, 120, 60)
    assert painted.picture.crop((4000, 3000, 4090, 3050)).getcolors(9999) != [(90 * 50, (80, 120, 60))]
    assert [size for size in sizes if size[0] > 1000] == [(6000, 5000)]  # the mask, once


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
def test_cancel_is_heard_at_every_stage(painter, stop_at):
    recipe, inputs = inpaint(scene(), mask())
    steps = Steps(stop_at=stop_at)
    with pytest.raises(Cancelled):
        list(painter.paint(recipe, inputs, steps))
    assert len(steps.seen) == stop_at
    assert one(painter, recipe, inputs).shape == (128, 128, 3)


def test_steps_are_those_that_are_walked(painter):
    steps = Steps()
    recipe, inputs = vary(scene(), steps=10, strength=0.5)
    one(painter, recipe, inputs, steps)
    assert steps.seen[0] == (0, 5) and steps.seen[-1] == (5, 5)


def test_a_draft_of_a_part_is_shown_in_its_place(painter):
    source = scene((500, 400))
    recipe, inputs = inpaint(source, mask((500, 400), (300, 200, 340, 240)))
    steps = Steps(draft=True)
    list(painter.paint(recipe, inputs, steps))
    small = np.asarray(source.resize(steps.drafts[0].size, Image.Resampling.BILINEAR)).astype(int)
    seen = np.abs(np.asarray(steps.drafts[0]).astype(int) - small).max(axis=-1)
    assert max(steps.drafts[0].size) == 256
    assert seen[:90].max() == 0 and seen[105:120, 156:172].max() > 3


@pytest.fixture(scope="module")
def inpainter(painter):
    """A painter with a UNet that was shaped for inpainting (nine channels) and an autoencoder of four, both random."""
    import torch
    from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel

    from studio.workshop.paint.painter import StablePainter

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=16, in_channels=9, out_channels=4, block_out_channels=(32, 64), layers_per_block=1,
        cross_attention_dim=128, attention_head_dim=4, norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), latent_channels=4, norm_num_groups=4, layers_per_block=1, sample_size=128,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, mid_block_add_attention=False,
    )  # fmt: skip
    torch.nn.init.constant_(vae.quant_conv.bias[4:], -60.0)  # no spread: what is drawn is the likeliest
    torch.nn.init.normal_(vae.decoder.conv_out.weight, std=0.3)
    known = painter.pipe
    pipe = StableDiffusionPipeline(
        vae=vae.eval(), unet=unet.eval(), text_encoder=known.text_encoder, tokenizer=known.tokenizer,
        scheduler=known.scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    return StablePainter(pipe, config=painter.config, where=painter.where)


def test_a_unet_made_for_inpainting_sees_the_mask_as_in_diffusers_own_pipeline(inpainter):
    import torch
    from diffusers import StableDiffusionInpaintPipeline

    from studio.workshop.paint import samplers

    source, area = scene(), mask(box=(32, 40, 96, 104))
    recipe, inputs = inpaint(source, area, feather=0, steps=4)
    parts = {**inpainter.pipe.components, "scheduler": samplers.scheduler("dpm++ 2m", inpainter.config)}
    pipe = StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        PROMPT, image=source, mask_image=area, strength=1.0, num_inference_steps=4, guidance_scale=4.0, width=128,
        height=128, generator=torch.Generator().manual_seed(4),
    ).images[0]  # fmt: skip
    inside = np.asarray(area) > 0
    ours, theirs = one(inpainter, recipe, inputs), np.asarray(theirs).astype(int)
    assert theirs[inside].std() > 5
    assert np.abs(ours - theirs)[inside].max() <= 3  # their grey is 127.5, a picture's is 128
    assert np.array_equal(ours[~inside], np.asarray(source).astype(int)[~inside])


def test_a_unet_made_for_inpainting_does_the_other_tasks_too(inpainter):
    recipe, inputs = vary(scene(), strength=0.5)
    assert one(inpainter, recipe, inputs).shape == (128, 128, 3)
    assert one(inpainter, Recipe(PROMPT, steps=2)).std() > 1
