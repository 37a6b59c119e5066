"""Text in picture files: ours comes back exactly, other tools' as well as it can, and nothing raises."""

import json

import hostile
import pytest
from PIL import Image

from studio.domain.control import Control
from studio.domain.recipe import SAMPLERS, Lora, Recipe
from studio.gallery.files import Files
from studio.gallery.metadata import parameters, read_own, read_parameters, read_recipe, write_text
from studio.safety.intake import open_picture

A1111 = """a lighthouse (at night:1.2), <lora:ink:0.8>
second line
Negative prompt: blurry, text
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567890, Size: 512x768, Model hash: 6ce0161689, \
Model: v1-5-pruned-emaonly, Lora hashes: "ink: aa, x: bb", Version: v1.9.4"""
HASH = "ab" * 32


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


def through_a_file(recipe, gate, folder):
    files = Files(folder)
    written = files.write(gate.picture(hostile.scene()), text=write_text(recipe, extras={}))
    return open_picture(files.path(written.file).read_bytes())


@pytest.mark.parametrize("prompt", hostile.PROMPTS, ids=range(len(hostile.PROMPTS)))
def test_every_prompt_comes_back_exactly_from_a_picture(prompt, gate, tmp_path):
    for recipe in (Recipe(prompt, negative="plain"), Recipe("plain", negative=prompt)):
        intake = through_a_file(recipe, gate, tmp_path)
        found, told, verbatim = read_recipe(intake)
        assert found == recipe and told == recipe.prompt
        assert found.to_json() == recipe.to_json()
        assert set(verbatim) == {"parameters", "easel"}


def test_every_field_comes_back_exactly(gate, tmp_path):
    recipe = Recipe(
        prompt="a star", negative="text", task="inpaint", pack="sd-1.5", width=512, height=768, steps=31, guidance=7.25,
        sampler="dpm++ 2m karras", seed=2**63 - 9, strength=0.35, source=HASH, mask="cd" * 32,
        controls=(Control("pose", HASH, 0.8, 0.1, 0.9), Control("depth", HASH)), loras=(Lora("ink", -0.5),),
    )  # fmt: skip
    assert read_recipe(through_a_file(recipe, gate, tmp_path))[0] == recipe


def test_the_record_travels_beside_the_recipe():
    extras = {"record": {"pack_name": "Storybook", "hashes": {"unet": HASH}}, "parents": [HASH]}
    text = write_text(Recipe("a star"), extras=extras)
    recipe, body = read_own(text)
    assert recipe == Recipe("a star") and body["record"] == extras["record"] and body["parents"] == [HASH]
    assert "Model: Storybook" in text["parameters"]


def test_other_tools_read_what_we_write():
    recipe = Recipe("a red star,\nabove a house", negative="text, blur", guidance=4.0, seed=7, sampler="euler a")
    assert parameters(recipe, model="Storybook") == (
        "a red star,\nabove a house\nNegative prompt: text, blur\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 4, Seed: 7, Size: 128x128, Model: Storybook, Version: Easel"
    )
    assert read_parameters(parameters(recipe, model="Storybook")) == (recipe, recipe.prompt)
    assert 'Model: "a, b: c"' in parameters(recipe, model="a, b: c")


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_every_sampler_comes_back_by_the_name_others_use(sampler):
    recipe = Recipe("a star", sampler=sampler)
    assert read_parameters(parameters(recipe, model="storybook"))[0] == recipe


def test_a1111_text_becomes_a_recipe():
    recipe, prompt = read_parameters(A1111)
    assert prompt == "a lighthouse (at night:1.2), <lora:ink:0.8>\nsecond line"
    assert recipe == Recipe(
        prompt, negative="blurry, text", pack="v1-5-pruned-emaonly", width=512, height=768, steps=28, guidance=6.5,
        sampler="dpm++ 2m karras", seed=1234567890,
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        ("DPM++ 2M", "Restart"), ("Karras", "Align Your Steps"), ("512x768", "513x768"), ("512x768", "wide"),
        ("Steps: 28", "Steps: many"), ("Seed: 1234567890", "Seed: -1"), ("CFG scale: 6.5", "CFG scale: nan"),
        ("Model: v1-5-pruned-emaonly, ", ""), ("Sampler: DPM++ 2M, ", ""),
    ],
)  # fmt: skip
def test_what_has_no_meaning_here_keeps_the_prompt(change):
    text = A1111.replace(*change)
    assert text != A1111
    recipe, prompt = read_parameters(text)
    assert recipe is None and prompt.startswith("a lighthouse")


def test_text_without_settings_is_a_prompt():
    assert read_parameters("just words, nothing: else") == (None, "just words, nothing: else")
    assert read_parameters("a\nNegative prompt: b") == (None, "a")
    assert read_parameters("Negative prompt: b\nSteps: 2") == (None, "")
    assert read_parameters("") == (None, "")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_comment_of_a_jpeg_or_webp_is_read_as_well(kind):
    data = hostile.with_comment(b"UNICODE\0" + A1111.encode("utf-16-be"), kind)
    recipe, prompt, verbatim = read_recipe(open_picture(data))
    assert recipe is not None and recipe.steps == 28 and prompt == recipe.prompt
    assert verbatim["UserComment"] == A1111


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("parameters", {"sui_image_params": {"prompt": "a star", "steps": 20}}),
        ("parameters", {"prompt": "a star", "negative_prompt": "x", "base_model": "y"}),
        ("invokeai_metadata", {"positive_prompt": "a star", "seed": 1}),
        (
            "prompt",
            {"3": {"class_type": "KSampler"}, "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a star"}}},
        ),
    ],
)
def test_the_prompt_of_other_tools_is_found(key, body):
    data = hostile.with_text(hostile.scene(), **{key: json.dumps(body)})
    assert read_recipe(open_picture(data))[:2] == (None, "a star")


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "null", '{"recipe": 1}', '{"recipe": {}}', '{"recipe": {"prompt": "x", "evil": 1}}', "[" * 100_000,
        '{"recipe": {"prompt": ["a"]}}', '{"recipe": {"prompt": "x", "controls": 3}}', '{"prompt": {"a": 1}}', "\ud800",
        '{"recipe": {"prompt": "x", "controls": [{"kind": "pose", "source": 1, "weight": "a"}]}}', "\0" * 100,
        '{"recipe": {"prompt": "x", "loras": [{"name": "x", "weight": null}]}}', '{"recipe": {"prompt": "x", "seed": 1e999}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["easel", "parameters", "prompt", "invokeai_metadata", "UserComment"])
def test_hostile_text_is_never_more_than_text(key, text):
    intake = open_picture(hostile.encode(Image.new("RGB", (16, 16))))
    object.__setattr__(intake, "text", {key: text})
    recipe, prompt, verbatim = read_recipe(intake)
    assert recipe is None and isinstance(prompt, str) and verbatim == {key: text}


def test_a_long_crafted_line_is_read_in_no_time():
    line = "Steps: 1, " + 'A: "\\' * 20_000 + "a" * 50_000
    assert read_parameters(f"a star\n{line}")[0] is None


def test_tags_of_loras_become_loras_where_they_are_known_and_stay_words_elsewhere():
    text = "a star, <lora:Ink:0.8>, <lora:other:1> <lora:ink:9>\nNegative prompt: b\n" + A1111.rpartition("\n")[2]
    recipe, prompt = read_parameters(text, lora={"Ink": "ink-pack", "ink": "ink-pack"}.get)
    assert recipe is not None and recipe.loras == (Lora("ink-pack", 0.8),)
    assert prompt == recipe.prompt == "a star, <lora:other:1> <lora:ink:9>", (
        "a weight that nothing here takes stays verbatim"
    )
    recipe, prompt = read_parameters(text)
    assert recipe is not None and recipe.loras == () and prompt == text.partition("\n")[0]


def test_our_own_loras_are_written_as_others_write_them():
    recipe = Recipe("a star", loras=(Lora("ink", 0.8), Lora("oil", -1.0)), pack="sd15")
    text = parameters(recipe, model="sd15")
    assert text.startswith("a star <lora:ink:0.8> <lora:oil:-1>\n")
    assert read_parameters(text, lora=lambda name: name)[0] == recipe
