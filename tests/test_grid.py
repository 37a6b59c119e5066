"""A grid in words and as recipes: what people type for an axis, what becomes of it, and the sentence for what cannot be."""

import dataclasses
import itertools
import json
import random

import pytest

from studio.domain import grid_values
from studio.domain.control import Control
from studio.domain.errors import BadInput
from studio.domain.grid import MOST_CELLS, Grid, replaced
from studio.domain.grid_axis import FIELDS, Axis, read_axis
from studio.domain.recipe import SAMPLERS, Lora, Recipe

BASE = Recipe("a large red star above a house at night", seed=11, count=4)


def said(call, *given, **named):
    with pytest.raises(BadInput) as caught:
        call(*given, **named)
    sentence = str(caught.value)
    assert sentence.endswith(".") and len(sentence) < 900 and caught.value.field
    return sentence


@pytest.mark.parametrize(
    ("field", "typed", "values"),
    [
        ("steps", "4, 8, 16", (4, 8, 16)),
        ("steps", "4-20 (+4)", (4, 8, 12, 16, 20)),
        ("steps", "4–20 (4)", (4, 8, 12, 16, 20)),
        ("steps", "20-4 (-8), 4, 30", (20, 12, 4, 30)),
        ("steps", "1-9 [5]", (1, 3, 5, 7, 9)),
        ("steps", "1-3 [9]", (1, 2, 3)),
        ("steps", "3-5\n7", (3, 4, 5, 7)),
        ("steps", "8, 8, 8", (8,)),
        ("guidance", "1-9 [5]", (1.0, 3.0, 5.0, 7.0, 9.0)),
        ("guidance", "0-1 (+0.1)", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
        ("guidance", ".5, 7.", (0.5, 7.0)),
        ("lora:ink", "-1-1 [3]", (-1.0, 0.0, 1.0)),
        ("lora:ink", "-1--2", (-1.0, -2.0)),
        ("seed", f"{2**62}, 0", (2**62, 0)),
        ("sampler", "Euler a, DPM++ 2M Karras, lcm", ("euler a", "dpm++ 2m karras", "lcm")),
        ("size", "128x128, 192 × 128", ((128, 128), (192, 128))),
        ("vae", "own, Fine VAE, other", ("", "fine", "other")),
        ("words", 'star, "house, large", ""', ("star", "house, large", "")),
        ("words", 'star, "the ""best"" house"', ("star", 'the "best" house')),
    ],
)
def test_values_are_read_as_people_type_them(field, typed, values):
    axis = read_axis(field, typed, names={"fine vae": "fine"})
    assert axis.values == values
    assert Axis.from_dict(json.loads(json.dumps(axis.to_dict()))) == axis
    assert len(axis.labels) == len(values) and all(axis.labels)


@pytest.mark.parametrize(
    ("field", "typed", "word"),
    [
        ("steps", "", "no values"),
        ("steps", ",, ,", "no values"),
        ("steps", "4.5", "whole number"),
        ("steps", "many", "'many' is no number"),
        ("steps", "1-5 (0)", "never ends"),
        ("steps", "1-5 [0]", "such as [5]"),
        ("steps", "1-5 [1000]", "more than 100"),
        ("steps", "1-" + "9" * 400, "digits"),
        ("seed", "0-1000000000000", "more than 100"),
        ("guidance", "nan", "is no number"),
        ("guidance", "1e3", "is no number"),
        ("words", 'star, "house', "never closed"),
        ("words", '"star" house', "comes a comma"),
        ("words", "star", "stand in the prompt"),
        ("words", '"", star', "stand in the prompt"),
        ("size", "128", "looks like 128x128"),
        ("sampler", "magic", "no sampler"),
        ("mood", "sad", "cannot vary 'mood'"),
        ("lora:", "1", "cannot vary"),
        ("x" * 10_000, "1", "cannot vary"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(field, typed, word):
    assert word in said(read_axis, field, typed)


@pytest.mark.parametrize(
    ("base", "axes", "word"),
    [
        (BASE, [("steps", "0, 4")], "between 1 and 150"),
        (BASE, [("size", "7x7")], "between 64"),
        (BASE, [("size", "130x128")], "multiple of 8"),
        (BASE, [("lora:ink", "3")], "between -2 and 2"),
        (BASE, [("lora:" + "i" * 99, "1")], ""),
        (BASE, [("pack", "../../etc")], "not the name of a pack"),
        (BASE, [("strength", "0.5, 1")], "choose a source"),
        (BASE, [("reference_weight", "1")], "no reference picture"),
        (BASE, [("control:pose", "0-1 [3]")], "no 'pose' map"),
        (BASE, [("words", "moon, sun")], "does not say 'moon'"),
        (BASE, [("words", "Star, sun")], "letter for letter"),
        (BASE, [("words", "ouse, sun")], "does not say 'ouse'"),
        (BASE, [("words", "red star, a boat"), ("words", "star, fish")], "the same words"),
        (BASE, [("steps", "4, 8"), ("steps", "2, 3")], "Both axes"),
        (BASE, [("steps", "1-11"), ("seed", "1-10")], "110 pictures; 100 is the most"),
        (BASE, [("words", "red, red big"), ("words", "star, big star")], "same picture"),
    ],
)
def test_a_grid_that_cannot_be_painted_says_why(base, axes, word):
    axes = [read_axis(field, typed) for field, typed in axes]
    if word:
        assert word in said(Grid, base, *axes)
    else:
        Grid(base, *axes)  # whether there is such a LoRA only the shelf knows


def test_each_cell_is_the_base_but_for_its_own_values():
    grid = Grid(BASE, read_axis("steps", "4, 8"), read_axis("guidance", "2, 5, 9"))
    assert grid.shape == (2, 3) and grid.title == "Steps × Guidance" and grid.base.count == 1
    assert [(cell.column, cell.row) for cell in grid.cells] == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    for cell in grid.cells:
        changed = {"steps": (4, 8)[cell.column], "guidance": (2.0, 5.0, 9.0)[cell.row]}
        assert cell.recipe == dataclasses.replace(BASE, count=1, **changed)


def test_words_change_whole_words_and_both_axes_at_once():
    base = Recipe("a star beside a starfish, star (star:1.2) at night")
    grid = Grid(base, read_axis("words", "star, night"), read_axis("words", "night, star, "))
    prompts = {(cell.column, cell.row): cell.recipe.prompt for cell in grid.cells}
    assert prompts[0, 0] == base.prompt
    assert prompts[1, 0] == "a night beside a starfish, night (night:1.2) at night"
    assert prompts[1, 1] == "a night beside a starfish, night (night:1.2) at star"
    assert replaced("a.b a+b", {"a+b": "c"}) == "a.b c"


def test_a_lora_at_nothing_is_left_out_and_others_stay():
    base = dataclasses.replace(BASE, loras=(Lora("ink", 0.8), Lora("old", 0.5)))
    weights = [cell.recipe.loras for cell in Grid(base, read_axis("lora:ink", "0, 1")).cells]
    assert weights == [(Lora("old", 0.5),), (Lora("ink", 1.0), Lora("old", 0.5))]
    (worn, _) = (cell.recipe.loras for cell in Grid(BASE, read_axis("lora:new", "0.5, 1")).cells)
    assert worn == (Lora("new", 0.5),)


def test_the_weight_of_a_control_is_varied_by_its_kind():
    base = dataclasses.replace(BASE, controls=(Control("pose", "a" * 64), Control("depth", "b" * 64, 0.4)))
    cells = Grid(base, read_axis("control:depth", "0, 2")).cells
    assert [[one.weight for one in cell.recipe.controls] for cell in cells] == [[1.0, 0.0], [1.0, 2.0]]


def test_a_pack_is_changed_least_often():
    grid = Grid(BASE, Axis("pack", ("storybook", "sd15", "sdxl")), Axis("steps", (4, 8, 16)))
    painted = [cell.recipe.pack for cell in grid.cells]
    assert [pack for pack, _ in itertools.groupby(painted)] == ["storybook", "sd15", "sdxl"]
    assert [cell.recipe.steps for cell in grid.cells] == [4, 8, 16] * 3
    both = Grid(BASE, Axis("lora:ink", (0.0, 0.5, 1.0)), Axis("pack", ("storybook", "sd15")))
    worn = [(cell.recipe.pack, len(cell.recipe.loras)) for cell in both.cells]
    assert len(list(itertools.groupby(worn))) == 4


def test_any_grid_has_every_pair_once_and_comes_back_from_its_words():
    dice = random.Random(7)
    made = {
        "steps": lambda: Axis("steps", tuple(dice.sample(range(1, 151), dice.randint(1, 10)))),
        "seed": lambda: Axis("seed", tuple(dice.sample(range(2**40), dice.randint(1, 10)))),
        "guidance": lambda: Axis("guidance", tuple(dice.sample([n / 4 for n in range(120)], dice.randint(1, 10)))),
        "sampler": lambda: Axis("sampler", tuple(dice.sample(sorted(SAMPLERS), dice.randint(1, 10)))),
        "size": lambda: Axis("size", tuple(dice.sample([(w, h) for w in (64, 128) for h in (64, 256)], 3))),
        "words": lambda: Axis("words", ("star", *dice.sample(["a, b", 'say "hi"', " x ", "", "ß ☃", "a\nb"], 3))),
        "lora:ink": lambda: Axis("lora:ink", tuple(dice.sample([n / 10 for n in range(-20, 21)], 4))),
        "clip_skip": lambda: Axis("clip_skip", (1, 2, 3)),
    }
    for _ in range(150):
        one, two = dice.sample(sorted(made), 2)
        x, y = made[one](), made[two]()
        grid = Grid(BASE, x, y if dice.random() < 0.8 else None)
        columns, rows = grid.shape
        places = [(cell.column, cell.row) for cell in grid.cells]
        assert sorted(places) == sorted(itertools.product(range(columns), range(rows)))
        assert len(places) <= MOST_CELLS and {cell.recipe.seed for cell in grid.cells} <= {11, *x.values, *y.values}
        assert Grid.from_dict(json.loads(grid.to_json())) == grid
        for axis in (x, y):
            if field_reads(axis) in ("whole", "number", "words", "sampler"):
                assert read_axis(axis.field, typed(axis)) == axis


def field_reads(axis):
    return FIELDS[axis.field].reads if axis.field in FIELDS else "number"


def typed(axis):
    return ", ".join(grid_values.quote(str(value)) if axis.field == "words" else str(value) for value in axis.values)


def test_whatever_is_typed_is_read_or_is_a_sentence():
    dice = random.Random(3)
    letters = '0123456789.,-+()[]x" \nab–é'
    fields = [*FIELDS, "lora:ink", "control:pose"]
    for _ in range(3_000):
        text = "".join(dice.choices(letters, k=dice.randint(0, 14)))
        try:
            assert read_axis(dice.choice(fields), text).values
        except BadInput as error:
            assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "another version"),
        ({}, "another version"),
        ({"version": 2}, "another version"),
        ({"version": 1, "base": {"prompt": "a"}, "x": None}, "cannot be read"),
        ({"version": 1, "base": {"prompt": "a"}, "x": {"field": "steps", "values": ["4"]}}, "of the wrong kind"),
        ({"version": 1, "base": {"prompt": "a"}, "x": {"field": "steps", "values": [True]}}, "of the wrong kind"),
        ({"version": 1, "base": {"prompt": "a"}, "x": {"field": 7, "values": [4]}}, "cannot be read"),
        ({"version": 1, "base": {"prompt": "a"}, "x": {"field": "size", "values": [[[1], 2]]}}, "of the wrong kind"),
        ({"version": 1, "base": {"prompt": "a"}, "x": {"field": "guidance", "values": [float("nan")]}}, "wrong kind"),
        ({"version": 1, "base": {"prompt": "a"}, "x": {"field": "steps", "values": [{}]}}, "of the wrong kind"),
    ],
)
def test_a_kept_grid_that_cannot_be_read_is_a_sentence(body, words):
    assert words in said(Grid.from_dict, body)
