"""What people ask about a picture of Storybook's: every sort, each answer true of its scene; and how questions are packed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from studio.starter.captions import PLACES
from studio.starter.questions import SORTS, Asked, ask, asked_of, counted, relation_of, shows
from studio.starter.scenes import COLOURS, COUNTS, HAIRS, KINDS, STYLES, TEST_SEEDS, Scene, Thing, sample_scene

FIRST = TEST_SEEDS.start + 950_000
SCENES = [sample_scene(seed) for seed in range(FIRST, FIRST + 400)]
STAR = Thing("star", "red", "small", 0.26, 0.5, 0.15)
HOUSE = Thing("house", "blue", "large", 0.74, 0.5, 0.24)
PAIR = Scene(1, "night", (STAR, HOUSE), "left of", None, False)
THREE = Scene(2, "snow", (replace(STAR, also=((0.5, 0.7), (0.7, 0.3))),), None, None, False, "pixel art")
EMPTY = Scene(3, "sea", (), None, None, False)


def asked(scene: Scene, sort: str, times: int = 200) -> list[Asked]:
    return [ask(scene, random.Random(seed), sort) for seed in range(times)]


def answers(scene: Scene, sort: str) -> set[str]:
    return {one.answer for one in asked(scene, sort)}


def test_the_same_draw_asks_the_same_and_another_asks_in_other_words() -> None:
    assert ask(PAIR, random.Random(5)) == ask(PAIR, random.Random(5))
    for sort in SORTS:
        questions = {one.question for one in asked(PAIR, sort)}
        assert len(questions) >= 10 and all(question == question.lower() for question in questions)
        assert 0.4 < sum(question.endswith("?") for question in questions) / len(questions) < 0.9


def test_every_sort_is_asked_and_only_where_it_has_an_answer() -> None:
    sorts = Counter(ask(scene, random.Random(scene.seed)).sort for scene in SCENES)
    assert set(sorts) == set(SORTS)
    assert asked_of(EMPTY) == ["place", "count", "yes or no", "style"]
    assert "relation" not in asked_of(THREE) and asked_of(PAIR) == list(SORTS)


@pytest.mark.parametrize(
    ("scene", "sort", "right"),
    [
        (PAIR, "what", {"star and house", "star", "house"}),
        (THREE, "what", {"three stars"}),
        (PAIR, "colour", {"red", "blue"}),
        (THREE, "colour", {"red"}),
        (PAIR, "place", {"at night"}),
        (PAIR, "relation", {"left", "right", "left of the house", "right of the star"}),
        (PAIR, "count", {"one", "two", "none"}),
        (THREE, "count", {"three", "none"}),
        (EMPTY, "count", {"none"}),
        (PAIR, "yes or no", {"yes", "no"}),
        (EMPTY, "yes or no", {"yes", "no"}),
        (PAIR, "style", {"picture book"}),
        (THREE, "style", {"pixel art"}),
    ],
)
def test_the_answers_of_a_scene_are_those_that_are_true_of_it(scene: Scene, sort: str, right: set[str]) -> None:
    assert answers(scene, sort) == right


def test_which_question_has_which_answer() -> None:
    told = {one.question.rstrip("?"): one.answer for sort in SORTS for one in asked(PAIR, sort, times=1500)}
    right = {
        "what is left of the house": "star",
        "what is next to the star": "house",
        "what colour is the star": "red",
        "what color is the house": "blue",
        "is the star left or right of the house": "left",
        "where is the house": "right of the star",
        "how many stars are there": "one",
        "how many things are there": "two",
        "is there a star": "yes",
        "is there a boat": "no",
        "is there a person": "no",
        "is it at night": "yes",
        "is it a pencil sketch": "no",
    }
    assert {question: told.get(question) for question in right} == right


def test_two_of_a_kind_are_told_apart() -> None:
    twins = replace(PAIR, things=(STAR, replace(STAR, x=0.74)), relation="left of")
    assert answers(twins, "what") == {"two stars", "star"}
    for one in asked(twins, "relation"):
        assert "left star" in one.question or "right star" in one.question, one
    assert "left of the other star" in answers(twins, "relation")
    two = {
        one.question: one.answer for one in asked(replace(twins, things=(STAR, replace(STAR, colour="blue"))), "colour")
    }
    assert {"red", "blue"} == set(two.values()) and not any(" the star" in question for question in two)


def test_answers_are_true_of_many_scenes_and_yes_is_as_frequent_as_no() -> None:
    said: Counter[str] = Counter()
    for scene in SCENES:
        for sort in asked_of(scene):
            one = ask(scene, random.Random(scene.seed), sort)
            words = one.answer.split()
            if sort == "what":
                kinds = [thing.kind for thing in scene.things] + ["person"] * (scene.person is not None)
                assert all(word in ("and", *COUNTS) or any(word.startswith(kind) for kind in kinds) for word in words)
            elif sort == "colour":
                assert one.answer in {*COLOURS, *HAIRS}
            elif sort == "place":
                assert one.answer == PLACES[scene.background][0]
            elif sort == "relation":
                sides = {"left", "right"} if relation_of(scene) in ("left of", "right of") else {"above", "below"}
                assert words[0] in sides
            elif sort == "count":
                totals = {counted(scene, kind) for kind in KINDS} | {sum(thing.count for thing in scene.things)}
                totals |= {int(scene.person is not None)}
                assert ("none", *COUNTS).index(one.answer) in totals
            elif sort == "style":
                assert one.answer == scene.style and one.answer in STYLES
            else:
                said[one.answer] += 1
    assert set(said) == {"yes", "no"} and 0.4 < said["yes"] / said.total() < 0.6


def test_what_is_there_is_there() -> None:
    assert shows(PAIR, "star") and shows(PAIR, "star", "red") and not shows(PAIR, "star", "blue")
    assert not shows(PAIR, "boat") and counted(THREE, "star") == 3 and counted(THREE, "boat") == 0


# --- the trainer --------------------------------------------------------------------------------------------------------


def test_questions_side_by_side_are_read_and_answered_as_if_each_stood_alone() -> None:
    """The packed rows of the trainer against the plain forward of transformers, on a model with random words."""
    from studio.workshop import heavy

    heavy.prepare()
    import torch
    from transformers import BlipConfig, BlipForQuestionAnswering

    from studio.starter.parts import answers as trainer
    from studio.starter.parts.blip import tokenizer_of

    pairs = [ask(scene, random.Random(scene.seed + i)) for scene in SCENES[:3] for i in range(2)]
    tokenizer = tokenizer_of(
        {word for one in pairs for word in f"{one.question} {one.answer}".split() if word.isalpha()}
    )
    small = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4}
    special = {"pad_token_id": 0, "bos_token_id": 5, "sep_token_id": 3, "eos_token_id": 3}
    text = {**small, **special, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "encoder_hidden_size": 32}
    torch.manual_seed(0)
    vision = {**small, "image_size": 16, "patch_size": 8}
    model = BlipForQuestionAnswering(BlipConfig(text_config=text, vision_config=vision)).eval()
    trainer.heed_masks(model)
    states = torch.randn(3, 5, 32)
    questions, written = trainer.pack(tokenizer, pairs, states)
    with torch.no_grad():
        loss, _ = trainer.answer_loss(model, states, questions, written)
        heard = trainer.read(model, states, questions)
        total, words = 0.0, 0
        for i, one in enumerate(pairs):
            ids = torch.tensor([tokenizer(one.question).input_ids])
            alone = model.text_encoder(
                input_ids=ids, encoder_hidden_states=states[i // 2 : i // 2 + 1]
            ).last_hidden_state
            mine = heard[i // 2][questions.owner[i // 2] == i % 2]
            assert torch.allclose(mine, alone[0], atol=1e-5)
            said = torch.tensor([[5, *tokenizer(one.answer).input_ids[1:]]])
            logits = model.text_decoder(input_ids=said, encoder_hidden_states=alone).logits[0, :-1]
            total += float(torch.nn.functional.cross_entropy(logits, said[0, 1:], reduction="sum"))
            words += len(said[0]) - 1
        assert float(loss) == pytest.approx(total / words, abs=1e-4)
        first = [one.question for one in pairs[::2]]
        together = trainer.reply(model, tokenizer, states, first)
        assert together == [trainer.reply(model, tokenizer, states[i : i + 1], [q])[0] for i, q in enumerate(first)]
