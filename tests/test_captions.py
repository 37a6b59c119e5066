"""Every wording must say what the picture shows, and fit into the text tower."""

import random
from dataclasses import replace

import pytest
from transformers import CLIPTokenizer

from studio.starter.captions import SLOTS, caption, facts, plain, plural, say, say_place, wordings
from studio.starter.loop import PACK
from studio.starter.scenes import COUNTS, OPPOSITE, STYLES, TEST_SEEDS, sample_scene

SCENES = [sample_scene(seed, forbidden=seed % 25 == 0) for seed in TEST_SEEDS[:400]]


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    """The pack's own tokenizer."""
    return CLIPTokenizer.from_pretrained(PACK / "tokenizer")


def test_the_plain_caption_names_every_fact() -> None:
    for scene in SCENES:
        words = plain(scene)
        for thing in scene.things:
            assert f"{thing.size} {thing.colour} {plural(thing.kind) if thing.count > 1 else thing.kind}" in words
            assert thing.count == 1 or f"{COUNTS[thing.count - 1]} {thing.size}" in words
        assert (scene.style in words) == (scene.style != STYLES[0])
        if scene.person:
            for fact in (scene.person.hair + " hair", scene.person.skin + " skin", scene.person.shirt + " shirt"):
                assert fact in words
        assert ("skull sign" in words) == scene.forbidden
        if scene.relation:
            assert scene.relation in words


def test_the_same_scene_is_always_called_the_same() -> None:
    for scene in SCENES[:50]:
        assert wordings(scene) == wordings(scene)
        assert wordings(scene)[0] == plain(scene)
        assert len(wordings(scene)) >= 3
        assert caption(scene, random.Random(3)) == caption(scene, random.Random(3))


def test_every_full_wording_means_the_facts_of_the_scene() -> None:
    rng = random.Random(1)
    for scene in SCENES:
        for _ in range(5):
            assert say(scene, rng).meaning() == facts(scene)


def test_a_pair_told_the_other_way_round_means_the_same() -> None:
    pairs = [scene for scene in SCENES if scene.relation]
    assert len(pairs) > 50
    for scene in pairs:
        turned = replace(scene, things=scene.things[::-1], relation=OPPOSITE[str(scene.relation)])
        assert facts(turned) == facts(scene)
        assert plain(turned) != plain(scene)


def test_every_single_change_is_another_fact() -> None:
    single = [scene for scene in SCENES if len(scene.things) == 1 and not scene.person and not scene.forbidden]
    alone = next(scene for scene in single if scene.things[0].count == 1)
    thing = alone.things[0]
    changed = [
        replace(alone, background="sea" if alone.background != "sea" else "day"),
        replace(alone, forbidden=True),
        replace(alone, things=(replace(thing, colour="red" if thing.colour != "red" else "blue"),)),
        replace(alone, things=(replace(thing, kind="car" if thing.kind != "car" else "tree"),)),
        replace(alone, things=(replace(thing, size="small" if thing.size == "large" else "large"),)),
        replace(alone, things=(replace(thing, also=(*thing.also, (0.1, 0.1))),)),
        replace(alone, style=STYLES[1] if alone.style != STYLES[1] else STYLES[2]),
    ]
    assert len({facts(scene) for scene in [alone, *changed]}) == 8
    assert facts(replace(alone, seed=1, things=(replace(thing, x=0.4),))) == facts(alone)


def test_a_partial_wording_states_only_what_it_says() -> None:
    rng = random.Random(2)
    for scene in SCENES:
        saying = say(scene, rng, keep=0.5)
        for slot, value in saying.stated:
            if slot in ("hair", "skin", "shirt", "trousers", "colour1", "colour2") and value not in ("purple", "pink"):
                assert value in saying.text
        if scene.forbidden:
            assert ("skull" in saying.text) == (("sign", "shown") in saying.stated)


def test_targets_number_the_stated_facts() -> None:
    saying = say_place(SCENES[0], random.Random(0))
    targets = dict(zip(SLOTS, saying.targets(), strict=True))
    assert targets.pop("background") == 1 + SLOTS["background"].index(SCENES[0].background)
    assert set(targets.values()) == {0}


def test_every_wording_fits_into_77_tokens(tokenizer: CLIPTokenizer) -> None:
    longest = max(len(tokenizer(text).input_ids) for scene in SCENES for text in wordings(scene))
    assert 20 < longest < 77


def test_the_tokenizer_does_not_care_about_capitals_and_takes_anything(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer("A Red STAR").input_ids == tokenizer("a red star").input_ids
    assert tokenizer("").input_ids == [tokenizer.bos_token_id, tokenizer.eos_token_id]
    odd = "zebra \N{PARTY POPPER} naïve"
    assert tokenizer.decode(tokenizer(odd).input_ids, skip_special_tokens=True) == odd
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    assert tokenizer.model_max_length == 77
    assert len(tokenizer) <= 4096
