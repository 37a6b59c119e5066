"""Recipes: what they accept, what they refuse and by what name, and that JSON brings them back."""

import pytest

from studio.domain.control import Control
from studio.domain.errors import BadInput
from studio.domain.recipe import Lora, Recipe

GOOD = Recipe(prompt="a red star")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", " \n\t"),
        ("prompt", "x" * 10_000),
        ("prompt", "broken \ud800 half"),
        ("prompt", 7),
        ("negative", "x" * 10_000),
        ("task", "sculpt"),
        ("pack", "../../etc"),
        ("width", 0),
        ("width", 7),
        ("width", -128),
        ("height", 100_000),
        ("height", 130),
        ("height", 128.0),
        ("steps", 0),
        ("steps", 1_000_000),
        ("steps", True),
        ("guidance", float("nan")),
        ("guidance", float("inf")),
        ("guidance", -1),
        ("sampler", "magic"),
        ("seed", -1),
        ("seed", 2**64),
        ("seed", float("nan")),
        ("count", 0),
        ("count", 1_000),
        ("strength", 1.5),
        ("source", "not-a-hash"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(BadInput) as caught:
        Recipe(**{"prompt": "a star", field: value})
    assert caught.value.field == field
    assert str(caught.value).endswith((".", "number."))


def test_edits_need_their_source_and_mask():
    with pytest.raises(BadInput, match="source"):
        Recipe(prompt="x", task="vary")
    with pytest.raises(BadInput, match="mask"):
        Recipe(prompt="x", task="inpaint", source="a" * 64)


@pytest.mark.parametrize(
    "prompt",
    [
        "a star",
        "emoji 🦊 and שלום",
        '<img src=x onerror="alert(1)">',
        "NUL \x00 bell \x07",
        "**bold** (((",
        "x" * 4_000,
    ],
)
def test_json_brings_every_field_back_exactly(prompt):
    recipe = Recipe(
        prompt=prompt,
        negative="dull",
        seed=2**62,
        count=3,
        controls=(Control("pose", "b" * 64, weight=0.5),),
        loras=(Lora("ink", 0.8),),
    )
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_unknown_keys_and_other_versions_are_refused():
    with pytest.raises(BadInput, match="no field named 'cfg'"):
        Recipe.from_dict({**GOOD.to_dict(), "cfg": 3})
    with pytest.raises(BadInput, match="version"):
        Recipe.from_dict({**GOOD.to_dict(), "version": 99})
    with pytest.raises(BadInput):
        Recipe.from_json("[1, 2]")
    with pytest.raises(BadInput):
        Recipe.from_json("{")
    with pytest.raises(BadInput):
        Recipe.from_dict({"prompt": "x", "controls": [{"kind": "pose"}]})


def test_one_picture_of_a_batch_has_its_own_seed_and_no_batch():
    one = Recipe(prompt="x", seed=5, count=4).with_seed(7)
    assert (one.seed, one.count) == (7, 1)


@pytest.mark.parametrize("bad", [{"kind": "smell"}, {"weight": 3}, {"start": 0.9, "end": 0.1}])
def test_controls_check_themselves(bad):
    with pytest.raises(BadInput):
        Control(**{"kind": "pose", "source": "a" * 64, **bad})


OLD = (
    '{"controls":[],"count":2,"extend":[0,0,0,0],"factor":1,"feather":4,"guidance":4.0,"height":128,"hires":1.0,'
    '"hires_strength":0.2,"loras":[{"name":"ink","weight":0.5}],"mask":null,"method":"repaint","negative":"","pack":"storybook",'
    '"prompt":"a star","sampler":"dpm++ 2m","seed":7,"source":null,"steps":20,"strength":1.0,"task":"create","version":1,'
    '"width":128}'
)


def test_a_recipe_from_before_the_parts_reads_back_equal():
    recipe = Recipe.from_json(OLD)
    assert recipe == Recipe("a star", count=2, seed=7, loras=(Lora("ink", 0.5),))
    assert (recipe.clip_skip, recipe.vae, recipe.embeddings, recipe.reference, recipe.adapter) == (1, "", (), None, "")
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_every_part_survives_json():
    recipe = Recipe(
        "a star", clip_skip=2, vae="taesd", embeddings=("ink", "mood"), adapter="ip", reference="a" * 64,
        reference_weight=1.5, loras=(Lora("a"), Lora("b", -0.5)),
    )  # fmt: skip
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"clip_skip": 0}, "clip_skip"),
        ({"clip_skip": 2.0}, "clip_skip"),
        ({"clip_skip": 13}, "clip_skip"),
        ({"vae": "../vae"}, "vae"),
        ({"vae": None, "adapter": 3}, "adapter"),
        ({"embeddings": ("ok", "no/no")}, "embeddings"),
        ({"embeddings": "ink"}, "embeddings"),
        ({"embeddings": tuple("abcdefghi")}, "embeddings"),
        ({"loras": (Lora("a"), Lora("a", 0.5))}, "loras"),
        ({"loras": tuple(Lora(name) for name in "abcdefghi")}, "loras"),
        ({"adapter": "ip"}, "reference"),
        ({"reference": "a" * 64}, "adapter"),
        ({"reference": "x", "adapter": "ip"}, "reference"),
        ({"reference_weight": 2.5}, "reference_weight"),
    ],
)
def test_a_part_that_cannot_be_is_named(fields, field):
    with pytest.raises(BadInput) as caught:
        Recipe("a star", **fields)
    assert caught.value.field == field
