"""What the seeing trainers are told about scenes is true, and the judge that measures the painter can be trusted."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import torch

from studio.workshop import heavy

heavy.prepare()

from studio.starter.captions import Saying, say  # noqa: E402
from studio.starter.parts.blip import hear, marks, told  # noqa: E402
from studio.starter.parts.clip import processor, short_saying  # noqa: E402
from studio.starter.parts.eyes import prepare  # noqa: E402
from studio.starter.parts.judge import GRID, adherence, load_judge, read  # noqa: E402
from studio.starter.parts.truth import PERSON, SKULL, agrees, saying_rows, scene_rows, seeded, truth_of  # noqa: E402
from studio.starter.scenes import KINDS, TEST_SEEDS, render, sample_scene  # noqa: E402

START = 950_000


def test_every_saying_is_true_of_its_own_scene_and_of_few_others() -> None:
    scenes = seeded(TEST_SEEDS, START, 300, forbidden_every=20)
    rng = random.Random(1)
    full, short = [say(s, rng) for s in scenes], [short_saying(s, rng) for s in scenes]
    shown = scene_rows(scenes)
    assert agrees(saying_rows(full), shown).diagonal().all()
    assert agrees(saying_rows(short), shown).diagonal().all()
    assert agrees(saying_rows(full), shown).float().mean() < 0.01


def test_a_single_word_is_true_of_exactly_the_pictures_that_show_it() -> None:
    scenes = seeded(TEST_SEEDS, START, 200)
    true = agrees(saying_rows([Saying("star", (("kind1", "star"),))]), scene_rows(scenes))[0]
    assert true.tolist() == [any(thing.kind == "star" for thing in scene.things) for scene in scenes]
    assert 5 < int(true.sum()) < 100


def test_a_relation_may_be_told_from_either_side_but_not_turned_round() -> None:
    scene = next(
        s for s in seeded(TEST_SEEDS, START, 200) if s.relation == "above" and s.things[0].kind != s.things[1].kind
    )
    upper, lower = scene.things[0].kind, scene.things[1].kind
    sayings = [
        Saying("", (("kind1", upper), ("kind2", lower), ("relation", "above"))),
        Saying("", (("kind1", lower), ("kind2", upper), ("relation", "below"))),
        Saying("", (("kind1", lower), ("kind2", upper), ("relation", "above"))),
        Saying("", (("kind1", upper), ("kind2", lower), ("relation", "left of"))),
    ]
    assert agrees(saying_rows(sayings), scene_rows([scene]))[:, 0].tolist() == [True, True, False, False]


def test_cells_name_what_the_renderer_drew() -> None:
    truth = truth_of([sample_scene(TEST_SEEDS.start + START + i, forbidden=i % 4 == 0) for i in range(24)])
    kinds, colours = truth.cells(GRID)
    for scene, kind, colour in zip(truth.scenes, kinds, colours, strict=True):
        shown = set(kind[kind > 0].tolist())
        asked = {1 + KINDS.index(thing.kind) for thing in scene.things}
        asked |= {PERSON} if scene.person else set()
        asked |= {SKULL} if scene.forbidden else set()
        assert shown <= asked and len(shown) >= 1
        assert (colour[kind >= PERSON] < 0).all()


def test_captions_are_read_back_without_loss() -> None:
    scenes = seeded(TEST_SEEDS, START, 300)
    for scene in scenes:
        assert set(marks(scene, told(scene)).values()) <= {True, None}, told(scene)
    pair = next(scene for scene in scenes if scene.relation)
    assert hear(told(pair)).things != ()
    assert marks(pair, "a small red ball at night")["kind"] is False


def test_the_judge_reads_drawn_scenes_and_notices_a_wrong_one() -> None:
    judge = load_judge()
    scenes = seeded(TEST_SEEDS, START, 40)
    seen = read(judge, np.stack([render(scene).picture for scene in scenes]))
    rows = [dataclasses.astuple(adherence(scene, reading)) for scene, reading in zip(scenes, seen, strict=True)]
    assert sum(set(row) <= {True, None} for row in rows) >= 37
    swapped = [adherence(a, b) for a, b in zip(scenes, seen[1:] + seen[:1], strict=True)]
    assert sum(mark.kind is True for mark in swapped) < 15
    assert sum(mark.background for mark in swapped) < 20


def test_the_shipped_processor_prepares_pictures_as_the_training_did() -> None:
    truth = truth_of(seeded(TEST_SEEDS, START, 4))
    pictures = (truth.pictures.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    ours, theirs = prepare(truth.pictures), processor()(images=list(pictures), return_tensors="pt").pixel_values
    assert theirs.shape == ours.shape == (4, 3, 96, 96)
    assert float((ours - theirs).abs().mean()) < 0.02
