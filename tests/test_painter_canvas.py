"""Larger than the model's own size: extending, enlarging and the hires pass; the source stays, tiles meet without a seam."""

from itertools import pairwise

import numpy as np
import pytest
from painting import PROMPT, Steps, kept, one, pixels, scene, storybook
from PIL import Image

from studio.domain.errors import BadInput, Cancelled
from studio.domain.recipe import Recipe
from studio.domain.tiling import spans


@pytest.fixture(scope="module")
def painter():
    return storybook()


def outpaint(source, extend, **fields):
    inputs, (source_hash,) = kept(source)
    fields = {"steps": 2, "seed": 4, **fields}
    return Recipe(PROMPT, task="outpaint", source=source_hash, extend=extend, **fields), inputs


def enlarge(source, factor=2, **fields):
    inputs, (source_hash,) = kept(source)
    fields = {"steps": 4, "seed": 4, "strength": 0.3, **fields}
    return Recipe(fields.pop("prompt", ""), task="enlarge", source=source_hash, factor=factor, **fields), inputs


@pytest.mark.parametrize(
    ("length", "piece", "overlap"), [(100, 128, 32), (128, 128, 32), (129, 128, 32), (777, 128, 64)]
)
def test_spans_cover_and_overlap(length, piece, overlap):
    made = spans(length, piece, overlap)
    assert made[0][0] == 0 and made[-1][1] == length
    assert all(end - start == min(length, piece) for start, end in made)
    assert all(before[1] - after[0] >= overlap for before, after in pairwise(made))


@pytest.mark.parametrize("canvas", [(100, 60), (128, 128), (300, 257), (640, 130)])
def test_tiles_that_show_the_canvas_give_the_canvas_back(canvas):
    from studio.workshop.paint import tiles

    source = scene(canvas)
    boxes = tiles.tiles(canvas, (128, 128))
    made = Image.new("RGB", canvas)
    for index, box in enumerate(boxes):
        tiles.lay(made, source.crop(box), box, boxes[:index])
    assert np.abs(np.asarray(made).astype(int) - np.asarray(source)).max() <= 1
    assert all(left % 8 == 0 or right == canvas[0] for left, _, right, _ in boxes)


def test_tiles_of_two_tones_fade_into_each_other():
    from studio.workshop.paint import tiles

    boxes = tiles.tiles((224, 128), (128, 128))
    made = Image.new("RGB", (224, 128))
    for index, (box, tone) in enumerate(zip(boxes, (0, 200), strict=True)):
        tiles.lay(made, Image.new("RGB", (128, 128), (tone, tone, tone)), box, boxes[:index])
    row = np.asarray(made)[64, :, 0].astype(int)
    assert (np.diff(row) >= 0).all() and np.diff(row).max() < 12 and row[0] == 0 and row[-1] == 200


def test_tiles_share_the_noise_of_their_canvas():
    from studio.workshop.paint import tiles

    field = tiles.noise_field(5, (224, 128), factor=8, channels=8)
    left, right = (tiles.cut(field, box, factor=8) for box in ((0, 0, 128, 128), (96, 0, 224, 128)))
    assert left.shape == right.shape == (1, 8, 16, 16)
    assert (left[..., 12:] == right[..., :4]).all() and not (left == right).all()


@pytest.mark.parametrize(
    ("size", "mode", "extend", "count"),
    [
        ((128, 128), "RGB", (0, 0, 64, 0), 2),
        ((101, 67), "RGBA", (8, 16, 24, 32), 1),
        ((190, 100), "RGB", (0, 96, 0, 0), 1),
        ((40, 30), "RGB", (128, 0, 0, 0), 1),
    ],
)
def test_the_sources_rectangle_stays_and_the_rest_is_painted(painter, size, mode, extend, count):
    source = scene(size, mode)
    recipe, inputs = outpaint(source, extend, count=count)
    steps = Steps(draft=True)
    made = list(painter.paint(recipe, inputs, steps))
    left, top, right, bottom = extend
    whole = (size[0] + left + right, size[1] + top + bottom)
    for painted in made:
        new = np.asarray(painted.picture)
        assert painted.picture.size == whole and painted.picture.mode == mode
        assert np.array_equal(new[top : top + size[1], left : left + size[0]], np.asarray(source))
        if mode == "RGBA":
            assert (new[:top, :, 3] == 255).all()
    assert len(made) == count and steps.seen[-1][0] == steps.seen[-1][1]
    assert len({total for _, total in steps.seen[1:]}) == 1
    assert {max(draft.size) for draft in steps.drafts} <= {max(whole), 256}
    if count == 2:
        first, second = (pixels(painted)[:, 128:] for painted in made)
        assert np.abs(first - second).mean() > 3


def test_the_new_part_is_not_only_the_mirrored_edge(painter):
    from studio.workshop.paint.beyond import filled

    source = scene()
    recipe, inputs = outpaint(source, (64, 0, 0, 0), steps=4)
    ground = np.asarray(filled(source, (64, 0, 0, 0))).astype(int)
    assert np.abs(one(painter, recipe, inputs) - ground)[:, :56].mean() > 10


@pytest.mark.parametrize(
    ("size", "inner"),
    [((600, 400), (200, 104, 500, 300)), ((300, 300), (0, 0, 300, 45)), ((1003, 128), (0, 0, 131, 128))],
)
def test_the_windows_cover_what_is_new_from_the_inside_out(size, inner):
    from studio.workshop.paint import beyond, fit

    covered = np.zeros((size[1], size[0]), bool)
    covered[inner[1] : inner[3], inner[0] : inner[2]] = True
    for view, mask in beyond.plan(size, inner, (128, 128)):
        left, top, right, bottom = view.box
        assert mask.shape == fit.sides(view.box)[::-1]
        assert (covered[top:bottom, left:right] & (mask == 0)).any()  # it sees something to go on with
        covered[top:bottom, left:right] |= mask > 0
        assert not mask[
            max(0, inner[1] - top) : max(0, inner[3] - top), max(0, inner[0] - left) : max(0, inner[2] - left)
        ].any()
    assert covered.all()


@pytest.mark.parametrize("method", ["repaint", "lanczos", "bicubic", "nearest"])
@pytest.mark.parametrize(("size", "mode", "factor"), [((64, 48), "RGBA", 4), ((71, 90), "RGB", 2)])
def test_enlarged_pictures_have_the_size_and_show_the_same(painter, size, mode, factor, method):
    from studio.workshop.paint import fit

    source = scene(size, mode)
    recipe, inputs = enlarge(source, factor, method=method)
    (painted,) = painter.paint(recipe, inputs, Steps())
    assert painted.picture.size == (size[0] * factor, size[1] * factor) and painted.picture.mode == mode
    small = np.asarray(fit.rgb(painted.picture).resize(size, Image.Resampling.BOX)).astype(int)
    assert np.abs(small - np.asarray(fit.rgb(source))).mean() < 12
    if mode == "RGBA":
        old = np.asarray(source.getchannel("A").resize(painted.picture.size, Image.Resampling.NEAREST)).astype(int)
        assert np.abs(np.asarray(painted.picture)[..., 3] - old).mean() < 12


def test_nearest_keeps_every_pixel(painter):
    source = scene((20, 20))
    recipe, inputs = enlarge(source, 2, method="nearest")
    assert np.array_equal(one(painter, recipe, inputs)[::2, ::2], np.asarray(source))


def test_more_strength_makes_up_more(painter):
    source = scene((96, 96))
    plain = one(painter, *enlarge(source, method="lanczos"))
    changes = [
        np.abs(one(painter, *enlarge(source, strength=strength)) - plain).mean() for strength in (0.0, 0.25, 0.8)
    ]
    assert changes[0] == 0 and changes[0] < changes[1] < changes[2]


def test_a_model_for_small_pictures_enlarges_without_words(painter):
    """It would paint the whole scene again in every part of it."""
    silent, said, again = (
        one(painter, *enlarge(scene((64, 64)), prompt=words, guidance=guidance))
        for words, guidance in (("", 7.0), ("a large red star", 7.0), ("", 2.0))
    )
    assert np.array_equal(silent, again) and np.array_equal(silent, said)


def test_a_tile_keeps_the_broad_colours_of_what_it_was_painted_from():
    from studio.workshop.paint.larger import toned

    like = Image.new("RGB", (128, 128), (60, 120, 200))
    drifted = Image.new("RGB", (128, 128), (90, 100, 180))
    drifted.paste((250, 250, 250), (64, 64, 66, 66))
    made = toned(drifted, like)
    assert np.abs(np.asarray(made).astype(int)[:20] - (60, 120, 200)).max() <= 1
    assert min(made.getpixel((64, 64))) > 200


def test_a_canvas_larger_than_a_tile_is_painted_in_tiles(painter, monkeypatch):
    monkeypatch.setattr("studio.workshop.paint.larger.LARGEST_TILE", 64 * 64)
    steps = Steps(draft=True)
    source = scene((72, 50))
    recipe, inputs = enlarge(source, width=64, height=64)
    (painted,) = painter.paint(recipe, inputs, steps)
    small = np.asarray(painted.picture.resize((72, 50), Image.Resampling.BOX)).astype(int)
    assert painted.picture.size == (144, 100) and np.abs(small - np.asarray(source)).mean() < 12
    assert steps.seen[-1][0] == steps.seen[-1][1]
    assert all(draft.size == (144, 100) for draft in steps.drafts)


def test_each_enlarged_picture_of_a_batch_can_be_made_alone(painter):
    recipe, inputs = enlarge(scene((96, 96)), sampler="euler a", count=2)
    for painted in painter.paint(recipe, inputs, Steps()):
        assert np.abs(one(painter, recipe.with_seed(painted.seed), inputs) - pixels(painted)).max() <= 3


@pytest.mark.parametrize("task", ["enlarge", "outpaint"])
def test_what_would_be_too_large_is_said(painter, task):
    recipe, _ = enlarge(scene((8, 8)), 4) if task == "enlarge" else outpaint(scene((8, 8)), (0, 1024, 0, 0))
    with pytest.raises(BadInput, match="64 megapixels"):
        one(painter, recipe, {recipe.source: Image.new("L", (8000, 7800))})


def test_an_enlarging_pack_with_edges_keeps_to_them(painter, monkeypatch):
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(1)
    net = ControlNetModel.from_unet(painter.pipe.unet, conditioning_embedding_out_channels=(8, 16, 32, 64)).eval()
    for block in (*net.controlnet_down_blocks, net.controlnet_mid_block):
        torch.nn.init.normal_(block.weight, std=0.2)
    recipe, inputs = enlarge(scene((64, 64)))
    bare = one(painter, recipe, inputs)
    monkeypatch.setitem(painter._find_controls.nets, "canny", net)
    kept_to = one(painter, recipe, inputs)
    assert kept_to.shape == bare.shape and not np.array_equal(kept_to, bare)


def test_a_hires_pass_keeps_the_composition_and_counts_its_steps(painter):
    recipe = Recipe(PROMPT, steps=4, seed=5, width=96, height=64, hires=1.7, hires_strength=0.3, count=2)
    steps = Steps(draft=True)
    made = list(painter.paint(recipe, {}, steps))
    assert [painted.picture.size for painted in made] == [(160, 112), (160, 112)]
    assert steps.seen[-1][0] == steps.seen[-1][1] and len({total for _, total in steps.seen[1:]}) == 1
    small = one(painter, Recipe(PROMPT, steps=4, seed=5, width=96, height=64))
    brought = np.asarray(made[0].picture.resize((96, 64), Image.Resampling.BOX)).astype(int)
    assert 0 < np.abs(brought - small).mean() < 25
    alone = one(painter, recipe.with_seed(6))
    assert np.abs(alone - pixels(made[1])).max() <= 6  # twice through the model


@pytest.mark.parametrize("task", ["outpaint", "enlarge", "hires"])
def test_cancel_is_heard_at_every_stage(painter, task):
    if task == "hires":
        recipe, inputs = Recipe(PROMPT, steps=2, width=64, height=64, hires=2.0, hires_strength=0.5), {}
    elif task == "outpaint":
        recipe, inputs = outpaint(scene((64, 64)), (64, 0, 0, 0), width=64, height=64)
    else:
        recipe, inputs = enlarge(scene((48, 48)), width=64, height=64)
    steps = Steps()
    list(painter.paint(recipe, inputs, steps))
    for stop_at in {1, 2, len(steps.seen) // 2, len(steps.seen) - 1}:
        short = Steps(stop_at=stop_at)
        with pytest.raises(Cancelled):
            list(painter.paint(recipe, inputs, short))
        assert len(short.seen) == stop_at
