"""Copies of one picture: found when planted, not found where there are none, kept and binned as a person says."""

import random
from dataclasses import replace

import numpy as np
import pytest
from alike import cropped, recompressed, scene, smaller
from fakes import FakeModels, FakePainter, work
from galleries import changed, imported
from PIL import Image

from studio.domain.errors import BadInput, Cancelled
from studio.domain.recipe import Recipe
from studio.gallery.keeping import changes
from studio.gallery.likeness import copies, duplicates, pairing
from studio.starter.scenes import TEST_SEEDS, render, sample_scene
from studio.workshop.tools import Tools


@pytest.fixture
def tools(home, gate):
    made = Tools(home, models=FakeModels(gate, FakePainter()))
    yield made
    made.database.close()


@pytest.fixture
def hung(tools, gate):
    """Adds a picture; returns its number."""

    def add(picture, recipe=None, **more):
        return imported(tools.gallery, gate.picture(picture), recipe, **more).id

    return add


def found(tools, **payload):
    outcome = work(tools, "duplicates", payload)
    return outcome.result, duplicates.groups(tools.gallery, near=payload.get("near", True))


@pytest.mark.parametrize(
    ("copy", "needed"),
    [
        (smaller, 1.0),
        (lambda one: smaller(one, 0.3), 1.0),
        (lambda one: recompressed(one, 20), 1.0),
        (lambda one: recompressed(one, 40, "WEBP"), 1.0),
        (cropped, 1.0),
        (lambda one: cropped(one, 0.1, 0.0, 0.05, 0.12), 0.95),
        (lambda one: recompressed(smaller(cropped(one), 0.5), 40), 0.95),
    ],
    ids=["smaller", "much smaller", "jpeg", "webp", "cropped", "cropped at one side", "all of it"],
)
def test_copies_agree_with_their_picture(copy, needed):
    pairs = [(copies.sight(scene(seed)), copies.sight(copy(scene(seed)))) for seed in range(20)]
    told = copies.compare_all([*pairs, *((other, one) for one, other in pairs)])  # whichever of them comes first
    assert np.mean([one.copies for one in told]) >= needed


def test_pictures_of_one_kind_do_not_agree():
    seen = [copies.sight(scene(seed)) for seed in range(40)]
    pairs = [(seen[one], seen[other]) for one in range(40) for other in range(one)]
    assert not any(told.copies for told in copies.compare_all(random.Random(1).sample(pairs, 300)))


def test_one_thing_for_another_or_elsewhere_on_the_same_ground_makes_another_picture():
    # scenes of 128 pixels whose parts agree as well as a copy's: one small thing is another one, or stands elsewhere
    alike = [
        (64, 2287),
        (64, 621),
        (77, 2109),
        (100, 1573),
        (512, 830),
        (544, 1899),
        (601, 1547),
        (820, 2790),
        (1215, 1591),
    ]
    seen = {seed: copies.sight(_held_out(seed)) for pair in alike for seed in pair}
    told = copies.compare_all([(seen[one], seen[other]) for one, other in alike])
    assert not any(one.copies for one in told)
    again = copies.compare_all([(seen[seed], copies.sight(cropped(_held_out(seed)))) for seed, _ in alike])
    assert np.mean([one.copies for one in again]) == 1.0


def _held_out(number: int) -> Image.Image:
    return Image.fromarray(render(sample_scene(TEST_SEEDS[0] + number), 128).picture)


def test_one_thing_in_another_colour_makes_another_picture():
    pairs = []
    for seed in range(40):
        drawn = sample_scene(seed)
        if drawn.things:
            thing = replace(drawn.things[0], colour="blue" if drawn.things[0].colour != "blue" else "red")
            other = render(replace(drawn, things=(thing, *drawn.things[1:])), 160).picture
            pairs.append((copies.sight(scene(seed)), copies.sight(Image.fromarray(other))))
    assert len(pairs) > 20 and not any(told.copies for told in copies.compare_all(pairs))


def test_planted_copies_are_found_in_groups_and_nothing_else(tools, hung):
    originals = [hung(scene(seed)) for seed in range(30)]
    planted = {
        originals[0]: [hung(smaller(scene(0))), hung(recompressed(scene(0)))],
        originals[1]: [hung(cropped(scene(1)))],
        originals[2]: [hung(recompressed(scene(2), 90, "WEBP"))],
    }
    result, groups = found(tools)
    assert {frozenset(group.ids) for group in groups} == {frozenset([one, *rest]) for one, rest in planted.items()}
    assert result["groups"] == 3 and result["copies"] == 4 and {group.kind for group in groups} == {"near"}
    assert groups[0].keeper == originals[0] and "largest" in groups[0].why and len(groups[0].rest) == 2
    again = work(tools, "duplicates", {}).result
    assert again["compared"] == 0 and again["groups"] == 3  # what was compared is not compared again
    assert work(tools, "duplicates", {"near": False}).result["groups"] == 0  # none has the very same pixels


def test_the_same_pixels_in_another_file_are_exact(tools, hung):
    plain = hung(scene(3))
    told = hung(scene(3), text={"parameters": "a boat\nSteps: 20, Seed: 3"}, prompt="a boat")
    clear = scene(3).convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 255))
    also = hung(clear)
    nearly = hung(recompressed(scene(3), 95))
    hung(scene(4))
    _, groups = found(tools, near=False)
    assert [set(group.ids) for group in groups] == [{plain, told, also}] and groups[0].kind == "exact"
    assert groups[0].keeper == told and "how it was made" in groups[0].why
    _, groups = found(tools)
    assert [set(group.ids) for group in groups] == [{plain, told, also, nearly}] and groups[0].kind == "near"


def test_what_a_person_did_decides_before_size(tools, hung):
    large, small = hung(scene(5)), hung(smaller(scene(5)))
    _, groups = found(tools)
    assert groups[0].keeper == large
    changed(tools.gallery, small, "favourite", True)
    (group,) = duplicates.groups(tools.gallery)
    assert group.keeper == small and group.why.startswith("Your favourite")
    changed(tools.gallery, small, "favourite", False)
    made = tools.gallery.add(
        tools.models.gate("", caution=None).picture(smaller(scene(5), 0.8)), Recipe("a boat", seed=4), kind="painted"
    )
    _, groups = found(tools)
    assert groups[0].keeper == made.id and "recipe" in groups[0].why


def test_keeping_one_bins_the_rest_and_can_be_undone(tools, hung):
    first, second = hung(scene(6)), hung(smaller(scene(6)))
    third, fourth = hung(scene(7)), hung(smaller(scene(7)))
    _, groups = found(tools)
    number = duplicates.keep(tools.gallery, [(group.keeper, group.rest) for group in groups])
    binned = {id for id, one in tools.gallery.many([first, second, third, fourth]).items() if one.deleted_at}
    assert binned == {second, fourth} and duplicates.groups(tools.gallery) == []
    assert duplicates.count(tools.gallery) == (0, 0)
    changes.undo(tools.gallery, number)
    assert len(duplicates.groups(tools.gallery)) == 2


def test_a_copy_whose_file_is_gone_is_not_the_one_to_keep(tools, hung):
    large, small, least = hung(scene(6)), hung(smaller(scene(6))), hung(smaller(scene(6), 0.4))
    assert found(tools)[1][0].keeper == large
    tools.database.write("UPDATE artworks SET place = '/away/x.png', gone_at = 1 WHERE id = ?", large)
    (group,) = duplicates.groups(tools.gallery)
    assert (set(group.ids), group.keeper) == ({small, least}, small)
    tools.database.write("UPDATE artworks SET place = '/away/y.png', gone_at = 1 WHERE id = ?", small)
    assert duplicates.groups(tools.gallery) == [] and duplicates.count(tools.gallery) == (0, 0)


def test_what_is_not_the_same_stays_apart(tools, hung):
    one, other = hung(scene(8)), hung(smaller(scene(8)))
    found(tools)
    duplicates.apart(tools.gallery, [one, other])
    assert found(tools)[1] == []
    tools.database.write("DELETE FROM copies WHERE NOT apart")
    assert found(tools)[1] == []
    duplicates.together(tools.gallery, [one, other])
    assert [set(group.ids) for group in duplicates.groups(tools.gallery)] == [{one, other}]
    with pytest.raises(BadInput, match="at least two"):
        duplicates.apart(tools.gallery, [one])


def test_a_missing_thumbnail_and_file_cost_one_picture(tools, hung):
    one, other, gone = hung(scene(9)), hung(smaller(scene(9))), hung(recompressed(scene(9)))
    artwork = tools.gallery.get(gone)
    tools.files.thumb_path(artwork.sha256).unlink()
    tools.files.path(artwork.file).unlink()
    _, groups = found(tools)
    assert set(groups[0].ids) == {one, other}


def test_looks_that_are_missing_are_read_once_and_a_cancel_keeps_what_is_done(tools, hung, monkeypatch):
    ids = [hung(scene(seed, 48)) for seed in range(5)]
    tools.database.write("UPDATE artworks SET look = NULL, looked = NULL, colours = NULL")
    broken = tools.gallery.get(ids[0])
    tools.files.thumb_path(broken.sha256).write_bytes(b"no picture")
    monkeypatch.setattr("studio.workshop.looking.AT_ONCE", 2)
    seen = []

    def stop(report, done, total, draft=None):
        seen.append(done)
        if done == 4:
            raise Cancelled("Cancelled.")

    monkeypatch.setattr("studio.workshop.reporting.JobReport.__call__", stop)
    with pytest.raises(Cancelled):
        work(tools, "looks", {})
    assert seen == [0, 2, 4]
    monkeypatch.undo()
    assert work(tools, "looks", {}).result == {"looked": 1}
    assert work(tools, "looks", {}).result == {"looked": 0} and not tools.gallery.unseen()
    assert len(tools.gallery.looks.all()[0]) == 4


def test_clusters_find_what_comparing_all_with_all_finds(monkeypatch):
    dice = np.random.default_rng(2)
    looks = dice.normal(size=(3_000, 32)).astype(np.float32)
    looks[1_000:1_400] = looks[:400] + 0.05 * dice.normal(size=(400, 32)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    ids = np.arange(3_000) + 10
    hashes = dice.integers(0, 2**63, 3_000, dtype=np.uint64)
    hashes[2_000] = hashes[5] ^ np.uint64(0b101)
    steps = []
    every = set(pairing.pairs(ids, hashes, looks))
    monkeypatch.setattr(pairing, "ALL", 500)
    quick = set(pairing.pairs(ids, hashes, looks, step=lambda done, total: steps.append((done, total))))
    assert {(10 + one, 1_010 + one) for one in range(400)} <= every and (15, 2_010) in every
    assert quick <= every and len(quick) >= 0.98 * len(every) and steps[-1][0] == steps[-1][1]


def test_groups_are_what_hangs_together():
    assert duplicates.components([(1, 2), (4, 5), (2, 3), (9, 5)]) == [[1, 2, 3], [4, 5, 9]]
    assert duplicates.components([]) == []
