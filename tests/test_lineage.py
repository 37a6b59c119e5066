"""Who was made from what, what is proposed and what is kept, masks and maps in the gallery: rows and files, no model."""

import dataclasses
import json

import hostile
import pytest
from galleries import imported
from PIL import Image, ImageDraw

from studio import database as module
from studio.database import Database
from studio.domain.artwork import Query, Relative
from studio.domain.control import Control, ControlMap
from studio.domain.errors import BadInput
from studio.domain.pose import presets
from studio.domain.recipe import Recipe
from studio.gallery.coming import adding
from studio.gallery.coming.incoming import Coming
from studio.gallery.files import Files, plain_png
from studio.gallery.gallery import Gallery
from studio.gallery.keeping.lineage import Edge
from studio.gallery.metadata import read_map, read_parents
from studio.gallery.space import embeddings
from studio.safety.contents import XMP_KEY
from studio.safety.intake import open_picture, sha256
from studio.safety.provenance import EDITED, GENERATED, read_source_type, source_type, xmp_packet
from studio.workshop.create import create
from studio.workshop.ports import Painted

DAY = 86_400.0
POSE = ControlMap("pose", figures=(presets()["Waving"],))


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def picture(gate):
    """A cleared picture unlike the others."""
    return lambda seed: gate.picture(hostile.scene(seed))


@pytest.fixture
def mask(gate, gallery):
    """A mask as a job brings it: the very bytes of a grey PNG."""

    def bring(box=(2, 2, 9, 9)):
        grey = Image.new("L", (24, 16))
        ImageDraw.Draw(grey).rectangle(box, 255)
        cleared, _ = gate.file(plain_png(grey))
        return gallery.add(cleared, kind="mask")

    return bring


def vary(source, seed=0, **more):
    return Recipe("a red star", task="vary", source=source.sha256, seed=seed, **more)


def again(gallery):
    """The same home, opened anew."""
    return Gallery(database=Database(gallery.database.path), files=Files(gallery.files.home))


# --- lineage --------------------------------------------------------------------------------------------------------------


def test_roles_say_what_each_parent_was_used_as(gallery, picture, mask):
    source, pose = gallery.add(picture(1), Recipe("a house")), gallery.add(picture(2), kind="map", map=POSE)
    cover = mask()
    recipe = dataclasses.replace(
        vary(source), task="inpaint", mask=cover.sha256, controls=(Control("pose", pose.sha256), Control("tile", source.sha256))
    )  # fmt: skip
    child = gallery.add(picture(3), recipe, kind="proposal", parents=["ab" * 32])
    roles = {(one.role, one.artwork.id if one.artwork else None) for one in gallery.parents(child.id)}
    assert roles == {
        ("source", source.id), ("tile", source.id), ("mask", cover.id), ("pose", pose.id), ("made from", None),
    }  # fmt: skip
    assert gallery.children(cover.id) == [Relative("mask", child.sha256, child)]
    assert [one.role for one in gallery.children(source.id)] == ["source", "tile"]


def test_a_parent_deleted_for_good_stays_as_a_gap_with_parents_of_its_own(gallery, picture):
    first = gallery.add(picture(1), Recipe("a house"))
    second = gallery.add(picture(2), vary(first))
    third = gallery.add(picture(3), vary(second))
    gallery.delete(second.id)
    assert gallery.parents(third.id)[0].artwork.deleted_at is not None and gallery.children(first.id) == []
    gallery.empty_bin()
    assert gallery.parents(third.id) == [Relative("source", second.sha256, None)]
    tree = gallery.lineage(third.id)
    assert [(node.sha256, node.generation, node.artwork is None) for node in tree.nodes] == [
        (first.sha256, -2, False), (second.sha256, -1, True), (third.sha256, 0, False),
    ]  # fmt: skip
    assert set(tree.edges) == {
        Edge(first.sha256, second.sha256, "source"), Edge(second.sha256, third.sha256, "source"),
    }  # fmt: skip
    assert not tree.more


def test_a_tree_goes_up_and_down_and_leaves_the_bin_out_below(gallery, picture):
    root = gallery.add(picture(1), Recipe("a house"))
    middle = gallery.add(picture(2), vary(root))
    children = [gallery.add(picture(seed), vary(middle, seed), kind="proposal") for seed in (3, 4, 5)]
    sister = gallery.add(picture(6), vary(root, 6))
    gallery.delete(children[0].id)
    tree = gallery.lineage(middle.id)
    assert {node.artwork.id: node.generation for node in tree.nodes} == {
        root.id: -1, middle.id: 0, children[1].id: 1, children[2].id: 1,
    }  # fmt: skip
    assert sister.id in {node.artwork.id for node in gallery.lineage(root.id).nodes}


def test_a_tree_is_bounded_and_a_claimed_circle_ends(gallery, picture):
    root = gallery.add(picture(1), Recipe("a house"))
    for seed in range(2, 14):
        gallery.add(picture(seed), vary(root, seed))
    tree = gallery.lineage(root.id, most=5)
    assert len(tree.nodes) == 5 and tree.more
    assert all({edge.parent, edge.child} <= {node.sha256 for node in tree.nodes} for edge in tree.edges)
    child = gallery.children(root.id)[0].artwork
    gallery.database.write("INSERT INTO lineage VALUES (?, ?, 'made from')", root.sha256, child.sha256)
    circle = gallery.lineage(child.id)
    assert (
        [node.artwork.id for node in circle.nodes] == [root.id, child.id] and len(circle.edges) == 2 and not circle.more
    )


def test_children_are_found_by_an_index(gallery):
    plan = gallery.database.read("EXPLAIN QUERY PLAN SELECT * FROM lineage WHERE parent = 'x'")
    assert "lineage_parent" in plan[0]["detail"] and "SCAN" not in plan[0]["detail"]


def test_the_rows_of_an_older_easel_get_their_lineage(tmp_path, monkeypatch):
    path = tmp_path / "easel.db"
    names = {name: f"{place:064x}" for place, name in enumerate(("source", "mask", "pose", "other", "child", "bad"), 1)}
    recipe = Recipe(
        "x", task="inpaint", source=names["source"], mask=names["mask"], controls=(Control("pose", names["pose"]),)
    )
    monkeypatch.setattr(module, "MIGRATIONS", tuple(one for one in module.MIGRATIONS if one[0] != "lineage"))
    old = Database(path)
    parents = [names["source"], names["mask"], names["pose"], names["other"]]
    for name, text, listed in (
        ("child", recipe.to_json(), json.dumps(parents)), ("bad", "no json {", "[]"), ("other", None, "[7]"),
    ):  # fmt: skip
        old.write(
            "INSERT INTO artworks (sha256, file, kind, width, height, bytes, recipe, verdict, parents, created_at)"
            " VALUES (?, 'x', 'painted', 1, 1, 1, ?, '{}', ?, 0)", names[name], text, listed,
        )  # fmt: skip
    old.close()
    monkeypatch.undo()
    database = Database(path)
    found = {(row["child"], row["parent"], row["role"]) for row in database.read("SELECT * FROM lineage")}
    child = names["child"]
    assert found == {
        (child, names["source"], "source"), (child, names["mask"], "mask"), (child, names["pose"], "pose"),
        (child, names["other"], "made from"),
    }  # fmt: skip
    assert database.one("SELECT map FROM artworks")["map"] is None
    database.close()


# --- proposals ------------------------------------------------------------------------------------------------------------


def test_a_proposal_is_out_of_the_gallery_until_it_is_kept(gallery, picture):
    source = gallery.add(picture(1), Recipe("a house"))
    proposal = gallery.add(picture(2), vary(source), kind="proposal")
    assert proposal.kind == "proposal" and gallery.page(Query()) == [source] and gallery.count(Query()) == 1
    assert gallery.ids(Query()) == {source.id} and gallery.ids(Query(kind="proposal")) == {proposal.id}
    assert embeddings.missing(gallery.database, "m") == [source.id]
    reopened = again(gallery)
    reopened.sweep()
    assert reopened.page(Query(kind="proposal")) == [proposal] and reopened.check() == []
    before = gallery.path(proposal).read_bytes()
    kept = gallery.keep(proposal.id)
    assert kept == dataclasses.replace(proposal, kind="painted")  # parents, recipe, name: all were there
    assert gallery.path(kept).read_bytes() == before and sha256(before) == kept.sha256
    assert json.loads(open_picture(before).text["easel"])["kind"] == "painted"
    assert gallery.page(Query()) == [kept, source] and gallery.keep(kept.id) == kept
    reopened.database.close()


def test_a_discarded_proposal_lies_in_the_bin_and_comes_back_as_a_proposal(gallery, picture):
    source = gallery.add(picture(1), Recipe("a house"))
    proposal = gallery.add(picture(2), vary(source), kind="proposal")
    gallery.delete(proposal.id)
    assert gallery.page(Query(kind="proposal")) == [] and [one.id for one in gallery.page(Query(binned=True))] == [
        proposal.id
    ]
    gallery.restore(proposal.id)
    assert gallery.get(proposal.id) == proposal
    gallery.delete(proposal.id)
    assert gallery.keep(proposal.id).deleted_at is None and gallery.path(gallery.get(proposal.id)).exists()
    other = gallery.add(picture(3), vary(source, 3), kind="proposal")
    gallery.delete(other.id)
    assert gallery.empty_bin() == 1 and len(gallery.files.stored()) == 2


def test_painting_a_kept_picture_again_does_not_make_it_a_proposal(gallery, picture):
    source = gallery.add(picture(1), Recipe("a house"))
    kept = gallery.keep(gallery.add(picture(2), vary(source), kind="proposal").id)
    assert gallery.add(picture(2), vary(source), kind="proposal") == kept
    waiting = gallery.add(picture(3), vary(source), kind="proposal")
    assert gallery.add(picture(3), vary(source)).kind == "painted" and gallery.get(waiting.id).kind == "painted"


# --- masks ----------------------------------------------------------------------------------------------------------------


def test_a_mask_keeps_its_bytes_and_goes_with_the_last_picture_that_used_it(gallery, picture, mask):
    source = gallery.add(picture(1), Recipe("a house"))
    cover, unused = mask(), mask((0, 0, 3, 3))
    assert sha256(gallery.path(cover).read_bytes()) == cover.sha256
    with Image.open(gallery.path(cover)) as stored:
        assert stored.mode == "L"
    recipe = dataclasses.replace(vary(source), task="inpaint", mask=cover.sha256)
    child = gallery.add(picture(2), recipe, kind="proposal")
    assert gallery.count(Query()) == 1 and {one.id for one in gallery.page(Query(kind="mask"))} == {cover.id, unused.id}
    assert gallery.has_source(cover.sha256) is None  # brought in as a picture, it becomes one
    with pytest.raises(BadInput, match="mask"):
        gallery.keep(cover.id)
    assert gallery.empty_bin(older_than=DAY) == 0 and gallery.count(Query(kind="mask")) == 2
    assert gallery.empty_bin() == 0 and gallery.page(Query(kind="mask")) == [cover]
    gallery.delete(child.id)
    gallery.empty_bin()
    assert gallery.count(Query(kind="mask")) == 0 and gallery.check() == []


def test_a_mask_that_a_waiting_job_names_is_not_taken_away(gallery, queue, mask):
    cover = mask()
    recipe = Recipe("x", task="inpaint", source="ab" * 32, mask=cover.sha256)
    job = queue.submit("paint", {"recipe": recipe.to_dict(), "spools": []})
    gallery.empty_bin()
    assert gallery.by_sha(cover.sha256) == cover
    queue.cancel(job.id)
    gallery.empty_bin()
    assert gallery.by_sha(cover.sha256) is None


# --- maps -----------------------------------------------------------------------------------------------------------------


def test_a_map_says_what_it_is_in_row_and_file(gallery, picture, gate):
    parent = gallery.add(picture(1), Recipe("a person in a red shirt"))
    gallery.set_caption(parent.id, "a person on a beach", "blip")
    made = gallery.add(picture(2), kind="map", map=POSE, parents=[parent.sha256])
    assert made.map == POSE and (made.caption, made.caption_by) == ("pose map of a person on a beach", "easel")
    assert gallery.parents(made.id) == [Relative("made from", parent.sha256, gallery.get(parent.id))]
    text = open_picture(gallery.path(made).read_bytes()).text
    assert read_map(text)[0] == POSE and read_parents(text) == (parent.sha256,)
    assert gallery.page(Query(kind="map")) == [made] and made in gallery.page(Query())


def test_a_map_brought_back_in_is_the_map_it_was(gallery, picture, gate, tmp_path):
    made = gallery.add(picture(2), kind="map", map=POSE, parents=["ab" * 32])
    data = gallery.path(made).read_bytes()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Gallery(database=Database(elsewhere / "easel.db"), files=Files(elsewhere))
    cleared, intake = gate.file(data)
    known = read_map(intake.text)
    coming = Coming("map", map=known[0], text=intake.text, parents=read_parents(intake.text))
    back = adding.add(other, cleared, coming)
    assert (back.sha256, back.map) == (made.sha256, POSE) and other.path(back).read_bytes() == data
    assert other.parents(back.id) == [Relative("made from", "ab" * 32, None)]
    other.database.close()


def test_a_ready_map_and_the_picture_it_was_are_two_artworks(gallery, gate):
    data = hostile.encode(hostile.scene(5))
    cleared, intake = gate.file(data)
    brought = imported(gallery, cleared, source_sha256=intake.sha256)
    ready = adding.add(gallery, cleared, Coming("map", map=ControlMap("scribble", as_is=True), text=intake.text))
    assert ready.sha256 != brought.sha256 and gallery.get(brought.id).kind == "imported" and ready.map.as_is


def test_only_a_map_may_say_that_it_is_one(gallery, picture):
    for kind, map in (("map", None), ("painted", POSE), ("mask", POSE)):
        with pytest.raises(BadInput, match="control map"):
            gallery.add(picture(1), kind=kind, map=map)
    assert gallery.files.stored() == []


def test_maps_and_kept_pictures_without_a_row_are_found_again(gallery, picture, mask):
    source = gallery.add(picture(1), Recipe("a house"))
    made = gallery.add(picture(2), kind="map", map=POSE, parents=[source.sha256])
    proposal = gallery.add(picture(3), vary(source), kind="proposal")
    cover = mask()
    gallery.database.write("DELETE FROM artworks")
    gallery.database.write("DELETE FROM lineage")
    gallery.sweep()
    found = {one.sha256: one for one in gallery.page(Query())}
    assert set(found) == {source.sha256, made.sha256, proposal.sha256}  # a kept one must not vanish, so all are kept
    assert found[made.sha256].map == POSE and found[made.sha256].kind == "map"
    assert [one.role for one in gallery.parents(found[proposal.sha256].id)] == ["source"]
    assert gallery.by_sha(cover.sha256) is None  # it proves nothing by itself; its job brings it again
    assert cover.file in gallery.files.stored(binned=True)


# --- what a recipe needs ----------------------------------------------------------------------------------------------------


def test_what_is_missing_is_named_all_of_it(gallery, picture, mask):
    source, pose = gallery.add(picture(1), Recipe("a house")), gallery.add(picture(2), kind="map", map=POSE)
    cover = mask()
    recipe = dataclasses.replace(
        vary(source), task="inpaint", mask=cover.sha256, controls=(Control("pose", pose.sha256),)
    )
    gallery.check_inputs(recipe)
    assert set(gallery.inputs(recipe)) == {source.sha256, cover.sha256, pose.sha256}
    gallery.delete(source.id)
    with pytest.raises(BadInput, match=r"The source is in the bin; take it out") as raised:
        gallery.check_inputs(recipe)
    assert raised.value.field == "source"
    gallery.delete(pose.id)
    with pytest.raises(BadInput, match=r"source is in the bin.*pose map is in the bin"):
        gallery.inputs(recipe)
    gallery.empty_bin()
    with pytest.raises(BadInput, match=r"source is not in the gallery any more.*mask is not in the gallery.*brush"):
        gallery.check_inputs(recipe)
    recipe = dataclasses.replace(recipe, source=gallery.add(picture(4), Recipe("x")).sha256, controls=())
    gallery.check_inputs(recipe, coming=[cover.sha256])  # the mask travels with the job


# --- provenance -------------------------------------------------------------------------------------------------------------


class Repainter:
    """Paints any recipe: a scene by its seed."""

    def paint(self, recipe, inputs, report):
        for seed in range(recipe.seed, recipe.seed + recipe.count):
            yield Painted(hostile.scene(seed), seed)


def said(gallery, artwork):
    return read_source_type(open_picture(gallery.path(artwork).read_bytes()).text.get(XMP_KEY, ""))


def made_of(gallery, gate, recipe):
    (made,) = create(recipe, painter=Repainter(), gate=gate, gallery=gallery, report=lambda *_: None, kind="proposal")
    return made


def test_a_models_picture_changed_by_a_model_is_still_a_models(gallery, gate):
    first = made_of(gallery, gate, Recipe("a house", seed=1))
    second = made_of(gallery, gate, vary(first, 2))
    third = made_of(gallery, gate, vary(second, 3))
    assert [said(gallery, one) for one in (first, second, third)] == [GENERATED] * 3


def test_a_photograph_stays_part_of_what_is_made_of_it(gallery, gate, mask):
    cleared, intake = gate.file(hostile.encode(hostile.scene(1), "JPEG"))
    photograph = imported(gallery, cleared, source_sha256=intake.sha256, text=intake.text)
    varied = made_of(gallery, gate, vary(photograph, 2))
    further = made_of(gallery, gate, vary(varied, 3))
    filled = made_of(gallery, gate, dataclasses.replace(vary(photograph, 4), task="inpaint", mask=mask().sha256))
    assert [said(gallery, one) for one in (varied, further, filled)] == [EDITED] * 3
    pose = gallery.add(gate.picture(hostile.scene(5)), kind="map", map=POSE, parents=[photograph.sha256])
    guided = made_of(gallery, gate, Recipe("a house", seed=6, controls=(Control("pose", pose.sha256),)))
    assert said(gallery, guided) == GENERATED  # a map guides and lends no pixel
    assert said(gallery, made_of(gallery, gate, vary(pose, 7))) == EDITED  # as a source it lends them


def test_an_import_that_says_it_is_generated_is_believed():
    recipe = Recipe("x", task="vary", source="ab" * 32)
    assert source_type(recipe, xmp_packet(GENERATED).decode()) == GENERATED
    assert source_type(recipe, xmp_packet(EDITED).decode()) == source_type(recipe, "") == EDITED
